"""Telling webhooks: what they hear of is written with the event itself, and sent by a worker.

A delivery is taken out of the line (``webhook_line``) before the receiver is called, with no
transaction open, and settled afterwards. Whoever died in between leaves it due again after a while,
so a receiver may get a message twice: it carries the same ``webhook-id`` then.

What a message says is limited to what the webhook's creator may know, asked at every attempt.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from datetime import datetime, timedelta
from importlib import import_module
from time import monotonic
from typing import Any

from django.db.models import Max, Min, Q
from django.db.transaction import atomic, on_commit
from django.utils import timezone

from permissions import access, audit
from permissions.audit import label_of
from permissions.models import AuditEvent
from teams import background
from teams.background import task
from teams.models import Account, Webhook, WebhookDelivery
from teams.services import kept, webhook_line, webhook_mail
from teams.services.change import Entry, root_key
from teams.services.webhook_line import due
from teams.services.webhook_message import body_of, knows, message_id, why_dead
from teams.webhook_areas import area_of

State = WebhookDelivery.State
log = logging.getLogger("teams.webhooks")

#: how long to wait after each attempt that failed; after the last there is none
PAUSES = tuple(timedelta(minutes=m) for m in (1, 5, 30, 120, 300, 600, 1440))
#: a webhook that took nothing for so long is switched off
GIVE_UP = timedelta(days=5)
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
    return list(Webhook.objects.filter(account=account, disabled_at=None).order_by("pk"))


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
    _enqueue()


def put_again(row: WebhookDelivery) -> None:
    """Have ``row`` sent once more, with all its repetitions, once the transaction is through."""
    row.state, row.attempts, row.next_at, row.delivered_at = State.WAITING, 0, timezone.now(), None
    row.save(update_fields=["state", "attempts", "next_at", "delivered_at"])
    _enqueue()


def _enqueue() -> None:
    on_commit(lambda: background.enqueue(_behind_others()))


def _enqueue_for(at: datetime) -> None:
    """Have a worker come for what is repeated then, where the queue can wait; elsewhere, and should
    it be lost, there is ``send_webhooks``."""
    if deliver_webhooks.get_backend().supports_defer:
        _behind_others().using(run_after=at + LEEWAY).enqueue()


def _behind_others() -> Any:
    """Return the task that delivers, where the queue can with less urgency than all others: a
    receiver that takes its time takes a worker's."""
    if deliver_webhooks.get_backend().supports_priority:
        return deliver_webhooks.using(priority=PRIORITY)
    return deliver_webhooks


# the worker's part


@task()
def deliver_webhooks() -> int:
    """Send what is due, whoever's it is, in the order of ``webhook_line``; return how many.

    After ``ROUND`` it lets other tasks go first, and goes on when it is its turn again.
    """
    begun = monotonic()
    count = work_off(seconds=ROUND)
    # whoever found nothing to try does not come again: it all rests, or another worker has it
    if count and monotonic() - begun >= ROUND and due().exists():
        background.enqueue(_behind_others())
    return count


def work_off(
    account: int | None = None,
    *,
    progress: Callable[[int], None] = lambda count: None,
    seconds: float = math.inf,
) -> int:
    """Send what is due of one account or, turn by turn, of all; return how many were tried.

    Begins none after so many ``seconds``. Safe to call at any time, any number at once.
    A webhook that failed rests for this round, and until its first repetition: a dead receiver with
    a thousand messages waiting must not keep a worker from everybody else.
    """
    until = monotonic() + seconds
    done, resting = 0, set(webhook_line.resting(account))
    while (
        monotonic() < until and (whose := webhook_line.next_account(account, resting)) is not None
    ):
        over = min(until, monotonic() + webhook_line.TURN)
        try:
            for key, hook in webhook_line.batch_of(whose, resting):
                if hook not in resting and (row := _claim(key)) is not None:
                    if not _attempt(row):
                        resting.add(hook)
                    done += 1
                    progress(done)
                    if monotonic() >= over:
                        break
        finally:  # nobody waits for an account of which something goes wrong
            webhook_line.go_behind(whose, resting)
    return done


def _claim(key: int) -> WebhookDelivery | None:
    """Return the delivery if it is ours to send now, counted as an attempt; None if it is not."""
    row = due().select_related("webhook__account", "webhook__created_by").filter(pk=key).first()
    if row is None:
        return None
    if row.attempts > len(PAUSES):  # whoever made the last one died of it, or was stopped
        _settle(row, State.FAILED, problem="Nobody who tried came to the end of it.")
        return None
    return row if webhook_line.claim(row) else None


def _attempt(row: WebhookDelivery) -> bool:
    """Make one attempt, whatever comes of it: what goes wrong with this message must not end the
    task, which may be the only one that came for what others wait for."""
    try:
        return _send(row)
    except Exception:
        log.exception("webhook %s: could not send %s", row.webhook_id, message_id(row))
        _repeat(row, problem="Something went wrong here, not at the receiver.")
        return False


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
    if answer.is_gone:
        _settle(row, State.FAILED, **told)
        switch_off(hook, "The receiver said that it is gone for good (410).")
        return False
    _repeat(row, **told)
    if _has_failed_for_long(hook):
        switch_off(hook, f"It took nothing for {GIVE_UP.days} days.")
    return False


def _repeat(row: WebhookDelivery, **told: Any) -> None:
    """Have ``row`` tried again after its pause, or give it up after the last; either way somebody
    comes, for the messages behind it have waited as well."""
    if row.attempts > len(PAUSES):
        _settle(row, State.FAILED, **told)
        _enqueue_for(timezone.now() + PAUSES[0])
        return
    again = timezone.now() + PAUSES[row.attempts - 1]
    _settle(row, State.WAITING, next_at=again, **told)
    _enqueue_for(again)


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
    "deliver_webhooks",
    "listener",
    "put",
    "put_again",
    "put_off",
    "switch_off",
    "when_next",
    "work_off",
]
