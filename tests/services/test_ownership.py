"""Handing an account over: offered, accepted, withdrawn, declined; and one owner at any time."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.core import mail
from django.utils import timezone

from permissions import audit
from permissions.models import AuditEvent
from teams import integrity, logins, services
from teams.factories import AccountFactory, UserFactory
from teams.models import (
    Account,
    Invitation,
    Membership,
    OwnershipTransfer,
    SubaccountUserGrant,
    TeamMembership,
)
from teams.services import departures, invitation_mail, ownership, ownership_mail, platform, pruning
from teams.services.seating import described
from tests.services.test_departures import Sessions, actions, browsers
from tests.services.test_previews import check
from tests.services.world import EDITIONS, World, holds, refused, world
from tests.signing_in import GroupLogins, enrol, signing_in_with

pytestmark = pytest.mark.django_db

Status = OwnershipTransfer.Status
LOWEST = {"constant_contact": "campaign_creator", "sailthru": "reports_only"}


@pytest.fixture
def w() -> World:
    return world("emma_hq")


def offer(w: World, heir: Any, **how: Any) -> OwnershipTransfer:
    return services.offer_ownership(actor=w.owner, account=w.account, heir=heir, **how)


def accept(transfer: OwnershipTransfer, actor: Any = None) -> Account:
    return services.accept_ownership(actor=actor or transfer.heir, transfer=transfer)


def status(transfer: OwnershipTransfer) -> str:
    return OwnershipTransfer.objects.get(pk=transfer.pk).status


def owner_of(w: World) -> Any:
    return Account.objects.get(pk=w.account.pk).owner


def is_sound() -> bool:
    return list(integrity.problems()) == [] and list(audit.verify()) == []


# what it does


@pytest.mark.once  # nothing here says anything about a database, and 5 worlds are compared whole
def test_the_preview_of_accepting_is_what_it_does_in_every_edition() -> None:
    for edition in EDITIONS:
        w = world(edition)
        owner, heir = w.owner, w.member(LOWEST.get(edition, "author")).user
        transfer = offer(w, heir)
        found = check(w, services.accept_ownership, actor=heir, transfer=transfer)
        assert found.gaining == {heir.pk}, edition
        assert found.losing == (set() if edition == "sailthru" else {owner.pk}), edition
        assert owner_of(w) == heir
        seat = Membership.objects.get(account=w.account)
        said = described(seat)
        assert (seat.user, seat.role) == (owner, w.edition.former_owner), edition
        assert (said["all_subaccounts"], said["toggles"], seat.given_by) == (True, [], heir)
        assert is_sound()


def test_nothing_changes_until_it_is_accepted_and_everything_is_on_record(w: World) -> None:
    owner, seat = w.owner, w.member("full", toggles=("export_contacts",))
    second = w.member("author", w.south, user=seat.user, status="suspended")
    before, names = len(actions()), (w.owner.pk, seat.user.pk)
    transfer = offer(w, seat.user)
    assert owner_of(w) == owner
    assert not holds(seat.user, "view_invoices", w.account)
    assert accept(transfer).owner == seat.user
    assert holds(seat.user, "view_invoices", w.account)
    assert not holds(owner, "view_invoices", w.account)
    assert not Membership.objects.filter(pk__in=(seat.pk, second.pk)).exists()
    assert (status(transfer), transfer.owner) == (Status.ACCEPTED, owner)
    events = list(AuditEvent.objects.order_by("pk"))[before:]
    assert [event.action for event in events] == [
        "ownership.offered",
        "member.removed",
        "member.removed",
        "ownership.transferred",
        "member.added",
    ]
    assert events[0].actor_ref == audit.ref_of(owner)
    assert {event.actor_ref for event in events[1:]} == {audit.ref_of(seat.user)}
    assert "export_contacts" in events[1].data["before"]["toggles"]
    moved = events[3].data
    assert (moved["before"]["owner"], moved["after"]["owner"]) == tuple(map(str, names))
    assert events[4].data["user"] == str(owner.pk)
    assert is_sound()


def rooted() -> tuple[World, Membership]:
    """Return an heir with a team, guest access, invitations sent, and one waiting for them."""
    w = world("sailthru")
    heir = w.member(w.custom("manage_members", "manage_roles", "access_audience", "rename_lists"))
    services.add_to_team(actor=w.owner, team=w.team(), user=heir.user)
    services.give_guest_access(
        actor=w.owner, user=heir.user, obj=w.south, permissions=["access_campaigns"]
    )
    offered = {"account": w.account, "role": w.custom("access_audience"), "subaccount": w.north}
    services.invite_member(actor=heir.user, address="ana@new.example", **offered)
    services.invite_member(actor=w.owner, address=heir.user.email, **offered)
    services.invite_member(actor=w.owner, address="ben@new.example", **offered)
    return w, heir


def test_all_the_heir_had_gives_way_but_what_they_sent() -> None:
    w, heir = rooted()
    before = len(actions())
    accept(offer(w, heir.user))
    assert not TeamMembership.objects.filter(user=heir.user).exists()
    assert not SubaccountUserGrant.objects.filter(user=heir.user).exists()
    pending = Invitation.objects.filter(status=Invitation.Status.PENDING)
    assert set(pending.values_list("address", flat=True)) == {"ana@new.example", "ben@new.example"}
    assert actions(before) == [
        "ownership.offered", "member.removed", "team.left", "guest.withdrawn",
        "ownership.transferred", "invitation.withdrawn", "member.added",
    ]  # fmt: skip
    assert is_sound()


def test_what_the_former_owner_sent_is_judged_when_it_is_accepted() -> None:
    w = world("emma_enterprise")
    heir = w.member("full").user
    links = {}
    for role, place in (("manager", {"managed": [w.north]}), ("author", {"subaccount": w.north})):
        address = f"{role}@new.example"
        found = services.invite_member(
            actor=w.owner, account=w.account, address=address, role=role, **place
        )
        links[role] = UserFactory(email=address), invitation_mail.token_of(found, mailed=True)
    accept(offer(w, heir))
    with pytest.raises(Exception, match="no longer counts"):  # a manager makes no managers
        services.accept_invitation(actor=links["manager"][0], token=links["manager"][1])
    services.accept_invitation(actor=links["author"][0], token=links["author"][1])
    assert is_sound()


def test_an_owner_who_leaves_is_gone_and_signed_out_if_nothing_is_left(
    monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Any
) -> None:
    monkeypatch.setattr(logins, "_logins", [Sessions()])
    for has_more in (False, True):
        w = world("emma_hq")
        owner, heir = w.owner, w.member("author").user
        services.invite_member(
            actor=owner, account=w.account, address="ana@new.example", role="author",
            subaccount=w.north,
        )  # fmt: skip
        if has_more:
            AccountFactory(owner=owner)
        signed_in, others = browsers(owner), browsers(heir)
        with django_capture_on_commit_callbacks(execute=True):
            accept(offer(w, heir, owner_leaves=True))
        assert (signed_in(), others()) == (2 if has_more else 0, 2)
        assert not Membership.objects.filter(account=w.account).exists()
        assert Invitation.objects.get(account=w.account).status == Invitation.Status.WITHDRAWN
        with refused("NOT_FOUND"):
            services.rename_subaccount(actor=owner, subaccount=w.north, name="Mine")
        assert is_sound()


def test_it_takes_no_seat_and_frees_one_if_the_owner_leaves() -> None:
    w = world("emma_hq", seat_limit=3)
    first, second = w.member("author").user, w.member("author").user
    w.member("author", w.south)  # one more than there are seats: the limit was lowered
    accept(offer(w, first))
    w.account.refresh_from_db()
    accept(offer(w, second, owner_leaves=True))
    assert Membership.objects.filter(account=w.account).count() == 2
    assert is_sound()


# who may


def test_only_an_owner_who_is_awake_offers_and_withdraws(w: World) -> None:
    heir, manager = w.member("full").user, w.manager().user
    for actor, code in (
        (manager, "OWNER_REQUIRED"),
        (heir, "OWNER_REQUIRED"),
        (world("emma_hq").owner, "NOT_FOUND"),
        (UserFactory(), "NOT_FOUND"),
        (UserFactory(is_superuser=True), "OPERATOR"),
    ):
        with refused(code):
            services.offer_ownership(actor=actor, account=w.account, heir=heir)
    transfer = offer(w, heir)
    for actor, code in ((manager, "OWNER_REQUIRED"), (heir, "OWNER_REQUIRED")):
        with refused(code):
            services.withdraw_transfer(actor=actor, transfer=transfer)
    stranger = world("emma_hq").owner
    with refused("NOT_FOUND"):
        services.withdraw_transfer(actor=stranger, transfer=transfer)
    services.withdraw_transfer(actor=w.owner, transfer=transfer)
    assert status(transfer) == Status.WITHDRAWN
    assert actions()[-1] == "ownership.withdrawn"


HEIRS: dict[str, tuple[Callable[[World], Any], str]] = {
    "the owner": (lambda w: w.owner, "OWNER"),
    "a stranger": (lambda w: UserFactory(), "NOT_A_MEMBER"),
    "of another account": (lambda w: world("emma_hq").member("full").user, "NOT_A_MEMBER"),
    "suspended": (lambda w: w.member("full", status="suspended").user, "NOT_A_MEMBER"),
    "over": (
        lambda w: w.member("full", ends_at=timezone.now() - timedelta(days=1)).user,
        "NOT_A_MEMBER",
    ),
    "switched off": (
        lambda w: w.member("full", user=UserFactory(is_active=False)).user,
        "INACTIVE",
    ),
    "staff": (lambda w: w.member("full", user=UserFactory(is_staff=True)).user, "OPERATOR"),
    "superuser": (
        lambda w: w.member("full", user=UserFactory(is_superuser=True)).user,
        "OPERATOR",
    ),
}


def test_an_heir_is_somebody_else_who_works_there(w: World) -> None:
    for name, (make, code) in HEIRS.items():
        heir = make(w)
        with refused(code) as caught:
            offer(w, heir)
        assert caught.value.message, name


def test_one_offer_at_a_time_and_one_that_expired_gives_way(w: World) -> None:
    ana, ben = w.member("full").user, w.member("full").user
    first = offer(w, ana)
    with refused("ALREADY_USED"):
        offer(w, ben)
    _expire(first)
    with refused("EXPIRED"):
        accept(first)
    with refused("EXPIRED"):
        services.decline_transfer(actor=ana, transfer=first)
    second = offer(w, ben)
    assert (status(first), status(second)) == (Status.WITHDRAWN, Status.PENDING)
    event = AuditEvent.objects.filter(action="ownership.withdrawn").get()
    assert event.data["because"] == "it had expired"
    with refused("SETTLED"):
        accept(first)
    assert OwnershipTransfer.objects.get(pk=second.pk).expires_at - second.offered_at == (
        pytest.approx(ownership.VALID, abs=timedelta(minutes=1))
    )
    assert is_sound()


def _expire(transfer: OwnershipTransfer) -> None:
    gone = timezone.now() - timedelta(minutes=1)
    OwnershipTransfer.objects.filter(pk=transfer.pk).update(expires_at=gone)


def test_only_the_heir_answers_and_once(w: World) -> None:
    heir, other = w.member("full").user, w.manager().user
    foreign = world("emma_hq").member("full").user
    transfer = offer(w, heir)
    for actor in (other, w.owner, foreign):
        for answer in (services.accept_ownership, services.decline_transfer):
            with refused("NOT_FOUND"):
                answer(actor=actor, transfer=transfer)
    services.decline_transfer(actor=heir, transfer=transfer)
    assert (status(transfer), actions()[-1]) == (Status.DECLINED, "ownership.declined")
    with refused("SETTLED"):
        accept(transfer)
    with refused("SETTLED"):
        services.withdraw_transfer(actor=w.owner, transfer=transfer)
    second = offer(w, heir)
    accept(second)
    with refused("SETTLED"):
        accept(second)
    with refused("OWNER_REQUIRED"):
        services.withdraw_transfer(actor=w.owner, transfer=second)


# what it needs when it is accepted


def test_an_offer_waits_while_the_owners_login_is_off_and_dies_with_another_owner(
    w: World,
) -> None:
    heir, other = w.member("full").user, w.member("full").user
    transfer = offer(w, heir)
    people = get_user_model().objects.filter(pk=w.owner.pk)
    for off in ({"is_active": False}, {"is_staff": True}, {"is_superuser": True}):
        people.update(**off)
        with refused("INACTIVE"):
            accept(transfer)
        people.update(is_active=True, is_staff=False, is_superuser=False)
    assert status(transfer) == Status.PENDING
    Membership.objects.filter(user=other).delete()
    Account.objects.filter(pk=w.account.pk).update(owner=other)
    with refused("NOT_FOUND"):  # whoever offered it has nothing here any more
        accept(transfer)
    w.member("author", user=people.get())
    with refused("SETTLED"):
        accept(transfer)
    assert [p.rule for p in integrity.problems()] == [
        "offers_are_made_by_the_owner_to_somebody_inside"
    ]
    w.account.refresh_from_db()
    second = offer(w, heir)
    assert (status(transfer), status(second)) == (Status.WITHDRAWN, Status.PENDING)
    assert is_sound()


@pytest.fixture
def factors() -> Iterator[None]:
    """Let people have second factors."""
    with signing_in_with(GroupLogins()):
        yield


def test_second_factors_of_both_are_asked(
    w: World, factors: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    heir = w.member("full").user
    Account.objects.filter(pk=w.account.pk).update(second_factor=["owners"])
    w.account.refresh_from_db()
    with refused("OWNER_REQUIRED") as caught:
        offer(w, heir)
    assert "second factor" in caught.value.message
    enrol(w.owner)
    with refused("NEEDS_FACTOR"):
        offer(w, heir)
    enrol(heir)
    transfer = offer(w, heir)
    w.owner.groups.clear()
    with refused("OWNER_ASLEEP"):
        accept(transfer)
    # and were it not asked: nobody passes on what sleeps
    with monkeypatch.context() as patch:
        patch.setattr(ownership, "_require_owner_of", lambda *_: None)
        with refused("OUT_OF_SCOPE"):
            accept(transfer)
    enrol(w.owner)
    heir.groups.clear()
    with refused("NEEDS_FACTOR"):
        accept(transfer)
    enrol(heir)
    assert accept(transfer).owner == heir
    assert is_sound()


# an heir who goes


def _prune(w: World, seat: Membership) -> None:
    past = timezone.now() - timedelta(days=1)
    Membership.objects.filter(pk=seat.pk).update(ends_at=past)
    kind = next(kind for kind in pruning.kinds() if kind.name == "role")
    assert pruning.prune(kind, seat.pk, timezone.now())


GOING: dict[str, Callable[[World, Membership], Any]] = {
    "removed": lambda w, m: services.remove_member(actor=w.owner, membership=m),
    "removed everywhere": lambda w, m: departures.remove_from_account(
        actor=w.owner, account=w.account, user=m.user
    ),
    "suspended": lambda w, m: services.suspend_member(actor=w.owner, membership=m),
    "suspended everywhere": lambda w, m: departures.suspend_in_account(
        actor=w.owner, account=w.account, user=m.user
    ),
    "left": lambda w, m: services.leave(actor=m.user, membership=m),
    "left everywhere": lambda w, m: services.leave_account(actor=m.user, account=w.account),
    "removed by the platform": lambda w, m: platform.remove_as_platform(
        reason="Asked for by phone", membership=m
    ),
    "suspended by the platform": lambda w, m: platform.suspend_as_platform(
        reason="Asked for by phone", membership=m
    ),
    "cleared away": _prune,
}


def test_the_offer_goes_with_the_last_role_and_does_not_come_back(w: World) -> None:
    for name, go in GOING.items():
        seat = w.member("full")
        other = w.member("author", w.south, user=seat.user)
        transfer = offer(w, seat.user)
        services.remove_member(actor=w.owner, membership=other)
        assert status(transfer) == Status.PENDING, name
        go(w, seat)
        assert status(transfer) == Status.WITHDRAWN, name
        rows = Membership.objects.filter(pk=seat.pk)
        if rows.exists():
            services.reactivate_member(actor=w.owner, membership=seat)
        else:
            w.member("full", user=seat.user)
        with refused("SETTLED"):
            accept(transfer)
    assert is_sound()


def test_an_heir_whose_role_is_over_cannot_accept(w: World) -> None:
    seat = w.member("full")
    transfer = offer(w, seat.user)
    Membership.objects.filter(pk=seat.pk).update(ends_at=timezone.now() - timedelta(seconds=1))
    with refused("NOT_A_MEMBER"):
        accept(transfer)
    assert status(transfer) == Status.PENDING
    Membership.objects.filter(pk=seat.pk).update(status="suspended")
    assert [p.rule for p in integrity.problems()] == [
        "offers_are_made_by_the_owner_to_somebody_inside"
    ]


# mail


def read(transfer: OwnershipTransfer, status: str) -> list[Any]:
    """Have the worker send what it was asked to; return the mails."""
    before = len(mail.outbox)
    ownership_mail.post_transfer.func(transfer.pk, status)
    return mail.outbox[before:]


def test_mail_tells_whom_it_concerns_and_links_to_the_console(w: World, settings: Any) -> None:
    settings.CONSOLE_ORIGIN = "https://console.example.com"
    evil = "Win at evil.example/x"
    Account.objects.filter(pk=w.account.pk).update(name=evil)
    owner, heir = w.owner, w.member("full", user=UserFactory(first_name="a.example\nX")).user
    transfer = offer(w, heir)
    (told,) = read(transfer, Status.PENDING)
    assert told.to == [heir.email]
    assert "https://console.example.com/ownership/" in told.body
    assert read(transfer, Status.ACCEPTED) == []  # not yet
    services.decline_transfer(actor=heir, transfer=transfer)
    assert read(transfer, Status.PENDING) == []  # no more
    (declined,) = read(transfer, Status.DECLINED)
    second = offer(w, heir)
    _expire(second)
    assert read(second, Status.PENDING) == []
    OwnershipTransfer.objects.update(expires_at=timezone.now() + timedelta(days=1))
    accept(second)
    both = read(second, Status.ACCEPTED)
    assert ([m.to for m in both], declined.to) == ([[heir.email], [owner.email]], [owner.email])
    assert "You own" in both[0].body
    assert "Only" in both[1].body
    for message in (told, declined, *both):
        (html,) = message.alternatives
        for text in (message.subject, message.body, html[0]):
            links = re.findall(r"\S*\.example\S*", text)
            assert {re.sub(r'^href="|"?[>.<].*$', "", link) for link in links} <= {
                "https://console"
            }, links
        assert "\n" not in message.subject
        assert message.extra_headers["Auto-Submitted"] == "auto-generated"
    get_user_model().objects.filter(pk=owner.pk).update(email="")
    assert len(read(second, Status.ACCEPTED)) == 1


def test_each_step_asks_a_worker_to_tell(w: World, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr(ownership_mail, "enqueue", lambda transfer: asked.append(transfer.status))
    heir = w.member("full").user
    services.decline_transfer(actor=heir, transfer=offer(w, heir))
    services.withdraw_transfer(actor=w.owner, transfer=offer(w, heir))
    accept(offer(w, heir))
    assert asked == ["pending", "declined", "pending", "pending", "accepted"]


# nothing else moves ownership


@pytest.mark.once
def test_nothing_else_writes_who_owns_an_account() -> None:
    root = Path(services.__file__).parents[2]
    writes = re.compile(r"\.owner(_id)?\s*=[^=]|update\([^)]*\bowner(_id)?=|update_fields=.*owner")
    found = {
        path.relative_to(root).as_posix()
        for package in ("permissions", "teams", "billing", "config")
        for path in (root / package).rglob("*.py")
        if writes.search(path.read_text())
    }
    assert found == {"teams/services/ownership.py"}


def test_no_other_service_is_an_exception() -> None:
    """An heir gains by accepting and by nothing else: their own rights stay their own."""
    w = world("emma_corporate")
    seat = w.manager(toggles=("managers",))
    offer(w, seat.user)
    for toggle in ("export_contacts", "billing"):
        with refused("OWN_RIGHTS"):
            services.toggle_permission(actor=seat.user, membership=seat, toggle=toggle, on=True)
