"""Who had access at any moment, from the audit."""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import datetime
from typing import Any

from django.core.management.base import CommandParser
from django.db import transaction
from django.utils import timezone

from permissions.errors import Invalid, NotFound, OutOfScope
from permissions.management.base import OurCommand, UsageError
from teams import history, selectors
from teams.catalogue import CATALOGUE
from teams.management.doers import Doer, find_login, find_platform
from teams.models import Account
from teams.moments import past_moment
from teams.services.snapshots import record_look

Known = Callable[[Collection[history.Line]], list[history.Line]]

COLUMNS = ("account", "person", "place", "permission", "through")
CHANGED = ("change", *COLUMNS)


class Command(OurCommand):
    """The audit is replayed up to the moment; ends are judged as of then."""

    help = (
        "Print who had which permission where at a moment, rebuilt from the audit; with --since "
        "only what was gained and lost between the two. A date means the end of that day. "
        f"{history.NOTE}"
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
        """Print a line per person, place and permission."""
        doer = self._doer(options)
        at = past_moment(options["as_of"])
        since = None if options["since"] is None else past_moment(options["since"])
        if since is not None and since >= at:
            raise UsageError("--since must be earlier than --as-of.")
        self._check(options)
        rows: list[tuple[str, ...]] = []
        notes = [history.NOTE]
        for account, known in self._accounts(doer, options):
            if doer.is_platform:
                with transaction.atomic():
                    record_look(account, doer.because, as_of=at, since=since)
            for moment in filter(None, (since, at)):
                notes += [note for note in history.caveats(account, moment) if note not in notes]
            place = None
            if options["subaccount"]:
                place = doer.subaccount(account, options["subaccount"]).pk
            rows += [
                _row(account, change, line)
                for change, line in self._found(account, known, options, (since, at))
                if place in (None, line.inside) and options["permission"] in (None, line.permission)
            ]
        columns = CHANGED if since else COLUMNS
        shown = rows if since else [row[1:] for row in rows]
        fmt = options["format"]
        if fmt == "json":
            self.json(
                {
                    "as_of": at,
                    "since": since,
                    "note": " ".join(notes),
                    "lines": [dict(zip(columns, row, strict=True)) for row in shown],
                }
            )
            return
        if fmt == "text" and not shown:
            self.stdout.write("Nothing changed." if since else "Nobody had any such access.")
        else:
            self.table(columns, shown, fmt)
        if fmt == "text":
            local = timezone.localtime(at)
            self.stdout.write(f"\nAs of {local:%d %b %Y %H:%M:%S %Z}. {' '.join(notes)}")

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

    def _accounts(self, doer: Doer, options: dict[str, Any]) -> list[tuple[Account, Known]]:
        """Return the accounts that are meant, each with what leaves the doer what they may know.

        Without ``--account`` those are left out in which they may know nothing, unless that is all.
        """
        if doer.is_platform:
            return [(doer.account(options["account"]), list)]
        if options["account"]:
            account = doer.account(options["account"])
            return [(account, history.known_to(doer.actor, account))]
        found, refusal = [], None
        for account in selectors.accounts_of(doer.actor).order_by("slug"):
            try:
                found.append((account, history.known_to(doer.actor, account)))
            except OutOfScope as error:
                refusal = error
        if refusal is not None and not found:
            raise refusal
        return found

    def _found(
        self,
        account: Account,
        known: Known,
        options: dict[str, Any],
        moments: tuple[datetime | None, datetime],
    ) -> list[tuple[str, history.Line]]:
        """Return the lines of one account that may be known, each with what became of it since
        the first of two ``moments``, if there is one."""
        since, at = moments
        people = None
        if options["person"] is not None:
            # who has left is nobody the doer sees now; whoever never was here had nothing either
            login = find_login(options["person"])
            people = [] if login is None else [login]
        lines = known(history.who_had_access(account, at, people=people))
        if since is None:
            return [("", line) for line in lines]
        before = known(history.who_had_access(account, since, people=people))
        found = history.compared(before, lines)
        return [("gained", x) for x in found.gained] + [("lost", x) for x in found.lost]


def _row(account: Account, change: str, line: history.Line) -> tuple[str, ...]:
    through = "; ".join(line.through)
    return change, account.slug, line.person_label, line.place_name, line.permission, through
