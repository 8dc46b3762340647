"""Webhooks of many accounts: what the slow receivers of one cost the others, turn by turn."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django_tasks_db.models import DBTaskResult

from permissions.audit import events
from permissions.models import AuditEvent
from teams import services
from teams.models import Webhook, WebhookDelivery
from teams.services import webhook_delivery, webhook_line
from teams.services.webhook_delivery import deliver_webhooks, work_off
from teams.services.webhook_line import due
from tests.concurrency.racing import PATIENCE, errors, once, together
from tests.services.receiver import Receiver, receiving
from tests.services.world import World, world

pytestmark = pytest.mark.django_db

#: seconds of a call that is cut off in the end
CALL = 25.0


class Clock:
    """What a worker's clock shows, in seconds: it goes while a receiver is called, and no more."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    found = Clock()
    monkeypatch.setattr(webhook_delivery, "monotonic", found)
    return found


@pytest.fixture
def near(settings: Any, clock: Clock) -> Iterator[Receiver]:
    """Return a receiver on this machine, every call of which takes ``CALL`` seconds."""
    settings.DEBUG, settings.WEBHOOK_ALLOW_LOOPBACK = True, True
    with receiving() as found:
        taking(found, clock, CALL)
        yield found


def taking(near: Receiver, clock: Clock, seconds: float) -> None:
    """Let each call take so many seconds of the worker's."""

    def wait(handler: Any) -> None:
        clock.now += seconds

    near.meanwhile = wait


def tenant(near: Receiver, name: str, *, messages: int = 0) -> World:
    """Return an account with a webhook at ``/name``, and so many messages that wait for it."""
    w = world("emma_hq")
    Webhook.objects.create(
        account=w.account, name=name, url=f"{near.origin}/{name}", created_by=w.owner
    )
    for number in range(messages):
        happen(w, str(number))
    return w


def happen(w: World, name: str = "") -> None:
    services.rename_subaccount(actor=w.owner, subaccount=w.north, name=f"Nord {name}")


def called(near: Receiver) -> list[str]:
    """Return whose receivers were called, in this order."""
    return [message.path[1:] for message in near.messages]


def test_one_waits_for_the_turn_under_way_and_one_of_each_account_that_came_before(
    near: Receiver,
) -> None:
    for name in ("a", "b", "c"):
        tenant(near, name, messages=3)
    newcomer = tenant(near, "new")

    work_off(progress=lambda done: happen(newcomer) if done == 1 else None)

    assert called(near) == ["a", "b", "c", "new", "a", "b", "c", "a", "b", "c"]


def test_however_many_tasks_of_one_account_stand_in_the_queue_another_is_next(
    near: Receiver,
) -> None:
    tenant(near, "a", messages=5)
    tenant(near, "new", messages=1)
    queued = DBTaskResult.objects.filter(task_path__endswith=".deliver_webhooks")

    assert [deliver_webhooks.func() for _task in range(3)] == [1, 1, 1]

    assert called(near) == ["a", "new", "a"]
    assert queued.count() == 3, "each of them took its time, and comes again for the rest"
    assert set(queued.values_list("priority", flat=True)) == {webhook_delivery.PRIORITY}
    assert [deliver_webhooks.func() for _task in range(4)] == [1, 1, 1, 0]
    assert queued.count() == 5, "after the last nothing is left to come again for"


def test_a_turn_is_one_of_seconds_and_not_of_messages(near: Receiver, clock: Clock) -> None:
    taking(near, clock, webhook_line.TURN / 2)
    tenant(near, "a", messages=3)
    tenant(near, "b", messages=3)
    work_off()
    assert called(near) == ["a", "a", "b", "b", "a", "b"]


def test_who_keeps_nobody_waiting_sends_all_in_one_turn(near: Receiver, clock: Clock) -> None:
    taking(near, clock, 0)
    tenant(near, "a", messages=3)
    tenant(near, "b", messages=1)
    work_off()
    assert called(near) == ["a", "a", "a", "b"]


