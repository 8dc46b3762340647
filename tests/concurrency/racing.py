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

#: how long somebody waits for another who may never come, because a lock keeps them out
PATIENCE = 0.4


def together(*acts: Callable[[], Any]) -> list[Any]:
    """Do all at once, each in a thread with a connection of its own; return results or errors."""
    start = threading.Barrier(len(acts), timeout=20)

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


def meet_before(monkeypatch: pytest.MonkeyPatch, target: Any, name: str, *, parties: int) -> None:
    """Make callers of ``target.name`` wait for each other: all have checked, nobody has written."""
    barrier = threading.Barrier(parties, timeout=PATIENCE)
    original = getattr(target, name)

    def wait_first(*args: Any, **kwargs: Any) -> Any:
        with suppress(threading.BrokenBarrierError):
            barrier.wait()
        return original(*args, **kwargs)

    monkeypatch.setattr(target, name, wait_first)


def hold_before(
    monkeypatch: pytest.MonkeyPatch, target: Any, name: str, *, until: threading.Event
) -> None:
    """Make callers of ``target.name`` wait until somebody else is done, or their patience ends."""
    original = getattr(target, name)

    def wait_first(*args: Any, **kwargs: Any) -> Any:
        until.wait(PATIENCE)
        return original(*args, **kwargs)

    monkeypatch.setattr(target, name, wait_first)


def without_lock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let services read the account without locking it."""
    monkeypatch.setattr(Account.objects, "select_for_update", lambda **_: Account.objects.all())
