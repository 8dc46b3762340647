"""Check every invariant on the stored data."""

from __future__ import annotations

from typing import Any

from permissions.management.base import PROBLEM, OurCommand
from teams.integrity import problems


class Command(OurCommand):
    """Look for data that no sequence of services could have produced."""

    help = "Check every invariant on the stored data. Exits with 1 if one is broken."
    formats = ("text", "json", "csv")

    def handle(self, *args: Any, **options: Any) -> None:
        """Print every broken invariant; exit with 1 if there is one."""
        found = list(problems())
        fmt = options["format"]
        if fmt != "text" or found:
            self.table(
                ("rule", "subject", "detail"), [(p.rule, p.subject, p.detail) for p in found], fmt
            )
        if found:
            raise SystemExit(PROBLEM)
        if fmt == "text":
            self.stdout.write("Every invariant holds.")
