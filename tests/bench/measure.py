"""Times that can be compared: taken in turns, in changing order, and summed up by the median."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.bench.clock import clock

WARM_UP = 2
FEWEST = 3

Call = Callable[[], Any]


def in_turns(
    calls: Mapping[str, Call],
    *,
    rounds: int,
    budget: float,
    warm_up: int = WARM_UP,
    tell: Callable[[], float] | None = None,
) -> dict[str, float]:
    """Return the median seconds of each call by ``tell`` (``clock``'s), taken in turns.

    Every other round runs backwards, so that none always follows the same one. The first
    ``warm_up`` rounds do not count. After ``budget`` seconds no round begins, once there are three.
    """
    times: dict[str, list[float]] = {name: [] for name in calls}
    tell = tell or clock()[1]
    gc.collect()
    gc.freeze()  # what was there before is no business of what is timed
    began = time.perf_counter()
    for turn in range(-warm_up, rounds):
        if turn >= FEWEST and time.perf_counter() - began > budget:
            break
        order = list(calls.items())
        for name, call in order if turn % 2 else reversed(order):
            start = tell()
            call()
            taken = tell() - start
            if turn >= 0:
                times[name].append(taken)
    gc.unfreeze()
    return {name: statistics.median(taken) for name, taken in times.items()}


def ratio(one: float, other: float) -> float:
    """Return how many times ``other`` goes into ``one``."""
    return one / other if other else float("inf")


def queries_of(call: Call) -> int:
    """Return how many queries ``call`` makes."""
    with CaptureQueriesContext(connection) as queries:
        call()
    return len(queries)


@contextmanager
def rows_written() -> Iterator[dict[str, int]]:
    """Yield how many rows each table had written, changed or deleted within the block."""
    written: dict[str, int] = {}

    def listen(execute: Any, sql: str, params: Any, many: bool, context: dict[str, Any]) -> Any:
        result = execute(sql, params, many, context)
        words = sql.split(None, 3)
        verb = words[0].upper()
        if verb in ("INSERT", "UPDATE", "DELETE"):
            table = (words[1] if verb == "UPDATE" else words[2]).strip('"')
            count = max(context["cursor"].rowcount, 0)
            if verb == "INSERT" and not count:  # SQLite counts once what it returns is read
                count = sql.count("), (") + 1
            written[table] = written.get(table, 0) + count
        return result

    with connection.execute_wrapper(listen):
        yield written
