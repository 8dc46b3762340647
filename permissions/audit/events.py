"""Write down what happened.

Every change of rights writes its event in its own transaction. A refused write is recorded after
the rollback, at most once per actor, code and minute, so that nobody can flood the record.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.db import models, transaction
from django.utils import timezone

from permissions.audit.came import current
from permissions.audit.chain import digest, is_signed, sign
from permissions.errors import Refused
from permissions.models import AuditEvent, AuditHead

REFUSED = "write.refused"
_LABEL = 200


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
    head = _locked_end(root)
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
    event.digest = digest(event)
    event.save(force_insert=True)
    # an end that we did not sign stays unsigned: the next event must not vouch for whoever cut
    # the chain off before it
    is_ours = is_signed(head)
    head.sequence, head.digest = event.sequence, event.digest
    head.signature = sign(head) if is_ours else ""
    head.save(update_fields=["sequence", "digest", "signature"])
    for listener in _listeners:
        listener(event)
    return event


def _locked_end(root: str) -> AuditHead:
    """Return the end of a chain, locked; a signed beginning where there is none yet."""
    beginning = {"signature": sign(AuditHead(root=root))}
    AuditHead.objects.get_or_create(root=root, defaults=beginning)
    return AuditHead.objects.select_for_update().get(root=root)


#: what else has to be written, in the same transaction, when something happened
_listeners: list[Callable[[AuditEvent], None]] = []


def listen(listener: Callable[[AuditEvent], None]) -> None:
    """Call ``listener`` with every event, inside the transaction that records it; said once, in
    ``AppConfig.ready``."""
    if listener not in _listeners:
        _listeners.append(listener)


def record_refusal(*, root: str, actor: Any, subject: Any, refusal: Refused, verb: str) -> None:
    """Record that a write was refused; at most one per actor, code and minute."""
    now = timezone.now()
    with transaction.atomic():
        _locked_end(root)
        seen = AuditEvent.objects.filter(
            root=root,
            actor_ref=ref_of(actor),
            # a clock that was ahead once must not keep the record silent until then
            at__gt=now - timedelta(minutes=1),
            at__lte=now,
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


def timeline(root: str) -> models.QuerySet[AuditEvent]:
    """Return the events of ``root``, newest first."""
    return AuditEvent.objects.filter(root=root).order_by("-sequence")
