"""Take out of the record what has been kept long enough, and leave a signed checkpoint.

The order is what makes it safe to die at any moment: the archive is complete and on disk before one
transaction writes the checkpoint and deletes what it covers. Until then nothing is lost, after it
nothing is left to do.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from django.core.serializers.json import DjangoJSONEncoder
from django.db import transaction
from django.utils import timezone

from permissions.audit.chain import canonical, is_checkpoint_signed, sign_checkpoint
from permissions.audit.verifying import Flaw, Flawed, verify
from permissions.models import AuditCheckpoint, AuditEvent, AuditHead

#: what the events of a root up to a sequence came to, as plain JSON
Summing = Callable[[str, int], Mapping[str, Any]]


class Archive(Protocol):
    """Where what goes is written before; ``seal`` makes it complete and durable, or raises."""

    def write(self, line: bytes, /) -> object:
        """Append ``line``."""

    def seal(self) -> None:
        """Finish: after this nothing that was written can be lost."""


@dataclass(frozen=True, slots=True)
class Retained:
    """What was taken out: so many events, up to the checkpoint."""

    checkpoint: AuditCheckpoint
    events: int


#: said by the application above, which knows what its events mean
_summing: list[Summing] = []


def sum_up_with(function: Summing) -> None:
    """Let ``function`` say what the events of a root up to a sequence came to; said once, in
    ``AppConfig.ready``. The last one named counts."""
    _summing[:] = [function]


def summed_up(root: str, sequence: int) -> Mapping[str, Any]:
    """Return what the events of ``root`` up to ``sequence`` came to; empty if nobody says."""
    return _summing[0](root, sequence) if _summing else {}


def last_checkpoint(root: str) -> AuditCheckpoint | None:
    """Return the newest checkpoint of ``root`` that is signed by us."""
    rows = AuditCheckpoint.objects.filter(root=root).order_by("-sequence")
    return next((row for row in rows if is_checkpoint_signed(row)), None)


def retain(
    root: str,
    before: datetime,
    archive: Archive,
    state: Summing = summed_up,
    *,
    then: Callable[[Retained], None] | None = None,
) -> Retained | None:
    """Write the events of ``root`` that are older than ``before`` to ``archive``, then delete them
    and leave a checkpoint; None if there are none, and the archive is not sealed then.

    One canonical event a line: the SHA-256 of a line, without its end, is ``previous`` in the next
    and ``digest`` in the checkpoint for the last. ``then`` is called inside the transaction that
    deletes. What an earlier run left that a checkpoint covers goes too. Raises Flawed if the chain
    is not intact, ValueError for a moment without a zone or in the future.
    """
    if timezone.is_naive(before) or before > timezone.now():
        raise ValueError("What is to go must lie before a moment in the past, with its zone.")
    for flaw in verify(root):
        raise Flawed(flaw)
    start = last_checkpoint(root)
    done = start.sequence if start else 0
    last = _last_before(root, before, done)
    if last is None:
        AuditEvent.objects.filter(root=root, sequence__lte=done).delete()
        return None
    # before anything is written, and while others may append: what goes does not change any more
    # through JSON once, so that what is signed is what will be read back
    summed = json.loads(json.dumps(state(root, last.sequence), cls=DjangoJSONEncoder))
    ended, digest = _write(root, done, last, start.digest if start else "", archive)
    archive.seal()
    with transaction.atomic():
        AuditHead.objects.select_for_update().get(root=root)
        now = last_checkpoint(root)
        if (now.sequence if now else 0) != done:
            raise Flawed(Flaw(root, done, "was archived by somebody else meanwhile"))
        checkpoint = AuditCheckpoint(
            root=root,
            sequence=last.sequence,
            digest=ended,
            at=timezone.now(),
            last_event_at=last.at,
            archive_digest=digest,
            state=summed,
        )
        checkpoint.signature = sign_checkpoint(checkpoint)
        checkpoint.save(force_insert=True)
        covered = AuditEvent.objects.filter(root=root, sequence__lte=last.sequence)
        covered.delete()
        found = Retained(checkpoint, last.sequence - done)
        if then is not None:
            then(found)
    return found


def goes_before(root: str, before: datetime) -> int:
    """Return how many events of ``root`` would go."""
    start = last_checkpoint(root)
    done = start.sequence if start else 0
    last = _last_before(root, before, done)
    return 0 if last is None else last.sequence - done


def _last_before(root: str, before: datetime, done: int) -> AuditEvent | None:
    """Return the last event that goes: all up to it are older than ``before``."""
    events = AuditEvent.objects.filter(root=root, sequence__gt=done)
    kept = events.filter(at__gte=before).order_by("sequence").first()
    if kept is not None:
        events = events.filter(sequence__lt=kept.sequence)
    return events.order_by("-sequence").first()


def _write(
    root: str, done: int, last: AuditEvent, previous: str, archive: Archive
) -> tuple[str, str]:
    """Write the events after ``done`` up to ``last``; return the digest they end with, and that of
    the archive. Raises Flawed if what is written does not hang together."""
    whole = hashlib.sha256()
    events = AuditEvent.objects.filter(root=root, sequence__gt=done, sequence__lte=last.sequence)
    expected = done + 1
    for event in events.order_by("sequence").iterator():
        line = canonical(event)
        ended = hashlib.sha256(line).hexdigest()
        if (event.sequence, event.previous, event.digest) != (expected, previous, ended):
            raise Flawed(Flaw(root, event.sequence, "changed while it was archived"))
        archive.write(line + b"\n")
        whole.update(line + b"\n")
        expected, previous = event.sequence + 1, ended
    if (expected - 1, previous) != (last.sequence, last.digest):
        raise Flawed(Flaw(root, expected - 1, "changed while it was archived"))
    return previous, whole.hexdigest()
