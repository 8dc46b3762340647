"""The page of a refusal: what was not done, what is missing, who can help."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from permissions import audit
from permissions.errors import Missing, Refused
from teams import read_only
from teams.admin.desk import Chip, Desk, chip_of, highest
from teams.models import Subaccount
from teams.who import access_of

HELPERS = 3
#: an area that is closed says that no role includes it: not so where rights sleep, or nobody has
#: them for the moment
CLOSED = "CLOSED"


class Helper(NamedTuple):
    """Somebody who holds what is missing."""

    person: Any
    chip: Chip
    where: str


def refusal_context(desk: Desk, refusal: Exception) -> dict[str, Any]:
    """Return what the page of ``refusal`` shows."""
    message = refusal.message if isinstance(refusal, Refused) else str(refusal)
    missing = refusal.missing if isinstance(refusal, Refused) else ()
    code = refusal.code if isinstance(refusal, Refused) else "REFUSED"
    what, _, why = (message or "You cannot do this.").partition(": ")
    if code == CLOSED and (because := desk.account.read_only_because):
        said = read_only.sentence(desk.account.name, because).rstrip(".")
        why = f"{said}, or none of your roles includes it."
    elif code == CLOSED and desk.asleep:
        why = "what would open it sleeps, or none of your roles includes it."
    from teams.admin.why import why_not  # noqa: PLC0415  (a cycle: it asks the site for addresses)

    sleeps = bool(missing) and all(line.permission in desk.asleep for line in missing)
    return {
        "title": what.rstrip("."),
        "subtitle": "Nothing was changed.",
        "why": why[:1].upper() + why[1:],
        "missing": missing,
        "code": code,
        "request_id": audit.current().request_id,
        "why_not": why_not(desk, missing),
        "helpers": [] if sleeps else helpers(desk, missing),  # they can help themselves
    }


def helpers(desk: Desk, missing: Sequence[Missing]) -> list[Helper]:
    """Return who holds all that is missing where it is missing, nearest first; the owner last.

    Guests are left out: they have no role there.
    """
    if desk.is_owner:
        return []
    account = desk.account
    owner = Helper(account.owner, Chip(str(desk.edition.owner_label), "owner"), account.name)
    named = missing[0].place if missing else ""
    place = next((pk for pk, name in desk.place_names.items() if name == named), None)
    if place is None:
        return [owner]
    wanted = {line.permission for line in missing}
    nearest = []
    # who can do most comes first there, and here last
    for one in reversed(access_of(Subaccount.objects.get(pk=place), wanted)):
        holding = highest(one.profile.tenants[account.pk], place)
        if holding is None or one.person in (desk.user, account.owner) or set(one.held) != wanted:
            continue
        where = account.name if holding.reach.top else named
        nearest.append(Helper(one.person, chip_of(desk.edition, holding), where))
    return [*nearest[: HELPERS - 1], owner]
