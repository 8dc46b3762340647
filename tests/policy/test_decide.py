"""One decision at a time, with its reason, and the same as a scope."""

from __future__ import annotations

import pytest

from permissions.policy import (
    FUTURE,
    SWITCHED_OFF,
    TOP,
    Denial,
    Outcome,
    Root,
    Scope,
    Source,
    Standing,
    decide,
    held_at,
    sources_at,
)
from tests.policy.facts import HOME, held, person, root

pytestmark = pytest.mark.once

P = frozenset


def why(standing: Standing, facts: Root, permission: str, place: object) -> tuple[object, str]:
    """Return the denial and its detail."""
    outcome = decide(standing, facts, permission, place)
    assert not outcome.allowed
    assert outcome.sources == ()
    return outcome.denial, outcome.detail


def test_every_source_is_named_and_nothing_else() -> None:
    ana = person(
        held(1, 2, name="a", send=""), held(2, name="b", send=""), held(1, name="c", read="")
    )
    assert decide(ana, root(), "send", 2) == Outcome((Source("role", "a"), Source("role", "b")))
    assert decide(ana, root(), "send", 1) == Outcome((Source("role", "a"),))
    assert sources_at(ana, root(), "read", 1) == (Source("role", "c"),)
    assert sources_at(ana, root(), "read", 2) == ()
    # ceilings aside
    assert sources_at(ana, root(archived=P({1})), "read", 1) == (Source("role", "c"),)


def test_each_denial_has_its_reason_and_the_first_that_applies_is_given() -> None:
    ana = person(held(TOP, 1, 2, every=True, pay="", send=""))
    assert why(person(), root(withheld={"send": "x"}), "frobnicate", 1) == (Denial.STRANGER, "")
    assert why(ana, root(), "frobnicate", 1) == (Denial.ABSENT, "")
    withheld = root(withheld={"send": "teams_off"}, archived=P({1}))
    assert why(ana, withheld, "send", TOP) == (Denial.WITHHELD, "teams_off")
    assert why(ana, root(archived=P({TOP})), "send", TOP) == (Denial.WRONG_LEVEL, "subaccount")
    assert why(ana, root(archived=P({1})), "pay", 1) == (Denial.WRONG_LEVEL, TOP)
    shut = root(archived=P({1}), withheld_at={"send": P({1, 2})})
    assert why(ana, shut, "send", 1) == (Denial.ARCHIVED, "")
    assert why(ana, shut, "send", 2) == (Denial.WITHHELD, SWITCHED_OFF)
    assert decide(ana, shut, "send", 3).allowed
    assert why(ana, root(), "read", 3) == (Denial.NOT_HELD, "")
    assert why(person(held(TOP, 1, read="")), root(), "read", 2) == (Denial.NOT_HELD, "")


def test_a_ceiling_is_about_its_own_permission_and_place() -> None:
    ana = person(held(1, 2, send="", read=""))
    assert decide(ana, root(withheld={"send": "x"}), "read", 1).allowed
    assert decide(ana, root(withheld_at={"send": P({1})}), "read", 1).allowed
    assert decide(ana, root(withheld_at={"send": P({1})}), "send", 2).allowed
    assert decide(ana, root(archived=P({1})), "read", 2).allowed


def test_what_sleeps_is_named_before_what_is_not_met_and_gives_nothing() -> None:
    here, asleep = held(1, read=""), held(1, send="")
    ana = person(here, asleep=(asleep,))
    assert why(ana, root(), "send", 1) == (Denial.SECOND_FACTOR, "")
    assert why(ana, root(), "send", 2) == (Denial.NOT_HELD, "")
    assert held_at(ana, root(), "send") == Scope()
    both = person(here, held(1, send="reseller"), asleep=(asleep,))
    assert why(both, root(), "send", 1) == (Denial.SECOND_FACTOR, "")
    # asleep and under a condition that is not met: it would not count if it woke
    wakes = person(here, asleep=(held(1, send="reseller"),))
    assert why(wakes, root(), "send", 1) == (Denial.CONDITION, "reseller")


