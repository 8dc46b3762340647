"""Two columns of the matrix beside each other: how each line differs, by sign and word."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace

from teams.admin.matrix import (
    CONDITIONS,
    EQUAL,
    IF,
    LESS,
    MORE,
    NO,
    OPTIONAL,
    OTHERWISE,
    YES,
    Area,
    Head,
    Row,
    Said,
)

SAME = Said(EQUAL, "The same")


def compared(table: Iterable[Area], pair: tuple[Head, Head]) -> list[Area]:
    """Return ``table``, whose columns are ``pair``, with what is to be said of each line."""
    return [
        replace(area, rows=tuple(replace(row, said=_said(row, pair)) for row in area.rows))
        for area in table
    ]


def differences(table: Iterable[Area]) -> list[Area]:
    """Return only the lines that differ, by area."""
    left = [
        replace(area, rows=tuple(row for row in area.rows if row.said and row.said.differs))
        for area in table
    ]
    return [area for area in left if area.rows]


def tally(table: Iterable[Area]) -> list[tuple[Said, int]]:
    """Return how often each thing is said: what the first has more, then less, the same last."""
    counts = Counter(row.said or SAME for area in table for row in area.rows)
    order = (MORE, LESS, OTHERWISE, EQUAL)
    return sorted(counts.items(), key=lambda item: (order.index(item[0].sign), -item[1]))


def _said(row: Row, pair: tuple[Head, Head]) -> Said:
    (one, other), (one_when, other_when) = row.cells, row.whens
    if (one, one_when) == (other, other_when):
        return SAME
    sides = list(zip(row.cells, row.whens, _names(pair), strict=True))
    if NO not in row.cells:
        terms = [f"{_terms(cell, when)} for {name}" for cell, when, name in sides if cell != YES]
        text = ", ".join(terms)
        return Said(OTHERWISE, text[0].upper() + text[1:])
    first = other == NO
    cell, when, name = sides[0 if first else 1]
    terms_of_one = f", {_terms(cell, when)}" if cell != YES else ""
    return Said(MORE if first else LESS, f"Only {name}{terms_of_one}")


def _names(pair: tuple[Head, Head]) -> tuple[str, ...]:
    """Return what tells the two apart: their places, if it is the same role in two of them."""
    is_one_role = len({(head.label, head.custom) for head in pair}) == 1
    if is_one_role and all(head.note for head in pair):
        return tuple(head.note for head in pair)
    return tuple(head.name for head in pair)


def _terms(cell: str, when: str) -> str:
    return {OPTIONAL: "optional", IF: CONDITIONS.get(when, "on a condition")}[cell]
