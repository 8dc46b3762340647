"""Webhooks: what they are told, signed how, how often, by whom called, and what they never hear."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import requests
from django.contrib.auth import get_user_model
from django.core import mail
from django.core.management import call_command
from django.core.serializers.json import DjangoJSONEncoder
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django_tasks_db.models import DBTaskResult
from standardwebhooks import Webhook as Verifier
from standardwebhooks import WebhookVerificationError

from permissions import access
from permissions.errors import Invalid
from permissions.models import AuditEvent
from teams import services, webhook_call, webhook_wire
from teams.event_sight import Reader
from teams.event_words import Words
from teams.factories import UserFactory
from teams.models import Account, Webhook, WebhookDelivery
from teams.services import pruning, webhook_delivery, webhook_mail
from teams.services.base import changing
from teams.services.webhook_delivery import PAUSES, work_off
from teams.services.webhook_line import STALE
from teams.webhook_areas import AREAS, area_of
from tests.services.receiver import Receiver, receiving
from tests.services.world import World, missing, refused, world

pytestmark = pytest.mark.django_db

State = WebhookDelivery.State
URL = "https://example.com/hooks/access"
#: seconds that a few statements never take, however slow the machine is
SLOW = 25


@pytest.fixture
def w() -> World:
    return world("emma_hq")


@pytest.fixture
def near(settings: Any) -> Iterator[Receiver]:
    """Return a receiver on this machine, which webhooks may call."""
    settings.DEBUG, settings.WEBHOOK_ALLOW_LOOPBACK = True, True
    with receiving() as found:
        yield found


def hook(w: World, url: str = URL, *, by: Any = None, **extra: Any) -> Webhook:
    """Return a webhook of the owner's, as stored."""
    return Webhook.objects.create(
        account=w.account, name="Mirror", url=url, created_by=by or w.owner, **extra
    )


def happen(w: World) -> Any:
    """Let somebody's role change; return the membership."""
    membership = w.member("author")
    services.change_role(actor=w.owner, membership=membership, role="editor")
    return membership


def later(**by: float) -> None:
    """Let so much time go by for all that waits."""
    for row in WebhookDelivery.objects.all():
        WebhookDelivery.objects.filter(pk=row.pk).update(next_at=row.next_at - timedelta(**by))


def read(message: Any) -> dict[str, Any]:
    """Return what a message says."""
    found: dict[str, Any] = json.loads(message.body)
    return found


def states() -> list[str]:
    """Return how the deliveries stand, in their order."""
    return list(WebhookDelivery.objects.order_by("pk").values_list("state", flat=True))


# what is said, and that it is ours


def test_a_message_says_what_happened_and_its_signature_holds(w: World, near: Receiver) -> None:
    mirror = hook(w, near.url)
    membership = happen(w)

    assert work_off() == 1

    (message,) = near.messages
    event = AuditEvent.objects.get(action="role.changed")
    assert json.loads(message.body) == {
        "id": f"wh{mirror.pk}-{event.sequence}",
        "type": "role.changed",
        "sequence": event.sequence,
        "at": DjangoJSONEncoder().default(event.at),
        "account": {"slug": w.account.slug, "name": w.account.name},
        "actor": event.actor_label,
        "in_words": Words.to(Reader.of(w.owner, w.account), [event]).sentence(event),
        "subject": {"ref": f"teams.membership:{membership.pk}", "label": event.subject_label},
        "data": event.data,
    }
    verifier = Verifier(webhook_wire.secret_of(mirror))
    assert verifier.verify(message.body, message.headers) == json.loads(message.body)
    with pytest.raises(WebhookVerificationError):
        verifier.verify(message.body.replace(b"changed", b"removed"), message.headers)
    with pytest.raises(WebhookVerificationError):
        verifier.verify(message.body, {**message.headers, "webhook-id": "wh0-0"})
    row = WebhookDelivery.objects.get()
    assert (row.state, row.attempts, row.status_code, row.problem) == (State.DELIVERED, 1, 200, "")
    assert row.delivered_at is not None


def test_a_renewed_secret_signs_and_the_old_one_no_more(w: World, near: Receiver) -> None:
    mirror = hook(w, near.url)
    old = webhook_wire.secret_of(mirror)
    mirror = services.renew_webhook_secret(actor=w.owner, webhook=mirror)
    services.send_webhook_test(actor=w.owner, webhook=mirror)
    work_off()

    (message,) = near.messages
    Verifier(webhook_wire.secret_of(mirror)).verify(message.body, message.headers)
    with pytest.raises(WebhookVerificationError):
        Verifier(old).verify(message.body, message.headers)


