"""Clear away what ended long ago."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.core.management.base import CommandParser
from django.utils import timezone

from permissions.management.base import OurCommand, UsageError
from teams.management.accounts import add_account, find_account
from teams.services import pruning

DAYS = 30
LONGEST = 36_500


class Command(OurCommand):
    """Nobody's rights change: what is removed gave nothing any more."""

    help = (
        "Remove roles, switches, guest access and places in teams that ended, API keys that were "
        "revoked or expired, invitations that expired, old reminders and the log of webhooks, DAYS "
        "days or more ago, and answers of the API that a day has passed over. It may be stopped at "
        "any moment and begun again."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Add where, how old, and whether to look only."""
        add_account(parser)
        parser.add_argument(
            "--older-than",
            type=int,
            default=DAYS,
            metavar="DAYS",
            help="what ended that many days ago or more (30)",
        )
        parser.add_argument("--dry-run", action="store_true", help="say what would go")

    def handle(self, *args: Any, **options: Any) -> None:
        """Remove one after the other, each for itself."""
        days, is_dry = options["older_than"], options["dry_run"]
        if not 0 <= days <= LONGEST:
            raise UsageError(f"--older-than takes a number of days from 0 to {LONGEST}.")
        account = find_account(options["account"])
        before = timezone.now() - timedelta(days=days)
        kinds = pruning.kinds()
        total = sum(kind.over(before, account).count() for kind in kinds)
        gone = seen = 0
        with self.progress("Clearing away", total) as tell:
            for kind in kinds:
                for key in pruning.keys_over(kind, before, account):
                    if is_dry:
                        row = kind.rows.filter(pk=key).first()
                        name = pruning.describe(kind, row) if row else ""
                    else:
                        name = pruning.prune(kind, key, before)
                    if name:
                        gone += 1
                        self.stdout.write(f"{'Would remove' if is_dry else 'Removed'} {name}.")
                    seen += 1
                    tell(seen)
        if not is_dry and account is None:
            pruning.forget_api_calls()
        self.stdout.write(f"{gone} {'would be removed' if is_dry else 'removed'}.")
