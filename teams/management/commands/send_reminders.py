"""Tell people what of theirs ends soon."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from permissions.management.base import OurCommand
from teams.management.accounts import add_account, find_account
from teams.models import Account
from teams.services import reminders


class Command(OurCommand):
    """To be run once a day; running it more often tells nobody anything twice."""

    help = (
        "Tell everybody by mail, once, what of theirs ends within 7 days. Run it every day; the "
        "mails are sent by the worker."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Add where, and whether to look only."""
        add_account(parser)
        parser.add_argument("--dry-run", action="store_true", help="say who would be told what")

    def handle(self, *args: Any, **options: Any) -> None:
        """Go through the accounts, one transaction a person."""
        account, is_dry = find_account(options["account"]), options["dry_run"]
        accounts = Account.objects.order_by("pk") if account is None else [account]
        told = 0
        with self.progress("Accounts", len(accounts)) as tell:
            for number, one in enumerate(accounts, start=1):
                for person in reminders.people_of(one):
                    act = reminders.due if is_dry else reminders.remind
                    if not (found := act(one, person)):
                        continue
                    told += 1
                    verb = "Would tell" if is_dry else "Tells"
                    things = "1 thing" if len(found) == 1 else f"{len(found)} things"
                    who = person.get_username()
                    self.stdout.write(f"{verb} {who} that {things} in {one.name} will end.")
                tell(number)
        people = "1 person" if told == 1 else f"{told} people"
        are = "would be" if is_dry else "is" if told == 1 else "are"
        self.stdout.write(f"{people} {are} told.")
