"""Give somebody another role."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from permissions.audit import label_of
from permissions.errors import AlreadyUsed
from teams import selectors, services
from teams.management.acts import (
    ActCommand,
    Doer,
    Outcome,
    add_end,
    add_groups,
    add_person,
    add_place,
    add_reach,
    already,
    end_of,
    find_role,
    named,
    role_of,
    until,
)


class Command(ActCommand):
    """The service of the console, for whoever ``--actor`` names."""

    help = (
        "Give PERSON, who has a place in the account already, a role in another one, in the name "
        "of ACTOR. Exits with 0 if they have it already. Others are invited: see invite_member."
    )
    not_for_platform = (
        "The platform gives nobody access inside an account: ask its owner to add them."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Add whom, where, and as what."""
        add_person(parser)
        parser.add_argument(
            "--role", required=True, help="its codename, or the name of a custom role"
        )
        add_place(parser)
        add_reach(parser)
        add_groups(parser)
        add_end(parser)
        super().add_arguments(parser)

    def act(self, doer: Doer, options: dict[str, Any]) -> Outcome:
        """Add them, or find them there."""
        account = doer.account(options["account"])
        place, role = doer.place(account, options), find_role(account, options["role"])
        person = doer.person(options["person"])
        try:
            made = services.add_member(
                actor=doer.actor,
                account=account,
                user=person,
                role=role,
                subaccount=place,
                managed=doer.reach(account, options),
                all_subaccounts=options["all_subaccounts"],
                groups=doer.groups(account, options),
                ends_at=end_of(options),
            )
        except AlreadyUsed:
            seen = selectors.memberships_of(doer.actor).filter(account=account, subaccount=place)
            there = [row for row in seen.filter(user=person) if role in (row.custom_role, row.role)]
            if not there:
                raise
            said = f"{label_of(person)} is {role_of(there[0])} in {named(account, place)} already."
            return already(said, account)
        end = until(made.ends_at)
        what = f"{label_of(person)} to {named(account, place)} as {role_of(made)}{end}"
        return Outcome("add", "Added", what, account)