def test_the_secret_is_each_webhooks_own_and_in_no_table(w: World) -> None:
    one, two = hook(w), hook(w)
    secret = webhook_wire.secret_of(one)
    assert secret != webhook_wire.secret_of(two)
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM teams_webhook")
        assert secret.removeprefix("whsec_") not in repr(cursor.fetchall())


def test_while_the_projects_key_changes_the_known_secret_still_verifies(
    w: World, near: Receiver, settings: Any
) -> None:
    mirror = hook(w, near.url)
    known = webhook_wire.secret_of(mirror)
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "another", [settings.SECRET_KEY]
    services.send_webhook_test(actor=w.owner, webhook=mirror)
    work_off()

    (message,) = near.messages
    for secret in (known, webhook_wire.secret_of(mirror)):
        Verifier(secret).verify(message.body, message.headers)
    settings.SECRET_KEY_FALLBACKS = []
    services.send_webhook_test(actor=w.owner, webhook=mirror)
    work_off()
    with pytest.raises(WebhookVerificationError):
        Verifier(known).verify(near.messages[1].body, near.messages[1].headers)


# what becomes a message at all


def test_only_changes_of_access_of_the_chosen_kinds_are_told(w: World) -> None:
    everything, teams = hook(w), hook(w, areas=["teams"])
    off = hook(w, disabled_at=timezone.now())
    happen(w)
    services.rename_subaccount(actor=w.owner, subaccount=w.north, name="Nord")
    services.create_list(actor=w.owner, subaccount=w.north, name="News")

    assert [row.action for row in everything.deliveries.order_by("pk")] == [
        "role.changed",
        "subaccount.renamed",
    ]
    assert not teams.deliveries.exists()
    assert not off.deliveries.exists()


def test_another_accounts_events_are_never_told(w: World, near: Receiver) -> None:
    hook(w, near.url)
    rival = world("emma_hq")
    happen(rival)
    assert work_off() == 0
    assert (near.messages, WebhookDelivery.objects.count()) == ([], 0)


def test_what_is_taken_back_is_not_told(w: World, near: Receiver) -> None:
    hook(w, near.url)
    membership = w.member("author")
    with transaction.atomic():
        services.change_role(actor=w.owner, membership=membership, role="editor")
        assert WebhookDelivery.objects.count() == 1
        transaction.set_rollback(True)
    access.forget()
    services.preview(services.change_role, actor=w.owner, membership=membership, role="editor")
    assert work_off() == 0
    assert (near.messages, WebhookDelivery.objects.count()) == ([], 0)


def test_a_worker_is_called_once_the_transaction_is_through(
    w: World, django_capture_on_commit_callbacks: Any
) -> None:
    with django_capture_on_commit_callbacks() as without:
        happen(w)
    hook(w)
    with django_capture_on_commit_callbacks() as found:
        happen(w)
    assert len(found) - len(without) == 1


def test_an_event_of_an_account_without_webhooks_costs_one_question(
    w: World, django_assert_num_queries: Any
) -> None:
    happen(w)
    event = AuditEvent.objects.get(action="role.changed")
    with django_assert_num_queries(1):
        webhook_delivery.listener(event)
    event.action = "campaign.sent"
    with django_assert_num_queries(0):
        webhook_delivery.listener(event)


def asked_for(asked: CaptureQueriesContext) -> int:
    """Return how often it was asked which webhooks there are."""
    return sum(q["sql"].startswith("SELECT") and 'FROM "teams_webhook"' in q["sql"] for q in asked)


def test_which_webhooks_there_are_is_asked_once_in_a_change_of_many_events(w: World) -> None:
    mirror = hook(w)
    with (
        CaptureQueriesContext(connection) as asked,
        transaction.atomic(),
        changing(w.owner, w.account, act="rename much") as change,
    ):
        for place in (w.north, w.south, w.north):
            change.record("subaccount.renamed", place)
    assert asked_for(asked) == 1
    assert mirror.deliveries.count() == 3


def test_what_a_change_within_a_change_did_to_webhooks_counts_at_once(w: World) -> None:
    old = hook(w)
    with transaction.atomic(), changing(w.owner, w.account, act="rename much") as change:
        change.record("subaccount.renamed", w.north)
        services.delete_webhook(actor=w.owner, webhook=old)
        new = services.create_webhook(actor=w.owner, account=w.account, name="New", url=URL)
        change.record("subaccount.renamed", w.south)
        with transaction.atomic():
            services.create_webhook(actor=w.owner, account=w.account, name="Never", url=URL)
            services.rename_subaccount(actor=w.owner, subaccount=w.south, name="Sud")
            transaction.set_rollback(True)
        change.record("subaccount.renamed", w.north)
    assert [row.webhook for row in WebhookDelivery.objects.all()] == [new, new]


