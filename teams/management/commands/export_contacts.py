"""Take contacts out as CSV."""

from __future__ import annotations

import time
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.db import transaction

from permissions.management.base import PROBLEM, OurCommand
from teams import services
from teams.csv_files import MEGABYTE
from teams.explain import find_user
from teams.management.moving import add_where, bar, find_where
from teams.management.writing import write
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
            write(self, options["output"], [found.content])
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
                write(self, options["output"], file.chunks(MEGABYTE))
        finally:
            discard_export(actor=actor, contact_export=job)
