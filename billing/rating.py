"""What a month of use costs: rules only, no rows.

Everything is charged by the day. What is worked out stays exact until it is an amount, and amounts
are rounded so that they add up: the base prices of all days since the subscription began come to
the rounding of their exact sum, and so do each month's amounts of every other meter, however often
the plan changed in between. The tempting alternative, to round each line by itself, loses up to
half a smallest unit with every change.
"""

from __future__ import annotations

from calendar import monthrange
from collections import defaultdict
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from typing import Any, NamedTuple

from billing.money import rounded, shared_out

#: the values of ``billing.models.Meter``, which imports models
BASE, CONTACTS, SENDS, SUBACCOUNTS, SEATS = "base", "contacts", "sends", "subaccounts", "seats"

NOTHING = Fraction(0)


class Tier(NamedTuple):
    """What ``per`` units of ``meter`` cost beyond ``above`` units too many; see ``PlanTier``."""

    meter: str
    above: int
    per: int
    price: Decimal


@dataclass(frozen=True, slots=True)
class Plan:
    """What a ``RatePlan`` and its tiers say of prices."""

    name: str
    currency: str
    price: Decimal = Decimal(0)
    yearly: bool = False
    included_contacts: int = 0
    included_sends: int = 0
    included_subaccounts: int = 0
    included_seats: int = 0
    price_per_subaccount: Decimal = Decimal(0)
    price_per_seat: Decimal = Decimal(0)
    tiers: tuple[Tier, ...] = ()


@dataclass(frozen=True, slots=True)
class Period:
    """A plan from ``starts_on`` until the day before ``ends_on`` (None: no end).

    ``term`` is the day the first contract year began; a monthly plan has no use for it.
    """

    plan: Plan
    starts_on: date
    ends_on: date | None
    term: date


class PlaceDay(NamedTuple):
    """What one subaccount (``place``: its key) used on one day; see ``UsageDay``."""

    day: date
    place: Any
    contacts: int = 0
    sends: int = 0
    is_active: bool = True


class Charge(NamedTuple):
    """What one meter of one subaccount (``place`` None: of the account) came to in one period.

    For the days from ``starts_on`` until the day before ``ends_on``. ``quantity`` is what was used,
    included or not: days of the plan, contacts, messages, days a subaccount was active, days times
    seats. ``description`` names the plan where ``meter`` is the base price.
    """

    place: Any
    meter: str
    quantity: Decimal
    amount: Decimal
    starts_on: date
    ends_on: date
    description: str


class _Part(NamedTuple):
    """The days of a period that lie in the month, and what was used on them."""

    period: Period
    starts_on: date
    ends_on: date
    share: Fraction
    usage: Sequence[PlaceDay]
    seats: Sequence[int]


class _Cost(NamedTuple):
    """What a part comes to before it is rounded, and who used how much of it."""

    exact: Fraction
    used: Mapping[Any, int]


def next_month(month: date) -> date:
    """Return the first day of the month after ``month``."""
    return (month.replace(day=1) + timedelta(days=32)).replace(day=1)


def anniversary(term: date, year: int) -> date:
    """Return the day in ``year`` that a contract year since ``term`` begins: 28 February in a year
    that has no 29th, so that a contract never begins in another month."""
    last = monthrange(year, term.month)[1]
    return term.replace(year=year, day=min(term.day, last))


def contract_year(term: date, day: date) -> tuple[date, date]:
    """Return the first day of the contract year ``day`` is in and of the one after it."""
    begins = anniversary(term, day.year)
    if begins > day:
        return anniversary(term, day.year - 1), begins
    return begins, anniversary(term, day.year + 1)


def periods(rows: Iterable[tuple[Plan, date, date | None]]) -> list[Period]:
    """Return a history of plans (plan, from, until the day before), in the order of its days.

    A contract year begins with the first of the yearly plans that follow each other: neither going
    to a larger one nor back to the same begins it anew.
    """
    found: list[Period] = []
    for plan, starts_on, ends_on in sorted(rows, key=lambda row: row[1]):
        before = found[-1] if found else None
        goes_on = (
            before is not None
            and before.ends_on == starts_on
            and before.plan.yearly
            and plan.yearly
        )
        term = before.term if before is not None and goes_on else starts_on
        found.append(Period(plan, starts_on, ends_on, term))
    return found


