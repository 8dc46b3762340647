"""Print what each role of an edition may do."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from permissions.management.base import OurCommand, UsageError
from teams.editions import EDITIONS
from teams.matrix import matrix


class Command(OurCommand):
    """Ask the engine for every role and permission of an edition."""

    help = "Print the role and permission matrix of an edition, asked of the engine itself."
    formats = ("text", "json", "csv")

    def add_arguments(self, parser: CommandParser) -> None:
        """Add ``--edition``."""
        parser.add_argument("--edition", required=True, help=", ".join(EDITIONS))

    def handle(self, *args: Any, **options: Any) -> None:
        """Print a line per permission, with the role columns of the edition's truth table."""
        edition = EDITIONS.get(options["edition"])
        if edition is None:
            raise UsageError(
                f"There is no edition {options['edition']!r}; choose one of {', '.join(EDITIONS)}."
            )
        columns = ["permission", "scope", *(column.name for column in edition.columns)]
        rows = [(str(x.permission), x.scope, *x.cells) for x in matrix(edition)]
        self.table(columns, rows, options["format"])
