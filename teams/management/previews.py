"""What a dry run says of who would gain and who would lose: as text, as data, as a table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from django.contrib.auth import get_user_model

from teams.disclosure import Block, Disclosed

#: so many lines are printed before "and 5 more"; data has them all
LINES = 20
#: so many people, places and permissions are named in a line
NAMED = 5

COLUMNS = ("change", "permission", "sensitive", "person", "name", "where")


def lines_of(known: Disclosed) -> list[str]:
    """Return what would change, what is sensitive first, in at most some 20 lines."""
    if not known.found:
        return ["Nobody would gain or lose anything."]
    found = [counts(known), *(f"  {_line(known, block)}" for block in known.blocks[:LINES])]
    if len(known.blocks) > LINES:
        more = len(known.blocks) - LINES
        found.append(f"  and {more} more: preview_change --format json has them all")
    if known.others:
        found.append(f"{_people(known.others)} more whom you do not see would be affected.")
    if known.found.offers:
        found.append(f"Pending invitations that would offer something else: {known.found.offers}.")
    return found


def counts(known: Disclosed) -> str:
    """Return how many people would gain, lose, and stay as they are."""
    gaining, losing = len(known.known.gaining), len(known.known.losing)
    return (
        f"{_people(gaining)} would gain something, {_people(losing)} would lose something, "
        f"{_people(known.found.unchanged)} would stay as they are."
    )


def _people(count: int) -> str:
    return "1 person" if count == 1 else f"{count:,} people"


def _line(known: Disclosed, block: Block) -> str:
    labels = _first([str(permission.label) for permission in block.permissions])
    mark = " (sensitive)" if block.is_sensitive else ""
    names = _first([name for name, _key in block.people])
    where = ", ".join(known.where(block, NAMED))
    return f"{'+' if block.is_gain else '-'} {labels}{mark}: {names}; {where}"


def _first(names: Sequence[str]) -> str:
    more = len(names) - NAMED
    return ", ".join(names[:NAMED]) + (f" and {more:,} more" if more > 0 else "")


def data_of(known: Disclosed) -> dict[str, Any]:
    """Return all of what would change, for programs; people as user names."""
    logins = _logins(known)
    return {
        "gaining": len(known.known.gaining),
        "losing": len(known.known.losing),
        "unchanged": known.found.unchanged,
        "people_not_shown": known.others,
        "invitations": known.found.offers,
        "changes": [
            {
                "change": "gain" if block.is_gain else "loss",
                "permissions": [str(permission) for permission in block.permissions],
                "sensitive": block.is_sensitive,
                "people": [logins[key] for _name, key in block.people],
                "where": known.where(block, len(known.places) + len(known.objects)),
            }
            for block in known.blocks
        ],
    }


def rows_of(known: Disclosed) -> Iterator[tuple[str, ...]]:
    """Yield all of what would change, a row for each person and permission, under COLUMNS."""
    logins = _logins(known)
    for block in known.blocks:
        change, sensitive = "gain" if block.is_gain else "loss", "yes" if block.is_sensitive else ""
        where = ", ".join(known.where(block, len(known.places) + len(known.objects)))
        for permission in block.permissions:
            for name, key in block.people:
                yield change, str(permission), sensitive, logins[key], name, where


def _logins(known: Disclosed) -> dict[Any, str]:
    model = get_user_model()
    rows = model._default_manager.filter(pk__in=list(known.people))
    return dict(rows.values_list("pk", model.USERNAME_FIELD))
