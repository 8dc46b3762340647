"""Real threads against one database, and ways to make them meet at the worst moment."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import pytest
from django.db import connections

from teams.models import Account

#: seconds somebody waits for another who may never come, because a lock keeps them out
PATIENCE = 0.4
#: seconds somebody waits for another whom nothing keeps out: a slow machine is not an answer
AMPLE = 20.0


def together(*acts: Callable[[], Any]) -> list[Any]:
    """Do all at once, each in a thread with a connection of its own; return results or errors."""
    start = threading.Barrier(len(acts), timeout=AMPLE)

    def run(act: Callable[[], Any]) -> Any:
        try:
            start.wait()
            return act()
        except Exception as error:
            return error
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(acts)) as pool:
        return list(pool.map(run, acts))


def errors(results: list[Any]) -> list[Exception]:
    """Return those of ``results`` that are errors."""
    return [result for result in results if isinstance(result, Exception)]


def meet_before(
    monkeypatch: pytest.MonkeyPatch,
    target: Any,
    name: str,
    *,
    parties: int,
    patience: float = PATIENCE,
) -> None:
    """Make callers of ``target.name`` wait for each other: all have checked, nobody has written.

    They meet once: nobody waits who comes there again. Who has waited ``patience`` seconds in vain
    goes on, and so does everybody after that.
    """
    barrier = threading.Barrier(parties, timeout=patience)
    met = threading.Event()
    original = getattr(target, name)

    def wait_first(*args: Any, **kwargs: Any) -> Any:
        if not met.is_set():
            with suppress(threading.BrokenBarrierError):
                barrier.wait()
            met.set()
        return original(*args, **kwargs)

    monkeypatch.setattr(target, name, wait_first)


def hold_before(
    monkeypatch: pytest.MonkeyPatch,
    target: Any,
    name: str,
    *,
    until: threading.Event,
    patience: float = PATIENCE,
) -> threading.Event:
    """Make callers of ``target.name`` wait until somebody else is done, or their patience ends.

    Returned is what says that somebody is held there: with ``once`` the other comes no earlier.
    """
    original = getattr(target, name)
    held = threading.Event()

    def wait_first(*args: Any, **kwargs: Any) -> Any:
        held.set()
        until.wait(patience)
        return original(*args, **kwargs)

    monkeypatch.setattr(target, name, wait_first)
    return held


def once(held: threading.Event, act: Callable[[], Any]) -> Callable[[], Any]:
    """Return ``act`` as somebody does it who waits until the other is held."""

    def run() -> Any:
        assert held.wait(AMPLE), "nobody came to where they are held"
        return act()

    return run


def without_lock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let services read the account without locking it."""
    monkeypatch.setattr(Account.objects, "select_for_update", lambda **_: Account.objects.all())
