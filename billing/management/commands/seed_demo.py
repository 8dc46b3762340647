"""Fill the database with demo accounts of every edition, and with a year of their billing."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from billing import conf
from permissions.management.base import UsageError
from teams.management.commands.seed_demo import Command as TeamsCommand

#: loaded by name, as that of teams
DEMO = "billing.demo"


class Command(TeamsCommand):
    """Create what is missing of the demo data; what is there stays as it is."""

    help = (
        "Create demo accounts of every edition with a year of billing, and print their logins. "
        "Safe to repeat."
    )

    def seeded(self) -> list[Any]:
        """Create what is missing, and return the logins."""
        if not conf.seller()["name"]:
            raise UsageError(
                "The demo has invoices, and nobody sends them: set BILLING_SELLER_NAME. Nothing "
                "was created."
            )
        logins = super().seeded()
        import_module(DEMO).seed_billing()
        return logins

    def hints(self) -> list[str]:
        """Return what else there is to say to people."""
        slug = import_module(DEMO).overdue_account()
        return [
            *super().hints(),
            f"\n{slug} has an invoice that is overdue. To see the account read-only until it is "
            "paid:\nBILLING_LAST_REMINDER_DAYS=2 BILLING_READ_ONLY_DAYS=3 "
            f"manage.py run_dunning --account {slug}",
        ]
