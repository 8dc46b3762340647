"""Check that the record of what happened is complete and unchanged."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser

from permissions import audit
from permissions.audit import Flaw, Seal
from permissions.management.base import PROBLEM, OurCommand, UsageError
from permissions.models import AuditCheckpoint, AuditEvent, AuditHead


class Command(OurCommand):
    """Recompute every hash of every chain, and check what is signed."""

    help = (
        "Find any edited, deleted, inserted, reordered or cut-off audit event, and any forged head "
        "or checkpoint. Exits with 1 if there is."
    )
    formats = ("text", "json", "csv")

    def add_arguments(self, parser: CommandParser) -> None:
        """Add what to check, and what to check it against."""
        parser.add_argument("--root", help="check one chain only, such as teams.account:3")
        parser.add_argument(
            "--keep-seals",
            metavar="FILE",
            help="write where each chain ends to a new file, to be kept where the database's owner "
            "cannot write; only if there is no flaw",
        )
        parser.add_argument(
            "--against",
            metavar="FILE",
            help="check too that each chain still passes where these seals say it ended: finds a "
            "database put back to an earlier day, and a chain removed with all of it",
        )
        parser.add_argument(
            "--sign-anew",
            action="store_true",
            help="verify, then sign all heads and checkpoints with the SECRET_KEY of today; run it "
            "before the old one leaves SECRET_KEY_FALLBACKS",
        )
        parser.add_argument(
            "--old-key-is-lost",
            action="store_true",
            help="with --sign-anew: take unsigned heads and checkpoints for ours. You vouch for "
            "what nothing proves; every other flaw still stops it",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Print every flaw; exit with 1 if there is one."""
        root = options["root"]
        if root is not None and not _exists(root):
            raise UsageError(f"There is no chain {root!r}.")
        whole = ("sign_anew", "keep_seals", "against")
        if root is not None and any(options[name] for name in whole):
            raise UsageError("--root checks one chain; signing and seals are of all of them.")
        if options["old_key_is_lost"] and not options["sign_anew"]:
            raise UsageError("--old-key-is-lost goes with --sign-anew.")
        kept = _read(options["against"]) if options["against"] else []
        if options["sign_anew"]:
            self._sign_anew(kept, trusting=options["old_key_is_lost"])
        else:
            self._verify(root, kept, options)
        if options["keep_seals"]:
            _keep(options["keep_seals"], audit.seals())

    def _verify(self, root: str | None, kept: list[Seal], options: dict[str, Any]) -> None:
        fmt = options["format"]
        flaws = [*audit.verify(root), *audit.verify_seals(kept)]
        if fmt != "text" or flaws:
            self._tell(flaws, fmt)
        if flaws:
            raise SystemExit(PROBLEM)
        if fmt == "text":
            events = AuditEvent.objects.all() if root is None else audit.timeline(root)
            self.stdout.write(f"The audit is intact: {events.count()} events.")
            if options["against"]:
                self.stdout.write(f"Seals that hold: {len(kept)}, of {options['against']}.")

    def _sign_anew(self, kept: list[Seal], *, trusting: bool) -> None:
        flaws = list(audit.verify_seals(kept))
        if flaws:
            self._tell(flaws, "text")
            raise SystemExit(PROBLEM)
        try:
            count = audit.sign_anew(trusting=trusting)
        except audit.Flawed as error:
            raise CommandError(f"{error}. Nothing was signed.", returncode=PROBLEM) from None
        self.stdout.write(f"Signed anew: {count} heads and checkpoints.")

    def _tell(self, flaws: list[Flaw], fmt: str) -> None:
        rows = [(flaw.root, flaw.sequence, flaw.problem) for flaw in flaws]
        self.table(("root", "sequence", "problem"), rows, fmt)


def _exists(root: str) -> bool:
    models: Any = (AuditHead, AuditEvent, AuditCheckpoint)
    return any(model.objects.filter(root=root).exists() for model in models)


def _read(name: str) -> list[Seal]:
    """Return the seals in a file that --keep-seals wrote. Raises UsageError."""
    try:
        found = [Seal(**one) for one in json.loads(Path(name).read_text("utf-8"))]
        if not all(map(_is_seal, found)):
            raise ValueError
        return found
    except OSError as error:
        raise UsageError(f"The seals cannot be read: {error.strerror}.") from None
    except (ValueError, TypeError):
        raise UsageError(f"{name} holds no seals: --keep-seals writes some.") from None


def _is_seal(found: Any) -> bool:
    """Say whether what JSON made of a seal is one: it holds whatever stood in the file."""
    is_number = isinstance(found.sequence, int) and 0 <= found.sequence < 2**63
    return is_number and isinstance(found.root, str) and isinstance(found.digest, str)


def _keep(name: str, seals: Iterable[Seal]) -> None:
    try:
        with Path(name).open("x", encoding="utf-8") as file:
            json.dump([asdict(seal) for seal in seals], file, indent=1)
    except OSError as error:
        raise CommandError(
            f"The seals were not written: {error.strerror}.", returncode=PROBLEM
        ) from None
