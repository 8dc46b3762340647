"""Ownership that moves while something else happens: one owner after each, and never two.

A few rounds in ``make test``, fifty in ``make races``; and what happens without the lock.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth import get_user_model

from permissions.errors import ServiceError
from teams import services
from teams.factories import UserFactory
from teams.models import Membership, OwnershipTransfer
from teams.services import heirs, ownership
from tests.concurrency.racing import AMPLE, errors, meet_before, together, without_lock
from tests.concurrency.test_comings import codes, is_sound, postgresql, rounds
from tests.services.world import World, world

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]

Status = OwnershipTransfer.Status


def owner_of(w: World) -> Any:
    w.account.refresh_from_db()
    return w.account.owner


def heir_of(w: World) -> Membership:
    """Return somebody new who works there."""
    return w.member("author", user=UserFactory())


def offer(w: World, heir: Any) -> OwnershipTransfer:
    return services.offer_ownership(actor=owner_of(w), account=w.account, heir=heir)


def accepting(transfer: OwnershipTransfer) -> Callable[[], Any]:
    return lambda: services.accept_ownership(actor=transfer.heir, transfer=transfer)


def status(transfer: OwnershipTransfer) -> str:
    return OwnershipTransfer.objects.get(pk=transfer.pk).status


def check(w: World, transfer: OwnershipTransfer, before: Any, result: Any) -> None:
    """See that the account has the owner it should have, and that owner no role."""
    accepted = not isinstance(result, Exception)
    assert owner_of(w) == (transfer.heir if accepted else before)
    assert (status(transfer) == Status.ACCEPTED) is accepted
    assert not Membership.objects.filter(account=w.account, user=w.account.owner).exists()
    former = Membership.objects.filter(account=w.account, user=before, role="manager")
    assert former.count() == int(accepted)


@rounds
def test_accepted_by_one_while_offered_to_another(
    rounds: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The offer to one is withdrawn, and another made and accepted, while the first accepts."""
    w = world("emma_hq")
    for number in range(rounds):
        before, ana, ben = owner_of(w), heir_of(w).user, heir_of(w).user
        first = offer(w, ana)

        def turn(first: OwnershipTransfer = first, before: Any = before, ben: Any = ben) -> Any:
            services.withdraw_transfer(actor=before, transfer=first)
            second = services.offer_ownership(actor=before, account=w.account, heir=ben)
            return services.accept_ownership(actor=ben, transfer=second)

        with monkeypatch.context() as patch:
            if number % 10 == 1:
                meet_before(patch, ownership, "settle", parties=2)
            results = together(accepting(first), turn)
        assert len(codes(results)) == 1
        winner = ana if not isinstance(results[0], Exception) else ben
        assert owner_of(w) == winner
        done = OwnershipTransfer.objects.filter(account=w.account, status=Status.ACCEPTED)
        assert done.count() == number + 1
        assert not Membership.objects.filter(account=w.account, user=winner).exists()
    assert is_sound()


@rounds
def test_accepted_twice_at_once(rounds: int) -> None:
    w = world("emma_hq")
    for _number in range(rounds):
        before, transfer = owner_of(w), offer(w, heir_of(w).user)
        results = together(accepting(transfer), accepting(transfer))
        assert codes(results) == ["SETTLED"]
        check(w, transfer, before, None)
    assert is_sound()


Against = Callable[[World, Any, OwnershipTransfer, Membership], Any]

#: what happens at the same time, and what an acceptance that comes after it is told, or it after
#: the acceptance
AGAINST: dict[str, tuple[Against, set[str]]] = {
    "withdrawn": (
        lambda w, owner, t, seat: services.withdraw_transfer(actor=owner, transfer=t),
        {"SETTLED", "OWNER_REQUIRED"},
    ),
    "removed": (
        lambda w, owner, t, seat: services.remove_member(actor=owner, membership=seat),
        {"SETTLED", "NOT_FOUND"},
    ),
    "suspended": (
        lambda w, owner, t, seat: services.suspend_member(actor=owner, membership=seat),
        {"SETTLED", "NOT_FOUND"},
    ),
    "declined": (
        lambda w, owner, t, seat: services.decline_transfer(actor=t.heir, transfer=t),
        {"SETTLED"},
    ),
}


@rounds
@pytest.mark.parametrize("what", AGAINST)
def test_accepted_while_something_speaks_against_it(rounds: int, what: str) -> None:
    w = world("emma_hq")
    act, said = AGAINST[what]
    for _number in range(rounds):
        before, seat = owner_of(w), heir_of(w)
        transfer = offer(w, seat.user)

        def other(owner: Any = before, t: Any = transfer, seat: Any = seat) -> Any:
            return act(w, owner, t, seat)

        results = together(accepting(transfer), other)
        assert len(codes(results)) == 1, results
        assert set(codes(results)) <= said
        check(w, transfer, before, results[0])
    assert is_sound()


@rounds
def test_accepted_while_the_owners_login_is_switched_off(rounds: int) -> None:
    """No lock is shared: whichever comes first, there is one owner, and the offer waits."""
    w = world("emma_hq")
    for _number in range(rounds):
        before, transfer = owner_of(w), offer(w, heir_of(w).user)
        people = get_user_model().objects.filter(pk=before.pk)
        results = together(accepting(transfer), lambda rows=people: rows.update(is_active=False))
        # switched off between two looks, the owner has nothing in the account at the second
        assert set(codes(results)) <= {"INACTIVE", "NOT_FOUND"}
        people.update(is_active=True)
        check(w, transfer, before, results[0])
        if isinstance(results[0], Exception):
            assert status(transfer) == Status.PENDING
            accepting(transfer)()
    assert is_sound()


@postgresql
def test_both_are_told_that_it_went_their_way_without_the_lock(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    w = world("emma_hq")
    seat = heir_of(w)
    transfer = offer(w, seat.user)
    before = owner_of(w)
    without_lock(monkeypatch)
    meet_before(monkeypatch, ownership, "settle", parties=2, patience=AMPLE)
    monkeypatch.setattr(heirs, "settle", ownership.settle)  # the two meet at one door
    results = together(
        accepting(transfer),
        lambda: services.withdraw_transfer(actor=before, transfer=transfer),
    )
    found = [error for error in errors(results) if isinstance(error, ServiceError)]
    # neither is refused, unless the database has to stop one of two that wait for each other
    assert found == []
