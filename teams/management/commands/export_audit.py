"""Take the record of an account out as a file."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from permissions.audit import CHANNELS
from permissions.errors import NotFound
from teams.event_filters import EventFilters
from teams.management.acts import moment
from teams.management.doers import Doer, find_login
from teams.management.on_behalf import DoerCommand
from teams.management.writing import write
from teams.models import Account
from teams.services.audit_export import FORMATS, export, export_as_platform


class Command(DoerCommand):
    """The file that the console hands out, for whoever ``--actor`` names."""

    help = (
        "Export what happened in an account, as far as ACTOR may know of it, the oldest first; all "
        "of it with --as-platform. The account's own record says that it was taken out."
    )
    formats = FORMATS

    def add_arguments(self, parser: CommandParser) -> None:
        """Add which events, and where they are written."""
        parser.add_argument("--account", required=True, help="its short name, such as emma-hq")
        super().add_arguments(parser)
        parser.add_argument("--since", help="from then on: 2026-01-31, or 2026-01-31T18:00")
        parser.add_argument("--until", help="before then")
        parser.add_argument("--person", help="by or about this user name or confirmed address")
        parser.add_argument("--subaccount", help="in or about this one: its short name")
        parser.add_argument("--action", default="", help="what begins so: role. or member.added")
        parser.add_argument("--channel", default="", help=f"one of {', '.join(CHANNELS)}")
        parser.add_argument("--file", default="-", help="standard output unless given")

    def handle(self, *args: Any, **options: Any) -> None:
        """Write the file as it is read: it takes no more memory for more events."""
        doer = self.doer(options)
        account = doer.account(options["account"])
        asked: dict[str, Any] = {
            "account": account,
            "filters": _filters(doer, account, options),
            "fmt": options["format"],
        }
        if doer.is_platform:
            lines = export_as_platform(**asked, **doer.because)
        else:
            lines = export(actor=doer.actor, **asked)
        write(self, options["file"], (line.encode() for line in lines))


def _filters(doer: Doer, account: Account, options: dict[str, Any]) -> EventFilters:
    where, who = options["subaccount"], options["person"]
    return EventFilters(
        since=moment(options["since"]) if options["since"] else None,
        until=moment(options["until"]) if options["until"] else None,
        person=_person(doer, who) if who else None,
        subaccount=doer.subaccount(account, where).pk if where else None,
        action=options["action"],
        channel=options["channel"],
    )


def _person(doer: Doer, text: str) -> Any:
    """Return the key of a login: any for the platform, else one that the doer sees."""
    found = find_login(text) if doer.is_platform else doer.person(text)
    if found is None:
        raise NotFound(f"There is no login {text!r}.")
    return found.pk
