"""Whom the reader sees of the chosen account, and whose rights they may change."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from django.contrib.auth import get_user_model
from django.db.models import Prefetch, Q, QuerySet

from permissions import access
from permissions.lookups import any_of
from permissions.policy import TOP, Scope
from teams import selectors
from teams.admin.desk import Desk
from teams.admin.person_seats import with_toggles
from teams.catalogue import CATALOGUE
from teams.models import REACH, Membership


def sees_people(desk: Desk) -> bool:
    """Say whether there is a People page for this person in the chosen account."""
    key = desk.account.pk
    return bool(selectors.people_places(desk.profile, key)) or selectors.sees_account_people(
        desk.profile, key
    )


def changes_people(desk: Desk) -> bool:
    """Say whether there is any place where this person may change who holds what; no query."""
    edition, key = desk.edition, desk.account.pk
    at_account = edition.changes_account
    if all(CATALOGUE[p].level == TOP and desk.holds(p, TOP) for p in at_account):
        return True
    found = Scope(everywhere=True)
    for permission in edition.changes_subaccount:
        found = access.intersection(found, desk.profile.scope(key, permission))
    return bool(found)


def seen_memberships(desk: Desk) -> QuerySet[Membership]:
    """Return the memberships of the chosen account that this person may see."""
    return (
        selectors.memberships_of(desk.user)
        .filter(account=desk.account)
        .select_related("subaccount", "custom_role", "added_by", "user")
        .prefetch_related(*REACH)
        .order_by("subaccount__name", "pk")
    )


def people_in(desk: Desk) -> QuerySet[Any]:
    """Return the people of the chosen account that this person may see, themselves included."""
    rows = selectors.memberships_of(desk.user).filter(account=desk.account)
    people = Q(pk=desk.user.pk) | Q(pk__in=rows.values("user_id"))
    if selectors.sees_account_people(desk.profile, desk.account.pk):
        people |= Q(pk=desk.account.owner_id)
    return get_user_model()._default_manager.filter(people)


def open_people(desk: Desk, people: Collection[Any]) -> set[Any]:
    """Return which of these keys of people the reader sees on the People page."""
    return set(people_in(desk).filter(any_of("pk", people)).values_list("pk", flat=True))


def with_places(desk: Desk, people: QuerySet[Any]) -> QuerySet[Any]:
    """Load, for each of ``people``, the memberships that may be seen, into ``seen``."""
    rows = with_toggles(seen_memberships(desk))
    return people.prefetch_related(Prefetch("memberships", queryset=rows, to_attr="seen"))