def base_price(period: Period, start: date, end: date) -> Fraction:
    """Return what ``period`` costs, use apart, for the days of it from ``start`` to before ``end``.

    A day costs the price through the days of its month, or of its contract year.
    """
    day, total = max(start, period.starts_on), NOTHING
    last = end if period.ends_on is None else min(end, period.ends_on)
    while day < last:
        if period.plan.yearly:
            begins, after = contract_year(period.term, day)
        else:
            begins, after = day.replace(day=1), next_month(day)
        stop = min(after, last)
        total += Fraction(period.plan.price) * (stop - day).days / (after - begins).days
        day = stop
    return total


def price_beyond(tiers: Iterable[Tier], meter: str, beyond: Fraction, share: Fraction) -> Fraction:
    """Return what ``beyond`` units too many of ``meter`` cost, the bounds of the tiers times
    ``share``; each tier's price counts for what lies within it."""
    total = NOTHING
    rising = sorted((tier for tier in tiers if tier.meter == meter), key=lambda tier: tier.above)
    for n, tier in enumerate(rising):
        top = beyond
        if n + 1 < len(rising):
            top = min(beyond, rising[n + 1].above * share)
        within = max(NOTHING, top - tier.above * share)
        total += within * Fraction(tier.price) / tier.per
    return total


def _contacts(part: _Part) -> _Cost:
    """Each place's peak within the part; what lies beyond is had for ``share`` of the month."""
    peaks: dict[Any, int] = defaultdict(int)
    for row in part.usage:
        peaks[row.place] = max(peaks[row.place], row.contacts)
    plan = part.period.plan
    beyond = Fraction(max(0, sum(peaks.values()) - plan.included_contacts))
    return _Cost(price_beyond(plan.tiers, CONTACTS, beyond, Fraction(1)) * part.share, peaks)


def _sends(part: _Part) -> _Cost:
    """All of the part; so much of what is included, and of each tier, as its share of the month."""
    sent: dict[Any, int] = defaultdict(int)
    for row in part.usage:
        sent[row.place] += row.sends
    plan = part.period.plan
    beyond = max(NOTHING, sum(sent.values()) - plan.included_sends * part.share)
    return _Cost(price_beyond(plan.tiers, SENDS, beyond, part.share), sent)


def _subaccounts(part: _Part) -> _Cost:
    """Each day what is active beyond what is included."""
    active: dict[Any, int] = defaultdict(int)
    by_day: dict[date, int] = defaultdict(int)
    for row in part.usage:
        active[row.place] += row.is_active
        by_day[row.day] += row.is_active
    plan = part.period.plan
    beyond = sum(max(0, places - plan.included_subaccounts) for places in by_day.values())
    return _Cost(_by_the_day(plan.price_per_subaccount, beyond, part), active)


def _seats(part: _Part) -> _Cost:
    """Each day the seats beyond what is included; the account's, so that no place pays."""
    plan = part.period.plan
    beyond = sum(max(0, seats - plan.included_seats) for seats in part.seats)
    return _Cost(_by_the_day(plan.price_per_seat, beyond, part), {None: sum(part.seats)})


def _by_the_day(price: Decimal, days: int, part: _Part) -> Fraction:
    return Fraction(price) * days / monthrange(part.starts_on.year, part.starts_on.month)[1]


_METERS = (
    (CONTACTS, _contacts, "Contacts at their peak"),
    (SENDS, _sends, "Messages sent"),
    (SUBACCOUNTS, _subaccounts, "Days of an active subaccount"),
    (SEATS, _seats, "Seats, by the day"),
)


