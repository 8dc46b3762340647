"""Facts to try the rules on, by hand: an account with two permissions of its own, and places."""

from __future__ import annotations

from typing import Any

from permissions.policy import TOP, Holding, PlaceId, Reach, Root, Source, Standing

HOME = "home"
LEVELS = {"pay": TOP, "audit": TOP, "read": "subaccount", "send": "subaccount"}
#: every place there is
UNIVERSE: frozenset[PlaceId] = frozenset({1, 2, 3, 4})


def root(**facts: Any) -> Root:
    """Return an account in which ``facts`` are true besides."""
    return Root(key=1, levels=LEVELS, **facts)


def held(
    *where: PlaceId,
    every: bool = False,
    name: str = "role",
    rank: int | None = None,
    met: frozenset[str] = frozenset(),
    key: object = None,
    **conditions: str,
) -> Holding:
    """Return a holding at these places: permission="condition" each, "" for always."""
    top = {p: c for p, c in conditions.items() if LEVELS[p] == TOP}
    inside = {p: c for p, c in conditions.items() if LEVELS[p] != TOP}
    places = frozenset(place for place in where if place != TOP)
    return Holding(
        Source("role", name),
        {TOP: top, "subaccount": inside},
        Reach(top=TOP in where, places=None if every else places),
        rank=rank,
        met=met,
        key=key,
    )


def person(*holdings: Holding, **facts: Any) -> Standing:
    """Return somebody who has ``holdings``."""
    return Standing("ana", holdings, **facts)
