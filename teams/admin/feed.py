"""The audit as people read it on pages: who, what was done, and when."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from permissions.audit import REFUSED
from permissions.models import AuditEvent
from teams.admin import words
from teams.admin.desk import Desk, initials
from teams.event_sight import Reader
from teams.event_words import Words


class Entry(NamedTuple):
    """One event: who, through what, what was done, and when."""

    actor: str
    initials: str
    through: str
    text: str
    when: Any
    is_refusal: bool


def reader_of(desk: Desk) -> Reader:
    """Return whoever looks, as a reader of the chosen account's record."""
    return Reader(desk.user, desk.account, desk.profile)


def words_of(desk: Desk, events: Iterable[AuditEvent]) -> Words:
    """Return the words in which ``events`` are told at this desk."""
    return Words.to(
        reader_of(desk),
        events,
        places=lambda: desk.place_names,
        groups=lambda: desk.group_names,
    )


def entries(desk: Desk, events: Iterable[AuditEvent]) -> list[Entry]:
    """Return events in words."""
    found = list(events)
    told = words_of(desk, found)
    return [entry(told, event) for event in found]


def entry(told: Words, event: AuditEvent) -> Entry:
    """Return one event in words."""
    return Entry(
        actor=told.actor(event),
        initials=initials(told.actor(event)),
        through=told.via(event),
        text=told.sentence(event),
        when=words.when(event.at),
        is_refusal=event.action == REFUSED,
    )
