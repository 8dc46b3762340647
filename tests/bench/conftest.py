"""A small plan, written once for the tests of a module."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import transaction

from tests.bench.data import write
from tests.bench.plan import Plan
from tests.bench.sizes import SIZES


@pytest.fixture(scope="module")
def plan(django_db_setup: None, django_db_blocker: Any) -> Iterator[Plan]:
    """Yield the plan whose rows are in the database; what the tests do is rolled back to them."""
    found = Plan(SIZES["tiny"])
    with django_db_blocker.unblock(), transaction.atomic():
        write(found, lambda _what: None)
        yield found
        transaction.set_rollback(True)
