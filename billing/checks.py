"""System checks: settings that make no sense, or are there by half, are said at start-up."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register
from django.core.checks import Warning as CheckWarning

from billing.conf import MOST_DUE_DAYS, due_days
from billing.deadlines import SETTINGS
from billing.gateways import stripe_keys
from billing.gateways.bank import account_lines


def check_deadlines(app_configs: Any, **_: Any) -> list[CheckMessage]:
    """Check that an overdue invoice is reminded of, then once more, then enforced, in this order.

    Each at least a day after the one before: the last reminder names the day that follows it.
    """
    given = {name: getattr(settings, name, default) for name, default in SETTINGS.values()}
    hint = "Give days after an invoice was due, in this order: " + ", ".join(
        f"{name} = {default}" for name, default in SETTINGS.values()
    )
    for name, days in given.items():
        if not isinstance(days, int) or isinstance(days, bool) or days < 1:
            problem = f"{name} must be a whole number of days, at least 1, not {days!r}."
            return [Error(problem, hint=hint, id="billing.E001")]
    for (name, days), (later, more) in pairwise(given.items()):
        if days >= more:
            problem = f"{name} is {days} and {later} is {more}: the second must be more."
            return [Error(problem, hint=hint, id="billing.E002")]
    return []


def check_due_days(app_configs: Any, **_: Any) -> list[CheckMessage]:
    """Check that no invoice is due before it is issued."""
    days: Any = due_days()
    if isinstance(days, int) and not isinstance(days, bool) and 0 <= days <= MOST_DUE_DAYS:
        return []
    return [
        Error(
            f"BILLING_DUE_DAYS must be a whole number of days from 0 to {MOST_DUE_DAYS}, "
            f"not {days!r}.",
            id="billing.E003",
        )
    ]


def check_stripe(app_configs: Any, **_: Any) -> list[CheckMessage]:
    """Check that Stripe is set up wholly or not at all."""
    found: list[CheckMessage] = []
    secret, webhook = stripe_keys.keys()
    if bool(secret) != bool(webhook):
        has, lacks = ("STRIPE_SECRET_KEY", "STRIPE_WEBHOOK_SECRET")[:: 1 if secret else -1]
        found.append(
            Error(
                f"{has} is set and {lacks} is not, so that cards are not offered.",
                hint="Set both or neither. Stripe shows the second one with the webhook endpoint.",
                id="billing.E010",
            )
        )
    if secret and webhook and not stripe_keys.is_installed():
        found.append(
            Error(
                "Stripe's keys are set, but its package is not installed.",
                hint="pip install 'django-subaccounts[stripe]'",
                id="billing.E011",
            )
        )
    return found


def check_bank(app_configs: Any, **_: Any) -> list[CheckMessage]:
    """Check that people are told where to transfer money to."""
    if account_lines():
        return []
    return [
        CheckWarning(
            "BILLING_BANK_ACCOUNT is empty: nobody is told where to transfer money to.",
            hint="Set its lines: whose account it is, its number, the bank.",
            id="billing.W010",
        )
    ]


def install() -> None:
    """Let Django ask all of these; called once, in ``AppConfig.ready``."""
    register(check_deadlines)
    register(check_due_days)
    register(check_stripe, Tags.security)
    register(check_bank, Tags.security, deploy=True)
