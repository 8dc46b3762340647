"""How what happens came: through which door, as part of what, and by way of whom."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

#: the ways a change comes in
CONSOLE, COMMAND, API, WORKER, HOST = CHANNELS = ("console", "command", "api", "worker", "host")


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

    Without a ``request_id`` it keeps that of the block around it, of which it is a part; outside
    of any it gets one of its own. Raises ValueError for an unknown channel.
    """
    if channel not in CHANNELS:
        raise ValueError(f"{channel!r} is no channel; choose one of {', '.join(CHANNELS)}.")
    said = Coming(channel, request_id or current().request_id or new_request_id(), via)
    token = _coming.set(said)
    try:
        yield said
    finally:
        _coming.reset(token)


def new_request_id() -> str:
    """Return what no other request, command or task is called."""
    return uuid.uuid4().hex


def current() -> Coming:
    """Return how what happens now came; an empty one where nobody said."""
    return _coming.get() or Coming()
