"""Who gets a campaign and what it says is settled by whoever may send, and by nobody else."""

from __future__ import annotations

from datetime import timedelta
from email import message_from_bytes
from typing import Any

import pytest
from django.core import mail, signing
from django.core.exceptions import ImproperlyConfigured
from django.test import Client, override_settings
from django.utils import timezone

from permissions import audit
from permissions.errors import Invalid
from permissions.models import AuditEvent
from teams import services
from teams.factories import CampaignFactory, MessageTemplateFactory, SegmentFactory
from teams.flow import STEPS
from teams.models import Campaign, Contact, Delivery
from teams.services import delivery, leaving, letters, sending
from teams.services.content import new_row
from tests.services.mailing import join, mailing_list, now, ready, states, subscriber
from tests.services.world import World, refused, world

pytestmark = pytest.mark.django_db

TOMORROW = timedelta(days=1)
#: a project that has no page on which to unsubscribe
urlpatterns: list[Any] = []


@pytest.fixture
def w() -> World:
    return world("emma_hq")


def later() -> Any:
    return timezone.now() + TOMORROW


def pass_time(campaign: Campaign, by: timedelta = timedelta(hours=1)) -> None:
    """Let the hour of a scheduled campaign come."""
    Campaign.objects.filter(pk=campaign.pk).update(scheduled_at=timezone.now() - by)


def sent(campaign: Campaign) -> list[str]:
    """Send what waits, and return to whom mail went, in order."""
    before = len(mail.outbox)
    delivery.work_off(campaign.pk)
    return sorted(message.to[0] for message in mail.outbox[before:])


# the table


def test_only_who_may_send_takes_a_step_that_leads_to_sending() -> None:
    towards = {s.name: s.permission for s in STEPS.values() if s.after != Campaign.Status.DRAFT}
    assert towards == {
        "schedule": "send_campaigns",
        "reschedule": "send_campaigns",
        "send": "send_campaigns",
        "begin": None,
        "finish": None,
    }
    assert STEPS["unschedule"].permission == STEPS["stop"].permission == "send_campaigns"
    assert {s.after for s in STEPS.values()} == set(Campaign.Status)


@pytest.mark.parametrize("status", Campaign.Status)
def test_steps_are_taken_from_the_states_of_the_table_only(w: World, status: str) -> None:
    acts = {
        "schedule": lambda c: services.schedule_campaign(actor=w.owner, campaign=c, at=later()),
        "unschedule": lambda c: services.unschedule_campaign(actor=w.owner, campaign=c),
        "send": lambda c: services.send_campaign(actor=w.owner, campaign=c),
        "stop": lambda c: services.stop_campaign(actor=w.owner, campaign=c),
    }
    allowed = {
        "schedule": (*STEPS["schedule"].before, *STEPS["reschedule"].before),
        "unschedule": STEPS["unschedule"].before,
        "send": STEPS["send"].before,
        "stop": STEPS["stop"].before,
    }
    for name, act in acts.items():
        campaign = ready(w.north, status=status)
        if status in allowed[name]:
            act(campaign)
        else:
            with refused("WRONG_STATE"):
                act(campaign)


# what is shown


@pytest.mark.parametrize(
    "change",
    [
        {"subject": "Another"},
        {"sender_name": "Another"},
        {"sender_email": "another@north.example"},
        {"reply_to": "another@north.example"},
        {"text": "Another"},
        {"rows": [new_row("<p>Another</p>")]},
    ],
)
def test_what_was_changed_since_its_sender_looked_is_not_sent(
    w: World, change: dict[str, Any]
) -> None:
    campaign = ready(w.north, count=1)
    seen = sending.fingerprint(campaign)
    Campaign.objects.update(**change)
    with refused("CHANGED"):
        services.send_campaign(actor=w.owner, campaign=campaign, seen=seen)
    with refused("CHANGED"):
        services.schedule_campaign(actor=w.owner, campaign=campaign, at=later(), seen=seen)
    seen = sending.fingerprint(now(campaign))
    services.send_campaign(actor=w.owner, campaign=campaign, seen=seen)
    assert len(sent(campaign)) == 1


def test_another_audience_since_its_sender_looked_is_not_sent_to(w: World) -> None:
    campaign, other = ready(w.north), mailing_list(w.north)
    part = SegmentFactory(subaccount=w.north)
    subscriber(other)
    marks = [sending.fingerprint(campaign)]
    for chosen, segment in ((other, None), (other, part)):
        services.set_audience(
            actor=w.owner, campaign=campaign, mailing_list=chosen, segment=segment
        )
        with refused("CHANGED"):
            services.send_campaign(actor=w.owner, campaign=campaign, seen=marks[-1])
        marks.append(sending.fingerprint(now(campaign)))
    part.rules = {"match": "all", "rules": [{"field": "status", "test": "is_filled", "value": ""}]}
    part.save()
    with refused("CHANGED"):
        services.send_campaign(actor=w.owner, campaign=campaign, seen=marks[-1])


# what is settled


