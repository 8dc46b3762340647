"""Campaigns in the console: what is offered, what is chosen, what is shown."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from teams import services
from teams.catalogue import ACCESS_RESPONSE, SEND_CAMPAIGNS
from teams.editions import EDITIONS
from teams.factories import MailingListFactory, MessageTemplateFactory, SegmentFactory
from teams.models import Campaign, Delivery
from teams.services import delivery
from teams.services.content import new_row
from tests.services.mailing import mailing_list, now, ready, states, subscriber
from tests.services.world import World, world

pytestmark = pytest.mark.django_db

LIST = "/teams/campaign/"


@pytest.fixture
def w() -> World:
    return world("emma_hq")


def browser(user: Any) -> Client:
    client = Client()
    client.force_login(user)
    return client


def page(client: Client, campaign: Campaign, **query: Any) -> str:
    answer = client.get(f"{LIST}{campaign.pk}/change/", query)
    assert answer.status_code == 200
    return answer.content.decode()


def act(client: Client, campaign: Campaign, verb: str, **data: Any) -> Any:
    return client.post(f"{LIST}{campaign.pk}/act/{verb}/", data)


def test_a_campaign_is_written_and_sent(w: World) -> None:
    client = browser(w.owner)
    template = MessageTemplateFactory(subaccount=w.north, rows=[new_row("<p>Spring</p>")])
    on = mailing_list(w.north)
    subscriber(on)
    made = client.post(f"{LIST}act/create/{w.north.pk}/", {"name": "Spring"})
    campaign = Campaign.objects.get()
    assert made["Location"] == f"{LIST}{campaign.pk}/change/"
    missing = page(client, campaign)
    for line in ("It has no audience.", "It has no subject.", "It has no sender."):
        assert line in missing
    assert "act/send/" not in missing
    act(client, campaign, "audience", mailing_list=on.pk, segment="")
    act(client, campaign, "template", template=template.pk)
    act(
        client,
        campaign,
        "edit",
        subject="Spring",
        sender_name="North",
        sender_email="news@north.example",
    )
    ready_now = page(client, campaign)
    assert "Before it can go out" not in ready_now
    asked = client.get(f"{LIST}{campaign.pk}/act/send/").content.decode()
    assert "1 contact now" in asked
    assert act(client, campaign, "send").status_code == 302
    assert "Scheduled" in page(client, campaign)
    delivery.work_off(campaign.pk)
    assert len(mail.outbox) == 1
    after = page(client, campaign)
    assert "1 of 1 settled" in after
    result = client.get(f"/teams/result/{campaign.pk}/change/").content.decode()
    assert "1 of 1 settled" in result


def test_a_scheduled_campaign_is_edited_by_nobody(w: World) -> None:
    client, campaign = browser(w.owner), ready(w.north)
    at = timezone.now() + timedelta(days=1)
    assert act(client, campaign, "schedule", at=at.strftime("%Y-%m-%dT%H:%M")).status_code == 302
    shown = page(client, campaign)
    for verb in ("edit", "audience", "template", "add-row", "text", "rename", "delete", "archive"):
        assert f"act/{verb}/" not in shown
        assert client.get(f"{LIST}{campaign.pk}/act/{verb}/").status_code == 403
    for verb in ("reschedule", "unschedule", "send", "copy"):
        assert f"act/{verb}/" in shown
    assert act(client, campaign, "unschedule").status_code == 302
    assert states(campaign) == {}


@pytest.mark.parametrize("when", ["", "soon", "2001-01-01T00:00", "9999-12-31T23:59", "a\x00b"])
def test_a_time_that_cannot_be_is_said_on_the_form(w: World, when: str) -> None:
    client, campaign = browser(w.owner), ready(w.north)
    answer = act(client, campaign, "schedule", at=when)
    assert answer.status_code == 200
    assert "error" in answer.content.decode()
    assert now(campaign).status == Campaign.Status.DRAFT


@pytest.mark.parametrize("verb", ["send", "schedule"])
def test_a_sender_confirms_what_they_were_shown_and_nothing_else(w: World, verb: str) -> None:
    client, campaign = browser(w.owner), ready(w.north)
    at = (timezone.now() + timedelta(days=1)).strftime("%Y-%m-%dT%H:%M")
    asked = client.get(f"{LIST}{campaign.pk}/act/{verb}/")
    seen = asked.context["form"]["seen"].value()
    assert f'value="{seen}"' in asked.content.decode()
    Campaign.objects.update(subject="Bought by an author")
    again = act(client, campaign, verb, at=at, seen=seen)
    assert again.status_code == 200
    assert "was changed since you looked" in again.content.decode()
    assert "Bought by an author" in again.content.decode()
    assert now(campaign).status == Campaign.Status.DRAFT
    shown = again.context["form"]["seen"].value()
    assert f'value="{shown}"' in again.content.decode()
    assert act(client, campaign, verb, at=at, seen=shown).status_code == 302
    assert now(campaign).status == Campaign.Status.SCHEDULED


def test_a_copy_is_not_offered_to_a_guest_of_one_campaign(w: World) -> None:
    guest = w.member("author", w.south).user
    campaign = ready(w.north)
    services.give_guest_access(
        actor=w.owner,
        user=guest,
        obj=campaign,
        permissions=["access_campaigns", "create_campaigns"],
    )
    client = browser(guest)
    shown = page(client, campaign)
    assert "act/rename/" in shown
    assert "act/copy/" not in shown
    assert client.get(f"{LIST}{campaign.pk}/act/copy/").status_code == 403


def test_what_is_being_sent_is_stopped_and_the_page_says_who_got_it(w: World) -> None:
    client, campaign = browser(w.owner), ready(w.north, count=3)
    assert "act/stop/" not in page(client, campaign)
    services.send_campaign(actor=w.owner, campaign=campaign)
    first = campaign.deliveries.order_by("pk").first()
    Delivery.objects.filter(pk=first.pk).update(status="failed")
    Campaign.objects.update(status=Campaign.Status.SENDING)
    assert "act/stop/" in page(client, campaign)
    assert "tried for 1 contact before" in read(client, campaign, "stop")
    assert act(client, campaign, "stop").status_code == 302
    assert states(campaign) == {"failed": 1}
    asked = read(client, campaign, "send")
    assert "2 contacts now" in asked
    assert "tried for 1 contact before. They do not get it again" in asked
    assert act(client, campaign, "send").status_code == 302
    assert "tried for 1 contact before" in read(client, campaign, "unschedule")


def read(client: Client, campaign: Campaign, verb: str) -> str:
    answer = client.get(f"{LIST}{campaign.pk}/act/{verb}/")
    assert answer.status_code == 200
    return answer.content.decode()


# pickers


def test_pickers_offer_what_the_person_sees_and_nothing_else() -> None:
    w, rival = world("sailthru"), world("sailthru")
    member = w.member("marketer_limited").user
    team = w.team(member)
    campaign = ready(w.north)
    services.share_with_team(actor=w.owner, team=team, obj=campaign.mailing_list)
    hidden = MailingListFactory(subaccount=w.north, name="Hidden list")
    elsewhere = MailingListFactory(subaccount=w.south, name="South list")
    foreign = MailingListFactory(subaccount=rival.north, name="Rival list")
    away = MailingListFactory(subaccount=w.north, name="Old list", archived_at=timezone.now())
    SegmentFactory(subaccount=w.north, name="Hidden part", mailing_list=hidden)
    MessageTemplateFactory(subaccount=w.north, name="Hidden template")
    client = browser(member)
    form = client.get(f"{LIST}{campaign.pk}/act/audience/").content.decode()
    assert campaign.mailing_list.name in form
    for name in ("Hidden list", "South list", "Rival list", "Old list", "Hidden part"):
        assert name not in form
    assert client.get(f"{LIST}{campaign.pk}/act/template/").status_code == 403
    answers = {
        str(act(client, campaign, "audience", mailing_list=key, segment="").context["form"].errors)
        for key in (hidden.pk, elsewhere.pk, foreign.pk, away.pk, 987654321)
    }
    assert len(answers) == 1
    assert now(campaign).mailing_list == campaign.mailing_list


def test_the_size_of_an_audience_counts_only_contacts_the_person_sees(w: World) -> None:
    campaign = ready(w.north, count=3)
    subscriber(campaign.mailing_list, status="unsubscribed")
    assert "3 contacts" in page(browser(w.owner), campaign)
    guest = w.member("author", w.south)
    services.give_guest_access(
        actor=w.owner, user=guest.user, obj=campaign, permissions=["access_campaigns"]
    )
    shown = page(browser(guest.user), campaign)
    assert "Not shown" in shown
    assert "3 contacts" not in shown


def test_a_masked_person_learns_no_number_from_a_segment_about_addresses(w: World) -> None:
    rules = {"match": "all", "rules": [{"field": "email", "test": "contains", "value": "contact"}]}
    campaign = ready(w.north, count=3)
    part = SegmentFactory(subaccount=w.north, rules=rules)
    services.set_audience(
        actor=w.owner, campaign=campaign, mailing_list=campaign.mailing_list, segment=part
    )
    full = browser(w.member("full").user)
    assert "3 contacts" in page(full, campaign)
    services.set_address_masking(actor=w.owner, account=w.account, on=True)
    assert "3 contacts" not in page(full, campaign)
    assert full.get(f"{LIST}{campaign.pk}/act/send/").status_code == 403
    assert "act/send/" not in page(full, campaign)
    form = full.get(f"{LIST}{campaign.pk}/act/audience/").content.decode()
    assert campaign.mailing_list.name in form
    assert part.name not in form


def test_a_guest_of_a_campaign_reads_no_name_of_its_list_or_segment(w: World) -> None:
    guest = w.member("author", w.south).user
    on = mailing_list(w.north, name="Lost clients")
    part = SegmentFactory(subaccount=w.north, name="Big spenders", mailing_list=on)
    campaign = ready(w.north, mailing_list=on, segment=part)
    services.give_guest_access(
        actor=w.owner,
        user=guest,
        obj=campaign,
        permissions=["access_campaigns", "create_campaigns"],
    )
    client = browser(guest)

    def read() -> str:
        pages = [client.get(f"{LIST}{campaign.pk}/act/audience/")]
        kept = {"mailing_list": on.pk, "segment": part.pk}
        pages.append(client.post(f"{LIST}{campaign.pk}/act/audience/", kept, follow=True))
        return page(client, campaign) + "".join(found.content.decode() for found in pages)

    shown = read()
    assert "a list not shown to you, a segment of it" in shown
    assert "A list not shown to you" in shown
    now(campaign).mailing_list.segments.update(archived_at=timezone.now())
    type(on).objects.update(archived_at=timezone.now())
    shown += read()
    assert "Its mailing list is archived" in shown
    assert "Lost clients" not in shown
    assert "Big spenders" not in shown
    assert "Lost clients, segment Big spenders" in page(browser(w.owner), campaign)


def test_a_preview_shows_one_contact_by_name_and_never_an_address(w: World) -> None:
    campaign = ready(w.north, count=0, rows=[new_row("<p>{{first_name}} at {{email}}</p>")])
    contact = subscriber(campaign.mailing_list, first_name="Vera", email="vera@readers.example")
    client, stranger = browser(w.owner), subscriber(mailing_list(w.north), first_name="Otto")
    assert "Robin at robin@example.com" in page(client, campaign)
    shown = page(client, campaign, contact=contact.pk)
    assert "Vera at robin@example.com" in shown
    assert contact.email not in shown
    for key in (stranger.pk, 987654321, "x", "\x00", "9" * 40):
        assert "Robin at robin@example.com" in page(client, campaign, contact=key)


def test_what_a_worker_could_not_do_is_shown(w: World) -> None:
    campaign = ready(w.north, count=4)
    services.send_campaign(actor=w.owner, campaign=campaign)
    keys = list(campaign.deliveries.order_by("pk").values_list("pk", flat=True))
    Delivery.objects.filter(pk=keys[0]).update(status="unconfirmed")
    Delivery.objects.filter(pk=keys[1]).update(status="failed", note="refused (550)")
    delivery.work_off(campaign.pk)
    shown = page(browser(w.owner), campaign)
    for words in ("Unconfirmed", "it is never sent twice", "Failed", "4 of 4 settled"):
        assert words in shown


FIGURES = ("2 of 2 settled", "Unsubscribed through it")


def with_results(w: World) -> Campaign:
    """Return a campaign that went to two contacts, one of whom left through it."""
    campaign = ready(w.north, count=2)
    services.send_campaign(actor=w.owner, campaign=campaign)
    delivery.work_off(campaign.pk)
    row = campaign.deliveries.order_by("pk").first()
    Delivery.objects.filter(pk=row.pk).update(unsubscribed_at=timezone.now())
    return campaign


def test_who_reads_no_results_sees_the_state_of_a_campaign_and_no_figures() -> None:
    w = world("constant_contact")
    campaign = with_results(w)
    client = browser(w.manager(role="campaign_creator").user)
    shown = page(client, campaign)
    assert "Sent" in shown
    for figure in (*FIGURES, "Deliveries", "settled"):
        assert figure not in shown
    assert client.get(f"/teams/result/{campaign.pk}/change/").status_code in (403, 404)
    assert all(figure in page(browser(w.owner), campaign) for figure in FIGURES)


@pytest.mark.parametrize(
    ("permissions", "figures"),
    [
        (["access_campaigns"], []),
        (["access_campaigns", "create_campaigns"], []),
        (["access_campaigns", "access_response"], [*FIGURES]),
    ],
)
def test_a_guest_of_a_campaign_sees_the_figures_that_come_with_what_they_were_given(
    w: World, permissions: list[str], figures: list[str]
) -> None:
    guest, campaign = w.member("author", w.south).user, with_results(w)
    services.give_guest_access(actor=w.owner, user=guest, obj=campaign, permissions=permissions)
    shown = page(browser(guest), campaign)
    assert [figure for figure in FIGURES if figure in shown] == figures


def test_whoever_may_send_and_so_stop_a_campaign_reads_how_far_it_is() -> None:
    needed = {SEND_CAMPAIGNS, ACCESS_RESPONSE}
    for edition in EDITIONS.values():
        for role in edition.roles:
            assert role.holds & needed in (needed, {ACCESS_RESPONSE}, set()), role
    w = world("sailthru", team_mode="off")
    sender = w.member(w.custom("access_campaigns", "send_campaigns")).user
    shown = page(browser(sender), with_results(w))
    assert all(figure in shown for figure in FIGURES)


def test_a_page_asks_as_many_questions_for_many_deliveries_as_for_one(w: World) -> None:
    client = browser(w.owner)
    found = []
    for count in (1, 30):
        campaign = ready(w.north, count=count)
        services.send_campaign(actor=w.owner, campaign=campaign)
        delivery.work_off(campaign.pk)
        with CaptureQueriesContext(
            connection,
        ) as queries:
            page(client, campaign)
        found.append(len(queries))
    assert found[0] == found[1]


def test_a_share_leads_only_where_one_may_share() -> None:
    w = world("emma_corporate")
    boss = w.manager(w.north, toggles=("share_campaigns",)).user
    campaign = ready(w.north)
    client = browser(boss)
    assert "act/share/" not in page(client, campaign)
    answer = act(client, campaign, "share", subaccount=w.south.pk, name="Mine")
    assert Campaign.objects.filter(subaccount=w.south).count() == 0
    assert answer.status_code in (200, 403)
    both = w.manager(w.north, w.south, toggles=("share_campaigns",)).user
    assert act(browser(both), campaign, "share", subaccount=w.south.pk, name="Mine").status_code
    assert Campaign.objects.get(subaccount=w.south).mailing_list is None
