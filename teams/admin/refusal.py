"""The page of a refusal: what was not done, what is missing, who can help."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from permissions import audit
from permissions.audit import label_of
from permissions.errors import Missing, Refused
from permissions.policy import TOP, Holding, PlaceId
from teams import read_only, selectors
from teams.admin.closed import Closed
from teams.admin.desk import Chip, Desk, chip_of, highest
from teams.admin.known import known_at
from teams.catalogue import CATALOGUE
from teams.models import Subaccount
from teams.who import access_of

HELPERS = 3
#: lines of what is missing on one page, and places in which somebody is looked for who can help
SHOWN, PLACES = 10, 3


class Helper(NamedTuple):
    """Who can help, and as what: ``person`` is None for whoever it may be of those the reader does
    not know."""

    person: Any
    chip: Chip | None
    where: str

    @property
    def name(self) -> str:
        """Return what they are called."""
        if self.person is None:
            return f"Whoever manages people in {self.where}"
        return label_of(self.person)


def refusal_context(desk: Desk, refusal: Exception) -> dict[str, Any]:
    """Return what the page of ``refusal`` shows."""
    message = refusal.message if isinstance(refusal, Refused) else str(refusal)
    missing = refusal.missing if isinstance(refusal, Refused) else ()
    code = refusal.code if isinstance(refusal, Refused) else "REFUSED"
    closed = refusal if isinstance(refusal, Closed) else None
    what, _, why = (message or "You cannot do this.").partition(": ")
    if closed is not None and not closed.is_absent:
        why = _not_for_now(desk) or why
    from teams.admin.why import why_not  # noqa: PLC0415  (a cycle: it asks the site for addresses)

    sleeps = bool(missing) and all(line.permission in desk.asleep for line in missing)
    alone = sleeps or (closed is not None and closed.is_absent)
    return {
        "title": what.rstrip("."),
        "subtitle": "Nothing was changed.",
        "why": why[:1].upper() + why[1:],
        "missing": missing[:SHOWN],
        "more": len(missing[SHOWN:]) if closed is None else closed.more,
        "is_closed": closed is not None,
        "code": code,
        "request_id": audit.current().request_id,
        "why_not": why_not(desk, missing),
        "owner_name": label_of(desk.account.owner),
        # who sleeps can help themselves, and nobody can where the edition has no such thing
        "helpers": [] if alone else helpers(desk, missing, anywhere=closed is not None),
    }


def _not_for_now(desk: Desk) -> str:
    """Return what else than their roles may close an area to somebody; empty for nothing."""
    if because := desk.account.read_only_because:
        said = read_only.sentence(desk.account.name, because).rstrip(".")
        return f"{said}, or none of your roles includes it."
    return "what would open it sleeps, or none of your roles includes it." if desk.asleep else ""


def helpers(desk: Desk, missing: Sequence[Missing], *, anywhere: bool = False) -> list[Helper]:
    """Return who holds all that is missing, or with ``anywhere`` all of it in one of the places,
    nearest first; the owner last.

    Named are people and roles that the reader sees on the People page; where they see nobody,
    whoever manages people there is pointed at in general, whether there is somebody or not. Guests
    are left out: they have no role there. Nobody has what the edition does not.
    """
    absent = [line for line in missing if line.permission not in desk.edition.permissions]
    if desk.is_owner or absent:
        return []
    account = desk.account
    owner = Helper(account.owner, Chip(str(desk.edition.owner_label), "owner"), account.name)
    asked = {place: lines for place, lines in by_place(desk, missing).items() if place != TOP}
    people: dict[Any, list[Helper]] = {}
    general = []
    for place, lines in list(asked.items())[:PLACES]:
        named = desk.place_names[place]
        for person, holding in _nearest(desk, place, {line.permission for line in lines}):
            where = account.name if holding.reach.top else named
            one = Helper(person, chip_of(desk.edition, holding), where)
            people.setdefault(person.pk, []).append(one)
        if place not in selectors.people_places(desk.profile, account.pk):
            general.append(Helper(None, None, named))
    needed = 1 if anywhere else min(len(asked), PLACES)
    nearest = [found[0] for found in people.values() if len(found) >= needed]
    return [*nearest[: HELPERS - 1], *general, owner]


def by_place(desk: Desk, missing: Sequence[Missing]) -> dict[PlaceId, list[Missing]]:
    """Return what is missing by the place the reader knows under that name. The account's own
    workspace is called as the account is, so what the permission is asked of decides."""
    keys = {name: key for key, name in desk.place_names.items()}
    found: dict[PlaceId, list[Missing]] = {}
    for line in missing:
        if line.permission not in CATALOGUE:
            continue
        if CATALOGUE[line.permission].level != TOP:
            key = keys.get(line.place)
        else:
            key = TOP if line.place == desk.account.name else None
        if key is not None:
            found.setdefault(key, []).append(line)
    return found


def _nearest(desk: Desk, place: PlaceId, wanted: set[str]) -> list[tuple[Any, Holding]]:
    """Return who holds all of ``wanted`` in ``place`` by roles that the reader sees, with the
    highest of these, nearest first."""
    everybody = access_of(Subaccount.objects.get(pk=str(place)), wanted)
    sees = known_at(desk, place, [one.person.pk for one in everybody])
    found = []
    # who can do most comes first there, and here last
    for one in reversed(everybody):
        left = one.known(sees.knows)
        if one.person in (desk.user, desk.account.owner) or left is None:
            continue
        holding = highest(one.profile.tenants[desk.account.pk], place, knows=sees.knows)
        if holding is not None and set(left.held) == wanted:
            found.append((one.person, holding))
    return found
