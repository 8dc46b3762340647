"""What the access report of the largest account costs the database."""

from __future__ import annotations

from typing import Any

from django.db import connection
from django.test.utils import CaptureQueriesContext

from teams.account_rows import read
from teams.models import Account, Membership
from teams.report import report
from tests.bench.clock import database_clock
from tests.bench.measure import in_turns
from tests.bench.plan import MAIN
from tests.bench.reading import Budget

Statement = tuple[str, Any]


def access_report(budget: Budget) -> dict[str, Any]:
    """Return the lines of the report, its statements, and the milliseconds they take: of the
    database's own time, and until all rows are values of Python."""
    account = Account.objects.get(pk=MAIN)
    statements: list[Statement] = []

    def listen(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        statements.append((sql, params))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(listen), CaptureQueriesContext(connection) as queries:
        read(account)
    calls = {"rows": lambda: [_fetched(*statement) for statement in statements]}
    limits: dict[str, Any] = {"rounds": budget.rounds, "budget": budget.seconds, "warm_up": 1}
    database = in_turns(calls, **limits, tell=database_clock())
    fetched = in_turns(calls, **limits)
    return {
        "memberships": Membership.objects.filter(account=account).count(),
        "rows": sum(_fetched(*statement) for statement in statements),
        "lines": sum(1 for _line in report(account)),
        "queries": len(queries),
        "database_ms": round(1000 * database["rows"], 2),
        "fetched_ms": round(1000 * fetched["rows"], 2),
    }


def _fetched(sql: str, params: Any) -> int:
    """Run one statement and return how many rows came."""
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return len(cursor.fetchall())
