"""``create_team`` and ``set_team_mode`` do what the console does, in the name of a person."""

from __future__ import annotations

import pytest

from teams.factories import UserFactory
from teams.models import Team
from tests.commands.helpers import run
from tests.services.world import world

pytestmark = pytest.mark.django_db


def test_team_commands() -> None:
    w = world("sailthru")
    w.member(w.custom("access_audience"))
    reader = UserFactory(username="reader")
    w.member(w.custom("manage_members", "access_settings"), user=reader)
    owner = {"account": w.account.slug, "actor": w.owner.get_username()}

    done = run("create_team", "Spring", **owner, dry_run=True)
    assert "Would create the team Spring" in done.out
    assert "team.created" in done.out
    assert not Team.objects.exists()
    assert "Created the team Spring" in run("create_team", "Spring", **owner).out
    assert run("create_team", "spring", **owner).error.startswith("ALREADY_USED")

    dry = run("set_team_mode", "lists", **owner, dry_run=True)
    assert "Would set teams to lists" in dry.out
    w.account.refresh_from_db()
    assert w.account.team_mode == "lists_and_templates"
    done = run("set_team_mode", "off", **owner)
    assert "People who gain something" in done.out
    w.account.refresh_from_db()
    assert w.account.team_mode == "off"
    assert "already" in run("set_team_mode", "off", **owner).out

    other = {**owner, "actor": "reader"}
    for name, argument in (("create_team", "Mine"), ("set_team_mode", "lists")):
        assert "OUT_OF_SCOPE" in run(name, argument, **other).error or run(
            name, argument, **other
        ).error.startswith("TEAMS_OFF")
        platform = run(name, argument, account=w.account.slug, as_platform=True, reason="x")
        assert "NOT_FOR_PLATFORM" in platform.error
    w.account.refresh_from_db()
    assert w.account.team_mode == "off"
