"""Moments as commands and pages are given them."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta

from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime

from permissions.errors import Invalid


def past_moment(text: str) -> datetime:
    """Return the moment that "2026-11-01" or "2026-11-01T14:30" names, in the project's time zone.

    A date means the end of that day, today's the present. Raises Invalid (NOT_A_DATE, FUTURE).
    """
    now = timezone.now()
    try:
        day = parse_date(text)
        at = parse_datetime(text) if day is None else None
        if day is not None:
            following = datetime.combine(day + timedelta(days=1), time.min)
            at = timezone.make_aware(following) - timedelta(microseconds=1)
            if day == timezone.localdate(now):
                return now
        elif at is not None and timezone.is_naive(at):
            at = timezone.make_aware(at)
        at = at and at.astimezone(
            UTC
        )  # so that no database falls over one of the first or last day
    except (ValueError, OverflowError):
        at = None
    if at is None:
        raise Invalid(
            f"{text!r} is no date. Write 2026-11-01, or 2026-11-01T14:30 for a time of that day.",
            code="NOT_A_DATE",
        )
    if at > now:
        raise Invalid(f"{text} is still to come: nobody had anything then.", code="FUTURE")
    return at
