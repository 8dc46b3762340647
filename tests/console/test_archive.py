"""The archive in the console: lists leave it out, a filter shows it, verbs put away and purge."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.utils import timezone

from permissions.models import AuditEvent
from teams.factories import CampaignFactory, MailingListFactory, MessageTemplateFactory
from teams.models import Campaign, MailingList
from tests.console.conftest import World

KINDS = ("mailinglist", "messagetemplate", "campaign")
NAMES = {"mailinglist": "Newsletter", "messagetemplate": "Monthly", "campaign": "Spring sale"}


def body(client: Any, url: str, status: int = 200) -> str:
    answer = client.get(url)
    assert answer.status_code == status, url
    return str(answer.content.decode())


def put_away(world: World, kind: str) -> Any:
    obj = world.rows[kind]
    obj.archived_at = timezone.now()
    obj.save()
    return obj


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_put_away_is_shown_by_the_filter_alone(world: World, kind: str) -> None:
    client, name = world.client("owner"), NAMES[kind]
    assert name in body(client, f"/teams/{kind}/")
    obj = put_away(world, kind)
    listed = body(client, f"/teams/{kind}/")
    assert name not in listed
    assert "?archived=yes" in listed
    archive = body(client, f"/teams/{kind}/?archived=yes")
    assert name in archive
    assert f'href="/teams/{kind}/{obj.pk}/change/' in archive
    for query in (f"?q={name[:4]}", "?archived=no"):
        assert name not in body(client, f"/teams/{kind}/{query}")


def test_the_page_of_what_is_put_away_says_so_and_offers_what_works(world: World) -> None:
    obj = put_away(world, "mailinglist")
    page = body(world.client("administrator"), f"/teams/mailinglist/{obj.pk}/change/")
    assert "Mailing list in North, archived" in page
    assert "act/restore/" in page
    for verb in ("archive", "rename", "type", "guest", "purge", "delete"):
        assert f"/act/{verb}/" not in page, verb  # a campaign uses it, so it cannot be purged


def test_numbers_leave_out_what_is_put_away(world: World) -> None:
    client = world.client("owner")
    before = body(client, "/")
    put_away(world, "campaign")
    put_away(world, "mailinglist")
    after = body(client, "/")
    for url in ("/teams/mailinglist/", "/teams/campaign/"):
        link = f'href="{url}?place={world.places["north"].pk}">'
        assert [page.partition(link)[2].partition("<")[0] for page in (before, after)] == [
            {"/teams/mailinglist/": "1", "/teams/campaign/": "2"}[url],
            {"/teams/mailinglist/": "0", "/teams/campaign/": "1"}[url],
        ]


def test_home_of_a_member_names_nothing_that_is_put_away(world: World) -> None:
    client = world.client("author")
    assert "Spring sale" in body(client, "/")
    put_away(world, "campaign")
    assert "Spring sale" not in body(client, "/")


def test_archive_restore_and_purge(lasting_world: World) -> None:
    world = lasting_world
    client = world.client("administrator")
    obj = MailingListFactory(subaccount=world.places["north"], name="Old readers")
    url = f"/teams/mailinglist/{obj.pk}/"
    assert client.post(f"{url}act/archive/")["Location"] == f"{url}change/"
    assert client.post(f"{url}act/restore/").status_code == 302
    client.post(f"{url}act/archive/")
    wrong = client.post(f"{url}act/purge/", {"confirm": "old readers"})
    assert "Type the name, Old readers, to confirm." in wrong.content.decode()
    assert MailingList.objects.filter(pk=obj.pk).exists()
    done = client.post(f"{url}act/purge/", {"confirm": " Old readers "}, follow=True)
    assert "Old readers was removed for good." in done.content.decode()
    assert not MailingList.objects.filter(pk=obj.pk).exists()
    last = AuditEvent.objects.latest("pk")
    assert (last.action, last.subject_label, last.data["counts"]) == (
        "mailinglist.purged",
        "Old readers",
        {"teams.MailingList": 1},
    )
    home = body(world.client("owner"), "/")
    assert "removed the archived mailing list Old readers for good." in home


@pytest.mark.parametrize("who", ["full", "editor"])
def test_purging_is_offered_to_whoever_may(world: World, who: str) -> None:
    obj = MailingListFactory(subaccount=world.places["north"], archived_at=timezone.now())
    page = body(world.client(who), f"/teams/mailinglist/{obj.pk}/change/")
    assert "act/restore/" in page
    assert "act/delete/" not in page  # what is archived is purged
    assert "act/purge/" not in page
    answer = world.client(who).post(
        f"/teams/mailinglist/{obj.pk}/act/purge/", {"confirm": obj.name}
    )
    assert answer.status_code == 403
    assert "Purge archived items" in answer.content.decode()


def test_what_is_on_its_way_is_not_put_away(world: World) -> None:
    client = world.client("owner")
    Campaign.objects.filter(pk=world.rows["campaign"].pk).update(status="scheduled")
    for kind in ("campaign", "mailinglist"):
        url = f"/teams/{kind}/{world.rows[kind].pk}/"
        assert "act/archive/" not in body(client, f"{url}change/")
        assert "scheduled or being sent" in client.post(f"{url}act/archive/").content.decode()
    assert "act/archive/" in body(
        client, f"/teams/messagetemplate/{world.rows['messagetemplate'].pk}/change/"
    )


# many at once


def choose(client: Any, kind: str, action: str, *rows: Any, query: str = "") -> Any:
    data = {"action": action, ACTION_CHECKBOX_NAME: [row.pk for row in rows]}
    return client.post(f"/teams/{kind}/{query}", data)


def confirm(client: Any, shown: Any, *rows: Any) -> Any:
    found = shown.context
    return client.post(
        found["verb"].url,
        {
            ACTION_CHECKBOX_NAME: [row.pk for row in rows],
            "token": found["token"],
            "shown": found["shown"],
            "confirm": "1",
        },
        follow=True,
    )


def test_many_are_put_away_and_brought_back(world: World) -> None:
    client = world.client("full")
    rows = MailingListFactory.create_batch(3, subaccount=world.places["north"])
    shown = choose(client, "mailinglist", "archive", *rows)
    assert "Archive 3 mailing lists" in shown.content.decode()
    done = confirm(client, shown, *rows)
    assert "3 mailing lists are archived." in done.content.decode()
    assert MailingList.objects.exclude(archived_at=None).count() == 3

    shown = choose(client, "mailinglist", "restore", *rows, query="?archived=yes")
    assert "Restore 3 mailing lists" in shown.content.decode()
    confirm(client, shown, *rows)
    assert not MailingList.objects.exclude(archived_at=None).exists()


def test_each_list_offers_what_can_be_done_on_it(world: World) -> None:
    put_away(world, "mailinglist")
    client = world.client("full")
    MailingListFactory(subaccount=world.places["north"])
    assert '<option value="archive">' in body(client, "/teams/mailinglist/")
    assert '<option value="restore">' not in body(client, "/teams/mailinglist/")
    archive = body(client, "/teams/mailinglist/?archived=yes")
    assert '<option value="restore">' in archive
    assert '<option value="archive">' not in archive
    assert "<option" not in body(client, "/teams/result/")


def test_what_cannot_be_put_away_is_left_out(world: World) -> None:
    client, north = world.client("full"), world.places["north"]
    busy, free = MailingListFactory.create_batch(2, subaccount=north)
    CampaignFactory(subaccount=north, mailing_list=busy, status="scheduled")
    shown = choose(client, "mailinglist", "archive", busy, free)
    page = shown.content.decode()
    assert "1 of 2 cannot be done" in page
    assert "scheduled or being sent" in page
    refused = confirm(client, shown, busy, free)
    assert "cannot be archived now" in refused.content.decode()
    assert not MailingList.objects.exclude(archived_at=None).exists()


def test_rows_out_of_reach_are_missing(world: World) -> None:
    client = world.client("full")
    south = MessageTemplateFactory(subaccount=world.places["south"])
    for stray in (south, world.rival["messagetemplate"]):
        answer = choose(client, "messagetemplate", "archive", world.rows["messagetemplate"], stray)
        assert answer.status_code == 404
