"""What is there to read. Nothing here decides who may."""

from __future__ import annotations

from datetime import date

from django.db.models import Q, QuerySet
from django.utils import timezone

from billing.models import RatePlan, Subscription
from teams.models import Account


def today() -> date:
    """Return the day it is in TIME_ZONE, whatever a project shows its people: the only days
    billing knows."""
    return timezone.localdate(timezone=timezone.get_default_timezone())


def subscriptions_on(day: date) -> QuerySet[Subscription]:
    """Return the subscriptions that run on ``day``, one an account, with their plans."""
    running = Q(ends_on=None) | Q(ends_on__gt=day)
    return Subscription.objects.filter(running, starts_on__lte=day).select_related("plan")


def subscription_of(account: Account, day: date | None = None) -> Subscription | None:
    """Return what ``account`` subscribes to on ``day`` (today), with its plan; None for nothing."""
    return subscriptions_on(day or today()).filter(account=account).first()


def plan_of(account: Account, day: date | None = None) -> RatePlan | None:
    """Return the rate plan ``account`` has on ``day`` (today); None if it has none."""
    found = subscription_of(account, day)
    return None if found is None else found.plan
