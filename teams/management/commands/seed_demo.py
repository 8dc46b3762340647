"""Fill the database with demo accounts of every edition."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError, CommandParser

from permissions.management.base import USAGE, OurCommand

#: loaded by name when it is told: it needs the demo extra, and to say so the command does not
DEMO = "teams.demo"


class Command(OurCommand):
    """Create what is missing of the demo data; what is there stays as it is."""

    help = "Create demo accounts of every edition and print their logins. Safe to repeat."
    formats = ("text", "json", "csv")

    def add_arguments(self, parser: CommandParser) -> None:
        """Add ``--force`` and ``--quiet``."""
        parser.add_argument(
            "--force",
            action="store_true",
            help="run although DEBUG is off: creates logins whose password everybody knows",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Seed and print."""
        if not settings.DEBUG and not options["force"]:
            raise CommandError(
                "DEBUG is off, so this looks like production, and demo logins have a password "
                "that everybody knows. Nothing was created. Use --force if you mean it.",
                returncode=USAGE,
            )
        try:
            logins = self.seeded()
        except ModuleNotFoundError as error:
            raise CommandError(
                f"{error.name} is missing: install django-subaccounts[demo].", returncode=USAGE
            ) from None
        self.table(
            ("login", "person", "account", "role"),
            [(x.username, x.person, x.account, x.role) for x in logins],
            options["format"],
        )
        if options["format"] == "text":
            for hint in self.hints():
                self.stdout.write(hint)

    def seeded(self) -> list[Any]:
        """Create what is missing, and return the logins."""
        return list(import_module(DEMO).seed())

    def hints(self) -> list[str]:
        """Return what else there is to say to people."""
        password = import_module(DEMO).PASSWORD
        return [f"\nEvery password is {password!r}. Platform staff: operator."]
