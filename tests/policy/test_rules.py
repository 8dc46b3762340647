"""Laws of the pure rules, for any state: no database, no Django."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from permissions.policy import (
    FUTURE,
    TOP,
    Denial,
    Holding,
    Reach,
    Root,
    Source,
    Standing,
    added_atoms,
    atoms,
    covers,
    decide,
    held_at,
    may_grant,
    may_manage,
    part,
    rank_at,
)
from permissions.policy.delegate import Code

pytestmark = pytest.mark.once

ACCOUNT_PERMISSIONS = ("pay_bills", "see_bills")
PLACE_PERMISSIONS = ("read", "write", "send")
PERMISSIONS = ACCOUNT_PERMISSIONS + PLACE_PERMISSIONS
LEVELS = dict.fromkeys(ACCOUNT_PERMISSIONS, TOP) | dict.fromkeys(PLACE_PERMISSIONS, "subaccount")
PLACES = frozenset(range(1, 5))
HOME = "home"
CONDITIONS = ("", "single_bill", "everything")

place_sets = st.frozensets(st.sampled_from(sorted(PLACES)))


@st.composite
def bundles(draw: st.DrawFn) -> dict[str, dict[str, str]]:
    def held(permissions: tuple[str, ...]) -> dict[str, str]:
        return draw(
            st.dictionaries(st.sampled_from(permissions), st.sampled_from(CONDITIONS), max_size=3)
        )

    return {
        TOP: held(ACCOUNT_PERMISSIONS),
        "subaccount": held(PLACE_PERMISSIONS),
        HOME: held(PLACE_PERMISSIONS),
    }


reaches = st.builds(Reach, top=st.booleans(), places=st.none() | place_sets)
holdings = st.builds(
    Holding,
    source=st.builds(Source, kind=st.just("role"), name=st.text(max_size=3)),
    rights=bundles(),
    reach=reaches,
    rank=st.none() | st.integers(1, 99),
    met=st.frozensets(st.sampled_from(CONDITIONS[1:])),
)
standings = st.builds(
    Standing, person=st.integers(1, 3), holdings=st.lists(holdings, max_size=4).map(tuple)
)
roots = st.builds(
    Root,
    key=st.just(1),
    levels=st.just(LEVELS) | st.just({"read": "subaccount"}),
    withheld=st.dictionaries(st.sampled_from(PERMISSIONS), st.just("switched off"), max_size=1),
    kinds=st.dictionaries(st.sampled_from(sorted(PLACES)), st.just(HOME), max_size=1),
    archived=place_sets,
    conditions=st.frozensets(st.just("single_bill")),
    except_at=st.dictionaries(st.just("single_bill"), place_sets, max_size=1),
)
permissions = st.sampled_from((*PERMISSIONS, "frobnicate"))


@given(standings, roots, permissions)
def test_the_scope_agrees_with_the_decision_at_every_place(
    standing: Standing, root: Root, permission: str
) -> None:
    scope = held_at(standing, root, permission)
    for place in (*PLACES, TOP, FUTURE):
        assert (place in scope) == decide(standing, root, permission, place).allowed, place


@given(standings, roots, holdings, permissions, st.sampled_from((*sorted(PLACES), TOP)))
def test_one_more_holding_never_takes_away(
    standing: Standing, root: Root, more: Holding, permission: str, place: object
) -> None:
    wider = Standing(standing.person, (*standing.holdings, more))
    if decide(standing, root, permission, place).allowed:
        assert decide(wider, root, permission, place).allowed


@given(standings, roots, permissions, st.randoms(use_true_random=False))
def test_order_and_repetition_of_holdings_play_no_part(
    standing: Standing, root: Root, permission: str, random: object
) -> None:
    shuffled = [*standing.holdings, *standing.holdings]
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    other = Standing(standing.person, tuple(shuffled))
    assert held_at(other, root, permission) == held_at(standing, root, permission)


@given(roots, permissions)
def test_without_a_holding_everything_is_denied(root: Root, permission: str) -> None:
    nobody = Standing(1)
    for place in (*PLACES, TOP):
        assert decide(nobody, root, permission, place).denial == Denial.STRANGER


@given(standings, roots)
def test_what_does_not_exist_is_denied_to_everybody(standing: Standing, root: Root) -> None:
    for place in (*PLACES, TOP):
        outcome = decide(standing, root, "frobnicate", place)
        assert outcome.denial in (Denial.ABSENT, Denial.STRANGER)


@given(standings, roots, permissions, st.sampled_from(sorted(PLACES)))
def test_nothing_is_held_in_an_archived_place(
    standing: Standing, root: Root, permission: str, place: int
) -> None:
    if place in root.archived:
        assert not decide(standing, root, permission, place).allowed


@given(standings, roots)
def test_an_allowed_decision_names_sources_that_justify_it(standing: Standing, root: Root) -> None:
    for permission in PERMISSIONS:
        for place in (*PLACES, TOP):
            outcome = decide(standing, root, permission, place)
            assert outcome.allowed == bool(outcome.sources)
            assert set(outcome.sources) <= {h.source for h in standing.holdings}


# delegation


@given(standings, roots)
def test_covering_is_reflexive(standing: Standing, root: Root) -> None:
    held = atoms(standing.holdings, root, PLACES)
    assert covers(held, held) == {}


@given(standings, standings, standings, roots)
def test_covering_is_transitive(a: Standing, b: Standing, c: Standing, root: Root) -> None:
    one, two, three = (atoms(s.holdings, root, PLACES) for s in (a, b, c))
    if not covers(one, two) and not covers(two, three):
        assert covers(one, three) == {}


@given(standings, standings, holdings, roots)
def test_holding_more_never_uncovers(a: Standing, b: Standing, more: Holding, root: Root) -> None:
    wanted = atoms(b.holdings, root, PLACES)
    fewer = covers(atoms((*a.holdings, more), root, PLACES), wanted)
    lacking = covers(atoms(a.holdings, root, PLACES), wanted)
    for key, places in fewer.items():
        assert places <= lacking.get(key, frozenset())


@given(standings, standings, roots)
def test_what_is_missing_is_exactly_the_difference(a: Standing, b: Standing, root: Root) -> None:
    held, wanted = (atoms(s.holdings, root, PLACES) for s in (a, b))
    flat = {(p, c, x) for (p, c), places in held.items() for x in places}
    want = {(p, c, x) for (p, c), places in wanted.items() for x in places}
    missing = {(p, c, x) for (p, c), places in covers(held, wanted).items() for x in places}
    assert missing == {(p, c, x) for p, c, x in want if not {(p, c, x), (p, "", x)} & flat}


@given(standings, roots, place_sets)
def test_all_current_and_future_is_more_than_every_current_place(
    standing: Standing, root: Root, places: frozenset[int]
) -> None:
    rights = {TOP: {}, "subaccount": {"read": ""}, HOME: {"read": ""}}
    every = Holding(Source("role"), rights, Reach(top=False, places=None))
    today = Holding(Source("role"), rights, Reach(top=False, places=PLACES))
    missing = covers(atoms([today], root, PLACES), atoms([every], root, PLACES))
    assert missing == {("read", ""): frozenset({FUTURE})}
    assert covers(atoms([every], root, PLACES), atoms([today], root, PLACES)) == {}


def test_a_right_under_a_condition_does_not_cover_the_same_right_without() -> None:
    always = {("see_bills", ""): frozenset({TOP})}
    sometimes = {("see_bills", "single_bill"): frozenset({TOP})}
    assert covers(always, sometimes) == {}
    assert covers(sometimes, always) == always
    assert covers(sometimes, {("see_bills", "reseller"): frozenset({TOP})}) != {}


def _grant(key: str, *places: int, **rights: str) -> Holding:
    reach = Reach(top=False, places=frozenset(places))
    return Holding(Source("role"), {"subaccount": rights}, reach, key=key)


def test_what_the_same_grant_gave_before_is_not_added() -> None:
    root = Root(key=1, levels=LEVELS)
    before = [_grant("a", 1, 2, read="")]
    after = [_grant("a", 2, 3, read="")]
    assert added_atoms(before, after, root, PLACES) == {("read", ""): {3}}
    assert added_atoms(before, before, root, PLACES) == {}
    assert added_atoms(after, [], root, PLACES) == {}


def test_what_another_grant_gave_before_is_added_all_the_same() -> None:
    """The other one may end tomorrow; whoever gives this one must hold it."""
    root = Root(key=1, levels=LEVELS)
    before = [_grant("ends soon", 1, send="")]
    after = [*before, _grant("for good", 1, send="")]
    assert added_atoms(before, after, root, PLACES) == {("send", ""): {1}}


def test_nobody_passes_on_what_they_hold_elsewhere() -> None:
    root = Root(key=1, levels=LEVELS)
    here = Holding(
        Source("role"), {"subaccount": {"send": ""}}, Reach(top=False, places=frozenset({1}))
    )
    actor = Standing(1, (here,))
    ask = {("send", ""): frozenset({1, 2})}
    refusal = may_grant(actor, ask, root=root, universe=PLACES)
    assert refusal is not None
    assert (refusal.code, refusal.missing) == (
        Code.OUT_OF_SCOPE,
        {("send", ""): frozenset({2})},
    )
    assert may_grant(actor, {("send", ""): frozenset({1})}, root=root, universe=PLACES) is None


def _ranked(person: int, rank: int, *places: int, top: bool = False) -> Standing:
    reach = Reach(top=top, places=frozenset(places))
    return Standing(person, (Holding(Source("role"), {}, reach, rank=rank),))


def test_rank_counts_where_it_is_held() -> None:
    assert rank_at(_ranked(1, 60, 1).holdings, (1,)) == 60
    assert rank_at(_ranked(1, 60, 1).holdings, (2,)) == 0
    assert rank_at(_ranked(1, 80, 1, top=True).holdings, (TOP,)) == 80


def _manage(actor: Standing, target: Standing, *, rank: int, peer: bool = False) -> Code | None:
    refusal = may_manage(
        actor,
        target,
        places=frozenset({1}),
        root=Root(key=1, levels=LEVELS),
        universe=PLACES,
        ranked=True,
        rank=rank,
        peer=peer,
    )
    return refusal.code if refusal else None


def test_one_manages_whom_one_outranks_there() -> None:
    boss, clerk = _ranked(1, 60, 1), _ranked(2, 40, 1)
    assert _manage(boss, clerk, rank=40) is None
    assert _manage(boss, clerk, rank=60) == Code.RANK_TOO_HIGH
    assert _manage(boss, clerk, rank=60, peer=True) is None
    assert _manage(boss, clerk, rank=61, peer=True) == Code.RANK_TOO_HIGH
    assert _manage(_ranked(1, 60, 2), clerk, rank=40) == Code.RANK_TOO_HIGH


def test_nobody_manages_themselves_or_the_owner() -> None:
    boss = _ranked(1, 60, 1)
    owner = Standing(2, is_owner=True)
    assert _manage(boss, boss, rank=0) == Code.OWN_RIGHTS
    assert _manage(boss, owner, rank=0) == Code.OWNER_REQUIRED
    assert _manage(owner, Standing(2, is_owner=True), rank=0) == Code.OWN_RIGHTS
    assert _manage(owner, boss, rank=99) is None


def test_without_ranks_one_manages_whose_rights_there_one_holds() -> None:
    root = Root(key=1, levels=LEVELS)
    reach = Reach(top=False, places=frozenset({1, 2}))

    def holder(person: int, *names: str) -> Standing:
        rights = {"subaccount": dict.fromkeys(names, "")}
        return Standing(person, (Holding(Source("role"), rights, reach),))

    def ask(actor: Standing, target: Standing) -> object:
        return may_manage(
            actor,
            target,
            places=frozenset({1}),
            root=root,
            universe=PLACES,
            ranked=False,
            rank=0,
            peer=False,
        )

    assert ask(holder(1, "read", "write"), holder(2, "read")) is None
    refusal = ask(holder(1, "read"), holder(2, "read", "send"))
    assert refusal is not None
    assert refusal.missing == {("send", ""): frozenset({1})}  # type: ignore[attr-defined]


# sleep: what of a holding counts while some permissions sleep


def _sleeper(standing: Standing, sleeping: frozenset[str] | None) -> Standing:
    """Return ``standing`` while ``sleeping`` sleeps of each of its holdings; None for all."""
    parts = [part(holding, sleeping) for holding in standing.holdings]
    asleep = tuple(sleeps for _awake, sleeps in parts if sleeps is not None)
    return replace(standing, holdings=tuple(awake for awake, _sleeps in parts), asleep=asleep)


@given(
    standings,
    roots,
    permissions,
    st.sampled_from((TOP, *sorted(PLACES))),
    st.none() | st.frozensets(st.sampled_from(PERMISSIONS)),
)
def test_what_sleeps_is_denied_and_named_and_nothing_else_changes(
    standing: Standing,
    root: Root,
    permission: str,
    place: int | str,
    sleeping: frozenset[str] | None,
) -> None:
    before = decide(standing, root, permission, place)
    sleeper = _sleeper(standing, sleeping)
    now = decide(sleeper, root, permission, place)
    if before.allowed and (sleeping is None or permission in sleeping):
        assert now.denial == Denial.SECOND_FACTOR
        assert not now.sources
    else:
        assert now == before
    assert now.allowed is (place in held_at(sleeper, root, permission))


@given(standings, roots, st.none() | st.frozensets(st.sampled_from(PERMISSIONS)))
def test_the_parts_are_the_whole(
    standing: Standing, root: Root, sleeping: frozenset[str] | None
) -> None:
    sleeper = _sleeper(standing, sleeping)
    awake = atoms(sleeper.holdings, root, PLACES)
    asleep = atoms(sleeper.asleep, root, PLACES)
    whole = atoms(standing.holdings, root, PLACES)
    assert not awake.keys() & asleep.keys()
    assert {**awake, **asleep} == whole
    assert [h.reach for h in sleeper.holdings] == [h.reach for h in standing.holdings]
    if sleeping is None:
        assert not awake
        assert rank_at(sleeper.holdings, (TOP, *PLACES)) == 0
    else:
        assert rank_at(sleeper.holdings, PLACES) == rank_at(standing.holdings, PLACES)


@given(standings, roots, place_sets, st.booleans())
def test_an_owner_whose_rights_sleep_manages_nobody_and_is_touched_by_nobody(
    target: Standing, root: Root, places: frozenset[int], ranked: bool
) -> None:
    owner = Standing(7, is_owner=True, owner_sleeps=True)
    asked = {"places": places, "root": root, "universe": PLACES, "ranked": ranked, "peer": False}
    everything = Standing(8, is_owner=True)
    assert may_manage(everything, target, rank=9, **asked) is None or target.is_owner
    refusal = may_manage(owner, target, rank=9, **asked)
    held = atoms(target.holdings, root, PLACES)
    if ranked or any(there & places for there in held.values()):
        assert refusal is not None
        assert refusal.code == Code.RANK_TOO_HIGH
    touched = may_manage(everything, owner, rank=0, **asked)
    assert touched is not None
    assert touched.code == Code.OWNER_REQUIRED
