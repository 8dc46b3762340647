"""What must be true of stored plans, invoices and payments, for ``check_integrity``.

Sums are added up here and not by the database, which on SQLite has no decimals.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable
from decimal import Decimal
from itertools import pairwise
from typing import Any

from django.db.models import QuerySet

from billing.models import (
    ContentPurchase,
    CreditNote,
    Invoice,
    InvoiceLine,
    Meter,
    Payment,
    Refund,
    Subscription,
)
from billing.money import rounded
from teams.integrity import Found


def _subscriptions_follow_each_other() -> Found:
    by_account: dict[Any, list[Subscription]] = defaultdict(list)
    for row in Subscription.objects.select_related("plan").order_by("account", "starts_on"):
        by_account[row.account_id].append(row)
    for rows in by_account.values():
        for before, after in pairwise(rows):
            if before.ends_on != after.starts_on:
                yield after, "does not begin on the day the one before it ends"
            if before.plan.currency != after.plan.currency:
                yield after, "is in another currency than the one before it"


def _sums(rows: QuerySet[Any], key: str) -> dict[Any, Decimal]:
    """Return the sum of ``amount`` of ``rows`` by ``key``."""
    found: dict[Any, Decimal] = defaultdict(Decimal)
    for owner, amount in rows.values_list(key, "amount").iterator():
        found[owner] += amount
    return found


def _invoices_add_up() -> Found:
    lines = _sums(InvoiceLine.objects.all(), "invoice_id")
    for row in Invoice.objects.iterator():
        tax = rounded(row.subtotal * row.tax_rate / 100, row.currency)
        if lines.get(row.pk, 0) != row.subtotal:
            yield row, "its lines do not add up to its subtotal"
        if (row.tax, row.total) != (tax, row.subtotal + tax):
            yield row, "its tax or its total is not what its subtotal and tax rate say"


def _numbers_have_no_gaps() -> Found:
    for model in (Invoice, CreditNote):
        rows: QuerySet[Any] = model._default_manager.exclude(number__isnull=True)
        last: dict[Any, int] = defaultdict(int)
        for row in rows.order_by("account", "number").iterator():
            if row.number != last[row.account_id] + 1:
                yield row, f"there is no number {last[row.account_id] + 1} before it"
            last[row.account_id] = row.number


def _payments_are_what_invoices_say() -> Found:
    came = _sums(Payment.objects.filter(status=Payment.Status.SUCCEEDED), "invoice_id")
    notes: dict[Any, Decimal] = defaultdict(Decimal)
    for invoice, total in CreditNote.objects.values_list("invoice_id", "total").iterator():
        notes[invoice] += total
    for row in Invoice.objects.iterator():
        if came.get(row.pk, 0) != row.paid:
            yield row, "its payments do not add up to what it says is paid"
        if notes.get(row.pk, 0) != row.credited:
            yield row, "its credit notes do not add up to what it says is credited"
        if (row.status == Invoice.Status.OPEN) != (
            row.status != Invoice.Status.DRAFT and row.owed > 0
        ):
            yield row, "is open though nothing is owed, or settled though something is"
    for payment in Payment.objects.select_related("invoice").iterator():
        if payment.currency != payment.invoice.currency:
            yield payment, "is in another currency than its invoice"


def _refunds_stay_within_payments() -> Found:
    back = _sums(Refund.objects.all(), "payment_id")
    for payment in Payment.objects.filter(pk__in=list(back)):
        if back[payment.pk] > payment.amount:
            yield payment, "more was sent back than came"


def _what_was_bought_is_charged() -> Found:
    """Of months of which every invoice is issued: as long as one is a draft, it may stand there."""
    whole: dict[Any, bool] = {}
    for account, month, status in Invoice.objects.values_list("account", "month", "status"):
        issued = status != Invoice.Status.DRAFT
        whole[account, month] = whole.get((account, month), True) and issued
    lines = InvoiceLine.objects.filter(meter=Meter.CONTENT)
    charged = Counter(lines.values_list("subaccount", "starts_on", "amount"))
    bought = ContentPurchase.objects.select_related("item").defer("item__rows")
    for row in bought.order_by("pk").iterator():
        line = (row.subaccount_id, row.bought_on, row.price)
        if not whole.get((row.account_id, row.bought_on.replace(day=1))):
            continue
        if not charged[line]:
            yield row, "is on no invoice of its month"
        charged[line] -= 1


CHECKS: tuple[Callable[[], Found], ...] = (
    _subscriptions_follow_each_other,
    _invoices_add_up,
    _numbers_have_no_gaps,
    _payments_are_what_invoices_say,
    _refunds_stay_within_payments,
    _what_was_bought_is_charged,
)
