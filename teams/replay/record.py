"""The record of one account, read from where it begins or from what a checkpoint sums up."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from permissions.audit import is_checkpoint_signed, ref_of
from permissions.errors import Invalid
from permissions.models import AuditCheckpoint, AuditEvent
from teams.models import Account
from teams.replay.about_account import BEGIN, SNAPSHOT
from teams.replay.fold import advance, follows
from teams.replay.state import State

#: so many events are held in memory at once
BATCH = 1000
#: whoever asked so long ago at most asks for the present: reading a record takes its time
PRESENT = timedelta(minutes=5)


def _events(account: Account, state: State, **asked: Any) -> Iterator[AuditEvent]:
    """Yield the events after ``state``, read a batch at a time: nothing stays open if whoever
    reads them stops."""
    rows = AuditEvent.objects.filter(root=ref_of(account), **asked).order_by("sequence")
    last = state.sequence
    while batch := list(rows.filter(sequence__gt=last)[:BATCH]):
        yield from batch
        last = batch[-1].sequence


def _last_checkpoint(root: str, up_to: int | None = None) -> AuditCheckpoint | None:
    """Return the newest checkpoint that we signed, of those up to an event; what it sums up could
    be anybody's word otherwise. They are large, so one is read at a time."""
    rows = AuditCheckpoint.objects.filter(root=root).order_by("-sequence")
    if up_to is not None:
        rows = rows.filter(sequence__lte=up_to)
    found = (AuditCheckpoint.objects.get(pk=pk) for pk in rows.values_list("pk", flat=True))
    return next((row for row in found if is_checkpoint_signed(row)), None)


def _start(account: Account, *, at: datetime | None = None, up_to: int | None = None) -> State:
    """Return what to fold into, as of a moment or an event: what the newest checkpoint sums up, or
    nothing, just before the newest snapshot if that is later. So a snapshot is a new beginning
    also for a record that could not be read before it.

    Of what lies before the newest checkpoint an older one knows a part at most, and what came
    after that is not there to fold: nothing is said of it.
    """
    root = ref_of(account)
    summed = _last_checkpoint(root, up_to)
    begun = AuditEvent.objects.filter(root=root, action=SNAPSHOT)
    if up_to is not None:
        begun = begun.filter(sequence__lte=up_to)
    if at is not None:
        begun = begun.filter(at__lte=at)
    newest = begun.order_by("-sequence").values_list("sequence", flat=True).first()
    if newest is not None and (summed is None or newest > summed.sequence):
        return State(sequence=newest - 1)
    if summed is None:
        return State()
    is_later = at is not None and summed.last_event_at > at
    if is_later or not summed.state:
        return State(sequence=summed.sequence)
    return State.from_json(summed.state)


def state_at(account: Account, moment: datetime) -> State:
    """Return the state of ``account`` at ``moment``: after the last event that is not later.

    Reads the events in their order up to the first that is later, so that clocks that differ by a
    little tear nothing apart. One that says it is still to come was written by a clock that was
    wrong: it happened when the next one did, or all that followed it would be hidden until then.
    Where there is none after it, it has just happened, and is no part of what was long before.
    Raises Invalid: NO_RECORD where the record does not reach back so far, RECORD where it cannot
    be replayed.
    """
    state, now = _start(account, at=moment), timezone.now()
    untimely: list[AuditEvent] = []
    for event in _events(account, state):
        if event.at > now:
            untimely.append(event)
        elif event.at > moment:
            follows(state, [*untimely, event][0])  # or something that was not later is missing
            break
        else:
            advance(state, [*untimely, event])
            untimely = []
    else:
        if untimely and moment < now - PRESENT:
            follows(state, untimely[0])
        else:
            advance(state, untimely)
    if not state.began:
        raise Invalid(_nothing_yet(account), code="NO_RECORD")
    return state


def state_now(account: Account) -> State:
    """Return what the whole record of ``account`` comes to; ``began`` says if it begins at all.

    Raises Invalid (RECORD).
    """
    state = _start(account)
    return advance(state, _events(account, state))


def summed_up(account: Account, up_to: int) -> dict[str, Any]:
    """Return what the events of ``account`` up to number ``up_to`` come to, for a checkpoint.

    Empty where they do not begin at a beginning. Raises Invalid (RECORD).
    """
    state = _start(account, up_to=up_to)
    advance(state, _events(account, state, sequence__lte=up_to))
    return state.as_json() if state.began else {}


def sum_up(root: str, sequence: int) -> dict[str, Any]:
    """Return what the events of ``root`` up to ``sequence`` come to; empty if it is no account's.

    What ``permissions.audit.sum_up_with`` is told, so that what is archived is not lost to replay.
    """
    label, _, key = root.partition(":")
    account = None
    if label == Account._meta.label_lower and key.isdecimal():
        account = Account.objects.filter(pk=key).first()
    return summed_up(account, sequence) if account is not None else {}


def beginning_of(account: Account) -> datetime | None:
    """Return since when the record says who has access; None if it does not say yet."""
    summed = _last_checkpoint(ref_of(account))
    if summed is not None and summed.state:
        return summed.last_event_at
    events = AuditEvent.objects.filter(root=ref_of(account), action__in=BEGIN)
    return events.order_by("sequence").values_list("at", flat=True).first()


def _nothing_yet(account: Account) -> str:
    since = beginning_of(account)
    if since is None:
        return (
            f"The record of {account.name} does not begin at the beginning, so it does not say who "
            f"had access. Have it begin now: snapshot_access --account {account.slug}."
        )
    return (
        f"The record of {account.name} says who had access since {since:%d %b %Y %H:%M %Z}, and "
        "nothing of any moment before that."
    )
