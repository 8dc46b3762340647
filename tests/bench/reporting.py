"""What the access report of the largest account costs the database."""

from __future__ import annotations

from typing import Any

from django.db import connection
from django.test.utils import CaptureQueriesContext

from teams.account_rows import read
from teams.models import Account, Membership
from teams.report import report
from tests.bench.measure import in_turns
from tests.bench.plan import MAIN
from tests.bench.reading import Budget

Statement = tuple[str, Any]


def access_report(budget: Budget) -> dict[str, Any]:
    """Return the lines of the report, its statements, and the milliseconds they take to run and to
    fetch."""
    account = Account.objects.get(pk=MAIN)
    statements: list[Statement] = []

    def listen(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        statements.append((sql, params))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(listen), CaptureQueriesContext(connection) as queries:
        read(account)
    taken = in_turns(
        {"database": lambda: [_fetched(*statement) for statement in statements]},
        rounds=budget.rounds,
        budget=budget.seconds,
        warm_up=1,
    )
    return {
        "memberships": Membership.objects.filter(account=account).count(),
        "rows": sum(_fetched(*statement) for statement in statements),
        "lines": sum(1 for _line in report(account)),
        "queries": len(queries),
        "database_ms": round(1000 * taken["database"], 2),
    }


def _fetched(sql: str, params: Any) -> int:
    """Run one statement and return how many rows came."""
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return len(cursor.fetchall())
