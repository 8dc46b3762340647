"""Bring contacts in from a CSV file."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser

from permissions.management.base import PROBLEM, OurCommand, UsageError
from teams import services
from teams.csv_files import ENCODINGS
from teams.explain import find_user
from teams.management.moving import add_where, bar, find_where, opened_file
from teams.models import ContactImport
from teams.services import transfers
from teams.services.import_rows import guess, targets
from teams.services.import_work import run_import
from teams.services.imports import check_import, preview


class Command(OurCommand):
    """The same services as in the console, for whoever ``--actor`` names, carried out at once."""

    help = (
        "Import the contacts in FILE (CSV with a heading line, - for standard input) in the name "
        "of ACTOR. Exits with 1 if nothing was imported, or not all of it."
    )
    formats = ("text", "json")

    def add_arguments(self, parser: CommandParser) -> None:
        """Add what to import, where to, and how to read it."""
        parser.add_argument("file")
        add_where(parser)
        parser.add_argument(
            "--map",
            action="append",
            default=[],
            metavar="HEADING=FIELD",
            help="email, first_name, last_name, custom:<short name>, or nothing to leave it out; "
            "may be repeated. Usual headings are known",
        )
        parser.add_argument(
            "--skip-errors", action="store_true", help="leave bad rows out instead of stopping"
        )
        parser.add_argument("--encoding", choices=ENCODINGS, default="", help="if it is not UTF-8")

    def handle(self, *args: Any, **options: Any) -> None:
        """Upload, start, carry out, and say what came of it; a dry run only checks the rows."""
        actor = find_user(options["actor"])
        where = find_where(options, mailing_list="list")
        with ExitStack() as stack:
            file = stack.enter_context(opened_file(options["file"]))
            name = "standard input" if options["file"] == "-" else Path(options["file"]).name
            job = services.upload_import(
                actor=actor, file=file, name=name, encoding=options["encoding"], **where
            )
            stack.callback(_forget, job.pk, str(job.file.name))
            how = {"actor": actor, "contact_import": job, "mapping": _mapping(job, options["map"])}
            if options["dry_run"]:
                with bar(self, job.original_name) as tell:
                    job = check_import(**how, progress=tell)
                self._say_checked(job, options)
            else:
                services.start_import(**how, skips_errors=options["skip_errors"])
                with bar(self, job.original_name) as tell:
                    _finish(job, tell)
                self._say(job, options)
        ended = (ContactImport.Status.DONE, ContactImport.Status.PREVIEW)
        if job.status not in ended or job.rejected:
            raise SystemExit(PROBLEM)

    def _say_checked(self, job: ContactImport, options: dict[str, Any]) -> None:
        good = job.rows_done - job.rejected
        if options["format"] == "json":
            figures = {"good": good, "bad": job.rejected, "dry_run": True}
            self.json(figures | {"errors": job.errors})
            return
        self._say_bad(job)
        self.stdout.write(
            f"{good:,} good, {job.rejected:,} bad. Nothing was imported: this was a dry run."
        )

    def _say(self, job: ContactImport, options: dict[str, Any]) -> None:
        figures = {
            "status": job.status,
            "added": job.created,
            "changed": job.updated,
            "bad": job.rejected,
            "problem": job.problem,
            "dry_run": False,
        }
        if options["format"] == "json":
            self.json(figures | {"errors": job.errors})
            return
        self._say_bad(job)
        if job.problem:
            self.stdout.write(job.problem)
        self.stdout.write(f"{job.created:,} added, {job.updated:,} changed, {job.rejected:,} bad.")

    def _say_bad(self, job: ContactImport) -> None:
        for line, sentence in job.errors:
            self.stdout.write(f"line {line}: {sentence}")
        if job.rejected > len(job.errors):
            self.stdout.write(f"… and {job.rejected - len(job.errors):,} more bad rows")


def _mapping(job: ContactImport, given: list[str]) -> dict[str, str]:
    headings = preview(job).headings
    found = guess(headings, targets(job.subaccount))
    for item in given:
        heading, separator, target = item.rpartition("=")
        if not separator or heading not in found:
            known = ", ".join(headings)
            raise UsageError(f"--map {item}: write HEADING=FIELD with a heading of: {known}.")
        found = {one: "" if other == target else other for one, other in found.items()}
        found[heading] = target
    return found


def _finish(job: ContactImport, tell: Callable[[Any], None]) -> None:
    """Carry it out here, or wait for the worker that was quicker."""
    run_import(job.pk, progress=tell)
    while transfers.is_unfinished(ContactImport, job.pk):
        time.sleep(1)
        job.refresh_from_db()
        tell(job)
    job.refresh_from_db()


def _forget(key: int, name: str) -> None:
    """Remove the upload, unless it is still needed: nothing is started from a command again."""
    rows = ContactImport.objects.filter(pk=key)
    if not rows.filter(status__in=ContactImport.UNFINISHED).exists():
        rows.filter(status=ContactImport.Status.PREVIEW).delete()
        rows.update(file="")
        transfers.drop(name)
