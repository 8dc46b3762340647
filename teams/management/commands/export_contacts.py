"""Take contacts out as CSV."""

from __future__ import annotations

import codecs
import os
import stat
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.db import transaction

from permissions.management.base import PROBLEM, OurCommand
from teams import services
from teams.csv_files import MEGABYTE
from teams.explain import find_user
from teams.management.moving import add_where, bar, find_where
from teams.models import ContactExport
from teams.services import transfers
from teams.services.exports import discard_export, run_export


class Command(OurCommand):
    """The same services as in the console, for whoever ``--actor`` names, carried out at once."""

    help = (
        "Export the contacts of a subaccount, a list or a segment in the name of ACTOR, as CSV. "
        "Addresses are hashes where ACTOR may not take them out. Exits with 1 if nothing was "
        "written."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Add what to export and where to write it."""
        add_where(parser)
        parser.add_argument("--segment", help="the short name of a segment there")
        parser.add_argument("--output", default="-", help="a file; standard output unless given")

    def handle(self, *args: Any, **options: Any) -> None:
        """Export; a dry run says how many contacts it would be."""
        actor = find_user(options["actor"])
        where = find_where(options, mailing_list="list", segment="segment")
        if options["dry_run"]:
            with transaction.atomic():
                job = services.export_contacts(actor=actor, **where).job
                transaction.set_rollback(True)
            what = "hashes of addresses" if job.is_hashed else "addresses"
            self.stdout.write(
                f"{job.rows_total:,} contacts would be exported, with {what}. Nothing was written."
            )
            return
        found = services.export_contacts(actor=actor, **where)
        if found.content is not None:
            self._write(options["output"], [found.content])
            return
        job = found.job
        with bar(self, "Exporting") as tell:
            run_export(job.pk, progress=tell)
            while transfers.is_unfinished(ContactExport, job.pk):  # a worker was quicker
                time.sleep(1)
                job.refresh_from_db()
                tell(job)
        job.refresh_from_db()
        try:
            if job.status != ContactExport.Status.DONE:
                raise CommandError(job.problem, returncode=PROBLEM)
            with services.open_export(actor=actor, contact_export=job).open("rb") as file:
                self._write(options["output"], file.chunks(MEGABYTE))
        finally:
            discard_export(actor=actor, contact_export=job)

    def _write(self, output: str, chunks: Iterable[bytes]) -> None:
        try:
            if output == "-":
                self._print(chunks)
            elif _is_special(output):
                _fill(Path(output), chunks)
            else:
                _replace(Path(output), chunks)
        except OSError as error:
            raise CommandError(
                f"The file could not be written ({error.strerror or error}); no half file is left.",
                returncode=PROBLEM,
            ) from error

    def _print(self, chunks: Iterable[bytes]) -> None:
        stream: Any = vars(self.stdout)["_out"]
        try:
            for text in _decoded(chunks):
                stream.write(text)
            stream.flush()
        except OSError:
            if stream is sys.stdout:  # or Python tries again at its end
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
            raise


def _decoded(chunks: Iterable[bytes]) -> Iterator[str]:
    decoder = codecs.getincrementaldecoder("utf-8")()
    for chunk in chunks:
        yield decoder.decode(chunk)


def _is_special(output: str) -> bool:
    """Say whether it is a device or a pipe, which is written to and not replaced."""
    with suppress(OSError):
        return not stat.S_ISREG(os.stat(output).st_mode)
    return False


def _fill(path: Path, chunks: Iterable[bytes]) -> None:
    with path.open("wb") as file:
        file.writelines(chunks)


def _replace(path: Path, chunks: Iterable[bytes]) -> None:
    """Write beside it first: either the old file is there or the whole new one."""
    part = path.with_name(f"{path.name}.part")
    try:
        _fill(part, chunks)
        part.replace(path)
    except OSError:
        part.unlink(missing_ok=True)
        raise
