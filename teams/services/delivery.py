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
from dataclasses import dataclass
from datetime import datetime, timedelta
from smtplib import SMTPException
from typing import Any

from django.db import transaction
from django.db.models import Max, Q, QuerySet
from django.utils import timezone

from permissions import access, audit
from permissions.resources import registry
from teams import flow
from teams.background import came, task
from teams.catalogue import SEND_CAMPAIGNS
from teams.models import Account, Campaign, Contact, Delivery
from teams.services import content, letters
from teams.services.base import root_key
from teams.services.posting import Fate, mailer, post

Status = Delivery.Status
log = logging.getLogger("teams.delivery")

#: after so many messages the rights of whoever scheduled it are read again
BATCH = 100
#: a claim as old as this belongs to a worker that died: no message takes so long
STALE = timedelta(minutes=15)
#: how often a message is tried that the server puts off, and how long to wait in between
TRIES = 4
PAUSES = tuple(timedelta(minutes=m) for m in (2, 15, 60))
#: how often a server is called that does not answer, and when nobody looks after it any more
CALLS = 10
GIVE_UP = timedelta(days=3)
#: what is later than this is not sent any more: nobody expects it
LATEST = timedelta(days=1)
#: clocks of two machines differ by less
DRIFT = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Round:
    """What one round of work came to: ``state`` says how the campaign stands.

    "nothing" (nothing to do, or not yet), "paused" (until the account is not read-only any more:
    see ``read_only``), "given back" (a draft again), "sent", "waiting" (some are tried again, or
    another worker has them), "no server". ``again_at`` is when to carry on.
    """

    state: str
    done: int = 0
    again_at: datetime | None = None


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
    letters.unsubscribe_url(letters.NOBODYS_TOKEN)  # a project without one sends nothing
    idle = _begin(campaign)
    if idle is not None:
        return idle
    _give_up_stale(campaign)
    connection = mailer()
    last = done = 0
    try:
        while keys := _next(campaign, last):
            found = _still_may(campaign)
            if isinstance(found, str):
                return Round(found, done)
            # made once from the rows, and not for every contact
            found.text = content.as_text(found.rows, found.text)
            for key in keys:
                try:
                    connection.open()
                except (OSError, SMTPException) as error:
                    return _no_server(campaign, error, attempt, done)
                _send_one(found, key, connection)
                done += 1
                progress(done)
            last = keys[-1]
    finally:
        with suppress(OSError, SMTPException):
            connection.close()
    return _conclude(campaign, done)


# before


def _locked(campaign: int) -> Campaign | None:
    """Return the campaign as stored, its account locked."""
    root = Campaign.objects.filter(pk=campaign).values_list("account", flat=True).first()
    if root is None:
        return None
    Account.objects.select_for_update(no_key=True).filter(pk=root).first()
    rows = Campaign.objects.select_related("account", "subaccount", "scheduled_by")
    return rows.filter(pk=campaign).first()


def _begin(campaign: int) -> Round | None:
    """Move a campaign whose time has come to sending; None says that there is work to do."""
    with transaction.atomic():
        found = _locked(campaign)
        if found is None or found.is_archived or found.status not in Campaign.ON_ITS_WAY:
            return Round("nothing")
        at, now = found.scheduled_at, timezone.now()
        if at is None or at > now:
            # the clock of whoever put the task there may be ahead of this one
            is_near = at is not None and at - now < DRIFT
            return Round("nothing", again_at=at if is_near else None)
        if found.account.read_only_because:
            return Round("paused")
        if reason := _too_late(found):
            _give_back(found, reason)
            return Round("given back")
        if found.status == Campaign.Status.SCHEDULED:
            if reason := _why_not(found):
                _give_back(found, reason)
                return Round("given back")
            flow.take(found, "begin")
            found.problem = ""
            found.save(update_fields=["status", "problem"])
            _record(found, "campaign.began_sending")
    return None


def _still_may(campaign: int) -> Campaign | str:
    """Return the campaign if it may still go out; otherwise make it a draft, and return how it
    stands: "given back", "paused", or "nothing" if another worker has concluded it."""
    with transaction.atomic():
        found = _locked(campaign)
        if found is not None and found.status == Campaign.Status.SENDING:
            if found.account.read_only_because:
                return "paused"
            reason = _why_not(found)
            if not reason:
                return found
            _give_back(found, reason)
        is_back = found is not None and found.status == Campaign.Status.DRAFT
        return "given back" if is_back else "nothing"


