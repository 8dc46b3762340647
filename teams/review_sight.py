"""Who sees which access review, and which of its lines: whoever sees the people there.

The owner sees all of them; whoever started one sees it as it was written down, for as long as they
could start it; everybody else the lines about places whose people they see.
"""

from __future__ import annotations

from typing import Any

from django.db.models import CharField, Exists, OuterRef, Q, QuerySet, Value
from django.db.models.functions import Cast, Concat

from permissions import access
from permissions.policy import FUTURE, TOP, Scope
from permissions.profile import Profile
from teams import selectors
from teams.catalogue import (
    CATALOGUE,
    GENERATE_API_KEYS,
    MANAGE_MANAGERS,
    MANAGE_MEMBERS,
    MANAGE_TEAMS,
)
from teams.editions import get
from teams.models import (
    AccessReview,
    Account,
    Invitation,
    ReviewLine,
    Subaccount,
    SubaccountUserGrant,
)
from teams.reviewed import in_scope

Kind = ReviewLine.Kind


def reviews_of(user: Any, account: Account) -> QuerySet[AccessReview]:
    """Return the reviews in ``account`` of which ``user`` sees anything, the latest first."""
    rows = AccessReview.objects.filter(account=account)
    profile = access.profile_of(user)
    if not _acts_as_owner(profile, account):
        lines = lines_of(user, account).filter(review=OuterRef("pk")).order_by()
        rows = rows.filter(Exists(lines))
    return rows.order_by("-pk")


def lines_of(user: Any, account: Account) -> QuerySet[ReviewLine]:
    """Return the lines of reviews in ``account`` that ``user`` sees, in order."""
    profile = access.profile_of(user)
    rows = ReviewLine.objects.filter(account=account).order_by("position", "pk")
    if account.pk not in profile.tenants:
        return rows.none()
    if _acts_as_owner(profile, account):
        return rows
    return rows.filter(_own_reviews(user, account, profile) | _seen(user, account, profile))


def reads_all(user: Any, review: AccessReview) -> bool:
    """Say whether ``user`` may read the whole report of ``review``, with all names in it."""
    profile = access.profile_of(user)
    if reads_as_written(user, review):
        return True
    if review.account_id not in profile.tenants:
        return False
    seen = lines_of(user, review.account).filter(review=review)
    # names of lists and templates are known to whoever sees those
    table = SubaccountUserGrant._meta.label_lower
    hidden = Q(kind=Kind.GUEST) & ~Q(ref__startswith=f"{table}:")
    there = Subaccount.objects.filter(account=review.account_id, archived_at=None)
    if there.exclude(pk__in=selectors.subaccounts_of(user).values("pk")).exists():
        hidden |= Q(subaccount=None) & ~Q(kind=Kind.TEAM)  # it names the places of its reach
    return not review.lines.filter(hidden).exists() and seen.count() == review.lines.count()


def reads_as_written(user: Any, review: AccessReview) -> bool:
    """Say whether ``user`` reads the words of ``review`` as they were written down: its starter,
    while they could start it, and the owner."""
    profile = access.profile_of(user)
    if _acts_as_owner(profile, review.account):
        return True
    if review.account_id not in profile.tenants or review.started_by_id != user.pk:
        return False
    return may_run(profile, review.account, review.subaccount_id)


def may_run(profile: Profile, account: Account, place: Any = None) -> bool:
    """Say whether whoever has ``profile`` may start a review of ``place`` (a key), or of the whole
    account; no query."""
    if account.pk not in profile.tenants:
        return False
    edition = get(account.edition)
    if place is not None:
        return all(place in profile.scope(account.pk, p) for p in edition.changes_subaccount)
    where = TOP if all(CATALOGUE[p].level == TOP for p in edition.changes_account) else FUTURE
    return all(
        where in scope if where == TOP else scope.everywhere and not scope.places
        for p in edition.changes_account
        for scope in [profile.scope(account.pk, p)]
    )


def runs_somewhere(user: Any, account: Account, profile: Profile | None = None) -> bool:
    """Say whether ``user`` may start a review of anything in ``account``; no query.

    ``profile`` is theirs, where it is known already.
    """
    profile = profile or access.profile_of(user)
    return may_run(profile, account) or bool(_run(profile, account))


def _run(profile: Profile, account: Account) -> Scope:
    """Return the subaccounts of which a review may be started."""
    if account.pk not in profile.tenants:
        return Scope()
    found = Scope(everywhere=True)
    for permission in get(account.edition).changes_subaccount:
        found = access.intersection(found, profile.scope(account.pk, permission))
    return found


def _own_reviews(user: Any, account: Account, profile: Profile) -> Q:
    run: Q = Q(review__subaccount__isnull=False) & in_scope(
        "review__subaccount_id", _run(profile, account)
    )
    if may_run(profile, account):
        run |= Q(review__subaccount=None)
    return Q(review__started_by=user) & run


def _seen(user: Any, account: Account, profile: Profile) -> Q:
    key = account.pk
    inside = Q(subaccount__isnull=False)
    people = in_scope("subaccount_id", selectors.people_places(profile, key))
    keys = in_scope("subaccount_id", profile.scope(key, GENERATE_API_KEYS))
    found: Q = inside & ~Q(kind__in=(Kind.KEY, Kind.INVITATION)) & people
    found |= inside & Q(kind=Kind.KEY) & keys
    # an address is shown to whoever may change what is offered to it, wherever it stands
    offers = (
        selectors.invitations_of(user)
        .order_by()
        .annotate(
            line_ref=Concat(Value(f"{Invitation._meta.label_lower}:"), Cast("pk", CharField()))
        )
    )
    found |= Q(kind=Kind.INVITATION) & Q(Exists(offers.filter(line_ref=OuterRef("ref"))))
    everybody = (
        profile.scope(key, MANAGE_MANAGERS).top or profile.scope(key, MANAGE_MEMBERS).everywhere
    )
    if everybody:
        found |= Q(subaccount=None) & ~Q(kind__in=(Kind.TEAM, Kind.INVITATION))
    if profile.scope(key, MANAGE_TEAMS):
        seen = selectors.memberships_of(user).filter(account=key).order_by().values("user")
        found |= Q(kind=Kind.TEAM, person__in=seen)
    return found


def _acts_as_owner(profile: Profile, account: Account) -> bool:
    tenant = profile.tenants.get(account.pk)
    return tenant is not None and tenant.standing.acts_as_owner


__all__ = [
    "lines_of",
    "may_run",
    "reads_all",
    "reads_as_written",
    "reviews_of",
    "runs_somewhere",
]
