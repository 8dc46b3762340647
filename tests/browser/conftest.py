"""Browsers meet the console as it is run."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def as_run(console_logins: None) -> None:
    """Sign in as in the console of this repository."""
