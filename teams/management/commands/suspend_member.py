"""Switch somebody's access off for a while, or on again."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from permissions.audit import label_of
from permissions.errors import Invalid
from teams import services
from teams.management.acts import (
    ActCommand,
    Doer,
    Outcome,
    add_person,
    add_place,
    add_which,
    already,
    chosen,
    places_of,
)
from teams.models import Membership
from teams.services.departures import reactivate_in_account, suspend_in_account
from teams.services.platform import suspend_as_platform


class Command(ActCommand):
    """The services of the console, for whoever ``--actor`` names; the platform may suspend."""

    help = (
        "Suspend PERSON in one place or in the whole account, or --reactivate them, in the name of "
        "ACTOR. Everything is kept. Exits with 0 if it is so already. The platform may suspend."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Add whom and where."""
        add_person(parser)
        add_place(parser, everywhere=True)
        add_which(parser)
        parser.add_argument("--reactivate", action="store_true", help="switch it on again")
        super().add_arguments(parser)

    def refusal_of_platform(self, options: dict[str, Any]) -> str:
        """Refuse it to reactivate."""
        if not options["reactivate"]:
            return ""
        return (
            "The platform gives nobody access inside an account, and to reactivate is to give it "
            "again: ask the account's owner."
        )

    def act(self, doer: Doer, options: dict[str, Any]) -> Outcome:
        """Suspend or reactivate, or find it so."""
        account = doer.account(options["account"])
        rows = chosen(doer, account, options)
        verb, past = ("reactivate", "Reactivated")
        if not options["reactivate"]:
            verb, past = ("suspend", "Suspended")
        try:
            changed = self._carry_out(doer, rows, options)
        except Invalid as error:
            if error.code != "ALREADY_SO":
                raise
            return already(error.message, account)
        what = f"{label_of(rows[0].user)} in {places_of(changed)}"
        return Outcome(verb, past, what, account)

    def _carry_out(
        self, doer: Doer, rows: list[Membership], options: dict[str, Any]
    ) -> list[Membership]:
        if doer.is_platform:
            active = [row for row in rows if row.status == Membership.Status.ACTIVE]
            return [
                suspend_as_platform(membership=row, **doer.because) for row in active or rows[:1]
            ]
        actor, account, user = doer.actor, rows[0].account, rows[0].user
        if options["whole_account"]:
            all_of_them = reactivate_in_account if options["reactivate"] else suspend_in_account
            return all_of_them(actor=actor, account=account, user=user)
        one = services.reactivate_member if options["reactivate"] else services.suspend_member
        return [one(actor=actor, membership=rows[0])]
