"""People who come and go at the same moment: one order or another, and never something between.

A few rounds in ``make test``, fifty in ``make races``; and, for each, what happens without the lock
on the account where the worst interleaving is forced.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.db import IntegrityError, OperationalError, connection
from django.utils import timezone

from permissions import audit
from permissions.errors import ServiceError
from permissions.models import AuditEvent
from teams import integrity, services
from teams.factories import UserFactory
from teams.models import (
    AccountUserGrant,
    Invitation,
    Membership,
    SubaccountUserGrant,
    TeamMembership,
)
from teams.services import invitation_mail, joining
from tests.concurrency.racing import AMPLE, errors, meet_before, together, without_lock
from tests.services.world import World, world

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]
postgresql = pytest.mark.skipif(
    connection.vendor != "postgresql",
    reason="rows are locked on PostgreSQL only; SQLite has one writer at a time",
)
rounds = pytest.mark.parametrize("rounds", [5, pytest.param(50, marks=pytest.mark.deep)])

Status = Invitation.Status
SECONDS, DEEDS = 4, 20


def offer(w: World, address: str, actor: Any = None) -> tuple[Invitation, str]:
    """Return an invitation to north, and the link that was mailed."""
    invitation = services.invite_member(
        actor=actor or w.owner,
        account=w.account,
        address=address,
        role="reports_only" if w.edition.has_teams else "author",
        subaccount=w.north,
    )
    return invitation, invitation_mail.token_of(invitation, mailed=True)


def ana(number: int) -> Any:
    """Return another login each round: an address gets so many invitations an hour."""
    return UserFactory(email=f"ana{number}@new.example")


def accepting(user: Any, token: str) -> Callable[[], Any]:
    return lambda: services.accept_invitation(actor=user, token=token)


def joining_by(token: str) -> Callable[[], Any]:
    names = {"first_name": "Ana", "last_name": "Ruiz", "password": "a long enough one"}
    return lambda: services.join(token=token, **names)


def codes(results: list[Any]) -> list[str]:
    """Return what was refused; anything but an answer of a service is an error of ours."""
    found = errors(results)
    for error in found:
        if not isinstance(error, ServiceError):
            raise error
    return [error.code for error in found]  # type: ignore[attr-defined]


def is_sound() -> bool:
    return list(integrity.problems()) == [] and list(audit.verify()) == []


# two acceptances


@rounds
def test_of_two_acceptances_one_counts(rounds: int, monkeypatch: pytest.MonkeyPatch) -> None:
    w = world("emma_hq")
    for number in range(rounds):
        user = ana(number)
        invitation, token = offer(w, user.email)
        with monkeypatch.context() as patch:
            if number % 10 == 1:  # as they come, and kept for each other
                meet_before(patch, joining, "_take", parties=2)
            results = together(accepting(user, token), accepting(user, token))
        assert codes(results) == ["SETTLED"]
        assert Membership.objects.filter(user=user).count() == 1
        assert Invitation.objects.get(pk=invitation.pk).accepted_by == user
    accepted = AuditEvent.objects.filter(action="invitation.accepted")
    assert (accepted.count(), is_sound()) == (rounds, True)


@postgresql
def test_of_two_acceptances_only_the_constraint_refuses_one_without_the_lock(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    w = world("emma_hq")
    user = ana(0)
    _invitation, token = offer(w, user.email)
    without_lock(monkeypatch)
    meet_before(monkeypatch, Membership.objects, "create", parties=2, patience=AMPLE)
    results = together(accepting(user, token), accepting(user, token))
    assert [type(error) for error in errors(results)] == [IntegrityError]
    assert Membership.objects.filter(user=user).count() == 1


@rounds
def test_of_two_joins_in_two_tabs_one_makes_a_login(rounds: int) -> None:
    w = world("emma_hq")
    for number in range(rounds):
        address = f"ana{number}@new.example"
        _invitation, token = offer(w, address)
        results = together(joining_by(token), joining_by(token))
        assert codes(results) == ["SETTLED"]
        user = get_user_model().objects.get(email=address)
        assert Membership.objects.filter(user=user).count() == 1
    assert is_sound()


@rounds
def test_of_two_accounts_that_invite_one_person_one_makes_a_login(rounds: int) -> None:
    """No lock is shared: the name of the login is what keeps it from being made twice."""
    one, other = world("emma_hq"), world("emma_hq")
    for number in range(rounds):
        address = f"ana{number}@new.example"
        tokens = [offer(w, address)[1] for w in (one, other)]
        results = together(*map(joining_by, tokens))
        assert codes(results) == ["LOGIN_EXISTS"]
        user = get_user_model().objects.get(email=address)
        left = next(t for t, r in zip(tokens, results, strict=True) if isinstance(r, Exception))
        services.accept_invitation(actor=user, token=left)
    assert is_sound()


# acceptance against what makes it worthless


@rounds
def test_accepted_or_withdrawn(rounds: int) -> None:
    w = world("emma_hq")
    for number in range(rounds):
        user = ana(number)
        invitation, token = offer(w, user.email)

        def withdraw(invitation: Invitation = invitation) -> None:
            services.withdraw_invitation(actor=w.owner, invitation=invitation)

        results = together(accepting(user, token), withdraw)
        assert codes(results) == ["SETTLED"]
        accepted = not isinstance(results[0], Exception)
        status = Invitation.objects.get(pk=invitation.pk).status
        assert status == (Status.ACCEPTED if accepted else Status.WITHDRAWN)
        assert Membership.objects.filter(user=user).exists() == accepted
    assert is_sound()


@postgresql
def test_accepted_although_withdrawn_without_the_lock(monkeypatch: pytest.MonkeyPatch) -> None:
    w = world("emma_hq")
    user = ana(0)
    invitation, token = offer(w, user.email)
    without_lock(monkeypatch)
    meet_before(monkeypatch, audit, "record", parties=2, patience=AMPLE)

    def withdraw() -> None:
        services.withdraw_invitation(actor=w.owner, invitation=invitation)

    results = together(accepting(user, token), withdraw)
    # in some orders the database sees the two wait for each other, and has to stop one of them
    deadlocked = any(isinstance(error, OperationalError) for error in errors(results))
    assert deadlocked or Membership.objects.filter(user=user).exists()


LOSSES: dict[str, tuple[Callable[..., Any], str, str]] = {
    "removed": (
        lambda w, boss: services.remove_member(actor=w.owner, membership=boss),
        Status.WITHDRAWN,
        "SETTLED",
    ),
    "demoted": (
        lambda w, boss: services.change_role(actor=w.owner, membership=boss, role="author"),
        Status.VOID,
        "VOID",
    ),
    "suspended": (
        lambda w, boss: services.suspend_member(actor=w.owner, membership=boss),
        Status.VOID,
        "VOID",
    ),
    "gone": (
        lambda w, boss: services.leave_account(actor=boss.user, account=w.account),
        Status.WITHDRAWN,
        "SETTLED",
    ),
}


@rounds
@pytest.mark.parametrize("loss", LOSSES)
def test_nobody_comes_in_on_the_word_of_who_has_lost_it(loss: str, rounds: int) -> None:
    """Accepted before the inviter lost the right, or not at all."""
    w = world("emma_hq")
    lose, otherwise, code = LOSSES[loss]
    for number in range(rounds):
        boss = w.member("administrator")
        user = ana(number)
        invitation, token = offer(w, user.email, boss.user)
        results = together(accepting(user, token), lambda boss=boss: lose(w, boss))
        accepted = not isinstance(results[0], Exception)
        assert codes(results) == ([] if accepted else [code])
        status = Invitation.objects.get(pk=invitation.pk).status
        assert status == (Status.ACCEPTED if accepted else otherwise)
        assert Membership.objects.filter(user=user).exists() == accepted
        if accepted:
            events = AuditEvent.objects.order_by("sequence")
            kinds = list(events.values_list("action", flat=True))[-3:]
            assert kinds[:2] == ["member.added", "invitation.accepted"]
    assert is_sound()


# removal against grant

GRANTS: dict[str, Callable[[World, Membership, Any], Any]] = {
    "toggle": lambda w, member, team: services.toggle_permission(
        actor=w.owner, membership=member, toggle="export_contacts", on=True
    ),
    "guest": lambda w, member, team: services.give_guest_access(
        actor=w.owner, user=member.user, obj=w.south, permissions=["access_campaigns"]
    ),
    "team": lambda w, member, team: services.add_to_team(
        actor=w.owner, team=team, user=member.user
    ),
    "role": lambda w, member, team: services.add_member(
        actor=w.owner,
        account=w.account,
        user=member.user,
        role="reports_only" if w.edition.has_teams else "author",
        subaccount=w.south,
    ),
}


@rounds
@pytest.mark.parametrize("kind", GRANTS)
def test_of_what_is_given_while_somebody_goes_nothing_is_left(kind: str, rounds: int) -> None:
    w = world("sailthru" if kind == "team" else "emma_hq")
    team = w.team() if kind == "team" else None
    role = "reports_only" if kind == "team" else "full"
    for _ in range(rounds):
        member = w.member(role)
        user = member.user
        results = together(
            lambda m=member: GRANTS[kind](w, m, team),
            lambda m=member: services.leave_account(actor=m.user, account=w.account),
        )
        assert codes(results[1:]) == []
        assert set(codes(results)) <= {"NOT_FOUND", "NOT_A_MEMBER"}
        for table in (AccountUserGrant, SubaccountUserGrant, TeamMembership, Membership):
            assert not table.objects.filter(user=user).exists()
    assert is_sound()


# the last ones


@rounds
def test_the_last_administrator_leaves_once(rounds: int) -> None:
    w = world("emma_hq")
    for _ in range(rounds):
        boss = w.member("administrator")

        def leave(boss: Membership = boss) -> None:
            services.leave(actor=boss.user, membership=boss)

        assert codes(together(leave, leave)) == ["NOT_FOUND"]
        assert not Membership.objects.exists()
    left = AuditEvent.objects.filter(action="member.left")
    assert (left.count(), is_sound()) == (rounds, True)


@rounds
def test_of_two_administrators_who_remove_each_other_one_stays(rounds: int) -> None:
    w = world("emma_hq")
    for _ in range(rounds):
        one, other = w.member("administrator"), w.member("administrator")

        def removing(actor: Any, membership: Membership) -> Callable[[], Any]:
            return lambda: services.remove_member(actor=actor, membership=membership)

        results = together(removing(one.user, other), removing(other.user, one))
        assert codes(results) == ["NOT_FOUND"]
        assert Membership.objects.count() == 1
        services.remove_member(actor=w.owner, membership=Membership.objects.get())
    assert is_sound()


@postgresql
def test_of_two_administrators_who_remove_each_other_none_stays_without_the_lock(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    w = world("emma_hq")
    one, other = w.member("administrator"), w.member("administrator")
    without_lock(monkeypatch)
    meet_before(monkeypatch, audit, "record", parties=2, patience=AMPLE)
    results = together(
        lambda: services.remove_member(actor=one.user, membership=other),
        lambda: services.remove_member(actor=other.user, membership=one),
    )
    assert errors(results) == []
    assert Membership.objects.count() == 0


# the last seat


def inviting(w: World, address: str) -> Callable[[], Any]:
    return lambda: offer(w, address)[0]


@rounds
def test_of_two_who_are_invited_to_the_last_seat_one_is(rounds: int) -> None:
    w = world("emma_hq", seat_limit=2)
    for number in range(rounds):
        results = together(*(inviting(w, f"{who}{number}@new.example") for who in ("ana", "bea")))
        assert codes(results) == ["LIMIT_REACHED"]
        sent = next(result for result in results if isinstance(result, Invitation))
        services.withdraw_invitation(actor=w.owner, invitation=sent)
    assert is_sound()


@postgresql
def test_of_two_who_are_invited_to_the_last_seat_both_are_without_the_lock(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    w = world("emma_hq", seat_limit=2)
    without_lock(monkeypatch)
    meet_before(monkeypatch, Invitation.objects, "create", parties=2, patience=AMPLE)
    results = together(inviting(w, "ana@new.example"), inviting(w, "bea@new.example"))
    assert errors(results) == []
    assert Invitation.objects.count() == 2


# all at once


class Crowd:
    """Some people of two accounts who do everything to each other."""

    def __init__(self) -> None:
        self.worlds = [world("sailthru"), world("sailthru")]
        self.people = [UserFactory(email=f"p{n}@new.example") for n in range(6)]
        self.teams = [w.team() for w in self.worlds]
        self.begun = time.monotonic()
        self.done: list[int] = []

    def is_over(self) -> bool:
        """Say whether enough was done: a slow machine takes longer for it, and not for ever."""
        passed = time.monotonic() - self.begun
        return passed > (SECONDS if len(self.done) > DEEDS else AMPLE)

    def act(self, seed: int) -> int:
        """Do one thing after another; return how many were done, refused ones too."""
        chance, count = random.Random(seed), 0
        while not self.is_over():
            number = chance.randrange(2)
            w, team = self.worlds[number], self.teams[number]
            deeds = (self.invite, self.accept, self.withdraw, self.go, self.share)
            with suppress(ServiceError):
                chance.choice(deeds)(w, team, chance)
            count += 1
            self.done.append(seed)
        return count

    def invite(self, w: World, team: Any, chance: random.Random) -> None:
        services.invite_member(
            actor=w.owner,
            account=w.account,
            address=chance.choice(self.people).email,
            role="reports_only",
            subaccount=chance.choice((w.north, w.south)),
            teams=[team],
        )

    def pending(self, w: World, chance: random.Random) -> Invitation | None:
        rows = list(Invitation.objects.filter(account=w.account, status=Status.PENDING))
        return chance.choice(rows) if rows else None

    def accept(self, w: World, team: Any, chance: random.Random) -> None:
        found = self.pending(w, chance)
        if found is not None:
            user = next(p for p in self.people if p.email == found.address)
            token = invitation_mail.token_of(found, mailed=True)
            services.accept_invitation(actor=user, token=token)

    def withdraw(self, w: World, team: Any, chance: random.Random) -> None:
        found = self.pending(w, chance)
        if found is not None:
            services.withdraw_invitation(actor=w.owner, invitation=found)

    def go(self, w: World, team: Any, chance: random.Random) -> None:
        services.leave_account(actor=chance.choice(self.people), account=w.account)

    def share(self, w: World, team: Any, chance: random.Random) -> None:
        person = chance.choice(self.people)
        if chance.random() < 0.5:
            services.add_to_team(actor=w.owner, team=team, user=person)
        else:
            services.remove_from_team(actor=w.owner, team=team, user=person)


def test_nobody_waits_for_each_other_for_ever(settings: Any) -> None:
    """A deadlock would be an OperationalError in one of the threads."""
    settings.INVITATIONS_PER_HOUR = 10**6
    crowd = Crowd()
    results = together(*(lambda seed=seed: crowd.act(seed) for seed in range(4)))
    assert errors(results) == []
    # together: on SQLite one thread writes while the others wait, and none is sure of its turn
    assert sum(results) > DEEDS
    assert is_sound()


def test_expired_at_the_moment_between_two_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever waits for the lock is asked again when they get it."""
    w = world("emma_hq")
    user = ana(0)
    invitation, token = offer(w, user.email)
    opened = joining.open_invitation
    looks: list[Any] = []

    def late(asked: str) -> Invitation:
        found = opened(asked)
        looks.append(found)
        if len(looks) == 1:
            past = timezone.now() - timedelta(seconds=1)
            Invitation.objects.filter(pk=invitation.pk).update(expires_at=past)
        return found

    monkeypatch.setattr(joining, "open_invitation", late)
    assert codes(together(accepting(user, token))) == ["EXPIRED"]
    assert not Membership.objects.exists()
