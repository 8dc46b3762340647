"""Counting what there is and what goes out, of a whole account at a time: one query a figure.

Days are those of TIME_ZONE, so one on which the clock is changed has 23 or 25 hours. A span is the
days from ``start`` to the day before ``end``.

Counted is what is still known: what has been purged is not. That is why days are metered as soon
as they are over, and what was written down of them is never touched again.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from typing import Any

from django.db.models import Count, Q
from django.utils import timezone

from permissions import grants
from teams.models import Account, Campaign, Contact, Delivery, Membership, Subaccount

#: a message may be settled after its campaign was closed, by a worker that hung; by then at most
AFTERWARDS = timedelta(days=1)


def begins(day: date) -> datetime:
    """Return the moment ``day`` begins, whatever time zone the person at work has chosen."""
    return timezone.make_aware(datetime.combine(day, time.min), timezone.get_default_timezone())


def places(account: Account, start: date, end: date) -> dict[Any, bool]:
    """Return the subaccounts there were (keys), and of each whether it counts as active: it was not
    archived before, and is not the account's own workspace, which no plan counts."""
    rows = Subaccount.objects.filter(account=account, created_at__lt=begins(end)).order_by("pk")
    since = begins(start)
    return {
        key: not home and (archived_at is None or archived_at >= since)
        for key, archived_at, home in rows.values_list("pk", "archived_at", "is_home")
    }


def active_now(account: Account) -> int:
    """Return how many subaccounts are active."""
    return Subaccount.objects.filter(account=account, archived_at=None, is_home=False).count()


def contacts(account: Account, start: date, end: date) -> Mapping[Any, int]:
    """Return how many contacts there were at any time, by subaccount; none archived before, by
    itself or with its subaccount."""
    since = begins(start)
    rows = Contact.objects.filter(
        Q(archived_at=None) | Q(archived_at__gte=since),
        Q(subaccount__archived_at=None) | Q(subaccount__archived_at__gte=since),
        account=account,
        created_at__lt=begins(end),
    )
    return _by_place(rows.order_by().values_list("subaccount"))


def sends(account: Account, start: date, end: date) -> Mapping[Any, int]:
    """Return how many messages of campaigns went out, by subaccount.

    Nobody pays for what nobody knows was sent (unconfirmed), nor for tests. Deliveries are looked
    for by the campaigns they can belong to: there is no index of their times.
    """
    since, until = begins(start), begins(end)
    campaigns = Campaign.objects.filter(
        Q(sent_at=None) | Q(sent_at__gte=since - AFTERWARDS), account=account, created_at__lt=until
    )
    rows = Delivery.objects.filter(
        campaign__in=campaigns.order_by().values("pk"),
        status=Delivery.Status.SENT,
        at__gte=since,
        at__lt=until,
    )
    return _by_place(rows.order_by().values_list("subaccount"))


def _by_place(rows: Any) -> dict[Any, int]:
    return dict(rows.annotate(number=Count("pk")))


def seats(account: Account, start: date, end: date) -> int:
    """Return how many people had a place, the owner among them: who is in several counts once, who
    is suspended as well (``teams.services.seating.seated``, of a day)."""
    rows = Membership.objects.filter(
        grants.active(begins(start)), account=account, added_at__lt=begins(end)
    )
    return len({account.owner_id, *rows.values_list("user_id", flat=True)})
