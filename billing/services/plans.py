"""Rate plans, as the platform's operators write them.

What somebody has chosen is what they agreed to: nothing of it changes but its name and whether it
is still on offer. To change more, copy it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from functools import partial
from typing import Any, NamedTuple

from django.db import IntegrityError, transaction

from billing.models import Meter, PlanTier, RatePlan
from billing.money import check_currency
from billing.services.offering import (
    clean_code,
    clean_money,
    clean_operator,
    code_taken,
    record_platform,
)
from permissions.errors import Invalid, NotFound
from teams.services.gates import clean_flag, clean_list
from teams.services.inputs import clean_text, expect

__all__ = [
    "Tier",
    "copy_plan",
    "create_plan",
    "edit_plan",
    "offer_plan",
    "rename_plan",
    "was_chosen",
]

NAME_LIMIT = 80
MOST = 1_000_000_000
MOST_PER = 1_000_000


class Tier(NamedTuple):
    """What ``per`` units of ``meter`` cost beyond ``above`` units too many; see ``PlanTier``."""

    meter: str
    above: int
    per: int
    price: Decimal


def was_chosen(plan: RatePlan) -> bool:
    """Say whether any account has, had, or agreed on ``plan``."""
    return plan.subscriptions.exists()


# verbs


@transaction.atomic
def create_plan(
    *, operator: Any, code: str, name: str, tiers: Iterable[Any] = (), **terms: Any
) -> RatePlan:
    """Write a plan; ``terms`` are what ``TERMS`` names, ``currency`` at least.

    Raises Invalid: NOT_AN_OPERATOR, NOT_A_SLUG, ALREADY_USED, UNKNOWN_CURRENCY, UNKNOWN_FIELD,
    NUMBER, MONEY, TIERS, and what ``clean_text`` raises.
    """
    staff = clean_operator(operator)
    code, name = clean_code(code, RatePlan), clean_text(name, "The name", limit=NAME_LIMIT)
    plan = RatePlan(code=code, name=name, **_clean({"currency": None, **terms}))
    rows = _clean_tiers(tiers)
    try:
        with transaction.atomic():  # somebody else may have been quicker
            plan.save(force_insert=True)
    except IntegrityError:
        raise code_taken(code) from None
    _store_tiers(plan, rows)
    record_platform(staff, "rate_plan.created", plan, **_told(plan, rows))
    return plan


@transaction.atomic
def edit_plan(
    *, operator: Any, plan: RatePlan, tiers: Iterable[Any] | None = None, **terms: Any
) -> RatePlan:
    """Change what ``plan`` says; of ``TERMS`` only those that are named, its tiers if given.

    Only while nobody has chosen it. Raises Invalid: CHOSEN, ALREADY_SO, and what ``create_plan``
    raises.
    """
    staff, found = clean_operator(operator), _locked(plan)
    if was_chosen(found):
        raise Invalid(
            f"{found.name} has been chosen, so nothing of it changes any more but its name and "
            "whether it is on offer. Copy it, and change the copy.",
            code="CHOSEN",
        )
    given = _clean(terms)
    had = _stored_tiers(found)
    rows = had if tiers is None else _clean_tiers(tiers)
    before = _told(found, had)
    for name, value in given.items():
        setattr(found, name, value)
    after = _told(found, rows)
    if after == before:
        raise Invalid(f"{found.name} is so already. Change something.", code="ALREADY_SO")
    found.save()
    if rows != had:
        found.tiers.all().delete()
        _store_tiers(found, rows)
    changed = [name for name in after if after[name] != before[name]]
    record_platform(
        staff,
        "rate_plan.edited",
        found,
        before={name: before[name] for name in changed},
        after={name: after[name] for name in changed},
    )
    return found


@transaction.atomic
def rename_plan(*, operator: Any, plan: RatePlan, name: str) -> RatePlan:
    """Give ``plan`` another name. Raises Invalid (ALREADY_SO, and what ``clean_text`` raises)."""
    staff, found = clean_operator(operator), _locked(plan)
    before, found.name = found.name, clean_text(name, "The name", limit=NAME_LIMIT)
    if before == found.name:
        raise Invalid(f"It is called {before} already. Choose another name.", code="ALREADY_SO")
    found.save(update_fields=["name"])
    record_platform(staff, "rate_plan.renamed", found, before=before, after=found.name)
    return found


@transaction.atomic
def offer_plan(*, operator: Any, plan: RatePlan, on: bool) -> RatePlan:
    """Offer ``plan`` to tenants, or withdraw the offer: who has it keeps it. Raises Invalid."""
    staff, found, wanted = clean_operator(operator), _locked(plan), clean_flag(on, "The offer")
    if found.is_offered == wanted:
        state = "on offer" if wanted else "not on offer"
        raise Invalid(f"{found.name} is {state} already.", code="ALREADY_SO")
    found.is_offered = wanted
    found.save(update_fields=["is_offered"])
    record_platform(staff, "rate_plan.offered" if wanted else "rate_plan.withdrawn", found)
    return found


@transaction.atomic
def copy_plan(*, operator: Any, plan: RatePlan, code: str, name: str) -> RatePlan:
    """Write a plan that says the same as ``plan`` and is not on offer, to be changed. Raises what
    ``create_plan`` raises."""
    found = expect(plan, RatePlan, "The rate plan")
    terms = {field: getattr(found, field) for field in TERMS} | {"is_offered": False}
    return create_plan(operator=operator, code=code, name=name, tiers=_stored_tiers(found), **terms)


# what they are given


def _locked(plan: Any) -> RatePlan:
    key = expect(plan, RatePlan, "The rate plan").pk
    found = RatePlan.objects.select_for_update(no_key=True).filter(pk=key).first()
    if found is None:
        raise NotFound("The rate plan is not there any more.")
    return found


def _number(value: Any, what: str, *, least: int = 0, most: int = MOST) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise Invalid(f"{what} must be a whole number from {least} to {most:,}.", code="NUMBER")
    return value


def _limit(value: Any, what: str) -> int | None:
    return None if value is None else _number(value, what, least=1)


def _currency(value: Any, _what: str) -> str:
    return check_currency(value)


def _interval(value: Any, what: str) -> str:
    if value not in RatePlan.Interval.values:
        raise Invalid(f"{what} must be month or year.", code="UNKNOWN_FIELD")
    return str(value)


#: what a plan says, and what makes a clean value of it
TERMS: Mapping[str, Callable[[Any], Any]] = {
    "currency": partial(_currency, _what="The currency"),
    "interval": partial(_interval, what="What the price is for"),
    "price": partial(clean_money, what="The price"),
    "included_contacts": partial(_number, what="The contacts included"),
    "included_sends": partial(_number, what="The messages included"),
    "included_subaccounts": partial(_number, what="The subaccounts included"),
    "included_seats": partial(_number, what="The seats included"),
    "price_per_subaccount": partial(clean_money, what="The price of a subaccount"),
    "price_per_seat": partial(clean_money, what="The price of a seat"),
    "most_subaccounts": partial(_limit, what="The most subaccounts"),
    "most_seats": partial(_limit, what="The most seats"),
    "is_offered": partial(clean_flag, what="The offer"),
}


def _clean(terms: Mapping[str, Any]) -> dict[str, Any]:
    for name in terms:
        if name not in TERMS:
            raise Invalid(
                f"A rate plan has no {name!r}; it has {', '.join(TERMS)}.", code="UNKNOWN_FIELD"
            )
    return {name: TERMS[name](value) for name, value in terms.items()}


def _clean_tiers(tiers: Iterable[Any]) -> list[Tier]:
    """Return the tiers in order: for each meter from 0 upwards, each bound once."""
    found = []
    for row in clean_list(tiers, "tiers"):
        if not isinstance(row, tuple) or len(row) != len(Tier._fields):
            raise Invalid("A tier has a meter, a bound, units and a price.", code="TIERS")
        meter, above, per, price = row
        if meter not in (Meter.CONTACTS, Meter.SENDS):
            raise Invalid("A tier is one of contacts or of sends.", code="TIERS")
        found.append(
            Tier(
                str(meter),
                _number(above, "The bound of a tier"),
                _number(per, "The units of a tier", least=1, most=MOST_PER),
                clean_money(price, "The price of a tier"),
            )
        )
    found.sort(key=lambda tier: (tier.meter, tier.above))
    for meter in {tier.meter for tier in found}:
        bounds = [tier.above for tier in found if tier.meter == meter]
        if bounds[0] != 0:
            raise Invalid(
                f"The tiers of {meter} leave out what lies below {bounds[0]:,}: begin the first "
                "one above 0.",
                code="TIERS",
            )
        if len(set(bounds)) != len(bounds):
            raise Invalid(
                f"Two tiers of {meter} begin at the same bound. Give each its own.", code="TIERS"
            )
    return found


# what is stored, and said of it


def _stored_tiers(plan: RatePlan) -> list[Tier]:
    rows = plan.tiers.order_by("meter", "above")
    return [Tier(*row) for row in rows.values_list("meter", "above", "per", "price")]


def _store_tiers(plan: RatePlan, tiers: Sequence[Tier]) -> None:
    PlanTier.objects.bulk_create(PlanTier(plan=plan, **tier._asdict()) for tier in tiers)


def _told(plan: RatePlan, tiers: Sequence[Tier]) -> dict[str, Any]:
    """Return what the plan says, as the record has it."""
    said = {name: getattr(plan, name) for name in TERMS}
    plain = {n: str(v) if isinstance(v, Decimal) else v for n, v in said.items()}
    return plain | {"tiers": [[*tier[:-1], str(tier.price)] for tier in tiers]}
