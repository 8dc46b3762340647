"""Create a team."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from teams import services
from teams.management.acts import ActCommand, Doer, Outcome, add_account


class Command(ActCommand):
    """The service of the console, for whoever ``--actor`` names."""

    help = "Create an empty team in an account, in the name of ACTOR."
    not_for_platform = "The platform makes no teams: ask whoever manages teams in the account."

    def add_arguments(self, parser: CommandParser) -> None:
        """Add its name, and where."""
        parser.add_argument("name", help="what the team is called")
        add_account(parser)
        super().add_arguments(parser)

    def act(self, doer: Doer, options: dict[str, Any]) -> Outcome:
        """Create it."""
        account = doer.account(options["account"])
        team = services.create_team(actor=doer.actor, account=account, name=options["name"])
        return Outcome("create", "Created", f"the team {team.name} in {account.name}", account)
