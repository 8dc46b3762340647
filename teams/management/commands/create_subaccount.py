"""Create a subaccount."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from permissions.errors import AlreadyUsed
from teams import selectors, services
from teams.management.acts import ActCommand, Doer, Outcome, add_account, already
from teams.models import Subaccount
from teams.services.inputs import same_name


class Command(ActCommand):
    """The service of the console, for whoever ``--actor`` names."""

    help = (
        "Create a subaccount in the name of ACTOR, who manages it from then on. Exits with 0 if it "
        "is there already."
    )
    formats = ("text", "json")
    not_for_platform = (
        "The platform creates nothing inside an account, for whoever creates a subaccount manages "
        "it: ask the owner."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Add what and where."""
        parser.add_argument("name")
        parser.add_argument("--slug", help="its short name; made from the name unless given")
        add_account(parser)
        super().add_arguments(parser)

    def act(self, doer: Doer, options: dict[str, Any]) -> Outcome:
        """Create it, or find it there."""
        account, slug = doer.account(options["account"]), options["slug"]
        try:
            made = services.create_subaccount(
                actor=doer.actor, account=account, name=options["name"], slug=slug
            )
        except AlreadyUsed:
            shown = selectors.subaccounts_of(doer.actor).filter(account=account)
            same = [
                place
                for place in shown
                if same_name(place.name, options["name"].strip()) and slug in (None, place.slug)
            ]
            if not same:
                raise
            said = f"{same[0].name} ({same[0].slug}) is in {account.name} already."
            return already(said, account, data=_data(same[0]))
        what = f"{made.name} ({made.slug}) in {account.name}"
        return Outcome("create", "Created", what, account, data=_data(made))


def _data(place: Subaccount) -> dict[str, Any]:
    return {"account": place.account.slug, "subaccount": place.slug, "name": place.name}
