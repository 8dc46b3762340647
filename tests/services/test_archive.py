"""Put away, bring back, remove for good: every kind of thing, each under its own permission."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.utils import timezone

from permissions.models import AuditEvent
from teams import services
from teams.factories import (
    CampaignFactory,
    ContactFactory,
    MailingListFactory,
    MessageTemplateFactory,
    SavedRowFactory,
    SegmentFactory,
)
from teams.models import Contact, Delivery, ListMembership, MailingList, Segment
from tests.services.world import EDITIONS, World, missing, refused, world

pytestmark = pytest.mark.django_db

KINDS: dict[str, Callable[..., Any]] = {
    "mailinglist": MailingListFactory,
    "messagetemplate": MessageTemplateFactory,
    "segment": SegmentFactory,
    "campaign": CampaignFactory,
    "contact": ContactFactory,
}


def put_away(w: World, kind: str, **extra: Any) -> Any:
    return KINDS[kind](subaccount=w.north, archived_at=timezone.now(), **extra)


def purge(actor: Any, obj: Any) -> dict[str, int]:
    return services.purge_item(actor=actor, obj=obj, confirm=str(obj))


@pytest.mark.parametrize("edition", EDITIONS)
@pytest.mark.parametrize("kind", KINDS)
def test_owner_archives_restores_and_purges(edition: str, kind: str) -> None:
    w = world(edition)
    obj = KINDS[kind](subaccount=w.north)

    assert services.archive_item(actor=w.owner, obj=obj).is_archived
    with refused("ALREADY_SO"):
        services.archive_item(actor=w.owner, obj=obj)
    assert not services.restore_item(actor=w.owner, obj=obj).is_archived
    with refused("ALREADY_SO"):
        services.restore_item(actor=w.owner, obj=obj)
    with refused("NOT_ARCHIVED"):
        purge(w.owner, obj)
    services.archive_item(actor=w.owner, obj=obj)
    with refused("WRONG_NAME"):
        services.purge_item(actor=w.owner, obj=obj, confirm=f"{obj}!")
    assert purge(w.owner, obj)[obj._meta.label] == 1

    assert not type(obj)._default_manager.filter(pk=obj.pk).exists()
    events = AuditEvent.objects.filter(subject_ref=f"teams.{kind}:{obj.pk}").order_by("sequence")
    assert [event.action for event in events] == [
        f"{kind}.archived",
        f"{kind}.restored",
        f"{kind}.archived",
        f"{kind}.purged",
    ]


@pytest.mark.parametrize(
    ("kind", "permission"),
    [
        ("mailinglist", "delete_lists"),
        ("messagetemplate", "access_content"),
        ("campaign", "delete_campaigns"),
    ],
)
def test_archiving_asks_for_what_deleting_asks(kind: str, permission: str) -> None:
    w = world("sailthru")
    views = {"access_audience", "access_content", "access_campaigns", "assign_team_resources"}
    without = w.member(w.custom(*(views - {permission}))).user
    holder = w.member(w.custom(*views, permission)).user
    obj = KINDS[kind](subaccount=w.north)
    with refused("OUT_OF_SCOPE") as caught:
        services.archive_item(actor=without, obj=obj)
    assert missing(caught) == {(permission, "North")}
    services.archive_item(actor=holder, obj=obj)
    with refused("OUT_OF_SCOPE"):
        services.restore_item(actor=without, obj=obj)
    services.restore_item(actor=holder, obj=obj)


@pytest.mark.parametrize("kind", KINDS)
def test_purging_needs_its_own_permission_and_sight(kind: str) -> None:
    w = world("emma_hq")
    obj = put_away(w, kind)
    editor, elsewhere = w.member("editor").user, w.member("full", w.south).user
    administrator, rival = w.member("administrator").user, world("emma_hq").owner
    with refused("OUT_OF_SCOPE") as caught:
        purge(editor, obj)
    assert missing(caught) == {("purge_archived", "North")}
    for stranger in (elsewhere, rival):
        with refused("NOT_FOUND"):
            purge(stranger, obj)
    purge(administrator, obj)


def test_purging_asks_for_sight_before_anything_else() -> None:
    w = world("emma_hq")
    purger = w.member("response_only").user
    obj = put_away(w, "mailinglist")
    with refused("OUT_OF_SCOPE") as caught:
        purge(purger, obj)
    assert missing(caught) == {("access_audience", "North")}


def test_what_teams_hide_is_not_purged() -> None:
    w = world("sailthru")
    hidden = put_away(w, "mailinglist")
    actor = w.member("marketer_limited").user
    for call in (services.archive_item, services.restore_item):
        with refused("NOT_FOUND"):
            call(actor=actor, obj=hidden)
    with refused("NOT_FOUND"):
        purge(actor, hidden)


def test_saved_rows_and_subaccounts_have_no_archive() -> None:
    w = world("emma_hq")
    for obj in (SavedRowFactory(subaccount=w.north), w.north):
        with refused("WRONG_TYPE"):
            services.archive_item(actor=w.owner, obj=obj)


@pytest.mark.parametrize("status", ["scheduled", "sending"])
def test_what_is_on_its_way_is_not_put_away(status: str) -> None:
    w = world("emma_hq")
    mailing_list = MailingListFactory(subaccount=w.north)
    segment = SegmentFactory(subaccount=w.north, mailing_list=mailing_list)
    template = MessageTemplateFactory(subaccount=w.north)
    campaign = CampaignFactory(
        subaccount=w.north,
        status=status,
        mailing_list=mailing_list,
        segment=segment,
        template=template,
    )
    for obj in (campaign, mailing_list, segment):
        with refused("IN_USE"):
            services.archive_item(actor=w.owner, obj=obj)
    services.archive_item(actor=w.owner, obj=template)  # what is written is settled by then


def test_purging_leaves_alone_whatever_is_in_use() -> None:
    w = world("emma_hq")
    mailing_list = put_away(w, "mailinglist")
    template = put_away(w, "messagetemplate")
    segment = put_away(w, "segment", mailing_list=mailing_list)
    live = SegmentFactory(subaccount=w.north, mailing_list=mailing_list)
    campaign = put_away(w, "campaign", template=template, segment=segment)
    contact = ContactFactory(subaccount=w.north)
    Delivery.objects.create(subaccount=w.north, campaign=campaign, contact=contact)
    ListMembership.objects.create(subaccount=w.north, contact=contact, mailing_list=mailing_list)

    for obj in (mailing_list, template, segment):
        with refused("IN_USE"):
            purge(w.owner, obj)
    assert purge(w.owner, campaign) == {"teams.Delivery": 1, "teams.Campaign": 1}
    purge(w.owner, template)
    with refused("IN_USE"):
        purge(w.owner, mailing_list)  # a segment in use is on it
    services.archive_item(actor=w.owner, obj=live)
    assert purge(w.owner, mailing_list) == {
        "teams.ListMembership": 1,
        "teams.Segment": 2,
        "teams.MailingList": 1,
    }
    assert Contact.objects.filter(pk=contact.pk).exists()
    assert not Segment.objects.exists()


def test_nothing_happens_in_an_archived_subaccount() -> None:
    w = world("emma_hq")
    obj = MailingListFactory(subaccount=w.west, archived_at=timezone.now())
    for call in (
        lambda: services.archive_item(actor=w.owner, obj=obj),
        lambda: services.restore_item(actor=w.owner, obj=obj),
        lambda: purge(w.owner, obj),
    ):
        with refused("ARCHIVED"):
            call()
    assert MailingList.objects.filter(pk=obj.pk).exists()


def test_a_guest_archives_and_purges_nothing() -> None:
    w = world("emma_hq")
    guest, obj = w.member("author", w.south).user, put_away(w, "mailinglist")
    services.restore_item(actor=w.owner, obj=obj)
    services.give_guest_access(actor=w.owner, user=guest, obj=obj, permissions=["access_audience"])
    with refused("OUT_OF_SCOPE"):
        services.archive_item(actor=guest, obj=obj)
    services.archive_item(actor=w.owner, obj=obj)
    with refused("OUT_OF_SCOPE"):
        purge(guest, obj)
