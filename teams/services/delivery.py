"""The worker's part: send what has been settled, each message at most once, whatever dies.

A delivery is claimed in a transaction of its own before the mail server hears of it, and settled
afterwards. Whoever finds a claim that nobody settled does not know whether that message left, so
it is never sent again. Any number of workers may be at one campaign at the same time.

From the moment a campaign is scheduled, a second task in the queue looks after it, should its
worker die before or while it is sent. Where the queue cannot wait, or was lost,
``manage.py send_campaign --resume`` carries on.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from smtplib import SMTPException
from typing import Any

from django.db import transaction
from django.db.models import Max, Q, QuerySet
from django.utils import timezone

from teams import flow
from teams.background import came, task
from teams.models import Campaign, Delivery
from teams.services import content, letters
from teams.services.delivery_gate import Round, begin, locked, record, still_may
from teams.services.delivery_post import send_one
from teams.services.posting import mailer

Status = Delivery.Status
log = logging.getLogger("teams.delivery")

#: after so many messages the rights of whoever scheduled it are read again
BATCH = 100
#: a claim as old as this belongs to a worker that died: no message takes so long
STALE = timedelta(minutes=15)
#: how long to wait before a message is tried again, after the first time, the second, …
PAUSES = tuple(timedelta(minutes=m) for m in (2, 15, 60))
#: how often a server is called that does not answer, and when nobody looks after it any more
CALLS = 10
GIVE_UP = timedelta(days=3)


@task()
def deliver_campaign(campaign: int, attempt: int = 0) -> str:
    """Carry on with a campaign, if it is time; return how it stands."""
    found = work_off(campaign, attempt=attempt)
    if found.again_at is not None:
        attempt = attempt + 1 if found.state == "no server" else 0
        _enqueue(deliver_campaign, found.again_at, campaign=campaign, attempt=attempt)
    return found.state


@task()
def look_after_campaign(campaign: int) -> str:
    """Take up a campaign that is due and nobody is at; ask again later for as long as it is sent.

    One such task is in the queue from the moment a campaign is scheduled until it is over. One that
    comes before its hour belongs to an earlier one, and another will come.
    """
    since = timezone.now() - GIVE_UP
    if not due().filter(pk=campaign, scheduled_at__gt=since).exists():
        return "over"
    _enqueue(look_after_campaign, timezone.now() + STALE, campaign=campaign)
    return "another worker is at it" if _is_alive(campaign) else work_off(campaign).state


def enqueue(campaign: int, *, at: datetime) -> None:
    """Have a worker send a campaign at that time, and see later whether one does, as far as the
    queue can wait: it neither repeats a task that failed nor one whose worker was killed."""
    _enqueue(look_after_campaign, at + STALE, campaign=campaign)
    _enqueue(deliver_campaign, at, campaign=campaign)


def _enqueue(job: Any, at: datetime, **arguments: Any) -> None:
    if at > timezone.now():
        if not job.get_backend().supports_defer:
            return
        job = job.using(run_after=at)
    job.enqueue(**arguments, **came())


def due() -> QuerySet[Campaign]:
    """Return every campaign that should be on its way now: what a resumption takes up.

    None of an account that is read-only: they are taken up when it is not any more.
    """
    on_its_way = Campaign.objects.filter(
        status__in=Campaign.ON_ITS_WAY, archived_at=None, account__read_only_because=""
    )
    return on_its_way.filter(scheduled_at__lte=timezone.now()).order_by("scheduled_at", "pk")


def work_off(
    campaign: int, *, attempt: int = 0, progress: Callable[[int], None] = lambda count: None
) -> Round:
    """Send what waits of a campaign whose time has come; nothing of any other.

    ``progress`` is told after each message how many were settled. Safe to call at any time, by
    anybody and any number of times: what may be sent was settled when it was scheduled.
    """
    letters.unsubscribe_url(letters.NOBODYS)  # a project without one sends nothing
    idle = begin(campaign)
    if idle is not None:
        return idle
    _give_up_stale(campaign)
    connection = mailer()
    last = done = 0
    try:
        while keys := _next(campaign, last):
            found = still_may(campaign)
            if isinstance(found, str):
                return Round(found, done)
            # made once from the rows, and not for every contact
            found.text = content.as_text(found.rows, found.text)
            for key in keys:
                try:
                    connection.open()
                except (OSError, SMTPException) as error:
                    return _no_server(campaign, error, attempt, done)
                send_one(found, key, connection)
                done += 1
                progress(done)
            last = keys[-1]
    finally:
        with suppress(OSError, SMTPException):
            connection.close()
    return _conclude(campaign, done)


def _next(campaign: int, last: int) -> list[int]:
    """Return the keys of the next deliveries that may be tried now, each once a round."""
    rows = Delivery.objects.filter(campaign=campaign, status=Status.WAITING, pk__gt=last)
    now = timezone.now()
    ready = Q(tries=0)
    for tries, pause in enumerate(PAUSES, start=1):
        ready |= Q(tries=tries, at__lte=now - pause)
    return list(rows.filter(ready).order_by("pk").values_list("pk", flat=True)[:BATCH])


# afterwards


def _is_alive(campaign: int) -> bool:
    """Say whether some worker has settled or claimed anything of it lately."""
    rows = Delivery.objects.filter(campaign=campaign).exclude(status=Status.WAITING)
    last = rows.aggregate(last=Max("at"))["last"]
    return last is not None and last > timezone.now() - STALE


def _give_up_stale(campaign: int) -> None:
    rows = Delivery.objects.filter(campaign=campaign, status=Status.SENDING)
    note = "The worker stopped while it was being sent."
    rows.filter(at__lte=timezone.now() - STALE).update(status=Status.UNCONFIRMED, note=note)


def _conclude(campaign: int, done: int) -> Round:
    """Close the campaign if everything is settled, or say when to carry on."""
    with transaction.atomic():
        found = locked(campaign)
        if found is None or found.status != Campaign.Status.SENDING:
            return Round("nothing", done)
        open_rows = found.deliveries.filter(status__in=(Status.WAITING, Status.SENDING))
        if open_rows.exists():
            waiting = open_rows.filter(status=Status.WAITING).values_list("tries", "at")
            times = [at + PAUSES[max(tries, 1) - 1] for tries, at in waiting]
            # what another worker holds is looked after (``look_after_campaign``)
            return Round("waiting", done, min(times, default=None))
        flow.take(found, "finish")
        found.sent_at, found.problem = timezone.now(), ""
        found.save(update_fields=["status", "sent_at", "problem"])
        sent = found.deliveries.filter(status=Status.SENT).count()
        record(found, "campaign.sent", sent=sent, of=found.deliveries.count())
        return Round("sent", done)


def _no_server(campaign: int, error: Exception, attempt: int, done: int) -> Round:
    """Note that the mail server does not answer, and when it is called again."""
    log.warning("campaign %s: no mail server (%s)", campaign, type(error).__name__)
    problem = "The mail server does not answer."
    if attempt + 1 >= CALLS:
        problem += " Tell whoever runs this service; what waits for a day becomes a draft again."
    Campaign.objects.filter(pk=campaign, status=Campaign.Status.SENDING).update(problem=problem)
    if attempt + 1 >= CALLS:
        return Round("no server", done)
    return Round("no server", done, timezone.now() + PAUSES[min(attempt, len(PAUSES) - 1)])
