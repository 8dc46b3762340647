"""Give somebody another role in place of the one they have."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from permissions.audit import label_of
from permissions.errors import Invalid, NotFound
from teams import services
from teams.editions import get
from teams.management.acts import (
    ActCommand,
    Doer,
    Outcome,
    add_person,
    add_place,
    add_which,
    already,
    find_role,
    named,
    role_of,
)
from teams.models import Membership
from teams.services.seating import described


class Command(ActCommand):
    """The service of the console, for whoever ``--actor`` names."""

    help = (
        "Make PERSON a ROLE where they have another one, in the name of ACTOR. Exits with 0 if "
        "they are that already."
    )
    not_for_platform = (
        "The platform gives nobody access inside an account, and another role is access: ask its "
        "owner, or take the role away with remove_member."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Add who, where, and what they become."""
        add_person(parser)
        parser.add_argument(
            "new_role", metavar="ROLE", help="its codename, or the name of a custom role"
        )
        add_place(parser)
        add_which(parser)
        super().add_arguments(parser)

    def act(self, doer: Doer, options: dict[str, Any]) -> Outcome:
        """Change it, and say what is switched off by that."""
        account = doer.account(options["account"])
        place, name = doer.place(account, options), options["person"]
        role = find_role(account, options["new_role"])
        try:
            membership = doer.membership(account, name, place, options["role"])
        except NotFound:
            rows = doer.memberships(account, name, place, everywhere=False)
            there = [row for row in rows if role in (row.custom_role, row.role)]
            if not there:
                raise
            return _already(there[0])
        before = described(membership)
        was = role_of(membership)
        try:
            made = services.change_role(actor=doer.actor, membership=membership, role=role)
        except Invalid as error:
            if error.code != "ALREADY_SO":
                raise
            return _already(membership)
        details = _dropped(membership, before["toggles"], described(made)["toggles"])
        what = f"{label_of(made.user)} {role_of(made)} in {named(account, place)}, who was {was}"
        return Outcome("make", "Made", what, account, details)


def _already(membership: Membership) -> Outcome:
    account = membership.account
    place = named(account, membership.subaccount)
    said = f"{label_of(membership.user)} is {role_of(membership)} in {place} already."
    return already(said, account)


def _dropped(membership: Membership, before: list[str], after: list[str]) -> tuple[str, ...]:
    """Return which toggles go with the role, if any."""
    edition = get(membership.account.edition)
    spec = edition.find_role(membership.role)
    gone = {spec.toggle_of(permission) for permission in set(before) - set(after)} if spec else ()
    names = sorted(str(edition.toggle(toggle).label) for toggle in gone if toggle)
    return (f"Switched off by that: {', '.join(names)}.",) if names else ()
