"""Who had access at any moment, from the audit."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import datetime
from itertools import chain
from typing import Any

from django.core.management.base import CommandParser
from django.db import transaction

from permissions.errors import Invalid, NotFound, OutOfScope
from permissions.management.base import OurCommand, UsageError
from teams import selectors
from teams.catalogue import CATALOGUE
from teams.csv_files import written
from teams.history_sight import WHOLE, Sight, sight_of
from teams.management.doers import Doer, find_login, find_platform
from teams.management.writing import write
from teams.models import Account
from teams.moments import past_moment
from teams.past import CHANGED, COLUMNS, NOTE, Answer, Question, as_json, head, said
from teams.services.snapshots import record_look


class Command(OurCommand):
    """The audit is replayed up to the moment; ends are judged as of then."""

    help = (
        "Print who had which permission where at a moment, rebuilt from the audit; with --since "
        "only what was gained and lost between the two. A date means the end of that day. "
        f"{NOTE}"
    )
    formats = ("text", "json", "csv")

    def add_arguments(self, parser: CommandParser) -> None:
        """Add when, who looks, and what of it."""
        parser.add_argument("--as-of", required=True, metavar="DATE", help="2026-11-01[T14:30]")
        parser.add_argument("--since", metavar="DATE", help="only what changed since then")
        parser.add_argument("--account", help="its short name; without it, all that the actor sees")
        parser.add_argument("--person", help="only this user name or address")
        parser.add_argument("--subaccount", help="only there: its short name, with --account")
        parser.add_argument("--permission", help="only this codename, see list_permissions")
        parser.add_argument("--actor", help="the user name or address of whoever looks")
        parser.add_argument(
            "--as-platform", action="store_true", help="look for the platform, with --account"
        )
        parser.add_argument("--reason", help="why the platform looks: the tenant reads that")
        parser.add_argument("--operator", help="the user name of who answers for it")

    def handle(self, *args: Any, **options: Any) -> None:
        """Print a line per person, place and permission, each as it is worked out."""
        doer = self._doer(options)
        at = past_moment(options["as_of"])
        since = None if options["since"] is None else past_moment(options["since"])
        if since is not None and since >= at:
            raise UsageError("--since must be earlier than --as-of.")
        self._check(options)
        # what is refused of any account is refused before the first line
        answers = list(self._answers(doer, options, (since, at)))
        question = Question(at, since)
        notes = {NOTE: None} | dict.fromkeys(note for one in answers for note in one.notes)
        columns, rows = CHANGED if since else COLUMNS, _rows(answers)
        match options["format"]:
            case "json":
                lines = as_json(head(question, notes), columns, rows)
            case "csv":
                lines = map(written, chain([columns], rows))
            case _:
                lines = _sentences(question, notes, rows)
        write(self, "-", (line.encode() for line in lines))

    def _doer(self, options: dict[str, Any]) -> Doer:
        if bool(options["actor"]) == bool(options["as_platform"]):
            raise UsageError("Say who looks: either --actor NAME, or --as-platform with --reason.")
        if options["as_platform"]:
            if not options["reason"]:
                raise UsageError("Add --reason: the tenant reads in the audit why you looked.")
            if not options["account"]:
                raise UsageError("Add --account: the platform looks at one account at a time.")
            return find_platform(options["reason"], options["operator"])
        if options["reason"] or options["operator"]:
            raise UsageError("--reason and --operator go with --as-platform.")
        found = find_login(options["actor"])
        if found is None:
            raise NotFound(f"There is no login {options['actor']!r}.")
        return Doer(found, {})

    def _check(self, options: dict[str, Any]) -> None:
        if options["subaccount"] and not options["account"]:
            raise UsageError("--subaccount goes with --account.")
        wanted = options["permission"]
        if wanted is not None and wanted not in CATALOGUE:
            raise Invalid(f"There is no permission {wanted!r}.", code="UNKNOWN_PERMISSION")

    def _answers(
        self, doer: Doer, options: dict[str, Any], moments: tuple[datetime | None, datetime]
    ) -> Iterator[Answer]:
        """Yield what is found of each account that is meant."""
        since, at = moments
        people = None
        if options["person"] is not None:
            # who has left is nobody the doer sees now; whoever never was here had nothing either
            login = find_login(options["person"])
            people = frozenset() if login is None else frozenset({str(login.pk)})
        for account, sight in self._accounts(doer, options):
            if doer.is_platform:
                with transaction.atomic():
                    record_look(account, doer.because, as_of=at, since=since)
            place = None
            if options["subaccount"]:
                place = doer.subaccount(account, options["subaccount"]).pk
            question = Question(at, since, people, place, options["permission"])
            yield Answer.to(question, account, sight)

    def _accounts(self, doer: Doer, options: dict[str, Any]) -> list[tuple[Account, Sight]]:
        """Return the accounts that are meant, each with what the doer may know of its past.

        Without ``--account`` those are left out in which they may know nothing, unless that is all.
        """
        if doer.is_platform:
            return [(doer.account(options["account"]), WHOLE)]
        if options["account"]:
            account = doer.account(options["account"])
            return [(account, sight_of(doer.actor, account))]
        found, refusal = [], None
        for account in selectors.accounts_of(doer.actor).order_by("slug"):
            try:
                found.append((account, sight_of(doer.actor, account)))
            except OutOfScope as error:
                refusal = error
        if refusal is not None and not found:
            raise refusal
        return found


def _rows(answers: list[Answer]) -> Iterator[tuple[str, ...]]:
    """Yield what is found, as it is worked out; an account that is told is forgotten."""
    while answers:
        answer = answers.pop(0)
        for found in answer.all():
            yield answer.cells(found)


def _sentences(
    question: Question, notes: Collection[str], rows: Iterator[tuple[str, ...]]
) -> Iterator[str]:
    """Yield a line each; a table would be known only when all of it is."""
    is_compared = question.since is not None
    row: tuple[str, ...] = ()
    for row in rows:
        account, person, place, permission, through = row[-len(COLUMNS) :]
        change = f"{row[0]}: " if is_compared else ""
        yield f"{change}{person}: {permission} in {place} ({account}), {through}\n"
    if not row:
        yield "Nothing changed.\n" if is_compared else "Nobody had any such access.\n"
    yield f"\nAs of {said(question.at)}. {' '.join(notes)}\n"