def test_another_accounts_webhooks_are_asked_for_each_time(w: World) -> None:
    rival = world("emma_hq")
    theirs = hook(rival)
    with transaction.atomic(), changing(w.owner, w.account, act="rename") as change:
        change.record("subaccount.renamed", w.north)
        services.rename_subaccount(actor=rival.owner, subaccount=rival.north, name="Nord")
    assert [row.webhook for row in WebhookDelivery.objects.all()] == [theirs]


@pytest.mark.once
@pytest.mark.parametrize(
    ("action", "area"),
    [
        ("member.added", "people"),
        ("role.changed", "people"),
        ("permission.toggled", "people"),
        ("role.edited", "roles"),
        ("team.joined", "teams"),
        ("account.teams_set", "teams"),
        ("group.changed", "places"),
        ("ownership.transferred", "ownership"),
        ("account.read_only", "ownership"),
        ("account.themed", ""),
        ("contact.added", ""),
        ("campaign.sent", ""),
        ("webhook.created", ""),
        ("invoice.paid", ""),
        ("write.refused", ""),
    ],
)
def test_each_action_belongs_to_one_area(action: str, area: str) -> None:
    assert area_of(action) == area
    assert sum(action.startswith(one.prefixes) for one in AREAS.values()) <= 1


# what the creator may not know


def partner(w: World) -> Any:
    """Return somebody who may change the account's settings and does not own it."""
    return w.manager(role="account_admin").user


def test_a_webhook_is_told_only_what_its_creator_may_know(near: Receiver) -> None:
    w = world("sailthru")
    creator = partner(w)
    his, hers = hook(w, near.url, by=creator), hook(w, near.url)
    services.offer_ownership(actor=w.owner, account=w.account, heir=partner(w))
    assert [his.deliveries.count(), hers.deliveries.count()] == [1, 1]
    access.forget()
    work_off()

    assert len(near.messages) == 1
    row = his.deliveries.get()
    assert (row.state, row.body, row.attempts) == (State.DROPPED, "", 1)
    assert "may not know of it" in row.problem
    assert hers.deliveries.get().state == State.DELIVERED
    assert Webhook.objects.get(pk=his.pk).disabled_at is None


def test_what_was_made_for_one_is_asked_again_for_another(near: Receiver) -> None:
    w = world("sailthru")
    creator = partner(w)
    mirror = hook(w, near.url)
    near.answer = 500
    services.offer_ownership(actor=w.owner, account=w.account, heir=partner(w))
    work_off()
    assert mirror.deliveries.get().body
    services.edit_webhook(actor=creator, webhook=mirror, name="Mine", url=f"{near.url}/mine")
    later(minutes=2)
    work_off()
    assert [message.path for message in near.messages] == ["/hook"]
    assert mirror.deliveries.get().state == State.DROPPED


def test_only_an_owners_webhook_gets_the_record_as_it_is_stored(near: Receiver) -> None:
    w = world("sailthru")
    his, hers = hook(w, near.url, by=partner(w)), hook(w, near.url)
    happen_in(w)
    access.forget()
    work_off()

    told = {said["id"].split("-")[0]: said for said in map(read, near.messages)}
    assert told[f"wh{hers.pk}"].keys() - told[f"wh{his.pk}"].keys() == {"subject", "data"}
    assert told[f"wh{his.pk}"]["in_words"] == "renamed North to Nord."


def test_what_was_sent_for_an_owner_is_not_sent_for_who_comes_after(near: Receiver) -> None:
    w = world("sailthru")
    creator = partner(w)
    mirror = hook(w, near.url)
    near.answer = 500
    happen_in(w)
    work_off()
    services.edit_webhook(actor=creator, webhook=mirror, name="Mine", url=f"{near.url}/mine")
    later(minutes=2)
    work_off()
    assert ["data" in read(message) for message in near.messages] == [True, False]


