"""What may be passed on, by hand: atoms, what is missing, what was added, and rank."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from permissions.policy import (
    FUTURE,
    TOP,
    Reach,
    Refusal,
    Standing,
    added_atoms,
    atoms,
    covers,
    may_grant,
    may_manage,
    rank_at,
)
from permissions.policy.delegate import Code
from tests.policy.facts import HOME, UNIVERSE, held, person, root

pytestmark = pytest.mark.once

P = frozenset


def test_atoms_are_rights_by_condition_and_place() -> None:
    both = [held(TOP, 1, 2, pay="", send="", read="single_bill"), held(2, 3, send="")]
    assert atoms(both, root(), UNIVERSE) == {
        ("pay", ""): {TOP},
        ("send", ""): {1, 2, 3},
        ("read", "single_bill"): {1, 2},
    }
    every = held(every=True, pay="", send="")
    assert atoms([every], root(), UNIVERSE) == {("send", ""): {1, 2, 3, 4, FUTURE}}
    everywhere = replace(every, reach=Reach(top=True, places=None))
    assert atoms([everywhere], root(), UNIVERSE)["pay", ""] == {TOP}
    # ceilings play no part, kinds do
    facts = root(archived=P({1}), withheld={"send": "x"}, kinds={2: HOME})
    assert atoms([held(1, 2, send="")], facts, UNIVERSE) == {("send", ""): {1}}
    assert atoms([], root(), UNIVERSE) == {}


def test_what_is_missing_is_named_by_permission_and_place() -> None:
    mine = {("send", ""): P({1, 2}), ("read", "reseller"): P({3})}
    wanted = {("send", ""): P({2, 3}), ("send", "reseller"): P({1, 4}), ("read", ""): P({3})}
    assert covers(mine, wanted) == {
        ("send", ""): {3},
        ("send", "reseller"): {4},
        ("read", ""): {3},
    }
    assert covers(mine, {("read", "reseller"): P({3})}) == {}


def test_a_grant_that_was_there_counts_with_what_it_has_come_to_give() -> None:
    before = [held(1, key="a", read=""), held(2, key="a", send=""), held(3, key="b", read="")]
    after = [held(1, 3, key="a", read="", send=""), held(3, key="b", read="")]
    assert added_atoms(before, after, root(), UNIVERSE) == {("read", ""): {3}, ("send", ""): {1, 3}}
    # two holdings of one grant are one grant; what two grants add, adds up
    parts = [held(2, key="a", send=""), held(1, key="a", read="")]
    assert added_atoms(before, parts, root(), UNIVERSE) == {}
    new = [held(1, key="x", send=""), held(2, key="y", send="")]
    assert added_atoms(before, new, root(), UNIVERSE) == {("send", ""): {1, 2}}
    assert added_atoms(iter(before), iter(new), root(), UNIVERSE) == {("send", ""): {1, 2}}


def test_what_is_added_counts_in_places_of_every_kind_and_those_to_come() -> None:
    facts = root(kinds={2: HOME})
    every = held(every=True, key="a", send="")
    assert added_atoms([], [every], facts, UNIVERSE) == {("send", ""): {1, 3, 4, FUTURE}}
    today = held(1, 3, 4, key="a", send="")
    assert added_atoms([today], [every], facts, UNIVERSE) == {("send", ""): {FUTURE}}
    assert added_atoms([every], [today], facts, UNIVERSE) == {}


def test_the_rank_is_the_highest_that_reaches_one_of_the_places() -> None:
    mine = [held(1, rank=20), held(2, rank=60), held(3), held(1, rank=40)]
    ranks = {place: rank_at(mine, (place,)) for place in (1, 2, 3, 4)}
    assert ranks == {1: 40, 2: 60, 3: 0, 4: 0}
    assert rank_at(mine, iter((1, 2))) == 60
    assert rank_at(mine, ()) == 0
    assert rank_at([], (1,)) == 0


def manages(actor: Standing, target: Standing | None = None, **facts: Any) -> Refusal | None:
    """Ask whether ``actor`` manages ``target`` at place 1, unless ``facts`` say otherwise."""
    asked = {"places": P({1}), "ranked": True, "rank": 0, "peer": False, **facts}
    target = target or Standing("ben", (held(1, read=""),))
    return may_manage(actor, target, root=root(), universe=UNIVERSE, **asked)


def test_nobody_touches_themselves_or_the_owner_and_the_owner_everybody_else() -> None:
    chief, owner = person(held(1, rank=99)), person(is_owner=True)
    everybody = [True, False]
    for ranked in everybody:
        assert manages(chief, chief, ranked=ranked) == Refusal(Code.OWN_RIGHTS, {})
        assert manages(owner, owner, ranked=ranked) == Refusal(Code.OWN_RIGHTS, {})
        theirs = Standing("ben", is_owner=True)
        assert manages(chief, theirs, ranked=ranked) == Refusal(Code.OWNER_REQUIRED, {})
        assert manages(owner, ranked=ranked, rank=99) is None
        drowsy = replace(owner, owner_sleeps=True)
        refusal = manages(drowsy, ranked=ranked, rank=99)
        assert refusal is not None
        assert refusal.code == Code.RANK_TOO_HIGH


def test_one_outranks_at_every_place_or_not_at_all() -> None:
    chief = person(held(1, rank=60), held(2, rank=40))
    too_high = Refusal(Code.RANK_TOO_HIGH, {})
    assert manages(chief, rank=59) is None
    assert manages(chief, rank=60) == too_high
    assert manages(chief, rank=60, peer=True) is None
    assert manages(chief, rank=61, peer=True) == too_high
    assert manages(chief, rank=39, places=P({1, 2})) is None
    assert manages(chief, rank=40, places=P({1, 2})) == too_high
    assert manages(chief, rank=40, places=P({1, 2}), peer=True) is None
    # nowhere is no place to outrank anybody
    assert manages(chief, places=P()) == too_high
    assert manages(chief, places=P(), peer=True) is None


def test_without_ranks_one_holds_what_they_hold_at_these_places() -> None:
    chief = person(held(1, rank=99, read="", send="reseller"))
    wide = Standing("ben", (held(1, 2, read="", send=""), held(TOP, pay="")))
    assert manages(chief, ranked=False) is None
    assert manages(chief, wide, ranked=False) == Refusal(Code.RANK_TOO_HIGH, {("send", ""): P({1})})
    both = manages(chief, wide, ranked=False, places=P({1, 2, TOP}))
    assert both == Refusal(
        Code.RANK_TOO_HIGH,
        {("send", ""): P({1, 2}), ("read", ""): P({2}), ("pay", ""): P({TOP})},
    )
    assert manages(chief, wide, ranked=False, places=P({3})) is None
    assert manages(person(held(every=True, read="")), ranked=False) is None
    nobody = person()
    assert manages(nobody, Standing(None), ranked=False) is None
    # an owner whose rights sleep manages whom somebody with their holdings would
    drowsy = replace(chief, is_owner=True, owner_sleeps=True)
    assert manages(drowsy, ranked=False) is None


def test_a_refusal_names_exactly_what_is_not_held() -> None:
    chief = person(held(1, send="", read="reseller"))

    def asks(**added: P[Any]) -> Refusal | None:
        wanted = {(permission, ""): places for permission, places in added.items()}
        return may_grant(chief, wanted, root=root(), universe=UNIVERSE)

    assert asks() is None
    assert asks(send=P({1})) is None
    lacking = {("send", ""): P({2, FUTURE}), ("read", ""): P({1})}
    assert asks(send=P({1, 2, FUTURE}), read=P({1})) == Refusal(Code.OUT_OF_SCOPE, lacking)
    every = person(held(every=True, send=""))
    all_of_it = {("send", ""): P({*UNIVERSE, FUTURE})}
    assert may_grant(every, all_of_it, root=root(), universe=UNIVERSE) is None
