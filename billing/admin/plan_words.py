"""How a rate plan reads: what it costs, what it includes, and what goes beyond."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.utils.formats import number_format

from billing.models import Meter, RatePlan
from billing.money import shown
from teams.limits import Countable


def price_of(plan: RatePlan) -> str:
    """Return what the plan itself costs: "€100.00 a month"."""
    return f"{shown(plan.price, plan.currency)} a {plan.interval}"


@dataclass(frozen=True, slots=True)
class Row:
    """What a plan says of one meter."""

    label: str
    included: str
    beyond: Sequence[str]
    most: str = ""
    used: str = ""


def rows_of(plan: RatePlan, used: Mapping[Countable, int] | None = None) -> list[Row]:
    """Return what ``plan`` includes of each meter, what goes beyond costs, and the most there may
    be; ``used`` is what there is now."""
    return [
        _metered(plan, Meter.CONTACTS, plan.included_contacts, "at the peak of a month"),
        _metered(plan, Meter.SENDS, plan.included_sends, "a month"),
        *(_counted(plan, meter, used) for meter in (Meter.SUBACCOUNTS, Meter.SEATS)),
    ]


def _metered(plan: RatePlan, meter: Meter, included: int, when: str) -> Row:
    tiers = [tier for tier in plan.tiers.all() if tier.meter == meter]
    beyond = [
        f"{shown(tier.price, plan.currency)} per {_number(tier.per)}"
        + (f", from {_number(tier.above)} beyond" if tier.above else "")
        for tier in sorted(tiers, key=lambda tier: tier.above)
    ]
    return Row(str(meter.label), f"{_number(included)} {when}", beyond or ["Nothing"])


def _counted(plan: RatePlan, meter: Meter, used: Mapping[Countable, int] | None) -> Row:
    if meter == Meter.SUBACCOUNTS:
        included, price = plan.included_subaccounts, plan.price_per_subaccount
        most, what = plan.most_subaccounts, Countable.SUBACCOUNTS
    else:
        included, price = plan.included_seats, plan.price_per_seat
        most, what = plan.most_seats, Countable.SEATS
    return Row(
        str(meter.label),
        _number(included),
        [f"{shown(price, plan.currency)} each, a month" if price else "Nothing"],
        "Any number" if most is None else _number(most),
        "" if used is None else _number(used[what]),
    )


def included_in(plan: RatePlan) -> str:
    """Return in a sentence what ``plan`` includes."""
    parts = (
        f"{_some(plan.included_contacts, 'contact')} (the most there are at one time in a month)",
        f"{_some(plan.included_sends, 'message')} a month",
        _some(plan.included_subaccounts, "active subaccount"),
        f"{_some(plan.included_seats, 'seat')}, one for each person",
    )
    return f"It includes {', '.join(parts[:-1])} and {parts[-1]}."


def _some(count: int, noun: str) -> str:
    return f"{_number(count)} {noun}{'' if count == 1 else 's'}"


def _number(value: int) -> str:
    return str(number_format(value, use_l10n=True, force_grouping=True))
