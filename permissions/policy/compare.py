"""What a change of facts does to one person: which permissions they gain and lose, and where."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from permissions.policy.decide import Scope, held_at
from permissions.policy.terms import Holding, Root, Standing

#: permission -> where
Scopes = Mapping[str, Scope]


@dataclass(frozen=True, slots=True)
class Shift:
    """What one person gains and loses at places; no permission with nowhere is named."""

    gained: Scopes = field(default_factory=dict)
    lost: Scopes = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.gained or self.lost)


def without(one: Scope, other: Scope) -> Scope:
    """Return the places of ``one`` that are not in ``other``, the top among them."""
    top = one.top and not other.top
    if one.everywhere:
        if other.everywhere:
            return Scope(top, places=other.places - one.places)
        return Scope(top, everywhere=True, places=one.places | other.places)
    kept = one.places & other.places if other.everywhere else one.places - other.places
    return Scope(top, places=kept)


def shift(before: Standing, root_before: Root, after: Standing, root_after: Root) -> Shift:
    """Return what somebody gains and loses when these facts become those.

    Effective rights are compared: ceilings, conditions and what sleeps count as they are.
    """
    gained: dict[str, Scope] = {}
    lost: dict[str, Scope] = {}
    for permission in _touched(before, root_before, after, root_after):
        had = held_at(before, root_before, permission)
        has = held_at(after, root_after, permission)
        if more := without(has, had):
            gained[permission] = more
        if less := without(had, has):
            lost[permission] = less
    return Shift(gained, lost)


def _touched(
    before: Standing, root_before: Root, after: Standing, root_after: Root
) -> Iterable[str]:
    """Return the permissions for which the answer may differ: a few, where little was changed."""
    changed = set(_rights(before.holdings)) ^ set(_rights(after.holdings))
    found = {permission for permission, _rest in changed}
    if root_before != root_after:
        found |= _touched_by_root(root_before, root_after)
    return sorted(found)


def _rights(holdings: Iterable[Holding]) -> Iterator[tuple[str, object]]:
    for holding in holdings:
        for kind, held in holding.rights.items():
            for permission, condition in held.items():
                yield permission, (kind, condition, holding.reach, holding.met)


def _touched_by_root(before: Root, after: Root) -> set[str]:
    """Return the permissions that other facts of the root may give or take away."""

    def everywhere(root: Root) -> object:
        return root.levels, root.kinds, root.archived, root.conditions, root.except_at

    if everywhere(before) != everywhere(after):
        return {*before.levels, *after.levels}
    pairs = [(before.withheld, after.withheld), (before.withheld_at, after.withheld_at)]
    return {
        permission
        for was, becomes in pairs
        for permission in {*was, *becomes}
        if was.get(permission) != becomes.get(permission)
    }
