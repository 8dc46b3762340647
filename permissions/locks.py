"""Triggers by which the database itself refuses to change what has to stay as it is.

An app registers its own in ``ready()``. They are set after every ``migrate``, because SQLite drops
triggers silently when it rebuilds a table, and lifted for the flush of a test database only (see
``permissions.testing``).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Act = Callable[[str], None]

_registered: list[tuple[Act, Act]] = []


def register(lock_down: Act, unlock: Act) -> None:
    """Let ``lock_down`` set triggers, and ``unlock`` drop them, in the database they are given.

    Both must be safe to repeat, and do nothing where their tables are missing.
    """
    if (lock_down, unlock) not in _registered:
        _registered.append((lock_down, unlock))


def arm(connection: Any, **_: Any) -> None:
    """Have SQLite ask the triggers of deletion where ``INSERT OR REPLACE`` deletes; it asks none
    otherwise. Called for each connection that is made."""
    if connection.vendor == "sqlite":
        # no statement of anybody's, so past what counts or watches those
        connection.connection.execute("PRAGMA recursive_triggers = ON")


def lock_down(using: str) -> None:
    """Set all triggers in the database ``using``."""
    for lock, _unlock in _registered:
        lock(using)


def unlock(using: str) -> None:
    """Drop all of them."""
    for _lock, lift in _registered:
        lift(using)
