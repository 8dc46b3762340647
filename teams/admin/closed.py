"""The refusal of an area of the console: what would open it, in each place one works in."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from permissions.errors import Missing, Refused
from permissions.policy import TOP, PlaceId
from teams.admin.desk import Desk
from teams.catalogue import CATALOGUE

#: so much that is missing is named one by one
NAMED = 3


class Closed(Refused):
    """An area that does not exist for this person.

    ``more`` counts the places besides those that ``missing`` names, where the same is missing;
    ``is_absent`` says that the edition does not have the area, so that nobody can open it.
    """

    code = "CLOSED"
    more: int = 0
    is_absent: bool = False


def absent(desk: Desk, label: str, because: str = "does not have it") -> Closed:
    """Return the refusal of an area that the edition does not have."""
    refusal = Closed(f"You cannot open {label}: {desk.edition.label} {because}.")
    refusal.is_absent = True
    return refusal


def nearest(desk: Desk, opened_by: Iterable[str]) -> Collection[str]:
    """Return the first of ``opened_by``, each of which opens an area, that the edition has; the
    first of all where it has none."""
    known = [permission for permission in opened_by if permission in CATALOGUE]
    return ([p for p in known if p in desk.edition.permissions] or known)[:1]


def closed(desk: Desk, label: str, needed: Collection[str]) -> Closed:
    """Return the refusal of the area ``label``, which takes all of ``needed``.

    Where somebody works in several subaccounts it is missing in each: the first few are named and
    the others counted, unless one of them was chosen in the header.
    """
    if needed and not desk.edition.permissions.issuperset(needed):
        return absent(desk, label)
    refusal = Closed(f"You cannot open {label}: none of your roles includes it.")
    lacking = [
        (key, Missing(str(permission), str(permission.label), name))
        for key, name in [(TOP, desk.account.name), *_places(desk)]
        for permission in (CATALOGUE[p] for p in sorted(needed))
        if (permission.level == TOP) == (key == TOP) and not desk.holds(permission, key)
    ]
    refusal.missing = tuple(missing for _key, missing in lacking[:NAMED])
    refusal.more = len({key for key, _missing in lacking[NAMED:]})
    return refusal


def _places(desk: Desk) -> list[tuple[PlaceId, str]]:
    """Return key and name of the subaccount that was chosen, or of all the person works in."""
    places = desk.active if desk.place is None else [desk.place]
    return [(place.pk, place.name) for place in places]
