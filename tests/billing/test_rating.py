"""What a month costs: examples worked out by hand, and what must hold of all of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from billing import rating
from billing.models import Meter
from billing.money import decimals_of, rounded
from billing.rating import (
    BASE,
    CONTACTS,
    SEATS,
    SENDS,
    SUBACCOUNTS,
    Charge,
    Period,
    PlaceDay,
    Plan,
    Tier,
    charges,
    next_month,
)

pytestmark = pytest.mark.once

JANUARY, FEBRUARY = date(2026, 1, 1), date(2026, 2, 1)
TIERS = (
    Tier(CONTACTS, 0, 1000, Decimal(10)),
    Tier(CONTACTS, 5000, 1000, Decimal(8)),
    Tier(SENDS, 0, 1000, Decimal(1)),
    Tier(SENDS, 10_000, 1000, Decimal("0.5")),
)
PLAN = Plan(
    "Pro",
    "EUR",
    price=Decimal(100),
    included_contacts=1000,
    included_sends=10_000,
    included_subaccounts=2,
    included_seats=3,
    price_per_subaccount=Decimal(10),
    price_per_seat=Decimal(5),
    tiers=TIERS,
)


def days_of(month: date) -> list[date]:
    return [month + timedelta(days=n) for n in range((next_month(month) - month).days)]


def since(plan: Plan, *starts: date) -> list[Period]:
    """Return ``plan`` without an end, in periods that begin on ``starts``."""
    ends: list[date | None] = [*starts[1:], None]
    return rating.periods((plan, start, end) for start, end in zip(starts, ends, strict=True))


def every_day(month: date, **places: tuple[int, int]) -> list[PlaceDay]:
    """Return the same contacts and sends of each place on each day."""
    return [
        PlaceDay(day, place, contacts, sends)
        for day in days_of(month)
        for place, (contacts, sends) in places.items()
    ]


def lines(found: Sequence[Charge], meter: str) -> list[tuple[Any, Decimal, Decimal]]:
    return [(c.place, c.quantity, c.amount) for c in found if c.meter == meter]


def totals(found: Sequence[Charge]) -> dict[str, Decimal]:
    sums: Counter[str] = Counter()
    for charge in found:
        sums[charge.meter] += charge.amount  # type: ignore[assignment]
    return {meter: Decimal(sums[meter]) for meter in (BASE, CONTACTS, SENDS, SUBACCOUNTS, SEATS)}


def test_a_whole_month() -> None:
    use = every_day(JANUARY, north=(6000, 100), south=(3000, 900), west=(0, 0))
    found = charges(JANUARY, since(PLAN, JANUARY), use, dict.fromkeys(days_of(JANUARY), 5))
    # 8,000 too many: 5,000 at 0.010 and 3,000 at 0.008; 21,000 sends: 10,000 at 0.001, 11,000 at
    # 0.0005; one subaccount and two seats too many
    assert totals(found) == {
        BASE: Decimal(100),
        CONTACTS: Decimal(74),
        SENDS: Decimal("15.50"),
        SUBACCOUNTS: Decimal(10),
        SEATS: Decimal(10),
    }
    assert lines(found, BASE) == [(None, 31, Decimal(100))]
    assert lines(found, CONTACTS) == [
        ("north", 6000, Decimal("49.33")),
        ("south", 3000, Decimal("24.67")),
    ]
    assert lines(found, SENDS) == [
        ("north", 3100, Decimal("1.55")),
        ("south", 27_900, Decimal("13.95")),
    ]
    third = Decimal("3.33")
    assert lines(found, SUBACCOUNTS) == [
        ("north", 31, third + Decimal("0.01")),
        ("south", 31, third),
        ("west", 31, third),
    ]
    assert lines(found, SEATS) == [(None, 155, Decimal(10))]
    assert {(c.starts_on, c.ends_on) for c in found} == {(JANUARY, FEBRUARY)}
    assert {c.meter for c in found} <= {meter.value for meter in Meter}
    used = [meter.value for meter in Meter if meter != Meter.CONTENT]  # that is bought, not used
    assert list(dict.fromkeys(c.meter for c in found)) == used


def test_what_is_included_is_shown_and_costs_nothing() -> None:
    use = every_day(JANUARY, north=(1000, 300), south=(0, 0))
    found = charges(JANUARY, since(PLAN, JANUARY), use, dict.fromkeys(days_of(JANUARY), 3))
    assert lines(found, CONTACTS) == [("north", 1000, 0)]
    assert lines(found, SENDS) == [("north", 9300, 0)]
    assert lines(found, SUBACCOUNTS) == [("north", 31, 0), ("south", 31, 0)]
    assert lines(found, SEATS) == [(None, 93, 0)]
    assert totals(found)[BASE] == sum(c.amount for c in found) == 100


def test_without_tiers_what_goes_beyond_costs_nothing() -> None:
    plan = Plan("Free", "EUR")
    use = every_day(JANUARY, north=(9999, 9999))
    found = charges(JANUARY, since(plan, JANUARY), use, dict.fromkeys(days_of(JANUARY), 9))
    assert [c.meter for c in found] == [BASE, CONTACTS, SENDS, SUBACCOUNTS, SEATS]
    assert not any(c.amount for c in found)


def test_another_plan_in_the_middle() -> None:
    """Ten days of the one, twenty-one of the other: each with its own peak, share and tiers."""
    small = Plan("Small", "EUR", price=Decimal(31), included_contacts=100, tiers=TIERS)
    large = Plan(
        "Large", "EUR", price=Decimal(310), included_contacts=2000, included_sends=31, tiers=TIERS
    )
    change = date(2026, 1, 11)
    history = rating.periods([(large, change, None), (small, JANUARY, change)])
    use = [
        PlaceDay(day, "north", contacts=4100 if day < change else 3000, sends=1000)
        for day in days_of(JANUARY)
    ]
    found = charges(JANUARY, history, use, {})
    assert [(c.meter, c.starts_on.day, c.quantity, c.amount) for c in found] == [
        (BASE, 1, 10, Decimal("10.00")),
        # 4,000 too many at 40.00 a month, 10 of 31 days
        (CONTACTS, 1, 4100, Decimal("12.90")),
        # 10,000 too many; the first 10,000 * 10 / 31 of them at 0.001, the others at 0.0005
        (SENDS, 1, 10_000, Decimal("6.61")),
        (SUBACCOUNTS, 1, 10, 0),
        (BASE, 11, 21, Decimal("210.00")),
        # 1,000 too many at 10.00 a month, 21 of 31 days, is 6.774; what both come to, 19.677
        (CONTACTS, 11, 3000, Decimal("6.78")),
        # 20,979 too many; 10,000 * 21 / 31 at 0.001, the others at 0.0005; both come to 20.49
        (SENDS, 11, 21_000, Decimal("13.88")),
        (SUBACCOUNTS, 11, 21, 0),
    ]
    assert [c.description for c in found if c.meter == BASE] == [
        "Rate plan Small",
        "Rate plan Large",
    ]


def test_a_year_adds_up_to_its_price() -> None:
    """Also over thirteen months, and with a change to the same plan in between."""
    plan = Plan("Yearly", "EUR", price=Decimal(1000), yearly=True)
    start = date(2026, 1, 17)
    for history in (since(plan, start), since(plan, start, date(2026, 3, 3), date(2026, 9, 30))):
        months, paid = [date(2026, m, 1) for m in range(1, 13)], Decimal(0)
        for month in [*months, date(2027, 1, 1)]:
            cut = [p for p in history if p.starts_on < date(2027, 1, 17)]
            last = cut[-1]
            cut[-1] = Period(last.plan, last.starts_on, date(2027, 1, 17), last.term)
            paid += totals(charges(month, cut, [], {}))[BASE]
        assert paid == 1000


def test_a_contract_that_began_on_the_29th_of_february() -> None:
    """Its years follow each other without a gap, the 28th standing in where there is no 29th."""
    term, day = date(2024, 2, 29), date(2024, 2, 29)
    bounds = []
    while day.year < 2029:
        begins, after = rating.contract_year(term, day)
        assert begins == day
        assert rating.contract_year(term, after - timedelta(days=1)) == (begins, after)
        bounds.append((after - begins).days)
        day = after
    assert bounds == [365, 365, 365, 366, 365]
    assert rating.anniversary(term, 2025) == date(2025, 2, 28)
    assert rating.anniversary(term, 2028) == date(2028, 2, 29)


def test_a_contract_year_goes_on_with_a_larger_yearly_plan_and_begins_anew_after_a_gap() -> None:
    monthly, yearly = Plan("M", "EUR"), Plan("Y", "EUR", yearly=True)
    larger = Plan("L", "EUR", yearly=True)
    a, b, c, d, e = (date(2026, m, 5) for m in (1, 3, 5, 7, 9))
    rows = [(monthly, a, b), (yearly, b, c), (larger, c, d), (yearly, e, None)]
    assert [p.term for p in rating.periods(rows)] == [a, b, b, e]


def test_days_without_a_plan_are_free() -> None:
    start, end = date(2026, 1, 11), date(2026, 1, 21)
    history = rating.periods([(PLAN, start, end)])
    use = every_day(JANUARY, north=(5000, 0))
    found = charges(JANUARY, history, use, dict.fromkeys(days_of(JANUARY), 4))
    assert lines(found, BASE) == [(None, 10, Decimal("32.26"))]
    assert lines(found, SEATS) == [(None, 40, Decimal("1.61"))]
    assert charges(FEBRUARY, history, [], {}) == []
    assert charges(JANUARY, [], use, {}) == []


def test_a_currency_without_cents() -> None:
    plan = Plan("Yen", "JPY", price=Decimal(1000), price_per_seat=Decimal(100))
    found = charges(JANUARY, since(plan, date(2026, 1, 22)), [], dict.fromkeys(days_of(JANUARY), 1))
    assert [str(c.amount) for c in found] == ["323", "32"]


@pytest.mark.parametrize(
    ("month", "periods", "usage", "seats", "because"),
    [
        (date(2026, 1, 2), [], [], {}, "not the first day"),
        (JANUARY, [], [PlaceDay(FEBRUARY, 1)], {}, "not that of the month"),
        (JANUARY, [], [], {date(2025, 12, 31): 1}, "not that of the month"),
        (JANUARY, [], [PlaceDay(JANUARY, 1), PlaceDay(JANUARY, 1)], {}, "there twice"),
        (JANUARY, [*since(PLAN, JANUARY), *since(PLAN, FEBRUARY)], [], {}, "overlap"),
        (
            JANUARY,
            [
                Period(PLAN, JANUARY, FEBRUARY, JANUARY),
                Period(Plan("D", "USD"), FEBRUARY, None, FEBRUARY),
            ],
            [],
            {},
            "one currency",
        ),
    ],
)
def test_nonsense_is_refused(
    month: date, periods: Any, usage: Any, seats: Any, because: str
) -> None:
    with pytest.raises(ValueError, match=because):
        charges(month, periods, usage, seats)


# what must hold of any plans and any use

money = st.decimals(0, 500, places=2)
count = st.integers(0, 4000)
DAYS = days_of(FEBRUARY)


@st.composite
def tiers(draw: st.DrawFn) -> tuple[Tier, ...]:
    found = []
    for meter in (CONTACTS, SENDS):
        bounds = draw(st.sets(st.integers(0, 3000), max_size=3))
        found += [
            Tier(meter, bound, draw(st.sampled_from([1, 7, 1000])), draw(money)) for bound in bounds
        ]
    return tuple(found)


@st.composite
def plans(draw: st.DrawFn, currency: str = "EUR") -> Plan:
    few = st.integers(0, 3)
    return Plan(
        "P",
        currency,
        price=draw(money),
        yearly=draw(st.booleans()),
        included_contacts=draw(count),
        included_sends=draw(count),
        included_subaccounts=draw(few),
        included_seats=draw(few),
        price_per_subaccount=draw(money),
        price_per_seat=draw(money),
        tiers=draw(tiers()),
    )


@st.composite
def histories(draw: st.DrawFn, start: date, days: int, most: int = 4) -> list[Period]:
    """Return a sequence of plans from some day of the span on."""
    begins = sorted(draw(st.sets(st.integers(0, days - 1), min_size=1, max_size=most)))
    starts = [start + timedelta(days=n) for n in begins]
    ends = [*starts[1:], draw(st.sampled_from([None, start + timedelta(days=days + 9)]))]
    return rating.periods((draw(plans()), a, b) for a, b in zip(starts, ends, strict=True))


@st.composite
def uses(draw: st.DrawFn) -> list[PlaceDay]:
    """Return what up to three places used in February, the same for some days at a time."""
    found = []
    for place in range(draw(st.integers(0, 3))):
        for first, last in pairwise(
            [0, *sorted(draw(st.sets(st.integers(1, 27), max_size=2))), 28]
        ):
            figures = (draw(count), draw(count), draw(st.booleans()))
            found += [PlaceDay(day, place, *figures) for day in DAYS[first:last]]
    return found


seats = st.lists(st.integers(0, 6), min_size=28, max_size=28).map(
    lambda each: dict(zip(DAYS, each, strict=True))
)
thorough = pytest.mark.parametrize(
    "examples",
    [pytest.param(12, id="quick"), pytest.param(1000, id="long", marks=pytest.mark.deep)],
)


def run(check: Any, examples: int) -> None:
    """Have hypothesis ``check`` so many examples."""
    settings(max_examples=examples)(check)()


@thorough
def test_the_same_plan_in_parts_costs_the_same(examples: int) -> None:
    """Base, subaccounts and seats whatever was used; contacts while they stay as many; sends too
    where each part had its share of them."""

    @given(plans(), st.sets(st.integers(1, 27), max_size=4), uses(), seats, count)
    def check(plan: Plan, cuts: set[int], use: list[PlaceDay], taken: Any, constant: int) -> None:
        start = date(2025, 11, 9)
        whole = since(plan, start)
        parts = since(plan, start, *(DAYS[n] for n in sorted(cuts)))
        one, other = (charges(FEBRUARY, periods, use, taken) for periods in (whole, parts))
        for meter in (BASE, SUBACCOUNTS, SEATS):
            assert totals(one)[meter] == totals(other)[meter]
        even = [PlaceDay(day, n, constant, constant) for day in DAYS for n in (1, 2)]
        one, other = (charges(FEBRUARY, periods, even, taken) for periods in (whole, parts))
        assert totals(one) == totals(other)

    run(check, examples)


@thorough
def test_who_pays_changes_no_total_and_nothing_is_negative(examples: int) -> None:
    @given(histories(FEBRUARY, 28), uses(), seats, st.permutations([0, 1, 2]))
    def check(history: list[Period], use: list[PlaceDay], taken: Any, order: list[int]) -> None:
        found = charges(FEBRUARY, history, use, taken)
        renamed = [row._replace(place=order[row.place]) for row in use]
        assert totals(charges(FEBRUARY, history, renamed, taken)) == totals(found)
        assert charges(FEBRUARY, history, use[::-1], taken) == found
        keys = [(c.place, c.meter, c.starts_on) for c in found]
        assert len(set(keys)) == len(keys)
        for charge in found:
            assert charge.amount >= 0
            assert charge.quantity > 0
            assert FEBRUARY <= charge.starts_on < charge.ends_on <= next_month(FEBRUARY)
        # all that was used under a plan is there, and the same messages from one place cost as much
        days = {d for d in DAYS for p in history if p.starts_on <= d < (p.ends_on or date.max)}
        quantities: Counter[str] = Counter()
        for charge in found:
            quantities[charge.meter] += int(charge.quantity)
        assert quantities[SENDS] == sum(row.sends for row in use if row.day in days)
        assert quantities[SUBACCOUNTS] == sum(row.is_active for row in use if row.day in days)
        assert quantities[SEATS] == sum(taken[day] for day in days)
        assert quantities[BASE] == len(days)
        together = [
            PlaceDay(day, 9, 0, sum(row.sends for row in use if row.day == day)) for day in DAYS
        ]
        merged = charges(FEBRUARY, history, together, taken)
        assert totals(merged)[SENDS] == totals(found)[SENDS]

    run(check, examples)


@thorough
def test_more_use_never_costs_less(examples: int) -> None:
    @given(histories(FEBRUARY, 28), uses(), seats, st.integers(0, 83), st.tuples(count, count))
    def check(
        history: list[Period], use: list[PlaceDay], taken: Any, at: int, add: tuple[int, int]
    ) -> None:
        before = totals(charges(FEBRUARY, history, use, taken))
        more = list(use)
        if use:
            row = use[at % len(use)]
            more[at % len(use)] = row._replace(
                contacts=row.contacts + add[0], sends=row.sends + add[1], is_active=True
            )
        many = taken | {DAYS[at % 28]: taken[DAYS[at % 28]] + 1}
        after = totals(charges(FEBRUARY, history, more, many))
        assert all(before[meter] <= after[meter] for meter in before)

    run(check, examples)


def day_prices(history: Sequence[Period], month: date) -> Fraction:
    """Return the base price of a month, one day after the other, worked out another way."""
    total = Fraction(0)
    for day in days_of(month):
        for period in history:
            if not period.starts_on <= day < (period.ends_on or date.max):
                continue
            length = len(days_of(month))
            if period.plan.yearly:
                year = day.year - (
                    (day.month, day.day) < (period.term.month, min(period.term.day, 28))
                )
                begins = [rating.anniversary(period.term, y) for y in (year, year + 1, year + 2)]
                begins = begins if begins[1] > day else begins[1:]
                length = (begins[1] - begins[0]).days
            total += Fraction(period.plan.price) / length
    return total


@thorough
def test_any_sequence_of_plans_adds_up_to_the_day(examples: int) -> None:
    """Over fifteen months, 29 February 2024 among them: after every month, what was charged since
    the first day is the rounding of the exact sum of all days, so at most half a unit from it, and
    no line is a whole unit from its own exact price. Of a meter of use the same holds within a
    month: however many lines it has, they add up to the rounding of the exact sum."""

    @given(histories(date(2023, 12, 20), 430, most=9), st.integers(0, 5), st.integers(0, 5))
    def check(history: list[Period], places: int, people: int) -> None:
        unit = Fraction(1, 10 ** decimals_of("EUR"))
        charged, exact, month = Fraction(0), Fraction(0), date(2023, 12, 1)
        for _ in range(15):
            use = [PlaceDay(day, n) for day in days_of(month) for n in range(places)]
            found = charges(month, history, use, dict.fromkeys(days_of(month), people))
            charged += Fraction(totals(found)[BASE])
            exact += day_prices(history, month)
            assert charged == rounded(exact, "EUR")
            assert abs(charged - exact) <= unit / 2
            for charge in found:
                if charge.meter == BASE:
                    (period,) = (
                        p
                        for p in history
                        if p.starts_on <= charge.starts_on < (p.ends_on or date.max)
                    )
                    price = rating.base_price(period, charge.starts_on, charge.ends_on)
                    assert abs(Fraction(charge.amount) - price) <= unit
            for meter, price, number, included in (
                (SUBACCOUNTS, "price_per_subaccount", places, "included_subaccounts"),
                (SEATS, "price_per_seat", people, "included_seats"),
            ):
                due = sum(
                    (
                        Fraction(getattr(p.plan, price))
                        * max(0, number - getattr(p.plan, included))
                        / len(days_of(month))
                        for day in days_of(month)
                        for p in history
                        if p.starts_on <= day < (p.ends_on or date.max)
                    ),
                    Fraction(0),
                )
                assert totals(found)[meter] == rounded(due, "EUR")
            month = next_month(month)

    run(check, examples)
