"""Fill the database with demo accounts of every edition."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import CommandError, CommandParser

from permissions.management.base import USAGE, OurCommand


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
            from teams.demo import PASSWORD, seed  # noqa: PLC0415  (needs the demo extra)
        except ModuleNotFoundError as error:
            raise CommandError(
                f"{error.name} is missing: install django-subaccounts[demo].", returncode=USAGE
            ) from None
        logins = seed()
        self.table(
            ("login", "person", "account", "role"),
            [(x.username, x.person, x.account, x.role) for x in logins],
            options["format"],
        )
        if options["format"] == "text":
            self.stdout.write(f"\nEvery password is {PASSWORD!r}. Platform staff: operator.")
