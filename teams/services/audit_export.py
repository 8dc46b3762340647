"""The record of an account as a file: what the reader may know of what they ask for, and no more.

The owner, and the platform, get every event as it is stored, to be verified; the owner gets it in
words besides. Whoever else may know of an event gets it in words alone: what is stored names things
and places, and numbers, that are not theirs to see.

It is written while it is read, a batch at a time, from one point of the record backwards: what
happens meanwhile is not in it. That it was taken out is recorded before the first line.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextvars import copy_context
from dataclasses import asdict
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.db import transaction

from permissions import access, audit
from permissions.errors import Invalid, NotFound
from permissions.models import AuditCheckpoint, AuditEvent
from teams.csv_files import written
from teams.event_filters import EventFilters
from teams.event_sight import Reader
from teams.event_words import Words
from teams.models import Account
from teams.services.audit_export_limits import EXPORTED, refuse_more
from teams.services.change import Entry, root_key
from teams.services.inputs import expect, expect_user
from teams.services.reasons import because_of

FORMATS = ("csv", "jsonl", "json")
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
    # with these, whoever has the file computes the digest of each line: ``audit.canonical``
    "previous",
    "root",
)
#: what whoever is not the owner gets
TOLD = ("at", "actor", "in_words", "channel")
#: before it, or spreadsheets take the file for something else than UTF-8
_MARK = "\ufeff"

Row = Mapping[str, Any]
_Rows = Callable[[list[AuditEvent]], Iterable[Row]]


def export(*, actor: Any, account: Any, filters: EventFilters, fmt: str) -> Iterator[str]:
    """Return the lines of a file with what ``actor`` may know of the record of ``account``.

    ``fmt`` is one of ``FORMATS``; the oldest event comes first. That it is taken out stands in the
    record when this returns. Raises Invalid (FORMAT; TOO_MANY for who has had as many within the
    hour as ``audit_export_limits`` says), or NotFound for who has no place there.
    """
    reader = expect_user(actor, "The actor")
    stored = expect(account, Account, "The account")
    if stored.pk not in access.profile_of(reader).tenants:
        raise NotFound(f"There is no account {stored.slug!r}.")
    last = _record(Entry(reader, stored), filters, fmt, {})
    asked = copy_context()  # with what narrows the actor, also where the file is fetched later
    is_owner = Reader.of(reader, stored).acts_as_owner
    columns = (*COLUMNS, "in_words") if is_owner else TOLD

    def rows(events: list[AuditEvent]) -> list[Row]:
        """Return those that the actor may know of now: rights can end while it is written."""
        access.forget()
        now = Reader.of(reader, stored)
        if is_owner and not now.acts_as_owner:
            return []
        known = [event for event in events if now.knows(event)]
        told = Words.to(now, known)
        return [_told(event, told) | (_stored(event) if is_owner else {}) for event in known]

    def known(events: list[AuditEvent]) -> list[Row]:
        return asked.run(rows, events)

    return _FILES[fmt](columns, _read(stored, filters, last, known))


def export_as_platform(
    *, reason: str, account: Any, filters: EventFilters, fmt: str, operator: Any = None
) -> Iterator[str]:
    """Return the lines of a file with all that is asked for; the tenant reads that, and why.

    Raises Invalid (FORMAT, a reason that says nothing, NOT_AN_OPERATOR), or NotFound.
    """
    because = because_of(reason, operator)
    stored = expect(account, Account, "The account")
    last = _record(Entry(audit.PLATFORM, stored), filters, fmt, because)
    return _FILES[fmt](COLUMNS, _read(stored, filters, last, lambda events: map(_stored, events)))


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
        if entry.actor is not audit.PLATFORM:
            refuse_more(entry.account, own)
    return own.sequence - 1


def _read(account: Account, filters: EventFilters, last: int, rows: _Rows) -> Iterator[Row]:
    """Yield the events up to ``last``, by number: no cursor stays open while a file is fetched."""
    chosen = filters.apply(AuditEvent.objects.filter(root=root_key(account), sequence__lte=last))
    done, covered = 0, _taken_out(account)
    while True:
        batch = list(chosen.filter(sequence__gt=done).order_by("sequence")[:BATCH])
        if _taken_out(account) > max(done, covered):
            raise Invalid(
                f"Old events of {account.name} were archived and taken out while the file was "
                "written, so it would miss some. Take it out once more.",
                code="TAKEN_OUT",
            )
        if not batch:
            return
        yield from rows(batch)
        done = batch[-1].sequence


def _taken_out(account: Account) -> int:
    """Return up to which event the record was archived and taken out; 0 for none."""
    rows = AuditCheckpoint.objects.filter(root=root_key(account)).order_by("-sequence")
    return rows.values_list("sequence", flat=True).first() or 0


# how it is written


def _stored(event: AuditEvent) -> dict[str, Any]:
    cells = (
        event.sequence,
        event.at.isoformat(timespec="microseconds"),
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
        event.previous,
        event.root,
    )
    return dict(zip(COLUMNS, cells, strict=True))


def _told(event: AuditEvent, told: Words) -> dict[str, Any]:
    cells = (event.at.isoformat(), told.actor(event), told.sentence(event), event.channel)
    return dict(zip(TOLD, cells, strict=True))


def _json(value: Any) -> str:
    return json.dumps(value, cls=DjangoJSONEncoder, ensure_ascii=False)


def _cell(value: Any) -> Any:
    return _json(value) if isinstance(value, dict) else value


def _csv(columns: Sequence[str], rows: Iterator[Row]) -> Iterator[str]:
    yield _MARK + written(columns)
    for row in rows:
        yield written(_cell(row[name]) for name in columns)


def _lines(columns: Sequence[str], rows: Iterator[Row]) -> Iterator[str]:
    for row in rows:
        yield _json({name: row[name] for name in columns}) + "\n"


def _list(columns: Sequence[str], rows: Iterator[Row]) -> Iterator[str]:
    between = "[\n"
    for line in _lines(columns, rows):
        yield between + line.rstrip("\n")
        between = ",\n"
    yield "[]\n" if between == "[\n" else "\n]\n"


_FILES: Mapping[str, Callable[[Sequence[str], Iterator[Row]], Iterator[str]]] = {
    "csv": _csv,
    "jsonl": _lines,
    "json": _list,
}
