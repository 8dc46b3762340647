"""A call that names itself is carried out once, however often and however broken it arrives."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from permissions.models import AuditEvent
from teams import services
from teams.api import idempotency, lists
from teams.catalogue import ACCESS_AUDIENCE
from teams.models import ApiCall, ApiKey, MailingList
from teams.services import pruning
from tests.api.caller import ROOT, Caller, caller, problem
from tests.services.world import World, world

pytestmark = pytest.mark.django_db


@pytest.fixture
def hq() -> World:
    return world("emma_hq")


def make(mine: Caller, name: str = "News", named: str = "call-1", **extra: Any) -> Any:
    """Make a list by a call that is called ``named``."""
    return mine.post("lists/", {"name": name}, headers={"Idempotency-Key": named}, **extra)


def test_the_same_call_gets_the_same_answer_and_acts_once(hq: World) -> None:
    mine = caller(hq.north)
    first, second = make(mine), make(mine)

    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json() == second.json()
    assert ("Idempotent-Replayed" in first, second["Idempotent-Replayed"]) == (False, "true")
    assert MailingList.objects.count() == 1
    assert AuditEvent.objects.filter(action="mailinglist.created").count() == 1


def test_a_name_stands_for_one_call(hq: World) -> None:
    mine = caller(hq.north)
    make(mine)

    problem(make(mine, name="Other"), 422, "KEY_REUSED")
    other = caller(hq.north)
    assert make(other, name="Other").status_code == 201, "another key has names of its own"


def test_the_key_that_replaces_another_has_names_of_its_own(hq: World) -> None:
    hq.member("administrator")  # whom the edition wants where keys are made
    mine = caller(hq.north)
    make(mine)
    made = services.rotate_api_key(actor=hq.owner, key=mine.key)
    successor = Caller(made.key, made.text)

    problem(make(successor), 409, "ALREADY_USED")  # carried out anew, and the name is taken
    assert make(mine)["Idempotent-Replayed"] == "true", "the old one still knows"


def test_the_same_call_is_the_same_bytes_at_the_same_address(hq: World) -> None:
    mine = caller(hq.north)
    named = {"Idempotency-Key": "call-1"}
    assert mine.call("post", "lists/", '{"name": "News"}', headers=named).status_code == 201

    problem(mine.call("post", "lists/", '{"name":"News"}', headers=named), 422, "KEY_REUSED")
    address = f"{ROOT}contacts/1/unsubscribe/"
    problem(mine.call("post", address, {}, headers=named), 422, "KEY_REUSED")


def test_what_says_how_things_shall_be_reads_no_name(hq: World) -> None:
    mine = caller(hq.north)
    path = f"lists/{make(mine).json()['id']}/"
    for name in ("Old", "New"):
        answer = mine.patch(path, {"name": name}, headers={"Idempotency-Key": "call-1"})
        assert (answer.status_code, answer.json()["name"]) == (200, name)


def test_what_was_refused_may_be_repeated(hq: World) -> None:
    mine = caller(hq.north)
    problem(make(mine, name=""), 422, "INVALID")
    make(mine, "Taken", named="other")
    problem(make(mine, "Taken"), 409, "ALREADY_USED")

    assert make(mine, "Free").status_code == 201


def test_a_call_that_is_being_carried_out_is_not_begun_again(hq: World) -> None:
    mine = caller(hq.north)
    make(mine)
    MailingList.objects.all().delete()
    ApiCall.objects.update(status=None, body=None)

    answer = make(mine)

    problem(answer, 409, "IN_FLIGHT")
    assert int(answer["Retry-After"]) > 0
    assert MailingList.objects.count() == 0


def test_a_call_that_died_may_be_repeated(hq: World, monkeypatch: pytest.MonkeyPatch) -> None:
    mine = caller(hq.north)
    make(mine)
    MailingList.objects.all().delete()
    long_ago = timezone.now() - idempotency.DEAD - timedelta(seconds=1)
    ApiCall.objects.update(status=None, body=None, created_at=long_ago)

    assert make(mine).status_code == 201
    assert "Idempotent-Replayed" in make(mine)


def test_a_call_taken_for_dead_does_not_act_any_more(
    hq: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second takes over while the first still works: one of the two acts stands."""
    mine, plain = caller(hq.north), lists.ListRows.answer

    def slowly(view: Any, row: Any, status: int = 200) -> Any:
        now = timezone.now()
        ApiCall.objects.filter(status=None).update(created_at=now)  # what a take-over writes
        return plain(view, row, status)

    monkeypatch.setattr(lists.ListRows, "answer", slowly)

    problem(make(mine), 409, "IN_FLIGHT")
    assert MailingList.objects.count() == 0


def test_an_unexpected_error_leaves_neither_act_nor_name(
    hq: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = caller(hq.north)

    def broken(*_args: Any) -> Any:
        raise RuntimeError

    with monkeypatch.context() as patched:
        patched.setattr(lists.ListRows, "answer", broken)
        problem(make(mine, raises=False), 500, "INTERNAL")
    assert (MailingList.objects.count(), ApiCall.objects.count()) == (0, 0)

    assert make(mine).status_code == 201


def test_an_answer_is_not_repeated_to_a_dead_key(hq: World) -> None:
    mine = caller(hq.north)
    make(mine)
    ApiKey.objects.update(revoked_at=timezone.now())

    problem(make(mine), 401, "NO_KEY")


def test_an_answer_does_not_outlive_the_rights_it_was_given_by(hq: World) -> None:
    seat = hq.member("administrator")
    mine = caller(hq.north, seat.user)
    make(mine)
    services.change_role(actor=hq.owner, membership=seat, role="full")

    body = problem(make(mine), 409, "DONE_ALREADY")

    assert "News" not in str(body)


def test_an_answer_does_not_outlive_its_row(hq: World) -> None:
    mine = caller(hq.north)
    make(mine)
    MailingList.objects.all().delete()

    problem(make(mine), 409, "DONE_ALREADY")


def test_an_answer_does_not_outlive_the_right_to_look_at_all(hq: World) -> None:
    mine = caller(hq.north)
    make(mine)
    ApiKey.objects.update(scopes=["access_campaigns"])

    problem(make(mine), 409, "DONE_ALREADY")
    ApiKey.objects.update(scopes=[str(ACCESS_AUDIENCE)])
    problem(make(mine), 409, "DONE_ALREADY")


@pytest.mark.parametrize("named", ["", "a b", "ż", "x" * 256])
def test_a_name_is_plain_and_bounded(hq: World, named: str) -> None:
    problem(make(caller(hq.north), named=named), 400, "BAD_PARAMETER")


def test_answers_are_kept_for_a_day(hq: World) -> None:
    mine = caller(hq.north)
    make(mine)
    make(mine, "Other", named="call-2")
    old = timezone.now() - idempotency.KEPT - timedelta(seconds=1)
    ApiCall.objects.filter(idempotency_key="call-1").update(created_at=old)
    problem(make(mine), 409, "ALREADY_USED")  # begun anew, and the name is taken

    ApiCall.objects.update(created_at=old)
    assert pruning.forget_api_calls() == 1
    assert ApiCall.objects.count() == 0
