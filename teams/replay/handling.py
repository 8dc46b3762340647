"""Where the handlers of events are kept, one an action, and what they read of every event."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from permissions.models import AuditEvent
from teams.replay.state import State, ThingKey

Handler = Callable[[State, AuditEvent, Mapping[str, Any]], None]

HANDLED: dict[str, Handler] = {}


def on(*actions: str) -> Callable[[Handler], Handler]:
    """Have the decorated handler called for events of these actions."""

    def keep(handler: Handler) -> Handler:
        HANDLED.update(dict.fromkeys(actions, handler))
        return handler

    return keep


def subject_of(event: AuditEvent) -> int:
    """Return the key of what the event is about."""
    return int(event.subject_ref.partition(":")[2])


def thing_of(event: AuditEvent) -> ThingKey:
    """Return the model and the key of what the event is about."""
    label, _, key = event.subject_ref.partition(":")
    return label, key
