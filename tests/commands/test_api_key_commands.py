"""The commands about API keys: the key itself stands on a line of its own, once."""

from __future__ import annotations

from typing import Any

import pytest

from permissions.models import AuditEvent
from teams import keys
from teams.models import ApiKey
from tests.commands.helpers import Done, run
from tests.services.test_api_keys import dies
from tests.services.world import World, world

pytestmark = [pytest.mark.once, pytest.mark.django_db]


@pytest.fixture
def w(db: Any) -> World:
    return world("emma_corporate", slug="harbor", name="Harbor")


def as_owner(w: World, name: str, *arguments: str) -> Done:
    actor = w.owner.get_username()
    return run(name, *arguments, "--account", "harbor", "--actor", actor)


def create(w: World, *more: str) -> Done:
    asked = ("--subaccount", "north", "--name", "Sync", "--scope", "access_audience")
    return as_owner(w, "create_api_key", *asked, *more)


def test_a_key_is_printed_once_and_alone_on_its_line(w: World) -> None:
    done = create(w, "--scope", "access_campaigns", "--expires", "2099-01-01T00:00")
    said, text = done.out.splitlines()
    key = keys.find(text)
    assert key is not None
    assert said.startswith(f"Created Sync ({key.prefix}…) for North, until 01 Jan 2099")
    assert set(key.scopes) == {"access_audience", "access_campaigns"}
    assert (key.created_by, done.code) == (w.owner, 0)
    found = create(w, "--format", "json").json
    assert keys.find(found["key"]) == ApiKey.objects.latest("pk")
    assert found["prefix"] == ApiKey.objects.latest("pk").prefix


def test_a_dry_run_prints_no_key_for_there_is_none(w: World) -> None:
    done = create(w, "--dry-run")
    assert done.out.startswith("Would create Sync (")
    assert "sak_" not in done.out
    assert "key" not in create(w, "--dry-run", "--format", "json").json
    assert not ApiKey.objects.exists()
    assert not AuditEvent.objects.filter(action="key.created").exists()


def test_a_key_is_replaced_and_revoked_and_repeating_that_is_harmless(w: World) -> None:
    create(w)
    old = ApiKey.objects.get()
    done = as_owner(w, "rotate_api_key", old.prefix, "--overlap", "2")
    new = keys.find(done.out.splitlines()[1])
    assert new is not None
    old.refresh_from_db()
    assert old.replaced_by == new
    assert as_owner(w, "rotate_api_key", old.prefix).code == 2  # ALREADY_SO
    assert as_owner(w, "rotate_api_key", new.prefix, "--overlap", "169").code == 2
    done = as_owner(w, "revoke_api_key", new.prefix)
    assert (done.code, done.out) == (0, f"Revoked Sync ({new.prefix}…) of North.\n")
    assert dies(new) == "This key has been revoked."
    assert as_owner(w, "revoke_api_key", new.prefix).out == "Sync is revoked already.\n"
    platform = ("--account", "harbor", "--as-platform", "--reason", "Leaked")
    assert run("revoke_api_key", old.prefix, *platform).code == 0
    assert AuditEvent.objects.latest("pk").data["reason"] == "Leaked"
    for name in ("create_api_key", "rotate_api_key"):
        asked = (old.prefix,) if name == "rotate_api_key" else ("--subaccount", "north")
        extra = () if name == "rotate_api_key" else ("--name", "x", "--scope", "access_audience")
        refused = run(name, *asked, *extra, *platform)
        assert (refused.code, refused.error[:16]) == (1, "NOT_FOR_PLATFORM")


def test_a_key_that_one_does_not_see_is_missing(w: World) -> None:
    create(w)
    prefix = ApiKey.objects.get().prefix
    full = w.member("full").user.get_username()
    for name in (prefix, "nosuchkey", "a\x00b", ""):
        done = run("revoke_api_key", name, "--account", "harbor", "--actor", full)
        assert (done.code, done.error) == (2, f"NOT_FOUND: There is no API key {name!r} in Harbor.")
