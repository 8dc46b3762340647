"""Switch an optional permission for one person."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from permissions.audit import label_of
from permissions.management.base import UsageError
from teams import services
from teams.editions import get
from teams.management.acts import (
    ActCommand,
    Doer,
    Outcome,
    add_end,
    add_person,
    add_place,
    add_which,
    already,
    end_of,
    named,
    until,
)
from teams.models import Membership
from teams.services.platform import switch_off_as_platform

STATES = ("on", "off")


class Command(ActCommand):
    """The service of the console, for whoever ``--actor`` names; the platform may switch off."""

    help = (
        "Switch TOGGLE on or off for PERSON, in the name of ACTOR. Exits with 0 if it is so "
        "already. The platform may switch off."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Add whose, which, and how."""
        add_person(parser)
        parser.add_argument("toggle", help="its codename, such as export_contacts")
        parser.add_argument("state", choices=STATES)
        add_place(parser)
        add_which(parser)
        add_end(parser)
        super().add_arguments(parser)

    def refusal_of_platform(self, options: dict[str, Any]) -> str:
        """Refuse it to switch on."""
        if options["state"] == "off":
            return ""
        return (
            "The platform gives nobody access inside an account, it switches off only: ask the "
            "account's owner to switch it on."
        )

    def act(self, doer: Doer, options: dict[str, Any]) -> Outcome:
        """Switch it, or find it so."""
        state, toggle = options["state"], options["toggle"]
        if state not in STATES:  # call_command lets any pass
            raise UsageError("A toggle is switched on or off.")
        if state == "off" and options["ends_at"]:
            raise UsageError("--ends-at goes with on: what is off does not end.")
        account, ends_at = doer.account(options["account"]), end_of(options)
        place = doer.place(account, options)
        membership = doer.membership(account, options["person"], place, options["role"])
        before = _given(membership)
        if doer.is_platform:
            switch_off_as_platform(membership=membership, toggle=toggle, **doer.because)
        else:
            services.toggle_permission(
                actor=doer.actor,
                membership=membership,
                toggle=toggle,
                on=state == "on",
                ends_at=ends_at,
            )
        label = get(account.edition).toggle(toggle).label
        who, where = label_of(membership.user), named(account, place)
        if _given(membership) == before:
            return already(f"{label} is {state} already for {who} in {where}.", account)
        what = f"{label} {state} for {who} in {where}{until(ends_at)}"
        return Outcome("switch", "Switched", what, account)


def _given(membership: Membership) -> list[tuple[Any, ...]]:
    """Return what is switched on for a membership now, and until when."""
    return sorted(
        (row.permission.codename, str(row.ends_at))
        for rows in (membership.account_toggles, membership.subaccount_toggles)
        for row in rows.select_related("permission")
    )