def test_recipients_are_the_subscribed_contacts_of_the_list(w: World) -> None:
    campaign = ready(w.north, count=2)
    on = campaign.mailing_list
    subscriber(on, status=Contact.Status.UNSUBSCRIBED)
    subscriber(on, archived_at=timezone.now())
    subscriber(mailing_list(w.north))
    services.send_campaign(actor=w.owner, campaign=campaign)
    assert states(campaign) == {"waiting": 2}
    expected = sorted(
        Contact.objects.filter(deliveries__campaign=campaign).values_list("email", flat=True)
    )
    assert sent(campaign) == expected
    assert states(campaign) == {"sent": 2}
    assert now(campaign).status == Campaign.Status.SENT
    assert now(campaign).sent_at is not None


def test_nothing_that_happens_after_scheduling_adds_a_recipient_or_changes_a_word(
    w: World,
) -> None:
    template = MessageTemplateFactory(subaccount=w.north, rows=[new_row("<p>Old words</p>")])
    campaign = ready(w.north, count=0)
    contact = subscriber(campaign.mailing_list, first_name="Vera")
    services.use_template(actor=w.owner, campaign=campaign, template=template)
    services.add_row(actor=w.owner, content=now(campaign), html="<p>Dear {{first_name}}</p>")
    services.schedule_campaign(actor=w.owner, campaign=now(campaign), at=later())
    template.rows = [new_row("<p>New words</p>")]
    template.save()
    subscriber(campaign.mailing_list)
    Contact.objects.filter(pk=contact.pk).update(first_name="Somebody else")
    pass_time(campaign)
    assert sent(campaign) == [contact.email]
    body = mail.outbox[-1].body
    assert "Old words" in body
    assert "New words" not in body
    assert "Dear Vera" in body


def test_a_changed_address_is_left_out_instead_of_followed(w: World) -> None:
    campaign = ready(w.north, count=1)
    services.send_campaign(actor=w.owner, campaign=campaign)
    Contact.objects.update(email="elsewhere@evil.example")
    assert sent(campaign) == []
    assert states(campaign) == {"skipped": 1}


@pytest.mark.parametrize(
    "change", [{"status": Contact.Status.UNSUBSCRIBED}, {"archived_at": timezone.now()}]
)
def test_who_left_meanwhile_is_left_out(w: World, change: dict[str, Any]) -> None:
    campaign = ready(w.north, count=2)
    services.send_campaign(actor=w.owner, campaign=campaign)
    gone = Contact.objects.order_by("pk").first()
    Contact.objects.filter(pk=gone.pk).update(**change)
    assert len(sent(campaign)) == 1
    assert states(campaign) == {"sent": 1, "skipped": 1}


def test_a_purged_contact_is_gone(w: World) -> None:
    campaign = ready(w.north, count=2)
    services.send_campaign(actor=w.owner, campaign=campaign)
    Contact.objects.order_by("pk").first().delete()
    assert len(sent(campaign)) == 1


@pytest.mark.parametrize("status", sorted(set(Campaign.Status) - {Campaign.Status.SENT}))
@pytest.mark.parametrize("fate", sorted(set(Delivery.Status) - {Delivery.Status.WAITING}))
def test_whom_a_campaign_was_tried_for_is_not_purged_before_it_is_over(
    w: World, status: str, fate: str
) -> None:
    _campaign, contact = tried(w, status, fate)
    with refused("IN_USE"):
        services.purge_item(actor=w.owner, obj=contact, confirm=str(contact))
    Campaign.objects.update(status=Campaign.Status.SENT)
    services.purge_item(actor=w.owner, obj=contact, confirm=str(contact))


def tried(w: World, status: str, fate: str) -> tuple[Campaign, Contact]:
    """Return a campaign that came as far as ``status``, and who was to get it, put away."""
    campaign = ready(w.north, count=1)
    services.send_campaign(actor=w.owner, campaign=campaign)
    Campaign.objects.update(status=status)
    Delivery.objects.update(status=fate)
    return now(campaign), services.archive_item(actor=w.owner, obj=Contact.objects.get())


def test_who_only_waits_is_purged_until_it_is_being_sent(w: World) -> None:
    campaign, contact = tried(w, Campaign.Status.SENDING, Delivery.Status.WAITING)
    with refused("IN_USE"):
        services.purge_item(actor=w.owner, obj=contact, confirm=str(contact))
    Campaign.objects.update(status=Campaign.Status.SCHEDULED)
    services.purge_item(actor=w.owner, obj=contact, confirm=str(contact))
    assert sent(campaign) == []


def test_who_got_a_campaign_that_was_stopped_does_not_get_it_twice_by_a_purge(
    w: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery, "BATCH", 1)
    campaign = ready(w.north, count=2)
    services.send_campaign(actor=w.owner, campaign=campaign)
    delivery.work_off(
        campaign.pk,
        progress=lambda done: services.stop_campaign(actor=w.owner, campaign=campaign),
    )
    contact = Delivery.objects.get().contact
    services.archive_item(actor=w.owner, obj=contact)
    with refused("IN_USE"):
        services.purge_item(actor=w.owner, obj=contact, confirm=str(contact))
    on = campaign.mailing_list
    services.add_contact(actor=w.owner, where=w.north, email=contact.email)
    services.send_campaign(actor=w.owner, campaign=now(campaign))
    sent(campaign)
    assert on.contacts.filter(pk=contact.pk).exists()
    assert len({m.to[0] for m in mail.outbox}) == len(mail.outbox) == 2
    services.archive_item(actor=w.owner, obj=contact)
    services.purge_item(actor=w.owner, obj=contact, confirm=str(contact))


