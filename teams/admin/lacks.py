"""Subaccounts that lack somebody the edition wants there."""

from __future__ import annotations

from typing import Any, NamedTuple

from django.utils import timezone

from permissions import grants
from teams import selectors
from teams.admin.desk import Desk, Place
from teams.editions.spec import HAS_ADMINISTRATOR, HAS_PRIMARY_CONTACT
from teams.models import Membership

#: what is needed before API keys may be made, and how its absence is called
KINDS = {
    HAS_ADMINISTRATOR: ("administrator", "no Administrator"),
    HAS_PRIMARY_CONTACT: ("contact", "no primary contact"),
}


class Lack(NamedTuple):
    """One subaccount without somebody."""

    key: str
    label: str
    place: Place


def kinds(desk: Desk) -> list[tuple[str, str]]:
    """Return (key, label) of what a subaccount can lack in this edition."""
    wanted = set(desk.edition.preconditions.values())
    return [named for condition, named in KINDS.items() if condition in wanted]


def lacking(desk: Desk) -> list[Lack]:
    """Return what is lacking in the active subaccounts whose people the reader sees."""
    return desk.once(_lacking)  # Django builds its filters several times a page


def _lacking(desk: Desk) -> list[Lack]:
    wanted = kinds(desk)
    scope = selectors.people_places(desk.profile, desk.account.pk)
    places = [place for place in desk.active if not place.is_home and place.pk in scope]
    if not wanted or not places:
        return []
    rows = selectors.memberships_of(desk.user).filter(
        grants.active(timezone.now()),
        account=desk.account,
        subaccount__in=[place.pk for place in places],
        status=Membership.Status.ACTIVE,
        user__is_active=True,
    )
    held: dict[str, set[Any]] = {"administrator": set(), "contact": set()}
    for pk, role, is_contact in rows.values_list("subaccount_id", "role", "is_primary_contact"):
        if role == "administrator":
            held["administrator"].add(pk)
        if is_contact:
            held["contact"].add(pk)
    return [
        Lack(key, label, place)
        for place in places
        for key, label in wanted
        if place.pk not in held[key]
    ]
