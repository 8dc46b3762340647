"""Templates row by row: locks, saved rows, the text part; drafts of campaigns alike."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.utils import timezone

from permissions.models import AuditEvent
from teams import services
from teams.catalogue import CHANGE_LOCKED_CONTENTS, CHANGE_LOCKED_ROWS, LOCK_ROWS_AND_CONTENTS
from teams.factories import CampaignFactory, MessageTemplateFactory, SavedRowFactory
from teams.models import MessageTemplate, SavedRow
from teams.services.content import ROWS_LIMIT, Row
from tests.services.world import EDITIONS, World, missing, refused, world

pytestmark = pytest.mark.django_db


def row(key: str, *, locked: bool = False, fixed: bool = False) -> Row:
    return Row(key=key, html=f"<p>{key}</p>", row_locked=locked, contents_locked=fixed)


HEAD, ONE, TWO, FOOT = row("head", locked=True), row("one"), row("two"), row("foot", fixed=True)


def template(w: World, *rows: Row, **extra: Any) -> MessageTemplate:
    found: MessageTemplate = MessageTemplateFactory(subaccount=w.north, rows=list(rows), **extra)
    return found


def keys(content: Any) -> list[str]:
    content.refresh_from_db()
    return [found["key"] for found in content.rows]


# the template itself


@pytest.mark.parametrize("edition", EDITIONS)
def test_owner_creates_and_renames_a_template(edition: str) -> None:
    w = world(edition)
    made = services.create_template(actor=w.owner, subaccount=w.north, name="Monthly letter")
    assert (made.slug, made.rows, made.text, made.created_by) == (
        "monthly-letter",
        [],
        "",
        w.owner,
    )
    services.rename_template(actor=w.owner, template=made, name="Weekly letter")
    made.refresh_from_db()
    assert (made.name, made.slug) == ("Weekly letter", "monthly-letter")


def test_templates_are_for_whoever_works_with_content() -> None:
    w = world("emma_hq")
    made = template(w, ONE)
    reader, elsewhere = w.member("response_only").user, w.member("full", w.south).user
    with refused("OUT_OF_SCOPE"):
        services.add_row(actor=reader, content=made, html="<p>x")
    with refused("NOT_FOUND"):
        services.add_row(actor=elsewhere, content=made, html="<p>x")
    services.add_row(actor=w.member("author").user, content=made, html="<p>x")


def test_a_template_that_teams_hide_is_not_there() -> None:
    w = world("sailthru")
    limited, hidden = w.member("marketer_limited").user, template(w)
    with refused("NOT_FOUND"):
        services.change_text(actor=limited, content=hidden, text="x")


# its rows


def test_rows_come_and_go_and_move() -> None:
    w = world("emma_hq")
    author, made = w.member("author").user, template(w)
    first = services.add_row(actor=author, content=made, html="<p onclick='x'>one</p>")
    last = services.add_row(actor=author, content=made, html="two")
    middle = services.add_row(actor=author, content=made, html="three", position=1)
    assert first["html"] == "<p>one</p>"
    assert keys(made) == [first["key"], middle["key"], last["key"]]

    services.move_row(actor=author, content=made, key=last["key"], position=0)
    services.remove_row(actor=author, content=made, key=middle["key"])
    services.change_row(actor=author, content=made, key=first["key"], html="<b>new</b>")
    assert keys(made) == [last["key"], first["key"]]
    assert made.rows[1]["html"] == "<b>new</b>"
    events = AuditEvent.objects.filter(action="messagetemplate.changed").order_by("sequence")
    assert [event.data["what"] for event in events] == [
        *["row added"] * 3,
        "row moved",
        "row removed",
        "row edited",
    ]


def test_a_row_that_nobody_placed_goes_above_a_locked_last_one() -> None:
    w = world("emma_hq")
    made = template(w, ONE, row("end", locked=True))
    new = services.add_row(actor=w.member("author").user, content=made, html="x")
    assert keys(made) == ["one", new["key"], "end"]


@pytest.mark.parametrize(
    ("call", "code"),
    [
        (lambda a, c: services.add_row(actor=a, content=c, html=" "), "EMPTY"),
        (lambda a, c: services.add_row(actor=a, content=c, html="x", position=3), "WRONG_POSITION"),
        (lambda a, c: services.change_row(actor=a, content=c, key="one", html="\n"), "EMPTY"),
        (lambda a, c: services.change_row(actor=a, content=c, key="gone", html="x"), "NOT_FOUND"),
        (
            lambda a, c: services.move_row(actor=a, content=c, key="one", position=2),
            "WRONG_POSITION",
        ),
        (lambda a, c: services.remove_row(actor=a, content=c, key="gone"), "NOT_FOUND"),
        (lambda a, c: services.save_row(actor=a, content=c, key="gone", name="X"), "NOT_FOUND"),
    ],
)
def test_what_makes_no_sense_is_refused(call: Callable[[Any, Any], Any], code: str) -> None:
    w = world("emma_hq")
    made = template(w, ONE, TWO)
    with refused(code):
        call(w.owner, made)


def test_there_is_an_end_to_rows() -> None:
    w = world("emma_hq")
    full = template(w, *(row(f"r{n}") for n in range(ROWS_LIMIT)))
    with refused("TOO_MANY"):
        services.add_row(actor=w.owner, content=full, html="x")


def test_nothing_is_changed_about_what_is_put_away() -> None:
    w = world("emma_hq")
    put_away = template(w, archived_at=timezone.now())
    with refused("ARCHIVED"):
        services.add_row(actor=w.owner, content=put_away, html="x")


# locks, each with its own permission

ACTS: list[tuple[str, Any, Callable[[Any, Any], Any]]] = [
    (
        "lock",
        LOCK_ROWS_AND_CONTENTS,
        lambda a, c: services.lock_row(
            actor=a, content=c, key="one", row_locked=True, contents_locked=False
        ),
    ),
    (
        "unlock",
        LOCK_ROWS_AND_CONTENTS,
        lambda a, c: services.lock_row(
            actor=a, content=c, key="foot", row_locked=False, contents_locked=False
        ),
    ),
    (
        "move",
        CHANGE_LOCKED_ROWS,
        lambda a, c: services.move_row(actor=a, content=c, key="head", position=1),
    ),
    (
        "move another across",
        CHANGE_LOCKED_ROWS,
        lambda a, c: services.move_row(actor=a, content=c, key="one", position=0),
    ),
    (
        "put one above",
        CHANGE_LOCKED_ROWS,
        lambda a, c: services.add_row(actor=a, content=c, html="x", position=0),
    ),
    (
        "remove",
        CHANGE_LOCKED_ROWS,
        lambda a, c: services.remove_row(actor=a, content=c, key="head"),
    ),
    (
        "edit",
        CHANGE_LOCKED_CONTENTS,
        lambda a, c: services.change_row(actor=a, content=c, key="foot", html="x"),
    ),
    (
        "remove contents",
        CHANGE_LOCKED_CONTENTS,
        lambda a, c: services.remove_row(actor=a, content=c, key="foot"),
    ),
]
BRAND = (LOCK_ROWS_AND_CONTENTS, CHANGE_LOCKED_ROWS, CHANGE_LOCKED_CONTENTS)


@pytest.mark.parametrize(
    ("permission", "call"), [act[1:] for act in ACTS], ids=[a[0] for a in ACTS]
)
@pytest.mark.parametrize("kind", ["template", "draft"])
def test_locks_hold_whoever_lacks_the_permission(
    kind: str, permission: Any, call: Callable[[Any, Any], Any]
) -> None:
    w = world("sailthru")
    rows = [HEAD, ONE, TWO, FOOT]
    content: Any = (
        template(w, *rows) if kind == "template" else CampaignFactory(subaccount=w.north, rows=rows)
    )
    common = ("access_content", "access_campaigns", "assign_team_resources")
    others = [name for name in BRAND if name != permission]
    without = w.member(w.custom(*common, *others)).user
    holder = w.member(w.custom(*common, permission)).user
    with refused("OUT_OF_SCOPE") as caught:
        call(without, content)
    assert missing(caught) == {(str(permission), "North")}
    call(holder, content)


def test_contents_of_a_locked_row_are_free_and_locked_contents_move() -> None:
    w = world("emma_hq")
    author, made = w.member("author").user, template(w, FOOT, HEAD, ONE)
    services.change_row(actor=author, content=made, key="head", html="<p>y</p>")
    other = template(w, FOOT, ONE)
    services.move_row(actor=author, content=other, key="foot", position=1)
    assert keys(other) == ["one", "foot"]


def test_only_drafts_of_campaigns_are_edited() -> None:
    w = world("emma_hq")
    draft = CampaignFactory(subaccount=w.north)
    services.add_row(actor=w.member("author").user, content=draft, html="x")
    for status in ("scheduled", "sending", "sent"):
        settled = CampaignFactory(subaccount=w.north, status=status)
        with refused("NOT_A_DRAFT"):
            services.change_text(actor=w.owner, content=settled, text="x")
    reader = w.member("response_only").user
    with refused("OUT_OF_SCOPE"):
        services.add_row(actor=reader, content=draft, html="x")


# the text part


def test_the_text_part_is_plain() -> None:
    w = world("emma_hq")
    made = template(w)
    services.change_text(actor=w.owner, content=made, text="Dear {{first_name}},\r\n<b>\n")
    made.refresh_from_db()
    assert made.text == "Dear {{first_name}},\n<b>\n"
    services.change_text(actor=w.owner, content=made, text="")


# rows for reuse


def test_a_row_is_saved_inserted_and_deleted() -> None:
    w = world("emma_hq")
    author, made = w.member("author").user, template(w, HEAD, ONE)
    saved = services.save_row(actor=author, content=made, key="head", name="Our head")
    assert (saved.html, saved.slug, saved.subaccount) == ("<p>head</p>", "our-head", w.north)

    other = template(w, ONE)
    new = services.insert_saved_row(actor=author, content=other, saved=saved, position=0)
    assert new == {**HEAD, "key": new["key"], "row_locked": False}
    services.delete_saved_row(actor=author, saved=saved)
    assert keys(other) == [new["key"], "one"]
    assert not SavedRow.objects.exists()


def test_saving_needs_its_own_permission() -> None:
    w = world("sailthru")
    actor = w.member(w.custom("access_content", "assign_team_resources")).user
    saved, made = SavedRowFactory(subaccount=w.north), template(w, ONE)
    for call in (
        lambda: services.save_row(actor=actor, content=made, key="one", name="X"),
        lambda: services.delete_saved_row(actor=actor, saved=saved),
    ):
        with refused("OUT_OF_SCOPE") as caught:
            call()
        assert missing(caught) == {("save_rows", "North")}


def test_a_saved_row_of_elsewhere_is_not_there() -> None:
    w, rival = world("emma_hq"), world("emma_hq")
    made = template(w, ONE)
    for place in (w.south, rival.north):
        saved = SavedRowFactory(subaccount=place)
        with refused("NOT_FOUND"):
            services.insert_saved_row(actor=w.owner, content=made, saved=saved)


def test_a_guest_of_a_template_edits_it_and_inserts_nothing_saved() -> None:
    w = world("emma_hq")
    guest, made = w.member("author", w.south).user, template(w, HEAD, ONE)
    services.give_guest_access(actor=w.owner, user=guest, obj=made, permissions=["access_content"])
    saved = SavedRowFactory(subaccount=w.north)
    services.change_row(actor=guest, content=made, key="one", html="x")
    with refused("OUT_OF_SCOPE"):
        services.remove_row(actor=guest, content=made, key="head")
    with refused("NOT_FOUND"):
        services.insert_saved_row(actor=guest, content=made, saved=saved)
    with refused("NOT_FOUND"):
        services.save_row(actor=guest, content=made, key="one", name="Mine")
