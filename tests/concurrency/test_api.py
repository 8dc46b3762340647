"""Calls of the API at the same moment: one act, and no call too many."""

from __future__ import annotations

from typing import Any

import pytest
from django.utils import timezone

from teams.models import ApiKey, MailingList
from tests.api.caller import Caller, caller
from tests.concurrency.racing import errors, together
from tests.services.world import world

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]


def test_two_calls_of_one_name_at_once_are_one_act() -> None:
    mine = caller(world("emma_hq").north)

    def call() -> Any:
        return mine.post("lists/", {"name": "News"}, headers={"Idempotency-Key": "once"})

    found = together(*[call] * 4)

    assert errors(found) == []
    codes = sorted(answer.status_code for answer in found)
    assert set(codes) <= {201, 409}
    assert MailingList.objects.count() == 1
    assert call()["Idempotent-Replayed"] == "true"


def test_no_call_too_many_is_made_at_once(settings: Any) -> None:
    settings.API_CALLS_PER_MINUTE = 3
    mine = caller(world("emma_hq").north)

    found = together(*[lambda: mine.get("me/")] * 8)

    assert errors(found) == []
    codes = sorted(answer.status_code for answer in found)
    assert 3 <= codes.count(200) <= 6  # a new minute may have begun
    assert set(codes) <= {200, 429}
    assert ApiKey.objects.get().calls <= 3


def test_a_key_that_is_revoked_elsewhere_opens_nothing_here() -> None:  # AK11
    w = world("emma_hq")
    mine = caller(w.north)
    assert mine.get("me/").status_code == 200

    def revoke() -> None:
        ApiKey.objects.filter(pk=mine.key.pk).update(revoked_at=timezone.now())

    assert errors(together(revoke)) == []
    assert Caller(mine.key, mine.text).get("me/").status_code == 401
