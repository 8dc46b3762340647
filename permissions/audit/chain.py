"""What an event is to its hash, and what a signature says: what writes and what verifies agree on.

The digest of an event is the SHA-256 of its canonical line, which holds the digest before it. That
alone proves nothing against somebody who can write the tables: they compute it as well as we do.
So the end of each chain is signed with the project's secret key, which is not in the database.
"""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from typing import Any

from django.core import signing

from permissions.models import AuditCheckpoint, AuditEvent, AuditHead

_HEADS = "permissions.audit"
_CHECKPOINTS = "permissions.audit.checkpoint"


def canonical(event: AuditEvent) -> bytes:
    """Return ``event`` as one line of JSON, without its own digest."""
    came = {
        name: value
        for name in ("channel", "request_id", "via_ref", "via_label")
        if (value := getattr(event, name))
    }
    body = {
        "root": event.root,
        "sequence": event.sequence,
        "at": _moment(event.at),
        "actor": [event.actor_ref, event.actor_label],
        "action": event.action,
        "subject": [event.subject_ref, event.subject_label],
        "data": event.data,
        "previous": event.previous,
        # left out where empty, as in events that were recorded before there was any of it
        **({"came": came} if came else {}),
    }
    return _line(body).encode()


def digest(event: AuditEvent) -> str:
    """Return what ``event`` hashes to, hexadecimal."""
    return hashlib.sha256(canonical(event)).hexdigest()


def sign(head: AuditHead) -> str:
    """Return the signature of a chain's end, with the project's secret key."""
    return signing.Signer(salt=_HEADS).signature(_end(head))


def is_signed(head: AuditHead) -> bool:
    """Say whether the signature of ``head`` is ours, also by one of SECRET_KEY_FALLBACKS."""
    return _is_ours(_end(head), head.signature, _HEADS)


def sign_checkpoint(checkpoint: AuditCheckpoint) -> str:
    """Return the signature of all that ``checkpoint`` says."""
    return signing.Signer(salt=_CHECKPOINTS).signature(_said(checkpoint))


def is_checkpoint_signed(checkpoint: AuditCheckpoint) -> bool:
    """Say whether the signature of ``checkpoint`` is ours."""
    return _is_ours(_said(checkpoint), checkpoint.signature, _CHECKPOINTS)


def _end(head: AuditHead) -> str:
    return f"{head.root}|{head.sequence}|{head.digest}"


def _said(checkpoint: AuditCheckpoint) -> str:
    return _line(
        {
            "root": checkpoint.root,
            "sequence": checkpoint.sequence,
            "digest": checkpoint.digest,
            "at": _moment(checkpoint.at),
            "last_event_at": _moment(checkpoint.last_event_at),
            "archive_digest": checkpoint.archive_digest,
            "state": checkpoint.state,
        }
    )


def _is_ours(value: str, signature: str, salt: str) -> bool:
    try:
        return signing.Signer(salt=salt).unsign(f"{value}:{signature}") == value
    except signing.BadSignature:
        return False


def _moment(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="microseconds")


def _line(body: dict[str, Any]) -> str:
    return json.dumps(body, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
