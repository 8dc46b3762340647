"""A run as tables for people."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table


def show(console: Console, found: dict[str, Any]) -> None:
    """Print the targets, then what they were judged by."""
    run, measures = found["run"], found["measures"]
    console.print(", ".join(f"{name} {value}" for name, value in run.items()))
    _targets(console, found)
    _reading(console, measures["reading"])
    _decisions(console, measures["decisions"])
    _pages(console, measures["changelist"])
    _stock(console, measures["stock"])
    _rows(console, measures)
    if growth := measures.get("growth"):
        _print(
            console,
            "12 Growth of the total ratio",
            ("person", "small", "large", "growth"),
            [tuple(row.values()) for row in growth],
        )


def _print(
    console: Console, title: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]
) -> None:
    table = Table(title=title, title_justify="left")
    for at, column in enumerate(columns):
        table.add_column(column, justify="right" if at else "left")
    for row in rows:
        table.add_row(*(str(cell) for cell in row))
    console.print()
    console.print(table)


def _targets(console: Console, found: dict[str, Any]) -> None:
    rows = [
        (t["name"], t["value"], t["target"], "yes" if t["met"] else "NO", t["worst"])
        for t in found["targets"]
    ]
    rows += [(name, "", "", "not measured", why) for name, why in found["not_measured"].items()]
    _print(console, "Targets", ("what", "value", "target", "met", "worst"), rows)


def _reading(console: Console, reading: list[dict[str, Any]]) -> None:
    rows = []
    for row in reading:
        cells = [row["persona"], row["subaccounts"], row["rows"], row["profile_ms"]]
        for what in ("page", "count", "total"):
            part = row[what]
            cells += [part["ours_ms"], part["to_by_hand"]]
            cells += [part["to_by_ids"]] if what == "total" else [part["to_unfiltered"]]
        rows.append(cells)
    columns = ["person", "subaccounts", "rows", "profile ms"]
    columns += ["page ms", "/ by hand", "/ unfiltered", "count ms", "/ by hand", "/ unfiltered"]
    columns += ["profile, page and count ms", "/ by hand", "/ by ids"]
    _print(console, "Lists: ours, and as a multiple of others", columns, rows)


def _decisions(console: Console, decisions: list[dict[str, Any]]) -> None:
    columns = ["person", "has_perm µs", "always yes µs", "can µs", "allows µs", "cold µs", "ratio"]
    _print(console, "One decision", columns, [tuple(row.values()) for row in decisions])


def _pages(console: Console, pages: list[dict[str, Any]]) -> None:
    columns = (
        "person", "ours ms", "plain ms", "ratio", "queries", "of filters", "plain", "access share",
    )  # fmt: skip
    title = "The console's list of 100 against a plain ModelAdmin"
    _print(console, title, columns, [tuple(row.values()) for row in pages])


def _stock(console: Console, stock: dict[str, Any]) -> None:
    rows = [
        (row["persona"], *(row["page_and_count"][k] for k in ("ours_ms", "guardian_ms")))
        for row in stock["reading"]
    ]
    title = f"Page and count against guardian's get_objects_for_user ({stock['rows']} rows)"
    _print(console, title, ("person", "ours ms", "guardian ms"), rows)
    both = {**stock["decisions"], **{f"who: {k}": v for k, v in stock["who"].items()}}
    _print(console, "Decisions against guardian, and who can", ("what", "value"), both.items())


def _rows(console: Console, measures: dict[str, Any]) -> None:
    rows = [
        (
            row["change"],
            row["access_rows"],
            ", ".join(f"{t}: {n}" for t, n in row["tables"].items()),
        )
        for row in measures["writes"]
    ]
    _print(console, "Rows written", ("change", "rows of access", "all rows"), rows)
    storage = {**measures["storage"], **measures["storage"]["rows"]}
    storage.pop("rows")
    _print(console, "Storage", ("what", "value"), storage.items())
