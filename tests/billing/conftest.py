"""A server that answers like Stripe's, for tests that pay."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.billing import stripe_server
from tests.billing.stripe_server import Stripe


@pytest.fixture(scope="session")
def stripe_process() -> Iterator[Stripe]:
    """Return the server, one for all tests of this process."""
    server = stripe_server.start()
    yield server
    stripe_server.stop(server)


@pytest.fixture
def stripe(
    stripe_process: Stripe, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Stripe]:
    """Return the server, empty, as what the settings name; retries of the library do not wait."""
    from stripe import HTTPClient

    monkeypatch.setattr(HTTPClient, "INITIAL_DELAY", 0.001)
    monkeypatch.setattr(HTTPClient, "MAX_DELAY", 0.001)
    settings.STRIPE_SECRET_KEY = stripe_server.KEY
    settings.STRIPE_WEBHOOK_SECRET = stripe_server.SECRET
    settings.STRIPE_API_BASE = stripe_process.base
    stripe_process.clear()
    yield stripe_process
    stripe_process.clear()
