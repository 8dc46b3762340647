"""Telling webhooks: what they hear of is written with the event itself, and sent by a worker.

A delivery is claimed by a conditional update before the receiver is called, with no transaction
open, and settled afterwards. Whoever died in between leaves a claim that is due again after
``STALE``, so a receiver may get a message twice: it carries the same ``webhook-id`` then.

What a message says is limited to what the webhook's creator may know, asked at every attempt.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from importlib import import_module
from typing import Any

from django.db.models import Max, Min, Q, QuerySet
from django.db.transaction import atomic, on_commit
from django.utils import timezone

from permissions import access, audit
from permissions.audit import label_of
from permissions.models import AuditEvent
from teams import background
from teams.background import task
from teams.models import Account, Webhook, WebhookDelivery
from teams.services import kept, webhook_mail
from teams.services.change import Entry, root_key
from teams.services.webhook_message import body_of, knows, message_id, why_dead
from teams.webhook_areas import area_of

State = WebhookDelivery.State
log = logging.getLogger("teams.webhooks")

#: how long to wait after each attempt that failed; after the last there is none
PAUSES = tuple(timedelta(minutes=m) for m in (1, 5, 30, 120, 300, 600, 1440))
#: a claim as old as this belongs to a worker that died: no call takes so long
STALE = timedelta(minutes=2)
#: a webhook that took nothing for so long is switched off
GIVE_UP = timedelta(days=5)
#: so many are read at once
BATCH = 100
#: seconds after which a task of the queue begins no more messages: whoever waits there comes first
ROUND = 20.0
#: so much later than it is due a repetition is begun: a clock that is a bit behind finds it due
LEEWAY = timedelta(seconds=1)
#: where the queue has an order, mail and sending come before all webhooks
PRIORITY = -10
SWITCHED = "webhook.switched"


# the outbox


def listener(event: AuditEvent) -> None:
    """Write what the webhooks of the account are told of ``event``, in the transaction of it."""
    kind, _, key = event.root.partition(":")
    area = area_of(event.action)
    if not area or kind != Account._meta.label_lower or not key.isdecimal():
        return
    hooks = kept.once(int(key), "webhooks", lambda: _on(int(key)))
    put([hook for hook in hooks if not hook.areas or area in hook.areas], event)


def _on(account: int) -> list[Webhook]:
    return list(Webhook.objects.filter(account=account, disabled_at=None))


def put(hooks: list[Webhook], event: AuditEvent) -> None:
    """Have each of ``hooks`` told of ``event`` once the transaction is through."""
    if not hooks:
        return
    WebhookDelivery.objects.bulk_create(
        WebhookDelivery(
            account_id=hook.account_id, webhook=hook, sequence=event.sequence, action=event.action
        )
        for hook in hooks
    )
    _enqueue(hooks[0].account_id)


def put_again(row: WebhookDelivery) -> None:
    """Have ``row`` sent once more, with all its repetitions, once the transaction is through."""
    row.state, row.attempts, row.next_at, row.delivered_at = State.WAITING, 0, timezone.now(), None
    row.save(update_fields=["state", "attempts", "next_at", "delivered_at"])
    _enqueue(row.account_id)


def _enqueue(account: int) -> None:
    on_commit(lambda: background.enqueue(_behind_others(), account))


def _behind_others() -> Any:
    """Return the task that delivers, where the queue can with less urgency than all others: a
    receiver that takes its time takes a worker's."""
    if deliver_webhooks.get_backend().supports_priority:
        return deliver_webhooks.using(priority=PRIORITY)
    return deliver_webhooks


# the worker's part


@task()
def deliver_webhooks(account: int) -> int:
    """Send what is due in an account, and see to what has to be tried again; return how many.

    After ``ROUND`` it lets others go first, and goes on when it is its turn again. Whoever found
    nothing to try leaves the repetitions to who tried last: else every task that ever came would
    come again each time, for as long as one receiver is out of reach.
    """
    begun = time.monotonic()
    count = work_off(account, seconds=ROUND)
    if not count:
        return 0
    if time.monotonic() - begun >= ROUND and due(account).exists():
        background.enqueue(_behind_others(), account)
        return count
    waiting = WebhookDelivery.objects.filter(account=account, state=State.WAITING)
    later = waiting.filter(webhook__disabled_at=None, next_at__gt=timezone.now())
    again = later.aggregate(at=Min("next_at"))["at"]
    # only where the queue can wait; elsewhere, and should it be lost, there is send_webhooks
    if again is not None and deliver_webhooks.get_backend().supports_defer:
        _behind_others().using(run_after=again + LEEWAY).enqueue(account)
    return count


def due(account: int | None = None) -> QuerySet[WebhookDelivery]:
    """Return what should be sent now, of one account or of all."""
    rows = WebhookDelivery.objects.filter(
        state=State.WAITING, next_at__lte=timezone.now(), webhook__disabled_at=None
    )
    return rows if account is None else rows.filter(account=account)


def work_off(
    account: int | None = None,
    *,
    progress: Callable[[int], None] = lambda count: None,
    seconds: float = math.inf,
) -> int:
    """Send what is due, oldest first; return how many were tried. Safe to call at any time.

    Begins none after so many ``seconds``.
    A webhook that failed rests for this round, and until its first repetition: a dead receiver with
    a thousand messages waiting must not keep a worker from everybody else.
    """
    until = time.monotonic() + seconds
    done, last, resting = 0, 0, set(_resting(account))
    while keys := list(
        due(account)
        .filter(pk__gt=last)
        .exclude(webhook__in=resting)
        .order_by("pk")
        .values_list("pk", "webhook")[:BATCH]
    ):
        for key, hook in keys:
            if time.monotonic() >= until:
                return done
            if hook not in resting and (row := _claim(key)) is not None:
                if not _send(row):
                    resting.add(hook)
                done += 1
                progress(done)
        last = keys[-1][0]
    return done


