"""What guests of one thing, and people below the locks, cannot do by a way around."""

from __future__ import annotations

from typing import Any

import pytest
from django.utils import timezone

from teams import services
from teams.factories import (
    CampaignFactory,
    MailingListFactory,
    MessageTemplateFactory,
    SegmentFactory,
)
from teams.models import Campaign, MessageTemplate
from teams.services.content import new_row
from tests.services.world import World, missing, refused, world

pytestmark = pytest.mark.django_db


def guest_of_template(w: World) -> tuple[Any, MessageTemplate]:
    template = MessageTemplateFactory(subaccount=w.north)
    guest = w.member("full", w.south).user
    services.give_guest_access(
        actor=w.owner, user=guest, obj=template, permissions=["access_content"]
    )
    return guest, template


def test_guest_of_a_template_edits_it_and_takes_it_from_nobody() -> None:
    w = world("emma_hq")
    guest, template = guest_of_template(w)

    services.add_row(actor=guest, content=template, html="<p>Hello</p>")
    with refused("NOT_FOUND"):
        services.archive_item(actor=guest, obj=template)
    template.archived_at = timezone.now()
    template.save()
    with refused("NOT_FOUND"):
        services.restore_item(actor=guest, obj=template)
    assert services.restore_item(actor=w.member("full").user, obj=template)


def locked(w: World, **locks: bool) -> Campaign:
    return CampaignFactory(subaccount=w.north, rows=[new_row("<p>Legal footer</p>", **locks)])


@pytest.mark.parametrize(
    ("lock", "permission"),
    [("row_locked", "change_locked_rows"), ("contents_locked", "change_locked_contents")],
)
def test_template_does_not_sweep_away_what_is_locked(lock: str, permission: str) -> None:
    w = world("emma_hq")
    campaign, empty = locked(w, **{lock: True}), MessageTemplateFactory(subaccount=w.north)
    author = w.member("author").user

    with refused("OUT_OF_SCOPE") as caught:
        services.use_template(actor=author, campaign=campaign, template=empty)
    assert missing(caught) == {(permission, "North")}
    done = services.use_template(
        actor=w.member("administrator").user, campaign=campaign, template=empty
    )
    assert done.rows == []


def test_text_part_does_not_stand_in_for_locked_contents() -> None:
    w = world("emma_hq")
    author = w.member("author").user
    campaign = locked(w, contents_locked=True)

    with refused("OUT_OF_SCOPE") as caught:
        services.change_text(actor=author, content=campaign, text="No footer")
    assert missing(caught) == {("change_locked_contents", "North")}
    services.change_text(actor=author, content=locked(w), text="No footer needed")


def test_deleting_a_list_is_no_way_around_purging() -> None:
    w = world("emma_hq")
    full = w.member("full").user
    archived = MailingListFactory(subaccount=w.north, archived_at=timezone.now())
    with refused("ARCHIVED"):
        services.delete_list(actor=full, mailing_list=archived)

    segmented = MailingListFactory(subaccount=w.north)
    SegmentFactory(subaccount=w.north, mailing_list=segmented, archived_at=timezone.now())
    with refused("IN_USE"):
        services.delete_list(actor=full, mailing_list=segmented)
    services.delete_list(actor=full, mailing_list=MailingListFactory(subaccount=w.north))
