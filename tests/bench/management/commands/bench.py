"""Measure what access control costs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

from django.core.management.base import CommandParser

from config.environment import BASE_DIR
from permissions.management.base import PROBLEM, OurCommand, UsageError
from tests.bench.report import show
from tests.bench.scratch import Unavailable, fresh, server
from tests.bench.sizes import SIZES, SMALLEST
from tests.bench.targets import NOT_MEASURED, judge

LARGEST = "large"
#: how often each comparison is repeated, if time allows
ROUNDS = {"tiny": 3, "small": 31, "medium": 21, "large": 15}
SECONDS = 8.0
DATABASES = ("sqlite", "postgres")


class Failed(Exception):
    """A run ended with an error, which it has printed."""


class Command(OurCommand):
    """Fill a database of its own, measure in turns, and compare with the targets."""

    help = (
        "Measure what access control costs, as ratios within one run and as counts. Works in a "
        "database made for it (a temporary SQLite file, or a new database on the PostgreSQL server "
        "that DATABASE_URL names, or on a throw-away server) and drops that afterwards. Exits with "
        "0 whatever was measured; with --check, with 1 if a target was missed."
    )
    formats = ("text", "json")
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        """Add size, database, and how long to measure."""
        parser.add_argument(
            "--size", choices=tuple(SIZES), default=SMALLEST, help="how much data there is"
        )
        parser.add_argument("--database", choices=DATABASES, default=DATABASES[0])
        parser.add_argument(
            "--rounds", type=int, help="repetitions of each comparison; the median counts"
        )
        parser.add_argument(
            "--seconds", type=float, default=SECONDS, help="time one comparison may take at most"
        )
        parser.add_argument(
            "--check", action="store_true", help="exit with 1 if a target was missed"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Run, judge, print."""
        size, rounds = options["size"], options["rounds"]
        for name, known in (("size", SIZES), ("database", DATABASES)):
            if options[name] not in known:  # call_command lets any pass
                raise UsageError(f"--{name} takes one of {', '.join(known)}.")
        if rounds is not None and not 1 <= rounds <= 1000:
            raise UsageError("--rounds takes a number from 1 to 1000.")
        if not 0 < options["seconds"] <= 3600:
            raise UsageError("--seconds takes a number above 0 and up to 3600.")
        try:
            found = _run(size, options["database"], rounds, options["seconds"])
        except (Unavailable, Failed) as error:
            raise UsageError(str(error)) from None
        if options["format"] == "json":
            self.json(found)
        else:
            show(self.console(), found)
        if options["check"] and not all(target["met"] for target in found["targets"]):
            raise SystemExit(PROBLEM)


def _run(size: str, database: str, rounds: int | None, seconds: float) -> dict[str, Any]:
    sizes = [SMALLEST, size] if size == LARGEST else [size]
    found: dict[str, dict[str, Any]] = {}
    with server(database, os.environ) as address:
        for each in sizes:
            with fresh(address) as url:
                found[each] = _measured(each, rounds or ROUNDS[each], seconds, url)
    measures = found[size]
    surroundings = measures.pop("surroundings")
    not_measured = dict(NOT_MEASURED)
    if size == LARGEST:
        measures["growth"] = _growth(found[SMALLEST]["reading"], measures["reading"])
    else:
        not_measured["12 growth of the total ratio from small to large"] = (
            f"needs --size {LARGEST}, which measures {SMALLEST} in the same run"
        )
    parameters = {
        "size": size,
        "database": database,
        "subaccounts": SIZES[size].subaccounts,
        "lists": SIZES[size].lists,
        "people": SIZES[size].people,
        "memberships": measures["storage"]["memberships"],
        "rounds": rounds or ROUNDS[size],
        "seconds_per_comparison": seconds,
        "seconds": measures.pop("seconds"),
        **surroundings,
    }
    return {
        "run": parameters,
        "targets": judge(measures, database),
        "not_measured": not_measured,
        "measures": measures,
    }


def _measured(size: str, rounds: int, seconds: float, url: str) -> dict[str, Any]:
    """Run one size in a process of its own and return its measures. Raises Failed."""
    environment = {
        **os.environ,
        "DATABASE_URL": url,
        "DJANGO_SETTINGS_MODULE": "config.settings.test",
    }
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench", size, str(rounds), str(seconds)],
        cwd=BASE_DIR,
        env=environment,
        stdout=subprocess.PIPE,
        check=False,
    )
    if done.returncode:
        raise Failed(f"The run at size {size} ended with an error ({done.returncode}); see above.")
    measures: dict[str, Any] = json.loads(done.stdout)
    return measures


def _growth(small: list[dict[str, Any]], large: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return by how much each person's total ratio grew."""
    before = {row["persona"]: row["total"]["to_by_hand"] for row in small}
    return [
        {
            "persona": row["persona"],
            "small": before[row["persona"]],
            "large": row["total"]["to_by_hand"],
            "growth": round(row["total"]["to_by_hand"] / before[row["persona"]], 3),
        }
        for row in large
    ]
