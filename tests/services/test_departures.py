"""Going: removed, suspended, or by oneself; what goes along, what stays, and who is signed out."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.models import Session
from django.test import Client
from django.utils import timezone

from permissions.models import AuditEvent
from teams import integrity, logins, services
from teams.factories import AccountFactory, MailingListFactory, MembershipFactory, UserFactory
from teams.models import (
    Invitation,
    MailingList,
    Membership,
    SubaccountUserGrant,
    Team,
    TeamMembership,
)
from tests.services.world import World, holds, refused, stored, world

pytestmark = pytest.mark.django_db

Act = Callable[[World, Membership], Any]

ACTS: dict[str, Act] = {
    "remove": lambda w, m: services.remove_member(actor=w.owner, membership=m),
    "suspend": lambda w, m: services.suspend_member(actor=w.owner, membership=m),
    "leave": lambda w, m: services.leave(actor=m.user, membership=m),
    "leave_account": lambda w, m: services.leave_account(actor=m.user, account=w.account),
}
GOING = [name for name in ACTS if name != "suspend"]


@pytest.fixture
def w() -> World:
    return world("emma_hq")


class Sessions(logins.Logins):
    """A project with sessions in the database, which ends them."""

    def end_sessions(self, user: Any) -> None:
        for session in Session.objects.all():
            if session.get_decoded().get(SESSION_KEY) == str(user.pk):
                session.delete()


@pytest.fixture(autouse=True)
def sessions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logins, "_logins", [Sessions()])


def browsers(user: Any) -> Callable[[], int]:
    """Sign ``user`` in with two browsers; return how many are still signed in."""
    keys = []
    for _ in range(2):
        client = Client()
        client.force_login(user)
        keys.append(client.session.session_key)
    return Session.objects.filter(session_key__in=keys).count


def actions(since: int = 0) -> list[str]:
    rows = AuditEvent.objects.order_by("pk").values_list("action", flat=True)
    return list(rows)[since:]


# sessions (33)


@pytest.mark.parametrize("act", ACTS)
def test_whoever_has_no_account_left_is_signed_out_everywhere(
    w: World, act: str, django_capture_on_commit_callbacks: Any
) -> None:
    member, other = w.member("author"), w.member("author")
    signed_in, others = browsers(member.user), browsers(other.user)
    with django_capture_on_commit_callbacks(execute=True):
        ACTS[act](w, member)
        assert signed_in() == 2  # nothing that a rollback could not take back
    assert (signed_in(), others()) == (0, 2)


LEFT: dict[str, Callable[[World, Any], Any]] = {
    "a role here": lambda w, user: w.member("author", w.south, user=user),
    "a role elsewhere": lambda w, user: MembershipFactory(role="manager", user=user),
    "an account": lambda w, user: AccountFactory(owner=user),
    "a role that ends later": lambda w, user: MembershipFactory(
        role="manager", user=user, ends_at=timezone.now() + timedelta(days=1)
    ),
}
GONE: dict[str, Callable[[World, Any], Any]] = {
    "a suspended role": lambda w, user: MembershipFactory(
        role="manager", user=user, status="suspended"
    ),
    "a role that has ended": lambda w, user: MembershipFactory(
        role="manager", user=user, ends_at=timezone.now() - timedelta(days=1)
    ),
}


@pytest.mark.parametrize("act", ["remove", "suspend", "leave"])
@pytest.mark.parametrize("left", LEFT | GONE)
def test_whoever_has_something_left_stays_signed_in(
    w: World, act: str, left: str, django_capture_on_commit_callbacks: Any
) -> None:
    member = w.member("author")
    (LEFT | GONE)[left](w, member.user)
    signed_in = browsers(member.user)
    with django_capture_on_commit_callbacks(execute=True):
        ACTS[act](w, member)
    assert signed_in() == (2 if left in LEFT else 0)


def test_nobody_is_signed_out_by_what_was_refused(
    w: World, django_capture_on_commit_callbacks: Any
) -> None:
    member, equal = w.member("author"), w.member("author")
    signed_in = browsers(member.user)
    with django_capture_on_commit_callbacks(execute=True):
        for service in (services.remove_member, services.suspend_member):
            with refused("OUT_OF_SCOPE"):
                service(actor=equal.user, membership=member)
    assert signed_in() == 2


# what goes along, and what stays (36)


def rooted() -> tuple[World, Membership, Team]:
    """Return somebody with a switch, a team, guest access, an invitation sent, and a list made."""
    w = world("sailthru")
    role = w.custom("manage_members", "manage_roles", "access_audience", "rename_lists")
    member, team = w.member(role), w.team()
    services.add_to_team(actor=w.owner, team=team, user=member.user)
    services.give_guest_access(
        actor=w.owner, user=member.user, obj=w.south, permissions=["access_campaigns"]
    )
    services.invite_member(
        actor=member.user,
        account=w.account,
        address="ana@new.example",
        role=w.custom("access_audience"),
        subaccount=w.north,
    )
    MailingListFactory(subaccount=w.north, created_by=member.user)
    return w, member, team


@pytest.mark.parametrize("act", GOING)
def test_everything_goes_but_what_they_made(act: str) -> None:
    w, member, _team = rooted()
    user, before = member.user, len(actions())
    ACTS[act](w, member)
    assert not Membership.objects.filter(user=user).exists()
    assert not TeamMembership.objects.filter(user=user).exists()
    assert not SubaccountUserGrant.objects.filter(user=user).exists()
    assert Invitation.objects.get().status == Invitation.Status.WITHDRAWN
    assert MailingList.objects.get().created_by == user
    gone = "member.removed" if act == "remove" else "member.left"
    assert actions(before) == [gone, "team.left", "guest.withdrawn", "invitation.withdrawn"]
    assert list(integrity.problems()) == []
    # and nothing of it comes back with another role
    back = w.member("reports_only", user=user)
    assert not holds(user, "access_campaigns", w.south)
    assert not holds(user, "access_audience", w.north)
    assert Invitation.objects.get().status == Invitation.Status.WITHDRAWN
    services.remove_member(actor=w.owner, membership=back)


def test_the_audit_says_what_somebody_left(w: World) -> None:
    member = w.member("full", toggles=("export_contacts",))
    services.leave(actor=member.user, membership=member)
    event = AuditEvent.objects.latest("pk")
    assert (event.action, event.actor_ref) == ("member.left", f"auth.user:{member.user_id}")
    before = event.data["before"]
    assert before["role"] == "full"
    assert "export_contacts" in before["toggles"]
    assert before["subaccount"] == w.north.pk


def test_one_role_of_several_is_left(w: World) -> None:
    one = w.member("author")
    other = w.member("author", w.south, user=one.user)
    services.leave(actor=one.user, membership=one)
    assert list(Membership.objects.filter(user=one.user)) == [other]
    assert holds(one.user, "access_campaigns", w.south)
    assert not holds(one.user, "access_campaigns", w.north)


def test_leaving_the_account_gives_up_every_role_there_and_none_elsewhere(w: World) -> None:
    user = w.member("author").user
    w.member("author", w.south, user=user, status="suspended")
    rival = world("emma_hq")
    kept = rival.member("author", user=user)
    services.leave_account(actor=user, account=w.account)
    assert list(Membership.objects.filter(user=user)) == [kept]
    assert actions() == ["member.left", "member.left"]


# who leaves


@pytest.mark.parametrize("act", ["leave", "leave_account"])
def test_nobody_leaves_twice(w: World, act: str) -> None:
    member = w.member("author")
    services.leave(actor=member.user, membership=member)
    with refused("NOT_FOUND"):
        ACTS[act](w, member)


@pytest.mark.parametrize("act", ["leave", "leave_account"])
def test_who_was_removed_meanwhile_has_nothing_to_leave(w: World, act: str) -> None:
    member = w.member("author")
    services.remove_member(actor=w.owner, membership=member)
    with refused("NOT_FOUND"):
        ACTS[act](w, member)


@pytest.mark.parametrize("act", ["leave", "leave_account"])
def test_who_is_suspended_everywhere_does_nothing_there(w: World, act: str) -> None:
    """Also not go: what they had is kept as it is until somebody decides."""
    member = w.member("author", status="suspended")
    with refused("NOT_FOUND"):
        ACTS[act](w, member)


def test_who_is_suspended_in_one_place_leaves_it(w: World) -> None:
    member = w.member("author", status="suspended")
    w.member("author", w.south, user=member.user)
    services.leave(actor=member.user, membership=member)
    assert Membership.objects.get(user=member.user).subaccount == w.south


def test_the_owner_stays(w: World) -> None:
    with refused("OWNER_REQUIRED"):
        services.leave_account(actor=w.owner, account=w.account)


def test_nobody_leaves_for_another(w: World) -> None:
    author, boss = w.member("author"), w.member("administrator")
    for who in (boss.user, w.owner, UserFactory.build(pk=author.user_id + 10**6)):
        before = stored()
        with pytest.raises(Exception, match=r"^You have no such role\.$"):
            services.leave(actor=who, membership=author)
        assert stored() == before


def test_who_left_with_an_administrator_is_looked_after_by_the_owner(w: World) -> None:
    """The owner always suffices: nobody is kept from leaving."""
    boss, author = w.member("administrator"), w.member("author")
    services.leave(actor=boss.user, membership=boss)
    services.change_role(actor=w.owner, membership=author, role="administrator")


# until when


def test_longer_access_is_a_grant_of_all_that_lasts(w: World) -> None:
    boss = w.member("administrator").user
    soon, later = (timezone.now() + timedelta(days=n) for n in (1, 9))
    plain = w.member("full", ends_at=soon)
    services.set_end(actor=boss, membership=plain, ends_at=later)
    corporate = world("emma_corporate")
    chief = corporate.manager(corporate.north).user
    exporter = corporate.member("full", toggles=("export_contacts",), ends_at=soon)
    with refused("OUT_OF_SCOPE"):
        services.set_end(actor=chief, membership=exporter, ends_at=later)
    services.set_end(actor=chief, membership=exporter, ends_at=soon - timedelta(hours=1))
    with refused("OUT_OF_SCOPE"):
        services.set_end(actor=chief, membership=exporter, ends_at=None)


def test_longer_access_is_not_given_to_what_is_hidden_from_the_giver() -> None:
    w = world("sailthru")
    keeper = w.member(w.custom("manage_members", "manage_roles", "access_audience")).user
    reader = w.member(w.custom("access_audience"), ends_at=timezone.now() + timedelta(days=1))
    services.set_end(actor=keeper, membership=reader, ends_at=timezone.now() + timedelta(days=2))
    hidden = MailingListFactory(subaccount=w.north, created_by=w.owner)
    team = w.team(reader.user)
    services.share_with_team(actor=w.owner, team=team, obj=hidden)
    later = timezone.now() + timedelta(days=9)
    with refused("OUT_OF_SCOPE"):
        services.set_end(actor=keeper, membership=reader, ends_at=later)
    services.add_to_team(actor=w.owner, team=team, user=keeper)
    services.set_end(actor=keeper, membership=reader, ends_at=later)


def test_nobody_makes_their_own_access_last(w: World) -> None:
    boss = w.member("administrator", ends_at=timezone.now() + timedelta(days=1))
    with refused("OWN_RIGHTS"):
        services.set_end(actor=boss.user, membership=boss, ends_at=None)


def test_clock_at_the_end(w: World, monkeypatch: pytest.MonkeyPatch) -> None:
    ends_at = timezone.now() + timedelta(days=1)
    boss = w.member("administrator", ends_at=ends_at)
    newcomer = w.member("author")
    monkeypatch.setattr(timezone, "now", lambda: ends_at - timedelta(microseconds=1))
    assert holds(boss.user, "manage_members", w.north)
    services.change_role(actor=boss.user, membership=newcomer, role="editor")
    monkeypatch.setattr(timezone, "now", lambda: ends_at)
    assert not holds(boss.user, "manage_members", w.north)
    with refused("NOT_FOUND"):
        services.change_role(actor=boss.user, membership=newcomer, role="author")
