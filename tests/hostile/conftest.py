"""The arenas, and the addresses of both sites."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.hostile.arena import Arena, build, undone


@pytest.fixture(autouse=True)
def both_sites(settings: Any) -> None:
    """Serve the host's site beside the console."""
    settings.ROOT_URLCONF = "tests.hostile.workshop"


@pytest.fixture
def arena(request: Any, db: Any) -> Arena:
    """Return an arena of one's own, of the edition the test names, Emma HQ unless it does."""
    return build(getattr(request, "param", "emma_hq"))


@pytest.fixture(scope="module")
def shared_arena(request: Any, django_db_setup: Any, django_db_blocker: Any) -> Iterator[Arena]:
    """Return an arena for all tests of a module: for those that take back all they do."""
    with django_db_blocker.unblock(), undone():
        yield build(request.param)