OBSTACLES: dict[str, dict[str, Any]] = {
    "NO_SUBJECT": {"subject": ""},
    "NO_SENDER": {"sender_email": ""},
    "NO_CONTENT": {"rows": []},
    "UNKNOWN_FIELD": {"subject": "Hello {{nobodys_field}}"},
}


@pytest.mark.parametrize("code", OBSTACLES)
def test_what_lacks_something_is_not_scheduled(w: World, code: str) -> None:
    campaign = ready(w.north, **OBSTACLES[code])
    with refused(code):
        services.schedule_campaign(actor=w.owner, campaign=campaign, at=later())


def test_without_a_list_nothing_is_sent(w: World) -> None:
    campaign = ready(w.north)
    Campaign.objects.update(mailing_list=None)
    with refused("NO_LIST"):
        services.send_campaign(actor=w.owner, campaign=campaign)


def test_to_an_archived_list_nothing_is_sent(w: World) -> None:
    campaign = ready(w.north, mailing_list=mailing_list(w.north, archived_at=timezone.now()))
    with refused("ARCHIVED"):
        services.send_campaign(actor=w.owner, campaign=campaign)


def test_to_nobody_nothing_is_sent(w: World) -> None:
    campaign = ready(w.north, count=0)
    with refused("EMPTY_AUDIENCE"):
        services.send_campaign(actor=w.owner, campaign=campaign)


@pytest.mark.parametrize(
    ("by", "code"),
    [(-timedelta(hours=1), "TIME_PAST"), (timedelta(days=400), "TIME_TOO_FAR")],
)
def test_only_a_time_within_a_year_is_taken(w: World, by: timedelta, code: str) -> None:
    campaign, at = ready(w.north), timezone.now() + by
    with refused(code):
        services.schedule_campaign(actor=w.owner, campaign=campaign, at=at)


def test_a_list_that_teams_hide_is_no_audience_of_whoever_may_send() -> None:
    w = world("sailthru", team_mode="lists")
    sender = w.member("marketer_limited").user
    hidden = ready(w.north)
    assert not Campaign.objects.filter(created_by=sender).exists()
    with refused("NOT_FOUND"):
        services.send_campaign(actor=sender, campaign=hidden)


# the worker


def test_nothing_is_sent_before_its_time(w: World) -> None:
    campaign = ready(w.north)
    services.schedule_campaign(actor=w.owner, campaign=campaign, at=later())
    assert sent(campaign) == []
    assert now(campaign).status == Campaign.Status.SCHEDULED
    services.schedule_campaign(actor=w.owner, campaign=now(campaign), at=later() + TOMORROW)
    assert sent(campaign) == []
    pass_time(campaign)
    assert len(sent(campaign)) == 3


@pytest.mark.parametrize("status", [Campaign.Status.DRAFT, Campaign.Status.SENT])
def test_the_worker_takes_no_draft_and_nothing_twice(w: World, status: str) -> None:
    campaign = ready(w.north, status=status, scheduled_at=timezone.now() - TOMORROW)
    assert delivery.work_off(campaign.pk).state == "nothing"
    assert delivery.deliver_campaign.func(campaign.pk) == "nothing"
    assert mail.outbox == []


def test_nobody_gets_it_twice_however_often_it_is_run(w: World) -> None:
    campaign = ready(w.north)
    services.send_campaign(actor=w.owner, campaign=campaign)
    assert len(sent(campaign)) == 3
    assert sent(campaign) == []
    Campaign.objects.update(status=Campaign.Status.SENDING)
    assert sent(campaign) == []


def test_one_message_that_cannot_be_made_keeps_no_other_from_going_out(w: World) -> None:
    campaign = ready(w.north)
    services.send_campaign(actor=w.owner, campaign=campaign)
    broken = campaign.deliveries.order_by("pk").first()
    Delivery.objects.filter(pk=broken.pk).update(values=["no", "mapping"])
    assert len(sent(campaign)) == 2
    assert states(campaign) == {"sent": 2, "failed": 1}


@override_settings(ROOT_URLCONF="tests.services.test_sending")
def test_without_a_way_out_nothing_is_scheduled_or_sent(w: World) -> None:
    campaign = ready(w.north)
    with pytest.raises(ImproperlyConfigured, match=r"include\('teams.urls'\)"):
        services.send_campaign(actor=w.owner, campaign=campaign)
    with pytest.raises(ImproperlyConfigured):
        delivery.work_off(campaign.pk)
    assert states(campaign) == {}


def test_what_a_dead_worker_held_is_unconfirmed_and_never_sent_again(w: World) -> None:
    campaign = ready(w.north)
    services.send_campaign(actor=w.owner, campaign=campaign)
    held = campaign.deliveries.order_by("pk").first()
    claimed = {"status": Delivery.Status.SENDING, "at": timezone.now()}
    Delivery.objects.filter(pk=held.pk).update(**claimed)
    assert len(sent(campaign)) == 2
    assert now(campaign).status == Campaign.Status.SENDING, "it may be another worker's"
    Delivery.objects.filter(pk=held.pk).update(at=timezone.now() - delivery.STALE)
    assert sent(campaign) == []
    assert states(campaign) == {"sent": 2, "unconfirmed": 1}
    assert now(campaign).status == Campaign.Status.SENT