@pytest.mark.parametrize("end", ["role", "login", "staff", "gone"])
def test_it_goes_off_when_its_creator_may_no_longer(end: str, near: Receiver) -> None:
    w = world("sailthru")
    seat = w.manager(role="account_admin")
    mirror = hook(w, near.url, by=seat.user)
    happen_in(w)
    match end:
        case "role":
            seat.delete()
        case "login":
            get_user_model()._default_manager.filter(pk=seat.user.pk).update(is_active=False)
        case "staff":
            get_user_model()._default_manager.filter(pk=seat.user.pk).update(is_staff=True)
        case _:
            Webhook.objects.update(created_by=None)
    access.forget()
    work_off()

    assert near.messages == []
    mirror.refresh_from_db()
    assert mirror.disabled_at is not None
    assert mirror.disabled_because.endswith(".")
    assert states() == [State.DROPPED]
    event = AuditEvent.objects.get(action="webhook.switched")
    assert (event.actor_ref, event.data["because"]) == ("system", mirror.disabled_because)


def test_rights_that_end_between_two_deliveries_count_in_the_next(near: Receiver) -> None:
    w = world("sailthru")
    seat = w.manager(role="account_admin")
    mirror = hook(w, near.url, by=seat.user)
    happen_in(w)
    services.rename_subaccount(actor=w.owner, subaccount=w.south, name="Sud")

    with access.unit_of_work():  # a command is one

        def lose(done: int) -> None:
            if done == 1:
                type(seat).objects.filter(pk=seat.pk).delete()

        work_off(progress=lose)

    assert [read(message)["in_words"] for message in near.messages] == ["renamed North to Nord."]
    assert states() == [State.DELIVERED, State.DROPPED]
    mirror.refresh_from_db()
    assert "may not change the account's settings" in mirror.disabled_because


def test_who_is_the_owner_no_longer_gets_no_records_in_the_next(near: Receiver) -> None:
    w = world("sailthru")
    before = w.owner
    hook(w, near.url)
    happen_in(w)
    services.rename_subaccount(actor=w.owner, subaccount=w.south, name="Sud")

    with access.unit_of_work():

        def give_away(done: int) -> None:
            if done == 1:
                Account.objects.filter(pk=w.account.pk).update(owner=UserFactory())
                w.manager(role="account_admin", user=before)

        work_off(progress=give_away)

    assert ["data" in read(message) for message in near.messages] == [True, False]


def happen_in(w: World) -> None:
    """Let something of anybody's business happen in any edition."""
    services.rename_subaccount(actor=w.owner, subaccount=w.north, name="Nord")


# again and again


def test_it_is_tried_again_on_time_and_then_given_up(w: World, near: Receiver) -> None:
    hook(w, near.url)
    near.answer = 500
    happen(w)
    waits = []
    for _attempt in range(len(PAUSES)):
        assert work_off() == 1
        assert work_off() == 0
        row = WebhookDelivery.objects.get()
        assert (row.state, row.status_code, row.problem) == (State.WAITING, 500, "It answered 500.")
        waits.append(row.next_at - timezone.now())
        later(seconds=PAUSES[len(waits) - 1].total_seconds() - SLOW)
        assert work_off() == 0
        later(seconds=SLOW)
    assert work_off() == 1

    assert [round(wait.total_seconds() / 60) for wait in waits] == [1, 5, 30, 120, 300, 600, 1440]
    assert states() == [State.FAILED]
    assert len({message.headers["webhook-id"] for message in near.messages}) == 1
    assert len({message.body for message in near.messages}) == 1
    assert len(near.messages) == len(PAUSES) + 1


def test_it_is_delivered_once_the_receiver_is_back(w: World, near: Receiver) -> None:
    hook(w, near.url)
    near.answer = 503
    happen(w)
    work_off()
    near.answer = 204
    later(minutes=2)
    work_off()
    later(days=9)
    assert work_off() == 0
    row = WebhookDelivery.objects.get()
    assert (row.state, row.attempts, row.status_code, row.problem) == (State.DELIVERED, 2, 204, "")


def test_what_a_dead_worker_had_is_taken_up_again_and_not_before(w: World, near: Receiver) -> None:
    hook(w, near.url)
    happen(w)
    key = WebhookDelivery.objects.get().pk
    claimed = webhook_delivery._claim(key)  # and then it died
    assert claimed is not None
    assert webhook_delivery._claim(key) is None
    assert work_off() == 0

    later(seconds=STALE.total_seconds() - SLOW)
    assert work_off() == 0
    later(seconds=SLOW)
    assert work_off() == 1
    assert states() == [State.DELIVERED]
    # had it only slept, what it says now counts no more
    webhook_delivery._settle(claimed, State.FAILED)
    assert states() == [State.DELIVERED]


