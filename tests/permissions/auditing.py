"""A record to attack, and what somebody could do to it who has the database's own password."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from permissions import audit
from permissions.audit import Flaw
from permissions.audit.chain import digest
from permissions.models import AuditEvent, AuditHead
from teams.factories import UserFactory

ROOT = "test:1"


def append(root: str = ROOT, count: int = 1, **extra: Any) -> list[AuditEvent]:
    """Record so many events."""
    actor = UserFactory()
    return [
        audit.record(root=root, actor=actor, action="thing.done", subject=actor, **extra)
        for _ in range(count)
    ]


def append_at(moment: datetime, count: int, root: str = ROOT) -> None:
    """Record so many events, as if at that moment."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(timezone, "now", lambda: moment)
        append(root, count)


def old_and_new(old: int, new: int, root: str = ROOT) -> datetime:
    """Record ``old`` events a year ago and ``new`` ones now; return a moment between them."""
    append_at(timezone.now() - timedelta(days=365), old, root)
    append(root, new)
    return timezone.now() - timedelta(days=100)


def flaws(root: str | None = None) -> list[Flaw]:
    """Return what verify finds."""
    return list(audit.verify(root))


def problems(root: str | None = None) -> list[tuple[int, str]]:
    """Return where verify finds what."""
    return [(flaw.sequence, flaw.problem) for flaw in audit.verify(root)]


def events(root: str = ROOT) -> list[AuditEvent]:
    """Return the events of ``root`` in their order."""
    return list(AuditEvent.objects.filter(root=root).order_by("sequence"))


def raw(sql: str, *params: Any) -> None:
    """Run a statement past the ORM."""
    with connection.cursor() as cursor:
        cursor.execute(sql, params)


@contextmanager
def unlocked() -> Iterator[None]:
    """Lift the triggers."""
    audit.unlock("default")
    try:
        yield
    finally:
        if not connection.needs_rollback:
            audit.lock_down("default")


def recompute(root: str = ROOT, previous: str = "") -> None:
    """Make a chain of what there is, as everybody could: numbers, links, hashes and head."""
    rows = events(root)
    first = rows[0].sequence if rows else 1
    for number, event in enumerate(rows, start=first):
        event.sequence, event.previous = number, previous
        event.digest = previous = digest(event)
        AuditEvent.objects.filter(pk=event.pk).update(
            sequence=number, previous=event.previous, digest=previous
        )
    AuditHead.objects.filter(root=root).update(sequence=first + len(rows) - 1, digest=previous)
