"""Write down what was used."""

from __future__ import annotations

from collections import defaultdict
from datetime import date
from typing import Any

from django.core.management.base import CommandParser

from billing.management.failures import Failures
from billing.selectors import today
from billing.services import metering
from billing.usage import days_due
from permissions.management.base import OurCommand, UsageError
from teams.management.accounts import add_account, find_account
from teams.models import Account


class Command(OurCommand):
    """To be run once a day, soon after midnight; running it more often changes nothing."""

    help = (
        "Write down what every account used on each day that is over and has not been metered: "
        "contacts, messages sent, active subaccounts, seats. Run it every day, soon after midnight "
        "(of TIME_ZONE): what was purged before is not known any more. It may be stopped at any "
        "moment and begun again."
    )
    formats = ("text", "json")

    def add_arguments(self, parser: CommandParser) -> None:
        """Add where and which day."""
        add_account(parser)
        parser.add_argument("--day", help="only this day, such as 2026-11-21")

    def handle(self, *args: Any, **options: Any) -> None:
        """Go through accounts and days, one transaction each."""
        day, account = _day(options["day"]), find_account(options["account"])
        is_text = options["format"] == "text"
        new: dict[Account, list[date]] = defaultdict(list)
        accounts = metering.accounts(account)
        failed = Failures()
        with self.progress("Accounts", len(accounts)) as tell:
            for number, one in enumerate(accounts, start=1):
                with failed.noted(one):
                    for each in [day] if day else days_due(one, metering.yesterday()):
                        if metering.meter_day(one, each):
                            new[one].append(each)
                if is_text and new[one]:
                    self.stdout.write(f"Metered {one.name} ({one.slug}): {_said(new[one])}.")
                tell(number)
        if not is_text:
            self.json([{"account": one.slug, "days": days} for one, days in new.items() if days])
        else:
            total = sum(len(days) for days in new.values())
            self.stdout.write(f"{total} {'day is' if total == 1 else 'days are'} new.")
        failed.told()


def _day(text: str | None) -> date | None:
    try:
        return None if text is None else date.fromisoformat(text)
    except ValueError:
        raise UsageError(f"--day takes a date such as {today():%Y-%m-%d}, not {text!r}.") from None


def _said(days: list[date]) -> str:
    """Return ``days``, which are in order, in words."""
    if len(days) == 1:
        return f"{days[0]}"
    return f"{len(days)} days from {days[0]} to {days[-1]}"
