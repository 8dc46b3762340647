"""Make an API key to a subaccount, and print it once."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from teams import services
from teams.management.acts import ActCommand, Doer, Outcome, add_account, moment, until
from teams.management.api_keys import data_of, told


class Command(ActCommand):
    """The service of the console, for whoever ``--actor`` names."""

    help = (
        "Create an API key in the name of ACTOR and print it, on a line of its own: it is kept "
        "nowhere. It can do at most what ACTOR holds at each call."
    )
    formats = ("text", "json")
    not_for_platform = (
        "The platform gives nobody access inside an account, and a key is access: ask the owner."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Add where, what it may do, and until when."""
        add_account(parser)
        parser.add_argument("--subaccount", required=True, help="its short name, such as north")
        parser.add_argument("--name", required=True, help="what uses it")
        parser.add_argument(
            "--scope",
            action="append",
            default=[],
            metavar="PERMISSION",
            help="a permission it may use, such as access_audience; may be repeated",
        )
        parser.add_argument("--expires", help="until then: 2026-12-31T18:00, in TIME_ZONE")
        super().add_arguments(parser)

    def act(self, doer: Doer, options: dict[str, Any]) -> Outcome:
        """Create it."""
        account = doer.account(options["account"])
        place = doer.subaccount(account, options["subaccount"])
        ends = moment(options["expires"]) if options["expires"] else None
        made = services.create_api_key(
            actor=doer.actor,
            subaccount=place,
            name=options["name"],
            scopes=options["scope"],
            expires_at=ends,
        )
        return Outcome(
            "create",
            "Created",
            f"{made.key} for {place.name}{until(ends)}",
            account,
            told(made, options),
            data_of(made, options),
        )
