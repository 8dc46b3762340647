"""Take a role of the account's own out of use."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from teams import services
from teams.management.acts import (
    ActCommand,
    Doer,
    Outcome,
    add_account,
    find_role,
    own_role,
)
from teams.models import Invitation, Membership


class Command(ActCommand):
    """The service of the console, for whoever ``--actor`` names."""

    help = (
        "Delete the role ROLE of the account in the name of ACTOR. Whoever has it, or is offered "
        "it, gets the role OTHER instead; without --reassign a role that is in use stays."
    )
    not_for_platform = (
        "The platform gives nobody access inside an account, and whoever loses a role gets "
        "another: ask its owner."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Add which role, and what takes its place."""
        parser.add_argument("role", help="the name of a custom role")
        add_account(parser)
        parser.add_argument(
            "--reassign",
            metavar="OTHER",
            help="what its holders get instead: a codename, or the name of a custom role",
        )
        super().add_arguments(parser)

    def act(self, doer: Doer, options: dict[str, Any]) -> Outcome:
        """Delete it, and say how often something else took its place."""
        account, other = doer.account(options["account"]), options["reassign"]
        role = own_role(account, options["role"])
        held = Membership.objects.filter(custom_role=role).count()
        pending = Invitation.Status.PENDING
        offers = Invitation.objects.filter(custom_role=role, status=pending).count()
        services.delete_role(
            actor=doer.actor,
            role=role,
            replacement=None if other is None else find_role(account, other),
        )
        details = (f"{other} takes its place, held {held} and offered {offers} times.",)
        what = f"the role {role.name} in {account.name}"
        in_use = bool(held or offers)
        return Outcome("delete", "Deleted", what, account, details if in_use else ())
