"""What the platform may do about a tenant: nothing that gives anybody a right there."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.db import connection
from django.utils import timezone

from permissions import access, audit
from permissions.errors import OutOfScope
from permissions.models import AuditEvent
from permissions.policy import TOP
from permissions.resources import registry
from teams import services
from teams.catalogue import CATALOGUE, MANAGE_MEMBERS
from teams.editions import EDITIONS
from teams.editions.digests import digests_of
from teams.factories import MailingListFactory, UserFactory
from teams.factors import starting_classes
from teams.integrity import problems
from teams.models import Account, MailingList, Membership, Subaccount
from teams.services import platform
from teams.services.platform import NewOwner, create_account
from tests.services.test_key_reach import key_of
from tests.services.world import World, holds, refused, world

pytestmark = pytest.mark.django_db

WHY = {"reason": "The tenant asked for it in writing"}
Right = tuple[Any, str, str, Any]


def account(**asked: Any) -> Account:
    """Open an account, unless told otherwise with all that is right."""
    asked = {"slug": "new", "name": "New", "edition": "emma_hq", **WHY, **asked}
    return create_account(**asked)


def rights() -> set[Right]:
    """Return everything that anybody effectively holds on anything."""
    found = set()
    objects = [*Account.objects.all(), *Subaccount.objects.all(), *MailingList.objects.all()]
    access.forget()
    with access.unit_of_work():
        for user in get_user_model().objects.all():
            for obj in objects:
                place = registry.of(type(obj)).locate(obj)[1]
                for permission in CATALOGUE:
                    top = CATALOGUE[permission].level == TOP
                    if top == (place == TOP) and access.can(user, permission, obj).allowed:
                        found.add((user.pk, str(permission), obj._meta.label, obj.pk))
    return found


def crowded(edition: str) -> tuple[World, Membership]:
    """Return an account with people, teams, guests and switches, and whom something is taken."""
    w = world(edition)
    hq = edition == "emma_hq"
    ana = w.member("editor" if hq else "marketer_limited", toggles=("export_contacts",) * hq)
    w.member("full" if hq else "marketer_admin")
    other = w.member("author" if hq else "reports_only", w.south)
    if hq:
        w.manager(w.north, toggles=("subaccounts",))
        w.member("administrator", status="suspended")
    mailing_list = MailingListFactory(subaccount=w.south, created_by=w.owner)
    hidden = MailingListFactory(subaccount=w.north, created_by=ana.user)
    services.give_guest_access(
        actor=w.owner, user=ana.user, obj=mailing_list, permissions=["access_audience"]
    )
    if not hq:
        services.share_with_team(actor=w.owner, team=w.team(ana.user, other.user), obj=hidden)
    return w, ana


#: a call of everything that acts: what it is about, and whether it takes anything away
ACTS: dict[str, Callable[[World, Membership], Any]] = {
    "create_account": lambda w, ana: account(owner=ana.user),
    "suspend_as_platform": lambda w, ana: platform.suspend_as_platform(membership=ana, **WHY),
    "remove_as_platform": lambda w, ana: platform.remove_as_platform(membership=ana, **WHY),
    "switch_off_as_platform": lambda w, ana: platform.switch_off_as_platform(
        membership=ana, toggle="export_contacts", **WHY
    ),
    "revoke_key_as_platform": lambda w, ana: platform.revoke_key_as_platform(
        key=key_of(ana.user, w.north, "access_audience"), **WHY
    ),
}


def test_everything_the_module_offers_is_walked_over() -> None:
    own = {
        name
        for name, value in vars(platform).items()
        if inspect.isroutine(value)
        and value.__module__ == platform.__name__
        and not name.startswith("_")
    }

    assert own == set(ACTS)
    assert set(platform.__all__) == own | {"NewOwner"}


@pytest.mark.parametrize(
    ("edition", "name"),
    [
        *(("emma_hq", name) for name in ACTS),
        # which has no toggles
        *(("sailthru", name) for name in ACTS if name != "switch_off_as_platform"),
    ],
)
def test_nobody_gains_anything_in_an_account_that_exists(edition: str, name: str) -> None:
    w, ana = crowded(edition)
    before = rights()
    known = set(Account.objects.values_list("pk", flat=True))

    ACTS[name](w, ana)

    after = rights()
    fresh = {r for r in after - before if r[2] == "teams.Account" and r[3] not in known}
    assert after - before == fresh
    assert {r[0] for r in fresh} <= {ana.user_id}
    # there was something to lose; a new account and a key, which is a copy, take nothing
    assert bool(before - after) == (name not in ("create_account", "revoke_key_as_platform"))
    assert {r[0] for r in before - after} <= {ana.user_id}
    assert list(problems()) == []


@pytest.mark.parametrize("name", [name for name in ACTS if name != "create_account"])
def test_it_stands_in_the_tenants_audit(name: str) -> None:
    w, ana = crowded("emma_hq")
    staff = UserFactory(is_staff=True)
    last = AuditEvent.objects.latest("pk").pk
    act = {"membership": ana, "operator": staff, "reason": "  Abuse reported  "}
    if name == "switch_off_as_platform":
        act["toggle"] = "export_contacts"
    if name == "revoke_key_as_platform":
        act["key"] = key_of(act.pop("membership").user, w.north, "access_audience")

    getattr(platform, name)(**act)

    events = list(AuditEvent.objects.filter(pk__gt=last).order_by("pk"))
    assert events[0].action in {
        *("key.revoked", "member.suspended", "member.removed", "permission.toggled")
    }
    for event in events:
        assert event.root == audit.ref_of(w.account)
        assert (event.actor_ref, event.actor_label) == ("platform", "Platform")
        assert event.data["as_platform"] is True
        assert event.data["reason"] == "Abuse reported"
        assert event.data["operator"] == audit.ref_of(staff)
    assert list(audit.verify()) == []


def test_what_goes_with_the_last_place_is_the_platforms_doing_too() -> None:
    w, ana = crowded("sailthru")
    guest, pending = ana.user, w.member("account_admin")
    services.invite_member(
        actor=pending.user,
        account=w.account,
        address="new@new.example",
        role="reports_only",
        subaccount=w.north,
    )
    last = AuditEvent.objects.latest("pk").pk

    platform.remove_as_platform(membership=ana, **WHY)
    platform.remove_as_platform(membership=pending, **WHY)

    events = AuditEvent.objects.filter(pk__gt=last).order_by("pk")
    assert list(events.values_list("action", "actor_label", "data__as_platform")) == [
        ("member.removed", "Platform", True),
        ("team.left", "Platform", True),
        ("guest.withdrawn", "Platform", True),
        ("member.removed", "Platform", True),
        ("invitation.withdrawn", "Platform", True),
    ]
    assert not guest.team_memberships.exists()


def test_whatever_is_written_on_the_way_is_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    """Were a service to give something by mistake, it would be taken back."""
    w, ana = crowded("emma_hq")
    asleep = Membership.objects.get(role="administrator")

    def promote(change: Any, membership: Membership) -> Membership:
        membership.role = "administrator"
        membership.save()
        return membership

    monkeypatch.setattr(platform.departures, "suspend", promote)
    with refused("OUT_OF_SCOPE"):
        platform.suspend_as_platform(membership=ana, **WHY)

    def wake(change: Any, membership: Membership) -> Membership:
        membership.status = "active"
        membership.save()
        return membership

    monkeypatch.setattr(platform.departures, "suspend", wake)
    with refused("OUT_OF_SCOPE"):
        platform.suspend_as_platform(membership=asleep, **WHY)
    assert not holds(ana.user, MANAGE_MEMBERS, w.north)


def test_no_gate_lets_the_platform_pass() -> None:
    w, ana = crowded("emma_hq")
    change = platform._open(w.account.pk, {})

    with pytest.raises(OutOfScope):
        change.require(MANAGE_MEMBERS, frozenset({w.north.pk}), "do this")
    with pytest.raises(OutOfScope):
        change.judge_atoms({("access_campaigns", ""): frozenset({w.north.pk})}, "do this")
    assert not change.standing.holdings
    assert not any(tenant.standing.holdings for tenant in change.profile.tenants.values())
    assert ana.status == "active"


def test_switched_off_owner_is_no_obstacle() -> None:
    w, ana = crowded("emma_hq")
    w.owner.is_active = False
    w.owner.save()

    platform.suspend_as_platform(membership=ana, **WHY)

    assert Membership.objects.get(pk=ana.pk).status == "suspended"


@pytest.mark.parametrize(
    ("reason", "code"),
    [
        ("", "EMPTY"),
        ("   ", "EMPTY"),
        ("no", "TOO_SHORT"),
        ("x" * 501, "TOO_LONG"),
        ("two\nlines", "NOT_TEXT"),
        (None, "WRONG_TYPE"),
        (7, "WRONG_TYPE"),
    ],
)
@pytest.mark.parametrize("name", ACTS)
def test_reason_is_plain_text_that_says_something(name: str, reason: Any, code: str) -> None:
    w = world("emma_hq")
    ana = w.member("editor")
    asked = {
        "create_account": {"slug": "n", "name": "N", "edition": "emma_hq", "owner": ana.user},
        "switch_off_as_platform": {"membership": ana, "toggle": "export_contacts"},
        "revoke_key_as_platform": {"key": key_of(ana.user, w.north, "access_audience")},
    }.get(name, {"membership": ana})

    with refused(code):
        getattr(platform, name)(reason=reason, **asked)


def test_only_staff_answers_for_it() -> None:
    w = world("emma_hq")
    ana = w.member("editor")
    gone = UserFactory(is_staff=True, is_active=False)
    for operator, code in (
        (ana.user, "NOT_AN_OPERATOR"),
        (gone, "NOT_AN_OPERATOR"),
        ("operator", "WRONG_TYPE"),
    ):
        with refused(code):
            platform.remove_as_platform(membership=ana, operator=operator, **WHY)


def test_what_is_not_there_is_not_taken() -> None:
    w = world("emma_hq")
    ana, bob = w.member("editor"), w.member("author")
    platform.suspend_as_platform(membership=ana, **WHY)
    with refused("ALREADY_SO"):
        platform.suspend_as_platform(membership=ana, **WHY)
    with refused("NOT_TOGGLEABLE"):
        platform.switch_off_as_platform(membership=bob, toggle="export_contacts", **WHY)
    with refused("UNKNOWN_TOGGLE"):
        platform.switch_off_as_platform(membership=ana, toggle="wings", **WHY)
    gone = Membership.objects.get(pk=ana.pk)
    platform.remove_as_platform(membership=ana, **WHY)
    with refused("NOT_FOUND"):
        platform.remove_as_platform(membership=gone, **WHY)


# a new account


@pytest.mark.parametrize("edition", EDITIONS)
def test_account_is_empty_and_its_owners(edition: str) -> None:
    owner = UserFactory(first_name="Ana", last_name="Ruiz")

    made = account(edition=edition, owner=owner, seat_limit=5)

    stored = Account.objects.get()
    assert (stored, stored.owner, stored.edition) == (made, owner, edition)
    assert (stored.seat_limit, stored.second_factor) == (5, starting_classes())
    assert access.profile_of(owner, fresh=True).tenants[made.pk].standing.is_owner
    homes = list(Subaccount.objects.values_list("slug", "name", "is_home"))
    has_home = EDITIONS[edition].has_home
    assert homes == ([("partner", "New", True)] if has_home else [])
    assert not Membership.objects.exists()
    events = AuditEvent.objects.order_by("sequence")
    actions = ["account.created", *(["subaccount.created"] if has_home else [])]
    assert list(events.values_list("action", flat=True)) == actions
    first = events[0]
    assert (first.root, first.sequence, first.actor_label) == (audit.ref_of(made), 1, "Platform")
    assert first.data == {
        "as_platform": True,
        "edition": edition,
        "name": "New",
        "new_login": False,
        "owner": str(owner.pk),
        "person": "Ana Ruiz",
        "reason": WHY["reason"],
        "rules": digests_of(EDITIONS[edition]),
        "seat_limit": 5,
        "second_factor": starting_classes(),
        "slug": "new",
    }
    assert list(audit.verify()) == []
    assert list(problems()) == []
    # and it works
    services.create_subaccount(actor=owner, account=made, name="North")


def test_owner_without_a_login_gets_one_that_nobody_can_sign_in_with_yet() -> None:
    UserFactory(username="ana@new.example", email="other@new.example")

    made = account(owner=NewOwner("Ana@New.example", "Ana", "Ruiz"))

    owner = made.owner
    assert (owner.email, owner.get_full_name()) == ("ana@new.example", "Ana Ruiz")
    assert owner.get_username() == "ana@new.example-2"
    assert not owner.has_usable_password()
    assert not owner.check_password("")
    assert (owner.is_staff, owner.is_superuser, owner.is_active) == (False, False, True)
    event = AuditEvent.objects.get()
    assert event.data["new_login"] is True
    assert "@" not in str(event.data)


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"edition": "emma"}, "UNKNOWN_EDITION"),
        ({"edition": None}, "UNKNOWN_EDITION"),
        ({"edition": ["emma_hq"]}, "UNKNOWN_EDITION"),
        ({"slug": "taken"}, "ALREADY_USED"),
        ({"slug": "Has Blank"}, "NOT_A_SLUG"),
        ({"slug": ""}, "EMPTY"),
        ({"slug": "x" * 61}, "TOO_LONG"),
        ({"slug": 7}, "WRONG_TYPE"),
        ({"name": " "}, "EMPTY"),
        ({"name": "x" * 121}, "TOO_LONG"),
        ({"name": "a\x00b"}, "NOT_TEXT"),
        ({"seat_limit": 0}, "SEATS"),
        ({"seat_limit": -1}, "SEATS"),
        ({"seat_limit": True}, "SEATS"),
        ({"seat_limit": "5"}, "SEATS"),
        ({"seat_limit": 10**9}, "SEATS"),
        ({"owner": None}, "WRONG_TYPE"),
        ({"owner": "ana"}, "WRONG_TYPE"),
        ({"owner": NewOwner("", "Ana")}, "EMPTY"),
        ({"owner": NewOwner("ana", "Ana")}, "NOT_AN_ADDRESS"),
        ({"owner": NewOwner("ana@new.example", "")}, "EMPTY"),
        ({"owner": NewOwner("ana@new.example", "x" * 61)}, "TOO_LONG"),
        ({"owner": NewOwner("ana@new.example", "Ana", "a\nb")}, "NOT_TEXT"),
        ({"owner": NewOwner("HERE@people.example", "Ana")}, "LOGIN_EXISTS"),
        ({"owner": NewOwner("off@people.example", "Ana")}, "LOGIN_EXISTS"),
    ],
)
def test_nonsense_gets_a_sentence(asked: dict[str, Any], code: str) -> None:
    world("emma_hq", slug="taken")
    here = UserFactory(username="here")
    UserFactory(username="off", is_active=False)

    with refused(code):
        account(**{"owner": here, **asked})


@pytest.mark.parametrize(
    ("what", "code"),
    [
        ({"is_staff": True}, "OPERATOR"),
        ({"is_superuser": True}, "OPERATOR"),
        ({"is_active": False}, "INACTIVE"),
    ],
)
def test_owner_is_an_ordinary_login(what: dict[str, bool], code: str) -> None:
    owner = UserFactory(**what)

    with refused(code):
        account(owner=owner)


def test_short_name_taken_in_between(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever was quicker is found by the constraint, and the login that was made goes again."""
    create = type(Account.objects).create

    def slower(self: Any, **fields: Any) -> Any:
        if self.model is Account and not Account.objects.exists():
            create(self, **{**fields, "owner": UserFactory()})
        return create(self, **fields)

    monkeypatch.setattr(type(Account.objects), "create", slower)
    with pytest.raises(platform.AlreadyUsed):
        account(owner=NewOwner("ana@new.example", "Ana"))
    assert not get_user_model().objects.filter(email="ana@new.example").exists()
    assert connection.is_usable()


