"""Rows: what may stand in them, who may change what, and what is made of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from permissions.errors import Invalid
from teams.catalogue import CHANGE_LOCKED_CONTENTS, CHANGE_LOCKED_ROWS, LOCK_ROWS_AND_CONTENTS
from teams.services.content import (
    HTML_LIMIT,
    ROWS_LIMIT,
    Row,
    as_html,
    as_preview,
    as_text,
    clean_html,
    clean_rows,
    clean_text_part,
    fields_in,
    fill,
    free_position,
    judge_rows,
    new_row,
)


def row(key: str, html: str = "<p>x</p>", *, locked: bool = False, fixed: bool = False) -> Row:
    return Row(key=key, html=html, row_locked=locked, contents_locked=fixed)


def missing(before: Sequence[Row], after: Sequence[Row], *held: Any) -> list[Any]:
    return judge_rows(before, after, lambda permission: permission in held)


HEAD, FOOT = row("head", locked=True), row("foot", fixed=True)
A, B = row("a"), row("b")


# what may stand there


@pytest.mark.parametrize(
    ("dirty", "clean"),
    [
        ("<script>alert(1)</script><p>Hi</p>", "<p>Hi</p>"),
        ('<p style="position:fixed" class="x" id="y" onclick="a()">Hi</p>', "<p>Hi</p>"),
        ('<a href="javascript:alert(1)">x</a>', '<a rel="noopener noreferrer">x</a>'),
        ('<a href="/admin/">x</a>', '<a rel="noopener noreferrer">x</a>'),
        ('<a href="//evil.example">x</a>', '<a rel="noopener noreferrer">x</a>'),
        ('<a href="{{url}}">x</a>', '<a rel="noopener noreferrer">x</a>'),
        (
            '<a href="mailto:a@b.example">x</a>',
            '<a href="mailto:a@b.example" rel="noopener noreferrer">x</a>',
        ),
        ('<img src="http://a.example/b.png" alt="B">', '<img alt="B">'),
        ('<img src="data:image/png;base64,AA==" alt="B">', '<img alt="B">'),
        (
            '<img src="https://a.example/b.png" alt="B" onerror="x()">',
            '<img src="https://a.example/b.png" alt="B">',
        ),
        ('<img src="https://a.example/{{email}}.gif" alt="B">', '<img alt="B">'),
        ('<img src="https://a.example/&#123;{ email|x }}.gif" alt="B">', '<img alt="B">'),
        ('<a href="https://a.example/?{{email}}">x</a>', '<a rel="noopener noreferrer">x</a>'),
        ('<a href="mailto:{{email}}">x</a>', '<a rel="noopener noreferrer">x</a>'),
        ('<form action="/x"><button>Go</button><input name="a"></form>', "Go"),
        ("<svg><script>1</script></svg><iframe src='https://x.example'></iframe>", ""),
        ("<style>p{}</style><link rel=stylesheet href=https://x.example><base href=/>", ""),
        ("<!-- hidden -->", ""),
        ("<p>Hi {{first_name|there}}", "<p>Hi {{first_name|there}}</p>"),
        ("</div></main><p>out", "<p>out</p>"),
    ],
)
def test_html_is_cleaned(dirty: str, clean: str) -> None:
    assert clean_html(dirty) == clean
    assert clean_html(clean) == clean


@given(st.text(st.characters(exclude_categories=("Cc", "Cs")), max_size=80))
def test_cleaning_again_changes_nothing(text: str) -> None:
    once = clean_html(f"<p title='{text}'>{text}<b>{text}")
    assert clean_html(once) == once


@pytest.mark.parametrize(
    ("value", "code"),
    [
        (None, "WRONG_TYPE"),
        (b"x", "WRONG_TYPE"),
        ("a\x00b", "NOT_TEXT"),
        ("a\ud800b", "NOT_TEXT"),
        ("x" * (HTML_LIMIT + 1), "TOO_LONG"),
    ],
)
def test_what_is_no_html_is_refused(value: Any, code: str) -> None:
    with pytest.raises(Invalid) as caught:
        clean_html(value)
    assert caught.value.code == code


def test_depth_is_no_trouble() -> None:
    assert clean_html("<div>" * 9_000).count("<div>") == 9_000
    assert as_text([row("a", clean_html("<div>" * 9_000 + "deep"))]) == "deep"


def test_a_row_of_nothing_is_refused() -> None:
    with pytest.raises(Invalid) as caught:
        new_row("<script>alert(1)</script>")
    assert caught.value.code == "EMPTY"


def test_new_rows_have_keys_of_their_own() -> None:
    one, other = new_row("<p>a"), new_row("<p>a", row_locked=True)
    assert one["key"] != other["key"]
    assert clean_rows([one, other]) == [one, other]


@pytest.mark.parametrize(
    ("rows", "code"),
    [
        ("rows", "WRONG_TYPE"),
        ([1], "WRONG_TYPE"),
        ([{"key": "a"}], "WRONG_TYPE"),
        ([{**A, "more": 1}], "WRONG_TYPE"),
        ([{**A, "key": "A B"}], "WRONG_TYPE"),
        ([{**A, "key": 1}], "WRONG_TYPE"),
        ([{**A, "row_locked": "yes"}], "WRONG_TYPE"),
        ([{**A, "html": None}], "WRONG_TYPE"),
        ([A, A], "WRONG_TYPE"),
        ([row(f"k{n}") for n in range(ROWS_LIMIT + 1)], "TOO_MANY"),
    ],
)
def test_what_is_no_list_of_rows_is_refused(rows: Any, code: str) -> None:
    with pytest.raises(Invalid) as caught:
        clean_rows(rows)
    assert caught.value.code == code


def test_the_text_part_keeps_its_lines() -> None:
    assert clean_text_part("a\r\nb\rc\td") == "a\nb\nc\td"


# who may change what


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ([], []),
        ([], [A]),
        ([A, B], [B, A]),
        ([A, B], [B]),
        ([A], [row("a", "<p>y</p>")]),
        # around what is locked
        ([HEAD, A, FOOT], [HEAD, FOOT]),
        ([HEAD, A, B, FOOT], [HEAD, B, A, FOOT]),
        ([HEAD, FOOT], [HEAD, A, FOOT]),
        ([HEAD], [HEAD, A]),
        ([A, HEAD], [B, HEAD]),
        # a lock on the row leaves its contents free, and the other way round
        ([HEAD], [row("head", "<p>y</p>", locked=True)]),
        ([FOOT, A], [A, FOOT]),
    ],
)
def test_nothing_is_asked_for(before: list[Row], after: list[Row]) -> None:
    assert missing(before, after) == []


@pytest.mark.parametrize(
    ("before", "after", "asked"),
    [
        # locking and unlocking, in place and along with a new row
        ([A], [row("a", locked=True)], LOCK_ROWS_AND_CONTENTS),
        ([A], [row("a", fixed=True)], LOCK_ROWS_AND_CONTENTS),
        ([HEAD], [row("head")], LOCK_ROWS_AND_CONTENTS),
        ([FOOT], [row("foot")], LOCK_ROWS_AND_CONTENTS),
        ([], [HEAD], LOCK_ROWS_AND_CONTENTS),
        ([A], [A, FOOT], LOCK_ROWS_AND_CONTENTS),
        # removing and moving what is locked, or another row across it
        ([HEAD, A], [A], CHANGE_LOCKED_ROWS),
        ([HEAD, A], [A, HEAD], CHANGE_LOCKED_ROWS),
        ([A, HEAD, B], [B, A, HEAD], CHANGE_LOCKED_ROWS),
        # a first row stays first and a last one last
        ([HEAD, A], [B, HEAD, A], CHANGE_LOCKED_ROWS),
        ([A, HEAD], [A, HEAD, B], CHANGE_LOCKED_ROWS),
        ([HEAD], [B, HEAD], CHANGE_LOCKED_ROWS),
        # editing locked contents, and removing them with their row
        ([FOOT], [row("foot", "<p>y</p>", fixed=True)], CHANGE_LOCKED_CONTENTS),
        ([A, FOOT], [A], CHANGE_LOCKED_CONTENTS),
    ],
)
def test_one_permission_is_asked_for(before: list[Row], after: list[Row], asked: Any) -> None:
    others = {LOCK_ROWS_AND_CONTENTS, CHANGE_LOCKED_ROWS, CHANGE_LOCKED_CONTENTS} - {asked}
    assert missing(before, after, *others) == [asked]
    assert missing(before, after, asked) == []


def test_unlocking_frees_nothing_in_the_same_change() -> None:
    after = [A, row("head", "<p>y</p>")]
    assert missing([HEAD, A], after, LOCK_ROWS_AND_CONTENTS) == [CHANGE_LOCKED_ROWS]
    assert missing([FOOT], [row("foot", "<p>y</p>")]) == [
        LOCK_ROWS_AND_CONTENTS,
        CHANGE_LOCKED_CONTENTS,
    ]


ROWS = st.lists(
    st.builds(
        row,
        st.sampled_from("abcdef"),
        st.sampled_from(["<p>x</p>", "<p>y</p>"]),
        locked=st.booleans(),
        fixed=st.booleans(),
    ),
    unique_by=lambda found: found["key"],
    max_size=6,
)


@given(ROWS)
def test_leaving_all_as_it_is_needs_nothing(rows: list[Row]) -> None:
    assert missing(rows, rows) == []


@given(ROWS, ROWS)
def test_without_any_permission_all_that_is_locked_stays(
    before: list[Row], after: list[Row]
) -> None:
    if missing(before, after):
        return
    locked = [found["key"] for found in before if found["row_locked"]]
    assert [found["key"] for found in after if found["row_locked"]] == locked
    fixed = {found["key"]: found["html"] for found in before if found["contents_locked"]}
    assert {f["key"]: f["html"] for f in after if f["contents_locked"]} == fixed


@pytest.mark.parametrize(
    ("rows", "position"), [([], 0), ([A], 1), ([HEAD], 1), ([HEAD, A], 2), ([A, HEAD], 1)]
)
def test_a_new_row_goes_where_nothing_is_asked_for(rows: list[Row], position: int) -> None:
    assert free_position(rows) == position
    assert missing(rows, [*rows[:position], B, *rows[position:]]) == []


# what is made of it


def test_values_are_escaped_and_fill_in_nothing_else() -> None:
    rows = [row("a", clean_html('<p title="x" lang="y">Hi {{first_name}}, {{ last_name }}</p>'))]
    values = {"first_name": "<b>{{last_name}}</b>", "last_name": '"&'}
    assert as_html(rows, values) == (
        "<div><p>Hi &lt;b&gt;{{last_name}}&lt;/b&gt;, &quot;&amp;</p></div>"
    )
    assert as_text(rows, "", values) == 'Hi <b>{{last_name}}</b>, "&'


def test_a_value_stays_inside_its_attribute() -> None:
    rows = [row("a", clean_html('<img src="https://x.example/a.png" alt="{{first_name}}">'))]
    assert 'alt="&quot; onclick=&quot;x"' in as_html(rows, {"first_name": '" onclick="x'})


def test_what_is_not_known_stays_and_what_is_empty_is_replaced() -> None:
    assert fill("{{nobody}} {{first_name|there}} {{first_name}}.", {"first_name": ""}) == (
        "{{nobody}} there ."
    )
    assert fill("{{first_name|there}}", {"first_name": "Ana"}) == "Ana"
    assert fields_in([row("a", "{{ a }}{{b|c}}")], "{{d-e}} {{F}} {{ }} {%x%}") == {
        "a",
        "b",
        "d-e",
        "F",
    }


def test_no_template_engine_reads_what_people_write() -> None:
    rows = [row("a", clean_html("<p>{% load x %}{{ request.user }}{{ a.b }}{# c #}</p>"))]
    assert as_html(rows, {"request": "x", "a": "y"}) == (
        "<div><p>{% load x %}{{ request.user }}{{ a.b }}{# c #}</p></div>"
    )


def test_rows_make_the_text_part_when_there_is_none() -> None:
    rows = [
        row("a", clean_html("<h1>Spring\n sale</h1><p>One<br>two &amp; <b>three</b></p>")),
        row("b", clean_html("<ul><li>a</li><li>b</li></ul><hr><table><tr><td>c<td>d</table>")),
        row("c", clean_html('<p><a href="https://x.example/y">Shop</a> <img alt="Logo"></p>')),
        row("d", clean_html('<a href="mailto:a@b.example">a@b.example</a>')),
    ]
    assert as_text(rows) == (
        "Spring sale\n\nOne\ntwo & three\n\n- a\n- b\n\n---\n\nc d\n\n"
        "Shop (https://x.example/y) Logo\n\na@b.example"
    )
    assert as_text(rows, "Own {{first_name}}", {"first_name": "Ana"}) == "Own Ana"


def test_looking_loads_nothing() -> None:
    html = clean_html('<p>a<img src="https://x.example/y.png" alt="a>b &quot;c&quot;">d</p><img>')
    shown = as_preview(html)
    assert "<img" not in shown
    assert "x.example" not in shown
    assert shown == '<p>a<em>[Image: a&gt;b "c"]</em>d</p><em>[Image]</em>'


def test_what_was_stored_otherwise_is_cleaned_before_it_is_shown() -> None:
    assert as_preview("<script>x</script><p onclick='x'>y</p>") == "<p>y</p>"
