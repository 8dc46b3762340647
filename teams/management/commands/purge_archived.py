"""Remove for good what was archived."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from typing import Any

from django.core.management.base import CommandParser
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from permissions import access
from permissions.errors import NotFound, ServiceError
from permissions.management.base import PROBLEM, OurCommand, UsageError
from permissions.resources import registry
from teams import services
from teams.explain import find_object, find_user
from teams.models import (
    Archivable,
    Campaign,
    Contact,
    MailingList,
    MessageTemplate,
    Segment,
)

#: in the order in which they let go of each other: a list can go when its campaigns are gone
KINDS: tuple[type[Archivable], ...] = (Campaign, Segment, MessageTemplate, MailingList, Contact)
NAMES = {str(kind._meta.model_name): kind for kind in KINDS}
LONGEST = 36_500
#: so many keys are read at once
BATCH = 1000


class Command(OurCommand):
    """The service of the console, for everything that ``--actor`` sees in the archive."""

    help = (
        "Purge what is archived in an account or one subaccount, in the name of ACTOR. Lists what "
        "was refused and why. Exits with 1 if something was."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Add who, where and what."""
        parser.add_argument("--actor", required=True, help="the user name of whoever purges")
        parser.add_argument(
            "--account", required=True, help="the account's short name, such as emma-hq"
        )
        parser.add_argument("--subaccount", help="only there: the short name, such as north")
        parser.add_argument(
            "--model", action="append", choices=NAMES, help="only these; may be repeated"
        )
        parser.add_argument(
            "--older-than", type=int, metavar="DAYS", help="only what was archived before that"
        )
        parser.add_argument("--dry-run", action="store_true", help="say what would happen")
        parser.add_argument(
            "--confirm",
            metavar="NAME",
            help="what is emptied, once more: the account's short name, or emma-hq/north with "
            "--subaccount; needed unless it is a dry run",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Purge one after the other, each for itself; a dry run takes everything back."""
        actor = find_user(options["actor"])
        where = _scope(actor, options["account"], options["subaccount"])
        is_dry = options["dry_run"]
        if not is_dry:
            _confirmed(options["account"], options["subaccount"], options["confirm"])
        found = [
            (kind, _archived(actor, kind, where, options["older_than"]))
            for name, kind in NAMES.items()
            if name in (options["model"] or NAMES)
        ]
        purged, refused = 0, []
        with ExitStack() as stack:
            if is_dry:
                stack.enter_context(_taken_back())
            total = sum(len(keys) for _kind, keys in found)
            tell = stack.enter_context(self.progress("Purging", total))
            for kind, keys in found:
                for item in _load(kind, keys):
                    name = f"{kind._meta.verbose_name} {item} in {item.subaccount.name}"
                    try:
                        services.purge_item(actor=actor, obj=item, confirm=str(item))
                    except ServiceError as error:
                        refused.append(f"{name}: {error.message}")
                    else:
                        purged += 1
                        self.stdout.write(f"{'Would purge' if is_dry else 'Purged'} {name}.")
                    tell(purged + len(refused))
        for line in refused:
            self.stdout.write(f"Refused: {line}")
        verb = "would be purged" if is_dry else "purged"
        self.stdout.write(f"{purged} {verb}, {len(refused)} refused.")
        if refused:
            raise SystemExit(PROBLEM)


def _scope(actor: Any, account: str, subaccount: str | None) -> dict[str, Any]:
    """Return the filter for the place that was named. Raises NotFound as for a missing one if the
    actor has nothing there."""
    found: Any = find_object(f"teams.account:{account}")
    if found.slug != account or found.pk not in access.profile_of(actor).tenants:
        raise NotFound(f"There is no teams.account {account!r}.")
    if subaccount is None:
        return {"account": found.pk}
    return {"subaccount": find_object(f"teams.subaccount:{account}/{subaccount}").pk}


def _confirmed(account: str, subaccount: str | None, typed: str | None) -> None:
    """Refuse to begin unless the name of what is emptied was typed. Raises UsageError."""
    name = account if subaccount is None else f"{account}/{subaccount}"
    if typed != name:
        raise UsageError(
            f"What is purged is gone for good. Add --confirm {name} to go on, or --dry-run to see "
            "what would go. Nothing was purged."
        )


def _archived(
    actor: Any, kind: type[Archivable], where: dict[str, Any], days: int | None
) -> list[Any]:
    """Return the keys of what the actor sees in the archive, the oldest first."""
    if days is not None and not 0 <= days <= LONGEST:
        raise UsageError(f"--older-than takes a number of days from 0 to {LONGEST}.")
    rows: QuerySet[Any] = kind._default_manager.filter(archived_at__isnull=False, **where)
    if days is not None:
        rows = rows.filter(archived_at__lt=timezone.now() - timedelta(days=days))
    view = registry.of(kind).actions["view"]
    shown = access.visible(rows, actor, view).order_by("archived_at", "pk")
    return list(shown.values_list("pk", flat=True))


def _load(kind: type[Archivable], keys: list[Any]) -> Iterator[Any]:
    """Yield the rows of ``keys`` in that order, a bounded number at a time."""
    for start in range(0, len(keys), BATCH):
        manager: Any = kind._default_manager
        found = manager.select_related("subaccount").in_bulk(keys[start : start + BATCH])
        yield from (found[key] for key in keys[start : start + BATCH] if key in found)


@contextmanager
def _taken_back() -> Iterator[None]:
    """Take back what the block writes: so a dry run says exactly what would happen."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)
