"""Account settings: the page, the colour's verbs, and the style sheet that is served."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from permissions.models import AuditEvent
from tests.console.conftest import MARKER

LINK = '<link rel="stylesheet" href="/theme/'


def url(world: Any, rest: str = "change/") -> str:
    return f"/teams/account/{world.account.pk}/{rest}"


def test_the_owner_chooses_a_colour_and_everybody_sees_it(world: Any) -> None:
    owner = world.client("owner")
    assert LINK not in owner.get("/").content.decode()
    assert owner.get("/teams/account/")["Location"] == url(world)
    assert owner.get(url(world, "act/colour/")).status_code == 200
    answer = owner.post(url(world, "act/colour/"), {"accent": "#7a00cc"}, follow=True)
    page = answer.content.decode()
    assert "The colour of Harbor is #7a00cc now." in page
    assert f'{LINK}7a00cc.css">' in world.client("author").get("/").content.decode()
    assert "changed the colour of Harbor" in owner.get("/").content.decode()
    owner.post(url(world, "act/standard/"), follow=True)
    world.account.refresh_from_db()
    assert world.account.accent == ""
    assert owner.get(url(world, "act/standard/")).status_code == 403  # it is so already


def test_a_light_colour_comes_back_with_the_reason(world: Any) -> None:
    owner = world.client("owner")
    for posted in ({"accent": "#ffff00"}, {"accent": "nonsense"}, {"accent": "\0"}, {}):
        answer = owner.post(url(world, "act/colour/"), posted)
        assert answer.status_code == 200
        assert "errornote" in answer.content.decode() or "errorlist" in answer.content.decode()
    world.account.refresh_from_db()
    assert world.account.accent == ""
    page = owner.post(url(world, "act/colour/"), {"accent": "#ffff00"}).content.decode()
    assert "4.5 to 1 is needed" in page


@pytest.mark.parametrize("who", ["manager", "administrator", "full", "author", "response_only"])
def test_nobody_else_has_account_settings(world: Any, who: str) -> None:
    client = world.client(who)
    assert 'href="/teams/account/"' not in client.get("/").content.decode()
    assert client.get("/teams/account/").status_code == 403
    for rest in ("change/", "act/colour/", "act/standard/"):
        assert client.get(url(world, rest)).status_code == 404
        assert client.post(url(world, rest), {"accent": "#123456"}).status_code == 404
    world.account.refresh_from_db()
    assert world.account.accent == ""
    assert not AuditEvent.objects.filter(action="account.themed").exists()


def test_the_page_knows_its_own_account_only(world: Any) -> None:
    page = world.client("owner").get(url(world)).content.decode()
    for shown in ("Harbor", "Emma HQ", "Maria Lopez", "The standard one", "7.2 to 1"):
        assert shown in page
    assert MARKER not in page


def test_the_style_sheet_is_plain_cacheable_and_for_anybody(db: Any) -> None:
    answer = Client().get("/theme/7a00cc.css")
    assert answer.status_code == 200
    assert answer["Content-Type"] == "text/css; charset=utf-8"
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert {"public", "max-age=604800"} == set(answer["Cache-Control"].split(", "))
    assert "Cookie" not in answer.get("Vary", "")
    assert "--accent: light-dark(#7a00cc, #" in answer.content.decode()
    assert Client().post("/theme/7a00cc.css").status_code == 405


@pytest.mark.parametrize(
    "name",
    ["7A00CC", "%237a00cc", "ffff00", "abc", "7a00cc0", "7a00cc%00", "..%2f7a00cc", "zzzzzz"],
)
def test_a_colour_no_account_may_have_has_no_style_sheet(db: Any, name: str) -> None:
    assert Client().get(f"/theme/{name}.css").status_code == 404
