"""Have the audit of an account begin with who has access now."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from permissions.management.base import OurCommand, UsageError
from teams.management.accounts import add_account, find_account
from teams.models import Account
from teams.services.snapshots import snapshot


class Command(OurCommand):
    """For accounts that are older than their record, or whose roles an upgrade has changed;
    repeating it records nothing."""

    help = (
        "Write who has what access now into the audit of an account, so that who_had_access can "
        "tell it of any moment from then on. Does nothing where the audit says so already. Run it "
        "after every upgrade: where a role gives something else, the audit begins anew."
    )
    formats = ("text", "json")

    def add_arguments(self, parser: CommandParser) -> None:
        """Add of which accounts."""
        add_account(parser)
        parser.add_argument("--all", action="store_true", help="of every account")

    def handle(self, *args: Any, **options: Any) -> None:
        """Go through the accounts, one transaction each."""
        account = find_account(options["account"])
        if (account is None) is not options["all"]:
            raise UsageError("Name --account, or say --all.")
        accounts = Account.objects.order_by("pk") if account is None else [account]
        written = {one.slug: snapshot(one) for one in accounts}
        if options["format"] == "json":
            self.json({"written": [slug for slug, is_new in written.items() if is_new]})
            return
        for slug, is_new in written.items():
            said = "The record begins now." if is_new else "The record says who has access already."
            self.stdout.write(f"{slug}: {said}")
