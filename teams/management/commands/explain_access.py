"""Ask and explain one decision."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from permissions.management.base import PROBLEM, OurCommand
from teams.explain import Explanation, explain, find_object, find_user


class Command(OurCommand):
    """Say whether a person may do something with an object, and why."""

    help = (
        "Explain whether USERNAME holds PERMISSION on OBJECT (teams.subaccount:emma-hq/north, "
        "teams.account:emma-hq, teams.campaign:emma-hq/north/welcome or app.model:pk). "
        "Exits with 1 if not."
    )
    formats = ("text", "json", "csv")

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the three parts of the question."""
        parser.add_argument("username")
        parser.add_argument("permission", help="a codename of the catalogue, see list_permissions")
        parser.add_argument("object")

    def handle(self, *args: Any, **options: Any) -> None:
        """Print the explanation and exit with 0 if allowed, 1 if denied."""
        user = find_user(options["username"])
        obj = find_object(options["object"])
        found = explain(user, options["permission"], obj)
        match options["format"]:
            case "json":
                self.json(found.as_json())
            case "csv":
                self._csv(found)
            case _:
                self._text(found)
        if not found.decision.allowed:
            raise SystemExit(PROBLEM)

    def _csv(self, found: Explanation) -> None:
        columns = ("allowed", "reason", "kind", "label", "place", "granted_by", "ends_at")
        verdict = ("yes" if found.decision.allowed else "no", str(found.decision.reason))
        rows = [
            (*verdict, s["kind"], s["label"], s["place"], s["granted_by"], s["ends_at"])
            for s in found.sources
        ] or [(*verdict, "missing", m["label"], m["place"], "", "") for m in found.missing]
        self.table(columns, rows, "csv")

    def _text(self, found: Explanation) -> None:
        console = self.console()
        verdict = "ALLOWED" if found.decision.allowed else "DENIED"
        console.print(f"{verdict}: {found.sentence}")
        for source in found.sources:
            line = f"  because: {source['text']}, in {source['place']}"
            if source["granted_by"]:
                line += f", given by {source['granted_by']} on {source['granted_at']:%d %b %Y}"
            if source["ends_at"]:
                line += f", until {source['ends_at']:%d %b %Y %H:%M %Z}"
            console.print(line)
        if found.chain:
            console.print("  the chain, from the owner:")
        for number, step in enumerate(found.chain, 1):
            at = "" if step["at"] is None else f", {step['at']:%d %b %Y %H:%M}"
            console.print(f"    {number}. {step['text']}{at}")
        if found.stops:
            only = len(found.sources) == 1
            ends = "it would stop if" if only else "the first of these would stop if"
            console.print(f"  {ends}: {found.stops[0]}")
        for stop in found.stops[1:]:
            console.print(f"    or if: {stop}")
        for missing in found.missing:
            givers = missing["who_could_give_it"]
            console.print(f"  missing: {missing['label']} ({missing['permission']})")
            if givers:
                console.print(f"  who could give it: {', '.join(givers)}")
        if found.precondition:
            console.print(f"  not now: {found.precondition}")
