"""What of a holding sleeps, by hand."""

from __future__ import annotations

import pytest

from permissions.policy import TOP, part
from permissions.policy.sleep import _Same
from tests.policy.facts import held

pytestmark = pytest.mark.once


def test_some_permissions_sleep_and_the_rest_stays_awake() -> None:
    one = held(TOP, 1, rank=60, pay="", send="reseller", read="")
    awake, asleep = part(one, {"send", "pay", "frobnicate"})
    assert asleep is not None
    assert awake.rights == {TOP: {}, "subaccount": {"read": ""}}
    assert asleep.rights == {TOP: {"pay": ""}, "subaccount": {"send": "reseller"}}
    assert (awake.rank, asleep.rank) == (60, 60)
    assert {awake.source, asleep.source, one.source} == {one.source}
    assert awake.reach == asleep.reach == one.reach


def test_all_of_it_sleeps_and_its_rank_too() -> None:
    awake, asleep = part(held(1, rank=60, send=""), None)
    assert asleep is not None
    assert awake.rights == {TOP: {}, "subaccount": {}}
    assert awake.rank is None
    assert asleep.rights == {TOP: {}, "subaccount": {"send": ""}}
    assert asleep.rank == 60


def test_what_has_nothing_to_sleep_stays_as_it_is_but_for_the_rank_of_who_sleeps_whole() -> None:
    one, empty = held(1, rank=60, send=""), held(1, rank=60)
    for sleeping in ((), {"read"}, frozenset({"pay"})):
        awake, asleep = part(one, sleeping)
        assert awake is one
        assert asleep is None
    awake, asleep = part(empty, None)
    assert (awake.rank, awake.rights, asleep) == (None, empty.rights, None)


def test_bundles_that_are_alike_are_not_the_same() -> None:
    """They are kept as keys: two that are alike today need not stay so, and none is copied."""
    one, other = held(1, send="").rights, held(1, send="").rights
    assert one == other
    assert _Same(one) == _Same(one)
    assert _Same(one) != _Same(other)
    assert _Same(one) != one
    assert hash(_Same(one)) == hash(_Same(one))
    assert hash(_Same(one)) != hash(_Same(other))
    first, second = part(held(1, send=""), {"send"}), part(held(1, send=""), {"send"})
    assert first == second
