"""Take out of an account's record what has been kept long enough."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError, CommandParser

from permissions import audit
from permissions.management.base import PROBLEM, UsageError
from teams.management.acts import moment
from teams.management.new_file import NewFile
from teams.management.on_behalf import DoerCommand
from teams.services.audit_retention import check_before, prune_audit
from teams.services.change import root_key


class Command(DoerCommand):
    """For the platform alone: nobody inside an account removes what they did."""

    help = (
        "Write what happened in an account before DATE to a new FILE, one event a line, then "
        "delete it and leave a signed checkpoint. It may be killed at any moment: until the file "
        "is complete nothing is deleted. A line's SHA-256 is 'previous' in the next line. Exits "
        "with 1 if nothing could be done."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Add what goes, and where to."""
        parser.add_argument("--account", required=True, help="its short name, such as emma-hq")
        parser.add_argument(
            "--before", required=True, metavar="DATE", help="what is older goes: 2025-01-01"
        )
        parser.add_argument("--file", help="a new file; needed unless it is a dry run")
        super().add_arguments(parser)
        parser.add_argument("--dry-run", action="store_true", help="say what would go")

    def handle(self, *args: Any, **options: Any) -> None:
        """Take it out; a dry run counts it."""
        doer = self.doer(options)
        if not doer.is_platform:
            raise CommandError(
                "ONLY_FOR_PLATFORM: Nobody takes anything out of their own account's record: the "
                "platform does, with --as-platform and --reason. Nothing was taken out.",
                returncode=PROBLEM,
            )
        account, before = doer.account(options["account"]), moment(options["before"])
        if options["dry_run"]:
            check_before(before)
            count = audit.goes_before(root_key(account), before)
            self.stdout.write(f"Would take out {count} events. Nothing was written.")
            return
        if not options["file"]:
            raise UsageError("Add --file: what is taken out is written there.")
        with NewFile(options["file"]) as archive:
            found = prune_audit(account=account, before=before, archive=archive, **doer.because)
        if found is None:
            self.stdout.write("There is nothing so old. No file was written.")
            return
        self.stdout.write(
            f"Took out {found.events} events, up to #{found.checkpoint.sequence}. SHA-256 of "
            f"{options['file']}: {found.checkpoint.archive_digest}"
        )
