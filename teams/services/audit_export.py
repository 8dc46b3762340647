"""The record of an account as a file: what the reader may know of what they ask for, and no more.

It is written while it is read, a batch at a time, from one point of the record backwards: what
happens meanwhile is not in it. That it was taken out is recorded before the first line.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextvars import copy_context
from dataclasses import asdict
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.db import transaction

from permissions import access, audit
from permissions.errors import Invalid, NotFound
from permissions.models import AuditEvent
from teams.csv_files import written
from teams.event_filters import EventFilters
from teams.event_sight import Reader
from teams.models import Account
from teams.services.base import Entry, root_key
from teams.services.inputs import expect, expect_user
from teams.services.reasons import because_of

FORMATS = ("csv", "jsonl", "json")
EXPORTED = "audit.exported"
#: so many events are read at once, and the reader's rights asked again for
BATCH = 1000
COLUMNS = (
    "number",
    "at",
    "actor",
    "actor_ref",
    "action",
    "subject",
    "subject_ref",
    "data",
    "channel",
    "request_id",
    "via",
    "via_ref",
    "digest",
)
#: before it, or spreadsheets take the file for something else than UTF-8
_MARK = "\ufeff"

_Knows = Callable[[list[AuditEvent]], Iterable[AuditEvent]]


def export(*, actor: Any, account: Any, filters: EventFilters, fmt: str) -> Iterator[str]:
    """Return the lines of a file with what ``actor`` may know of the record of ``account``.

    ``fmt`` is one of ``FORMATS``; the oldest event comes first. That it is taken out stands in the
    record when this returns. Raises Invalid (FORMAT), or NotFound for who has no place there.
    """
    reader = expect_user(actor, "The actor")
    stored = expect(account, Account, "The account")
    if stored.pk not in access.profile_of(reader).tenants:
        raise NotFound(f"There is no account {stored.slug!r}.")
    last = _record(Entry(reader, stored), filters, fmt, {})
    asked = copy_context()  # with what narrows the actor, also where the file is fetched later

    def known(events: list[AuditEvent]) -> Iterable[AuditEvent]:
        """Return those that the actor may know of now: rights can end while it is written."""
        asked.run(access.forget)
        now = asked.run(Reader.of, reader, stored)
        return filter(now.knows, events)

    return _FILES[fmt](_events(stored, filters, last, known))


def export_as_platform(
    *, reason: str, account: Any, filters: EventFilters, fmt: str, operator: Any = None
) -> Iterator[str]:
    """Return the lines of a file with all that is asked for; the tenant reads that, and why.

    Raises Invalid (FORMAT, a reason that says nothing, NOT_AN_OPERATOR), or NotFound.
    """
    because = because_of(reason, operator)
    stored = expect(account, Account, "The account")
    last = _record(Entry(audit.PLATFORM, stored), filters, fmt, because)
    return _FILES[fmt](_events(stored, filters, last, lambda events: events))


def _record(entry: Entry, filters: EventFilters, fmt: str, because: Mapping[str, Any]) -> int:
    """Record that the events up to now are taken out; return the number of the last one."""
    if fmt not in FORMATS:
        raise Invalid(
            f"There is no format {fmt!r}; choose one of {', '.join(FORMATS)}.", code="FORMAT"
        )
    if not isinstance(filters, EventFilters):
        raise Invalid("The choice of events is none.", code="WRONG_TYPE")
    chosen = {name: value for name, value in asdict(filters).items() if value not in (None, "")}
    with transaction.atomic():
        entry.record(EXPORTED, entry.account, format=fmt, chosen=chosen, **because)
        # nobody else appends before this is committed, so the newest one is our own
        own: AuditEvent = audit.timeline(root_key(entry.account))[0]
    return own.sequence - 1


def _events(
    account: Account, filters: EventFilters, last: int, known: _Knows
) -> Iterator[AuditEvent]:
    """Yield the events up to ``last``, by number: no cursor stays open while a file is fetched."""
    chosen = filters.apply(AuditEvent.objects.filter(root=root_key(account), sequence__lte=last))
    done = 0
    while batch := list(chosen.filter(sequence__gt=done).order_by("sequence")[:BATCH]):
        yield from known(batch)
        done = batch[-1].sequence


# how it is written


def _row(event: AuditEvent) -> dict[str, Any]:
    cells = (
        event.sequence,
        event.at.isoformat(),
        event.actor_label,
        event.actor_ref,
        event.action,
        event.subject_label,
        event.subject_ref,
        event.data,
        event.channel,
        event.request_id,
        event.via_label,
        event.via_ref,
        event.digest,
    )
    return dict(zip(COLUMNS, cells, strict=True))


def _json(value: Any) -> str:
    return json.dumps(value, cls=DjangoJSONEncoder, ensure_ascii=False)


def _csv(events: Iterator[AuditEvent]) -> Iterator[str]:
    yield _MARK + written(COLUMNS)
    for event in events:
        yield written((_row(event) | {"data": _json(event.data)}).values())


def _lines(events: Iterator[AuditEvent]) -> Iterator[str]:
    for event in events:
        yield _json(_row(event)) + "\n"


def _list(events: Iterator[AuditEvent]) -> Iterator[str]:
    between = "[\n"
    for event in events:
        yield between + _json(_row(event))
        between = ",\n"
    yield "[]\n" if between == "[\n" else "\n]\n"


_FILES: Mapping[str, Callable[[Iterator[AuditEvent]], Iterator[str]]] = {
    "csv": _csv,
    "jsonl": _lines,
    "json": _list,
}
