"""Revoke an API key: its next call is refused."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from permissions.errors import Invalid
from teams import services
from teams.management.acts import ActCommand, Doer, Outcome, add_account, already
from teams.management.api_keys import find_key
from teams.services.platform import revoke_key_as_platform


class Command(ActCommand):
    """The service of the console, for whoever ``--actor`` names, or for the platform."""

    help = (
        "Revoke the API key PREFIX, for good, in the name of ACTOR or of the platform. Exits with "
        "0 if it is revoked already."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Add which."""
        parser.add_argument("prefix", help="what stands between the underscores")
        add_account(parser)
        super().add_arguments(parser)

    def act(self, doer: Doer, options: dict[str, Any]) -> Outcome:
        """Revoke it, or find it so."""
        account = doer.account(options["account"])
        key = find_key(doer, account, options["prefix"])
        try:
            if doer.is_platform:
                revoke_key_as_platform(key=key, **doer.because)
            else:
                services.revoke_api_key(actor=doer.actor, key=key)
        except Invalid as error:
            if error.code != "ALREADY_SO":
                raise
            return already(error.message, account)
        what = f"{key} of {key.subaccount.name}"
        return Outcome("revoke", "Revoked", what, account)
