"""What every command of ours does the same way.

Exit codes: 0 fine, 1 a problem was found or access is denied, 2 the command was called wrongly.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from django.core.management.base import BaseCommand, CommandError, OutputWrapper
from django.core.serializers.json import DjangoJSONEncoder
from django.db import DatabaseError
from rich.console import Console
from rich.file_proxy import FileProxy
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from permissions import access, audit
from permissions.errors import Invalid, Refused

PROBLEM = 1
USAGE = 2


class UsageError(CommandError):
    """The command was called with something that makes no sense; nothing was done."""

    def __init__(self, message: str) -> None:
        super().__init__(message, returncode=USAGE)


class OurCommand(BaseCommand):
    """A command whose errors are sentences and whose output comes as text, JSON or CSV."""

    formats: Sequence[str] = ()

    def create_parser(self, *args: Any, **kwargs: Any) -> Any:
        """Add ``--format`` where the command prints data."""
        parser = super().create_parser(*args, **kwargs)
        if self.formats:
            parser.add_argument(
                "--format", choices=self.formats, default=self.formats[0], help="output format"
            )
        return parser

    def execute(self, *args: Any, **options: Any) -> Any:
        """Run within one unit of work; refusals and database trouble become clear messages."""
        if self.formats and options["format"] not in self.formats:  # call_command lets any pass
            known = ", ".join(self.formats)
            raise UsageError(f"There is no format {options['format']!r}; choose one of {known}.")
        try:
            with access.unit_of_work(), audit.coming(audit.COMMAND):
                return super().execute(*args, **options)
        except Refused as refusal:
            raise CommandError(f"{refusal.code}: {refusal.message}", returncode=PROBLEM) from None
        except Invalid as error:
            raise CommandError(f"{error.code}: {error.message}", returncode=USAGE) from None
        except DatabaseError as error:
            raise CommandError(
                f"The database does not answer as expected ({type(error).__name__}: "
                f"{str(error).splitlines()[0] if str(error) else 'no detail'}). "
                "Is DATABASE_URL right, and has 'migrate' been run?",
                returncode=USAGE,
            ) from error

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[Any]], fmt: str) -> None:
        """Print ``rows`` under ``columns`` in the chosen format."""
        if fmt == "csv":
            writer = csv.writer(self.stdout, lineterminator="\n")
            writer.writerow(columns)
            writer.writerows(rows)
        elif fmt == "json":
            self.json([dict(zip(columns, row, strict=True)) for row in rows])
        else:
            grid = Table(*columns, box=None, pad_edge=False, header_style="bold")
            for row in rows:
                grid.add_row(*(str(cell) for cell in row))
            self.console().print(grid)

    def json(self, value: Any) -> None:
        """Print ``value`` as JSON."""
        text = json.dumps(value, cls=DjangoJSONEncoder, indent=2, ensure_ascii=False)
        self.stdout.write(text)

    def console(self) -> Console:
        """Return a rich console on the command's output, wide enough where it is no terminal."""
        stream: Any = vars(self.stdout)["_out"]  # the stream below Django's styling
        is_terminal = bool(getattr(stream, "isatty", lambda: False)())
        return Console(
            file=stream,
            width=None if is_terminal else 200,
            highlight=False,
            markup=False,
            emoji=False,
        )

    @contextmanager
    def progress(self, name: str, total: int | None = None) -> Iterator[Callable[..., None]]:
        """Show a progress bar on the error output, where somebody is looking.

        Yields ``tell(done, total=…)``. What is printed meanwhile stands above the bar.
        """
        errors: Any = vars(self.stderr)["_out"]
        console = Console(file=errors)
        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
        )
        plain = self.stdout
        with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
            task = bar.add_task(name, total=total)
            if console.is_terminal and plain.isatty():
                stream: Any = FileProxy(console, vars(plain)["_out"])
                self.stdout = OutputWrapper(stream)
            try:
                yield lambda done, total=total: bar.update(task, completed=done, total=total)
            finally:
                self.stdout = plain
