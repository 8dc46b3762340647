"""Tasks are carried out at once, so that what the worker sends is seen."""

from __future__ import annotations

from typing import Any

import django
import pytest

from tests.signin.people import login

PACKAGE = "django.tasks" if django.VERSION >= (6, 0) else "django_tasks"


@pytest.fixture
def at_once(settings: Any) -> None:
    """Have tasks carried out where they are put in the queue."""
    settings.TASKS = {"default": {"BACKEND": f"{PACKAGE}.backends.immediate.ImmediateBackend"}}


@pytest.fixture
def ana(db: Any) -> Any:
    """Return a login with a confirmed address."""
    return login("ana")


@pytest.fixture
def bob(db: Any) -> Any:
    """Return another one."""
    return login("bob")


@pytest.fixture(autouse=True)
def as_run(console_logins: None) -> None:
    """Sign in as in the console of this repository."""
