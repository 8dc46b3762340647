"""What must be kept until its day has been metered: else whoever sends in the morning and purges in
the evening would pay nothing for it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from billing import counting
from billing.selectors import today
from billing.usage import days_due
from teams.models import Account, Campaign, Contact, Delivery


def needed(obj: Any) -> str:
    """Return why ``obj`` cannot be removed for good yet; empty if nothing is counted by it that has
    not been written down."""
    if not isinstance(obj, Campaign | Contact):
        return ""
    since = _unmetered_since(obj.account)
    if since is None or not _counts(obj, since):
        return ""
    # a contact's name may be an address
    name = getattr(obj, "audit_label", None) or obj
    return f"{name} counts among what was used since {since:%d %b %Y}. Remove it in a day or two."


def _unmetered_since(account: Account) -> datetime | None:
    """Return when the first day began, today among them, whose use has not been written down."""
    due = days_due(account, today())
    return counting.begins(due[0]) if due else None


def _counts(obj: Campaign | Contact, since: datetime) -> bool:
    if isinstance(obj, Contact) and (obj.archived_at is None or obj.archived_at >= since):
        return True
    sent = Delivery.objects.filter(status=Delivery.Status.SENT, at__gte=since)
    by = {"contact": obj} if isinstance(obj, Contact) else {"campaign": obj}
    return sent.filter(**by).exists()
