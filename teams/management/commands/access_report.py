"""Report who holds what in an account."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from django.core.management.base import CommandParser
from django.core.serializers.json import DjangoJSONEncoder

from permissions.management.base import OurCommand, UsageError
from teams.explain import find_permission, find_user
from teams.management.accounts import find_account
from teams.management.writing import write_csv
from teams.models import Account, Subaccount
from teams.report import COLUMNS, Line, report


class Command(OurCommand):
    """One line for each right of each person, written as it is found."""

    help = (
        "Report who holds what in an account and where from: person, login, place, permission, "
        "through, given by, given at, ends at. What is held everywhere is one line."
    )
    formats = ("text", "csv", "json")

    def add_arguments(self, parser: CommandParser) -> None:
        """Add which account, and what of it."""
        parser.add_argument("--account", required=True, help="its short name, such as emma-hq")
        parser.add_argument("--subaccount", help="only there: its short name, such as north")
        parser.add_argument("--person", help="only of this login")
        parser.add_argument("--permission", help="only this one, see list_permissions")

    def handle(self, *args: Any, **options: Any) -> None:
        """Write the lines; there is none where nobody holds anything."""
        account = find_account(options["account"])
        if account is None:
            raise UsageError("Say which account: --account emma-hq.")
        name = options["permission"]
        lines = report(
            account,
            subaccount=_inside(account, options["subaccount"]),
            person=find_user(options["person"]) if options["person"] else None,
            permission=find_permission(name) if name else None,
        )
        match options["format"]:
            case "json":
                self._json(lines)
            case "csv":
                write_csv(self, COLUMNS, (line.cells() for line in lines))
            case _:
                for line in lines:
                    self.stdout.write(_sentence(line))

    def _json(self, lines: Iterator[Line]) -> None:
        separator = "["
        for line in lines:
            value = dict(zip(COLUMNS, line.cells(), strict=True))
            text = json.dumps(value, cls=DjangoJSONEncoder, ensure_ascii=False)
            self.stdout.write(f"{separator}{text}", ending="\n")
            separator = ","
        self.stdout.write("]" if separator == "," else "[]")


def _inside(account: Account, slug: str | None) -> Subaccount | None:
    if slug is None:
        return None
    found = account.subaccounts.filter(slug=slug).first()
    if found is None:
        raise UsageError(f"There is no subaccount {slug!r} in {account.slug}.")
    return found


def _sentence(line: Line) -> str:
    text = f"{line.person} ({line.login}): {line.permission} in {line.place}, {line.through}"
    if line.given_by:
        text += f", given by {line.given_by}"
    if line.given_at is not None:
        text += f" on {line.given_at:%d %b %Y}"
    return text if line.ends_at is None else f"{text}, until {line.ends_at:%d %b %Y %H:%M %Z}"
