"""Write what a month came to, as a workbook, CSV or JSON."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from typing import Any

from django.core.management.base import CommandParser
from django.core.serializers.json import DjangoJSONEncoder

from billing.report_text import csv_of, json_of
from billing.reports import Report, month_of, report_of
from billing.spreadsheet import write_xlsx
from permissions.errors import NotFound
from permissions.management.base import OurCommand, UsageError
from teams import selectors
from teams.csv_files import MEGABYTE
from teams.explain import find_user
from teams.management.writing import write


class Command(OurCommand):
    """The same report as in the console, for whoever ``--actor`` names."""

    help = (
        "Write what ACCOUNT used and was charged in MONTH, as far as ACTOR may know. Exits with 1 "
        "if ACTOR may not or nothing could be written, and never leaves half a file."
    )
    formats = ("xlsx", "csv", "json")

    def add_arguments(self, parser: CommandParser) -> None:
        """Add who asks, about what, and where to write it."""
        parser.add_argument("--account", required=True, help="its short name, such as emma-hq")
        parser.add_argument("--actor", required=True, help="the user name of whoever asks")
        parser.add_argument("--month", required=True, help="such as 2026-10")
        parser.add_argument("--output", default="-", help="a file; standard output unless given")

    def handle(self, *args: Any, **options: Any) -> None:
        """Write it."""
        kind, output = options["format"], options["output"]
        if kind == "xlsx" and output == "-":
            raise UsageError("A workbook is no text: name a file with --output.")
        month = month_of(options["month"])
        actor = find_user(options["actor"])
        account = selectors.accounts_of(actor).filter(slug=options["account"]).first()
        if account is None:
            raise NotFound(f"There is no account {options['account']!r}.")
        write(self, output, _chunks(report_of(actor, account, month), kind))


def _chunks(report: Report, kind: str) -> Iterator[bytes]:
    if kind == "csv":
        yield from (line.encode() for line in csv_of(report))
    elif kind == "json":
        text = json.dumps(json_of(report), cls=DjangoJSONEncoder, indent=2, ensure_ascii=False)
        yield f"{text}\n".encode()
    else:
        with tempfile.TemporaryFile() as file:
            write_xlsx(report, file)
            file.seek(0)
            while chunk := file.read(MEGABYTE):
                yield chunk
