"""Change what a role of the account's own is called or allows."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from permissions.errors import Invalid
from permissions.management.base import UsageError
from teams import services
from teams.editions import get
from teams.management.acts import (
    ActCommand,
    Doer,
    Outcome,
    add_account,
    already,
    label_of_ticks,
    own_role,
)
from teams.models import Account, Role
from teams.services.roles import ticked


class Command(ActCommand):
    """The service of the console, for whoever ``--actor`` names."""

    help = (
        "Change the role ROLE of the account in the name of ACTOR, for everybody who has it. Exits "
        "with 0 if it is like that already."
    )
    not_for_platform = (
        "The platform gives nobody access inside an account, and a role is access: ask its owner."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Add which role, and what about it."""
        parser.add_argument("role", help="the name of a custom role")
        add_account(parser)
        for name, does in (("--add", "is allowed from now on"), ("--remove", "is no longer")):
            parser.add_argument(
                name,
                action="append",
                default=[],
                metavar="PERMISSION",
                help=f"the codename of what {does}; may be repeated",
            )
        parser.add_argument("--name", help="what it is called from now on")
        parser.add_argument("--description", help="what it is for; empty for nothing")
        super().add_arguments(parser)

    def act(self, doer: Doer, options: dict[str, Any]) -> Outcome:
        """Change it, or find it so."""
        add, remove = set(options["add"]), set(options["remove"])
        name, description = options["name"], options["description"]
        if not (add or remove) and name is None and description is None:
            raise UsageError("Say what to change: --add, --remove, --name or --description.")
        if both := sorted(add & remove):
            raise UsageError(f"{', '.join(both)}: either --add or --remove, not both.")
        account = doer.account(options["account"])
        role = own_role(account, options["role"])
        before = ticked(role)
        ticks = _changed(account, role, add, remove) if add or remove else None
        try:
            made = services.edit_role(
                actor=doer.actor, role=role, name=name, description=description, permissions=ticks
            )
        except Invalid as error:
            if error.code != "ALREADY_SO":
                raise
            return already(f"The role {role.name} is like that already.", account)
        after = ticked(made)
        details = [
            f"{does}: {label_of_ticks(some)}."
            for does, some in (("Added", after - before), ("Removed", before - after))
            if some
        ]
        if made.name != role.name:
            details.append(f"It is called {made.name} now.")
        what = f"the role {role.name} in {account.name}"
        return Outcome("edit", "Edited", what, account, tuple(details))


def _changed(account: Account, role: Role, add: set[str], remove: set[str]) -> set[str]:
    """Return the ticks as they would be. Raises Invalid for the removal of what is no tick."""
    custom = get(account.edition).custom_roles
    tickable = custom.tickable if custom else frozenset()
    if unknown := sorted(remove - tickable):
        raise Invalid(
            f"No role can have {', '.join(map(ascii, unknown))}: there is no such tick here.",
            code="UNKNOWN_PERMISSION",
        )
    return {*(ticked(role) & tickable), *add} - remove
