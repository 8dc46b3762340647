"""Send what webhooks are still to be told."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from permissions.errors import Invalid
from permissions.management.base import OurCommand
from teams import webhook_wire
from teams.management.accounts import add_account, find_account
from teams.services import webhook_delivery, webhook_line


class Command(OurCommand):
    """To be run every minute; any number at a time send nothing twice."""

    help = (
        "Send the messages of webhooks that are due: new ones, those to be tried again, and those "
        "of a worker that died. Run it every minute; where the worker's queue can wait, it does "
        "the same on its own."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Add where, and whether to look only."""
        add_account(parser)
        parser.add_argument("--dry-run", action="store_true", help="say how many are due")

    def handle(self, *args: Any, **options: Any) -> None:
        """Send them, each for itself."""
        account = find_account(options["account"])
        key = None if account is None else account.pk
        waiting = webhook_line.due(key).count()
        if options["dry_run"]:
            self.stdout.write(f"Would send {_messages(waiting)}. Nothing was sent: dry run.")
            return
        if waiting and (reason := webhook_wire.why_not()):
            raise Invalid(reason, code="NOT_INSTALLED")
        with self.progress("Webhooks", waiting) as tell:
            tried = webhook_delivery.work_off(key, progress=tell)
        self.stdout.write(f"Tried to send {_messages(tried)}.")


def _messages(count: int) -> str:
    return "1 message" if count == 1 else f"{count} messages"