def test_a_receiver_that_fails_slowly_has_had_its_turn_as_well(near: Receiver) -> None:
    near.answer = 500
    w = tenant(near, "a")
    Webhook.objects.create(
        account=w.account, name="a2", url=f"{near.origin}/a2", created_by=w.owner
    )
    happen(w, "1")
    happen(w, "2")
    tenant(near, "new", messages=1)
    work_off()
    assert called(near) == ["a", "new", "a2"]


def test_somebody_elses_mistake_keeps_nobody_waiting(
    near: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    tenant(near, "a", messages=2)
    tenant(near, "new", messages=1)

    def stumble(done: int) -> None:
        raise RuntimeError

    with pytest.raises(RuntimeError):
        work_off(progress=stumble)
    work_off()
    assert called(near) == ["a", "new", "a"]


def test_what_goes_wrong_with_one_message_does_not_end_the_task_that_came_for_others(
    near: Receiver, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Of the project: whatever listens to the record raises what it likes."""
    a = tenant(near, "a", messages=2)
    tenant(near, "new", messages=1)

    def stumble(event: AuditEvent) -> None:
        if event.action == webhook_delivery.SWITCHED:
            raise RuntimeError

    def answer(handler: Any) -> None:
        near.answer = 410 if handler.path == "/a" else 200

    monkeypatch.setattr(events, "_listeners", [*events._listeners, stumble])
    near.meanwhile = answer

    assert deliver_webhooks.func() == 2

    assert called(near) == ["a", "new"]
    hook = Webhook.objects.get(account=a.account)
    assert f"webhook {hook.pk}: could not send wh{hook.pk}-" in caplog.text
    states = hook.deliveries.order_by("pk").values_list("state", flat=True)
    assert list(states) == ["failed", "waiting"]


def test_what_waits_behind_a_message_that_is_given_up_is_come_for(
    near: Receiver, clock: Clock
) -> None:
    taking(near, clock, 0)
    near.answer = 500
    tenant(near, "a", messages=2)
    first = WebhookDelivery.objects.order_by("pk")[:1].get()
    first.attempts = len(webhook_delivery.PAUSES)
    first.save(update_fields=["attempts"])

    assert deliver_webhooks.func() == 1

    first.refresh_from_db()
    assert (first.state, due().count()) == ("failed", 1)
    queued = DBTaskResult.objects.get(task_path__endswith=".deliver_webhooks")
    assert queued.run_after > timezone.now()


@pytest.mark.django_db(transaction=True)
def test_what_one_worker_takes_no_other_takes_nor_puts_back(near: Receiver) -> None:
    w = tenant(near, "a", messages=1)
    key = WebhookDelivery.objects.get().pk
    tenant(near, "b", messages=1)  # for whom a goes behind
    held = threading.Event()

    def take() -> Any:
        with transaction.atomic():
            found = webhook_delivery._claim(key)
            held.set()
            threading.Event().wait(PATIENCE)  # both others are there, and see what was before
        return found

    results = together(
        take,
        once(held, lambda: webhook_delivery._claim(key)),
        once(held, lambda: webhook_line.go_behind(w.account.pk)),
    )

    assert errors(results) == []
    assert [found is not None for found in results] == [True, False, False]
    assert WebhookDelivery.objects.get(pk=key).next_at > timezone.now()


def test_nobody_is_moved_who_is_alone_in_the_line(near: Receiver) -> None:
    tenant(near, "a", messages=3)
    last = WebhookDelivery.objects.order_by("pk").last()
    assert last is not None
    rested = tenant(near, "dead", messages=1)  # waits too, but not now
    hook = Webhook.objects.get(account=rested.account).pk
    webhook_line.go_behind(last.account_id, {hook})
    assert WebhookDelivery.objects.get(pk=last.pk).next_at == last.next_at

    webhook_line.go_behind(last.account_id)
    assert WebhookDelivery.objects.get(pk=last.pk).next_at > last.next_at


def test_moving_many_takes_a_statement_no_longer_than_moving_few(near: Receiver) -> None:
    tenant(near, "new", messages=1)
    said = []
    for messages in (1, 9):
        account = tenant(near, f"a{messages}", messages=messages).account.pk
        with CaptureQueriesContext(connection) as asked:
            webhook_line.go_behind(account)
        said.append([len(query["sql"]) - len(str(account)) for query in asked])
    assert said[0] == said[1]
