"""Who may pass on what to whom: coverage, rank, and nothing else.

A change of rights is judged by its effect. The rights of everybody it touches are compared before
and after as *atoms*; what is added must be held by the actor on a covering scope. Ceilings and the
present value of conditions play no part: a condition is compared as a symbol, so that nobody can
hand on more by waiting for it to turn true.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from permissions.policy.terms import FUTURE, TOP, Holding, PlaceId, Root, Standing

#: (permission, condition) -> places, with ``TOP`` for the root and ``FUTURE`` for those to come
Atoms = Mapping[tuple[str, str], frozenset[PlaceId]]


class Code(StrEnum):
    """Why a change of rights is refused."""

    OUT_OF_SCOPE = "OUT_OF_SCOPE"
    RANK_TOO_HIGH = "RANK_TOO_HIGH"
    OWNER_REQUIRED = "OWNER_REQUIRED"
    OWN_RIGHTS = "OWN_RIGHTS"


@dataclass(frozen=True, slots=True)
class Refusal:
    """A refused change: its code and, for OUT_OF_SCOPE, exactly what the actor does not hold."""

    code: Code
    missing: Atoms


def _places_of(holding: Holding, universe: frozenset[PlaceId]) -> frozenset[PlaceId]:
    places = universe | {FUTURE} if holding.reach.places is None else holding.reach.places
    return places | {TOP} if holding.reach.top else places


def atoms(holdings: Iterable[Holding], root: Root, universe: frozenset[PlaceId]) -> Atoms:
    """Return what ``holdings`` amount to; ``universe`` is every place of the root there is."""
    result: dict[tuple[str, str], set[PlaceId]] = {}
    for holding in holdings:
        by_kind: dict[str, set[PlaceId]] = {}
        for place in _places_of(holding, universe):
            by_kind.setdefault(root.kind(place), set()).add(place)
        for kind, places in by_kind.items():
            for permission, condition in holding.rights.get(kind, {}).items():
                result.setdefault((permission, condition), set()).update(places)
    return {key: frozenset(places) for key, places in result.items()}


def covers(held: Atoms, wanted: Atoms) -> Atoms:
    """Return what of ``wanted`` is missing from ``held``; nothing missing means covered.

    Something held always covers the same thing held under a condition, never the reverse.
    """
    missing: dict[tuple[str, str], frozenset[PlaceId]] = {}
    for (permission, condition), places in wanted.items():
        rest = places - held.get((permission, condition), frozenset())
        rest -= held.get((permission, ""), frozenset())
        if rest:
            missing[(permission, condition)] = rest
    return missing


def added_atoms(
    before: Iterable[Holding], after: Iterable[Holding], root: Root, universe: frozenset[PlaceId]
) -> Atoms:
    """Return what was granted between ``before`` and ``after``, grant by grant.

    A grant that is new counts in full, even where something else gave the same: that something
    may end tomorrow. One that was there before counts with what it has come to give.
    """
    earlier: dict[Hashable, list[Holding]] = {}
    for holding in before:
        earlier.setdefault(holding.key, []).append(holding)
    result: dict[tuple[str, str], frozenset[PlaceId]] = {}
    for holding in after:
        had = atoms(earlier.get(holding.key, ()), root, universe)
        for key, places in covers(had, atoms([holding], root, universe)).items():
            result[key] = result.get(key, frozenset()) | places
    return result


def rank_at(holdings: Iterable[Holding], places: Iterable[PlaceId]) -> int:
    """Return the highest rank among holdings that reach any of ``places``; 0 for none."""
    wanted = tuple(places)
    return max(
        (h.rank or 0 for h in holdings if any(place in h.reach for place in wanted)), default=0
    )


def may_manage(
    actor: Standing,
    target: Standing,
    *,
    places: frozenset[PlaceId],
    root: Root,
    universe: frozenset[PlaceId],
    ranked: bool,
    rank: int,
    peer: bool,
) -> Refusal | None:
    """Say whether ``actor`` may touch what ``target`` has at ``places``; None means yes.

    Nobody touches the owner and nobody their own rights. With ranks, the actor's must be above
    ``rank`` (the higher of what the target has there and of the role at stake), or equal where
    ``peer`` says that the actor holds the permission to manage equals. Without ranks the actor
    must hold everything the target holds at these places. An owner whose rights sleep is nobody's
    superior and still the owner.
    """
    if actor.person == target.person:
        return Refusal(Code.OWN_RIGHTS, {})
    if target.is_owner:
        return Refusal(Code.OWNER_REQUIRED, {})
    if actor.acts_as_owner:
        return None
    if not ranked:
        theirs = atoms(target.holdings, root, universe)
        there = {key: held & places for key, held in theirs.items() if held & places}
        missing = covers(atoms(actor.holdings, root, universe), there)
        return Refusal(Code.RANK_TOO_HIGH, missing) if missing else None
    # the actor must outrank at every place concerned, not merely at one of them
    own = min((rank_at(actor.holdings, (place,)) for place in places), default=0)
    if own > rank or (own == rank and peer):
        return None
    return Refusal(Code.RANK_TOO_HIGH, {})


def may_grant(
    actor: Standing, added: Atoms, *, root: Root, universe: frozenset[PlaceId]
) -> Refusal | None:
    """Say whether ``actor`` may give ``added`` to anybody; None means yes.

    Nobody passes on what they do not hold, and where they do not hold it. The owner holds
    everything the root has, so the rule needs no exception for the owner.
    """
    missing = covers(atoms(actor.holdings, root, universe), added)
    return Refusal(Code.OUT_OF_SCOPE, missing) if missing else None