def _resting(account: int | None) -> QuerySet[Any, Any]:
    """Return the webhooks of which a first attempt failed a moment ago, or is being made."""
    rows = WebhookDelivery.objects.filter(
        state=State.WAITING, attempts=1, next_at__gt=timezone.now()
    )
    rows = rows if account is None else rows.filter(account=account)
    return rows.values_list("webhook", flat=True).distinct()


def _claim(key: int) -> WebhookDelivery | None:
    """Return the delivery if it is ours to send now, counted as an attempt; None if it is not."""
    row = due().select_related("webhook__account", "webhook__created_by").filter(pk=key).first()
    if row is None:
        return None
    if row.attempts > len(PAUSES):  # whoever made the last one died of it, or was stopped
        _settle(row, State.FAILED, problem="Nobody who tried came to the end of it.")
        return None
    mine = due().filter(pk=key, attempts=row.attempts)
    row.attempts += 1
    claimed = WebhookDelivery.objects.filter(pk__in=mine.values("pk")).update(
        attempts=row.attempts, next_at=timezone.now() + STALE
    )
    return row if claimed else None


def _send(row: WebhookDelivery) -> bool:
    """Make one attempt; say whether the webhook is worth another one now."""
    hook = row.webhook
    access.forget()  # a command is one unit of work, and rights end while others are called
    if reason := why_dead(hook):
        _settle(row, State.DROPPED, problem=reason)
        switch_off(hook, reason)
        return False
    event = AuditEvent.objects.filter(root=root_key(hook.account), sequence=row.sequence).first()
    if event is None:
        _settle(row, State.DROPPED, problem="The event is not in the record any more.")
        return True
    if not knows(hook, event):
        _settle(
            row,
            State.DROPPED,
            problem=f"{label_of(hook.created_by)}, whose webhook it is, may not know of it.",
        )
        return True
    body = body_of(hook, event)  # anew: somebody else may answer for it since the last attempt
    call = import_module("teams.webhook_call")  # by name: its packages are an extra
    said = call.headers(hook, message_id(row), timezone.now(), body)
    answer = call.post(hook.url, body, said)
    if answer.is_taken:
        _settle(row, State.DELIVERED, body=body, status_code=answer.status, problem="")
        return True
    log.info("webhook %s: %s (attempt %s)", hook.pk, answer.problem, row.attempts)
    told = {"body": body, "status_code": answer.status, "problem": answer.problem[:300]}
    if row.attempts > len(PAUSES) or answer.is_gone:
        _settle(row, State.FAILED, **told)
    else:
        _settle(row, State.WAITING, next_at=timezone.now() + PAUSES[row.attempts - 1], **told)
    if answer.is_gone:
        switch_off(hook, "The receiver said that it is gone for good (410).")
    elif _has_failed_for_long(hook):
        switch_off(hook, f"It took nothing for {GIVE_UP.days} days.")
    return False


def _settle(row: WebhookDelivery, state: str, **fields: Any) -> None:
    """Write what became of an attempt, unless somebody has taken the delivery up since."""
    if state == State.DELIVERED:
        fields["delivered_at"] = timezone.now()
    claim = WebhookDelivery.objects.filter(pk=row.pk, state=State.WAITING, attempts=row.attempts)
    claim.update(state=state, **fields)


def _has_failed_for_long(hook: Webhook) -> bool:
    """Say whether nothing was taken since what was to be sent ``GIVE_UP`` ago."""
    taken = hook.deliveries.filter(state=State.DELIVERED).aggregate(at=Max("delivered_at"))["at"]
    switched = AuditEvent.objects.filter(
        root=root_key(hook.account), subject_ref=audit.ref_of(hook), action=SWITCHED
    ).aggregate(at=Max("at"))["at"]
    since = max(at for at in (hook.created_at, taken, switched) if at is not None)
    failing = hook.deliveries.filter(
        Q(state=State.FAILED) | Q(state=State.WAITING, attempts__gt=0), created_at__gt=since
    )
    first = failing.aggregate(at=Min("created_at"))["at"]
    return first is not None and first <= timezone.now() - GIVE_UP


# off


@atomic
def switch_off(hook: Webhook, reason: str) -> None:
    """Tell ``hook`` nothing more, write that down, and tell the owner by mail."""
    account = Account.objects.select_for_update(no_key=True).get(pk=hook.account_id)
    found = Webhook.objects.filter(pk=hook.pk, disabled_at=None).first()
    if found is None:
        return
    put_off(Entry(None, account), found, reason[:200])
    on_commit(lambda: background.enqueue(webhook_mail.post_switched_off, hook.pk))


def put_off(entry: Entry, hook: Webhook, reason: str) -> None:
    """Switch ``hook`` off and drop what waits for it."""
    hook.disabled_at, hook.disabled_because = timezone.now(), reason
    hook.save(update_fields=["disabled_at", "disabled_because"])
    hook.deliveries.filter(state=State.WAITING).update(
        state=State.DROPPED, problem="The webhook was switched off before it was sent."
    )
    entry.record(SWITCHED, hook, before="on", after="off", because=reason)


def when_next(row: WebhookDelivery) -> datetime | None:
    """Return when ``row`` is tried next; None if it is not."""
    return row.next_at if row.state == State.WAITING else None


__all__ = [
    "GIVE_UP",
    "PAUSES",
    "STALE",
    "deliver_webhooks",
    "due",
    "listener",
    "put",
    "put_again",
    "put_off",
    "switch_off",
    "when_next",
    "work_off",
]
