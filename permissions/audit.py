"""Write and verify what happened.

Every change of rights writes its event in its own transaction. A refused write is recorded after
the rollback, at most once per actor, code and minute, so that nobody can flood the record.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, timedelta
from typing import Any

from django.core import signing
from django.core.serializers.json import DjangoJSONEncoder
from django.db import connections, models, transaction
from django.utils import timezone

from permissions.errors import Refused
from permissions.models import AuditEvent, AuditHead

REFUSED = "write.refused"
_LABEL = 200
#: the ways a change comes in
CONSOLE, COMMAND, API, WORKER, HOST = CHANNELS = ("console", "command", "api", "worker", "host")
_SIGNER = "permissions.audit"


@dataclass(frozen=True, slots=True)
class Impersonal:
    """What acts without being anybody's login: how the audit names it, and what people read."""

    ref: str
    label: str
    pk: None = None


SYSTEM = Impersonal("system", "System")
PLATFORM = Impersonal("platform", "Platform")


def _plain(text: object) -> str:
    """Return ``text`` on one line, without control characters, and bounded."""
    return "".join(c if c.isprintable() else "�" for c in str(text))[:_LABEL]


def ref_of(obj: Any) -> str:
    """Return how the audit names a stored object: ``app.model:pk``."""
    return f"{obj._meta.label_lower}:{obj.pk}"


def label_of(obj: Any) -> str:
    """Return what people call ``obj``, a login by its full name."""
    full_name = getattr(obj, "get_full_name", None)
    return _plain((full_name and full_name()) or obj)


@dataclass(frozen=True, slots=True)
class Coming:
    """How what happens came: its channel, what all events of one request share, and ``via``, what
    acts with the actor's rights and on their behalf (anything stored, an API key for one)."""

    channel: str = ""
    request_id: str = ""
    via: Any = None


_coming: ContextVar[Coming | None] = ContextVar("permissions_coming", default=None)


@contextmanager
def coming(channel: str, *, request_id: str = "", via: Any = None) -> Iterator[Coming]:
    """Write ``channel`` and the rest into every event that is recorded in the block.

    Without a ``request_id`` it gets one of its own. Raises ValueError for an unknown channel.
    """
    if channel not in CHANNELS:
        raise ValueError(f"{channel!r} is no channel; choose one of {', '.join(CHANNELS)}.")
    said = Coming(channel, request_id or uuid.uuid4().hex, via)
    token = _coming.set(said)
    try:
        yield said
    finally:
        _coming.reset(token)


def current() -> Coming:
    """Return how what happens now came; an empty one where nobody said."""
    return _coming.get() or Coming()