def charges(
    month: date,
    periods: Sequence[Period],
    usage: Iterable[PlaceDay],
    seats: Mapping[date, int],
) -> list[Charge]:
    """Return what ``month`` (its first day) costs: a charge for each period, meter and place.

    ``periods`` is the whole history, in any order, for base prices are rounded along it; ``usage``
    and ``seats`` are those of the month's days; what was used while there was no plan is free. What
    goes beyond what is included is priced for the account and shared out among the places in
    proportion to their use. What was not used is left out; what was, and cost nothing, is not.

    Raises ValueError for days of another month, periods that overlap and more than one currency.
    """
    history = sorted(periods, key=lambda period: period.starts_on)
    rows = list(usage)
    _check(month, history, rows, seats)
    parts = list(_parts(month, history, rows, seats))
    found = list(_base_charges(month, history, parts))
    for meter, cost_of, description in _METERS:
        costs = [cost_of(part) for part in parts]
        exact, before = NOTHING, Decimal(0)
        for part, cost in zip(parts, costs, strict=True):
            exact += cost.exact
            so_far = rounded(exact, part.period.plan.currency)
            found += _shares(part, meter, cost.used, so_far - before, description)
            before = so_far
    order = {meter: n for n, meter in enumerate((BASE, CONTACTS, SENDS, SUBACCOUNTS, SEATS))}
    return sorted(found, key=lambda charge: (charge.starts_on, order[charge.meter]))


def _check(
    month: date,
    history: Sequence[Period],
    usage: Sequence[PlaceDay],
    seats: Mapping[date, int],
) -> None:
    if month.day != 1:
        raise ValueError(f"{month} is not the first day of a month")
    if len({period.plan.currency for period in history}) > 1:
        raise ValueError("an account's plans have one currency")
    for one, other in pairwise(history):
        if one.ends_on is None or one.ends_on > other.starts_on:
            raise ValueError(f"the periods from {one.starts_on} and {other.starts_on} overlap")
    after = next_month(month)
    days = {row.day for row in usage} | set(seats)
    if any(not month <= day < after for day in days):
        raise ValueError(f"the use is not that of the month from {month}")
    seen: set[tuple[date, Hashable]] = {(row.day, row.place) for row in usage}
    if len(seen) != len(usage):
        raise ValueError("a subaccount's day is there twice")


def _parts(
    month: date,
    history: Iterable[Period],
    usage: Iterable[PlaceDay],
    seats: Mapping[date, int],
) -> Iterator[_Part]:
    after = next_month(month)
    by_day: dict[date, list[PlaceDay]] = defaultdict(list)
    for row in usage:
        by_day[row.day].append(row)
    for period in history:
        start = max(month, period.starts_on)
        end = after if period.ends_on is None else min(after, period.ends_on)
        if start < end:
            days = [start + timedelta(days=n) for n in range((end - start).days)]
            yield _Part(
                period,
                start,
                end,
                Fraction(len(days), (after - month).days),
                [row for day in days for row in by_day.get(day, ())],
                [seats.get(day, 0) for day in days],
            )


def _base_charges(
    month: date, history: Iterable[Period], parts: Iterable[_Part]
) -> Iterator[Charge]:
    exact = sum((base_price(period, date.min, month) for period in history), NOTHING)
    for part in parts:
        plan = part.period.plan
        before = rounded(exact, plan.currency)
        exact += base_price(part.period, part.starts_on, part.ends_on)
        yield Charge(
            None,
            BASE,
            Decimal((part.ends_on - part.starts_on).days),
            rounded(exact, plan.currency) - before,
            part.starts_on,
            part.ends_on,
            f"Rate plan {plan.name}",
        )


def _shares(
    part: _Part, meter: str, used: Mapping[Any, int], amount: Decimal, description: str
) -> Iterator[Charge]:
    """Yield ``amount`` in shares proportional to what each place used."""
    places = sorted(place for place, quantity in used.items() if quantity)
    weights = [used[place] for place in places]
    shares = shared_out(amount, weights, part.period.plan.currency)
    for place, quantity, share in zip(places, weights, shares, strict=True):
        yield Charge(
            place, meter, Decimal(quantity), share, part.starts_on, part.ends_on, description
        )
