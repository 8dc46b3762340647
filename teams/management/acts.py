"""What the commands that change who is where, and what they may, share.

Who acts, and on what, is for ``teams.management.doers`` to find. A dry run carries the change out
and takes it back, and says who would gain and who would lose by it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from django.core.management.base import CommandParser
from django.db import connection, transaction
from django.db.models import Max
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from permissions import access
from permissions.errors import Refused
from permissions.management.base import UsageError
from permissions.models import AuditEvent
from teams import effects
from teams.disclosure import Disclosed, disclosed
from teams.management import previews
from teams.management.doers import (
    Doer,
    any_role,
    chosen,
    find_login,
    find_role,
    label_of_ticks,
    named,
    own_role,
    places_of,
    role_of,
    until,
)
from teams.management.on_behalf import DoerCommand
from teams.models import Account
from teams.services.base import record_refused
from teams.services.change import root_key


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an act came to: "add" and "Added" what, and what else people, or programs, read of it.

    ``is_new`` says that anything was to be done: repeating an act is no error and changes nothing.
    """

    verb: str
    past: str
    what: str
    account: Account
    details: tuple[str, ...] = ()
    data: Mapping[str, Any] = field(default_factory=dict)
    is_new: bool = True


def already(
    sentence: str, account: Account, *details: str, data: Mapping[str, Any] | None = None
) -> Outcome:
    """Return the outcome of an act that somebody has carried out before."""
    return Outcome("", "", sentence, account, details, data or {}, is_new=False)


@dataclass(frozen=True, slots=True)
class Tried:
    """What a dry run came to: ``recorded`` counts what the audit would say, ``known`` is what the
    doer may know of who would gain and who would lose; None where no account is named."""

    outcome: Outcome
    recorded: Mapping[str, int]
    known: Disclosed | None = None


class ActCommand(DoerCommand, ABC):
    """A command that changes something in the name of a person, or of the platform."""

    def add_arguments(self, parser: CommandParser) -> None:
        """Add who acts, and whether it is for real."""
        super().add_arguments(parser)
        parser.add_argument("--dry-run", action="store_true", help="say what would happen")

    @abstractmethod
    def act(self, doer: Doer, options: dict[str, Any]) -> Outcome:
        """Carry it out, within a transaction, and say what it came to."""

    def handle(self, *args: Any, **options: Any) -> None:
        """Find out who acts and carry it out, or say what it would do."""
        if options["dry_run"]:
            self._say_tried(self.tried(options), options)
            return
        doer = self.doer(options)
        outside = not connection.in_atomic_block
        try:
            with transaction.atomic():
                outcome = self.act(doer, options)
                if not outcome.is_new:
                    transaction.set_rollback(True)
        except Refused as refusal:
            access.forget()
            if outside and not doer.is_platform:
                record_refused(doer.actor, refusal, verb=self.verb)
            raise
        access.forget()
        self._say(outcome, options)

    def tried(self, options: dict[str, Any]) -> Tried:
        """Carry it out, take it back, and return what it came to."""
        doer = self.doer(options)
        done: list[Tried] = []
        try:
            if options.get("account"):
                account = doer.account(options["account"])
                found = effects.trial(account, lambda: done.append(self._watched(doer, options)))
                return replace(done[0], known=disclosed(found, doer.actor))
            with transaction.atomic():
                tried = self._watched(doer, options)
                transaction.set_rollback(True)
        finally:
            access.forget()
        return tried

    def _watched(self, doer: Doer, options: dict[str, Any]) -> Tried:
        """Carry it out, and count what the audit says of it."""
        last = AuditEvent.objects.aggregate(last=Max("pk"))["last"] or 0
        outcome = self.act(doer, options)
        events = AuditEvent.objects.filter(
            root=root_key(outcome.account), actor_ref=doer.ref, pk__gt=last
        )
        return Tried(outcome, Counter(events.values_list("action", flat=True)))

    @property
    def verb(self) -> str:
        """Return the name of the command."""
        return type(self).__module__.rpartition(".")[2]

    def _say(self, outcome: Outcome, options: dict[str, Any]) -> None:
        if options.get("format") == "json":
            self.json({**outcome.data, "dry_run": False, "changed": outcome.is_new})
            return
        done = f"{outcome.past} {outcome.what}." if outcome.is_new else outcome.what
        for line in (done, *outcome.details):
            self.stdout.write(line)

    def _say_tried(self, tried: Tried, options: dict[str, Any]) -> None:
        outcome, known = tried.outcome, tried.known
        if options.get("format") == "json":
            told = {"preview": previews.data_of(known)} if known else {}
            self.json({**outcome.data, **told, "dry_run": True, "changed": False})
            return
        would = f"Would {outcome.verb} {outcome.what}." if outcome.is_new else outcome.what
        lines = [would, *outcome.details]
        if outcome.is_new:
            lines += previews.lines_of(known) if known else []
            times = [
                action if count == 1 else f"{action} ({count} times)"
                for action, count in sorted(tried.recorded.items())
            ]
            lines.append(f"The audit would say: {', '.join(times)}.")
        for line in (*lines, "Nothing was written: this was a dry run."):
            self.stdout.write(line)


