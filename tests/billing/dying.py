"""A process that is killed between two statements, as by a power cut."""

from __future__ import annotations

import os
import signal
import traceback
from collections.abc import Callable
from itertools import count
from typing import Any

from django.db import connection, connections


def statements_of(act: Callable[[], Any]) -> int:
    """Carry ``act`` out and return before how many statements, commits included, it can die."""
    ticks = count()
    _watched(lambda: next(ticks), act)
    return next(ticks)


def dies_before(number: int, act: Callable[[], Any]) -> bool:
    """Carry ``act`` out in a process of its own that is killed with signal 9 before statement
    ``number`` (from 0); say whether it came to that."""
    connections.close_all()  # two processes must not share one
    child = os.fork()
    if child == 0:
        _live_until(number, act)
    _pid, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        assert os.WTERMSIG(status) == signal.SIGKILL
        return True
    assert os.WEXITSTATUS(status) == 0, "the process failed by itself"
    return False


def _live_until(number: int, act: Callable[[], Any]) -> None:
    ticks = count()

    def tick() -> None:
        if next(ticks) == number:
            os.kill(os.getpid(), signal.SIGKILL)

    try:
        _watched(tick, act)
    except BaseException:
        traceback.print_exc()
        os._exit(1)
    os._exit(0)


def _watched(tick: Callable[[], Any], act: Callable[[], Any]) -> None:
    """Carry ``act`` out and ``tick`` before every statement and every commit."""

    def execute(run: Any, *rest: Any) -> Any:
        tick()
        return run(*rest)

    commit = connection._commit

    def commit_later() -> None:
        tick()
        commit()

    connection._commit = commit_later
    try:
        with connection.execute_wrapper(execute):
            act()
    finally:
        del connection._commit