def test_it_goes_back_to_draft_when_who_scheduled_it_may_no_longer_send(w: World) -> None:
    member = w.member("full")
    campaign = ready(w.north)
    services.send_campaign(actor=member.user, campaign=campaign)
    services.change_role(actor=w.owner, membership=member, role="author")
    assert sent(campaign) == []
    found = now(campaign)
    assert found.status == Campaign.Status.DRAFT
    assert "may no longer send" in found.problem
    assert states(campaign) == {}
    event = AuditEvent.objects.filter(action="campaign.returned").get()
    assert event.actor_ref == "system"
    assert list(audit.verify()) == []


def test_it_stops_midway_when_who_scheduled_it_may_no_longer_send(
    w: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery, "BATCH", 1)
    member = w.member("full")
    campaign = ready(w.north)
    services.send_campaign(actor=member.user, campaign=campaign)

    def dismiss(count: int) -> None:
        if count == 1:
            services.remove_member(actor=w.owner, membership=member)

    assert delivery.work_off(campaign.pk, progress=dismiss).state == "given back"
    assert states(campaign) == {"sent": 1}
    services.send_campaign(actor=w.owner, campaign=now(campaign))
    assert len(sent(campaign)) == 2
    assert len({m.to[0] for m in mail.outbox}) == len(mail.outbox) == 3


def test_it_goes_back_to_draft_when_its_subaccount_was_archived(w: World) -> None:
    campaign = ready(w.north)
    services.send_campaign(actor=w.owner, campaign=campaign)
    services.archive_subaccount(actor=w.owner, subaccount=w.north)
    assert sent(campaign) == []
    assert now(campaign).status == Campaign.Status.DRAFT
    assert "archived" in now(campaign).problem


def test_unscheduling_forgets_who_would_have_got_it(w: World) -> None:
    campaign = ready(w.north)
    services.schedule_campaign(actor=w.owner, campaign=campaign, at=later())
    services.unschedule_campaign(actor=w.owner, campaign=now(campaign))
    assert states(campaign) == {}
    pass_time(campaign)
    assert sent(campaign) == []


def test_what_is_being_sent_can_be_stopped_and_nobody_gets_it_twice(
    w: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery, "BATCH", 2)
    campaign = ready(w.north)
    services.send_campaign(actor=w.owner, campaign=campaign)

    author = w.member("author").user

    def stop(count: int) -> None:
        if count == 1:
            with refused("OUT_OF_SCOPE"):
                services.stop_campaign(actor=author, campaign=campaign)
            services.stop_campaign(actor=w.owner, campaign=campaign)

    assert delivery.work_off(campaign.pk, progress=stop).state == "nothing"
    assert states(campaign) == {"sent": 1}
    found = now(campaign)
    assert found.status == Campaign.Status.DRAFT
    assert found.scheduled_at is found.scheduled_by is None
    assert sent(campaign) == []
    services.send_campaign(actor=w.owner, campaign=found)
    assert len(sent(campaign)) == 2
    assert len({m.to[0] for m in mail.outbox}) == len(mail.outbox) == 3
    assert AuditEvent.objects.filter(action="campaign.stopped").count() == 1


def test_a_worker_that_another_was_faster_than_gives_nothing_back(
    w: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery, "BATCH", 1)
    campaign = ready(w.north)
    services.send_campaign(actor=w.owner, campaign=campaign)
    found = delivery.work_off(
        campaign.pk, progress=lambda count: Campaign.objects.update(status=Campaign.Status.SENT)
    )
    assert (found.state, found.done) == ("nothing", 1)


@pytest.mark.parametrize("status", Campaign.ON_ITS_WAY)
def test_what_is_a_day_late_goes_back_to_draft(w: World, status: str) -> None:
    campaign = ready(w.north)
    services.schedule_campaign(actor=w.owner, campaign=campaign, at=later())
    pass_time(campaign, TOMORROW + timedelta(minutes=1))
    Campaign.objects.update(status=status)
    assert delivery.work_off(campaign.pk).state == "given back"
    assert mail.outbox == []
    assert now(campaign).status == Campaign.Status.DRAFT
    assert "for more than a day" in now(campaign).problem
    assert states(campaign) == {}


def test_what_is_almost_a_day_late_or_takes_longer_is_sent(w: World) -> None:
    campaign = ready(w.north)
    services.schedule_campaign(actor=w.owner, campaign=campaign, at=later())
    pass_time(campaign, TOMORROW - timedelta(minutes=1))
    assert len(sent(campaign)) == 3
    long = ready(w.north)
    services.schedule_campaign(actor=w.owner, campaign=long, at=later())
    pass_time(long, TOMORROW * 2)
    first = long.deliveries.order_by("pk").first()
    Delivery.objects.filter(pk=first.pk).update(status="sent", at=timezone.now())
    Campaign.objects.filter(pk=long.pk).update(status=Campaign.Status.SENDING)
    assert len(sent(long)) == 2


def test_what_no_worker_began_is_taken_up_by_whoever_looks_after_it(w: World) -> None:
    campaign = ready(w.north)
    services.schedule_campaign(actor=w.owner, campaign=campaign, at=later())
    assert delivery.look_after_campaign.func(campaign.pk) == "over", "its hour has not come"
    pass_time(campaign)
    assert delivery.look_after_campaign.func(campaign.pk) == "sent"
    assert delivery.deliver_campaign.func(campaign.pk) == "nothing"
    assert delivery.look_after_campaign.func(campaign.pk) == "over"
    assert len({m.to[0] for m in mail.outbox}) == len(mail.outbox) == 3