def test_what_every_worker_dies_of_is_given_up(w: World, near: Receiver) -> None:
    hook(w, near.url)
    happen(w)
    key = WebhookDelivery.objects.get().pk
    for _attempt in range(len(PAUSES) + 1):
        assert webhook_delivery._claim(key) is not None
        later(seconds=STALE.total_seconds() + 1)

    assert webhook_delivery._claim(key) is None
    assert states() == [State.FAILED]


def test_one_dead_receiver_keeps_nobody_waiting(w: World, near: Receiver) -> None:
    dead, alive = hook(w, near.url), hook(w, near.url.replace("hook", "alive"))
    near.meanwhile = lambda handler: setattr(
        near, "answer", 200 if "alive" in handler.path else 500
    )
    for _one in range(4):
        happen(w)
    assert work_off() == 5
    assert dead.deliveries.filter(attempts__gt=0).count() == 1
    assert alive.deliveries.filter(state=State.DELIVERED).count() == 4
    assert work_off() == 0
    later(minutes=2)
    assert work_off() == 1


def test_repetitions_are_begun_once_however_many_tasks_came(w: World, near: Receiver) -> None:
    hook(w, near.url)
    near.answer = 500
    for _one in range(4):
        happen(w)
    queued = DBTaskResult.objects.filter(task_path__endswith=".deliver_webhooks")

    done = [webhook_delivery.deliver_webhooks.func() for _ in range(4)]

    assert (done, queued.count()) == ([1, 0, 0, 0], 1)
    tried = WebhookDelivery.objects.get(attempts=1)
    assert queued.get().run_after == tried.next_at + webhook_delivery.LEEWAY
    later(minutes=2)
    assert webhook_delivery.deliver_webhooks.func() == 1
    assert queued.count() == 2, "whoever tried it sees to the next time"


def test_gone_switches_it_off_and_drops_what_waits(w: World, near: Receiver) -> None:
    mirror = hook(w, near.url)
    near.answer = 410
    happen(w)
    happen(w)
    work_off()
    mirror.refresh_from_db()
    assert "410" in mirror.disabled_because
    assert states() == [State.FAILED, State.DROPPED]
    happen(w)
    assert len(states()) == 2


def test_after_five_days_of_failures_it_goes_off_and_the_owner_is_told(
    w: World, near: Receiver, settings: Any
) -> None:
    settings.CONSOLE_ORIGIN = "https://console.example.com"
    mirror = hook(w, near.url)
    Webhook.objects.update(created_at=timezone.now() - timedelta(days=40))
    near.answer = 500
    happen(w)
    work_off()
    happen(w)
    WebhookDelivery.objects.filter(attempts=1).update(
        created_at=timezone.now() - timedelta(days=5, hours=1), next_at=timezone.now()
    )
    # something was taken since: it is not all failures
    taken = mirror.deliveries.create(
        account=w.account,
        sequence=10_000,
        action="role.changed",
        state=State.DELIVERED,
        delivered_at=timezone.now() - timedelta(days=4),
    )
    work_off()
    mirror.refresh_from_db()
    assert mirror.disabled_at is None

    taken.delete()
    later(hours=1)
    work_off()
    mirror.refresh_from_db()
    assert mirror.disabled_because == "It took nothing for 5 days."
    webhook_mail.post_switched_off.func(mirror.pk)
    (message,) = mail.outbox
    assert message.to == [w.owner.email]
    assert f"https://console.example.com/teams/webhook/{mirror.pk}/change/" in message.body

    # on again, it is given its time
    services.switch_webhook(actor=w.owner, webhook=mirror, on=True)
    happen(w)
    work_off()
    mirror.refresh_from_db()
    assert mirror.disabled_at is None


def test_the_command_sends_what_is_due(w: World, near: Receiver, capsys: Any) -> None:
    hook(w, near.url)
    happen(w)
    call_command("send_webhooks", "--dry-run")
    assert (capsys.readouterr().out, near.messages) == (
        "Would send 1 message. Nothing was sent: dry run.\n",
        [],
    )
    call_command("send_webhooks", "--account", world("emma_hq").account.slug)
    assert capsys.readouterr().out == "Tried to send 0 messages.\n"
    call_command("send_webhooks")
    assert capsys.readouterr().out == "Tried to send 1 message.\n"
    assert len(near.messages) == 1


def test_a_read_only_account_is_told_too_and_cannot_be_changed(w: World, near: Receiver) -> None:
    mirror = hook(w, near.url)
    happen(w)
    Account.objects.update(read_only_because="unpaid")
    access.forget()
    assert work_off() == 1
    assert states() == [State.DELIVERED]
    with refused("READ_ONLY_ACCOUNT"):
        services.send_webhook_test(actor=w.owner, webhook=mirror)


