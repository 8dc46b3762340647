"""Check every invariant on the stored data."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from permissions.management.base import PROBLEM, OurCommand, UsageError
from teams.integrity import problems
from teams.sampling import SAMPLE


class Command(OurCommand):
    """Look for data that no sequence of services could have produced."""

    help = "Check every invariant on the stored data. Exits with 1 if one is broken."
    formats = ("text", "json", "csv")

    def add_arguments(self, parser: CommandParser) -> None:
        """Add how many decisions are looked at, and which."""
        parser.add_argument(
            "--sample",
            type=int,
            default=SAMPLE,
            help=f"random decisions held against the rows they name ({SAMPLE}; 0 for none)",
        )
        parser.add_argument("--seed", type=int, help="ask the same questions as another time")

    def handle(self, *args: Any, **options: Any) -> None:
        """Print every broken invariant; exit with 1 if there is one."""
        if options["sample"] < 0:
            raise UsageError(
                f"--sample is how many decisions are looked at, not {options['sample']}."
            )
        found = list(problems(sample=options["sample"], seed=options["seed"]))
        fmt = options["format"]
        if fmt != "text" or found:
            self.table(
                ("rule", "subject", "detail"), [(p.rule, p.subject, p.detail) for p in found], fmt
            )
        if found:
            raise SystemExit(PROBLEM)
        if fmt == "text":
            self.stdout.write("Every invariant holds.")
