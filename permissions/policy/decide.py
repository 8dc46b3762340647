"""Who holds what where: the one rule, asked for a place or for all places at once."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from permissions.policy.terms import FUTURE, TOP, Holding, PlaceId, Root, Source, Standing

#: why something is withheld in single places
SWITCHED_OFF = "switched_off"


class Denial(StrEnum):
    """Why something is refused; the first that applies is given."""

    UNKNOWN = "unknown_permission"
    STRANGER = "no_membership"
    ABSENT = "absent_in_edition"
    WITHHELD = "withheld"
    WRONG_LEVEL = "wrong_level"
    ARCHIVED = "archived"
    SECOND_FACTOR = "second_factor_missing"
    CONDITION = "condition_not_met"
    NOT_HELD = "not_held"
    NOT_VISIBLE = "not_visible_to_teams"
    INACTIVE = "inactive_login"


@dataclass(frozen=True, slots=True)
class Outcome:
    """The answer for one place: the sources that justify it, or why not.

    ``detail`` is the unmet condition or the reason something is withheld.
    """

    sources: tuple[Source, ...] = ()
    denial: Denial | None = None
    detail: str = ""

    @property
    def allowed(self) -> bool:
        """Say whether anything justifies the right."""
        return self.denial is None


@dataclass(frozen=True, slots=True)
class Scope:
    """All places of a root where a permission is held.

    ``everywhere`` means every current and future place but ``places``; otherwise ``places`` are
    all there is. ``top`` is the root itself.
    """

    top: bool = False
    everywhere: bool = False
    places: frozenset[PlaceId] = frozenset()

    def __contains__(self, place: object) -> bool:
        return self.top if place == TOP else (place in self.places) != self.everywhere

    def __bool__(self) -> bool:
        return self.top or self.everywhere or bool(self.places)


def _condition(holding: Holding, root: Root, permission: str, place: PlaceId) -> str | None:
    """Return the condition under which ``holding`` gives ``permission`` there; None if never."""
    if place not in holding.reach:
        return None
    return holding.rights.get(root.kind(place), {}).get(permission)


def _is_met(condition: str, holding: Holding, root: Root, place: PlaceId) -> bool:
    return (
        not condition
        or condition in holding.met
        or (condition in root.conditions and place not in root.except_at.get(condition, ()))
    )


def _gives(holding: Holding, root: Root, permission: str, place: PlaceId) -> bool:
    condition = _condition(holding, root, permission, place)
    return condition is not None and _is_met(condition, holding, root, place)


def _ceiling(root: Root, permission: str, place: PlaceId) -> tuple[Denial, str] | None:
    """Return what takes ``permission`` away there from everybody, the owner included."""
    level = root.levels.get(permission)
    if level is None:
        return Denial.ABSENT, ""
    if permission in root.withheld:
        return Denial.WITHHELD, root.withheld[permission]
    if (level == TOP) != (place == TOP):
        return Denial.WRONG_LEVEL, level
    if place in root.archived:
        return Denial.ARCHIVED, ""
    if place in root.withheld_at.get(permission, ()):
        return Denial.WITHHELD, SWITCHED_OFF
    return None


def sources_at(
    standing: Standing, root: Root, permission: str, place: PlaceId
) -> tuple[Source, ...]:
    """Return every source that gives ``permission`` at ``place``, ceilings aside."""
    return tuple(h.source for h in standing.holdings if _gives(h, root, permission, place))


def decide(standing: Standing, root: Root, permission: str, place: PlaceId) -> Outcome:
    """Say whether this person holds ``permission`` at ``place`` (``TOP`` for the root itself).

    A ceiling takes away from everybody; otherwise one holding is enough, and none means no. What
    sleeps gives nothing, it is only named as the reason.
    """
    if not standing.holdings:
        return Outcome(denial=Denial.STRANGER)
    ceiling = _ceiling(root, permission, place)
    if ceiling is not None:
        return Outcome(denial=ceiling[0], detail=ceiling[1])
    sources = sources_at(standing, root, permission, place)
    if sources:
        return Outcome(sources=sources)
    if any(_gives(h, root, permission, place) for h in standing.asleep):
        return Outcome(denial=Denial.SECOND_FACTOR)
    everything = (*standing.holdings, *standing.asleep)
    unmet = (_condition(h, root, permission, place) for h in everything)
    condition = next((c for c in unmet if c), "")
    if condition:
        return Outcome(denial=Denial.CONDITION, detail=condition)
    return Outcome(denial=Denial.NOT_HELD)


def held_at(standing: Standing, root: Root, permission: str) -> Scope:
    """Return every place of ``root`` where this person holds ``permission``.

    Agrees with ``decide`` place by place: an ordinary place is asked once, by way of ``FUTURE``
    where the reach is unlimited, and each special place by itself.
    """
    level = root.levels.get(permission)
    if level is None or permission in root.withheld:
        return Scope()
    if level == TOP:
        return Scope(top=any(_gives(h, root, permission, TOP) for h in standing.holdings))
    special = root.special()
    everywhere = False
    places: set[PlaceId] = set()
    for holding in standing.holdings:
        if holding.reach.places is None:
            everywhere = everywhere or _gives(holding, root, permission, FUTURE)
            continue
        ordinary = holding.reach.places - special
        if ordinary and _gives(holding, root, permission, next(iter(ordinary))):
            places |= ordinary
    yes = {
        place
        for place in special - root.shut(permission)
        if any(_gives(h, root, permission, place) for h in standing.holdings)
    }
    if everywhere:
        return Scope(everywhere=True, places=special - yes)
    return Scope(places=frozenset(places | yes))
