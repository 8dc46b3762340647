"""Send or schedule a campaign, or carry on with what a dead worker left."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, cast

from django.core.management.base import CommandParser
from django.db import transaction
from django.db.models import Count
from django.utils import timezone

from permissions.management.base import PROBLEM, OurCommand, UsageError
from teams import services
from teams.explain import find_object, find_user
from teams.management.acts import moment
from teams.models import Campaign, Delivery
from teams.services import delivery

SAYS = {
    "sent": "was sent",
    "waiting": "is on its way: some messages are tried again later",
    "given back": "went back to draft",
    "no server": "waits: the mail server does not answer",
    "nothing": "has nothing to send now",
}
#: how a campaign stands of which something has not gone out
STUCK = ("given back", "no server", "waiting")
#: how messages ended that did not go out, or may not have
LOST = frozenset({Delivery.Status.FAILED.value, Delivery.Status.UNCONFIRMED.value})


class Command(OurCommand):
    """The same services as in the console, for whoever ``--actor`` names."""

    help = (
        "Send a campaign in the name of ACTOR, now or --at a time; or --resume everything that "
        "should be on its way. Exits with 1 if something did not go out, or nobody knows."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Add who, what and when."""
        parser.add_argument("--actor", help="the user name of whoever sends")
        parser.add_argument("--account", help="the account's short name, such as emma-hq")
        parser.add_argument("--campaign", help="subaccount/campaign, such as north/welcome")
        parser.add_argument("--at", help="schedule it for then: 2026-11-23T09:00, in TIME_ZONE")
        parser.add_argument("--dry-run", action="store_true", help="say what would happen")
        parser.add_argument(
            "--resume",
            action="store_true",
            help="carry on with all campaigns that are due, or with the one that is named",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Do one of the three."""
        named = options["account"] or options["campaign"]
        if named and not (options["account"] and options["campaign"]):
            raise UsageError("Name both --account and --campaign.")
        campaign = _find(options["account"], options["campaign"]) if named else None
        if options["resume"]:
            if options["actor"] or options["at"]:
                raise UsageError("--resume takes neither --actor nor --at: both are settled.")
            due = delivery.due()
            self._resume(due if campaign is None else [campaign], is_dry=options["dry_run"])
            return
        if campaign is None or not options["actor"]:
            raise UsageError("Name --actor, --account and --campaign, or say --resume.")
        at = moment(options["at"]) if options["at"] else None
        actor = find_user(options["actor"])

        def settle() -> Campaign:
            if at is None:
                return services.send_campaign(actor=actor, campaign=campaign)
            return services.schedule_campaign(actor=actor, campaign=campaign, at=at)

        if options["dry_run"]:
            self._try_out(settle)
        else:
            settled = settle()
            if at is None:
                self._resume([settled])
            else:
                self.stdout.write(f"{settled} is scheduled for {_said(settled.scheduled_at)}.")

    def _try_out(self, settle: Callable[[], Campaign]) -> None:
        """Settle it and take that back."""
        with transaction.atomic():
            campaign = settle()
            count = _waiting(campaign)
            transaction.set_rollback(True)
        self.stdout.write(f"{campaign} would go to {count} contacts. Nothing was sent.")

    def _resume(self, campaigns: Iterable[Campaign], *, is_dry: bool = False) -> None:
        """Send what waits of each; what may be sent was settled by whoever scheduled it."""
        problems = False
        for campaign in campaigns:
            count = _waiting(campaign)
            if is_dry:
                self.stdout.write(f"{campaign}: {count} messages wait. Nothing was sent.")
                continue
            with self.progress(str(campaign), count) as tell:
                found = delivery.work_off(campaign.pk, progress=tell)
            counts = _counts(campaign)
            self.stdout.write(f"{campaign} {SAYS[found.state]}; {_said_of(counts)}.")
            problems |= found.state in STUCK or not LOST.isdisjoint(counts)
        if problems:
            raise SystemExit(PROBLEM)


def _find(account: str, campaign: str) -> Campaign:
    return cast(Campaign, find_object(f"teams.campaign:{account}/{campaign}"))


def _said(when: datetime | None) -> str:
    return "" if when is None else f"{timezone.localtime(when):%d %b %Y %H:%M %Z}"


def _waiting(campaign: Campaign) -> int:
    return campaign.deliveries.filter(status=Delivery.Status.WAITING).count()


def _counts(campaign: Campaign) -> dict[str, int]:
    """Return how many of its messages are in which state, of those in which there are any."""
    rows = campaign.deliveries.values_list("status").annotate(n=Count("pk"))
    return dict(rows.order_by())


def _said_of(counts: Mapping[str, int]) -> str:
    """Return "2 sent, 1 failed"."""
    found = [(counts.get(status.value, 0), status.label) for status in Delivery.Status]
    return ", ".join(f"{n} {str(label).lower()}" for n, label in found if n) or "no messages"
