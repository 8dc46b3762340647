"""Ends that come, are moved and are cleared away at the same moment."""

from __future__ import annotations

import threading
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from permissions import access
from permissions.errors import NotFound
from permissions.models import AuditEvent
from teams import services
from teams.factories import AccountFactory, MembershipFactory, SubaccountFactory
from teams.models import Membership, Reminder, Subaccount
from teams.services import pruning, reminders
from tests.concurrency.racing import (
    AMPLE,
    errors,
    hold_before,
    once,
    together,
    without_lock,
)

ROUNDS = 50

pytestmark = [
    pytest.mark.slow,
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(
        connection.vendor != "postgresql",
        reason="rows are locked on PostgreSQL only; SQLite has one writer at a time",
    ),
]


def seat(**extra: Any) -> Membership:
    account = AccountFactory(edition="emma_hq")
    place = SubaccountFactory(account=account)
    found: Membership = MembershipFactory(account=account, subaccount=place, role="full", **extra)
    return found


def prune(key: Any) -> str:
    return pruning.prune(pruning.kinds()[0], key, timezone.now() - timedelta(days=30))


def long_ago() -> Any:
    return timezone.now() - timedelta(days=40)


def test_what_is_extended_is_not_cleared_away() -> None:
    member = seat()
    owner, outcomes = member.account.owner, set()
    for number in range(ROUNDS):
        Membership.objects.filter(pk=member.pk).update(ends_at=long_ago())
        acts = [
            partial(services.set_end, actor=owner, membership=member, ends_at=None),
            partial(prune, member.pk),
        ]
        results = together(*(acts if number % 2 else reversed(acts)))
        extended = [r for r in results if isinstance(r, Membership)]
        pruned = [r for r in results if isinstance(r, str) and r]
        row = Membership.objects.filter(pk=member.pk).first()
        if extended:
            assert (errors(results), pruned) == ([], [])
            assert row is not None
            assert row.ends_at is None
        else:
            assert [type(error) for error in errors(results)] == [NotFound]
            assert len(pruned) == 1
            assert row is None
            member = MembershipFactory(
                account=member.account, subaccount=member.subaccount, role="full"
            )
        outcomes.add(bool(extended))
    assert outcomes  # either may come first; which does is not ours to say


def test_without_the_lock_it_would_be(monkeypatch: pytest.MonkeyPatch) -> None:
    member = seat(ends_at=long_ago())
    without_lock(monkeypatch)
    done = threading.Event()
    held = hold_before(monkeypatch, pruning, "described", until=done, patience=AMPLE)

    def extend() -> None:
        services.set_end(actor=member.account.owner, membership=member, ends_at=None)
        done.set()

    assert errors(together(once(held, extend), lambda: prune(member.pk))) == []
    assert not Membership.objects.filter(pk=member.pk).exists()
    assert AuditEvent.objects.filter(action="end.changed").count() == 1


def test_nothing_is_allowed_after_its_end_and_a_unit_agrees_with_itself() -> None:
    member = seat()
    person, place = member.user, member.subaccount
    assert place is not None
    rows = Subaccount.objects.filter(pk=place.pk)
    seen = set()

    def ask_until(over: Any) -> list[tuple[Any, bool, bool]]:
        found = []
        while timezone.now() < over:
            with access.unit_of_work():
                asked = timezone.now()
                can = access.can(person, "send_campaigns", place).allowed
                listed = access.visible(rows, person, "send_campaigns").exists()
            found.append((asked, can, listed))
        return found

    for _ in range(ROUNDS):
        end = timezone.now() + timedelta(milliseconds=40)
        Membership.objects.filter(pk=member.pk).update(ends_at=end)
        over = end + timedelta(milliseconds=20)
        for found in together(lambda: ask_until(over), lambda: ask_until(over)):  # noqa: B023
            for asked, can, listed in found:
                assert can == listed
                assert not (can and asked >= end)
                seen.add(can)
    assert seen == {True, False}


def test_two_rounds_of_reminders_at_once_tell_once() -> None:
    member = seat()
    for number in range(10):
        end = timezone.now() + timedelta(days=3, seconds=number)
        Membership.objects.filter(pk=member.pk).update(ends_at=end)
        results = together(*[lambda: len(reminders.remind(member.account, member.user))] * 2)
        assert sorted(results) == [0, 1]
    assert Reminder.objects.count() == 10
