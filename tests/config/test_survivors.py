"""What make mutants accepts, and what it does not."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.mutants import BASE, LISTED, Mutant, listed, tell

pytestmark = pytest.mark.once


def test_every_listed_survivor_is_of_a_line_that_is_there() -> None:
    for mutant in listed(LISTED):
        lines = (BASE / mutant.file).read_text(encoding="utf-8").splitlines()
        assert mutant.was in {line.strip() for line in lines}, mutant
        assert mutant.becomes != mutant.was


def test_only_killed_and_listed_mutants_are_right() -> None:
    one, other = (Mutant("decide.py", "decide", was, "return None") for was in ("a", "b"))
    assert tell(Counter(killed=2), set(), set()) == []
    assert tell(Counter(killed=1, survived=1), {one}, {one}) == []
    assert len(tell(Counter(killed=1, survived=1), {one}, set())) == 1
    assert len(tell(Counter(killed=1), set(), {one})) == 1
    assert len(tell(Counter(killed=1, survived=1), {one}, {other})) == 2
    assert len(tell(Counter({"killed": 1, "no tests": 1, "timeout": 1}), set(), set())) == 2
    assert len(tell(Counter(), set(), set())) == 1
