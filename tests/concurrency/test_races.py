"""People who act at the same moment: what the lock on the account prevents, and that it does.

Every race is run with the lock, many times over, and without it, where the worst interleaving is
forced: then either the invariant breaks, or a constraint of the database is what saves it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.db import IntegrityError, OperationalError, connection

from permissions import access, audit, grants
from permissions.errors import LimitReached, NotFound
from teams import services
from teams.factories import (
    AccountFactory,
    MembershipFactory,
    SubaccountFactory,
    UserFactory,
)
from teams.models import AccountUserGrant, Membership, Subaccount, SubaccountUserGrant
from tests.concurrency.racing import (
    AMPLE,
    errors,
    hold_before,
    meet_before,
    once,
    together,
    without_lock,
)

ROUNDS = 10
TEN = 10

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]
postgresql = pytest.mark.skipif(
    connection.vendor != "postgresql",
    reason="rows are locked on PostgreSQL only; SQLite has one writer at a time",
)
sqlite = pytest.mark.skipif(
    connection.vendor != "sqlite", reason="about SQLite's IMMEDIATE transactions"
)


# the tenth subaccount


def account_with_nine() -> Any:
    account = AccountFactory(edition="emma_corporate")
    SubaccountFactory.create_batch(TEN - 1, account=account)
    return account


def creating(account: Any, name: str) -> Callable[[], Any]:
    return lambda: services.create_subaccount(actor=account.owner, account=account, name=name)


def active(account: Any) -> int:
    return Subaccount.objects.filter(account=account, archived_at=None).count()


def test_of_two_tenth_subaccounts_one_is_created(monkeypatch: pytest.MonkeyPatch) -> None:
    account = account_with_nine()
    for number in range(ROUNDS):
        with monkeypatch.context() as patch:
            if number % 2:  # as they come, and kept for each other
                meet_before(patch, Subaccount.objects, "create", parties=2)
            results = together(
                creating(account, f"one {number}"), creating(account, f"two {number}")
            )
        assert [type(error) for error in errors(results)] == [LimitReached]
        assert active(account) == TEN
        created = next(result for result in results if isinstance(result, Subaccount))
        services.archive_subaccount(actor=account.owner, subaccount=created)
    assert list(audit.verify()) == []


@postgresql
def test_of_two_tenth_subaccounts_both_are_created_without_the_lock(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    account = account_with_nine()
    without_lock(monkeypatch)
    meet_before(monkeypatch, Subaccount.objects, "create", parties=2, patience=AMPLE)
    results = together(creating(account, "one"), creating(account, "two"))
    assert errors(results) == []
    assert active(account) == TEN + 1


@sqlite
def test_of_two_tenth_subaccounts_one_meets_a_locked_database_without_immediate(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    account = account_with_nine()
    meet_before(monkeypatch, Subaccount.objects, "create", parties=2, patience=AMPLE)

    def deferred(act: Callable[[], Any]) -> Callable[[], Any]:
        def run() -> Any:
            connection.ensure_connection()
            connection.transaction_mode = None  # SQLite's own: lock at the first write
            return act()

        return run

    results = together(deferred(creating(account, "one")), deferred(creating(account, "two")))
    assert [type(error) for error in errors(results)] == [OperationalError]
    assert active(account) == TEN


# two primary contacts


def enterprise() -> tuple[Any, Any, list[Any]]:
    account = AccountFactory(edition="emma_enterprise")
    subaccount = SubaccountFactory(account=account)
    people = MembershipFactory.create_batch(2, account=account, subaccount=subaccount)
    return account, subaccount, people


def naming(account: Any, subaccount: Any, membership: Any) -> Callable[[], Any]:
    return lambda: services.set_primary_contact(
        actor=account.owner, subaccount=subaccount, membership=membership
    )


def contacts(subaccount: Any) -> int:
    return Membership.objects.filter(subaccount=subaccount, is_primary_contact=True).count()


@postgresql
def test_of_two_primary_contacts_the_last_one_named_stays(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    account, subaccount, people = enterprise()
    for number in range(ROUNDS):
        with monkeypatch.context() as patch:
            if number % 2:
                meet_before(patch, Membership, "save", parties=2)
            results = together(*(naming(account, subaccount, person) for person in people))
        assert errors(results) == []
        assert contacts(subaccount) == 1
        services.set_primary_contact(actor=account.owner, subaccount=subaccount, membership=None)
    assert list(audit.verify()) == []


@postgresql
def test_of_two_primary_contacts_only_the_constraint_refuses_one_without_the_lock(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    account, subaccount, people = enterprise()
    without_lock(monkeypatch)
    meet_before(monkeypatch, Membership, "save", parties=2, patience=AMPLE)
    results = together(*(naming(account, subaccount, person) for person in people))
    assert [type(error) for error in errors(results)] == [IntegrityError]
    assert "membership_one_primary_contact" in str(errors(results)[0])
    assert contacts(subaccount) == 1


# grant against revoke: a toggle


def manager() -> tuple[Any, Any]:
    account = AccountFactory(edition="emma_hq")
    SubaccountFactory(account=account)
    return account, MembershipFactory(account=account, role="manager", all_subaccounts=True)


def toggling(account: Any, membership: Any) -> Callable[[], Any]:
    return lambda: services.toggle_permission(
        actor=account.owner, membership=membership, toggle="subaccounts", on=True
    )


def removing(account: Any, membership: Any, done: threading.Event) -> Callable[[], Any]:
    def run() -> None:
        try:
            services.remove_member(actor=account.owner, membership=membership)
        finally:
            done.set()

    return run


@postgresql
def test_a_toggle_never_outlives_the_membership_that_is_removed_meanwhile(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for number in range(ROUNDS):
        account, membership = manager()
        done = threading.Event()
        with monkeypatch.context() as patch:
            remove = removing(account, membership, done)
            if number % 2:
                remove = once(hold_before(patch, grants, "give", until=done), remove)
            results = together(toggling(account, membership), remove)
        # removed in any case; the toggle came first, or found nobody
        assert {type(error) for error in errors(results)} <= {NotFound}
        assert not Membership.objects.filter(pk=membership.pk).exists()
        assert not AccountUserGrant.objects.exists()
        assert not access.can(membership.user, "create_subaccounts", account)
    assert list(audit.verify()) == []


@postgresql
def test_a_toggle_is_kept_from_outliving_its_membership_only_by_its_key_without_the_lock(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    account, membership = manager()
    done = threading.Event()
    without_lock(monkeypatch)
    held = hold_before(monkeypatch, grants, "give", until=done, patience=AMPLE)
    results = together(
        toggling(account, membership), once(held, removing(account, membership, done))
    )
    assert [type(error) for error in errors(results)] == [IntegrityError]
    assert not AccountUserGrant.objects.exists()


# grant against revoke: guest access, which no key ties to a membership


def member_and_foreign_place() -> tuple[Any, Any, Any]:
    account = AccountFactory(edition="emma_hq")
    north, south = SubaccountFactory.create_batch(2, account=account)
    return account, MembershipFactory(account=account, subaccount=north, role="editor"), south


def inviting(account: Any, membership: Any, place: Any) -> Callable[[], Any]:
    return lambda: services.give_guest_access(
        actor=account.owner, user=membership.user, obj=place, permissions=["access_campaigns"]
    )


@postgresql
def test_guest_access_never_outlives_the_membership_that_is_removed_meanwhile(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for number in range(ROUNDS):
        account, membership, south = member_and_foreign_place()
        done = threading.Event()
        with monkeypatch.context() as patch:
            remove = removing(account, membership, done)
            if number % 2:
                remove = once(hold_before(patch, grants, "give", until=done), remove)
            results = together(inviting(account, membership, south), remove)
        assert {getattr(error, "code", error) for error in errors(results)} <= {"NOT_A_MEMBER"}
        assert not SubaccountUserGrant.objects.exists()
    assert list(audit.verify()) == []


@postgresql
def test_guest_access_outlives_its_membership_and_revives_without_the_lock(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    account, membership, south = member_and_foreign_place()
    done = threading.Event()
    with monkeypatch.context() as patch:
        without_lock(patch)
        held = hold_before(patch, grants, "give", until=done, patience=AMPLE)
        results = together(
            inviting(account, membership, south), once(held, removing(account, membership, done))
        )
    assert errors(results) == []
    user = membership.user
    assert not access.can(user, "access_campaigns", south)
    services.add_member(
        consented=True,
        actor=account.owner,
        account=account,
        user=user,
        role="response_only",
        subaccount=membership.subaccount,
    )
    # somebody who came back has not started from nothing
    assert access.can(user, "access_campaigns", south)


# a manager who loses the right while using it


@postgresql
def test_what_is_granted_after_a_revocation_has_been_committed_is_refused() -> None:
    for _ in range(ROUNDS):
        account = AccountFactory(edition="emma_hq")
        north = SubaccountFactory(account=account)
        boss = MembershipFactory(account=account, subaccount=north, role="administrator")
        newcomer, done = UserFactory(), threading.Event()

        def adding(boss: Any = boss, user: Any = newcomer, place: Any = north) -> Any:
            return services.add_member(
                consented=True,
                actor=boss.user,
                account=place.account,
                user=user,
                role="full",
                subaccount=place,
            )

        results = together(adding, removing(account, boss, done))
        assert {type(error) for error in errors(results)} <= {NotFound}
        added = Membership.objects.filter(user=newcomer).exists()
        assert added == (not errors(results))
        with pytest.raises(NotFound):
            adding()
    assert list(audit.verify()) == []
