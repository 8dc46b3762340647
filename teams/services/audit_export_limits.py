"""How often one person takes the record of an account out: each time adds to the record itself.

So nobody makes it grow without end, whoever may read no more of it than their own name included.
Counted per person, so that nobody keeps anybody else from their file. The platform is not counted:
it says why each time, and works where the record is stored.
"""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from permissions import audit
from permissions.errors import Invalid
from permissions.models import AuditEvent
from teams.models import Account
from teams.services.change import root_key

EXPORTED = "audit.exported"
#: how many files one person gets of the record of an account within an hour
PER_HOUR = 20
_HOUR = timedelta(hours=1)
_MINUTE = timedelta(minutes=1)


def minutes_to_wait(actor: Any, account: Account) -> int:
    """Return in how many minutes ``actor`` may take the record of ``account`` out again; 0 for now.

    Costs one query, by an index.
    """
    return _wait(account, audit.ref_of(actor))


def refuse_more(account: Account, own: AuditEvent) -> None:
    """Refuse the export that the event ``own`` records, if there were as many within the hour.

    Called in the transaction that records it and takes the event back: the chain's end is locked by
    then, so that two at once are counted as two. Raises Invalid (TOO_MANY).
    """
    if wait := _wait(account, own.actor_ref, before=own.sequence):
        raise Invalid(
            f"You have exported the history of {account.name} {PER_HOUR} times within an hour, as "
            "often as one person can. No file was written. You can again in "
            f"{in_minutes(wait)}.",
            code="TOO_MANY",
        )


def in_minutes(wait: int) -> str:
    """Return so many minutes in words."""
    return "a minute" if wait == 1 else f"{wait} minutes"


def _wait(account: Account, ref: str, *, before: int | None = None) -> int:
    now = timezone.now()
    # a clock that was ahead once must not keep anybody out until then
    taken = audit.timeline(root_key(account)).filter(
        actor_ref=ref, action=EXPORTED, at__gt=now - _HOUR, at__lte=now
    )
    if before is not None:
        taken = taken.filter(sequence__lt=before)
    moments = taken.order_by("-at").values_list("at", flat=True)
    found: list[datetime] = list(moments[PER_HOUR - 1 : PER_HOUR])
    return math.ceil((found[0] + _HOUR - now) / _MINUTE) if found else 0


__all__ = ["EXPORTED", "PER_HOUR", "in_minutes", "minutes_to_wait", "refuse_more"]
