"""What is left of a standing for a key: nothing that was not there, and never an owner."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from permissions.policy import (
    FUTURE,
    TOP,
    Denial,
    Holding,
    Reach,
    Source,
    Standing,
    atoms,
    covers,
    decide,
    held_at,
    may_grant,
    may_manage,
    narrow,
    rank_at,
)
from permissions.policy.narrow import OWNERS_RANK
from tests.policy.facts import HOME, LEVELS, UNIVERSE, held, person, root

PERMISSIONS = ("pay", "audit", "read", "send", "unknown")
PLACES = sorted(UNIVERSE)
ROOT = root(kinds={4: HOME}, archived=frozenset({3}), conditions=frozenset({"sunny"}))

bundles = st.dictionaries(
    st.sampled_from([TOP, "subaccount", HOME]),
    st.dictionaries(st.sampled_from(PERMISSIONS), st.sampled_from(["", "sunny", "rainy"])),
)
reaches = st.builds(
    Reach, top=st.booleans(), places=st.none() | st.frozensets(st.sampled_from(PLACES))
)
holdings = st.builds(
    Holding,
    source=st.builds(Source, kind=st.sampled_from(["role", "toggle", "guest"])),
    rights=bundles,
    reach=reaches,
    rank=st.none() | st.integers(1, 9),
    met=st.frozensets(st.sampled_from(["rainy"])),
    key=st.integers(0, 99),
)
owners = st.builds(
    Holding, source=st.just(Source("owner")), rights=bundles,
    reach=st.just(Reach(top=True, places=None)),
)  # fmt: skip


@st.composite
def standings(draw: st.DrawFn) -> Standing:
    """Return somebody, perhaps the owner, perhaps with a part asleep."""
    is_owner = draw(st.booleans())
    own = [draw(owners)] if is_owner else []
    return Standing(
        "ana",
        (*own, *draw(st.lists(holdings, max_size=3))),
        is_owner=is_owner,
        asleep=tuple(draw(st.lists(holdings, max_size=2))),
        sleeping=draw(st.frozensets(st.sampled_from(PERMISSIONS))),
        owner_sleeps=is_owner and draw(st.booleans()),
    )


scopes = st.frozensets(st.sampled_from(PERMISSIONS))
places = st.sampled_from(PLACES)


@given(standings(), places, scopes)
def test_it_holds_what_was_held_there_and_in_the_scopes(
    before: Standing, place: int, wanted: frozenset[str]
) -> None:
    after = narrow(before, place, wanted)
    for permission in LEVELS:
        for where in (*PLACES, TOP, FUTURE):
            was = decide(before, ROOT, permission, where).allowed
            expected = was and where == place and permission in wanted
            assert decide(after, ROOT, permission, where).allowed is expected
            assert (where in held_at(after, ROOT, permission)) is expected


@given(standings(), places, scopes)
def test_nothing_is_added_not_even_what_is_only_recorded(
    before: Standing, place: int, wanted: frozenset[str]
) -> None:
    after = narrow(before, place, wanted)
    for had, has in ((before.holdings, after.holdings), (before.asleep, after.asleep)):
        left = atoms(has, ROOT, UNIVERSE)
        assert not covers(atoms(had, ROOT, UNIVERSE), left)
        assert {p for p, _condition in left} <= wanted
        assert all(where == {place} for where in left.values() if where)
    assert after.sleeping == before.sleeping & wanted


@given(standings(), places, scopes, scopes)
def test_twice_is_once_and_fewer_scopes_are_less(
    before: Standing, place: int, wanted: frozenset[str], more: frozenset[str]
) -> None:
    after = narrow(before, place, wanted)
    assert narrow(after, place, wanted) == after
    wider = narrow(before, place, wanted | more)
    assert not covers(atoms(wider.holdings, ROOT, UNIVERSE), atoms(after.holdings, ROOT, UNIVERSE))
    assert narrow(wider, place, wanted) == after


@given(standings(), places, scopes)
def test_rank_stays_and_the_owners_stand_in_is_above_all(
    before: Standing, place: int, wanted: frozenset[str]
) -> None:
    after = narrow(before, place, wanted)
    assert not after.acts_as_owner
    assert after.is_owner is before.is_owner
    assert after.owner_sleeps is before.is_owner
    own = rank_at(before.holdings, [place])
    assert rank_at(after.holdings, [place]) == (OWNERS_RANK if before.acts_as_owner else own)
    assert rank_at(after.holdings, [TOP, FUTURE, *(UNIVERSE - {place})]) == 0


asking = st.fixed_dictionaries(
    {"ranked": st.booleans(), "peer": st.booleans(), "rank": st.integers(0, 9)}
)


@given(standings(), standings(), places, scopes, asking)
def test_it_manages_and_gives_nothing_that_was_not_so_before(
    before: Standing, target: Standing, place: int, wanted: frozenset[str], how: dict[str, Any]
) -> None:
    after = narrow(before, place, wanted)
    added = atoms(target.holdings, ROOT, UNIVERSE)
    facts: dict[str, Any] = {"root": ROOT, "universe": UNIVERSE}
    if may_grant(after, added, **facts) is None:
        assert may_grant(before, added, **facts) is None
    target = replace(target, person="bea")
    for where in (frozenset({place}), frozenset({place, TOP}), UNIVERSE):
        if may_manage(after, target, places=where, **how, **facts) is None:
            assert may_manage(before, target, places=where, **how, **facts) is None


def test_the_parts_of_it_by_hand() -> None:
    role = held(1, 2, TOP, rank=5, read="", send="", pay="")
    after = narrow(person(role, held(2, read="")), 1, frozenset({"read", "pay"}))
    (left,) = after.holdings
    assert left.reach == Reach(top=False, places=frozenset({1}))
    assert left.rights == {TOP: {"pay": ""}, "subaccount": {"read": ""}}
    assert (left.rank, left.source, left.key) == (5, role.source, role.key)
    assert narrow(person(held(2, read="")), 1, frozenset({"read"})).holdings == ()
    assert decide(after, root(), "send", 1).denial == Denial.NOT_HELD
    sleeper = replace(person(held(1)), asleep=(role,))
    slept = narrow(sleeper, 1, frozenset({"read"}))
    assert decide(slept, root(), "read", 1).denial == Denial.SECOND_FACTOR
    assert decide(slept, root(), "send", 1).denial == Denial.NOT_HELD


def test_an_owner_asleep_has_no_rank_by_way_of_a_key() -> None:
    owner = Holding(Source("owner"), {"subaccount": {"read": ""}}, Reach(True, None))
    awake = Standing("ana", (owner,), is_owner=True)
    asleep = replace(awake, owner_sleeps=True)
    assert [h.rank for h in narrow(awake, 1, frozenset()).holdings] == [OWNERS_RANK]
    assert [h.rank for h in narrow(asleep, 1, frozenset()).holdings] == [None]
