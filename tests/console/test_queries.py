"""Each page costs the same with one item and with three."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from teams import services
from teams.factories import (
    CampaignFactory,
    ContactFactory,
    CustomFieldFactory,
    MailingListFactory,
    MembershipFactory,
    MessageTemplateFactory,
    SegmentFactory,
    SubaccountFactory,
    UserFactory,
)
from teams.models import ListMembership, SubaccountGroup, Webhook
from tests.services.test_key_reach import key_of

pytestmark = pytest.mark.once

PAGES = {
    "home": ("owner", "/", 32),
    "home of a member": ("author", "/", 16),
    "without a giver": ("owner", "/without-giver/", 22),
    "ending": ("owner", "/ending/", 17),
    "history": ("owner", "/history/", 9),
    "results": ("owner", "/teams/result/", 9),
    "archive": ("owner", "/teams/subaccount/{north}/act/archive/", 20),
    "my access": ("full", "/access/", 24),
    "people": ("owner", "/auth/user/", 24),
    "person": ("owner", "/auth/user/{full}/change/", 34),
    "why": ("owner", "/auth/user/{full}/change/?why=export_contacts", 47),
    "list": ("owner", "/teams/mailinglist/{list}/change/", 19),
    "roles": ("owner", "/roles/", 4),
    "subaccounts": ("owner", "/teams/subaccount/", 13),
    "groups": ("owner", "/teams/subaccountgroup/", 9),
    "group": ("owner", "/teams/subaccountgroup/{group}/change/", 26),
    "subaccount": ("owner", "/teams/subaccount/{north}/change/", 17),
    "API keys": ("owner", "/teams/apikey/", 12),
    "API key": ("owner", "/teams/apikey/{key}/change/", 10),
    "lists": ("owner", "/teams/mailinglist/", 6),
    "templates": ("owner", "/teams/messagetemplate/", 6),
    "template": ("owner", "/teams/messagetemplate/{template}/change/", 15),
    "add a list": ("owner", "/teams/mailinglist/act/create/", 4),
    "campaigns": ("owner", "/teams/campaign/", 7),
    "campaign": ("owner", "/teams/campaign/{campaign}/change/", 21),
    "contacts": ("owner", "/teams/contact/", 6),
    "contacts of a place": ("owner", "/teams/contact/?place={north}", 9),
    "contacts of a guest": ("visitor", "/teams/contact/", 8),
    "contact": ("owner", "/teams/contact/{contact}/change/", 12),
    "edit a contact": ("owner", "/teams/contact/{contact}/act/edit/", 10),
    "add a contact": ("owner", "/teams/contact/act/add/{north}/", 12),
    "segments": ("owner", "/teams/segment/", 6),
    "segment": ("owner", "/teams/segment/{segment}/change/", 25),
    "audience builder": (
        "owner",
        "/teams/segment/act/build/{north}/?match=all&field=status&test=is&value=subscribed",
        12,
    ),
    "contact fields": ("owner", "/teams/customfield/", 5),
    "webhooks": ("owner", "/teams/webhook/", 6),
    "webhook": ("owner", "/teams/webhook/{webhook}/change/", 8),
    "change role": ("owner", "/auth/user/{full}/act/role/{seat}/", 15),
    "add to a place": ("owner", "/auth/user/{full}/act/add/", 15),
}


def cost(world: Any, who: str, url: str) -> int:
    keys = {
        "full": world.people["full"].pk,
        "seat": world.seats["full"].pk,
        "north": world.places["north"].pk,
        "list": world.rows["mailinglist"].pk,
        "campaign": world.rows["campaign"].pk,
        "template": world.rows["messagetemplate"].pk,
        "contact": world.rows["contact"].pk,
        "segment": world.rows["segment"].pk,
        "group": world.rows["group"].pk,
        "key": world.rows["key"].pk,
        "webhook": world.rows["webhook"].pk,
    }
    client = world.client(who)
    client.get(url.format(**keys))
    with CaptureQueriesContext(connection) as queries:
        assert client.get(url.format(**keys)).status_code == 200
    return len(queries)


def grow(world: Any, items: int) -> None:
    """Give every list on every page so many more items."""
    owner, soon = world.people["owner"], timezone.now() + timedelta(days=3)
    for _ in range(items):
        place = SubaccountFactory(account=world.account)
        person = UserFactory()
        MembershipFactory(
            account=world.account, subaccount=world.places["north"], user=person, ends_at=soon
        )
        seat = MembershipFactory(account=world.account, user=person, role="manager")
        group = SubaccountGroup.objects.create(account=world.account, name=place.name)
        for one in (group, world.rows.setdefault("group", group)):
            one.contents.get_or_create(account=world.account, subaccount=place)
            one.managing.get_or_create(account=world.account, membership=seat)
        hook = Webhook.objects.create(account=world.account, name=place.name, created_by=owner)
        told = world.rows.setdefault("webhook", hook)
        told.deliveries.create(
            account=world.account, sequence=10_000 + told.deliveries.count(), action="role.changed"
        )
        seat.reach.create(account=world.account, subaccount=place)
        key = key_of(person, world.places["north"], "access_audience")
        world.rows.setdefault("key", key)
        extra = MembershipFactory(
            account=world.account, subaccount=place, user=world.people["full"]
        )
        services.toggle_permission(
            actor=owner, membership=extra, toggle="export_contacts", on=True, ends_at=soon
        )
        target = SubaccountFactory(account=world.account)
        services.give_guest_access(
            actor=owner,
            user=world.people["full"],
            obj=target,
            permissions=["access_campaigns"],
            ends_at=soon,
        )
        for factory in (MailingListFactory, MessageTemplateFactory, CampaignFactory):
            factory(subaccount=world.places["north"])
        used = {"mailing_list": world.rows["mailinglist"]}
        CampaignFactory(
            subaccount=world.places["north"], template=world.rows["messagetemplate"], **used
        )
        SegmentFactory(subaccount=world.places["north"], **used)
        _add_contacts(world, place)
        template = world.rows["messagetemplate"]
        template.rows.append({**template.rows[1], "key": f"more{len(template.rows)}"})
        template.save()
        for status in ("sent", "scheduled"):
            CampaignFactory(subaccount=world.places["north"], status=status)


def _add_contacts(world: Any, place: Any) -> None:
    """Give every list about contacts one more item, and a guest one more list of them."""
    north, rows = world.places["north"], world.rows
    segment = SegmentFactory(subaccount=north)
    mailing_list = MailingListFactory(subaccount=north)
    for found in (north, place):
        CustomFieldFactory(subaccount=found)
    rows.setdefault("segment", segment)
    rows.setdefault("contact", ContactFactory(subaccount=north))
    for contact in (rows["contact"], ContactFactory(subaccount=north)):
        ListMembership.objects.create(subaccount=north, contact=contact, mailing_list=mailing_list)
    if "visitor" not in world.people:
        seat = MembershipFactory(
            account=world.account, subaccount=world.places["south"], role="author"
        )
        world.people["visitor"] = seat.user
    services.give_guest_access(
        actor=world.people["owner"],
        user=world.people["visitor"],
        obj=mailing_list,
        permissions=["access_audience", "view_contacts", "add_contacts"],
    )


@pytest.mark.parametrize("name", PAGES)
def test_queries_are_the_same_with_one_item_and_with_three(world: Any, name: str) -> None:
    who, url, at_most = PAGES[name]
    grow(world, 1)
    before = cost(world, who, url)
    grow(world, 2)
    after = cost(world, who, url)
    assert (name, after) == (name, before)
    assert before <= at_most
