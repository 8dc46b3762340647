"""What content is on offer to whom, what was bought, and what it adds to a month. Reads only.

``services.purchases`` buys. Content is charged on the day it is bought, to whoever pays for the
subaccount, like everything that is used there. What a list of content is made of is left out, as
that may be long: whoever asks one row for it gets it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from django.db.models import QuerySet

from billing import overdue, selectors
from billing.models import ContentItem, ContentPurchase, Invoice, Meter
from billing.money import shown
from billing.rating import Charge
from permissions.audit import ref_of
from permissions.errors import Invalid
from permissions.lookups import any_of
from permissions.models import AuditEvent
from teams.models import Account, MessageTemplate, SavedRow, Subaccount

#: what is recorded of a purchase whenever its subaccount is handed a copy
HANDED = ("content.purchased", "content.fetched")


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


def gone(account: Account, rows: Iterable[ContentPurchase]) -> set[Any]:
    """Return those of ``rows`` (keys) of which the subaccount has no copy any more, be it renamed,
    edited or put away, so that another may be fetched.

    The record names the last one handed over. Where it does not, being older or no longer kept,
    none is known, and one copy too many does no harm.
    """
    keys = {ref_of(row): row.pk for row in rows}
    events = AuditEvent.objects.filter(
        root=ref_of(account), subject_ref__in=list(keys), action__in=HANDED
    ).order_by("sequence")
    last = {
        keys[ref]: data.get("copy", "") for ref, data in events.values_list("subject_ref", "data")
    }
    copies = [ref.split(":") for ref in last.values() if ref]
    there: set[str] = set()
    for model in (MessageTemplate, SavedRow):
        label = model._meta.label_lower
        wanted = [key for kind, key in copies if kind == label]
        rows_there = model._default_manager.filter(pk__in=wanted)
        there.update(f"{label}:{key}" for key in rows_there.values_list("pk", flat=True))
    return {key for key in keys.values() if last.get(key) not in there}


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


def check_can_fetch(purchase: ContentPurchase) -> None:
    """Refuse to hand over again what is there, whoever asks. Raises Invalid (ALREADY_THERE)."""
    if purchase.pk not in gone(purchase.account, [purchase]):
        raise Invalid(
            f"{purchase.subaccount.name} still has {purchase}, maybe renamed, edited or archived. "
            "Nothing was changed: it can be fetched again once that was removed for good.",
            code="ALREADY_THERE",
        )


def _unpaid(name: str) -> Invalid:
    return Invalid(
        f"An invoice of {name} is overdue, so that nothing more can be bought. Whoever may pay it "
        "can do so under Billing.",
        code="OVERDUE",
    )
