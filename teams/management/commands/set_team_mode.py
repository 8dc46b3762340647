"""Say what teams limit in an account."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from teams import services
from teams.effects import trial
from teams.management.acts import ActCommand, Doer, Outcome, add_account, already
from teams.models.account import TeamMode


class Command(ActCommand):
    """The service of the console, for whoever ``--actor`` names."""

    help = (
        "Let teams limit nothing (off), lists, or lists and templates, in the name of ACTOR. Exits "
        "with 0 if it is so already. --dry-run says first how many people gain or lose."
    )
    not_for_platform = (
        "The platform changes nothing about what people see inside an account: ask its owner."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Add what, and where."""
        parser.add_argument("mode", choices=TeamMode.values, help="what teams limit")
        add_account(parser)
        super().add_arguments(parser)

    def act(self, doer: Doer, options: dict[str, Any]) -> Outcome:
        """Set it, or find it so."""
        account, mode = doer.account(options["account"]), options["mode"]
        before = account.team_mode

        def change() -> None:
            services.set_team_mode(actor=doer.actor, account=account, mode=mode)

        found = trial(account, change)
        change()
        if before == mode:
            return already(f"Teams are set to {mode} in {account.name} already.", account)
        return Outcome(
            "set",
            "Set",
            f"teams to {mode} in {account.name}",
            account,
            (
                f"People who gain something: {len(found.gaining)}; who lose something: "
                f"{len(found.losing)}.",
            ),
        )
