"""Every state that can be reached, breadth first, each act held against the laws."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from tests.search.laws import Laws
from tests.search.rules import Act, Rules, acts
from tests.search.world import Bounds, State, canonical, weight


@dataclass
class Found:
    """What a search came to; ``broken`` is the shortest story that breaks a law, if any does."""

    states: int = 0
    transitions: int = 0
    depth: int = 0
    seconds: float = 0.0
    verbs: Counter[str] = field(default_factory=Counter)
    broken: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return (
            f"{self.states:,} states, {self.transitions:,} transitions, depth {self.depth}, "
            f"{self.seconds:.1f} seconds of one core"
        )


def explore(bounds: Bounds, rules: Rules | None = None) -> Found:
    """Search to the end, or to the first act that breaks a law.

    An act that would go beyond the bounds is held against the laws and not followed.
    """
    rules, laws, found = rules or Rules(bounds), Laws(bounds), Found()
    started, first = time.process_time(), bounds.first()
    came_from: dict[Any, tuple[Any, str]] = {canonical(first, bounds): (None, "")}
    level: list[tuple[Any, State]] = [(canonical(first, bounds), first)]
    seen: set[State] = {first}  # as they are named, which is quicker to look up
    while level and not found.broken:
        following: list[tuple[Any, State]] = []
        for key, state in level:
            for act in acts(rules, state):
                found.transitions += 1
                found.verbs[act.verb] += 1
                broken = list(laws.broken_by(state, act))
                if broken:
                    found.broken = _story(came_from, key, act, broken)
                    break
                after = (*state[: act.account], act.after, *state[act.account + 1 :])
                if after in seen or weight(after) > bounds.facts:
                    continue
                seen.add(after)
                new = canonical(after, bounds)
                if new not in came_from:
                    came_from[new] = (key, str(act))
                    following.append((new, after))
            if found.broken:
                break
        level = following
        found.depth += bool(level)
    found.states, found.seconds = len(came_from), time.process_time() - started
    return found


def _story(came_from: dict[Any, Any], key: Any, act: Act, broken: list[str]) -> list[str]:
    """Return how it came to that, an act a line, and the laws that the last one breaks."""
    told: list[str] = []
    at = key
    while at is not None:
        before, what = came_from[at]
        told.append(f"{what or 'the beginning'}: {at}")
        at = before
    return [*reversed(told), f"{act}: {sorted(act.after, key=repr)}", *broken]
