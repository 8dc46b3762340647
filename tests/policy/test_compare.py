"""What a change of facts gives to somebody and takes away, against the decision itself."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import pytest
from hypothesis import given, settings

from permissions.policy import FUTURE, TOP, Root, Scope, Standing, decide
from permissions.policy.compare import Shift, shift, without
from tests.policy.facts import HOME, held, person, root
from tests.policy.test_rules import PERMISSIONS, PLACES, roots, standings

pytestmark = pytest.mark.once

P = frozenset


def test_a_scope_without_another_is_the_difference_of_sets() -> None:
    """Of every pair of scopes over two places, those to come and the top."""
    some = [P(), P({1}), P({2}), P({1, 2})]
    scopes = [Scope(top, every, p) for top, every, p in product((0, 1), (False, True), some)]
    for one, other in product(scopes, repeat=2):
        rest = without(one, other)
        for place in (1, 2, FUTURE, TOP):
            assert (place in rest) == (place in one and place not in other), (one, other, place)
        assert bool(rest) == any(place in rest for place in (1, 2, FUTURE, TOP)), (one, other)


@settings(max_examples=30)  # four facts each: slow to think of
@given(standings, roots, standings, roots)
def test_what_is_gained_and_lost_is_what_is_decided_otherwise(
    before: Standing, root_before: Root, after: Standing, root_after: Root
) -> None:
    found = shift(before, root_before, after, root_after)
    for permission in PERMISSIONS:
        for place in (*PLACES, TOP, FUTURE):
            had = decide(before, root_before, permission, place).allowed
            has = decide(after, root_after, permission, place).allowed
            gained = place in found.gained.get(permission, Scope())
            lost = place in found.lost.get(permission, Scope())
            assert (gained, lost) == (has and not had, had and not has), (permission, place)
    assert all(found.gained.values())
    assert all(found.lost.values())
    assert bool(found) == bool(found.gained or found.lost)


def test_nothing_is_gained_or_lost_where_nothing_counts() -> None:
    ana = person(held(TOP, 1, every=True, pay="", send="", read="single_bill"))
    facts = root()
    assert shift(ana, facts, ana, facts) == Shift({}, {})
    assert not Shift()
    assert Shift({"send": Scope(top=True)})
    assert Shift(lost={"send": Scope(top=True)})
    # the same by another name, and twice
    twice = person(*ana.holdings, *ana.holdings)
    assert not shift(ana, facts, twice, facts)


def test_a_change_of_holdings_is_told_by_permission_and_place() -> None:
    before = person(held(1, 2, send="", read=""), held(TOP, pay=""))
    after = person(held(2, 3, send="", read="reseller"), held(TOP, audit=""))
    assert shift(before, root(), after, root()) == Shift(
        gained={"audit": Scope(top=True), "send": Scope(places=P({3}))},
        lost={
            "pay": Scope(top=True),
            "read": Scope(places=P({1, 2})),
            "send": Scope(places=P({1})),
        },
    )
    # in the order of their names
    assert list(shift(before, root(), after, root()).lost) == ["pay", "read", "send"]
    # a condition that the holding itself meets by now
    waits = person(held(1, send="all"))
    meets = person(replace(waits.holdings[0], met=P({"all"})))
    assert shift(waits, root(), meets, root()) == Shift(gained={"send": Scope(places=P({1}))})


def test_each_fact_of_the_account_may_give_and_take_away() -> None:
    ana = person(held(TOP, 1, 2, pay="", send="", read="single_bill"))
    plain = root()
    sent, opened = Scope(places=P({1})), Scope(places=P({1, 2}))
    billed = root(conditions=P({"single_bill"}))
    told = {
        "archived": (plain, root(archived=P({1})), {"send": sent}),
        "kinds": (plain, root(kinds={1: HOME}), {"send": sent}),
        "conditions": (billed, plain, {"read": opened}),
        "except_at": (billed, replace(billed, except_at={"single_bill": P({1})}), {"read": sent}),
        "withheld": (plain, root(withheld={"pay": "x"}), {"pay": Scope(top=True)}),
        "withheld_at": (plain, root(withheld_at={"send": P({1})}), {"send": sent}),
        "levels": (plain, Root(key=1, levels={"send": "subaccount"}), {"pay": Scope(top=True)}),
    }
    for fact, (one, other, less) in told.items():
        assert shift(ana, one, ana, other) == Shift(lost=less), fact
        assert shift(ana, other, ana, one) == Shift(gained=less), fact
    # switched off here, and there instead
    here, there = root(withheld_at={"send": P({1})}), root(withheld_at={"send": P({2})})
    assert shift(ana, here, ana, there) == Shift({"send": sent}, {"send": Scope(places=P({2}))})
    # another reason to withhold the same
    assert not shift(ana, root(withheld={"pay": "x"}), ana, root(withheld={"pay": "y"}))


def test_both_may_change_at_once() -> None:
    before, after = person(held(1, send="")), person(held(1, 2, send="", read=""))
    changed = shift(before, root(), after, root(archived=P({1})))
    assert changed == Shift(
        {"read": Scope(places=P({2})), "send": Scope(places=P({2}))},
        {"send": Scope(places=P({1}))},
    )
    # where the account's facts are about another permission than the person's
    switched = shift(before, root(), after, root(withheld_at={"pay": P({1})}))
    assert switched == Shift({"read": Scope(places=P({1, 2})), "send": Scope(places=P({2}))})
