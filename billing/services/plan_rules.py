"""Whether a rate plan may be chosen: from which day on, and what must shrink first."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any, Literal

from billing import terms
from billing.models import Invoice, RatePlan, Subscription
from billing.terms import Span
from permissions.errors import Invalid, LimitReached
from teams.models import Account
from teams.services.places import active_subaccounts
from teams.services.seating import seats_taken

NOW: Literal["now"] = "now"
RENEWAL: Literal["renewal"] = "renewal"
When = Literal["now", "renewal"]

#: how far back a first plan may begin, and how far ahead one may be agreed on
A_YEAR = timedelta(days=366)


def must_shrink(account: Account, plan: RatePlan) -> list[str]:
    """Return a sentence about everything of which ``account`` has more than ``plan`` allows."""
    found = []
    places, most_places = active_subaccounts(account), plan.most_subaccounts
    if most_places is not None and places > most_places:
        found.append(
            f"{plan.name} allows {_counted(most_places, 'active subaccount')} and there "
            f"{'is' if places == 1 else 'are'} {places}: archive {places - most_places}."
        )
    seats, most_seats = sum(seats_taken(account)), plan.most_seats
    if most_seats is not None and seats > most_seats:
        found.append(
            f"{'It' if found else plan.name} allows {_counted(most_seats, 'seat')} and {seats} "
            f"{'is' if seats == 1 else 'are'} taken, pending invitations counted: remove people or "
            f"withdraw invitations, {seats - most_seats} in all."
        )
    return found


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def refuse_what_is_too_much(account: Account, plan: RatePlan) -> None:
    """Raise LimitReached with all that must shrink first."""
    if lines := must_shrink(account, plan):
        raise LimitReached(" ".join(lines))


def clean_when(when: Any) -> str:
    """Return ``NOW`` or ``RENEWAL``. Raises Invalid (WHEN)."""
    if not isinstance(when, str) or when not in (NOW, RENEWAL):
        raise Invalid("Say when: now, or at renewal.", code="WHEN")
    return when


def first_day(account: Account, spans: Sequence[Span], when: str, today: date) -> date:
    """Return the first day of a plan chosen ``when``. Raises Invalid (NO_PLAN)."""
    if when == NOW:
        return today
    current = terms.running(spans, today)
    if current is None:
        raise Invalid(
            f"{account.name} has no rate plan yet that could be renewed. Choose one now.",
            code="NO_PLAN",
        )
    return terms.renewal(spans, current, today)


def refuse_within_year(spans: Sequence[Span], plan: RatePlan, today: date) -> None:
    """Raise Invalid (YEARLY_TERM) where a year that is paid for stands in the way of ``plan``."""
    found = terms.bound(spans, today)
    if found is None:
        return
    span, until = found
    if not terms.is_yearly(plan) or plan.price < span.plan.price:
        what = "costs less" if terms.is_yearly(plan) else "is paid by the month"
        raise Invalid(
            f"{span.plan.name} is paid by the year, until {until:%d %B %Y}, and {plan.name} {what}."
            " Choose it at renewal.",
            code="YEARLY_TERM",
        )


def clean_start(
    account: Account, rows: Sequence[Subscription], starts_on: Any, today: date
) -> date:
    """Return the first day the platform names, or today. Raises Invalid (WRONG_TYPE, STARTS)."""
    if starts_on is None:
        return today
    if not isinstance(starts_on, date) or hasattr(starts_on, "hour"):
        raise Invalid("The first day must be a date.", code="WRONG_TYPE")
    if starts_on > today + A_YEAR:
        raise Invalid(
            "The first day is more than a year ahead. Choose an earlier one.", code="STARTS"
        )
    if starts_on >= today:
        return starts_on
    if any(row.starts_on <= today for row in rows):
        raise Invalid(
            f"{account.name} has a rate plan already: the next begins today or later.",
            code="STARTS",
        )
    if starts_on < today - A_YEAR or Invoice.objects.filter(account=account).exists():
        raise Invalid(
            "A first rate plan begins at most a year ago, and only where nothing has been "
            "invoiced yet.",
            code="STARTS",
        )
    return starts_on
