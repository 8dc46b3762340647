"""What was used and charged, month by month and by subaccount, as far as a reader may be told.

Used is what was metered; charged is what issued invoices say, before tax. Sums are made by the
database, of whole thousandths, so that they are exact on SQLite too.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any, NamedTuple

from django.db.models import (
    BigIntegerField,
    Count,
    DecimalField,
    ExpressionWrapper,
    F,
    Max,
    Q,
    QuerySet,
    Sum,
)
from django.db.models.functions import Cast, Coalesce, Round, TruncMonth

from billing import money, sight
from billing.models import Invoice, InvoiceLine, Meter, Subscription, UsageDay
from permissions.lookups import any_of
from permissions.policy import PlaceId
from teams.models import Account

#: the subaccounts a reader may be told about; None for all of them and the account itself
Reach = frozenset[PlaceId] | None


class Use(NamedTuple):
    """Contacts at the peak, messages sent, and days on which a subaccount was active."""

    contacts: int = 0
    sends: int = 0
    days: int = 0


#: money by currency: an account has one, unless its plans were once in another
Amounts = Mapping[str, Decimal]


def shown(amounts: Amounts) -> str:
    """Return ``amounts`` as people read them; empty for none at all."""
    return " and ".join(money.shown(value, currency) for currency, value in sorted(amounts.items()))


def first_of(day: date) -> date:
    """Return the first day of the month of ``day``."""
    return day.replace(day=1)


def shifted(month: date, count: int) -> date:
    """Return the first day of the month ``count`` months after ``month``."""
    year, index = divmod(month.year * 12 + month.month - 1 + count, 12)
    return date(year, index + 1, 1)


def months_until(month: date, count: int) -> list[date]:
    """Return the first days of ``count`` months, ``month`` the last of them."""
    return [shifted(month, n - count + 1) for n in range(count)]


# used

_ACTIVE = Count("pk", filter=Q(is_active=True))


def usage(account: Account, reach: Reach, start: date, end: date) -> QuerySet[UsageDay]:
    """Return what the subaccounts of ``reach`` used from ``start`` until the day before ``end``."""
    rows = UsageDay.objects.filter(account=account, day__gte=start, day__lt=end)
    return rows if reach is None else rows.filter(any_of("subaccount_id", reach))


def used_by_month(rows: QuerySet[UsageDay], months: Sequence[date]) -> dict[date, Use]:
    """Return what ``rows`` come to in each of ``months``: the peaks of the subaccounts added up."""
    each = rows.values("subaccount_id", month=TruncMonth("day")).annotate(
        peak=Max("contacts"), sent=Sum("sends"), active=_ACTIVE
    )
    wanted = {}
    for n, month in enumerate(months):
        for name, column in (("contacts", "peak"), ("sends", "sent"), ("days", "active")):
            wanted[f"{name}_{n}"] = Coalesce(Sum(column, filter=Q(month=month)), 0)
    found = each.aggregate(**wanted) if months else {}
    return {
        month: Use(found[f"contacts_{n}"], found[f"sends_{n}"], found[f"days_{n}"])
        for n, month in enumerate(months)
    }


def used_by_day(rows: QuerySet[UsageDay]) -> dict[date, Use]:
    """Return what ``rows`` come to on each day; ``days`` is how many subaccounts were active."""
    each = rows.order_by().values_list("day")
    found = each.annotate(Sum("contacts"), Sum("sends"), days=_ACTIVE)
    return {row[0]: Use(*row[1:]) for row in found}


def used_by_place(rows: QuerySet[UsageDay], keys: Collection[PlaceId]) -> dict[PlaceId, Use]:
    """Return what each of the subaccounts ``keys`` used in all of ``rows``."""
    each = rows.filter(any_of("subaccount_id", keys)).order_by().values_list("subaccount_id")
    found = each.annotate(Max("contacts"), Sum("sends"), days=_ACTIVE)
    return {row[0]: Use(*row[1:]) for row in found}


# charged


def lines_seen(user: Any, account: Account, reach: Reach) -> QuerySet[InvoiceLine]:
    """Return the lines of issued invoices about ``reach`` that ``user`` may be told of.

    What a subaccount pays for itself is told to whoever may see its billing page, as its invoices
    are (``billing.sight``).
    """
    billed = sight.billed_places(user, account).values("pk")
    rows = InvoiceLine.objects.filter(
        Q(invoice__subaccount=None) | Q(invoice__subaccount__in=billed), account=account
    ).exclude(invoice__status=Invoice.Status.DRAFT)
    return rows if reach is None else rows.filter(any_of("subaccount_id", reach))


def thousandths(amount: Any) -> Any:
    """Return the expression for ``amount``, a column of money, as a whole number."""
    exact = ExpressionWrapper(
        amount * 1000, output_field=DecimalField(max_digits=20, decimal_places=3)
    )
    return Cast(Round(exact), BigIntegerField())


def money_of(units: int | None) -> Decimal:
    """Return so many thousandths as money."""
    return Decimal(units or 0).scaleb(-3)


def charged(lines: QuerySet[InvoiceLine], by: str) -> dict[Any, Amounts]:
    """Return what ``lines`` come to for each value of the column ``by``."""
    found: dict[Any, dict[str, Decimal]] = defaultdict(dict)
    each = lines.order_by().values_list(by, "invoice__currency")
    for key, currency, units in each.annotate(units=Sum(thousandths(F("amount")))):
        found[key][currency] = money_of(units)
    return dict(found)


def added(several: Iterable[Amounts]) -> Amounts:
    """Return the sum of ``several``."""
    total: dict[str, Decimal] = {}
    for amounts in several:
        for currency, value in amounts.items():
            total[currency] = total.get(currency, Decimal(0)) + value
    return total


# included


def included(account: Account, days: Sequence[date], meter: Meter) -> list[int | None]:
    """Return how many contacts or messages the plan of ``account`` included on each of ``days``."""
    periods = list(Subscription.objects.filter(account=account).select_related("plan"))

    def known() -> Iterator[int | None]:
        for day in days:
            plan = next(
                (
                    p.plan
                    for p in periods
                    if p.starts_on <= day and (p.ends_on is None or day < p.ends_on)
                ),
                None,
            )
            by_meter = plan and {
                Meter.CONTACTS: plan.included_contacts,
                Meter.SENDS: plan.included_sends,
            }
            yield by_meter[meter] if by_meter else None

    return list(known())
