"""``send_campaign``: the console's services for whoever is named, and resuming what is due."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core import mail
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from teams import services
from teams.models import Campaign, Delivery
from teams.services import delivery
from tests.commands.helpers import Done, run
from tests.services.mailing import now, ready, states
from tests.services.world import World, world

pytestmark = pytest.mark.django_db


@pytest.fixture
def w() -> World:
    return world("emma_hq")


def send(campaign: Campaign, actor: str, *more: str) -> Done:
    where = f"{campaign.subaccount.slug}/{campaign.slug}"
    named = ("--account", campaign.account.slug, "--campaign", where)
    return run("send_campaign", "--actor", actor, *named, *more)


def test_it_sends_now_and_says_what_became_of_it(w: World) -> None:
    campaign = ready(w.north, name="Spring")
    done = send(campaign, w.owner.username)
    assert (done.code, done.out) == (0, "Spring was sent; 3 sent.\n")
    assert len(mail.outbox) == 3
    assert now(campaign).scheduled_by == w.owner


def test_it_schedules(w: World) -> None:
    campaign = ready(w.north)
    at = (timezone.now() + timedelta(days=2)).strftime("%Y-%m-%dT%H:%M")
    assert send(campaign, w.owner.username, "--at", at).code == 0
    assert now(campaign).status == Campaign.Status.SCHEDULED
    assert mail.outbox == []


def test_a_dry_run_counts_and_leaves_everything(w: World) -> None:
    campaign = ready(w.north, name="Spring")
    done = send(campaign, w.owner.username, "--dry-run")
    assert done.out == "Spring would go to 3 contacts. Nothing was sent.\n"
    assert states(campaign) == {}
    assert now(campaign).status == Campaign.Status.DRAFT
    assert mail.outbox == []


def test_whoever_may_not_send_is_refused_as_in_the_console(w: World) -> None:
    author = w.member("author").user
    for more in ((), ("--dry-run",), ("--at", "2030-01-01T00:00")):
        done = send(ready(w.north), author.username, *more)
        assert done.code == 1
        assert done.error.startswith("OUT_OF_SCOPE: You cannot ")
    assert mail.outbox == []


def test_a_foreign_campaign_is_missing(w: World) -> None:
    rival = world("emma_hq")
    done = send(ready(rival.north), w.owner.username)
    assert (done.code, done.error) == (2, "NOT_FOUND: There is no such campaign.")


def test_resuming_takes_up_everything_that_is_due_and_nothing_else(w: World) -> None:
    due, stuck, early, draft = (ready(w.north, count=1) for _ in range(4))
    for campaign in (due, stuck):
        services.send_campaign(actor=w.owner, campaign=campaign)
    Campaign.objects.filter(pk=stuck.pk).update(status=Campaign.Status.SENDING)
    services.schedule_campaign(
        actor=w.owner, campaign=early, at=timezone.now() + timedelta(hours=1)
    )
    dry = run("send_campaign", "--resume", "--dry-run")
    assert dry.out.count("1 messages wait") == 2
    assert mail.outbox == []
    assert run("send_campaign", "--resume").code == 0
    assert [now(c).status for c in (due, stuck, early, draft)] == [
        Campaign.Status.SENT,
        Campaign.Status.SENT,
        Campaign.Status.SCHEDULED,
        Campaign.Status.DRAFT,
    ]
    assert len(mail.outbox) == 2


def test_it_says_when_a_campaign_went_back_to_draft(w: World) -> None:
    member = w.member("full")
    campaign = ready(w.north, name="Spring")
    services.send_campaign(actor=member.user, campaign=campaign)
    services.remove_member(actor=w.owner, membership=member)
    done = run("send_campaign", "--resume")
    assert (done.code, done.out) == (1, "Spring went back to draft; no messages.\n")
    assert Delivery.objects.count() == 0


@pytest.mark.parametrize(
    ("status", "more", "says"),
    [
        ("failed", {}, "was sent; 2 sent, 1 failed."),
        ("unconfirmed", {}, "was sent; 2 sent, 1 unconfirmed."),
        # another worker holds one, or it is tried again later
        ("sending", {}, "some messages are tried again later; 1 being sent, 2 sent."),
        ("waiting", {"tries": 1}, "some messages are tried again later; 1 waiting, 2 sent."),
    ],
)
def test_what_did_not_go_out_is_a_problem(
    w: World, status: str, more: dict[str, int], says: str
) -> None:
    campaign = ready(w.north, name="Spring")
    services.send_campaign(actor=w.owner, campaign=campaign)
    first = campaign.deliveries.order_by("pk").first()
    Delivery.objects.filter(pk=first.pk).update(status=status, at=timezone.now(), **more)
    done = run("send_campaign", "--resume")
    assert (done.code, done.out.endswith(f"{says}\n")) == (1, True), done.out


def test_who_was_left_out_is_no_problem(w: World) -> None:
    campaign = ready(w.north, name="Spring")
    services.send_campaign(actor=w.owner, campaign=campaign)
    gone = campaign.mailing_list.contacts.order_by("pk").first()
    services.set_subscription(actor=w.owner, contact=gone, status="unsubscribed")
    done = run("send_campaign", "--resume")
    assert (done.code, done.out) == (0, "Spring was sent; 2 sent, 1 left out.\n")


@pytest.mark.parametrize("count", [1, 30])
def test_messages_are_counted_by_the_database(w: World, count: int) -> None:
    campaign = ready(w.north, count=count)
    services.send_campaign(actor=w.owner, campaign=campaign)
    delivery.work_off(campaign.pk)
    where = ("--account", w.account.slug, "--campaign", f"north/{campaign.slug}")
    with CaptureQueriesContext(connection) as queries:
        run("send_campaign", "--resume", *where)
    asked = [q["sql"] for q in queries if "teams_delivery" in q["sql"]]
    assert len(asked) == 2
    assert all("COUNT(" in sql for sql in asked)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((), "Name --actor, --account and --campaign, or say --resume."),
        (("--account", "x"), "Name both --account and --campaign."),
        (("--resume", "--actor", "x"), "--resume takes neither --actor nor --at"),
        (("--resume", "--account", "x", "--campaign", "a/b"), "NOT_FOUND"),
        (("--resume", "--account", "x\x00", "--campaign", "a/b"), "NOT_AN_OBJECT"),
    ],
)
def test_a_wrong_call_is_a_clear_message(arguments: tuple[str, ...], says: str) -> None:
    done = run("send_campaign", *arguments)
    assert done.code == 2
    assert says in done.error


@pytest.mark.parametrize("at", ["soon", "2026-13-40T00:00", "9" * 40])
def test_a_time_that_is_none_is_a_clear_message(w: World, at: str) -> None:
    done = send(ready(w.north), w.owner.username, "--at", at)
    assert done.code == 2
    assert "is no time" in done.error