# whom it calls

PRIVATE = [
    "https://127.0.0.1/",
    "https://10.1.2.3/",
    "https://192.168.0.1/",
    "https://169.254.169.254/latest/meta-data/",
    "https://[::1]/",
    "https://[::ffff:127.0.0.1]/",
    "https://[fe80::1]/",
    "https://[fd00:ec2::254]/",
    "https://2130706433/",
    "https://0x7f000001/",
    "https://0177.0.0.1/",
    "https://127.1/",
    "https://0.0.0.0/",
    "https://100.64.0.1/",
    "https://224.0.0.1/",
    "https://localhost/",
    "https://metadata/",
]


@pytest.mark.once
@pytest.mark.parametrize("url", PRIVATE)
def test_no_private_address_is_taken(url: str) -> None:
    with pytest.raises(Invalid) as caught:
        webhook_wire.clean_url(url)
    assert caught.value.code == "PRIVATE_ADDRESS"
    assert webhook_call.post(url, "{}", {}).status is None


@pytest.mark.once
@pytest.mark.parametrize(
    ("url", "code"),
    [
        (7, "WRONG_TYPE"),
        ("", "NOT_A_URL"),
        ("example.com/hook", "NOT_A_URL"),
        ("https://", "NOT_A_URL"),
        ("https://[::1/", "NOT_A_URL"),
        ("https://example.com:99999/", "NOT_A_URL"),
        ("https://exa mple.com/", "NOT_A_URL"),
        ("https://example.com\\@127.0.0.1/", "NOT_A_URL"),
        ("https://①②⑦.0.0.1/", "NOT_A_URL"),
        ("https://example.com/#part", "NOT_A_URL"),
        ("https://-example.com/", "NOT_A_URL"),
        ("http://example.com/", "NOT_HTTPS"),
        ("file:///etc/passwd", "NOT_A_URL"),
        ("gopher://example.com/", "NOT_HTTPS"),
        ("https://me:secret@example.com/", "CREDENTIALS"),
        ("https://example.com@127.0.0.1/", "CREDENTIALS"),
        ("https://example.com:22/", "PORT"),
        ("https://example.com:0/", "PORT"),
        (f"https://example.com/{'a' * 500}", "TOO_LONG"),
    ],
)
def test_other_addresses_are_refused_with_a_code(url: Any, code: str) -> None:
    with pytest.raises(Invalid) as caught:
        webhook_wire.clean_url(url)
    assert caught.value.code == code


@pytest.mark.once
@pytest.mark.parametrize(
    "url", [URL, "https://example.com:443/", "https://example.com:8443/a?b=c", "https://8.8.8.8/"]
)
def test_public_addresses_are_taken(url: str) -> None:
    assert webhook_wire.clean_url(f" {url} ") == url


def resolving(monkeypatch: pytest.MonkeyPatch, *answers: str) -> list[str]:
    """Let every name resolve to ``answers``, one after the other; return what was asked for."""
    asked: list[str] = []
    real = socket.getaddrinfo

    def resolve(host: Any, port: Any, *rest: Any, **named: Any) -> Any:
        if not str(host)[:1].isalpha():
            return real(host, port, *rest, **named)
        asked.append(host)
        return real(answers[min(len(asked), len(answers)) - 1], port, *rest, **named)

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    return asked


