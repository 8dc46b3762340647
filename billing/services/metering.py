"""Writing down what was used, one day of one account at a time, once the day is over.

What is written stays: metering a day again changes nothing, whatever was purged or removed since.
Each day is one transaction under the account's lock, so a run that was killed is completed by the
next, and two at once do the work of one.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

from django.db import transaction

from billing import counting, usage
from billing.models import MeteredDay, Subscription, UsageDay
from billing.selectors import subscription_of, today
from billing.services import quota
from permissions.errors import Invalid
from teams.models import Account
from teams.services.inputs import expect

BATCH = 1000


class NewDay(NamedTuple):
    """A day that was metered just now."""

    account: Account
    day: date


def meter_day(account: Account, day: date) -> bool:
    """Write down what each subaccount of ``account`` used on ``day``; say whether that was new.

    Nothing is written for a day without a subscription, nor for one that is metered already.
    Raises Invalid: DAY_NOT_OVER, WRONG_TYPE.
    """
    account, day = expect(account, Account, "The account"), _over(day)
    with transaction.atomic():
        locked = Account.objects.select_for_update(no_key=True).filter(pk=account.pk).first()
        subscription = subscription_of(locked, day) if locked is not None else None
        if locked is None or subscription is None:
            return False
        if MeteredDay.objects.filter(account=locked, day=day).exists():
            return False
        _write(locked, day)
        subscription.account = locked
        quota.warn(subscription, day)
    return True


def _write(account: Account, day: date) -> None:
    after = day + timedelta(days=1)
    places = counting.places(account, day, after)
    contacts = counting.contacts(account, day, after)
    sends = counting.sends(account, day, after)
    UsageDay.objects.bulk_create(
        (
            UsageDay(
                account=account,
                subaccount_id=place,
                day=day,
                contacts=contacts.get(place, 0),
                sends=sends.get(place, 0),
                is_active=is_active,
            )
            for place, is_active in places.items()
        ),
        batch_size=BATCH,
    )
    MeteredDay.objects.create(account=account, day=day, seats=counting.seats(account, day, after))


def meter(until: date | None = None, account: Account | None = None) -> list[NewDay]:
    """Meter every day up to ``until`` (yesterday) that is not metered, of one account or of all
    that ever had a subscription; return what was new, each account's days in their order.

    Raises Invalid (DAY_NOT_OVER).
    """
    last = yesterday() if until is None else _over(until)
    return [
        NewDay(one, day)
        for one in accounts(account)
        for day in usage.days_due(one, last)
        if meter_day(one, day)
    ]


def yesterday() -> date:
    """Return the last day that is over."""
    return today() - timedelta(days=1)


def accounts(account: Account | None = None) -> list[Account]:
    """Return the accounts that ever had a subscription, or that one of them."""
    rows = Account.objects.filter(pk__in=Subscription.objects.values("account")).order_by("pk")
    return list(rows if account is None else rows.filter(pk=account.pk))


def _over(day: Any) -> date:
    """Return ``day`` if it is over. Raises Invalid."""
    if not isinstance(day, date) or isinstance(day, datetime):
        raise Invalid("The day must be a date.", code="WRONG_TYPE")
    if day >= today():
        raise Invalid(
            f"{day:%d %b %Y} is not over yet. Meter it from the next day on.", code="DAY_NOT_OVER"
        )
    return day
