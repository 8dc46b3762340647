"""What content is on offer to whom, what was bought, and what it adds to a month. Reads only.

``services.purchases`` buys. Content is charged on the day it is bought, to whoever pays for the
subaccount, like everything that is used there. What a list of content is made of is left out, as
that may be long: whoever asks one row for it gets it.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from django.db.models import QuerySet

from billing import overdue, selectors
from billing.models import ContentItem, ContentPurchase, Invoice, Meter
from billing.money import shown
from billing.rating import Charge
from permissions.errors import Invalid
from permissions.lookups import any_of
from teams.models import Account, Subaccount


def shelf(account: Account) -> QuerySet[ContentItem]:
    """Return what can be bought for the subaccounts of ``account``, by name: what is on offer in
    the currency it pays in; nothing without a rate plan."""
    plan = selectors.plan_of(account)
    if plan is None:
        return ContentItem.objects.none()
    rows = ContentItem.objects.filter(retired_at=None, currency=plan.currency)
    return rows.defer("rows").order_by("kind", "name", "pk")


def bought(account: Account, places: Collection[Any]) -> QuerySet[ContentPurchase]:
    """Return what was bought for the subaccounts ``places`` (keys), the newest first."""
    rows = ContentPurchase.objects.filter(any_of("subaccount_id", places), account=account)
    named = rows.select_related("item", "subaccount").defer("item__rows")
    return named.order_by("-bought_on", "-pk")


def charges(account: Account, start: date, end: date) -> list[Charge]:
    """Return what was bought from ``start`` to the day before ``end``, a charge each."""
    rows = ContentPurchase.objects.filter(account=account, bought_on__gte=start, bought_on__lt=end)
    rows = rows.select_related("item").defer("item__rows")
    return [
        Charge(
            row.subaccount_id,
            Meter.CONTENT,
            Decimal(1),
            row.price,
            row.bought_on,
            row.bought_on + timedelta(days=1),
            f"{row.item.get_kind_display()}: {row.item.name}",
        )
        for row in rows.order_by("bought_on", "pk")
    ]


def check_can_buy(account: Account) -> None:
    """Refuse an account that nothing could be invoiced to, or that has not paid.

    Raises Invalid: NO_PLAN, OVERDUE.
    """
    if selectors.plan_of(account) is None:
        raise Invalid(
            f"{account.name} has no rate plan, so that nothing could be invoiced. Choose one "
            "first; whoever may change the rate plan can.",
            code="NO_PLAN",
        )
    if overdue.standing(account).state != overdue.State.CURRENT:
        raise _unpaid(account.name)


def check_can_have(subaccount: Subaccount, item: ContentItem) -> None:
    """Refuse what cannot be bought for ``subaccount`` now, whoever buys.

    Raises Invalid: ALREADY_BOUGHT, whatever else is in the way; NO_PLAN, OVERDUE, RETIRED,
    CURRENCY.
    """
    if ContentPurchase.objects.filter(subaccount=subaccount, item=item).exists():
        raise Invalid(
            f"{item} was bought for {subaccount.name} before, and is bought once only.",
            code="ALREADY_BOUGHT",
        )
    account = subaccount.account
    check_can_buy(account)
    late = Invoice.objects.filter(
        subaccount=subaccount, status=Invoice.Status.OPEN, due_on__lt=selectors.today()
    )
    if late.exists():
        raise _unpaid(subaccount.name)
    if not item.is_offered:
        raise Invalid(f"{item} is not on offer any more.", code="RETIRED")
    plan = selectors.plan_of(account)
    if plan is None or plan.currency != item.currency:
        raise Invalid(
            f"{item} costs {shown(item.price, item.currency)}, and {account.name} pays in another "
            "currency.",
            code="CURRENCY",
        )


def _unpaid(name: str) -> Invalid:
    return Invalid(
        f"An invoice of {name} is overdue, so that nothing more can be bought. Whoever may pay it "
        "can do so under Billing.",
        code="OVERDUE",
    )
