"""Invitations: offered by whoever may give, taken by whoever the address belongs to."""

from __future__ import annotations

import json
import logging
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.core import signing
from django.core.exceptions import ImproperlyConfigured
from django.utils import timezone

from permissions.errors import ServiceError
from permissions.models import AuditEvent
from teams import integrity, logins, services
from teams.factories import (
    AccountFactory,
    MailingListFactory,
    MembershipFactory,
    SubaccountFactory,
    UserFactory,
)
from teams.models import (
    Account,
    Invitation,
    Membership,
    Role,
    Subaccount,
    SubaccountUserGrant,
    TeamMembership,
)
from teams.models.account import TeamMode
from teams.services import departures, invitation_mail, joining, seating
from tests.services.world import World, holds, refused, world

pytestmark = pytest.mark.django_db

Status = Invitation.Status
ADDRESS = "ana@new.example"
JOINING = {"first_name": "Ana", "last_name": "Ruiz", "password": "a long enough one"}


@pytest.fixture
def w() -> World:
    return world("emma_hq")


def invite(w: World, actor: Any = None, **asked: Any) -> Invitation:
    """Invite ``ADDRESS`` to be an Editor in north, unless told otherwise."""
    asked = {"address": ADDRESS, "role": "editor", "subaccount": w.north} | asked
    return services.invite_member(actor=actor or w.owner, account=w.account, **asked)


def at_account(**asked: Any) -> dict[str, Any]:
    return {"role": "manager", "subaccount": None, **asked}


def mailed(invitation: Invitation) -> str:
    return invitation_mail.token_of(stored(invitation), mailed=True)


def copied(invitation: Invitation) -> str:
    return invitation_mail.token_of(stored(invitation), mailed=False)


def stored(invitation: Invitation) -> Invitation:
    return Invitation.objects.get(pk=invitation.pk)


def newcomer(address: str = ADDRESS, **extra: Any) -> Any:
    return UserFactory(email=address, **extra)


def accept(invitation: Invitation, user: Any = None) -> Membership:
    return services.accept_invitation(actor=user or newcomer(), token=mailed(invitation))


def let_pass(monkeypatch: pytest.MonkeyPatch, time: timedelta) -> None:
    """Move the clock."""
    later = timezone.now() + time
    monkeypatch.setattr(timezone, "now", lambda: later)


def events(prefix: str = "invitation.") -> list[AuditEvent]:
    return list(AuditEvent.objects.filter(action__startswith=prefix).order_by("pk"))


def states() -> list[str]:
    return list(Invitation.objects.order_by("pk").values_list("status", flat=True))


class Confirming(logins.Logins):
    """A project that knows which of somebody's addresses are confirmed, several for one login."""

    def __init__(self) -> None:
        self.confirmed: dict[str, Any] = {}

    def owns(self, user: Any, address: str) -> bool:
        return bool(user.is_active) and self.confirmed.get(address) == user.pk

    def find(self, address: str) -> Any:
        people = get_user_model().objects.filter(is_active=True)
        return people.filter(pk=self.confirmed.get(address)).first()


@pytest.fixture
def confirming(monkeypatch: pytest.MonkeyPatch) -> Confirming:
    found = Confirming()
    monkeypatch.setattr(logins, "_logins", [found])
    return found


# the way it goes


def test_invited_newcomer_creates_a_login_and_holds_what_was_offered(w: World) -> None:
    w.owner.first_name, w.owner.last_name = "Maria", "Lopez"
    w.owner.save()
    invitation = invite(w, toggles=["export_contacts"], address=" Ana@New.Example ")
    assert invitation.address == ADDRESS
    membership = services.join(token=mailed(invitation), **JOINING)
    ana = membership.user
    assert (ana.username, ana.email, ana.get_full_name()) == (ADDRESS, ADDRESS, "Ana Ruiz")
    assert ana.check_password("a long enough one")
    assert holds(ana, "export_contacts", w.north)
    assert holds(ana, "access_campaigns", w.north)
    assert not holds(ana, "access_campaigns", w.south)
    assert membership.added_by == w.owner
    found = stored(invitation)
    assert (found.status, found.accepted_by) == (Status.ACCEPTED, ana)
    actions = AuditEvent.objects.order_by("sequence").values_list("action", "actor_label")
    assert list(actions) == [
        ("invitation.sent", "Maria Lopez"),
        ("member.added", "Maria Lopez"),
        ("permission.toggled", "Maria Lopez"),
        ("invitation.accepted", "Ana Ruiz"),
    ]
    assert list(integrity.problems()) == []


def test_the_audit_rebuilds_what_was_offered_and_taken() -> None:
    w = world("sailthru")
    team, ends_at = w.team(), timezone.now() + timedelta(days=40)
    invitation = invite(w, role="marketer_limited", teams=[team], ends_at=ends_at)
    ana = newcomer()
    membership = accept(invitation, ana)
    sent, accepted = events()
    offer = {
        "invitation": invitation.pk,
        "address": ADDRESS,
        "subaccount": w.north.pk,
        "role": "marketer_limited",
        "custom_role": None,
        "all_subaccounts": False,
        "managed": [],
        "toggles": [],
        "teams": [team.pk],
    }
    assert {key: sent.data[key] for key in offer} == offer
    assert datetime.fromisoformat(sent.data["ends_at"]) - ends_at < timedelta(seconds=1)
    assert accepted.data == sent.data | {"user": str(ana.pk), "person": ana.get_full_name()}
    assert membership.ends_at == stored(invitation).ends_at
    assert team.memberships.get().ends_at == membership.ends_at


