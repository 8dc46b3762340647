"""The search in small, and that it finds what is wrong where a rule is broken on purpose."""

from __future__ import annotations

from typing import Any

import pytest

from permissions.policy import Atoms, Refusal, Standing, may_manage
from permissions.policy.delegate import Code
from tests.search.explore import explore
from tests.search.rules import Rules, about
from tests.search.world import (
    EVERY,
    PEOPLE,
    RANKED,
    RANKLESS,
    ROLES,
    Bounds,
    Fact,
    Facts,
    State,
    canonical,
)

pytestmark = pytest.mark.once

SMALL = {
    "ranked": Bounds((RANKED,), (1,), people=3, facts=2),
    "rankless": Bounds((RANKLESS,), (1,), people=2, facts=1),
    "two accounts": Bounds((RANKED, RANKED), (1, 1), people=3, facts=1),
}


@pytest.mark.parametrize("bounds", SMALL.values(), ids=SMALL)
def test_nothing_that_few_people_do_breaks_a_law(bounds: Bounds) -> None:
    found = explore(bounds)
    assert found.broken == []
    assert found.states > 30
    assert found.transitions > 300


class NoRank(Rules):
    """Anybody manages anybody but themselves and the owner."""

    def may_manage(self, actor: Standing, target: Standing, **asked: Any) -> Refusal | None:
        refusal = may_manage(actor, target, **asked)
        return None if refusal and refusal.code == Code.RANK_TOO_HIGH else refusal


class NoCoverage(Rules):
    """Anybody passes on what they do not hold."""

    def may_grant(self, actor: Standing, added: Atoms, **asked: Any) -> Refusal | None:
        return None


class CoveredSomewhere(Rules):
    """Who holds something at one place passes it on everywhere."""

    def may_grant(self, actor: Standing, added: Atoms, **asked: Any) -> Refusal | None:
        held = {p for h in actor.holdings for kind in h.rights.values() for p in kind}
        lacking = any(permission not in held for permission, _condition in added)
        return Refusal(Code.OUT_OF_SCOPE, added) if lacking else None


class OwnRights(Rules):
    """People give themselves what they hold already."""

    def may_manage(self, actor: Standing, target: Standing, **asked: Any) -> Refusal | None:
        refusal = may_manage(actor, target, **asked)
        return None if refusal and refusal.code == Code.OWN_RIGHTS else refusal

    def is_own(self, actor: Standing, person: int) -> bool:
        return False


class FirstHolder(Rules):
    """The edit of a role is judged for the first who has it."""

    def holders(self, posts: list[Fact]) -> list[Fact]:
        return posts[:1]


class NobodyWaits(Rules):
    """The edit of a role is not judged for those who are invited to it."""

    def waiting(self, invitations: list[Fact]) -> list[Fact]:
        return []


class InviterNotAsked(Rules):
    """An invitation is worth what it was when it was sent."""

    def asks_inviter(self) -> bool:
        return False


class EasyPrey(Rules):
    """Who is suspended has no rank."""

    def prey(self, facts: Facts, account: int, person: int) -> Standing:
        return self.standing_in(facts, account, person)


class Foreigners(Rules):
    """What somebody holds in one account counts in every other."""

    def standing(self, state: State, account: int, person: int) -> Standing:
        own, *others = (
            self.standing_in(state[number], number, person)
            for number in (account, *(n for n in range(len(state)) if n != account))
        )
        more = tuple(holding for other in others for holding in other.holdings)
        return Standing(person, own.holdings + more, own.is_owner)

    def about_actor(self, state: State, account: int, person: int) -> Any:
        return account, *(about(facts, person) for facts in state)


def _post(person: int, seat: Any, role: str, *, active: bool = True) -> Fact:
    return ("post", person, seat, role, active, frozenset())


HERE, THERE, ALL = ("in", (0, 0)), ("in", (0, 1)), ("top", EVERY)
TICKED = ("role", "custom", frozenset({PEOPLE, ROLES}))

# who has a custom role at two places, and somebody above them at the first of these
TWICE = frozenset(
    {("own", 0), TICKED, _post(1, HERE, "admin"), _post(2, HERE, "custom"), _post(2, ALL, "custom")}
)
# who holds everything here, and there no more than managing people
ELSEWHERE = frozenset({("own", 0), TICKED, _post(1, HERE, "admin"), _post(1, THERE, "custom")})
# two of the same rank, one of them suspended
ASLEEP = frozenset({("own", 0), _post(1, ALL, "manager"), _post(2, ALL, "manager", active=False)})

# what is broken, where it shows (the rest from a state on the way), and a law that it breaks
BROKEN = [
    (NoRank, Bounds((RANKED,), (1,), 3, 2), "rank (5)"),
    (NoCoverage, Bounds((RANKED,), (1,), 3, 2), "justification (1)"),
    (CoveredSomewhere, Bounds((RANKLESS,), (2,), 2, 3, (ELSEWHERE,)), "justification (1)"),
    (OwnRights, Bounds((RANKED,), (1,), 2, 2), "no self-escalation (3)"),
    (FirstHolder, Bounds((RANKLESS,), (1,), 3, 3, (TWICE,)), "rank (5)"),
    (NobodyWaits, Bounds((RANKLESS,), (1,), 3, 2), "justification (1)"),
    (InviterNotAsked, Bounds((RANKED,), (1,), 3, 3), "one owner (11)"),
    (EasyPrey, Bounds((RANKED,), (1,), 3, 3, (ASLEEP,)), "rank (5)"),
    (Foreigners, Bounds((RANKED, RANKED), (1, 1), 3, 1), "rank (5)"),
]  # fmt: skip


@pytest.mark.parametrize(("rules", "bounds", "law"), BROKEN)
def test_a_rule_that_is_broken_is_found(rules: type[Rules], bounds: Bounds, law: str) -> None:
    found = explore(bounds, rules(bounds))
    assert any(line.startswith(law) for line in found.broken), found
    # and by a story, from the beginning
    assert found.broken[0].startswith("the beginning: ")


def test_states_that_differ_in_names_only_are_one() -> None:
    bounds = Bounds((RANKED,), (2,), people=3, facts=2)
    one, two = bounds.places_of(0)

    def state(owner: int, person: int, place: Any, role: str = "full") -> State:
        post = ("post", person, ("in", place), role, True, frozenset())
        return (frozenset({("own", owner), post}),)

    alike = [state(0, 1, one), state(0, 2, one), state(1, 0, two), state(2, 1, two)]
    assert len({canonical(each, bounds) for each in alike}) == 1
    assert canonical(state(0, 1, one, "administrator"), bounds) != canonical(alike[0], bounds)
    facts = next(iter(alike[0]))
    guest = ("guest", 1, two)
    assert canonical((facts | {guest},), bounds) != canonical(
        (facts | {("guest", 1, one)},), bounds
    )
