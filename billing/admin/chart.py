"""Charts: columns over time and a dashed line for what is included, worked out here for a template.

Everything is geometry and words; colours are classes of the stylesheet, so that a chart follows
light, dark and the account's own colour. The numbers are in the description and in a table too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from django.utils.formats import number_format

WIDTH, HEIGHT = 640, 220
LEFT, RIGHT, TOP, BOTTOM = 56, 8, 34, 28
#: room for the label of the dashed line, on a narrow screen too
LABEL = 170
#: names below the columns: at most so many
NAMES = 12


class Mark(NamedTuple):
    """One point in time: its short and its full name, what was used, what was included if that is
    to be shown."""

    name: str
    full_name: str
    value: int
    bound: int | None = None


class Column(NamedTuple):
    """One column; ``name`` and ``text`` are empty where there is no room for them."""

    x: str
    y: str
    width: str
    height: str
    middle: str
    above: str
    name: str
    text: str
    is_last: bool
    #: left out on a narrow screen
    is_spare: bool
    is_spare_name: bool


@dataclass(frozen=True)
class Chart:
    """What the template draws."""

    key: str
    title: str
    description: str
    unit: str
    #: the same as a table: when, used, included (empty for nothing)
    rows: Sequence[tuple[str, str, str]]
    columns: Sequence[Column]
    #: (height, number) of the lines across
    ticks: Sequence[tuple[str, str, str]]
    #: the dashed line as a path, and what stands at it
    path: str
    bound_text: str
    bound_x: str
    bound_y: str
    has_bounds: bool
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    right: int = WIDTH - RIGHT
    foot: int = HEIGHT - 9


def chart(key: str, title: str, unit: str, marks: Sequence[Mark]) -> Chart | None:
    """Return the chart of ``marks``; None if there is nothing to draw.

    ``unit`` names what is counted ("contacts"); ``key`` is unique on the page.
    """
    highest = max((mark.value for mark in marks), default=0)
    if highest == 0:
        return None
    bounds = [mark.bound for mark in marks if mark.bound is not None]
    top = nice(max(highest, *bounds) if bounds else highest)

    def height_of(value: int) -> float:
        return (HEIGHT - TOP - BOTTOM) * value / top

    floor, step = HEIGHT - BOTTOM, (WIDTH - LEFT - RIGHT) / len(marks)
    path = _path([(m.bound, floor - height_of(m.bound or 0)) for m in marks], step)
    last = next((m.bound for m in reversed(marks) if m.bound is not None), None)
    return Chart(
        key=key,
        title=title,
        description=_description(marks, unit),
        unit=unit,
        rows=[
            (m.full_name, grouped(m.value), "" if m.bound is None else grouped(m.bound))
            for m in marks
        ],
        columns=[
            _column(n, marks, step, floor - height_of(mark.value), highest)
            for n, mark in enumerate(marks)
        ],
        ticks=[
            (written(floor - height_of(n)), written(floor - height_of(n) + 4), short(n))
            for n in sorted({0, top // 2, top})
        ],
        path=path,
        bound_text="" if last is None else f"Included: {grouped(last)}",
        bound_x=written(_label_at(marks, step)),
        bound_y="" if last is None else written(max(floor - height_of(last) - 7, 12)),
        has_bounds=bool(bounds),
    )


def nice(value: int) -> int:
    """Return the round number at or above ``value``: 2, 4, 5 or 10 times a power of ten."""
    power = 1
    while value > power * 10:
        power *= 10
    return next(factor * power for factor in (2, 4, 5, 10) if value <= factor * power)


def short(number: int) -> str:
    """Return ``number`` with few letters: "940", "9,400", "94k", "9.4m"."""
    for size, letter in ((10**9, "bn"), (10**6, "m"), (10**4, "k")):
        if number >= size:
            unit = 10**3 if letter == "k" else size
            digits = 0 if number >= 100 * unit or number % unit == 0 else 1
            return f"{number_format(number / unit, digits)}{letter}"
    return grouped(number)


def grouped(number: int) -> str:
    """Return ``number`` as people read it: "12,340"."""
    return number_format(number, force_grouping=True)


def written(number: float) -> str:
    """Return a coordinate as SVG reads it, whatever the language of the page."""
    return f"{number:.1f}"


def _column(n: int, marks: Sequence[Mark], step: float, y: float, highest: int) -> Column:
    mark, is_last = marks[n], n == len(marks) - 1
    apart = -(-len(marks) // NAMES)  # every so many has a name, counted from the last
    is_highest = n == next(i for i, m in enumerate(marks) if m.value == highest)
    stands_out = is_last or is_highest
    has_room = apart == 1 or (stands_out and not _beside_highest(n, marks, highest, is_highest))
    width = step * (0.62 if apart == 1 else 0.76)
    x = LEFT + step * n + (step - width) / 2
    from_last = len(marks) - 1 - n
    return Column(
        x=written(x),
        y=written(y),
        width=written(width),
        height=written(HEIGHT - BOTTOM - y),
        middle=written(x + width / 2),
        above=written(y - 5),
        name=mark.name if from_last % apart == 0 else "",
        text=short(mark.value) if mark.value and has_room else "",
        is_last=is_last,
        is_spare=not stands_out,
        is_spare_name=apart > 1 and from_last // apart % 2 == 1,
    )


def _beside_highest(n: int, marks: Sequence[Mark], highest: int, is_highest: bool) -> bool:
    """Say whether the number over the last column would run into the one over the highest."""
    peak = next(i for i, mark in enumerate(marks) if mark.value == highest)
    return not is_highest and 0 < n - peak <= len(marks) // 10


def _label_at(marks: Sequence[Mark], step: float) -> float:
    """Return where the label of the dashed line begins: where the last step of it does, if there
    is room to its right."""
    last = next((n for n in reversed(range(len(marks))) if marks[n].bound is not None), 0)
    first = last
    while first and marks[first - 1].bound == marks[last].bound:
        first -= 1
    return min(LEFT + step * first, WIDTH - RIGHT - LABEL) + 4


def _path(heights: Sequence[tuple[int | None, float]], step: float) -> str:
    """Return the dashed line, a step for each change, with a gap where nothing is included."""
    found, drawing = [], False
    for n, (bound, y) in enumerate(heights):
        if bound is None:
            drawing = False
            continue
        start = LEFT + step * n
        found.append(f"{'V' if drawing else f'M{written(start)} '}{written(y)}")
        found.append(f"H{written(start + step)}")
        drawing = True
    return "".join(found)


def _description(marks: Sequence[Mark], unit: str) -> str:
    """Return in a sentence what one sees: from where to where, the most, the last."""
    most = max(marks, key=lambda mark: mark.value)
    last = marks[-1]
    text = (
        f"{marks[0].full_name} to {last.full_name}: most in {most.full_name}, "
        f"{grouped(most.value)} {unit}; last {grouped(last.value)}."
    )
    if last.bound is not None:
        text += f" Included: {grouped(last.bound)}, the dashed line."
    return text
