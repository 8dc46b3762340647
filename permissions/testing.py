"""For the tests of a project that uses these apps: a pytest plugin, and the same without pytest.

Load it with ``pytest_plugins = ["permissions.testing"]``, or derive from ``TransactionTestCase``
here. A transactional test ends by flushing the database; the audit is append-only, what was issued
stays as it is, and tenants are held together by keys that are checked at once, so all of that has
to be lifted for the flush.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django import test
from django.db import connections

from permissions import locks


@contextmanager
def flushable(databases: Any = ("default",)) -> Iterator[None]:
    """Lift the triggers of all apps, and on SQLite the order of deletion, within the block."""
    for alias in databases:
        locks.unlock(alias)
        if connections[alias].vendor == "sqlite":
            connections[alias].disable_constraint_checking()
    try:
        yield
    finally:
        for alias in databases:
            if connections[alias].vendor == "sqlite":
                connections[alias].enable_constraint_checking()
            locks.lock_down(alias)


# the hook around the flush has a private name, which the stubs leave out
_Django: Any = test.TransactionTestCase
_plain = _Django._fixture_teardown


def _flushing(self: Any) -> None:
    """Tear down as Django does; where that flushes, let it flush the audit as well."""
    if isinstance(self, test.TestCase):  # rolls back, never flushes
        _plain(self)
        return
    with flushable(self._databases_names(include_mirrors=False)):
        _plain(self)


class TransactionTestCase(test.TransactionTestCase):
    """Django's, able to flush the audit."""

    _fixture_teardown = _flushing


def pytest_configure(config: Any) -> None:
    """Let every transactional test of the session flush the audit."""
    _Django._fixture_teardown = _flushing
