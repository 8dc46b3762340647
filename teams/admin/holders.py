"""Who holds a role, as far as the reader sees people."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.core.paginator import Page, Paginator
from django.db.models import Count, Q, QuerySet
from django.urls import reverse

from permissions.audit import label_of
from teams import selectors
from teams.admin import words
from teams.admin.desk import Desk
from teams.admin.matrix import Head
from teams.admin.persons import seen_memberships, sees_people
from teams.admin.previews import person_url
from teams.models import Invitation, Membership

PER_PAGE = 50


@dataclass(frozen=True, slots=True)
class Holder:
    """One line: a person, where they hold the role, and whether it counts."""

    name: str
    url: str
    place: str
    state: Any
    ends: Any


def counts(desk: Desk) -> Mapping[str, int]:
    """Return how many people hold each column, by its key, of those whom the reader sees; nothing
    to whoever sees nobody."""
    return desk.once(_counts)


def _counts(desk: Desk) -> dict[str, int]:
    if not sees_people(desk):
        return {}
    rows = (
        selectors.memberships_of(desk.user)
        .filter(account=desk.account)
        .order_by()
        .values_list("role", "custom_role")
        .annotate(
            people=Count("user", distinct=True),
            contacts=Count("user", distinct=True, filter=Q(is_primary_contact=True)),
        )
    )
    found: dict[str, int] = {}
    for role, custom, people, contacts in rows:
        found[f"custom:{custom}" if custom else role] = people
        found[f"{role}!"] = contacts
    if selectors.sees_account_people(desk.profile, desk.account.pk):
        found[desk.edition.owner] = 1
    return found


def count(desk: Desk, head: Head) -> int | None:
    """Return how many people hold the role, of those whom the reader sees; None to whoever would
    not see them."""
    known = counts(desk)
    if not known or (is_owner(desk, head) and head.role not in known):
        return None
    return known.get(f"{head.role}!" if head.is_contact else head.role, 0)


def is_owner(desk: Desk, head: Head) -> bool:
    """Say whether the column is the owner's, which no membership gives."""
    return head.role == desk.edition.owner


def memberships(desk: Desk, head: Head) -> QuerySet[Membership]:
    """Return the memberships that give the role, of those the reader sees, by name."""
    rows = seen_memberships(desk)
    if head.custom is not None:
        rows = rows.filter(custom_role=head.custom)
    else:
        rows = rows.filter(role=head.role)
        rows = rows.filter(is_primary_contact=True) if head.is_contact else rows
    return rows.order_by(*words.by_name("user__"))


def pending(desk: Desk, head: Head) -> int:
    """Return how many pending invitations to the role the reader sees."""
    rows = selectors.invitations_of(desk.user).filter(
        account=desk.account, status=Invitation.Status.PENDING
    )
    if head.custom is not None:
        return rows.filter(custom_role=head.custom).count()
    return rows.filter(role=head.role).count()


def context(desk: Desk, head: Head, page: str) -> dict[str, Any]:
    """Return what the part of a role's page reads that says who holds it."""
    if not sees_people(desk):
        return {}
    if is_owner(desk, head):
        owner = desk.account.owner
        state = words.state_chip(words.state(owner, (), desk.account))
        place, _label = words.owner_chip(desk)
        found = [Holder(label_of(owner), person_url(owner.pk), place, state, words.ending(None))]
        shown = found if selectors.sees_account_people(desk.profile, desk.account.pk) else []
        return {"shows_holders": True, "holders": shown, "offers": 0}
    paged: Page[Membership] = Paginator(memberships(desk, head), PER_PAGE).get_page(page)
    return {
        "shows_holders": True,
        "holders": [_holder(desk, membership) for membership in paged],
        "page": paged,
        "offers": pending(desk, head),
        "offers_url": reverse("console:teams_invitation_changelist") + "?state=pending",
    }


def _holder(desk: Desk, membership: Membership) -> Holder:
    person = membership.user
    return Holder(
        name=label_of(person),
        url=person_url(person.pk),
        place=words.place_label(desk, membership),
        state=words.state_chip(words.state(person, [membership], desk.account)),
        ends=words.ending(membership.ends_at),
    )