def _too_late(campaign: Campaign) -> str:
    """Return why it is too late to send it; empty if it is not, or something went out lately."""
    at, latest = campaign.scheduled_at, timezone.now() - LATEST
    if at is None or at > latest:
        return ""
    rows = campaign.deliveries.exclude(status=Status.WAITING)
    if campaign.status == Campaign.Status.SENDING and rows.filter(at__gt=latest).exists():
        return ""
    return f"It was due on {at:%d %b %Y %H:%M} UTC, and nothing was sent for more than a day."


def _why_not(campaign: Campaign) -> str:
    """Return why it may not go out now; empty if whoever scheduled it may still send it."""
    if campaign.subaccount.is_archived:
        return f"{campaign.subaccount} was archived before it was sent."
    sender = campaign.scheduled_by
    if sender is None:
        return "The login of whoever scheduled it is gone."
    profile = access.profile_of(sender, fresh=True)
    resource = registry.of(campaign)
    if sender.is_staff or sender.is_superuser:
        return f"{audit.label_of(sender)}, who scheduled it, has no place in the account any more."
    if not profile.allows(SEND_CAMPAIGNS, resource, campaign):
        return f"{audit.label_of(sender)}, who scheduled it, may no longer send it."
    return ""


def _give_back(campaign: Campaign, reason: str) -> None:
    flow.take(campaign, "give back")
    campaign.problem = f"{reason} Whoever may send can schedule it again."[:300]
    campaign.scheduled_at = campaign.scheduled_by = None
    campaign.save(update_fields=["status", "problem", "scheduled_at", "scheduled_by"])
    forget_waiting(campaign)
    _record(campaign, "campaign.returned", reason=reason)


def forget_waiting(campaign: Campaign) -> None:
    """Drop the recipients that were settled and have not been sent anything."""
    Delivery.objects.filter(campaign=campaign, status=Status.WAITING).delete()


def _record(campaign: Campaign, action: str, **data: Any) -> None:
    audit.record(
        root=root_key(campaign.account),
        actor=None,
        action=action,
        subject=campaign,
        data={"subaccount": campaign.subaccount_id, **data},
    )


# one message


def _next(campaign: int, last: int) -> list[int]:
    """Return the keys of the next deliveries that may be tried now, each once a round."""
    rows = Delivery.objects.filter(campaign=campaign, status=Status.WAITING, pk__gt=last)
    now = timezone.now()
    ready = Q(tries=0)
    for tries, pause in enumerate(PAUSES, start=1):
        ready |= Q(tries=tries, at__lte=now - pause)
    return list(rows.filter(ready).order_by("pk").values_list("pk", flat=True)[:BATCH])


def _send_one(campaign: Campaign, key: int, connection: Any) -> None:
    claim = Delivery.objects.filter(pk=key, status=Status.WAITING)
    if not claim.update(status=Status.SENDING, at=timezone.now()):
        return  # another worker has it
    row = Delivery.objects.select_related("contact").filter(pk=key).first()
    if row is None:
        return  # the contact was purged this very moment
    if reason := _left_out(row):
        _settle(row, Status.SKIPPED, reason)
        return
    try:
        message = letters.letter(
            campaign,
            to=row.email,
            values=row.values,
            token=letters.unsubscribe_token(row),
            key=f"{campaign.pk}.{row.pk}",
        )
    except Exception:  # whatever it is, it must not keep the others from getting theirs
        log.exception("delivery %s cannot be made", row.pk)
        _settle(row, Status.FAILED, "The message could not be made.")
        return
    fate, note = post(connection, message)
    match fate:
        case Fate.SENT:
            _settle(row, Status.SENT, "")
        case Fate.UNKNOWN:
            _settle(row, Status.UNCONFIRMED, note)
        case Fate.LATER if row.tries + 1 < TRIES:
            # only while it is still claimed: what was given up as unconfirmed stays so
            Delivery.objects.filter(pk=row.pk, status=Status.SENDING).update(
                status=Status.WAITING, note=note, at=timezone.now(), tries=row.tries + 1
            )
        case _:
            _settle(row, Status.FAILED, note)


def _settle(row: Delivery, status: str, note: str) -> None:
    mine = Delivery.objects.filter(pk=row.pk, status__in=(Status.SENDING, Status.UNCONFIRMED))
    mine.update(status=status, note=note, at=timezone.now(), tries=row.tries + 1)


def _left_out(row: Delivery) -> str:
    """Return why nothing is sent to this contact after all; empty if it is."""
    contact = row.contact
    if contact.status != Contact.Status.SUBSCRIBED:
        return "Unsubscribed before it was sent."
    if contact.is_archived:
        return "Archived before it was sent."
    if contact.email.lower() != row.email.lower():
        return "The address was changed after the campaign was scheduled."
    return ""


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
        found = _locked(campaign)
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
        _record(found, "campaign.sent", sent=sent, of=found.deliveries.count())
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
