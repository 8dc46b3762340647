"""Charts: geometry for a template, and the same in words."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest
from django.template.loader import render_to_string

from billing.admin.chart import (
    BOTTOM,
    HEIGHT,
    LABEL,
    LEFT,
    RIGHT,
    TOP,
    WIDTH,
    Mark,
    chart,
    nice,
    short,
)

pytestmark = pytest.mark.once


def marks(*values: int, bound: int | None = None) -> list[Mark]:
    return [Mark(f"d{n}", f"day {n}", value, bound) for n, value in enumerate(values)]


def test_columns_are_as_high_as_their_value_and_stay_inside() -> None:
    found = chart("k", "Title", "contacts", marks(0, 50, 100))
    assert found is not None
    floor = HEIGHT - BOTTOM
    assert [float(column.height) for column in found.columns] == [0, (floor - TOP) / 2, floor - TOP]
    for column in found.columns:
        assert float(column.y) + float(column.height) == floor
        assert LEFT <= float(column.x) <= float(column.x) + float(column.width) <= WIDTH - RIGHT
    assert [column.text for column in found.columns] == ["", "50", "100"]
    assert [text for _y, _text_y, text in found.ticks] == ["0", "50", "100"]


def test_nothing_used_draws_nothing() -> None:
    assert chart("k", "Title", "contacts", []) is None
    assert chart("k", "Title", "contacts", marks(0, 0, bound=5)) is None


def test_the_dashed_line_steps_where_the_plan_changes_and_stops_where_there_is_none() -> None:
    several = [
        Mark("a", "a", 5, None),
        Mark("b", "b", 5, 10),
        Mark("c", "c", 5, 10),
        Mark("d", "d", 5, 20),
        Mark("e", "e", 5, None),
        Mark("f", "f", 5, 20),
    ]
    found = chart("k", "Title", "contacts", several)
    assert found is not None
    assert found.path.count("M") == 2
    assert found.path.count("H") == 4
    assert found.bound_text == "Included: 20"
    # where the last step begins, or as near to it as there is room
    assert float(found.bound_x) == WIDTH - RIGHT - LABEL + 4
    again = chart("k", "Title", "contacts", [*marks(5, 5, bound=10), *marks(*[5] * 6, bound=20)])
    assert again is not None
    assert float(again.bound_x) == LEFT + (WIDTH - LEFT - RIGHT) / 8 * 2 + 4
    assert "Included: 20" in found.description
    assert [row[2] for row in found.rows] == ["", "10", "10", "20", "", "20"]


def test_thirty_days_are_named_sparsely_and_only_what_stands_out_has_its_number() -> None:
    found = chart("k", "Title", "messages", marks(*range(1, 30), 3))
    assert found is not None
    assert sum(bool(column.name) for column in found.columns) == 10
    assert found.columns[-1].name == "d29"
    # the highest stands right before the last: one number, or they would run into each other
    assert [column.text for column in found.columns if column.text] == ["29"]
    calm = chart("k", "Title", "messages", marks(9, *range(29)))
    assert calm is not None
    assert [column.text for column in calm.columns if column.text] == ["28"]


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "0"),
        (940, "940"),
        (9400, "9,400"),
        (10_000, "10k"),
        (94_321, "94.3k"),
        (943_210, "943k"),
        (9_432_100, "9.4m"),
        (2_000_000_000, "2bn"),
    ],
)
def test_numbers_are_short(number: int, text: str) -> None:
    assert short(number) == text


@pytest.mark.parametrize(
    ("value", "top"), [(1, 2), (2, 2), (3, 4), (7, 10), (41, 50), (100, 100), (101, 200)]
)
def test_the_scale_ends_at_a_round_number(value: int, top: int) -> None:
    assert nice(value) == top


def test_the_drawing_is_well_formed_says_what_it_shows_and_has_no_style_of_its_own() -> None:
    drawn = chart("k", "Contacts <by> month", "contacts", marks(12_345, 6, bound=10_000))
    text = render_to_string("billing/console/chart.html", {"chart": drawn})
    assert "style" not in text
    root = ET.fromstring(text)
    svg = root.find("svg")
    assert svg is not None
    assert svg.get("role") == "img"
    assert svg.get("aria-labelledby") == "k-title k-desc"
    assert svg.findtext("title") == "Contacts <by> month"
    assert "most in day 0, 12,345 contacts; last 6" in (svg.findtext("desc") or "")
    rows = [[cell.text for cell in row] for row in root.findall("details/table/tbody/tr")]
    assert rows == [["day 0", "12,345", "10,000"], ["day 1", "6", "10,000"]]