# arguments that several take


def add_account(parser: CommandParser) -> None:
    """Add ``--account``."""
    parser.add_argument("--account", required=True, help="its short name, such as emma-hq")


def add_person(parser: CommandParser) -> None:
    """Add who it is about."""
    parser.add_argument("person", help="a user name, or an address that is confirmed")
    add_account(parser)


def add_place(parser: CommandParser, *, everywhere: bool = False) -> None:
    """Add where: a subaccount or the account level, or the whole account."""
    parser.add_argument("--subaccount", help="the short name of the subaccount, such as north")
    parser.add_argument(
        "--account-level", action="store_true", help="the role on the account itself"
    )
    if everywhere:
        parser.add_argument(
            "--whole-account", action="store_true", help="every role in the account"
        )


def add_which(parser: CommandParser) -> None:
    """Add which role is meant, where somebody may have several in one place."""
    parser.add_argument("--role", help="which role, if there are several there")


def add_reach(parser: CommandParser) -> None:
    """Add how far a role at account level reaches."""
    parser.add_argument(
        "--reach",
        action="append",
        default=[],
        metavar="SUBACCOUNT",
        help="the short name of a subaccount that it reaches; may be repeated",
    )
    parser.add_argument(
        "--all-subaccounts", action="store_true", help="all subaccounts, also future ones"
    )


def add_groups(parser: CommandParser) -> None:
    """Add which groups of subaccounts a role at account level reaches."""
    parser.add_argument(
        "--group",
        action="append",
        default=[],
        metavar="NAME",
        help="a group of subaccounts: it reaches what is in it at any time; may be repeated",
    )


def add_end(parser: CommandParser) -> None:
    """Add when it ends by itself."""
    parser.add_argument("--ends-at", help="until then: 2026-12-31T18:00, in TIME_ZONE")


def end_of(options: Mapping[str, Any]) -> datetime | None:
    """Return the moment that ``--ends-at`` names."""
    return moment(options["ends_at"]) if options["ends_at"] else None


def moment(text: str) -> datetime:
    """Return the time that is written in ISO form. Raises UsageError."""
    try:
        found = parse_datetime(text)
    except ValueError:
        found = None
    if found is None:
        raise UsageError(f"{text!r} is no time. Write it like 2026-11-23T09:00.")
    return timezone.make_aware(found) if timezone.is_naive(found) else found


__all__ = [
    "ActCommand",
    "Doer",
    "Outcome",
    "Tried",
    "add_account",
    "add_end",
    "add_groups",
    "add_person",
    "add_place",
    "add_reach",
    "add_which",
    "already",
    "any_role",
    "chosen",
    "end_of",
    "find_login",
    "find_role",
    "label_of_ticks",
    "moment",
    "named",
    "own_role",
    "places_of",
    "role_of",
    "until",
]