def test_whoever_looks_after_a_campaign_sends_nothing_taken_back_or_a_day_late(w: World) -> None:
    back, late = ready(w.north), ready(w.north)
    for campaign in (back, late):
        services.schedule_campaign(actor=w.owner, campaign=campaign, at=later())
    services.unschedule_campaign(actor=w.owner, campaign=now(back))
    pass_time(late, TOMORROW + timedelta(minutes=1))
    assert delivery.look_after_campaign.func(back.pk) == "over"
    assert delivery.look_after_campaign.func(late.pk) == "given back"
    assert mail.outbox == []


def test_where_addresses_are_masked_no_subject_merges_them(w: World) -> None:
    campaign = ready(w.north, subject="For {{email}}")
    assert list(sending.obstacles(campaign)) == []
    services.set_address_masking(actor=w.owner, account=w.account, on=True)
    with refused("MASKED"):
        services.send_campaign(actor=w.owner, campaign=campaign)


# the message


def test_the_message_says_whom_it_is_from_and_how_to_leave(w: World) -> None:
    campaign = ready(w.north, count=0, reply_to="answers@north.example")
    contact = subscriber(campaign.mailing_list, first_name="<b>Ann</b>")
    services.send_campaign(actor=w.owner, campaign=campaign)
    sent(campaign)
    message = message_from_bytes(mail.outbox[0].message().as_bytes())
    row = Delivery.objects.get()
    url = letters.unsubscribe_url(letters.unsubscribe_token(row))
    assert message["To"] == contact.email
    assert message["From"] == "Northwind Coffee <news@north.example>"
    assert message["Reply-To"] == "answers@north.example"
    assert message["Message-ID"] == f"<campaign.{campaign.pk}.{row.pk}@127.0.0.1>"
    assert message["List-Unsubscribe"].strip() == mail.outbox[0].extra_headers["List-Unsubscribe"]
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    text, html = (part.get_payload(decode=True).decode() for part in message.get_payload())
    assert "Dear <b>Ann</b>, fresh beans" in text
    assert "Dear &lt;b&gt;Ann&lt;/b&gt;, fresh beans" in html
    assert url.split("/unsubscribe/")[0] in html


@pytest.mark.parametrize("text", ["a\nBcc: evil@example.com", "a\r\nX: y", "a\x00b", "a\u2028b"])
def test_no_field_breaks_out_of_a_header(w: World, text: str) -> None:
    good = {"subject": "Hello", "sender_name": "North", "sender_email": "a@b.example"}
    campaign = ready(w.north)
    for field in (*good, "reply_to"):
        with refused("NOT_TEXT"):
            services.edit_campaign(actor=w.owner, campaign=campaign, **{**good, field: text})


def test_a_name_with_a_line_break_stays_in_its_header(w: World) -> None:
    campaign = ready(w.north, count=0)
    subscriber(campaign.mailing_list, first_name="Eve\nBcc: x@evil.example")
    services.send_campaign(actor=w.owner, campaign=campaign)
    sent(campaign)
    message = message_from_bytes(mail.outbox[0].message().as_bytes())
    assert message["Bcc"] is None
    assert "\n" not in mail.outbox[0].subject


@pytest.mark.parametrize(
    "address",
    [
        "no",
        "a@b@c",
        "Ann <a@b.example>",
        "a@b.example, c@d.example",
        "new\u017f@b.example",
        "bücher@b.example",
        "a@-\u00fc.example",
        f"a@{'ü' * 63}.example",
    ],
)
def test_a_sender_has_one_plain_address(w: World, address: str) -> None:
    campaign = ready(w.north)
    with refused("NOT_AN_ADDRESS"):
        services.edit_campaign(
            actor=w.owner,
            campaign=campaign,
            subject="x",
            sender_name="x",
            sender_email=address,
        )


def edit(campaign: Campaign, actor: Any, **values: Any) -> Campaign:
    """Edit a draft, everything but ``values`` as it is."""
    names = ("subject", "sender_name", "sender_email", "reply_to")
    kept = {name: getattr(campaign, name) for name in names}
    return services.edit_campaign(actor=actor, campaign=campaign, **{**kept, **values})


def test_the_domain_of_a_sender_is_stored_as_mail_programs_write_it(w: World) -> None:
    campaign = edit(ready(w.north, count=1), w.owner, sender_email="news@bücher.example")
    assert campaign.sender_email == "news@xn--bcher-kva.example"
    services.send_campaign(actor=w.owner, campaign=campaign)
    assert len(sent(campaign)) == 1
    assert states(campaign) == {"sent": 1}


def test_a_sender_that_cannot_be_written_fails_and_holds_nothing_up(w: World) -> None:
    campaign = ready(w.north, count=2, sender_email="news@bücher.example")
    services.send_campaign(actor=w.owner, campaign=campaign)
    assert sent(campaign) == []
    assert states(campaign) == {"failed": 2}
    assert now(campaign).status == Campaign.Status.SENT
    another = ready(w.south, sender_email="news@bücher.example")
    with refused("NOT_AN_ADDRESS"):
        services.send_test(actor=w.owner, campaign=another)


# tests


