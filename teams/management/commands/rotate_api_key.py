"""Replace an API key by a new one, and print that once."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.core.management.base import CommandParser

from permissions.management.base import UsageError
from teams import services
from teams.management.acts import ActCommand, Doer, Outcome, add_account
from teams.management.api_keys import data_of, find_key, told

HOURS = 24
LONGEST = 7 * 24


class Command(ActCommand):
    """The service of the console, for whoever ``--actor`` names."""

    help = (
        "Replace the API key PREFIX by a new one with the same name, scopes and end, in the name "
        "of ACTOR, and print it on a line of its own. The old one goes on for --overlap HOURS."
    )
    formats = ("text", "json")
    not_for_platform = (
        "The platform gives nobody access inside an account, and a key is access: ask the owner."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Add which, and for how long both count."""
        parser.add_argument("prefix", help="what stands between the underscores")
        add_account(parser)
        parser.add_argument(
            "--overlap", type=int, default=HOURS, metavar="HOURS", help="from 0 to 168 (24)"
        )
        super().add_arguments(parser)

    def act(self, doer: Doer, options: dict[str, Any]) -> Outcome:
        """Replace it."""
        account, hours = doer.account(options["account"]), options["overlap"]
        if not 0 <= hours <= LONGEST:
            raise UsageError(f"--overlap takes a number of hours from 0 to {LONGEST}.")
        key = find_key(doer, account, options["prefix"])
        made = services.rotate_api_key(actor=doer.actor, key=key, overlap=timedelta(hours=hours))
        return Outcome(
            "replace",
            "Replaced",
            f"{key} by {made.key}",
            account,
            told(made, options),
            data_of(made, options),
        )
