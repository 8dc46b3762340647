"""The values the rules speak of: where something reaches, and what is true of an account."""

from __future__ import annotations

import pytest

from permissions.policy import FUTURE, TOP, Reach, Standing
from permissions.policy.terms import ORDINARY
from tests.policy.facts import HOME, root

pytestmark = pytest.mark.once

P = frozenset


def test_a_reach_holds_its_places_and_the_top_by_itself() -> None:
    reaches = [
        (Reach(top=True, places=P({1})), {TOP, 1}),
        (Reach(top=False, places=P({1})), {1}),
        (Reach(top=False, places=P()), set()),
        (Reach(top=True, places=None), {TOP, 1, 2, FUTURE}),
        (Reach(top=False, places=None), {1, 2, FUTURE}),
        # the top is no place, whatever is listed
        (Reach(top=False, places=P({TOP})), set()),
    ]
    for reach, inside in reaches:
        assert {place for place in (TOP, 1, 2, FUTURE) if place in reach} == inside, reach


def test_a_place_is_ordinary_unless_told_otherwise() -> None:
    facts = root(kinds={1: HOME})
    assert [facts.kind(place) for place in (TOP, 1, 2, FUTURE)] == [TOP, HOME, ORDINARY, ORDINARY]
    assert root(kinds={TOP: HOME}).kind(TOP) == TOP


def test_special_is_every_place_that_some_fact_names() -> None:
    facts = root(
        archived=P({1}),
        kinds={2: HOME},
        except_at={"single_bill": P({3}), "reseller": P({4})},
        withheld_at={"send": P({5}), "read": P({6})},
    )
    assert facts.special() == {1, 2, 3, 4, 5, 6}
    assert root().special() == P()


def test_shut_is_what_is_archived_or_switched_off_for_that_permission() -> None:
    facts = root(archived=P({1}), withheld_at={"send": P({2})})
    assert facts.shut("send") == {1, 2}
    assert facts.shut("read") == {1}
    assert root(withheld_at={"send": P({2})}).shut("send") == {2}


def test_the_owner_acts_as_one_unless_an_owners_rights_sleep() -> None:
    acting = {
        (owner, sleeps)
        for owner in (True, False)
        for sleeps in (True, False)
        if Standing(1, is_owner=owner, owner_sleeps=sleeps).acts_as_owner
    }
    assert acting == {(True, False)}