# everything somebody has in an account, at once


def test_all_of_it_or_none() -> None:
    w = world("emma_hq")
    boss, ana = w.manager().user, UserFactory()
    w.member("author", user=ana)
    w.manager(w.south, user=ana)  # as high as the actor: that one is the owner's to take
    for act in (
        services.departures.suspend_in_account,
        services.departures.remove_from_account,
    ):
        with refused("OUT_OF_SCOPE"):
            act(actor=boss, account=w.account, user=ana)


def test_only_who_manages_people_everywhere_may() -> None:
    w = world("emma_hq")
    ana = w.member("author").user
    for actor in (
        w.member("administrator").user,
        w.manager(w.north, w.south, w.west).user,
    ):
        for act in (
            services.departures.suspend_in_account,
            services.departures.reactivate_in_account,
            services.departures.remove_from_account,
        ):
            with refused("OUT_OF_SCOPE") as caught:
                act(actor=actor, account=w.account, user=ana)
            assert "in every future subaccount" in caught.value.message
            assert "South" not in caught.value.message


def test_reactivating_is_a_grant_of_all_of_it() -> None:
    w = world("emma_hq")
    ana = UserFactory()
    w.member("author", user=ana, status="suspended")
    w.manager(user=ana, status="suspended")
    boss = w.manager().user

    with refused("RANK_TOO_HIGH"):
        services.departures.reactivate_in_account(actor=boss, account=w.account, user=ana)

    woken = services.departures.reactivate_in_account(actor=w.owner, account=w.account, user=ana)
    assert [row.status for row in woken] == ["active", "active"]


def test_whose_place_has_ended_or_sleeps_is_removed_too() -> None:
    w = world("emma_hq")
    ana = UserFactory()
    w.member("author", user=ana, ends_at=timezone.now() - timedelta(days=1))
    w.member("editor", w.south, user=ana, status="suspended")
    w.member("full", w.west, user=ana)

    services.departures.remove_from_account(actor=w.owner, account=w.account, user=ana)

    assert not Membership.objects.filter(user=ana).exists()
    with refused("NOT_FOUND"):
        services.departures.remove_from_account(actor=w.owner, account=w.account, user=ana)
    with refused("OWNER_REQUIRED"):
        services.departures.remove_from_account(actor=w.owner, account=w.account, user=w.owner)