@override_settings(DEFAULT_FROM_EMAIL="The console <console@example.com>")
def test_a_test_without_a_sender_comes_from_the_address_of_the_settings(w: World) -> None:
    services.send_test(actor=w.owner, campaign=ready(w.north, sender_name="", sender_email=""))
    assert mail.outbox[0].from_email == f"{w.north.name} <console@example.com>"


def test_a_test_goes_to_whoever_asks_and_to_nobody_else(w: World) -> None:
    author = w.member("author").user
    campaign = ready(w.north)
    assert services.send_test(actor=author, campaign=campaign) == author.email
    (message,) = mail.outbox
    assert message.to == [author.email]
    assert message.cc == message.bcc == []
    assert message.subject.startswith("[Test] ")
    assert states(campaign) == {}
    assert now(campaign).status == Campaign.Status.DRAFT
    assert leaving.unsubscribe(letters.NOBODYS) is None


def test_tests_are_counted(w: World) -> None:
    campaign = ready(w.north)
    for _ in range(20):
        services.send_test(actor=w.owner, campaign=campaign)
    with refused("LIMIT_REACHED"):
        services.send_test(actor=w.owner, campaign=campaign)
    services.send_test(actor=w.member("author").user, campaign=campaign)
    assert len(mail.outbox) == 21


# the way out


def leave_url(campaign: Campaign) -> str:
    row = Delivery.objects.filter(campaign=campaign).order_by("pk").first()
    return f"/unsubscribe/{letters.unsubscribe_token(row)}/"


def test_a_contact_leaves_with_one_click(w: World) -> None:
    campaign = ready(w.north, count=1)
    services.send_campaign(actor=w.owner, campaign=campaign)
    sent(campaign)
    contact, client = Contact.objects.get(), Client(enforce_csrf_checks=True)
    asked = client.get(leave_url(campaign))
    assert asked.status_code == 200
    assert "Northwind Coffee" in asked.content.decode()
    assert w.account.name not in asked.content.decode()
    contact.refresh_from_db()
    assert contact.status == Contact.Status.SUBSCRIBED
    done = client.post(leave_url(campaign), {"List-Unsubscribe": "One-Click"})
    assert done.status_code == 200
    contact.refresh_from_db()
    assert contact.status == Contact.Status.UNSUBSCRIBED
    assert contact.unsubscribed_at is not None
    assert Delivery.objects.get().unsubscribed_at is not None
    first = contact.unsubscribed_at
    assert client.post(leave_url(campaign)).content == done.content
    contact.refresh_from_db()
    assert contact.unsubscribed_at == first


AGAIN = {"again": "yes"}


def test_a_contact_who_left_subscribes_again_by_the_same_link(w: World) -> None:
    campaign = ready(w.north, count=1)
    services.send_campaign(actor=w.owner, campaign=campaign)
    sent(campaign)
    contact, client = Contact.objects.get(), Client(enforce_csrf_checks=True)
    client.post(leave_url(campaign))
    services.archive_item(actor=w.owner, obj=contact)
    services.restore_item(actor=w.owner, obj=contact)
    asked = client.get(leave_url(campaign))
    contact.refresh_from_db()
    assert contact.status == Contact.Status.UNSUBSCRIBED  # a look subscribes nobody
    assert "Subscribe again" in asked.content.decode()
    client.post(leave_url(campaign), {"List-Unsubscribe": "One-Click"})
    contact.refresh_from_db()
    assert contact.status == Contact.Status.UNSUBSCRIBED
    done = client.post(leave_url(campaign), AGAIN)
    contact.refresh_from_db()
    assert (contact.status, contact.unsubscribed_at) == (Contact.Status.SUBSCRIBED, None)
    assert "You are subscribed again" in done.content.decode()
    assert Client().post(leave_url(campaign)).status_code == 200
    contact.refresh_from_db()
    assert contact.status == Contact.Status.UNSUBSCRIBED


def test_who_subscribes_again_is_not_kept_as_unsubscribed(w: World) -> None:
    campaign = ready(w.north, count=1)
    services.send_campaign(actor=w.owner, campaign=campaign)
    sent(campaign)
    url, contact = leave_url(campaign), Contact.objects.get()
    Client().post(url)
    contact.refresh_from_db()
    email = contact.email
    for other in ("other@example.com", email):  # leaves the address behind, and takes it again
        services.edit_contact(actor=w.owner, contact=contact, email=other)
    Client().post(url, AGAIN)
    contact.refresh_from_db()
    assert contact.status == Contact.Status.SUBSCRIBED
    contact.delete()
    added = services.add_contact(actor=w.owner, where=w.north, email=email)
    assert added.status == Contact.Status.SUBSCRIBED


def test_the_link_of_an_earlier_address_subscribes_nobody(w: World) -> None:
    campaign = ready(w.north, count=1)
    services.send_campaign(actor=w.owner, campaign=campaign)
    sent(campaign)
    url, contact = leave_url(campaign), Contact.objects.get()
    services.edit_contact(actor=w.owner, contact=contact, email="new@example.com")
    Client().post(url)
    for answer in (Client().get(url), Client().post(url, AGAIN)):
        assert "You are unsubscribed" in answer.content.decode()
        assert "Subscribe again" not in answer.content.decode()
    contact.refresh_from_db()
    assert contact.status == Contact.Status.UNSUBSCRIBED


