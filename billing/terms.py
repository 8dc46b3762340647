"""Which plan when: periods that follow each other, and how a change makes new ones of them.

Rules only. Periods of an account are in the order of their days, without a gap; at most the last
begins after today, a change that has been agreed on.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import NamedTuple

from billing.models import RatePlan
from billing.rating import contract_year, next_month


class Span(NamedTuple):
    """A plan from ``starts_on`` until the day before ``ends_on`` (None: no end)."""

    plan: RatePlan
    starts_on: date
    ends_on: date | None = None


def running(spans: Sequence[Span], day: date) -> Span | None:
    """Return what runs on ``day``; None for nothing."""
    found = [span for span in spans if span.starts_on <= day]
    last = found[-1] if found else None
    return last if last is not None and (last.ends_on is None or day < last.ends_on) else None


def agreed(spans: Sequence[Span], today: date) -> Span | None:
    """Return the change that has been agreed on and has not begun; None if there is none."""
    return next((span for span in spans if span.starts_on > today), None)


def replanned(spans: Sequence[Span], plan: RatePlan, starts_on: date, today: date) -> list[Span]:
    """Return the periods with ``plan`` from ``starts_on`` on, today or later.

    What was agreed on and has not begun falls, and so does what began on that very day. Where the
    plan before is the same one, that simply goes on.
    """
    kept = [span for span in spans if span.starts_on < starts_on and span.starts_on <= today]
    if not kept:
        return [Span(plan, starts_on)]
    last = kept.pop()
    if last.plan == plan:
        return [*kept, last._replace(ends_on=None)]
    return [*kept, last._replace(ends_on=starts_on), Span(plan, starts_on)]


def kept_on(spans: Sequence[Span], today: date) -> list[Span]:
    """Return the periods without the change that was agreed on: what runs goes on."""
    kept = [span for span in spans if span.starts_on <= today]
    return [*kept[:-1], kept[-1]._replace(ends_on=None)] if kept else []


def is_yearly(plan: RatePlan) -> bool:
    """Say whether the price of ``plan`` is for a year."""
    return plan.interval == RatePlan.Interval.YEAR


def term_of(spans: Sequence[Span], span: Span) -> date:
    """Return the day the contract years of ``span`` are counted from: when the first of the yearly
    plans that follow each other began."""
    begins = span.starts_on
    for earlier in reversed([one for one in spans if one.starts_on < span.starts_on]):
        if not is_yearly(span.plan) or not is_yearly(earlier.plan) or earlier.ends_on != begins:
            break
        begins = earlier.starts_on
    return begins


def renewal(spans: Sequence[Span], span: Span, day: date) -> date:
    """Return the first day after ``day`` on which ``span`` begins a new month, or contract year."""
    day = max(day, span.starts_on)
    if is_yearly(span.plan):
        return contract_year(term_of(spans, span), day)[1]
    return next_month(day)


def bound(spans: Sequence[Span], today: date) -> tuple[Span, date] | None:
    """Return the yearly plan that the account is bound to today, and until when; None if it may
    change freely.

    It is bound to what ran yesterday: what was chosen today may be chosen again today, and on the
    day a contract year begins nothing binds.
    """
    span = running(spans, today - timedelta(days=1))
    if span is None or not is_yearly(span.plan):
        return None
    begins, ends = contract_year(term_of(spans, span), today)
    return None if begins == today else (span, ends)
