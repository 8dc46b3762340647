"""Take somebody's access away."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError, CommandParser

from permissions.audit import label_of
from permissions.errors import NotFound
from permissions.management.base import PROBLEM
from teams import services
from teams.management.acts import (
    ActCommand,
    Doer,
    Outcome,
    add_person,
    add_place,
    add_which,
    chosen,
    places_of,
)
from teams.services.departures import remove_from_account
from teams.services.platform import remove_as_platform


class Command(ActCommand):
    """The services of the console, for whoever ``--actor`` names, and for the platform."""

    help = (
        "Remove PERSON from one place or from the whole account, in the name of ACTOR. With their "
        "last place go their teams, guest access and the invitations they sent. Exits with 1 if "
        "there is nobody like that, or not any more."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Add whom and where."""
        add_person(parser)
        add_place(parser, everywhere=True)
        add_which(parser)
        super().add_arguments(parser)

    def act(self, doer: Doer, options: dict[str, Any]) -> Outcome:
        """Remove them."""
        account = doer.account(options["account"])
        try:
            rows = chosen(doer, account, options)
        except NotFound as missing:
            # not an error of the caller's: repeating a removal ends here
            raise CommandError(f"{missing.code}: {missing.message}", returncode=PROBLEM) from None
        what = f"{label_of(rows[0].user)} from {places_of(rows)}"
        if doer.is_platform:
            for row in rows:
                remove_as_platform(membership=row, **doer.because)
        elif options["whole_account"]:
            remove_from_account(actor=doer.actor, account=account, user=rows[0].user)
        else:
            services.remove_member(actor=doer.actor, membership=rows[0])
        return Outcome("remove", "Removed", what, account)
