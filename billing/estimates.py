"""What a month would come to, from the use there has been so far. An estimate, and called one."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from functools import cached_property

from billing import counting, purchases, rating, usage
from billing.rating import PlaceDay, next_month
from billing.terms import Span
from teams.models import Account
from teams.services.seating import seated

#: so many days back say how much is sent on a day
LOOK_BACK = timedelta(days=28)


def whole_month_from(day: date) -> date:
    """Return the first of the first month that lies wholly on or after ``day``."""
    return day if day.day == 1 else next_month(day)


class Estimates:
    """What an account's months would come to: metered days as they are, all others like the last
    of them, with the messages of an average day."""

    def __init__(self, account: Account, today: date) -> None:
        self.account = account
        self.today = today

    @cached_property
    def _metered(self) -> list[PlaceDay]:
        start = min(self.today.replace(day=1), self.today - LOOK_BACK)
        return usage.place_days(self.account, start, self.today)

    @cached_property
    def _seats(self) -> dict[date, int]:
        return usage.seats(self.account, self.today.replace(day=1), self.today)

    @cached_property
    def _typical(self) -> list[PlaceDay]:
        """Return what every place uses on a day like any other."""
        last = max((row.day for row in self._metered), default=None)
        if last is None:  # nothing has been metered: what there is now
            tomorrow = self.today + timedelta(days=1)
            places = counting.places(self.account, self.today, tomorrow)
            contacts = counting.contacts(self.account, self.today, tomorrow)
            return [
                PlaceDay(self.today, key, contacts=contacts.get(key, 0), is_active=is_active)
                for key, is_active in places.items()
            ]
        days = len({row.day for row in self._metered})
        sent: dict[object, int] = {}
        for row in self._metered:
            sent[row.place] = sent.get(row.place, 0) + row.sends
        return [
            row._replace(sends=(sent[row.place] + days // 2) // days)
            for row in self._metered
            if row.day == last
        ]

    @cached_property
    def _taken(self) -> int:
        return len(seated(self.account))

    def total(self, month: date, spans: Sequence[Span]) -> Decimal:
        """Return what ``month`` (its first day) would come to with the plans of ``spans``."""
        after = next_month(month)
        metered = [row for row in self._metered if month <= row.day < after]
        seats = {day: n for day, n in self._seats.items() if month <= day < after}
        known = {row.day for row in metered} | set(seats)
        rows = list(metered)
        day = month
        while day < after:
            if day not in known:
                rows += [row._replace(day=day) for row in self._typical]
            seats.setdefault(day, self._taken)
            day += timedelta(days=1)
        rated = {span.plan.pk: usage.as_rated(span.plan) for span in spans}
        periods = rating.periods(
            (rated[span.plan.pk], span.starts_on, span.ends_on) for span in spans
        )
        found = rating.charges(month, periods, rows, seats)
        found += purchases.charges(self.account, month, after)
        return sum((charge.amount for charge in found), Decimal(0))
