"""Tell people what of theirs ends soon."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from permissions.management.base import OurCommand
from teams.management.accounts import add_account, find_account
from teams.models import Account
from teams.services import reminders, review_reminders


class Command(OurCommand):
    """To be run once a day; running it more often tells nobody anything twice."""

    help = (
        "Tell everybody by mail, once, what of theirs ends within 7 days, and whoever can decide "
        "lines of an access review when it is due within 3 days or overdue. Run it every day; the "
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
                told += self._reviews(one, is_dry=is_dry)
                tell(number)
        people = "1 person" if told == 1 else f"{told} people"
        are = "would be" if is_dry else "is" if told == 1 else "are"
        self.stdout.write(f"{people} {are} told.")

    def _reviews(self, account: Account, *, is_dry: bool) -> int:
        """Remind of reviews, one transaction each; return how many mails that makes."""
        told = 0
        for review in review_reminders.due_reviews(account):
            found = review_reminders.due(review) if is_dry else review_reminders.remind(review)
            for person, count in found:
                verb = "Would tell" if is_dry else "Tells"
                lines = "1 line" if count == 1 else f"{count} lines"
                self.stdout.write(
                    f"{verb} {person.get_username()} that {lines} of the review {review.name} in "
                    f"{account.name} wait."
                )
            told += len(found)
        return told
