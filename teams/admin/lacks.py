"""Subaccounts that lack somebody the edition wants there."""

from __future__ import annotations

from typing import NamedTuple

from teams import selectors
from teams.admin.desk import Desk, Place
from teams.editions.spec import HAS_ADMINISTRATOR, HAS_PRIMARY_CONTACT
from teams.preconditions import met_in

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
    return [KINDS[condition] for condition in _wanted(desk)]


def _wanted(desk: Desk) -> list[str]:
    wanted = set(desk.edition.preconditions.values())
    return [condition for condition in KINDS if condition in wanted]


def lacking(desk: Desk) -> list[Lack]:
    """Return what is lacking in the active subaccounts whose people the reader sees."""
    return desk.once(_lacking)  # Django builds its filters several times a page


def _lacking(desk: Desk) -> list[Lack]:
    wanted = _wanted(desk)
    scope = selectors.people_places(desk.profile, desk.account.pk)
    places = [place for place in desk.active if not place.is_home and place.pk in scope]
    if not places:
        return []
    met = {condition: met_in(condition, [place.pk for place in places]) for condition in wanted}
    return [
        Lack(*KINDS[condition], place)
        for place in places
        for condition in wanted
        if place.pk not in met[condition]
    ]
