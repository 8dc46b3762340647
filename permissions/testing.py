"""For the tests of a project that uses these apps: a pytest plugin, and the same without pytest.

Load it with ``pytest_plugins = ["permissions.testing"]``, or derive from ``TransactionTestCase``
here. A transactional test ends by flushing the database; the audit is append-only and tenants are
held together by keys that are checked at once, so both have to be lifted for the flush.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django import test
from django.db import connections


@contextmanager
def flushable(databases: Any = ("default",)) -> Iterator[None]:
    """Lift the audit's triggers, and on SQLite the order of deletion, within the block."""
    from permissions import audit  # noqa: PLC0415  (pytest loads plugins before there are apps)

    for alias in databases:
        audit.unlock(alias)
        if connections[alias].vendor == "sqlite":
            connections[alias].disable_constraint_checking()
    try:
        yield
    finally:
        for alias in databases:
            if connections[alias].vendor == "sqlite":
                connections[alias].enable_constraint_checking()
            audit.lock_down(alias)


# the hook around the flush has a private name, which the stubs leave out
_Flushing: Any = test.TransactionTestCase


class TransactionTestCase(_Flushing):  # type: ignore[misc]  # typed, its super() has no such hook
    """Django's, able to flush the audit."""

    def _fixture_teardown(self) -> None:
        with flushable(self._databases_names(include_mirrors=False)):
            super()._fixture_teardown()


def pytest_configure(config: Any) -> None:
    """Let every transactional test of the session flush the audit."""
    plain = _Flushing._fixture_teardown

    def teardown(self: Any) -> None:
        if isinstance(self, test.TestCase):  # rolls back, never flushes
            plain(self)
            return
        with flushable(self._databases_names(include_mirrors=False)):
            plain(self)

    _Flushing._fixture_teardown = teardown
