"""System checks: what would weaken the decisions is said at start-up."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.core.checks import run_checks

from permissions import checks, grants
from permissions.resources import Registry, registry
from teams.factories import UserFactory
from teams.models import Campaign

BACKEND = "permissions.backend.PermissionBackend"
MODEL = "django.contrib.auth.backends.ModelBackend"


def found(messages: list[Any]) -> list[str]:
    for message in messages:
        assert message.hint
        assert message.msg.endswith(".")
    return [message.id for message in messages]


def test_this_project_is_sound() -> None:
    assert found(checks.check_settings(None)) == []
    assert found(checks.check_resources(None)) == []
    assert [m for m in run_checks() if str(m.id).startswith("permissions.")] == []


@pytest.mark.parametrize(
    ("backends", "ids"),
    [
        ([MODEL], ["permissions.E001"]),
        ([], ["permissions.E001"]),
        ([MODEL, BACKEND], ["permissions.E001"]),
        ([BACKEND, "guardian.backends.ObjectPermissionBackend", MODEL], ["permissions.E003"]),
        (
            ["guardian.backends.ObjectPermissionBackend", BACKEND],
            ["permissions.E001", "permissions.E003"],
        ),
    ],
)
def test_backends(settings: Any, backends: list[str], ids: list[str]) -> None:
    settings.AUTHENTICATION_BACKENDS = backends
    assert [i for i in found(checks.check_settings(None)) if i != "permissions.E006"] == ids


@pytest.mark.parametrize("name", ["AnonymousUser", ""])
def test_anonymous_user(settings: Any, name: str) -> None:
    settings.ANONYMOUS_USER_NAME = name
    assert "permissions.E002" in found(checks.check_settings(None))
    del settings.ANONYMOUS_USER_NAME
    assert "permissions.E002" in found(checks.check_settings(None))


def test_catalogue_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "registry", Registry())
    assert found(checks.check_resources(None)) == ["permissions.E004"]


def test_grant_table_for_people_only(monkeypatch: pytest.MonkeyPatch) -> None:
    generic = grants.group_table(type(UserFactory.build()))
    tables = grants.group_table
    monkeypatch.setattr(
        checks.grants, "group_table", lambda m: generic if m is Campaign else tables(m)
    )
    messages = checks.check_resources(None)
    assert found(messages) == ["permissions.E005"]
    assert messages[0].obj is Campaign


@pytest.mark.django_db
def test_model_level_permissions() -> None:
    assert checks.check_model_level_permissions(None, databases=["default"]) == []
    user = UserFactory()
    user.user_permissions.add(*Permission.objects.filter(codename="access_campaigns"))

    messages = checks.check_model_level_permissions(None, databases=["default"])

    assert found(messages) == ["permissions.W001"]
    assert messages[0].msg == "1 logins hold catalogued permissions at model level."
    assert checks.check_model_level_permissions(None) == []  # no database, nothing to ask


def test_registry_is_frozen_once_the_project_runs() -> None:
    assert registry.frozen
