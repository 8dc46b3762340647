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
    server = _of_server()
    if server is None:
        return WALL, time.perf_counter
    return PROCESSOR, lambda: time.process_time() + server()


def database_clock() -> Callable[[], float]:
    """Return the function that tells the seconds of the database alone, without ours.

    SQLite works within this process: there it is ``clock``, which counts too what turning rows
    into Python's values takes.
    """
    server = _of_server() if connection.vendor == "postgresql" else None
    return server or clock()[1]


def _of_server() -> Callable[[], float] | None:
    """Return the clock of PostgreSQL's process for this connection; None if it is not here."""
    connection.ensure_connection()
    pid = connection.connection.info.backend_pid
    theirs = (~pid << 3) | 2  # Linux's number for the clock of another process
    try:
        if not Path(f"/proc/{pid}/cmdline").read_bytes().startswith(b"postgres: "):
            return None
        time.clock_gettime(theirs)
    except OSError:
        return None
    return lambda: time.clock_gettime(theirs)


def without_helpers() -> None:
    """Keep PostgreSQL from handing parts of a query to other processes, whose time nobody sees."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SET max_parallel_workers_per_gather = 0")
