"""Sending over real SMTP: workers that die, workers that meet, servers that refuse."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from django.conf import settings
from django.core import mail
from django.core.mail.backends import smtp
from django.utils import timezone

from permissions import audit
from teams import services
from teams.models import Campaign, Delivery
from teams.services import delivery, delivery_post
from tests.concurrency.racing import errors, together
from tests.concurrency.test_revocation import url_of_test_database
from tests.services.mailing import now, ready, states, subscriber
from tests.services.world import world

ROOT = Path(__file__).parents[2]
MANY = 24

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]


class Office:
    """A mail server on the loopback interface: who got mail, and how it answers."""

    def __init__(self) -> None:
        self.port = 0
        self.got: list[str] = []
        self.pause = 0.0
        #: after so many messages it answers no more until ``go_on`` is set
        self.stops_at: int | None = None
        self.go_on = threading.Event()
        self.answers: Callable[[str], str] = lambda address: "250 OK"
        self.arrived = threading.Condition()

    async def handle_RCPT(  # noqa: N802  (aiosmtpd's name)
        self, server: Any, session: Any, envelope: Any, address: str, options: Any
    ) -> str:
        answer = self.answers(address)
        if answer.startswith("250"):
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        time.sleep(self.pause)  # the thread is the server's own
        with self.arrived:
            self.got += envelope.rcpt_tos
            self.arrived.notify_all()
        if len(self.got) == self.stops_at:
            self.go_on.wait(60)
        return "250 OK"

    def wait_for(self, count: int) -> None:
        with self.arrived:
            assert self.arrived.wait_for(lambda: len(self.got) >= count, timeout=60)


class Listening(Controller):
    """A mail server on a port that the system chose and that nobody can take in between."""

    def __init__(self, handler: Office) -> None:
        self.socket = socket.create_server(("127.0.0.1", 0))
        handler.port = self.socket.getsockname()[1]
        super().__init__(handler, hostname="127.0.0.1", port=handler.port, ready_timeout=60)

    def _create_server(self) -> Any:
        return self.loop.create_server(self._factory_invoker, sock=self.socket)


@pytest.fixture
def office() -> Iterator[Office]:
    handler = Office()
    controller = Listening(handler)
    controller.start()
    yield handler
    handler.go_on.set()
    controller.stop()


@pytest.fixture
def by_smtp(office: Office, monkeypatch: pytest.MonkeyPatch) -> Office:
    """Let workers in this process send to the office."""

    def made() -> Any:
        alias = {"alias": "default"} if hasattr(mail, "mailers") else {}
        return smtp.EmailBackend(host="127.0.0.1", port=office.port, timeout=30, **alias)

    monkeypatch.setattr(delivery, "mailer", made)
    return office


def released(count: int = MANY) -> Campaign:
    w = world("emma_hq")
    campaign = ready(w.north, count=count)
    services.send_campaign(actor=w.owner, campaign=campaign)
    return campaign


def start(office: Office, *command: str) -> subprocess.Popen[bytes]:
    """Start a command in a process of its own, which sends to the office."""
    env = {
        **os.environ,
        "DATABASE_URL": url_of_test_database(),
        "DJANGO_SETTINGS_MODULE": "config.settings.dev",
        "SECRET_KEY": settings.SECRET_KEY,  # or the record has an end that others signed
        "EMAIL_URL": f"smtp://127.0.0.1:{office.port}",
    }
    return subprocess.Popen(
        [sys.executable, "manage.py", *command],
        cwd=ROOT,
        env=env,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def done(process: subprocess.Popen[bytes]) -> int:
    return process.wait(timeout=120)


def kill_midway(office: Office) -> None:
    """Let a worker send a third of the messages, and kill it while the last one is in the air.

    The office does not answer meanwhile, so that it gets no further however late it is killed.
    """
    office.stops_at = MANY // 3
    worker = start(office, "db_worker", "--no-reload", "--no-startup-delay", "--interval", "0.1")
    office.wait_for(office.stops_at)
    worker.send_signal(signal.SIGKILL)
    assert done(worker) == -signal.SIGKILL
    office.go_on.set()


def test_a_worker_killed_midway_is_resumed_and_nobody_gets_it_twice(office: Office) -> None:
    campaign = released()
    kill_midway(office)
    assert now(campaign).status == Campaign.Status.SENDING
    first = done(start(office, "send_campaign", "--resume"))
    held = states(campaign).get("sending", 0)
    assert held == 1, "one message is in the air at a time"
    Delivery.objects.filter(status="sending").update(at=timezone.now() - delivery.STALE)
    again = done(start(office, "send_campaign", "--resume"))
    assert first == again == held, "1 says that something may not have gone out"
    assert now(campaign).status == Campaign.Status.SENT
    assert Counter(states(campaign)) == Counter(sent=MANY - held, unconfirmed=held)
    assert set(Counter(office.got).values()) == {1}
    expected = set(campaign.deliveries.filter(status="sent").values_list("email", flat=True))
    assert expected <= set(office.got) <= set(campaign.deliveries.values_list("email", flat=True))
    assert list(audit.verify()) == []


def test_what_a_killed_worker_left_is_looked_after_by_the_next(office: Office) -> None:
    campaign = released()
    kill_midway(office)
    from django_tasks_db.models import DBTaskResult

    # an hour passes
    DBTaskResult.objects.filter(status="READY").update(run_after=timezone.now())
    hour = timezone.now() - timedelta(hours=1)
    Delivery.objects.exclude(status="waiting").update(at=hour)
    assert done(start(office, "db_worker", "--batch", "--no-reload", "--no-startup-delay")) == 0
    assert now(campaign).status == Campaign.Status.SENT
    assert set(Counter(office.got).values()) == {1}
    assert len(office.got) >= MANY - 1


@pytest.mark.parametrize("fate", ["lost", "raised"])
def test_what_its_first_task_never_began_is_sent_once_all_the_same(
    office: Office, fate: str
) -> None:
    from django_tasks_db.models import DBTaskResult

    campaign, back = released(count=3), released(count=1)
    services.unschedule_campaign(actor=back.account.owner, campaign=now(back))
    first = DBTaskResult.objects.filter(task_path__endswith=".deliver_campaign")
    # the worker was killed having taken it, or it came to nothing
    assert first.update(status="RUNNING" if fate == "lost" else "FAILED") == 2
    # a quarter of an hour passes
    DBTaskResult.objects.filter(status="READY").update(run_after=timezone.now())
    assert done(start(office, "db_worker", "--batch", "--no-reload", "--no-startup-delay")) == 0
    assert now(campaign).status == Campaign.Status.SENT
    assert done(start(office, "send_campaign", "--resume")) == 0
    assert Counter(office.got) == Counter(campaign.deliveries.values_list("email", flat=True))


def test_a_scheduled_campaign_waits_in_the_queue_for_its_hour(by_smtp: Office) -> None:
    from django_tasks_db.models import DBTaskResult

    w = world("emma_hq")
    campaign, at = ready(w.north, count=1), timezone.now() + timedelta(hours=5)
    services.schedule_campaign(actor=w.owner, campaign=campaign, at=at)
    later = at + timedelta(hours=1)
    services.schedule_campaign(actor=w.owner, campaign=now(campaign), at=later)
    waiting = DBTaskResult.objects.values_list("run_after", flat=True)
    watches = [at + delivery.STALE, later + delivery.STALE]
    assert sorted(waiting) == [at, watches[0], later, watches[1]]
    # the first comes when the campaign was put off, the second too early: neither does anything
    for _ in range(2):
        assert delivery.deliver_campaign.func(campaign.pk) == "nothing"
    assert by_smtp.got == []
    Campaign.objects.update(scheduled_at=timezone.now())
    assert delivery.deliver_campaign.func(campaign.pk) == "sent"
    assert len(by_smtp.got) == 1


def test_two_workers_at_once_send_to_everybody_once(by_smtp: Office) -> None:
    campaign = released(count=12)
    by_smtp.pause = 0.01
    results = together(
        *(lambda: delivery.work_off(campaign.pk) for _ in range(3)),
    )
    assert errors(results) == []
    delivery.work_off(campaign.pk)
    assert states(campaign) == {"sent": 12}
    assert Counter(by_smtp.got) == Counter(campaign.deliveries.values_list("email", flat=True))
    assert now(campaign).status == Campaign.Status.SENT


def test_what_the_server_refuses_is_failed_and_what_it_puts_off_is_tried_again(
    by_smtp: Office,
) -> None:
    campaign = ready(world("emma_hq").north, count=1)
    never = subscriber(campaign.mailing_list, email="never@readers.example")
    busy = subscriber(campaign.mailing_list, email="busy@readers.example")
    answers = {never.email: "550 No such person", busy.email: "451 Try later"}
    by_smtp.answers = lambda address: answers.get(address, "250 OK")
    services.send_campaign(actor=campaign.account.owner, campaign=campaign)
    first = delivery.work_off(campaign.pk)
    assert first.state == "waiting"
    assert first.again_at is not None
    assert states(campaign) == {"sent": 1, "failed": 1, "waiting": 1}
    assert delivery.work_off(campaign.pk).done == 0, "it waits its time"
    row = Delivery.objects.get(contact=never)
    assert row.note == "The server refused it (550)."
    del answers[busy.email]
    Delivery.objects.filter(contact=busy).update(at=timezone.now() - timedelta(hours=2))
    assert delivery.work_off(campaign.pk).state == "sent"
    assert states(campaign) == {"sent": 2, "failed": 1}


def test_what_is_always_put_off_fails_in_the_end(by_smtp: Office) -> None:
    by_smtp.answers = lambda address: "421 Busy, bye"
    campaign = released(count=2)
    for _ in range(delivery_post.TRIES):
        delivery.work_off(campaign.pk)
        Delivery.objects.update(at=timezone.now() - timedelta(hours=2))
    assert states(campaign) == {"failed": 2}
    assert now(campaign).status == Campaign.Status.SENT


def test_without_a_server_nothing_is_lost_and_somebody_is_told(
    by_smtp: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    campaign = released(count=2)
    with monkeypatch.context() as patch:
        patch.setattr(by_smtp, "port", 1)
        found = delivery.work_off(campaign.pk)
        assert found.state == "no server"
        assert found.again_at is not None
        assert delivery.work_off(campaign.pk, attempt=delivery.CALLS - 1).again_at is None
    assert states(campaign) == {"waiting": 2}
    assert "does not answer" in now(campaign).problem


def test_a_connection_lost_midway_leaves_one_unconfirmed(by_smtp: Office) -> None:
    campaign = released(count=3)
    first = campaign.deliveries.order_by("pk").first()
    assert first is not None

    def hang_up(address: str) -> str:
        if address == first.email:
            raise ConnectionResetError
        return "250 OK"

    by_smtp.answers = hang_up
    delivery.work_off(campaign.pk)
    assert sum(states(campaign).values()) == 3
    assert Counter(by_smtp.got).most_common(1)[0][1] == 1
