"""Check that the record of what happened is complete and unchanged."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from permissions import audit
from permissions.management.base import PROBLEM, OurCommand, UsageError
from permissions.models import AuditEvent, AuditHead


class Command(OurCommand):
    """Recompute every hash of every chain."""

    help = "Find any edited, deleted, reordered or cut-off audit event. Exits with 1 if there is."
    formats = ("text", "json", "csv")

    def add_arguments(self, parser: CommandParser) -> None:
        """Add ``--root``."""
        parser.add_argument("--root", help="check one chain only, such as teams.account:3")

    def handle(self, *args: Any, **options: Any) -> None:
        """Print every flaw; exit with 1 if there is one."""
        root = options["root"]
        if root is not None and not _exists(root):
            raise UsageError(f"There is no chain {root!r}.")
        flaws = list(audit.verify(root))
        fmt = options["format"]
        if fmt != "text" or flaws:
            rows = [(flaw.root, flaw.sequence, flaw.problem) for flaw in flaws]
            self.table(("root", "sequence", "problem"), rows, fmt)
        if flaws:
            raise SystemExit(PROBLEM)
        if fmt == "text":
            events = AuditEvent.objects.all() if root is None else audit.timeline(root)
            self.stdout.write(f"The audit is intact: {events.count()} events.")


def _exists(root: str) -> bool:
    chains = (AuditHead.objects.filter(root=root), AuditEvent.objects.filter(root=root))
    return any(rows.exists() for rows in chains)
