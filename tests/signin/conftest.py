"""Tasks are carried out at once, so that what the worker sends is seen."""

from __future__ import annotations

import time
from types import SimpleNamespace
from typing import Any

import django
import pytest
from allauth.mfa.totp.internal import auth

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


@pytest.fixture(autouse=True)
def one_half_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let an app show the same code for the length of a test.

    It shows another one every thirty seconds; what was read just before would be late.
    """
    began = time.time()
    monkeypatch.setattr(auth, "time", SimpleNamespace(time=lambda: began))
