"""The line that messages to webhooks wait in: whose turn it is, and who takes one out to send it.

Accounts take turns, so that the slow receivers of one cost the others little. Next is the account
with the message that has waited longest. Its turn begins no call after ``TURN``; whatever else it
has to send goes to the end of the line then, behind everybody who came meanwhile. So, for as long
as a worker is at the line, a message waits for the turn that is under way, for one turn of each
account that came before its own, and for nothing else, however many messages those have waiting. A
turn takes ``TURN`` and one call at most, which ``webhook_call`` ends after 25 seconds.

The order is in the database (``next_at``): it is the same for all workers, and for each task anew.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta
from typing import Any

from django.db.models import QuerySet
from django.db.transaction import atomic
from django.utils import timezone

from teams.models import WebhookDelivery

State = WebhookDelivery.State

#: seconds after which an account begins no more calls before it is its turn again
TURN = 2.0
#: a claim as old as this belongs to a worker that died: no call takes so long
STALE = timedelta(minutes=2)
#: so many are read at once, and sent in one turn at most
BATCH = 100


def due(account: int | None = None) -> QuerySet[WebhookDelivery]:
    """Return what should be sent now, of one account or of all."""
    rows = WebhookDelivery.objects.filter(
        state=State.WAITING, next_at__lte=timezone.now(), webhook__disabled_at=None
    )
    return rows if account is None else rows.filter(account=account)


def resting(account: int | None) -> QuerySet[Any, Any]:
    """Return the webhooks of which a first attempt failed a moment ago, or is being made."""
    rows = WebhookDelivery.objects.filter(
        state=State.WAITING, attempts=1, next_at__gt=timezone.now()
    )
    rows = rows if account is None else rows.filter(account=account)
    return rows.values_list("webhook", flat=True).distinct()


def next_account(account: int | None, but: Collection[int]) -> int | None:
    """Return whose turn it is, of all or of that one ``account``, leaving out what waits for the
    webhooks ``but``; None if there is nobody."""
    rows = due(account).exclude(webhook__in=but).order_by("next_at", "pk")
    return rows.values_list("account", flat=True).first()


def batch_of(account: int, but: Collection[int]) -> list[tuple[int, int]]:
    """Return what ``account`` has to send, oldest first, each with its webhook."""
    rows = due(account).exclude(webhook__in=but).order_by("pk")
    return list(rows.values_list("pk", "webhook")[:BATCH])


def claim(row: WebhookDelivery) -> bool:
    """Count an attempt at ``row``, as it was read; say whether it is ours to make.

    Every condition is one on the row itself: what is asked of a subquery counts as it was before
    another worker, who came first by a moment, had written.
    """
    now = timezone.now()
    mine = WebhookDelivery.objects.filter(
        pk=row.pk, state=State.WAITING, attempts=row.attempts, next_at__lte=now
    )
    row.attempts += 1
    return bool(mine.update(attempts=row.attempts, next_at=now + STALE))


@atomic
def go_behind(account: int, but: Collection[int] = ()) -> None:
    """Let whatever ``account`` has to send now wait behind everybody who waits; what another worker
    takes at this moment is left to that one.

    Nothing is written where nobody else waits, but for the webhooks ``but``: of one account there
    may be tens of thousands, and a turn comes every other second. For the same reason their keys
    are not read: no statement has room for so many.
    """
    if not due().exclude(account=account).exclude(webhook__in=but).exists():
        return
    now = timezone.now()
    rows = WebhookDelivery.objects.filter(account=account, state=State.WAITING, next_at__lte=now)
    free = rows.select_for_update(skip_locked=True).values("pk")
    WebhookDelivery.objects.filter(pk__in=free).update(next_at=now)