def test_every_change_of_state_is_one_event(w: World, monkeypatch: pytest.MonkeyPatch) -> None:
    boss = w.manager(w.north).user
    invitation = invite(w, boss)
    let_pass(monkeypatch, timedelta(minutes=3))
    services.resend_invitation(actor=boss, invitation=invitation)
    let_pass(monkeypatch, timedelta(minutes=3))
    joining.mail_again(token=copied(invitation))
    services.withdraw_invitation(actor=boss, invitation=invitation)
    again = invite(w, boss)
    services.remove_member(actor=w.owner, membership=Membership.objects.get(user=boss))
    assert [event.action for event in events()] == [
        "invitation.sent",
        "invitation.resent",
        "invitation.mailed",
        "invitation.withdrawn",
        "invitation.sent",
        "invitation.withdrawn",
    ]
    assert stored(again).status == Status.WITHDRAWN
    assert "left the account" in events()[-1].data["because"]


def test_nonce_and_links_are_nowhere_but_in_the_mail(
    w: World, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.DEBUG)
    invitation = invite(w)
    secrets = {stored(invitation).nonce, mailed(invitation), copied(invitation)}
    said = []
    for user in (newcomer("other@new.example"), w.owner):
        with pytest.raises(ServiceError) as caught:
            accept(invitation, user)
        said.append(str(caught.value))
    let_pass(monkeypatch, timedelta(minutes=3))
    services.resend_invitation(actor=w.owner, invitation=invitation)
    secrets |= {stored(invitation).nonce, mailed(invitation), copied(invitation)}
    accept(invitation)
    kept = json.dumps(list(AuditEvent.objects.values()), default=str)
    # the statements of the database are for developers
    logged = "".join(r.getMessage() for r in caplog.records if r.name != "django.db.backends")
    assert len(secrets) == 6
    for secret in secrets:
        assert not any(secret in text for text in (kept, logged, *said))


# whose it is (IV6)


@pytest.mark.parametrize("address", [ADDRESS, "ANA@new.example", "Ana@NEW.Example"])
def test_case_of_ascii_letters_is_the_same_address(w: World, address: str) -> None:
    user = newcomer(address)
    assert accept(invite(w), user).user == user


@pytest.mark.parametrize(
    ("address", "other"),
    [
        ("mike@new.example", "mıke@new.example"),
        ("mike@new.example", "ＭIKE@new.example"),
        ("mike@new.example", "mi\u212ae@new.example"),
        ("mike@new.example", "m.ike@new.example"),
        ("mike@new.example", "mike+x@new.example"),
        ("mike@new.example", "mike@new.example.evil"),
        ("mike@new.example", "mike@new.example "),
        ("mike@new.example", " mike@new.example"),
        ("mike@new.example", "mike@new.example\u200b"),
        ("mike@new.example", ""),
    ],
)
def test_any_other_writing_is_somebody_else(w: World, address: str, other: str) -> None:
    invitation, user = invite(w, address=address), newcomer(other)
    with refused("ADDRESSEE"):
        accept(invitation, user)
    # and whoever writes themselves like that does not keep the right one out
    assert services.join(token=mailed(invitation), **JOINING).user.email == address


@pytest.mark.parametrize("address", ["mıke@new.example", "ＭIKE@new.example", "mike@new.exam ple"])
def test_nobody_is_invited_at_an_address_that_is_none(w: World, address: str) -> None:
    with refused("NOT_AN_ADDRESS"):
        invite(w, address=address)


@pytest.mark.django_db(transaction=True)
def test_refusal_of_somebody_else_is_recorded_where_they_are_known(w: World) -> None:
    invitation, user, stranger = invite(w), w.member("author").user, newcomer("x@x.example")
    for who in (user, stranger):
        with pytest.raises(ServiceError):
            accept(invitation, who)
    [event] = events("write.refused")
    assert event.actor_ref == f"auth.user:{user.pk}"
    assert (event.data["verb"], event.data["code"]) == ("accept_invitation", "ADDRESSEE")


def test_address_of_a_login_counts_as_it_is_now(w: World) -> None:
    invitation, user = invite(w), newcomer()
    stale = get_user_model().objects.get(pk=user.pk)
    get_user_model().objects.filter(pk=user.pk).update(email="moved@new.example")
    with refused("ADDRESSEE"):
        accept(invitation, stale)


def test_only_a_confirmed_address_counts(w: World, confirming: Confirming) -> None:
    invitation, claims, has = invite(w), newcomer(), newcomer("else@new.example")
    with refused("ADDRESSEE"):  # who copied the link has not read the mail
        services.accept_invitation(actor=claims, token=copied(invitation))
    confirming.confirmed[ADDRESS] = has.pk
    with refused("ADDRESSEE"):
        accept(invitation, claims)
    assert accept(invitation, has).user == has


def test_who_claims_an_address_does_not_keep_its_owner_from_being_invited(
    w: World, confirming: Confirming
) -> None:
    w.member("author", user=newcomer())
    invite(w)
    known = w.member("author", user=newcomer("x@x.example")).user
    confirming.confirmed["other@new.example"] = known.pk
    with refused("ALREADY_USED"):
        invite(w, address="other@new.example")


@pytest.mark.parametrize("field", ["is_staff", "is_superuser", "is_active"])
def test_staff_and_logins_switched_off_accept_nothing(w: World, field: str) -> None:
    user = newcomer(**{field: field != "is_active"})
    invitation = invite(w)
    with refused("INACTIVE" if field == "is_active" else "OPERATOR"):
        accept(invitation, user)
    with refused("LOGIN_OFF" if field == "is_active" else "LOGIN_EXISTS"):
        services.join(token=mailed(invitation), **JOINING)


