"""The audit in words, before one reader: what was done, and what was before and after.

What may be told of whom is ``event_sight``'s, what things are called ``event_names``'s, and the
words themselves are in ``event_sentences`` and ``event_changes``.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from permissions.audit import API, COMMAND, CONSOLE, HOST, WORKER
from permissions.models import AuditEvent
from teams.event_changes import Line, changes
from teams.event_names import Names
from teams.event_sentences import sentence
from teams.event_sight import Reader

#: how a change came, to end a sentence with
CHANNELS = {
    CONSOLE: "in the console",
    COMMAND: "by a command",
    API: "through the API",
    WORKER: "by the background worker",
    HOST: "by the product itself",
}


@dataclass(frozen=True)
class Words:
    """The record of one account, told to one reader who may know the events."""

    names: Names

    @classmethod
    def to(cls, reader: Reader, events: Iterable[AuditEvent] = (), **known: Any) -> Words:
        """Return the words for ``reader``; what ``events`` need is loaded in one go, whatever is
        in ``known`` (``Names``) not again."""
        names = Names(reader, **known)
        names.prepare(events)
        return cls(names)

    def sentence(self, event: AuditEvent) -> str:
        """Return what was done, to follow the actor's name; with the reason, of the platform."""
        text = sentence(self.names, event)
        if event.data.get("as_platform"):
            return f"{text} Reason: {event.data.get('reason')}"
        return text

    def changes(self, event: AuditEvent) -> list[Line]:
        """Return (what, before, after) of everything the event changed."""
        return changes(self.names, event)

    def actor(self, event: AuditEvent) -> str:
        """Return who acted."""
        return event.actor_label

    def via(self, event: AuditEvent) -> str:
        """Return what acted on the actor's behalf; empty for nothing."""
        return self.names.via(event)

    def channel(self, event: AuditEvent) -> str:
        """Return how it came, "in the console"; empty where nobody said."""
        return CHANNELS.get(event.channel, "")


__all__ = ["CHANNELS", "Line", "Words"]
