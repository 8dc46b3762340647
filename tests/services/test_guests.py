"""Guest access: for whom, to what, by whom, and until when."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from permissions import grants
from permissions.models import AuditEvent
from permissions.resources import registry
from teams import services
from teams.factories import (
    CampaignFactory,
    ContactFactory,
    MailingListFactory,
    MessageTemplateFactory,
    UserFactory,
)
from teams.models import Subaccount
from tests.services.world import EDITIONS, World, holds, missing, refused, world

pytestmark = pytest.mark.django_db

NEVER_GIVEN = [
    "send_campaigns",
    "approve_campaigns",
    "export_contacts",
    "delete_contacts",
    "manage_members",
    "create_subaccounts",
    "no_such_permission",
]


def give(actor: Any, user: Any, obj: Any, *permissions: str, **extra: Any) -> None:
    services.give_guest_access(actor=actor, user=user, obj=obj, permissions=permissions, **extra)


def withdraw(actor: Any, user: Any, obj: Any, **extra: Any) -> None:
    services.withdraw_guest_access(actor=actor, user=user, obj=obj, **extra)


def guest_of(w: World) -> Any:
    """Return somebody who works in north and has nothing in south."""
    return w.member(next(r.codename for r in reversed(w.edition.roles) if r.subaccount_level)).user


@pytest.mark.parametrize("edition", EDITIONS)
def test_guest_access_is_given_and_withdrawn_in_every_edition(edition: str) -> None:
    w = world(edition)
    guest = guest_of(w)
    seen, unseen = MailingListFactory.create_batch(2, subaccount=w.south, created_by=w.owner)

    give(w.owner, guest, seen, "access_audience")
    assert holds(guest, "access_audience", seen)
    assert not holds(guest, "access_audience", unseen)
    assert not holds(guest, "view_contacts", seen)
    withdraw(w.owner, guest, seen)

    assert not holds(guest, "access_audience", seen)
    actions = AuditEvent.objects.filter(root=f"teams.account:{w.account.pk}").order_by("sequence")
    assert list(actions.values_list("action", flat=True)) == ["guest.given", "guest.withdrawn"]
    with refused("NOT_FOUND"):
        withdraw(w.owner, guest, seen)


def test_access_to_a_whole_subaccount_covers_what_is_in_it() -> None:
    w = world("emma_hq")
    guest = guest_of(w)
    campaign = CampaignFactory(subaccount=w.south)

    give(w.owner, guest, w.south, "access_campaigns", "create_campaigns")
    assert holds(guest, "create_campaigns", campaign)
    withdraw(w.owner, guest, w.south, permissions=["create_campaigns"])

    assert holds(guest, "access_campaigns", campaign)
    assert not holds(guest, "create_campaigns", campaign)


@pytest.mark.parametrize("permission", NEVER_GIVEN)
@pytest.mark.parametrize("kind", ["place", "list", "template", "campaign"])
def test_guests_never_send_approve_export_delete_or_manage(kind: str, permission: str) -> None:
    w = world("emma_hq")
    guest = guest_of(w)
    makers = {
        "list": MailingListFactory,
        "template": MessageTemplateFactory,
        "campaign": CampaignFactory,
    }
    obj = w.south if kind == "place" else makers[kind](subaccount=w.south)
    with refused("NOT_GRANTABLE"):
        give(w.owner, guest, obj, permission)


def test_what_is_grantable_is_to_view_and_to_edit() -> None:
    ours = [r for r in registry if r.label.startswith("teams.")]
    assert {r.label: set(r.guest) for r in ours if r.guest} == {
        "teams.subaccount": {
            "access_audience",
            "view_contacts",
            "add_contacts",
            "access_campaigns",
            "create_campaigns",
            "access_response",
            "access_content",
        },
        "teams.mailinglist": {"access_audience", "view_contacts", "add_contacts"},
        "teams.messagetemplate": {"access_content"},
        "teams.campaign": {"access_campaigns", "create_campaigns", "access_response"},
    }


def test_guest_access_on_what_takes_none() -> None:
    w = world("emma_hq")
    guest = guest_of(w)
    contact = ContactFactory(subaccount=w.south)
    with refused("NOT_GRANTABLE"):
        give(w.owner, guest, contact, "view_contacts")
    with refused("WRONG_LEVEL"):
        give(w.owner, guest, w.account, "access_audience")
    with refused("WRONG_TYPE"):
        give(w.owner, guest, w.owner, "access_audience")


def test_guests_work_in_the_account_and_not_in_that_subaccount() -> None:
    w = world("emma_hq")
    manager, full = w.manager(), w.member("full")
    stranger, suspended = UserFactory(), w.member("full", status="suspended").user
    ended = w.member("full", ends_at=timezone.now()).user
    for person in (stranger, suspended, ended):
        with refused("NOT_A_MEMBER"):
            give(w.owner, person, w.south, "access_audience")
    with refused("HAS_ROLE"):
        give(w.owner, full.user, w.north, "access_audience")
    with refused("HAS_ROLE"):
        give(w.owner, manager.user, w.south, "access_audience")
    dormant = w.member("full", w.south, user=full.user, status="suspended")
    with refused("HAS_ROLE"):
        give(w.owner, dormant.user, w.south, "access_audience")


def test_guest_access_is_inert_without_an_active_membership() -> None:
    w = world("emma_hq")
    membership = w.member("full")
    give(w.owner, membership.user, w.south, "access_audience")

    services.suspend_member(actor=w.owner, membership=membership)
    assert not holds(membership.user, "access_audience", w.south)
    services.reactivate_member(actor=w.owner, membership=membership)

    assert holds(membership.user, "access_audience", w.south)


def test_guest_access_ends_by_itself_and_given_again_counts_anew() -> None:
    w = world("emma_hq")
    guest = guest_of(w)
    give(w.owner, guest, w.south, "access_audience", ends_at=timezone.now() + timedelta(days=1))
    assert holds(guest, "access_audience", w.south)
    grants.grants_on(w.south).update(ends_at=timezone.now())
    assert not holds(guest, "access_audience", w.south)

    give(w.owner, guest, w.south, "access_audience")

    assert holds(guest, "access_audience", w.south)
    assert grants.grants_on(w.south).count() == 1


def test_guest_access_in_an_archived_subaccount() -> None:
    w = world("emma_hq")
    guest = guest_of(w)
    give(w.owner, guest, w.south, "access_audience")
    services.archive_subaccount(actor=w.owner, subaccount=w.south)
    assert not holds(guest, "access_audience", w.south)
    with refused("ARCHIVED"):
        give(w.owner, guest, w.south, "view_contacts")
    withdraw(w.owner, guest, w.south)


def test_who_gives_guest_access() -> None:
    w = world("emma_hq")
    guest = guest_of(w)
    full, administrator = w.member("full", w.south), w.member("administrator", w.south)
    elsewhere = w.member("administrator")

    give(administrator.user, guest, w.south, "access_audience")
    for actor, place in (
        (full.user, "South"),
        (elsewhere.user, "South"),
        (guest_of(w), "South"),
    ):
        for act in (give, lambda *a: withdraw(*a[:3])):
            with refused("OUT_OF_SCOPE") as caught:
                act(actor, guest, w.south, "access_audience")
            assert missing(caught) == {("manage_members", place)}


def test_nobody_gives_guest_access_to_themselves_or_to_the_owner() -> None:
    w = world("emma_hq")
    administrator = w.member("administrator")
    give_away = w.member("administrator", w.south)
    for act in (give, lambda *a: withdraw(*a[:3])):
        with refused("OWN_RIGHTS"):
            act(administrator.user, administrator.user, w.north, "access_audience")
        with refused("OWNER_REQUIRED"):
            act(give_away.user, w.owner, w.south, "access_audience")


def test_guest_access_is_covered_by_what_the_giver_holds_on_that_object() -> None:
    """Somebody limited by teams gives no access to a list they do not see."""
    w = world("sailthru")
    limited = w.member(w.custom("access_settings", "manage_members", "access_audience"), w.south)
    guest = w.member("reports_only").user
    hidden = MailingListFactory(subaccount=w.south, created_by=w.owner)
    shown = MailingListFactory(subaccount=w.south, created_by=w.owner)
    services.share_with_team(actor=w.owner, team=w.team(limited.user), obj=shown)

    give(limited.user, guest, shown, "access_audience")
    with refused("OUT_OF_SCOPE") as caught:
        give(limited.user, guest, hidden, "access_audience")
    assert missing(caught) == {("access_audience", "South")}


def test_an_editors_manager_gives_what_they_hold_only() -> None:
    w = world("sailthru")
    actor = w.member(w.custom("access_settings", "manage_members"), w.south)
    guest = w.member("reports_only").user
    with refused("OUT_OF_SCOPE") as caught:
        give(actor.user, guest, w.south, "access_campaigns")
    assert missing(caught) == {("access_campaigns", "South")}


def test_objects_of_another_account_are_not_found() -> None:
    w, rival = world("emma_hq"), world("emma_hq")
    guest, theirs = guest_of(w), guest_of(rival)
    for obj in (rival.south, MailingListFactory(subaccount=rival.south)):
        before = Subaccount.objects.count()
        for person in (guest, theirs):
            with refused("NOT_FOUND"):
                give(w.owner, person, obj, "access_audience")
            with refused("NOT_FOUND"):
                withdraw(w.owner, person, obj)
        assert Subaccount.objects.count() == before


def test_withdrawing_guest_access_leaves_toggles_alone() -> None:
    """Toggles of members live in the same table."""
    w = world("emma_hq")
    full = w.member("full", toggles=("export_contacts",))
    with refused("NOT_FOUND"):
        withdraw(w.owner, full.user, w.north)
    assert holds(full.user, "export_contacts", w.north)
