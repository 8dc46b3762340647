"""Remind of overdue invoices, and make accounts read-only over them."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from billing.management.failures import Failures
from billing.overdue import Due, accounts_late
from billing.selectors import today
from billing.services import dunning
from permissions.management.base import OurCommand
from teams.management.accounts import add_account, find_account
from teams.models import Account


class Command(OurCommand):
    """To be run once a day; running it more often takes no step twice."""

    help = (
        "Take what is due about overdue invoices: remind, remind for the last time, make the "
        "account read-only until it is paid. Run it every day; the worker sends the mails."
    )
    formats = ("text", "json", "csv")

    def add_arguments(self, parser: CommandParser) -> None:
        """Add where, and whether to look only."""
        add_account(parser)
        parser.add_argument("--dry-run", action="store_true", help="say what would be done")

    def handle(self, *args: Any, **options: Any) -> None:
        """Take the steps, one transaction an account, and print them."""
        account = find_account(options["account"])
        act = dunning.would_take if options["dry_run"] else dunning.run
        failed = Failures()
        found: list[Due] = []
        for one in Account.objects.filter(pk__in=accounts_late(account, today())):
            with failed.noted(one):
                found += act(one)
        if found or options["format"] != "text":
            columns = ("account", "invoice", "due_on", "step")
            self.table(columns, [_row(due) for due in found], options["format"])
        if options["format"] == "text":
            steps = "1 step" if len(found) == 1 else f"{len(found)} steps"
            verb = "would be" if options["dry_run"] else "is" if len(found) == 1 else "are"
            self.stdout.write(f"{steps} {verb} taken.")
        failed.told()


def _row(due: Due) -> tuple[str, str, str, str]:
    invoice = due.invoice
    return invoice.account.slug, invoice.label, str(invoice.due_on), due.step.value