@pytest.mark.once
@pytest.mark.parametrize(
    "to", ["127.0.0.1", "::1", "::ffff:127.0.0.1", "10.0.0.7", "169.254.169.254", "0.0.0.0"]
)
def test_a_name_that_leads_inside_is_not_called(
    to: str, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.DEBUG = True
    with receiving() as inside:
        resolving(monkeypatch, to)
        answer = webhook_call.post(inside.url.replace("127.0.0.1", "public.example.com"), "{}", {})
        assert (answer.status, inside.messages) == (None, [])
    assert answer.problem == "Its name leads to an address that is not on the public internet."


@pytest.mark.once
def test_the_address_that_was_looked_at_is_the_one_that_is_called(
    near: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = resolving(monkeypatch, "127.0.0.1", "169.254.169.254")
    url = near.url.replace("127.0.0.1", "rebinding.example.com")
    assert webhook_call.post(url, "{}", {}).status == 200
    assert asked == ["rebinding.example.com"]
    assert near.messages[0].headers["Host"].startswith("rebinding.example.com:")


@pytest.mark.once
def test_a_name_that_nobody_answers_for_is_given_up(
    near: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhook_call, "LOOK_UP", 0.2)
    over = threading.Event()
    real = socket.getaddrinfo

    def resolve(host: Any, *rest: Any, **named: Any) -> Any:
        if host == "slow.example.com":
            over.wait(20)
            host = "127.0.0.1"
        return real(host, *rest, **named)

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    begun = time.monotonic()
    answer = webhook_call.post(near.url.replace("127.0.0.1", "slow.example.com"), "{}", {})
    took = time.monotonic() - begun
    over.set()
    assert answer == webhook_call.Answer(
        None, "Its name could not be looked up within 0.2 seconds."
    )
    assert took < 10
    assert near.messages == [], "what comes too late is not called after all"


@pytest.mark.once
def test_a_name_that_is_none_is_said_to_be_out_of_reach(monkeypatch: pytest.MonkeyPatch) -> None:
    def resolve(*_given: Any, **_named: Any) -> Any:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    answer = webhook_call.post("https://nobody.example.com/", "{}", {})
    assert answer.problem == "It could not be reached, or hung up before it had answered."


@pytest.mark.once
def test_redirects_are_not_followed(near: Receiver) -> None:
    near.answer, near.headers = 302, {"Location": f"{near.origin}/inside"}
    answer = webhook_call.post(near.url, "{}", {})
    assert [message.path for message in near.messages] == ["/hook"]
    assert (answer.status, answer.is_taken) == (302, False)
    assert answer.problem == "It redirects elsewhere, and redirects are not followed."


@pytest.mark.once
def test_neither_proxies_nor_passwords_of_the_machine_are_used(
    near: Receiver, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login me password secret\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    assert requests.utils.get_netrc_auth(near.url) == ("me", "secret")
    assert webhook_call.post(near.url, "{}", {}).status == 200
    assert "Authorization" not in near.messages[0].headers


@pytest.mark.once
def test_a_receiver_that_drips_is_cut_off(near: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhook_call, "LONGEST", 0.3)

    def drip(handler: Any) -> None:
        for _second in range(600):
            handler.wfile.write(b"H")
            time.sleep(0.1)

    near.meanwhile = drip
    begun = time.monotonic()
    answer = webhook_call.post(near.url, "{}", {})
    assert answer.status is None
    assert time.monotonic() - begun < SLOW, "a minute, had it been waited for"


@pytest.mark.once
def test_an_answer_without_end_is_not_read(near: Receiver) -> None:
    near.headers = {"Content-Length": str(10**12)}
    assert webhook_call.post(near.url, "{}", {}).status == 200


@pytest.mark.once
def test_a_certificate_of_nobodys_is_not_believed(settings: Any) -> None:
    settings.WEBHOOK_ALLOW_LOOPBACK = True
    with receiving() as found:  # it speaks no TLS at all
        answer = webhook_call.post(found.url.replace("http:", "https:"), "{}", {})
    assert (answer.status, found.messages) == (None, [])
    assert answer.problem == "Its certificate could not be verified."


@pytest.mark.django_db(transaction=True)
def test_a_slow_receiver_holds_no_lock(near: Receiver) -> None:
    w = world("emma_hq")
    hook(w, near.url)
    happen(w)

    def write(handler: Any) -> None:
        """Change the account from the thread that answers."""
        with transaction.atomic():
            Account.objects.select_for_update().get(pk=w.account.pk)
            Account.objects.filter(pk=w.account.pk).update(name="Written meanwhile")
            WebhookDelivery.objects.update(problem="Seen meanwhile")
        connection.close()

    near.meanwhile = write
    assert work_off() == 1
    assert Account.objects.get(pk=w.account.pk).name == "Written meanwhile"
    assert states() == [State.DELIVERED]


# who may


def test_who_may_not_change_the_settings_may_nothing_here(w: World) -> None:
    mirror = hook(w)
    row = mirror.deliveries.create(
        account=w.account, sequence=1, action="role.changed", state=State.FAILED
    )
    actor = w.manager().user
    lacking = {("manage_account_settings", w.account.name)}
    acts: list[Any] = [
        lambda: services.create_webhook(actor=actor, account=w.account, name="Mine", url=URL),
        lambda: services.edit_webhook(actor=actor, webhook=mirror, name="Mine", url=URL),
        lambda: services.renew_webhook_secret(actor=actor, webhook=mirror),
        lambda: services.switch_webhook(actor=actor, webhook=mirror, on=False),
        lambda: services.delete_webhook(actor=actor, webhook=mirror),
        lambda: services.send_webhook_test(actor=actor, webhook=mirror),
        lambda: services.send_webhook_again(actor=actor, delivery=row),
    ]
    for act in acts:
        with refused("OUT_OF_SCOPE") as caught:
            act()
        assert missing(caught) == lacking
    stranger = world("emma_hq").owner
    with refused("NOT_FOUND"):
        services.delete_webhook(actor=stranger, webhook=mirror)


def test_it_is_set_up_edited_switched_and_deleted_and_the_record_says_so(w: World) -> None:
    made = services.create_webhook(
        actor=w.owner, account=w.account, name=" Mirror ", url=f"{URL}?key=hidden",
        areas=["teams", "people", "teams"],
    )  # fmt: skip
    assert (made.name, made.areas, made.created_by) == ("Mirror", ["people", "teams"], w.owner)
    with refused("ALREADY_SO"):
        services.edit_webhook(
            actor=w.owner, webhook=made, name="Mirror", url=made.url, areas=made.areas
        )
    services.edit_webhook(actor=w.owner, webhook=made, name="Copy", url=URL)
    services.renew_webhook_secret(actor=w.owner, webhook=made)
    happen(w)
    services.switch_webhook(actor=w.owner, webhook=made, on=False)
    assert states() == [State.DROPPED]
    for act in (
        lambda: services.send_webhook_test(actor=w.owner, webhook=made),
        lambda: services.send_webhook_again(actor=w.owner, delivery=made.deliveries.get()),
    ):
        with refused("SWITCHED_OFF"):
            act()
    with refused("ALREADY_SO"):
        services.switch_webhook(actor=w.owner, webhook=made, on=False)
    services.switch_webhook(actor=w.owner, webhook=made, on=True)
    services.send_webhook_again(actor=w.owner, delivery=made.deliveries.get())
    assert states() == [State.WAITING]
    with refused("ALREADY_SO"):
        services.send_webhook_again(actor=w.owner, delivery=made.deliveries.get())
    services.delete_webhook(actor=w.owner, webhook=made)

    assert not WebhookDelivery.objects.exists()
    events = AuditEvent.objects.filter(action__startswith="webhook.").order_by("sequence")
    assert [event.action for event in events] == [
        "webhook.created",
        "webhook.changed",
        "webhook.secret_renewed",
        "webhook.switched",
        "webhook.switched",
        "webhook.resent",
        "webhook.deleted",
    ]
    assert "hidden" not in json.dumps([event.data for event in events])


def test_whoever_edits_or_switches_on_answers_for_it() -> None:
    w = world("sailthru")
    other, third = partner(w), partner(w)
    mirror = hook(w)
    assert (
        services.edit_webhook(actor=other, webhook=mirror, name="Mine", url=URL).created_by == other
    )
    services.switch_webhook(actor=w.owner, webhook=mirror, on=False)
    assert services.switch_webhook(actor=third, webhook=mirror, on=True).created_by == third


def test_ten_are_enough(w: World) -> None:
    for _number in range(10):
        hook(w)
    with refused("TOO_MANY"):
        services.create_webhook(actor=w.owner, account=w.account, name="More", url=URL)


@pytest.mark.parametrize(
    ("areas", "code"),
    [("people", "WRONG_TYPE"), (7, "WRONG_TYPE"), ([7], "WRONG_TYPE"), (["x"], "UNKNOWN_AREA")],
)
def test_areas_are_those_of_the_table(w: World, areas: Any, code: str) -> None:
    with refused(code):
        services.create_webhook(actor=w.owner, account=w.account, name="More", url=URL, areas=areas)


def test_without_the_packages_it_is_refused_in_a_sentence(
    w: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhook_wire, "NEEDED", ("no_such_package_of_ours",))
    with refused("NOT_INSTALLED"):
        services.create_webhook(actor=w.owner, account=w.account, name="More", url=URL)


def test_the_log_is_cleared_away_and_what_waits_is_not(w: World) -> None:
    mirror = hook(w)
    old = timezone.now() - timedelta(days=31)
    for number, state in enumerate(State.values, start=1):
        mirror.deliveries.create(
            account=w.account, sequence=number, action="x", state=state, created_at=old
        )
    (kind,) = (one for one in pruning.kinds() if one.name == "delivery of a webhook")
    before = timezone.now() - timedelta(days=30)
    for key in list(pruning.keys_over(kind, before, None)):
        assert pruning.prune(kind, key, before)
    assert states() == [State.WAITING]


def test_logins_of_nobody_call_nothing(w: World) -> None:
    stranger = UserFactory()
    with refused("NOT_FOUND"):
        services.create_webhook(actor=stranger, account=w.account, name="Mine", url=URL)