@pytest.mark.parametrize("nobody", [None, "ana", object()])
def test_who_is_not_signed_in_accepts_nothing(w: World, nobody: Any) -> None:
    invitation = invite(w)
    with refused("WRONG_TYPE"):
        services.accept_invitation(actor=nobody, token=mailed(invitation))


# links


def test_links_are_read_only_if_whole_and_ours(w: World) -> None:
    invitation = invite(w)
    good = mailed(invitation)
    other = signing.dumps([invitation.pk, stored(invitation).nonce], salt="elsewhere")
    unsigned = good.rpartition(":")[0] + ":" + "x" * 43
    bad = ["", good[:-1], good + "A", unsigned, other, "\ud800", "x" * 10_000, None, 5, [good]]
    user = newcomer()
    for token in bad:
        with refused("NOT_FOUND"):
            services.accept_invitation(actor=user, token=token)
        with refused("COPIED"):
            services.join(token=token, **JOINING)
    guessed = signing.dumps([invitation.pk, "x" * 43], salt=invitation_mail.MAILED)
    with refused("NOT_FOUND"):
        services.accept_invitation(actor=user, token=guessed)


def test_copied_link_creates_no_login_but_may_be_accepted_with_the_address(w: World) -> None:
    invitation = invite(w)
    with refused("COPIED"):
        services.join(token=copied(invitation), **JOINING)
    with refused("ADDRESSEE"):
        services.accept_invitation(actor=newcomer("x@x.example"), token=copied(invitation))
    user = newcomer()
    assert services.accept_invitation(actor=user, token=copied(invitation)).user == user


def test_mail_is_asked_for_again_now_and_then(w: World, monkeypatch: pytest.MonkeyPatch) -> None:
    invitation = invite(w)
    token = copied(invitation)
    with refused("TOO_MANY"):
        joining.mail_again(token=token)
    for _ in range(9):
        let_pass(monkeypatch, timedelta(minutes=2, seconds=1))
        joining.mail_again(token=token)
        with refused("TOO_MANY"):
            joining.mail_again(token=token)
    assert joining.open_invitation(token) == invitation
    # the tenth of an hour was the last; and delivery that fails opens no other way
    let_pass(monkeypatch, timedelta(minutes=2, seconds=1))
    Invitation.objects.update(sent_at=None)
    with refused("TOO_MANY"):
        joining.mail_again(token=token)
    with refused("NOT_FOUND"):
        joining.mail_again(token="x")


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        ("first_name", "", "EMPTY"),
        ("first_name", None, "WRONG_TYPE"),
        ("last_name", "a\x00b", "NOT_TEXT"),
        ("last_name", "x" * 61, "TOO_LONG"),
        ("password", "short", "WEAK_PASSWORD"),
        ("password", "ana@new.example", "WEAK_PASSWORD"),
        ("password", 12345678901, "WRONG_TYPE"),
        ("password", None, "WRONG_TYPE"),
    ],
)
def test_joining_asks_for_names_and_a_password(w: World, name: str, value: Any, code: str) -> None:
    invitation = invite(w)
    with refused(code):
        services.join(token=mailed(invitation), **(JOINING | {name: value}))


def test_who_has_a_login_does_not_get_another(w: World) -> None:
    invitation, user = invite(w), newcomer("ANA@new.example")
    with refused("LOGIN_EXISTS"):
        services.join(token=mailed(invitation), **JOINING)
    assert accept(invitation, user).user == user


def test_user_name_that_is_taken_is_no_obstacle(w: World) -> None:
    UserFactory(username=ADDRESS, email="other@x.example")
    assert services.join(token=mailed(invite(w)), **JOINING).user.username == f"{ADDRESS}-2"


