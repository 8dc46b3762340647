"""The arenas, and the addresses of both sites."""

from __future__ import annotations

from typing import Any

import pytest

from tests.hostile.arena import Arena, build


@pytest.fixture(autouse=True)
def both_sites(settings: Any) -> None:
    """Serve the host's site beside the console."""
    settings.ROOT_URLCONF = "tests.hostile.workshop"


@pytest.fixture
def arena(request: Any, db: Any) -> Arena:
    """Return the arena of the edition the test names, Emma HQ unless it does."""
    return build(getattr(request, "param", "emma_hq"))
