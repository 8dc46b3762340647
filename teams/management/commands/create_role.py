"""Write down a role of the account's own."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from permissions.errors import AlreadyUsed
from teams import services
from teams.editions import get
from teams.management.acts import (
    ActCommand,
    Doer,
    Outcome,
    add_account,
    already,
    any_role,
    label_of_ticks,
)
from teams.roles import roles_of, ticks_of
from teams.services.inputs import same_name
from teams.services.roles import ticked


class Command(ActCommand):
    """The service of the console, for whoever ``--actor`` names."""

    help = (
        "Create the role NAME in the name of ACTOR, who must hold what it allows. It gives nobody "
        "anything yet. Exits with 0 if it is there already, just like that."
    )
    not_for_platform = (
        "The platform writes no roles for an account, for a role is access: ask its owner."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Add what it is called and what it allows."""
        parser.add_argument("name")
        add_account(parser)
        parser.add_argument(
            "--permission",
            action="append",
            default=[],
            metavar="PERMISSION",
            help="the codename of what it allows; may be repeated",
        )
        parser.add_argument(
            "--copy", metavar="ROLE", help="allow what this role allows, as far as that is ticked"
        )
        parser.add_argument("--description", default="", help="what it is for")
        super().add_arguments(parser)

    def act(self, doer: Doer, options: dict[str, Any]) -> Outcome:
        """Create it, or find it there."""
        account = doer.account(options["account"])
        ticks = set(options["permission"])
        if options["copy"] is not None:
            ticks |= ticks_of(get(account.edition), any_role(account, options["copy"]))
        name, description = options["name"], options["description"]
        try:
            made = services.create_role(
                actor=doer.actor,
                account=account,
                name=name,
                permissions=ticks,
                description=description,
            )
        except AlreadyUsed:
            for role in roles_of(doer.actor).filter(account=account):
                is_alike = ticked(role) == ticks and role.description == description.strip()
                if same_name(role.name, name.strip()) and is_alike:
                    return already(f"{account.name} has the role {role.name} already.", account)
            raise
        what = f"the role {made.name} in {account.name}"
        details = (f"It allows: {label_of_ticks(made.permissions)}.",)
        return Outcome("create", "Created", what, account, details)
