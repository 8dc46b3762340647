"""Who had access, as it is asked: what is found, of whom, and what the record does not say."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from teams import history, past, replay
from teams.editions import EDITIONS
from teams.editions.digests import changed, digests_of
from teams.factories import UserFactory
from teams.history_sight import WHOLE, sight_of
from teams.models import Account
from teams.past import Answer, Question
from teams.replay import live
from teams.services.platform import create_account
from teams.services.snapshots import snapshot
from tests.services.world import refused, world

pytestmark = [pytest.mark.once, pytest.mark.django_db]


def upgrade(monkeypatch: Any) -> None:
    """Let authors of Emma HQ do more from now on."""
    edition = EDITIONS["emma_hq"]
    more = [
        replace(role, holds=edition.permissions) if role.codename == "author" else role
        for role in edition.roles
    ]
    found = {**EDITIONS, "emma_hq": replace(edition, roles=tuple(more))}
    for module in (past, live):
        monkeypatch.setattr(module, "EDITIONS", found)


def ask(account: Account, **asked: Any) -> Answer:
    return Answer.to(Question(**{"at": timezone.now(), **asked}), account, WHOLE)


def test_all_parts_together_are_what_everybody_had(monkeypatch: Any) -> None:
    w = world("emma_hq")
    for role in ("author", "full", "editor"):
        w.member(role)
    snapshot(w.account)
    monkeypatch.setattr(past, "_CHUNK", 2)
    answer = ask(w.account)
    assert [found.line for found in answer.all()] == history.who_had_access(
        w.account, answer.question.at
    )
    rows = "".join(past.file_of(answer, "csv")).splitlines()
    assert len(rows) == len(list(answer.all())) + 1
    told = json.loads("".join(past.file_of(answer, "json")))
    assert [tuple(line.values()) for line in told["lines"]] == list(map(answer.cells, answer.all()))
    assert told["note"] == past.NOTE
    nothing = ask(w.account, people=frozenset({"0"}))
    assert json.loads("".join(past.file_of(nothing, "json")))["lines"] == []
    with refused("FORMAT"):
        past.file_of(answer, "exe")


def test_who_reaches_many_places_is_worked_out_with_few_others(monkeypatch: Any) -> None:
    """Sixty lines for each place: ten administrators of a thousand would fill the memory."""
    w = world("emma_hq")
    few = [w.member("author").user for _n in range(3)]
    many = [w.manager(role="administrator").user for _n in range(2)]
    named = w.manager(w.north, w.south, role="administrator").user
    snapshot(w.account)
    answer = ask(w.account)
    everywhere = len(answer.then.state.places)
    assert answer.then.width == {
        str(w.owner.pk): everywhere,
        **{str(one.pk): 1 for one in few},
        **{str(one.pk): everywhere for one in many},
        str(named.pk): 2,
    }
    refs = [str(one.pk) for one in (*many, *few, named)]
    assert list(answer.parts(refs, 5)) == [refs[:5], refs[5:]]
    monkeypatch.setattr(past, "_PLACES", everywhere + 1)
    parts = list(answer.parts(refs, 5))
    assert parts == [refs[:1], refs[1:3], refs[3:]]
    assert [found.line for found in answer.all()] == history.who_had_access(
        w.account, answer.question.at
    )


def test_who_may_not_know_of_somebody_is_not_given_their_name() -> None:
    w = world("emma_hq")
    here = w.member("administrator")
    there = w.member("author", w.south)
    snapshot(w.account)
    question = Question(timezone.now())
    answer = Answer.to(question, w.account, sight_of(here.user, w.account))
    assert str(there.user_id) not in answer.names
    assert str(here.user_id) in answer.names
    assert not answer.sight.is_whole
    asked = replace(question, people=frozenset({str(there.user_id)}))
    assert list(Answer.to(asked, w.account, answer.sight).all()) == []


def test_whom_one_sees_in_another_account_is_not_known_to_be_in_this_one() -> None:
    w, other = world("emma_hq"), world("emma_hq")
    here = w.member("administrator")
    both = w.member("author", w.south).user
    other.member("administrator", user=here.user)
    other.member("author", user=both)
    snapshot(w.account)
    snapshot(other.account)
    now = Question(timezone.now())

    def known(account: Account) -> dict[str, str]:
        return Answer.to(now, account, sight_of(here.user, account)).names

    assert str(both.pk) in known(other.account)
    assert str(both.pk) not in known(w.account)


def test_moments_the_wrong_way_round_are_refused() -> None:
    now = timezone.now()
    for since in (now, now + timedelta(seconds=1)):
        with refused("DATES"):
            Question(now, since)


def test_an_upgrade_of_a_role_is_said_until_the_record_begins_anew(monkeypatch: Any) -> None:
    w = world("emma_hq")
    snapshot(w.account)
    before = timezone.now()
    assert ask(w.account).notes == (past.NOTE,)
    upgrade(monkeypatch)
    (_, said) = ask(w.account).notes
    assert said.startswith("An upgrade has changed what these roles give since the record of")
    assert ": Author." in said
    assert snapshot(w.account), "so the record says what the rules are now"
    assert not snapshot(w.account)
    assert ask(w.account).notes == (past.NOTE,)
    assert ask(w.account, at=before).notes == (past.NOTE, said)
    assert ask(w.account, since=before).notes == (past.NOTE, said)


def test_an_upgrade_is_no_difference_between_record_and_tables(monkeypatch: Any) -> None:
    w = world("emma_hq")
    snapshot(w.account)
    upgrade(monkeypatch)
    assert list(replay.record_says_what_is_stored()) == []


def test_a_new_account_knows_its_rules_and_an_old_record_says_that_it_does_not() -> None:
    account = create_account(
        reason="A client", slug="new", name="New", edition="emma_hq", owner=UserFactory()
    )
    state = replay.state_now(account)
    assert state.rules == digests_of(EDITIONS["emma_hq"])
    old = {name: part for name, part in state.as_json().items() if name != "rules"}
    assert replay.State.from_json(old).rules == {}
    answer = ask(account)
    answer.then.state.rules.clear()
    assert answer.notes[1].startswith("The record of New does not say whether an upgrade")


@pytest.mark.parametrize("edition", EDITIONS.values(), ids=list(EDITIONS))
def test_each_role_has_a_digest_and_each_change_is_found(edition: Any) -> None:
    now = digests_of(edition)
    assert now.keys() >= {role.codename for role in edition.roles} | {edition.owner}
    assert changed(edition, now) == []
    for role in edition.roles:
        fewer = replace(role, holds=role.holds - {min(role.holds)}, optional={})
        roles = tuple(fewer if one is role else one for one in edition.roles)
        assert changed(replace(edition, roles=roles), now) == [str(role.label)]
    without = replace(edition, roles=edition.roles[1:])
    assert changed(without, now) == [edition.roles[0].codename]
    less = replace(edition, permissions=edition.permissions - {min(edition.permissions)})
    assert changed(less, now) == [str(edition.owner_label)]
