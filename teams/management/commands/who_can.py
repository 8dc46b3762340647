"""Ask who may do something with an object."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from permissions.management.base import OurCommand
from teams.explain import find_object, find_user, holders
from teams.management.writing import write_csv


class Command(OurCommand):
    """Say who may do something, and where each of them has it from."""

    help = (
        "List everybody who holds PERMISSION on OBJECT (teams.subaccount:emma-hq/north, "
        "teams.account:emma-hq, teams.campaign:emma-hq/north/welcome or app.model:pk), with the "
        "role or grant that gives it. With --actor only what that person may know."
    )
    formats = ("text", "json", "csv")

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the two parts of the question, and for whom it is answered."""
        parser.add_argument("permission", help="a codename of the catalogue, see list_permissions")
        parser.add_argument("object")
        parser.add_argument("--actor", help="a login: leave out what this person may not know")

    def handle(self, *args: Any, **options: Any) -> None:
        """Print one line for each person and source; nobody is an answer, too."""
        actor = find_user(options["actor"]) if options["actor"] else None
        obj = find_object(options["object"])
        columns = ("person", "login", "through", "place", "given_by", "given_at", "ends_at")
        rows = [
            tuple("" if holder[name] is None else holder[name] for name in columns)
            for holder in holders(options["permission"], obj, reader=actor)
        ]
        if options["format"] == "text" and not rows:
            seen = f", as far as {options['actor']} sees people" if actor else ""
            self.stdout.write(f"Nobody holds {options['permission']} on {obj}{seen}.")
            return
        if options["format"] == "csv":
            write_csv(self, columns, rows)
        else:
            self.table(columns, rows, options["format"])
