"""Results: what was sent, for whoever may read about it, and nothing else."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from permissions.models import AuditEvent
from teams import services
from teams.factories import (
    AccountFactory,
    CampaignFactory,
    MailingListFactory,
    MembershipFactory,
    UserFactory,
)
from teams.models import Campaign
from tests.console.conftest import MARKER, build

SENT = Campaign.Status.SENT
LIST = "/teams/result/"


def page_of(key: Any) -> str:
    return f"{LIST}{key}/change/"


def body(client: Any, url: str, status: int = 200) -> str:
    answer = client.get(url)
    assert answer.status_code == status, url
    return str(answer.content.decode())


@pytest.mark.parametrize(
    "who", ["owner", "manager", "administrator", "full", "editor", "author", "response_only"]
)
def test_everybody_who_reads_responses_sees_what_was_sent_where_they_do(
    world: Any, who: str
) -> None:
    CampaignFactory(subaccount=world.places["south"], name="Southern secret", status=SENT)
    CampaignFactory(subaccount=world.places["north"], name="Still planned", status="scheduled")
    listed = body(world.client(who), LIST)
    assert "Winter news" in listed
    assert "Newsletter" in listed  # the list it went to
    assert "Spring sale" not in listed  # a draft
    assert "Still planned" not in listed
    assert ("Southern secret" in listed) is (who == "owner")
    assert MARKER not in listed


def test_a_page_shows_facts_and_no_figures(world: Any) -> None:
    made = CampaignFactory(
        subaccount=world.places["north"],
        name="Autumn",
        subject="Leaves are falling",
        status=SENT,
        sent_at=datetime(2024, 10, 3, 9, 0, tzinfo=UTC),
    )
    page = body(world.client("response_only"), page_of(made.pk))
    for shown in ("Autumn", "North", "3 Oct 2024", "Leaves are falling", "What you may do with it"):
        assert shown in page
    for invented in ("%", "Opened", "Clicked", "Delivered"):
        assert invented not in page
    assert "Open the campaign" not in page
    assert "Open the campaign" in body(world.client("author"), page_of(made.pk))


def test_what_is_not_known_is_said_so(world: Any) -> None:
    CampaignFactory(subaccount=world.places["north"], name="Odd", status=SENT, sent_at=None)
    assert "Not recorded" in body(world.client("owner"), LIST)


def test_drafts_and_other_places_have_no_page(world: Any) -> None:
    south = CampaignFactory(subaccount=world.places["south"], status=SENT)
    client = world.client("response_only")
    answers = [
        client.get(page_of(key)) for key in (world.rows["campaign"].pk, south.pk, 987654, "abc")
    ]
    assert {a.status_code for a in answers} == {404}
    assert len({a.content for a in answers}) == 1


def test_filters_know_the_readers_places_only(world: Any) -> None:
    client = world.client("response_only")
    for value in (world.places["south"].pk, "abc", "1" * 40, "%00"):
        assert "Winter news" not in body(client, f"{LIST}?place={value}")
    assert "Winter news" in body(client, f"{LIST}?place={world.places['north'].pk}")
    for lookup in ("status=draft", "sent_at__gt=2000-01-01", "mailing_list__name=x"):
        assert client.get(f"{LIST}?{lookup}").status_code == 400


def test_who_reads_no_responses_has_no_results(world: Any) -> None:
    stranger = UserFactory(username="p.guest")
    MembershipFactory(account=world.account, subaccount=world.places["south"], user=stranger)
    world.people["guest"] = stranger
    client = world.client("guest")
    assert "Winter news" not in body(client, LIST)
    sent = world.rows["result"].pk
    campaign = Campaign.objects.get(pk=sent)
    services.give_guest_access(
        actor=world.people["owner"], user=stranger, obj=campaign, permissions=["access_campaigns"]
    )
    assert client.get(page_of(sent)).status_code == 404
    services.give_guest_access(
        actor=world.people["owner"], user=stranger, obj=campaign, permissions=["access_response"]
    )
    page = body(client, page_of(sent))
    assert "Winter news" in page
    assert "Not shown" in page  # the list is no business of theirs
    assert "Newsletter" not in page


def test_a_list_that_teams_hide_hides_its_results(sailthru: dict[str, Any]) -> None:
    hidden = MailingListFactory(subaccount=sailthru["place"], name="Hidden list")
    CampaignFactory(
        subaccount=sailthru["place"], name="To the hidden", mailing_list=hidden, status=SENT
    )
    person = UserFactory()
    MembershipFactory(
        account=sailthru["account"],
        subaccount=sailthru["place"],
        user=person,
        role="marketer_limited",
        exclusive=False,
    )
    client = Client()
    client.force_login(person)
    listed = body(client, LIST)
    assert "To the hidden" not in listed
    assert "Hidden list" not in listed
    client.force_login(sailthru["owner"])
    assert "To the hidden" in body(client, LIST)


@pytest.mark.parametrize(
    ("edition", "label"),
    [
        ("emma_hq", "Response"),
        ("emma_enterprise", "Response"),
        ("emma_corporate", "Response"),
        ("sailthru", "Analytics"),
        ("constant_contact", "Reporting"),
    ],
)
def test_the_area_is_called_as_the_edition_calls_it(db: Any, edition: str, label: str) -> None:
    account = AccountFactory(edition=edition)
    client = Client()
    client.force_login(account.owner)
    assert f'<a href="{LIST}">{label}</a>' in body(client, "/")
    assert f"<h1>{label}</h1>" in body(client, LIST)


def test_an_empty_list_says_what_would_be_there(db: Any) -> None:
    world = build()
    Campaign.objects.filter(account=world.account).delete()
    assert "listed here once it is sent" in body(world.client("response_only"), LIST)


def test_writing_is_refused_and_recorded(lasting_world: Any) -> None:
    client = lasting_world.client("response_only")
    key = lasting_world.rows["result"].pk
    assert client.post(page_of(key), {"name": "Stolen"}).status_code == 403
    assert client.post(f"{LIST}{key}/act/guest/", {}).status_code == 404
    assert Campaign.objects.get(pk=key).name == "Winter news"
    assert AuditEvent.objects.get(action="write.refused").data["code"] == "READ_ONLY"


def test_the_list_costs_the_same_with_one_and_with_three(world: Any) -> None:
    client = world.client("response_only")
    client.get(LIST)

    def cost(url: str) -> int:
        with CaptureQueriesContext(connection) as queries:
            body(client, url)
        return len(queries)

    first = cost(LIST)
    for _ in range(2):
        CampaignFactory(
            subaccount=world.places["north"],
            mailing_list=MailingListFactory(subaccount=world.places["north"]),
            status=SENT,
        )
    assert cost(LIST) == first <= 8
    assert cost(page_of(world.rows["result"].pk)) <= 8
