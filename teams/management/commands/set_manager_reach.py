"""Say which subaccounts somebody manages."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from permissions.audit import label_of
from permissions.management.base import UsageError
from teams import services
from teams.management.acts import (
    ActCommand,
    Doer,
    Outcome,
    add_groups,
    add_person,
    add_reach,
    add_which,
    already,
)
from teams.services.seating import described


class Command(ActCommand):
    """The service of the console, for whoever ``--actor`` names."""

    help = (
        "Let the role that PERSON has on the account itself reach these subaccounts, and groups of "
        "them, and no others, in the name of ACTOR. Exits with 0 if it reaches just them already."
    )
    not_for_platform = (
        "The platform gives nobody access inside an account: ask its owner to change the reach, or "
        "take the role away with remove_member."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Add whose, and how far."""
        add_person(parser)
        add_reach(parser)
        add_groups(parser)
        parser.add_argument("--none", action="store_true", help="no subaccount at all")
        add_which(parser)
        super().add_arguments(parser)

    def act(self, doer: Doer, options: dict[str, Any]) -> Outcome:
        """Set it, or find it so."""
        every, none = options["all_subaccounts"], options["none"]
        if sum((bool(options["reach"] or options["group"]), every, none)) != 1:
            raise UsageError("Name --reach or --group, --all-subaccounts or --none: one of them.")
        account = doer.account(options["account"])
        membership = doer.membership(account, options["person"], None, options["role"])
        reach, groups = doer.reach(account, options), doer.groups(account, options)
        before = described(membership)
        made = services.set_manager_reach(
            actor=doer.actor,
            membership=membership,
            subaccounts=reach,
            all_subaccounts=every,
            groups=groups,
        )
        who = label_of(made.user)
        names = sorted(place.name for place in reach)
        names += sorted(f"the group {group.name}" for group in groups)
        some = ", ".join(names) or "no subaccount"
        where = "all current and future subaccounts" if every else some
        if described(made) == before:
            return already(f"{who} reaches {where} already, and no more.", account)
        return Outcome("let", "Let", f"{who} reach {where}", account)
