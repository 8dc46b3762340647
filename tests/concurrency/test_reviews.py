"""Two people decide one line of a review at the same moment: one of them does."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from permissions.models import AuditEvent
from teams import services
from teams.models import Membership
from teams.review_report import digest_of
from tests.concurrency.racing import together
from tests.services.world import world

pytestmark = [
    pytest.mark.slow,
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(
        connection.vendor != "postgresql",
        reason="rows are locked on PostgreSQL only; SQLite has one writer at a time",
    ),
]


def decided(results: list[Any]) -> int:
    return sum(not isinstance(result, BaseException) for result in results)


def test_one_line_is_decided_once() -> None:
    w = world("emma_hq")
    manager = w.manager().user
    for number in range(5):
        member = w.member("editor")
        review = services.start_review(
            actor=w.owner,
            account=w.account,
            name=f"Round {number}",
            due_at=timezone.now() + timedelta(days=9),
        )
        line = review.lines.get(person=member.user)
        results = together(
            partial(services.confirm_line, actor=w.owner, line=line),
            partial(services.withdraw_line, actor=manager, line=line, reason="Left"),
        )
        assert decided(results) == 1
        (lost,) = [result for result in results if isinstance(result, BaseException)]
        assert getattr(lost, "code", "") == "SETTLED", lost
        line.refresh_from_db()
        is_there = Membership.objects.filter(pk=member.pk).exists()
        assert is_there is (line.decision == "confirmed")
        found = AuditEvent.objects.filter(action__startswith="review.line_", data__line=line.pk)
        assert found.count() == 1


def test_finishing_and_deciding_leave_one_report() -> None:
    w = world("emma_hq")
    for number in range(5):
        w.member("editor")
        review = services.start_review(
            actor=w.owner,
            account=w.account,
            name=f"Round {number}",
            due_at=timezone.now() + timedelta(days=9),
        )
        line = review.lines.first()
        together(
            partial(services.finish_review, actor=w.owner, review=review, leave_open=True),
            partial(services.confirm_line, actor=w.owner, line=line),
        )
        review.refresh_from_db()
        assert review.digest == digest_of(review)
