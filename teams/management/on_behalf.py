"""Commands that are run in the name of somebody: a person, or the platform."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError, CommandParser

from permissions.errors import NotFound
from permissions.management.base import PROBLEM, OurCommand, UsageError
from teams.management.doers import Doer, find_login, find_platform


class DoerCommand(OurCommand):
    """A command that asks who acts, and refuses who may not."""

    #: why the platform does not do this, in a sentence; empty if it may
    not_for_platform = ""

    def add_arguments(self, parser: CommandParser) -> None:
        """Add who acts."""
        parser.add_argument("--actor", help="the user name or address of whoever does it")
        parser.add_argument(
            "--as-platform",
            action="store_true",
            help=self.not_for_platform or "act for the platform, which the tenant's audit shows",
        )
        parser.add_argument("--reason", help="why the platform does it: the tenant reads that")
        parser.add_argument(
            "--operator", help="the user name of who answers for it at the platform"
        )

    def refusal_of_platform(self, options: dict[str, Any]) -> str:
        """Return why the platform may not do what is asked; empty if it may."""
        return self.not_for_platform

    def doer(self, options: dict[str, Any]) -> Doer:
        """Return who acts. Raises UsageError if that is not said, or not by both."""
        actor, as_platform = options["actor"], options["as_platform"]
        if bool(actor) == bool(as_platform):
            raise UsageError(
                "Say in whose name: either --actor NAME, or --as-platform with --reason."
            )
        if actor:
            if options["reason"] or options["operator"]:
                raise UsageError("--reason and --operator go with --as-platform.")
            found = find_login(actor)
            if found is None:
                raise NotFound(f"There is no login {actor!r}.")
            return Doer(found, {})
        because = self.refusal_of_platform(options)
        if because:
            raise CommandError(f"NOT_FOR_PLATFORM: {because}", returncode=PROBLEM)
        if not options["reason"]:
            raise UsageError("Add --reason: the tenant reads in the audit why the platform acted.")
        return find_platform(options["reason"], options["operator"])
