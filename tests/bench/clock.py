"""What is measured: processor time, so that busy neighbours do not count.

For SQLite that of this process; for PostgreSQL that of this process and of the server's process
for its connection, if that runs on this machine. Otherwise there is only the time on the wall.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from django.db import connection

WALL = "time on the wall"
PROCESSOR = "processor time"


def clock() -> tuple[str, Callable[[], float]]:
    """Return what is measured on the present connection, and the function that tells seconds."""
    if connection.vendor != "postgresql":
        return PROCESSOR, time.process_time
    connection.ensure_connection()
    pid = connection.connection.info.backend_pid
    theirs = (~pid << 3) | 2  # Linux's number for the clock of another process
    try:
        if not Path(f"/proc/{pid}/cmdline").read_bytes().startswith(b"postgres: "):
            return WALL, time.perf_counter
        time.clock_gettime(theirs)
    except OSError:
        return WALL, time.perf_counter
    return PROCESSOR, lambda: time.process_time() + time.clock_gettime(theirs)


def without_helpers() -> None:
    """Keep PostgreSQL from handing parts of a query to other processes, whose time nobody sees."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SET max_parallel_workers_per_gather = 0")