def _canonical(event: AuditEvent) -> bytes:
    came = {
        name: value
        for name in ("channel", "request_id", "via_ref", "via_label")
        if (value := getattr(event, name))
    }
    body = {
        "root": event.root,
        "sequence": event.sequence,
        "at": event.at.astimezone(UTC).isoformat(timespec="microseconds"),
        "actor": [event.actor_ref, event.actor_label],
        "action": event.action,
        "subject": [event.subject_ref, event.subject_label],
        "data": event.data,
        "previous": event.previous,
        # left out where empty, as in events that were recorded before there was any of it
        **({"came": came} if came else {}),
    }
    return json.dumps(body, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()


def _digest(event: AuditEvent) -> str:
    return hashlib.sha256(_canonical(event)).hexdigest()


def record(
    *, root: str, actor: Any, action: str, subject: Any, data: dict[str, Any] | None = None
) -> AuditEvent:
    """Append an event to the chain of ``root``; ``actor`` is a login, ``PLATFORM``, or None for
    the system itself.

    Must be called inside the transaction of the change. ``data`` holds before and after as plain
    JSON values; secrets and contacts' addresses have no place in it. A subject that has an
    ``audit_label`` is called that, any other what people call it.
    """
    who = SYSTEM if actor is None else actor
    came = current()
    nobody = isinstance(who, Impersonal)
    AuditHead.objects.get_or_create(root=root)
    head = AuditHead.objects.select_for_update().get(root=root)
    event = AuditEvent(
        root=root,
        sequence=head.sequence + 1,
        at=timezone.now(),
        actor_ref=who.ref if nobody else ref_of(who),
        actor_label=who.label if nobody else label_of(who),
        action=action,
        subject_ref=ref_of(subject),
        # what outlives its subject must not say more of it than it may: see Contact
        subject_label=getattr(subject, "audit_label", None) or label_of(subject),
        # through JSON once, so that what is hashed is what will be read back
        data=json.loads(json.dumps(data or {}, cls=DjangoJSONEncoder)),
        channel=came.channel,
        request_id=came.request_id[:64],
        via_ref=ref_of(came.via) if came.via is not None else "",
        via_label=label_of(came.via) if came.via is not None else "",
        previous=head.digest,
    )
    event.digest = _digest(event)
    event.save(force_insert=True)
    head.sequence, head.digest = event.sequence, event.digest
    head.signature = sign(head)
    head.save(update_fields=["sequence", "digest", "signature"])
    for listener in _listeners:
        listener(event)
    return event


#: what else has to be written, in the same transaction, when something happened
_listeners: list[Callable[[AuditEvent], None]] = []


def listen(listener: Callable[[AuditEvent], None]) -> None:
    """Call ``listener`` with every event, inside the transaction that records it; said once, in
    ``AppConfig.ready``."""
    if listener not in _listeners:
        _listeners.append(listener)


def sign(head: AuditHead) -> str:
    """Return the signature of a chain's end, with the project's secret key."""
    signer = signing.Signer(salt=_SIGNER)
    return signer.signature(f"{head.root}|{head.sequence}|{head.digest}")


def record_refusal(*, root: str, actor: Any, subject: Any, refusal: Refused, verb: str) -> None:
    """Record that a write was refused; at most one per actor, code and minute."""
    since = timezone.now() - timedelta(minutes=1)
    with transaction.atomic():
        AuditHead.objects.get_or_create(root=root)
        AuditHead.objects.select_for_update().get(root=root)
        seen = AuditEvent.objects.filter(
            root=root,
            actor_ref=ref_of(actor),
            at__gt=since,
            action=REFUSED,
            data__code=str(refusal.code),
        )
        if not seen.exists():
            record(
                root=root,
                actor=actor,
                action=REFUSED,
                subject=subject,
                data={"verb": verb, "code": str(refusal.code), "message": refusal.message[:500]},
            )


@dataclass(frozen=True, slots=True)
class Flaw:
    """What is wrong with a chain, and where."""

    root: str
    sequence: int
    problem: str


def verify(root: str | None = None) -> Iterator[Flaw]:
    """Yield every flaw in the chain of ``root`` (all roots if None): an edited, deleted, reordered,
    inserted or cut-off event. Yields nothing for an intact record."""
    heads, events = AuditHead.objects.all(), AuditEvent.objects.all()
    if root is not None:
        heads, events = heads.filter(root=root), events.filter(root=root)
    by_root = {head.root: head for head in heads}
    for name in sorted(by_root.keys() | set(events.values_list("root", flat=True).distinct())):
        yield from _verify_chain(name, by_root.get(name))


def _verify_chain(root: str, head: AuditHead | None) -> Iterator[Flaw]:
    expected, previous = 1, ""
    for event in AuditEvent.objects.filter(root=root).order_by("sequence").iterator():
        if event.sequence != expected:
            yield Flaw(root, expected, f"missing: the next event has number {event.sequence}")
        elif event.previous != previous:
            yield Flaw(root, event.sequence, "does not follow the event before it")
        if _digest(event) != event.digest:
            yield Flaw(root, event.sequence, "was edited: its content does not match its hash")
        expected, previous = event.sequence + 1, event.digest
    if head is None:
        yield Flaw(root, expected - 1, "has no head: the end of the chain is unknown")
    elif (head.sequence, head.digest) != (expected - 1, previous):
        yield Flaw(root, expected - 1, f"was cut off: the head says {head.sequence} events")


_SQLITE_UP = [
    f"CREATE TRIGGER IF NOT EXISTS permissions_auditevent_no_{verb.lower()} BEFORE {verb} "
    "ON permissions_auditevent BEGIN SELECT RAISE(ABORT, 'the audit is append-only'); END"
    for verb in ("UPDATE", "DELETE")
]
_SQLITE_DOWN = [
    f"DROP TRIGGER IF EXISTS permissions_auditevent_no_{verb}" for verb in ("update", "delete")
]
_POSTGRESQL_UP = [
    "CREATE OR REPLACE FUNCTION permissions_audit_append_only() RETURNS trigger LANGUAGE plpgsql "
    "AS $$ BEGIN RAISE EXCEPTION 'the audit is append-only'; END $$",
    "CREATE OR REPLACE TRIGGER permissions_auditevent_rows BEFORE UPDATE OR DELETE "
    "ON permissions_auditevent FOR EACH ROW EXECUTE FUNCTION permissions_audit_append_only()",
    "CREATE OR REPLACE TRIGGER permissions_auditevent_truncate BEFORE TRUNCATE "
    "ON permissions_auditevent FOR EACH STATEMENT "
    "EXECUTE FUNCTION permissions_audit_append_only()",
]
_POSTGRESQL_DOWN = [
    "DROP TRIGGER IF EXISTS permissions_auditevent_rows ON permissions_auditevent",
    "DROP TRIGGER IF EXISTS permissions_auditevent_truncate ON permissions_auditevent",
]


def lock_down(using: str) -> None:
    """Create the triggers that make the audit append-only; safe to repeat.

    Called after every ``migrate``: SQLite drops triggers silently when it rebuilds a table.
    """
    _run(using, {"sqlite": _SQLITE_UP, "postgresql": _POSTGRESQL_UP})


def unlock(using: str) -> None:
    """Drop the triggers; for flushing a test database only (see ``permissions.testing``)."""
    _run(using, {"sqlite": _SQLITE_DOWN, "postgresql": _POSTGRESQL_DOWN})


def _run(using: str, statements: dict[str, list[str]]) -> None:
    connection = connections[using]
    if AuditEvent._meta.db_table not in connection.introspection.table_names():
        return
    with connection.cursor() as cursor:
        for statement in statements.get(connection.vendor, []):
            cursor.execute(statement)


def timeline(root: str) -> models.QuerySet[AuditEvent]:
    """Return the events of ``root``, newest first."""
    return AuditEvent.objects.filter(root=root).order_by("-sequence")
