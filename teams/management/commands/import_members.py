"""Bring people in from a CSV file: the service of the console, with figures and exit codes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from django.core.management.base import CommandParser

from permissions.management.base import PROBLEM, OurCommand
from teams.csv_files import ENCODINGS, ROWS_LIMIT, guarded
from teams.explain import find_object, find_user
from teams.management.moving import opened_file
from teams.services import newcomers
from teams.services.newcomer_giving import Kind
from teams.services.newcomer_rows import COLUMNS, Row, read
from teams.services.newcomers import Result

HEADINGS = ("line", "address", "kind", "code", "sentence")
GO_ON = (
    "Stopped at line {line}: {sentence} Call the same command again then; rows that are done "
    "already are left alone."
)


class Command(OurCommand):
    """Invites whoever is not in the account, and adds who is; rows that are done stay as they are.

    With ``--skip-refused`` every row is a transaction of its own: after a kill the same command
    goes on where it stopped. Otherwise all rows are one.
    """

    help = (
        "Invite and add the people in FILE (CSV with a heading line, - for standard input) to an "
        f"account in the name of ACTOR. Columns: {', '.join(COLUMNS)}. Exits with 1 if a row was "
        "refused; nothing is done then, unless with --skip-refused."
    )
    formats = ("text", "json", "csv")

    def add_arguments(self, parser: CommandParser) -> None:
        """Add what to read, who does it and where."""
        parser.add_argument("file")
        parser.add_argument("--actor", required=True, help="the user name of whoever does it")
        parser.add_argument("--account", required=True, help="its short name, such as emma-hq")
        parser.add_argument("--dry-run", action="store_true", help="say what would happen")
        parser.add_argument(
            "--skip-refused", action="store_true", help="leave refused rows out, do the others"
        )
        parser.add_argument("--encoding", choices=ENCODINGS, default="", help="if it is not UTF-8")

    def handle(self, *args: Any, **options: Any) -> None:
        """Read it to its end, carry it out, and say what came of it."""
        who = {
            "actor": find_user(options["actor"]),
            "account": find_object(f"teams.account:{options['account']}"),
        }
        with opened_file(options["file"]) as file:
            rows = read(file, options["encoding"], limit=ROWS_LIMIT)
        stopped: Result | None = None
        is_done = not options["dry_run"]
        with self.progress(f"{len(rows):,} rows", total=len(rows)) as tell:
            if options["dry_run"]:
                results = newcomers.plan(**who, rows=rows, progress=tell)
            elif options["skip_refused"]:
                results, stopped = _one_by_one(who, rows, tell)
            else:
                outcome = newcomers.bring_in_all(**who, rows=rows, progress=tell)
                results, is_done = outcome.results, outcome.is_done
        self._say(results, options, is_done=is_done, stopped=stopped)
        if stopped or any(result.kind == Kind.REFUSED for result in results):
            raise SystemExit(PROBLEM)

    def _say(
        self,
        results: Sequence[Result],
        options: dict[str, Any],
        *,
        is_done: bool,
        stopped: Result | None,
    ) -> None:
        counts = Counter(result.kind for result in results)
        lacking = newcomers.missing_of(results)
        if options["format"] == "csv":
            cells = [[guarded(cell) for cell in _cells(result)] for result in results]
            self.table(HEADINGS, cells, "csv")
            return
        if options["format"] == "json":
            self.json(
                {
                    **{str(kind): counts[kind] for kind in Kind},
                    "is_done": is_done,
                    "dry_run": options["dry_run"],
                    "stopped_at_line": stopped.line if stopped else None,
                    "missing": [
                        {"permission": one.permission, "label": one.label, "place": one.place}
                        for one in lacking
                    ],
                    "rows": [
                        dict(zip(HEADINGS, (result.line, *_cells(result)[1:]), strict=True))
                        for result in results
                    ],
                }
            )
            return
        for one in lacking:
            self.stdout.write(f"Missing: {one.label} in {one.place}.")
        refused = [_cells(result) for result in results if result.kind == Kind.REFUSED]
        if refused:
            self.table(HEADINGS, refused, "text")
        self.stdout.write(", ".join(f"{counts[kind]:,} {kind}" for kind in Kind) + ".")
        if stopped:
            self.stdout.write(GO_ON.format(line=stopped.line, sentence=stopped.sentence))
        elif options["dry_run"]:
            self.stdout.write("Nothing was changed: this was a dry run.")
        elif not is_done:
            self.stdout.write(
                "Nothing was changed: it is all or nothing. Mend the refused rows, or leave them "
                "out with --skip-refused."
            )


def _cells(result: Result) -> list[str]:
    line, kind = str(result.line), str(result.kind)
    return [line, result.address, kind, result.code, result.sentence]


def _one_by_one(
    who: dict[str, Any], rows: Sequence[Row], tell: Callable[[int], None]
) -> tuple[list[Result], Result | None]:
    """Carry out each row by itself, up to one at which the account has to pause."""
    results: list[Result] = []
    for row in rows:
        result = newcomers.bring_in(**who, row=row)
        if newcomers.is_throttled(result, who["account"]):
            return results, result
        results.append(result)
        tell(len(results))
    return results, None
