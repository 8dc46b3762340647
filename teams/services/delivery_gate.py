"""Whether a campaign may go out: asked when its time comes, and again while it is sent."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from permissions import access, audit
from permissions.resources import registry
from teams import flow
from teams.catalogue import SEND_CAMPAIGNS
from teams.models import Account, Campaign, Delivery
from teams.services.change import root_key

Status = Delivery.Status
#: what is later than this is not sent any more: nobody expects it
LATEST = timedelta(days=1)
#: clocks of two machines differ by less
DRIFT = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Round:
    """What one round of work came to: ``state`` says how the campaign stands.

    "nothing" (nothing to do, or not yet), "paused" (until the account is not read-only any more:
    see ``read_only``), "given back" (a draft again), "sent", "waiting" (some are tried again, or
    another worker has them), "no server". ``again_at`` is when to carry on.
    """

    state: str
    done: int = 0
    again_at: datetime | None = None


def locked(campaign: int) -> Campaign | None:
    """Return the campaign as stored, its account locked."""
    root = Campaign.objects.filter(pk=campaign).values_list("account", flat=True).first()
    if root is None:
        return None
    Account.objects.select_for_update(no_key=True).filter(pk=root).first()
    rows = Campaign.objects.select_related("account", "subaccount", "scheduled_by")
    return rows.filter(pk=campaign).first()


def begin(campaign: int) -> Round | None:
    """Move a campaign whose time has come to sending; None says that there is work to do."""
    with transaction.atomic():
        found = locked(campaign)
        if found is None or found.is_archived or found.status not in Campaign.ON_ITS_WAY:
            return Round("nothing")
        at, now = found.scheduled_at, timezone.now()
        if at is None or at > now:
            # the clock of whoever put the task there may be ahead of this one
            is_near = at is not None and at - now < DRIFT
            return Round("nothing", again_at=at if is_near else None)
        if found.account.read_only_because:
            return Round("paused")
        if reason := _too_late(found):
            _give_back(found, reason)
            return Round("given back")
        if found.status == Campaign.Status.SCHEDULED:
            if reason := _why_not(found):
                _give_back(found, reason)
                return Round("given back")
            flow.take(found, "begin")
            found.problem = ""
            found.save(update_fields=["status", "problem"])
            record(found, "campaign.began_sending")
    return None


def still_may(campaign: int) -> Campaign | str:
    """Return the campaign if it may still go out; otherwise make it a draft, and return how it
    stands: "given back", "paused", or "nothing" if another worker has concluded it."""
    with transaction.atomic():
        found = locked(campaign)
        if found is not None and found.status == Campaign.Status.SENDING:
            if found.account.read_only_because:
                return "paused"
            reason = _why_not(found)
            if not reason:
                return found
            _give_back(found, reason)
        is_back = found is not None and found.status == Campaign.Status.DRAFT
        return "given back" if is_back else "nothing"


def _too_late(campaign: Campaign) -> str:
    """Return why it is too late to send it; empty if it is not, or something went out lately."""
    at, latest = campaign.scheduled_at, timezone.now() - LATEST
    if at is None or at > latest:
        return ""
    rows = campaign.deliveries.exclude(status=Status.WAITING)
    if campaign.status == Campaign.Status.SENDING and rows.filter(at__gt=latest).exists():
        return ""
    return f"It was due on {at:%d %b %Y %H:%M} UTC, and nothing was sent for more than a day."


def _why_not(campaign: Campaign) -> str:
    """Return why it may not go out now; empty if whoever scheduled it may still send it."""
    if campaign.subaccount.is_archived:
        return f"{campaign.subaccount} was archived before it was sent."
    sender = campaign.scheduled_by
    if sender is None:
        return "The login of whoever scheduled it is gone."
    profile = access.profile_of(sender, fresh=True)
    resource = registry.of(campaign)
    if sender.is_staff or sender.is_superuser:
        return f"{audit.label_of(sender)}, who scheduled it, has no place in the account any more."
    if not profile.allows(SEND_CAMPAIGNS, resource, campaign):
        return f"{audit.label_of(sender)}, who scheduled it, may no longer send it."
    return ""


def _give_back(campaign: Campaign, reason: str) -> None:
    flow.take(campaign, "give back")
    campaign.problem = f"{reason} Whoever may send can schedule it again."[:300]
    campaign.scheduled_at = campaign.scheduled_by = None
    campaign.save(update_fields=["status", "problem", "scheduled_at", "scheduled_by"])
    forget_waiting(campaign)
    record(campaign, "campaign.returned", reason=reason)


def forget_waiting(campaign: Campaign) -> None:
    """Drop the recipients that were settled and have not been sent anything."""
    Delivery.objects.filter(campaign=campaign, status=Status.WAITING).delete()


def record(campaign: Campaign, action: str, **data: Any) -> None:
    """Append what the worker did to the record of the account."""
    audit.record(
        root=root_key(campaign.account),
        actor=None,
        action=action,
        subject=campaign,
        data={"subaccount": campaign.subaccount_id, **data},
    )
