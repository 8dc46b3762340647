"""One run at one size, in a database that is empty and that nobody else uses.

``manage.py bench`` starts this as a process of its own, with the settings of the tests and the
address of a database made for it.
"""

from __future__ import annotations

import platform
from collections.abc import Callable
from typing import Any

import django
from django.core.management import call_command
from django.db import connection

from tests.bench.clock import clock, without_helpers
from tests.bench.data import write
from tests.bench.deciding import decide, decide_against_stock, who
from tests.bench.pages import changelist
from tests.bench.personas import Persona, check, personas
from tests.bench.plan import MANAGER_500, MEMBER_1, OWNER, TEAM_LIMITED, Plan
from tests.bench.reading import SHADOWED, Budget, read, read_stock
from tests.bench.reporting import access_report
from tests.bench.sizes import Size
from tests.bench.stock import Stock
from tests.bench.writing import count_writes, storage

Progress = Callable[[str], None]

DECIDERS = (OWNER, MANAGER_500, MEMBER_1, TEAM_LIMITED)
BROWSERS = (OWNER, MANAGER_500, MEMBER_1, TEAM_LIMITED)


class NotEmpty(Exception):
    """The database holds something already."""


def require_empty() -> None:
    """Raise NotEmpty if there is any table: the benchmark writes into nobody's data."""
    tables = connection.introspection.table_names()
    if tables:
        raise NotEmpty(
            f"The database {connection.settings_dict['NAME']} is not empty: it has {len(tables)} "
            "tables. The benchmark writes only into an empty one; nothing was changed."
        )


def prepare(size: Size, progress: Progress) -> Plan:
    """Make the tables and fill them."""
    require_empty()
    without_helpers()
    progress("making the tables")
    call_command("migrate", verbosity=0)
    plan = Plan(size)
    write(plan, progress)
    return plan


def measure(plan: Plan, budget: Budget, progress: Progress) -> dict[str, Any]:
    """Return every measure by name."""
    progress("comparing what everybody sees with the filters by hand")
    people = personas(plan)
    check(people)
    by_key = {p.key: p for p in reversed(people)}
    found: dict[str, Any] = {"storage": storage(), "reading": []}
    for persona in people:
        progress(f"reading as {persona.name}")
        found["reading"].append(read(persona, budget))
    progress("deciding")
    found["decisions"] = [decide(by_key[key], budget) for key in DECIDERS]
    found["changelist"] = []
    for key in BROWSERS:
        progress(f"browsing as {by_key[key].name}")
        found["changelist"].append(changelist(by_key[key], budget))
    progress("counting the rows of each grant")
    found["writes"] = count_writes()
    progress("reporting")
    found["report"] = access_report(budget)
    found["stock"] = _stock(plan, by_key, budget, progress)
    return found


def _stock(
    plan: Plan, by_key: dict[int, Persona], budget: Budget, progress: Progress
) -> dict[str, Any]:
    progress("writing guardian's rows")
    shadows, people = Stock(), [by_key[key] for key in SHADOWED]
    shadows.shadow(people)
    progress("asking guardian for lists")
    reading = read_stock(people, shadows, budget)
    progress("asking guardian for decisions")
    decisions = decide_against_stock(by_key[OWNER], shadows, budget)
    progress("asking guardian who can")
    asked = who(plan, shadows, budget)
    return {"rows": shadows.rows, "reading": reading, "decisions": decisions, "who": asked}


def surroundings() -> dict[str, str]:
    """Return the versions that figures depend on."""
    with connection.cursor() as cursor:
        query = "SHOW server_version" if connection.vendor == "postgresql" else None
        cursor.execute(query or "SELECT sqlite_version()")
        version = cursor.fetchone()[0]
    return {
        "python": platform.python_version(),
        "django": django.get_version(),
        "measured": clock()[0],
        connection.vendor: str(version),
    }