def test_login_that_appears_meanwhile_is_said_to_exist(
    w: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when two accounts invite one address, and both are answered at once."""
    UserFactory(username=ADDRESS, email="other@x.example")
    monkeypatch.setattr(joining, "free_username", lambda address: address)
    invitation = invite(w)
    with refused("LOGIN_EXISTS"):
        services.join(token=mailed(invitation), **JOINING)


def test_model_without_addresses_is_told_what_to_do(
    w: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    invitation = invite(w)
    monkeypatch.setattr(get_user_model(), "EMAIL_FIELD", "mailbox")
    with pytest.raises(ImproperlyConfigured, match=r"auth.User has no field 'mailbox'.*Logins"):
        accept(invitation)


# once and in time (IV3, IV5)


def test_accepted_once(w: World) -> None:
    invitation, user = invite(w), newcomer()
    token = mailed(invitation)
    accept(invitation, user)
    with refused("SETTLED"):
        services.accept_invitation(actor=user, token=token)
    with refused("SETTLED"):
        services.join(token=token, **JOINING)
    assert Membership.objects.filter(user=user).count() == 1
    with refused("SETTLED"):
        services.resend_invitation(actor=w.owner, invitation=invitation)
    with refused("SETTLED"):
        services.withdraw_invitation(actor=w.owner, invitation=invitation)


def test_expires_at_that_moment(w: World, monkeypatch: pytest.MonkeyPatch) -> None:
    invitation, user = invite(w), newcomer()
    assert invitation.expires_at - timezone.now() > timedelta(days=14, hours=23)
    at = invitation.expires_at
    monkeypatch.setattr(timezone, "now", lambda: at)
    with refused("EXPIRED"):
        accept(invitation, user)
    with refused("EXPIRED"):
        services.join(token=mailed(invitation), **JOINING)
    with refused("EXPIRED"):
        joining.mail_again(token=mailed(invitation))
    monkeypatch.setattr(timezone, "now", lambda: at - timedelta(microseconds=1))
    assert accept(invitation, user).user == user


def test_nothing_is_offered_longer_than_it_would_last(w: World) -> None:
    ends_at = timezone.now() + timedelta(days=2)
    assert invite(w, ends_at=ends_at).expires_at == ends_at


def test_days_are_a_setting(w: World, settings: Any) -> None:
    settings.INVITATION_DAYS = 3
    days = invite(w).expires_at - timezone.now()
    assert timedelta(days=2, hours=23) < days <= timedelta(days=3)


def test_sent_again_the_old_link_is_dead(w: World, monkeypatch: pytest.MonkeyPatch) -> None:
    invitation, user = invite(w), newcomer()
    old = mailed(invitation), copied(invitation)
    with refused("TOO_MANY"):
        services.resend_invitation(actor=w.owner, invitation=invitation)
    let_pass(monkeypatch, timedelta(days=20))
    services.resend_invitation(actor=w.owner, invitation=invitation)
    for token in old:
        with refused("NOT_FOUND"):
            services.accept_invitation(actor=user, token=token)
        with refused("NOT_FOUND" if token == old[0] else "COPIED"):
            services.join(token=token, **JOINING)
    assert accept(invitation, user).user == user


def test_withdrawn_the_link_is_dead(w: World) -> None:
    invitation, user = invite(w), newcomer()
    services.withdraw_invitation(actor=w.owner, invitation=invitation)
    with refused("SETTLED"):
        accept(invitation, user)


def test_whoever_sends_it_again_answers_for_it(w: World, monkeypatch: pytest.MonkeyPatch) -> None:
    boss, other = w.member("administrator"), w.member("administrator")
    invitation = invite(w, boss.user)
    let_pass(monkeypatch, timedelta(minutes=3))
    services.resend_invitation(actor=other.user, invitation=invitation)
    services.remove_member(actor=w.owner, membership=boss)
    assert accept(invitation).added_by == other.user


def test_it_is_not_sent_again_by_who_may_not_give_it(
    w: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    rival = world("emma_hq").owner
    above = invite(w, **at_account(all_subaccounts=True))
    elsewhere = invite(w, subaccount=w.south, address="bea@new.example")
    let_pass(monkeypatch, timedelta(minutes=3))
    for who in (w.member("administrator").user, w.member("author").user):
        for invitation in (above, elsewhere):
            with refused("OUT_OF_SCOPE"):
                services.resend_invitation(actor=who, invitation=invitation)
            with refused("OUT_OF_SCOPE"):
                services.withdraw_invitation(actor=who, invitation=invitation)
    covers_it = w.member("full").user  # and manages nobody
    here = invite(w, role="response_only", address="cid@new.example")
    let_pass(monkeypatch, timedelta(minutes=3))
    for service in (services.resend_invitation, services.withdraw_invitation):
        with refused("NOT_FOUND"):
            service(actor=rival, invitation=above)
        with refused("OUT_OF_SCOPE"):
            service(actor=covers_it, invitation=here)


def test_rank_decides_who_withdraws() -> None:
    w = world("emma_corporate")
    invitation = invite(w, **at_account(all_subaccounts=True))
    equal = w.manager().user
    with refused("OUT_OF_SCOPE"):
        services.withdraw_invitation(actor=equal, invitation=invitation)
    lower = invite(w, role="administrator", address="bea@new.example")
    administrator = w.member("administrator").user
    with refused("RANK_TOO_HIGH"):
        services.withdraw_invitation(actor=administrator, invitation=lower)
    peer = w.manager(toggles=("managers",)).user
    services.withdraw_invitation(actor=peer, invitation=invitation)


# nobody offers what they could not give


@pytest.mark.parametrize("who", ["full", "editor", "author", "response_only"])
def test_who_manages_nobody_invites_nobody(w: World, who: str) -> None:
    actor = w.member(who).user
    with refused("OUT_OF_SCOPE"):
        invite(w, actor, role="response_only")


def test_nobody_invites_to_their_own_rank_or_above(w: World) -> None:
    manager = w.manager(w.north).user
    with refused("OUT_OF_SCOPE"):
        invite(w, manager, **at_account(all_subaccounts=True))
    corporate = world("emma_corporate")
    administrator = corporate.member("administrator").user
    with refused("RANK_TOO_HIGH"):
        invite(corporate, administrator, role="administrator")


def test_nobody_invites_beyond_their_reach() -> None:
    w = world("emma_corporate")
    boss = w.manager(w.north, toggles=("managers",)).user
    with refused("OUT_OF_SCOPE"):
        invite(w, boss, subaccount=w.south)
    with refused("OUT_OF_SCOPE"):
        invite(w, boss, **at_account(managed=[w.south]))
    with refused("OUT_OF_SCOPE"):
        invite(w, boss, **at_account(all_subaccounts=True))
    accept(invite(w, boss, **at_account(managed=[w.north])))


def test_nobody_invites_with_a_switch_they_may_not_move_or_do_not_hold() -> None:
    w = world("emma_corporate")
    boss = w.manager(w.north, toggles=("managers",)).user
    with refused("OUT_OF_SCOPE"):
        invite(w, boss, role="full", toggles=["export_contacts"])
    with refused("NOT_TOGGLEABLE"):
        invite(w, role="response_only", toggles=["export_contacts"])
    administrator = w.member("administrator").user
    with refused("OUT_OF_SCOPE"):  # may switch it, but does not hold it
        invite(w, administrator, role="full", toggles=["share_campaigns"])


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"toggles": "export_contacts"}, "WRONG_TYPE"),
        ({"toggles": ["export_contacts", "export_contacts"]}, "WRONG_TYPE"),
        ({"toggles": ["sso"]}, "UNKNOWN_TOGGLE"),
        ({"address": ""}, "EMPTY"),
        ({"role": "janitor"}, "UNKNOWN_ROLE"),
        ({"ends_at": timezone.now() - timedelta(days=1)}, "ENDED"),
        ({"teams": "red"}, "WRONG_TYPE"),
        ({"teams": [1]}, "WRONG_TYPE"),
    ],
)
def test_nonsense_is_not_offered(w: World, asked: dict[str, Any], code: str) -> None:
    with refused(code):
        invite(w, **asked)


def test_archived_and_foreign_places_are_not_offered(w: World) -> None:
    rival = world("emma_hq")
    with refused("ARCHIVED"):
        invite(w, subaccount=w.west)
    with refused("NOT_FOUND"):
        invite(w, subaccount=rival.north)
    with refused("NOT_FOUND"):
        invite(w, **at_account(managed=[rival.north]))
    with refused("NOT_FOUND"):
        invite(w, rival.owner)


def test_role_with_more_than_one_holds_is_not_offered() -> None:
    w = world("sailthru")
    keeper = w.member(w.custom("manage_members", "manage_roles", "access_audience")).user
    sender = w.custom("access_audience", "access_campaigns", "send_campaigns")
    with refused("OUT_OF_SCOPE"):
        invite(w, keeper, role=sender)
    with refused("OUT_OF_SCOPE"):
        invite(w, keeper, role="account_admin")
    accept(invite(w, keeper, role=w.custom("access_audience")))


def people_keeper(w: World, *more: str) -> Any:
    held = ("manage_members", "manage_roles", "manage_teams", "access_audience", *more)
    return w.member(w.custom(*held)).user


def test_place_in_a_team_that_had_ended_begins_again() -> None:
    w = world("sailthru", team_mode=TeamMode.LISTS)
    team, ana = w.team(), w.member("reports_only").user
    row = TeamMembership.objects.create(team=team, user=ana, ends_at=timezone.now())
    invitation = invite(w, role="marketer_limited", teams=[team], address=ana.email)
    accept(invitation, ana)
    row.refresh_from_db()
    assert row.ends_at is None


def test_team_is_not_offered_that_sees_what_is_hidden_from_the_inviter() -> None:
    w = world("sailthru")
    keeper, team = people_keeper(w), w.team()
    hidden = MailingListFactory(subaccount=w.north, created_by=w.owner)
    services.share_with_team(actor=w.owner, team=team, obj=hidden)
    reader = w.custom("access_audience")
    with refused("OUT_OF_SCOPE"):
        invite(w, keeper, role=reader, teams=[team])
    services.add_to_team(actor=w.owner, team=team, user=keeper)
    accept(invite(w, keeper, role=reader, teams=[team]))


def test_team_that_comes_to_see_more_meanwhile_makes_it_void() -> None:
    w = world("sailthru")
    keeper, team = people_keeper(w), w.team()
    invitation = invite(w, keeper, role=w.custom("access_audience"), teams=[team])
    hidden = MailingListFactory(subaccount=w.north, created_by=w.owner)
    services.share_with_team(actor=w.owner, team=team, obj=hidden)
    with pytest.raises(ServiceError):
        accept(invitation)
    assert (states(), team.memberships.count()) == ([Status.VOID], 0)


def test_teams_are_asked_of_who_manages_them() -> None:
    w = world("sailthru")
    keeper = w.member(w.custom("manage_members", "manage_roles")).user
    plain, team, foreign = w.custom(), w.team(), world("sailthru").team()
    with refused("OUT_OF_SCOPE"):
        invite(w, keeper, role=plain, teams=[team])
    with refused("NOT_FOUND"):
        invite(w, role=plain, teams=[foreign])
    Account.objects.filter(pk=w.account.pk).update(team_mode=TeamMode.OFF)
    with refused("TEAMS_OFF"):
        invite(w, role=plain, teams=[team])


# the inviter's right, asked again (IV2, IV5)


def voided(invitation: Invitation, user: Any = None) -> None:
    """Expect that accepting fails, leaves nothing but the mark, and is not tried again."""
    user = user or newcomer()
    token, people = mailed(invitation), Membership.objects.count()
    with pytest.raises(ServiceError) as caught:
        services.accept_invitation(actor=user, token=token)
    assert caught.value.code == "VOID"
    assert stored(invitation).status == Status.VOID
    assert Membership.objects.count() == people
    last = events()[-1]
    assert (last.action, last.actor_ref) == ("invitation.voided", "system")
    with refused("SETTLED"):
        services.accept_invitation(actor=user, token=token)
    with refused("SETTLED"):
        services.resend_invitation(
            actor=Account.objects.get(pk=invitation.account_id).owner, invitation=invitation
        )


def test_void_once_the_inviter_is_demoted(w: World) -> None:
    boss = w.member("administrator")
    invitation = invite(w, boss.user)
    services.change_role(actor=w.owner, membership=boss, role="author")
    voided(invitation)


def test_void_once_the_inviter_is_suspended(w: World) -> None:
    boss = w.member("administrator")
    invitation = invite(w, boss.user)
    services.suspend_member(actor=w.owner, membership=boss)
    voided(invitation)


def test_void_once_the_inviters_access_has_ended(w: World, monkeypatch: pytest.MonkeyPatch) -> None:
    boss = w.member("administrator", ends_at=timezone.now() + timedelta(days=1))
    invitation = invite(w, boss.user)
    let_pass(monkeypatch, timedelta(days=1))
    voided(invitation)


@pytest.mark.parametrize("field", ["is_active", "is_staff", "is_superuser"])
def test_void_once_the_inviters_login_is_no_tenants(w: World, field: str) -> None:
    boss = w.member("administrator").user
    invitation = invite(w, boss)
    get_user_model().objects.filter(pk=boss.pk).update(**{field: field != "is_active"})
    voided(invitation)


def test_void_once_the_inviters_login_is_deleted(w: World) -> None:
    boss = w.member("administrator").user
    invitation = invite(w, boss)
    boss.delete()
    voided(invitation)


def test_withdrawn_once_whom_it_invites_is_sent_away(w: World) -> None:
    ana = newcomer()
    north = accept(invite(w), ana)
    south = invite(w, subaccount=w.south)
    elsewhere = invite(w, subaccount=w.south, address="somebody.else@new.example")
    services.remove_member(actor=w.owner, membership=north)
    assert (stored(south).status, stored(elsewhere).status) == (Status.WITHDRAWN, Status.PENDING)
    with refused("SETTLED"):
        services.accept_invitation(actor=ana, token=mailed(south))


def test_withdrawn_once_whom_it_invites_is_sent_away_whatever_had_ended_before(w: World) -> None:
    ana = newcomer()
    north = accept(invite(w), ana)
    w.member("editor", w.south, user=ana, ends_at=timezone.now() - timedelta(days=1))
    account = invite(w, **at_account(all_subaccounts=True))
    services.remove_member(actor=w.owner, membership=north)
    assert stored(account).status == Status.WITHDRAWN


@pytest.mark.parametrize("everywhere", [False, True])
def test_withdrawn_once_whom_it_invites_is_suspended(w: World, everywhere: bool) -> None:
    ana = newcomer()
    north = accept(invite(w), ana)
    south = invite(w, subaccount=w.south)
    if everywhere:
        departures.suspend_in_account(actor=w.owner, account=w.account, user=ana)
    else:
        services.suspend_member(actor=w.owner, membership=north)
    with refused("SETTLED"):
        services.accept_invitation(actor=ana, token=mailed(south))
    assert "has no active role" in events()[-1].data["because"]


def test_not_withdrawn_while_whom_it_invites_works_elsewhere(w: World) -> None:
    ana = newcomer()
    north = accept(invite(w), ana)
    w.manager(user=ana)
    south = invite(w, subaccount=w.south)
    services.suspend_member(actor=w.owner, membership=north)
    services.remove_member(actor=w.owner, membership=north)
    assert stored(south).status == Status.PENDING


def test_withdrawn_once_the_inviter_is_removed_even_if_they_come_back(w: World) -> None:
    boss = w.member("administrator")
    invitation = invite(w, boss.user)
    services.remove_member(actor=w.owner, membership=boss)
    w.member("administrator", user=boss.user)
    assert stored(invitation).status == Status.WITHDRAWN
    with refused("SETTLED"):
        accept(invitation)


def test_void_for_a_place_the_inviter_no_longer_manages(w: World) -> None:
    boss = w.manager(w.north, w.south)
    invitation = invite(w, boss.user)
    services.set_manager_reach(actor=w.owner, membership=boss, subaccounts=[w.south])
    voided(invitation)


def test_void_once_the_inviter_lost_one_switch() -> None:
    w = world("emma_corporate")
    boss = w.manager(w.north, toggles=("export_contacts",))
    with_it = invite(w, boss.user, role="full", toggles=["export_contacts"])
    without = invite(w, boss.user, role="full", address="bea@new.example")
    services.toggle_permission(actor=w.owner, membership=boss, toggle="export_contacts", on=False)
    voided(with_it)
    assert SubaccountUserGrant.objects.count() == 0
    accept(without, newcomer("bea@new.example"))


def test_void_once_the_role_holds_more_than_the_inviter() -> None:
    w = world("sailthru")
    role = w.custom("access_audience")
    invitation = invite(w, people_keeper(w), role=role)
    Role.objects.filter(pk=role.pk).update(permissions=["access_audience", "send_campaigns"])
    voided(invitation)


def test_void_leaves_alone_what_was_sent_anew_meanwhile(
    w: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    boss = w.member("administrator")
    invitation = invite(w, boss.user)
    lost = stored(invitation)
    let_pass(monkeypatch, timedelta(minutes=3))
    services.resend_invitation(actor=w.owner, invitation=invitation)
    joining.void(lost)
    assert accept(invitation).added_by == w.owner


def test_void_once_is_recorded_once(w: World) -> None:
    boss = w.member("administrator")
    invitation = invite(w, boss.user)
    services.suspend_member(actor=w.owner, membership=boss)
    voided(invitation)
    joining.void(invitation)
    assert len([e for e in events() if e.action == "invitation.voided"]) == 1


# whom one may not bring in


def test_nobody_raises_themselves_by_a_second_address(w: World, confirming: Confirming) -> None:
    boss = w.manager(w.north).user
    confirming.confirmed[ADDRESS] = boss.pk
    invitation = invite(w, boss, role="administrator")
    voided(invitation, boss)


def test_a_second_login_gets_no_more_than_the_first_has() -> None:
    w = world("emma_corporate")
    boss = w.manager(w.north, toggles=("managers",)).user
    second = accept(invite(w, boss, **at_account(managed=[w.north]))).user
    for permission in ("export_contacts", "manage_members", "send_campaigns"):
        for place in (w.north, w.south):
            assert holds(second, permission, place) <= holds(boss, permission, place)


def test_who_is_above_the_inviter_is_not_brought_in_by_them(w: World) -> None:
    boss = w.member("administrator")
    above = w.manager(w.north, user=newcomer()).user
    invitation = invite(w, boss.user)
    voided(invitation, above)


def test_the_owner_is_not_brought_in(w: World) -> None:
    get_user_model().objects.filter(pk=w.owner.pk).update(email=ADDRESS)
    invitation = invite(w, w.member("administrator").user)
    with refused("OWNER"):
        accept(invitation, w.owner)
    assert stored(invitation).status == Status.PENDING


def test_who_has_a_role_there_is_changed_and_not_invited(w: World) -> None:
    w.member("author", user=newcomer())
    with refused("ALREADY_USED"):
        invite(w)
    # whoever does not see them is told nothing
    south = w.member("administrator", w.south).user
    accept(invite(w, south, subaccount=w.south), get_user_model().objects.get(email=ADDRESS))


def test_who_got_a_role_there_meanwhile_accepts_nothing(w: World) -> None:
    invitation, user = invite(w), newcomer()
    w.member("author", user=user)
    with refused("ALREADY_USED"):
        accept(invitation, user)


def test_roles_add_up_where_the_edition_says_so() -> None:
    w = world("sailthru")
    user = newcomer()
    first, second = (invite(w, role=role) for role in ("reports_only", "marketer_admin"))
    accept(first, user)
    accept(second, user)
    assert Membership.objects.filter(user=user).count() == 2
    with refused("ALREADY_USED"):
        invite(w, role="reports_only")


def test_one_offer_for_a_seat_at_a_time(w: World, monkeypatch: pytest.MonkeyPatch) -> None:
    first = invite(w)
    with refused("ALREADY_USED"):
        invite(w, role="author", address="ANA@new.example")
    let_pass(monkeypatch, timedelta(days=16))
    second = invite(w, role="author")  # what has expired gives way
    assert (stored(first).status, stored(second).status) == (Status.WITHDRAWN, Status.PENDING)
    accept(second)
    assert [event.action for event in events()][-3:] == [
        "invitation.withdrawn",
        "invitation.sent",
        "invitation.accepted",
    ]


# what changes meanwhile


def test_archived_meanwhile(w: World) -> None:
    invitation, user = invite(w), newcomer()
    services.archive_subaccount(actor=w.owner, subaccount=w.north)
    with refused("ARCHIVED"):
        accept(invitation, user)
    services.restore_subaccount(actor=w.owner, subaccount=w.north)
    assert accept(invitation, user).user == user


def test_deleted_meanwhile(w: World) -> None:
    place = SubaccountFactory(account=w.account)
    invitation, user = invite(w, subaccount=place), newcomer()
    token = mailed(invitation)
    Subaccount.objects.filter(pk=place.pk).delete()
    with refused("NOT_FOUND"):
        services.accept_invitation(actor=user, token=token)
    assert not Invitation.objects.exists()


def test_one_of_several_places_deleted_meanwhile(w: World) -> None:
    place = SubaccountFactory(account=w.account)
    invitation = invite(w, **at_account(managed=[w.north, place]))
    Subaccount.objects.filter(pk=place.pk).delete()
    membership = accept(invitation)
    assert [row.subaccount for row in membership.reach.all()] == [w.north]


def test_edition_without_the_role(w: World) -> None:
    invitation, user = invite(w, role="administrator"), newcomer()
    Account.objects.filter(pk=w.account.pk).update(edition="emma_enterprise")
    with refused("UNKNOWN_ROLE"):
        accept(invitation, user)
    services.withdraw_invitation(actor=w.owner, invitation=invitation)


def test_team_deleted_and_teams_switched_off_meanwhile() -> None:
    w = world("sailthru")
    gone, kept = w.team(), w.team()
    first = invite(w, role="reports_only", teams=[gone])
    second = invite(w, role="reports_only", teams=[kept], address="bea@new.example")
    gone.delete()
    assert accept(first).user.team_memberships.count() == 0
    Account.objects.filter(pk=w.account.pk).update(team_mode=TeamMode.OFF)
    bea = newcomer("bea@new.example")
    with refused("TEAMS_OFF"):
        accept(second, bea)


# seats (IV8)


def limit(w: World, seats: int) -> None:
    Account.objects.filter(pk=w.account.pk).update(seat_limit=seats)


def test_pending_invitations_take_seats_once_per_person(w: World) -> None:
    limit(w, 2)
    first = invite(w)
    second = invite(w, subaccount=w.south)  # the same person
    with refused("LIMIT_REACHED"):
        invite(w, address="bea@new.example")
    with refused("LIMIT_REACHED"):
        services.add_member(
            actor=w.owner,
            account=w.account,
            user=newcomer("bea@new.example"),
            role="author",
            subaccount=w.north,
            consented=True,
        )
    user = newcomer()
    accept(first, user)  # the one that was counted
    accept(second, user)
    with refused("LIMIT_REACHED"):
        invite(w, address="bea@new.example")


def test_who_has_a_seat_is_invited_to_another_place_when_none_is_free(w: World) -> None:
    user = w.member("author", user=newcomer()).user
    limit(w, 2)
    accept(invite(w, subaccount=w.south), user)


def test_invitations_to_another_confirmed_address_are_counted_once(
    w: World, confirming: Confirming
) -> None:
    limit(w, 2)
    user = newcomer("first@new.example")
    confirming.confirmed[ADDRESS] = user.pk
    first, second = invite(w), invite(w, subaccount=w.south)
    accept(first, user)
    accept(second, user)
    assert Membership.objects.filter(user=user).count() == 2


@pytest.mark.parametrize("how", ["withdrawn", "expired"])
def test_seat_is_free_again(w: World, monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    limit(w, 2)
    invitation = invite(w)
    if how == "withdrawn":
        services.withdraw_invitation(actor=w.owner, invitation=invitation)
    else:
        let_pass(monkeypatch, timedelta(days=15, seconds=1))
    other = invite(w, address="bea@new.example")
    if how == "expired":
        with refused("LIMIT_REACHED"):
            services.resend_invitation(actor=w.owner, invitation=invitation)
    accept(other, newcomer("bea@new.example"))


def test_limit_lowered_meanwhile_is_asked_when_sent_again_and_when_accepted(
    w: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    invitation = invite(w)
    limit(w, 1)
    let_pass(monkeypatch, timedelta(minutes=3))
    with refused("LIMIT_REACHED"):
        services.resend_invitation(actor=w.owner, invitation=invitation)
    user = newcomer()
    with refused("LIMIT_REACHED"):
        accept(invitation, user)
    limit(w, 2)
    accept(invitation, user)


def test_who_is_suspended_keeps_a_seat_and_whose_access_ended_does_not(
    w: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit(w, 3)
    w.member("author", status="suspended")
    ended = w.member("author", user=newcomer(), ends_at=timezone.now() + timedelta(days=1))
    with refused("LIMIT_REACHED"):
        invite(w, address="bea@new.example")
    let_pass(monkeypatch, timedelta(days=1))
    invite(w, subaccount=w.south)  # the one whose access ended is counted like anybody
    with refused("LIMIT_REACHED"):
        invite(w, address="bea@new.example")
    services.set_end(actor=w.owner, membership=ended, ends_at=None)
    assert seating.pending_addresses(w.account) == set()


def test_who_only_claims_an_address_does_not_hide_a_pending_seat(
    w: World, confirming: Confirming
) -> None:
    limit(w, 3)
    w.member("author", user=newcomer())
    invite(w, subaccount=w.south)
    with refused("LIMIT_REACHED"):
        invite(w, address="bea@new.example")


def test_letters_the_database_takes_for_others_hide_no_seat(w: World) -> None:
    limit(w, 3)
    w.member("author", user=newcomer("mi\u212ae@new.example"))
    invite(w, address="mike@new.example")
    with refused("LIMIT_REACHED"):
        invite(w, address="bea@new.example")


def test_longer_access_needs_a_seat(w: World, monkeypatch: pytest.MonkeyPatch) -> None:
    ended = w.member("author", ends_at=timezone.now() + timedelta(days=1))
    limit(w, 2)
    let_pass(monkeypatch, timedelta(days=1))
    invite(w)
    with refused("LIMIT_REACHED"):
        services.set_end(actor=w.owner, membership=ended, ends_at=None)


# removed and invited again (IV9)


def test_who_comes_back_starts_from_nothing() -> None:
    w = world("emma_enterprise")
    user = newcomer()
    full = w.member("full", user=user, toggles=("export_contacts",))
    services.set_primary_contact(actor=w.owner, subaccount=w.north, membership=full)
    services.give_guest_access(
        actor=w.owner, user=user, obj=w.south, permissions=["access_campaigns"]
    )
    services.remove_member(actor=w.owner, membership=full)
    back = accept(invite(w, role="full"), user)
    assert not back.is_primary_contact
    assert SubaccountUserGrant.objects.count() == 0
    for permission, place in (("export_contacts", w.north), ("access_campaigns", w.south)):
        assert not holds(user, permission, place)


def test_who_comes_back_is_in_no_team() -> None:
    w = world("sailthru")
    user = newcomer()
    member, team = w.member("reports_only", user=user), w.team()
    services.add_to_team(actor=w.owner, team=team, user=user)
    services.remove_member(actor=w.owner, membership=member)
    accept(invite(w, role="marketer_limited"), user)
    assert team.memberships.count() == 0


# how much mail


def test_account_sends_so_many_an_hour(
    w: World, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.INVITATIONS_PER_HOUR = 3
    sent = [invite(w, address=f"a{n}@new.example") for n in range(3)]
    with refused("TOO_MANY"):
        invite(w)
    services.withdraw_invitation(actor=w.owner, invitation=sent[0])  # does not unsend it
    Invitation.objects.update(sent_at=None)
    with refused("TOO_MANY"):
        invite(w)
    let_pass(monkeypatch, timedelta(minutes=3))
    with refused("TOO_MANY"):
        services.resend_invitation(actor=w.owner, invitation=sent[1])
    invite(world("emma_hq"))  # others send on
    let_pass(monkeypatch, timedelta(hours=1))
    invite(w)


def test_address_gets_so_many_an_hour(w: World, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(5):
        services.withdraw_invitation(actor=w.owner, invitation=invite(w))
        last = invite(w, address=f"a{number}@new.example")
    invitation = invite(w)
    for _ in range(4):
        let_pass(monkeypatch, timedelta(minutes=2, seconds=1))
        services.resend_invitation(actor=w.owner, invitation=invitation)
    let_pass(monkeypatch, timedelta(minutes=2, seconds=1))
    with refused("TOO_MANY"):
        services.resend_invitation(actor=w.owner, invitation=invitation)
    services.withdraw_invitation(actor=w.owner, invitation=invitation)
    with refused("TOO_MANY"):
        invite(w)
    services.resend_invitation(actor=w.owner, invitation=last)


def test_accounts_of_a_rival_are_out_of_reach(w: World) -> None:
    account = AccountFactory()
    member = MembershipFactory(account=account, role="manager", all_subaccounts=True)
    invitation = invite(w)
    with refused("NOT_FOUND"):
        services.withdraw_invitation(actor=member.user, invitation=invitation)