def test_a_contact_leaves_also_when_the_campaign_is_gone(w: World) -> None:
    campaign = ready(w.north, count=1)
    services.send_campaign(actor=w.owner, campaign=campaign)
    sent(campaign)
    url = leave_url(campaign)
    Campaign.objects.all().delete()
    assert Client().post(url).status_code == 200
    assert Contact.objects.get().status == Contact.Status.UNSUBSCRIBED


def purge(w: World, contact: Contact) -> None:
    services.archive_item(actor=w.owner, obj=contact)
    services.purge_item(actor=w.owner, obj=contact, confirm=str(contact))


def test_who_is_purged_while_they_subscribe_again_stays_out(
    w: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Gone between the look and the lock: the page says so, and is no error of ours."""
    campaign = ready(w.north, count=1)
    services.send_campaign(actor=w.owner, campaign=campaign)
    sent(campaign)
    url, contact, look = leave_url(campaign), Contact.objects.get(), leaving.leaver_of
    Client().post(url)

    def look_and_lose(token: str) -> Any:
        found = look(token)
        if Contact.objects.exists():
            purge(w, contact)
        return found

    monkeypatch.setattr(leaving, "leaver_of", look_and_lose)
    answer = Client().post(url, AGAIN)
    assert answer.status_code == 200
    assert "You are unsubscribed" in answer.content.decode()
    assert not Contact.objects.exists()


ODD_ADDRESS = '"Ann\\ B"@readers.example'


@pytest.mark.parametrize("email", ["Ann@readers.example", ODD_ADDRESS])
def test_who_was_purged_and_added_again_leaves_by_the_old_link(w: World, email: str) -> None:
    campaign = ready(w.north, count=0)
    contact = subscriber(campaign.mailing_list, email=email)
    services.send_campaign(actor=w.owner, campaign=campaign)
    sent(campaign)
    url = leave_url(campaign)
    purge(w, contact)
    again = services.add_contact(actor=w.owner, where=w.north, email=email.lower())
    others = [services.add_contact(actor=w.owner, where=w.south, email=email)]
    others.append(services.add_contact(actor=w.owner, where=w.north, email="other@example.com"))
    assert Client().get(url).status_code == 200
    assert "You are unsubscribed" in Client().post(url).content.decode()
    for found in (again, *others):
        found.refresh_from_db()
    assert again.status == Contact.Status.UNSUBSCRIBED
    assert {other.status for other in others} == {Contact.Status.SUBSCRIBED}
    Client().post(url, AGAIN)
    again.refresh_from_db()
    assert again.status == Contact.Status.SUBSCRIBED


def test_who_leaves_after_they_were_purged_stays_out_when_added_again(w: World) -> None:
    campaign = ready(w.north, count=0)
    contact = subscriber(campaign.mailing_list, email="ann@readers.example")
    services.send_campaign(actor=w.owner, campaign=campaign)
    sent(campaign)
    url = leave_url(campaign)
    purge(w, contact)
    assert "You are unsubscribed" not in Client().get(url).content.decode()
    for answer in (Client().post(url), Client().post(url), Client().get(url)):
        assert (answer.status_code, "You are unsubscribed" in answer.content.decode()) == (
            200,
            True,
        )
        assert "Subscribe again" not in answer.content.decode()
    Client().post(url, AGAIN)
    again = services.add_contact(actor=w.owner, where=w.north, email="Ann@readers.example")
    assert again.status == Contact.Status.UNSUBSCRIBED
    elsewhere = services.add_contact(actor=w.owner, where=w.south, email="Ann@readers.example")
    assert elsewhere.status == Contact.Status.SUBSCRIBED


def test_every_link_that_lets_nobody_out_is_answered_alike(
    w: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    campaign = ready(w.north, count=1)
    services.send_campaign(actor=w.owner, campaign=campaign)
    good = leave_url(campaign)
    with monkeypatch.context() as patch:
        patch.setattr(signing.time, "time", lambda: 0)
        old = leave_url(campaign)
    foreign = signing.dumps([1, 1], salt="another")
    key, place, digest = Contact.objects.get().pk, w.north.pk, "a" * 64
    values = (
        *(None, [1], [1, 2, 3], "ab", "abcd", [{}, []], ["x", "y"], [10**40, 1], [True, None]),
        *([key, campaign.pk], [key, campaign.pk, 10**9, digest], [key, campaign.pk, True, digest]),
        *([key, campaign.pk, place, bad] for bad in (None, "", "a" * 63, "A" * 64, [digest], 1)),
    )
    odd = [signing.dumps(value, salt=letters.UNSUBSCRIBE_SALT) for value in values]
    urls = [old, *(f"/unsubscribe/{t}/" for t in (foreign, "x", "%00", "a" * 5000, *odd))]
    answers = {
        (answer.status_code, answer.content)
        for url in urls
        for answer in (Client().get(url), Client().post(url), Client().post(url, AGAIN))
    }
    assert len(answers) == 1
    assert next(iter(answers))[0] == 404
    assert Contact.objects.get().status == Contact.Status.SUBSCRIBED
    assert Client().get(good).status_code == 200


def test_the_link_leads_to_the_configured_origin_whatever_the_host(w: World) -> None:
    campaign = ready(w.north, count=1)
    with override_settings(CONSOLE_ORIGIN="https://console.example.com"):
        services.send_campaign(actor=w.owner, campaign=campaign)
        sent(campaign)
    header = mail.outbox[0].extra_headers["List-Unsubscribe"]
    assert header.startswith("<https://console.example.com/unsubscribe/")


# segments


ABOUT_ADDRESSES = {
    "match": "all",
    "rules": [{"field": "email", "test": "contains", "value": "reader"}],
}


def test_a_segment_about_addresses_is_no_audience_of_whoever_sees_them_masked(w: World) -> None:
    full = w.member("full").user
    campaign = ready(w.north)
    on = campaign.mailing_list
    part = SegmentFactory(subaccount=w.north, rules=ABOUT_ADDRESSES)
    services.set_address_masking(actor=w.owner, account=w.account, on=True)
    with refused("OUT_OF_SCOPE"):
        services.set_audience(actor=full, campaign=campaign, mailing_list=on, segment=part)
    services.set_audience(actor=w.owner, campaign=campaign, mailing_list=on, segment=part)
    with refused("OUT_OF_SCOPE"):
        services.set_audience(actor=full, campaign=campaign, mailing_list=on, segment=part)
    with refused("OUT_OF_SCOPE"):
        services.schedule_campaign(actor=full, campaign=campaign, at=later())
    with refused("OUT_OF_SCOPE"):
        services.send_campaign(actor=full, campaign=campaign)
    services.set_audience(actor=full, campaign=campaign, mailing_list=on)
    services.send_campaign(actor=full, campaign=campaign)


def test_a_segment_of_another_list_is_no_audience(w: World) -> None:
    campaign = ready(w.north)
    other = SegmentFactory(subaccount=w.north, mailing_list=mailing_list(w.north))
    with refused("OTHER_LIST"):
        services.set_audience(
            actor=w.owner, campaign=campaign, mailing_list=campaign.mailing_list, segment=other
        )


def test_a_joined_contact_is_not_added_to_what_is_being_sent(w: World) -> None:
    campaign, other = ready(w.north, count=1), mailing_list(w.north)
    newcomer = subscriber(other)
    services.send_campaign(actor=w.owner, campaign=campaign)
    join(newcomer, campaign.mailing_list)
    assert newcomer.email not in sent(campaign)


def test_copies_are_cleaned_once_more(w: World) -> None:
    rows = [{**new_row("<p>Hello</p>"), "html": "<p>Hello</p><script>x</script>"}]
    campaign, draft = ready(w.north, rows=rows), CampaignFactory(subaccount=w.north)
    template = MessageTemplateFactory(subaccount=w.north, rows=rows)
    made = (
        services.use_template(actor=w.owner, campaign=draft, template=template),
        services.duplicate_campaign(actor=w.owner, campaign=campaign, name="Again"),
        services.share_campaign(actor=w.owner, campaign=campaign, subaccount=w.south),
    )
    for found in made:
        assert [row["html"] for row in found.rows] == ["<p>Hello</p>"]


def test_a_refusal_names_the_place_that_is_in_the_way(w: World) -> None:
    campaign = ready(w.north)
    services.archive_subaccount(actor=w.owner, subaccount=w.south)
    with pytest.raises(Invalid, match=f"^{w.south.name} is archived"):
        services.share_campaign(actor=w.owner, campaign=campaign, subaccount=w.south)


def test_copies_keep_the_words_and_drop_what_is_over(w: World) -> None:
    campaign = ready(w.north)
    services.send_campaign(actor=w.owner, campaign=campaign)
    sent(campaign)
    copy = services.duplicate_campaign(actor=w.owner, campaign=now(campaign), name="Again")
    assert (copy.status, copy.rows, copy.mailing_list) == (
        Campaign.Status.DRAFT,
        campaign.rows,
        campaign.mailing_list,
    )
    assert copy.scheduled_by is copy.sent_at is None
    shared = services.share_campaign(actor=w.owner, campaign=now(campaign), subaccount=w.south)
    assert shared.subaccount == w.south
    assert shared.rows == campaign.rows
    assert shared.mailing_list is shared.template is shared.segment is None
    assert shared.sender_email == shared.reply_to == ""


def test_a_guest_of_one_campaign_makes_no_others(w: World) -> None:
    guest = w.member("author", w.south).user
    campaign = ready(w.north)
    services.give_guest_access(
        actor=w.owner,
        user=guest,
        obj=campaign,
        permissions=["access_campaigns", "create_campaigns"],
    )
    edit(campaign, guest, subject="By a guest")
    with refused("OUT_OF_SCOPE"):
        services.duplicate_campaign(actor=guest, campaign=campaign, name="Another")
    assert not Campaign.objects.filter(name="Another").exists()


def test_what_was_sent_is_archived_and_not_deleted(w: World) -> None:
    campaign = ready(w.north)
    services.schedule_campaign(actor=w.owner, campaign=campaign, at=later())
    with refused("IN_USE"):
        services.delete_campaign(actor=w.owner, campaign=now(campaign))
    services.send_campaign(actor=w.owner, campaign=now(campaign))
    sent(campaign)
    with refused("IS_RECORD"):
        services.delete_campaign(actor=w.owner, campaign=now(campaign))
    draft = CampaignFactory(subaccount=w.north)
    services.delete_campaign(actor=w.owner, campaign=draft)
    assert not Campaign.objects.filter(pk=draft.pk).exists()
