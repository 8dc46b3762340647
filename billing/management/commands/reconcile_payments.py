"""Find out what became of payments that nobody told us about."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.core.management.base import CommandError, CommandParser

from billing.gateways.base import GatewayError
from billing.models import Payment
from billing.services.reconciling import reconcile, unsettled
from permissions.errors import Invalid
from permissions.management.base import PROBLEM, OurCommand, UsageError

MOST_MINUTES = 60 * 24 * 365


class Command(OurCommand):
    """To be run every few minutes; running it more often, or twice at once, does no harm."""

    help = (
        "Ask the gateways about every payment that has been pending for some minutes, and write "
        "down what they say; send back what came beside what was owed. Exits with 1 if a gateway "
        "does not answer or refuses: the next run asks again."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Add how old they have to be, and whether to look only."""
        parser.add_argument(
            "--minutes", type=int, default=10, help="how long it has been pending (10)"
        )
        parser.add_argument("--dry-run", action="store_true", help="say which would be asked about")

    def handle(self, *args: Any, **options: Any) -> None:
        """Go through them, one transaction each."""
        minutes = options["minutes"]
        if not 0 <= minutes <= MOST_MINUTES:
            raise UsageError(f"--minutes must be from 0 to {MOST_MINUTES:,}.")
        found = list(unsettled(timedelta(minutes=minutes)))
        problems = 0
        with self.progress("Payments", len(found)) as tell:
            for number, payment in enumerate(found, start=1):
                if options["dry_run"]:
                    self.stdout.write(f"Would ask {payment.gateway} about {_named(payment)}.")
                    continue
                try:
                    after = reconcile(payment)
                except (GatewayError, Invalid) as error:
                    problems += 1
                    self.stderr.write(f"{_named(payment)}: {error}")
                else:
                    self.stdout.write(f"{_named(payment)}: {after.get_status_display()}.")
                tell(number)
        many = "1 payment" if len(found) == 1 else f"{len(found)} payments"
        self.stdout.write(f"{many} looked at." if found else "Nothing is left to find out.")
        if problems:
            raise CommandError(
                f"{problems} of them could not be settled. Run it again later.", returncode=PROBLEM
            )


def _named(payment: Payment) -> str:
    return f"{payment.amount} {payment.currency} for {payment.invoice} ({payment.key})"
