"""Lists in the console: the page, and each verb where it works."""

from __future__ import annotations

from typing import Any

import pytest
from django.utils import timezone

from teams import services
from teams.factories import CampaignFactory, ContactFactory, MailingListFactory, SegmentFactory
from teams.models import ListMembership, MailingList
from tests.console.conftest import World

LISTS = "/teams/mailinglist/"


def body(client: Any, url: str, status: int = 200) -> str:
    answer = client.get(url)
    assert answer.status_code == status, url
    return str(answer.content.decode())


def url_of(obj: Any, rest: str = "change/") -> str:
    return f"{LISTS}{obj.pk}/{rest}"


def fact(page: str, label: str) -> str:
    """Return what the page says under ``label``."""
    return page.partition(f"<dt>{label}</dt><dd>")[2].partition("</dd>")[0]


def test_the_page_says_type_contacts_and_where_it_is_used(world: World) -> None:
    shown = world.rows["mailinglist"]
    for archived in (None, None, timezone.now()):
        contact = ContactFactory(subaccount=world.places["north"], archived_at=archived)
        ListMembership.objects.create(
            subaccount=contact.subaccount, contact=contact, mailing_list=shown
        )
    SegmentFactory(subaccount=world.places["north"], mailing_list=shown, name="Regulars")
    CampaignFactory(
        subaccount=world.places["north"],
        mailing_list=shown,
        name="Forgotten",
        archived_at=timezone.now(),
    )
    page = body(world.client("full"), url_of(shown))
    assert fact(page, "Type") == "Primary"
    assert fact(page, "Contacts") == "2"
    used = fact(page, "Used by")
    campaign = world.rows["campaign"]
    assert f'<a href="/teams/campaign/{campaign.pk}/change/">Spring sale</a>' in used
    assert "Regulars" in used
    assert "Forgotten" not in used


def test_a_guest_who_may_not_view_contacts_is_not_told_how_many(world: World) -> None:
    guest = world.people["author"]
    services.give_guest_access(
        actor=world.people["owner"],
        user=guest,
        obj=MailingListFactory(subaccount=world.places["south"], name="Southern"),
        permissions=["access_audience"],
    )
    page = body(world.client("author"), url_of(MailingList.objects.get(name="Southern")))
    assert "Not shown" in fact(page, "Contacts")
    assert "Nothing that you see" in fact(page, "Used by")


def test_a_campaign_that_is_hidden_is_not_named(sailthru: Any, client: Any) -> None:
    from teams.factories import MembershipFactory, UserFactory

    limited = UserFactory(username="s.limited")
    MembershipFactory(
        account=sailthru["account"],
        subaccount=sailthru["place"],
        user=limited,
        role="marketer_limited",
        exclusive=False,
    )
    services.share_with_team(
        actor=sailthru["owner"], team=sailthru["team"], obj=sailthru["mailinglist"]
    )
    services.add_to_team(actor=sailthru["owner"], team=sailthru["team"], user=limited)
    client.force_login(limited)
    page = body(client, url_of(sailthru["mailinglist"]))
    # Spring sale uses a template that no team of theirs sees; Winter news uses none
    assert "Winter news" in fact(page, "Used by")
    assert "Spring sale" not in page


def test_one_place_leads_to_the_form_and_several_ask_first(world: World) -> None:
    north, south = world.places["north"], world.places["south"]
    direct = f'href="{LISTS}act/create/{north.pk}/"'
    assert direct in body(world.client("full"), LISTS)
    owner = world.client("owner")
    assert f'href="{LISTS}act/create/"' in body(owner, LISTS)
    asked = body(owner, f"{LISTS}act/create/")
    assert "Where should the mailing list be?" in asked
    assert "South" in asked
    owner.post("/scope/", {"place": north.pk})
    assert direct in body(owner, LISTS)
    assert "Add list" not in body(world.client("response_only"), "/")
    assert body(world.client("author"), LISTS, 403)
    assert body(world.client("full"), f"{LISTS}act/create/{south.pk}/", 404)


def test_a_list_is_made_and_shown(world: World) -> None:
    client, north = world.client("full"), world.places["north"]
    answer = client.post(f"{LISTS}act/create/{north.pk}/", {"name": "Fans", "kind": "secondary"})
    made = MailingList.objects.get(name="Fans")
    assert answer["Location"] == url_of(made)
    assert (made.kind, made.subaccount, made.created_by) == (
        "secondary",
        north,
        world.people["full"],
    )
    again = client.post(f"{LISTS}act/create/{north.pk}/", {"name": "fans", "kind": "primary"})
    assert "There is a mailing list of that name already." in again.content.decode()


def test_the_type_is_asked_of_whoever_may_change_it(sailthru: Any, client: Any) -> None:
    client.force_login(sailthru["member"])  # a Marketer Admin does not change types
    url = f"{LISTS}act/create/{sailthru['place'].pk}/"
    assert 'name="kind"' not in body(client, url)
    forged = client.post(url, {"name": "Fans", "kind": "secondary"})
    assert forged.status_code == 302
    assert MailingList.objects.get(name="Fans").kind == "primary"
    client.force_login(sailthru["owner"])
    assert 'name="kind"' in body(client, url)


def test_verbs_do_what_they_say(world: World) -> None:
    client, shown = world.client("full"), MailingListFactory(subaccount=world.places["north"])
    client.post(url_of(shown, "act/rename/"), {"name": "Fans"})
    client.post(url_of(shown, "act/type/"), {"kind": "secondary"})
    shown.refresh_from_db()
    assert (shown.name, shown.kind) == ("Fans", "secondary")
    answer = client.post(url_of(shown, "act/delete/"))
    assert answer["Location"] == LISTS
    assert not MailingList.objects.filter(pk=shown.pk).exists()


def test_a_type_that_is_not_offered_is_refused(world: World) -> None:
    answer = world.client("full").post(
        url_of(world.rows["mailinglist"], "act/type/"), {"kind": "tertiary"}
    )
    assert "There is no such type of list" in answer.content.decode()


def test_delete_is_offered_only_while_nothing_uses_it(world: World) -> None:
    client, used = world.client("full"), world.rows["mailinglist"]
    page = body(client, url_of(used))
    assert "act/rename/" in page
    assert "act/archive/" in page
    assert "act/delete/" not in page
    assert body(client, url_of(used, "act/delete/"), 403)
    answer = client.post(url_of(used, "act/delete/"))
    assert "is used by a campaign" in answer.content.decode()
    free = MailingListFactory(subaccount=world.places["north"])
    assert "act/delete/" in body(client, url_of(free))
    ListMembership.objects.create(
        subaccount=free.subaccount,
        contact=ContactFactory(subaccount=free.subaccount),
        mailing_list=free,
    )
    assert "act/delete/" not in body(client, url_of(free))
    assert "has contacts on it" in client.post(url_of(free, "act/delete/")).content.decode()


@pytest.mark.parametrize("who", ["author", "response_only"])
def test_whoever_does_not_see_lists_finds_no_verb(world: World, who: str) -> None:
    client, shown = world.client(who), world.rows["mailinglist"]
    for verb in ("rename", "type", "delete", "archive", "restore", "purge"):
        assert client.get(url_of(shown, f"act/{verb}/")).status_code == 404
        assert client.post(url_of(shown, f"act/{verb}/"), {"name": "X"}).status_code == 404