def test_a_condition_is_met_by_the_holding_or_by_the_account_except_at_some_places() -> None:
    ana = person(held(1, 2, send="single_bill"))
    assert why(ana, root(), "send", 1) == (Denial.CONDITION, "single_bill")
    assert why(ana, root(conditions=P({"reseller"})), "send", 1)[0] == Denial.CONDITION
    met = root(conditions=P({"single_bill"}), except_at={"single_bill": P({2}), "other": P({1})})
    assert decide(ana, met, "send", 1).allowed
    assert why(ana, met, "send", 2) == (Denial.CONDITION, "single_bill")
    own = person(held(1, send="single_bill", met=P({"single_bill"})))
    assert decide(own, root(), "send", 1).allowed
    assert decide(own, root(except_at={"single_bill": P({1})}), "send", 1).allowed
    wrong = person(held(1, send="single_bill", met=P({"reseller"})))
    assert why(wrong, root(), "send", 1) == (Denial.CONDITION, "single_bill")


def test_the_first_unmet_condition_is_named() -> None:
    ana = person(held(1, read=""), held(2, send="far"), held(1, send="near"))
    assert why(ana, root(), "send", 1) == (Denial.CONDITION, "near")


def test_what_is_held_in_a_kind_of_place_is_held_in_no_other() -> None:
    ana = person(held(1, 2, send=""))
    facts = root(kinds={1: HOME})
    assert why(ana, facts, "send", 1) == (Denial.NOT_HELD, "")
    assert decide(ana, facts, "send", 2).allowed
    assert held_at(ana, facts, "send") == Scope(places=P({2}))


def test_a_scope_is_a_set_of_places() -> None:
    some, most = Scope(places=P({1})), Scope(everywhere=True, places=P({1}))
    assert [place in some for place in (1, 2, FUTURE, TOP)] == [True, False, False, False]
    assert [place in most for place in (1, 2, FUTURE, TOP)] == [False, True, True, False]
    assert TOP in Scope(top=True)
    assert TOP in Scope(top=True, places=P({TOP}))
    assert 1 not in Scope(top=True)
    assert [bool(s) for s in (Scope(), Scope(top=True), some, most)] == [False, True, True, True]
    assert Scope(everywhere=True)


def test_the_scope_of_an_account_permission_is_the_top() -> None:
    ana = person(held(1, send=""), held(TOP, 1, pay="", audit="single_bill"))
    assert held_at(ana, root(), "pay") == Scope(top=True)
    assert held_at(ana, root(), "audit") == Scope()
    assert held_at(person(held(1, pay="")), root(), "pay") == Scope()
    assert held_at(ana, root(withheld={"pay": "x"}), "pay") == Scope()
    assert held_at(ana, root(), "frobnicate") == Scope()


def test_the_scope_of_a_place_permission_adds_up() -> None:
    one, other, every = held(1, send=""), held(2, 3, send=""), held(every=True, send="")
    reader = held(4, read="")
    assert held_at(person(reader, one, other), root(), "send") == Scope(places=P({1, 2, 3}))
    assert held_at(person(reader), root(), "send") == Scope()
    for standing in (person(one, every), person(every, one), person(every, reader)):
        assert held_at(standing, root(), "send") == Scope(everywhere=True)
    # an unlimited reach under a condition that is not met gives nothing, and hides nothing
    idle = held(every=True, send="reseller")
    assert held_at(person(idle, one), root(), "send") == Scope(places=P({1}))
    assert held_at(person(every, idle), root(), "send") == Scope(everywhere=True)


def test_special_places_are_asked_one_by_one() -> None:
    facts = root(
        archived=P({1}),
        withheld_at={"send": P({2})},
        conditions=P({"single_bill"}),
        except_at={"single_bill": P({3})},
    )
    every = person(held(every=True, send="single_bill", read=""))
    assert held_at(every, facts, "send") == Scope(everywhere=True, places=P({1, 2, 3}))
    assert held_at(every, facts, "read") == Scope(everywhere=True, places=P({1}))
    chosen = person(held(1, 2, 3, 4, send="single_bill", read=""))
    assert held_at(chosen, facts, "send") == Scope(places=P({4}))
    assert held_at(chosen, facts, "read") == Scope(places=P({2, 3, 4}))
    # several reasons, one of which is met there
    both = person(held(every=True, send="single_bill"), held(3, send=""))
    assert held_at(both, facts, "send") == Scope(everywhere=True, places=P({1, 2}))
    # nothing but special places
    assert held_at(person(held(2, 3, read="")), facts, "read") == Scope(places=P({2, 3}))
