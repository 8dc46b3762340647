"""What the benchmark must show: each row of the performance targets, judged from what was measured.

A row has a value per thing it speaks of; the worst one is reported. What a run cannot measure is
not in the list.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

Target = dict[str, Any]

#: from how many subaccounts on a scope is a large one, and up to how many it is tiny
LARGE_SCOPE, TINY_SCOPE = 500, 20
TEAM_LIMITED = "team-limited"
OWNER = "owner"


def judge(measures: dict[str, Any], database: str) -> list[Target]:
    """Return name, value, target and whether it is met for each row that was measured."""
    return [
        *_reading(measures["reading"], database),
        *_pages(measures["changelist"]),
        *_decisions(measures),
        *_writes(measures["writes"], measures["storage"]),
        *_report(measures["report"]),
        *_growth(measures.get("growth", [])),
    ]


def _at_most(name: str, values: list[tuple[float, str]], limit: float) -> Iterator[Target]:
    if values:
        value, where = max(values)
        yield {
            "name": name,
            "value": value,
            "target": f"<= {limit:g}",
            "met": value <= limit,
            "worst": where,
        }


def _at_least(name: str, value: float | None, limit: float, where: str) -> Iterator[Target]:
    if value is not None:
        yield {
            "name": name,
            "value": value,
            "target": f">= {limit:g}",
            "met": value >= limit,
            "worst": where,
        }


def _reading(reading: list[dict[str, Any]], database: str) -> Iterator[Target]:
    def of(what: str, against: str, rows: list[dict[str, Any]]) -> list[tuple[float, str]]:
        return [(row[what][against], row["persona"]) for row in rows]

    yield from _at_most(
        "1 page against the filter by hand", of("page", "to_by_hand", reading), 1.25
    )
    yield from _at_most(
        "1 count against the filter by hand", of("count", "to_by_hand", reading), 1.1
    )
    large = [row for row in reading if row["subaccounts"] >= LARGE_SCOPE]
    small = [row for row in reading if row["subaccounts"] < LARGE_SCOPE]
    name = "2 profile, page and count against the filter by hand"
    yield from _at_most(
        f"{name}, {LARGE_SCOPE} subaccounts or more", of("total", "to_by_ids", large), 1.1
    )
    limit = 1.5 if database == "postgres" else 1.1
    yield from _at_most(f"{name}, fewer", of("total", "to_by_ids", small), limit)
    owner = [row for row in large if row["persona"] == OWNER]
    yield from _at_most(f"{name}, owner", of("total", "to_by_ids", owner), 0.5)


def _pages(pages: list[dict[str, Any]]) -> Iterator[Target]:
    def counted(row: dict[str, Any]) -> float:
        limited = row["persona"].startswith(TEAM_LIMITED)
        return float(row["queries"] - row["filter_queries"] - limited)

    but = "(one more per filter that asks, and if teams limit)"
    values = [(counted(row), row["persona"]) for row in pages]
    yield from _at_most(f"3 queries of a changelist {but}", values, 5)
    added = [(counted(row) - row["plain_queries"], row["persona"]) for row in pages]
    yield from _at_most(f"3 queries that access adds {but}", added, 1)
    shares = [(row["access_share"], row["persona"]) for row in pages]
    yield from _at_most("11 share of access control in a changelist", shares, 0.05)


def _decisions(measures: dict[str, Any]) -> Iterator[Target]:
    name = "4 warm user.has_perm against a backend that says yes"
    rows = [(row["has_perm_to_always_yes"], row["persona"]) for row in measures["decisions"]]
    limited = [row for row in rows if row[1].startswith(TEAM_LIMITED)]
    yield from _at_most(name, [row for row in rows if row not in limited], 1.5)
    yield from _at_most(f"{name}, team-limited", limited, 2)
    stock = measures["stock"]["decisions"]
    yield from _at_least(
        "5 one warm check, times faster than guardian", stock["one_faster"], 500, stock["persona"]
    )
    yield from _at_least(
        "5 1,000 checks, times faster than guardian", stock["many_faster"], 300, stock["persona"]
    )
    who = measures["stock"]["who"]
    where = f"{who['people']} people"
    yield from _at_most("9 queries of who can do this here", [(float(who["queries"]), where)], 1)
    yield from _at_least(
        "9 who can do this here, times faster than guardian", who["faster"], 500, where
    )


#: how many rows of access each kind of change may write
MOST_ROWS = {
    "all current and future subaccounts": 1,
    "new subaccount": 0,
    "new list": 0,
    "edit of a role": 2,
}


def _writes(writes: list[dict[str, Any]], storage: dict[str, Any]) -> Iterator[Target]:
    for row in writes:
        if row["change"] in MOST_ROWS:
            value = [(float(row["access_rows"]), row["change"])]
            yield from _at_most(f"6 rows written: {row['change']}", value, MOST_ROWS[row["change"]])
    per = [(storage["rows_per_membership"], f"{storage['memberships']} memberships")]
    yield from _at_most("8 access rows per membership", per, 1.2)
    if "access_to_lists" in storage:
        share = [(storage["access_to_lists"], "with indexes")]
        yield from _at_most("8 bytes of access against those of the lists", share, 0.2)


#: of how many recorded rows the target of a report speaks
REPORT_ROWS = 35_000


def _report(found: dict[str, Any]) -> Iterator[Target]:
    """Judge the report by what 35,000 rows take.

    Of an account with fewer at most the double of its time: what a statement takes is not rows'.
    """
    share = round(found["database_ms"] * min(2, REPORT_ROWS / max(found["rows"], 1)), 2)
    where = (
        f"{found['lines']:,} lines, {found['rows']:,} rows read in {found['database_ms']:g} ms "
        f"({found['fetched_ms']:g} with Python's part), {found['queries']} queries"
    )
    yield from _at_most("10 ms of database time of a report of 35k rows", [(share, where)], 100)


def _growth(growth: list[dict[str, Any]]) -> Iterator[Target]:
    values = [(row["growth"], row["persona"]) for row in growth]
    yield from _at_most("12 growth of the total ratio from small to large", values, 1.2)


#: rows of the targets that no run measures, and who sees to them
NOT_MEASURED = {
    "7 removal effective at the next check": "held by tests/concurrency/test_revocation.py",
}
