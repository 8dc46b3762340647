"""Templates in the console: rows to look at and to work on, as far as locks let one."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from teams.factories import MessageTemplateFactory, SavedRowFactory
from teams.models import MessageTemplate, SavedRow
from tests.console.conftest import MARKER, World

TEMPLATES = "/teams/messagetemplate/"


def body(client: Any, url: str, status: int = 200) -> str:
    answer = client.get(url)
    assert answer.status_code == status, url
    return str(answer.content.decode())


def url_of(world: World, rest: str = "change/") -> str:
    return f"{TEMPLATES}{world.rows['messagetemplate'].pk}/{rest}"


def offered(page: str) -> set[str]:
    """Return verb and row of every control about a row."""
    return set(re.findall(r"/act/((?:edit|move|lock|save|remove)[a-z-]*/[a-z0-9]+)/", page))


def keys(world: World) -> list[str]:
    template = MessageTemplate.objects.get(pk=world.rows["messagetemplate"].pk)
    return [row["key"] for row in template.rows]


def test_the_page_shows_rows_and_the_text_made_of_them(world: World) -> None:
    page = body(world.client("author"), url_of(world))
    assert "<p>Dear {{first_name}}</p>" in page
    assert "Harbor\n\nDear {{first_name}}\n\nImprint" in page
    assert page.count("Row locked") == 1
    assert page.count("Contents locked") == 1
    assert MARKER not in page


def test_controls_are_those_that_work(world: World) -> None:
    page = body(world.client("author"), url_of(world))
    saves = {f"save-row/{key}" for key in ("head", "hello", "foot")}
    assert offered(page) == saves | {
        "edit-row/head",
        "edit-row/hello",
        "move-down/hello",
        "remove-row/hello",
        "move-up/foot",
    }
    everything = offered(body(world.client("administrator"), url_of(world)))
    verbs = ("edit-row", "lock-row", "save-row", "remove-row", "move-up", "move-down")
    assert everything == {f"{v}/{k}" for v in verbs for k in ("head", "hello", "foot")} - {
        "move-up/head",
        "move-down/foot",
    }


@pytest.mark.parametrize(
    ("url", "data", "missing"),
    [
        ("act/move-down/head/", {}, "Edit locked rows"),
        ("act/move-up/hello/", {}, "Edit locked rows"),
        ("act/remove-row/head/", {}, "Edit locked rows"),
        ("act/add-row/", {"html": "x", "position": "0"}, "Edit locked rows"),
        ("act/edit-row/foot/", {"html": "x"}, "Edit locked contents"),
        ("act/remove-row/foot/", {}, "Edit locked contents"),
        ("act/lock-row/hello/", {"locks": ["row"]}, "Lock rows and contents"),
    ],
)
def test_a_forged_form_is_refused(
    world: World, url: str, data: dict[str, Any], missing: str
) -> None:
    answer = world.client("author").post(url_of(world, url), data)
    assert answer.status_code == 403
    assert missing in answer.content.decode()
    assert keys(world) == ["head", "hello", "foot"]


def test_rows_are_written_and_moved_with_one_click(world: World) -> None:
    client = world.client("administrator")
    client.post(
        url_of(world, "act/add-row/"),
        {"html": '<h2 onclick="x()">News</h2><script>alert(1)</script>', "position": "1"},
    )
    head, news, *_rest = keys(world)
    page = body(client, url_of(world))
    assert "<h2>News</h2>" in page
    assert "alert(1)" not in page
    answer = client.post(url_of(world, f"act/move-down/{news}/"))
    assert answer["Location"] == f"{url_of(world)}#rows"
    assert keys(world) == [head, "hello", news, "foot"]
    client.post(url_of(world, f"act/remove-row/{news}/"))
    client.post(url_of(world, "act/edit-row/hello/"), {"html": "<b>Hi"})
    assert keys(world) == ["head", "hello", "foot"]
    assert "<b>Hi</b>" in body(client, url_of(world))


def test_locks_are_set_and_taken_away(world: World) -> None:
    client = world.client("administrator")
    page = body(client, url_of(world, "act/lock-row/head/"))
    assert re.search(r'value="row"[^>]*checked', page)
    client.post(url_of(world, "act/lock-row/head/"), {"locks": ["contents"]})
    head = MessageTemplate.objects.get(pk=world.rows["messagetemplate"].pk).rows[0]
    assert (head["row_locked"], head["contents_locked"]) == (False, True)
    forged = client.post(url_of(world, "act/lock-row/head/"), {"locks": ["doors"]})
    assert "There is no lock" in forged.content.decode()


@pytest.mark.parametrize("position", ["9", "-1", "x", "", "1.5", "9" * 40, "01", "\u0661"])
def test_a_place_that_is_not_offered_is_refused(world: World, position: str) -> None:
    answer = world.client("owner").post(
        url_of(world, "act/add-row/"), {"html": "x", "position": position}
    )
    assert answer.status_code == 200
    assert keys(world) == ["head", "hello", "foot"]


def test_rows_that_are_not_there_are_missing(world: World) -> None:
    client = world.client("owner")
    for key in ("gone", "HEAD", "0", "%00", "x" * 300):
        for verb in ("edit-row", "move-up", "lock-row", "save-row", "remove-row"):
            assert client.get(url_of(world, f"act/{verb}/{key}/")).status_code == 404
            assert client.post(url_of(world, f"act/{verb}/{key}/")).status_code == 404


def test_a_row_is_saved_and_inserted_elsewhere(world: World) -> None:
    client = world.client("author")
    client.post(url_of(world, "act/save-row/head/"), {"name": "Our head"})
    saved = SavedRow.objects.get(name="Our head")
    other = MessageTemplateFactory(subaccount=world.places["north"])
    insert = f"{TEMPLATES}{other.pk}/act/insert-row/"
    page = body(client, insert)
    assert "Our head" in page
    assert MARKER not in page
    client.post(insert, {"saved": saved.pk, "position": "0"})
    other.refresh_from_db()
    assert other.rows[0]["html"] == "<p>Harbor</p>"
    for foreign in (
        world.rival["savedrow"],
        SavedRowFactory(subaccount=world.places["south"]),
    ):
        answer = client.post(insert, {"saved": foreign.pk, "position": "0"})
        assert "There is no such saved row" in answer.content.decode()
    shown = body(client, f"/teams/savedrow/{saved.pk}/change/")
    assert "<p>Harbor</p>" in shown
    client.post(f"/teams/savedrow/{saved.pk}/act/delete/")
    assert not SavedRow.objects.filter(pk=saved.pk).exists()


def test_the_text_part_is_shown_as_it_is(world: World) -> None:
    url, text = url_of(world, "act/text/"), {"text": "Dear <b>{{first_name}}</b>,\r\nbye"}
    refused = world.client("author").post(url, text)  # it stands in for the locked head
    assert refused.status_code == 403
    client = world.client("administrator")
    client.post(url, text)
    page = body(client, url_of(world))
    assert "Dear &lt;b&gt;{{first_name}}&lt;/b&gt;,\nbye" in page
    assert "Made from the rows" not in page


def test_template_code_of_tenants_is_not_run(world: World) -> None:
    client = world.client("author")
    evil = "<p>{% load static %}{{ request.user.password }}{% debug %}</p>"
    client.post(url_of(world, "act/edit-row/hello/"), {"html": evil})
    assert evil in body(client, url_of(world))


def test_a_page_of_many_rows_asks_no_more(world: World) -> None:
    template = world.rows["messagetemplate"]
    client = world.client("author")

    def cost() -> int:
        with CaptureQueriesContext(connection) as queries:
            body(client, url_of(world))
        return len(queries)

    before = cost()
    template.rows += [{**template.rows[1], "key": f"more{n}"} for n in range(20)]
    template.save()
    assert cost() == before
