"""What the bank says: money that came for an invoice, and money that was sent back.

The platform writes it down; the bank's reference tells one payment from another.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal, InvalidOperation
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone

from billing import gateways, money
from billing.models import Invoice, Payment, Refund
from billing.services.operating import by_platform
from billing.services.settling import count, described
from permissions.errors import Invalid
from teams.services.inputs import clean_text, expect

Status = Payment.Status
REFERENCE_LIMIT = 200
#: beyond what any column of money holds
MOST = Decimal(10) ** 11


@transaction.atomic
def record_payment(
    *, reason: str, invoice: Invoice, amount: Any, reference: str, operator: Any = None
) -> Payment:
    """Write down that ``amount`` came to the bank for ``invoice``, of which it may be a part.

    ``reference`` is what the bank calls it; the same one for the same invoice and amount is the
    same payment, and is returned. By the platform. Raises Invalid (NOTHING_OWED, TOO_MUCH,
    NO_AMOUNT, REFERENCE_USED, …) or NotFound.
    """
    found = expect(invoice, Invoice, "The invoice")
    text = clean_text(reference, "The bank's reference", limit=REFERENCE_LIMIT)
    entry = by_platform(found.account, reason, operator)
    found = Invoice.objects.get(pk=found.pk)
    amount = _clean_amount(amount, found.currency)
    used = Invalid(
        f"The payment {text} is written down already, with another amount or for another invoice.",
        code="REFERENCE_USED",
    )
    same = Payment.objects.filter(gateway=gateways.bank.codename, reference=text).first()
    if same is not None:
        if (same.invoice_id, same.amount) == (found.pk, amount):
            return same
        raise used
    if found.status != Invoice.Status.OPEN or not found.owed:
        raise Invalid(f"Nothing is owed of {found}. Send the money back.", code="NOTHING_OWED")
    if amount > found.owed:
        owed = money.shown(found.owed, found.currency)
        raise Invalid(
            f"Only {owed} is owed of {found}. Write that down, and send back what came beyond.",
            code="TOO_MUCH",
        )
    try:
        with transaction.atomic():  # somebody else may have been quicker, in another account
            payment = Payment.objects.create(
                account=found.account,
                invoice=found,
                gateway=gateways.bank.codename,
                status=Status.SUCCEEDED,
                amount=amount,
                currency=found.currency,
                reference=text,
                settled_at=timezone.now(),
            )
    except IntegrityError:
        raise used from None
    count(entry, payment, found)
    return payment


@transaction.atomic
def record_refund(
    *, reason: str, payment: Payment, amount: Any, reference: str, operator: Any = None
) -> Refund:
    """Write down that ``amount`` of ``payment`` was sent back, as its invoice was credited.

    ``reference`` is what the bank or the gateway calls that; the same one with the same amount is
    the same refund, and is returned. By the platform. Raises Invalid (NOT_PAID, TOO_MUCH,
    NO_AMOUNT, REFERENCE_USED, …) or NotFound.
    """
    found = expect(payment, Payment, "The payment")
    text = clean_text(reference, "The reference of the refund", limit=REFERENCE_LIMIT)
    entry = by_platform(found.account, reason, operator)
    found = Payment.objects.select_related("invoice").get(pk=found.pk)
    amount = _clean_amount(amount, found.currency)
    same = found.refunds.filter(reference=text).first()
    if same is not None:
        if same.amount == amount:
            return same
        raise Invalid(
            f"The refund {text} is written down already, with another amount.",
            code="REFERENCE_USED",
        )
    if found.status != Status.SUCCEEDED:
        raise Invalid(
            "Only what counts as paid is sent back like this, and this payment does not.",
            code="NOT_PAID",
        )
    rest = min(
        found.amount - _sum(found.refunds.all()),
        found.invoice.surplus - _sum(Refund.objects.filter(payment__invoice=found.invoice_id)),
    )
    if amount > rest:
        left = money.shown(max(rest, Decimal(0)), found.currency)
        raise Invalid(
            f"At most {left} of this payment is to be sent back: what was credited after it was "
            "paid, less what was sent back already.",
            code="TOO_MUCH",
        )
    refund = Refund.objects.create(
        account=found.account, payment=found, amount=amount, reference=text
    )
    entry.record("payment.refunded", found, **described(found), refunded=str(amount), refund=text)
    return refund


def _sum(refunds: Iterable[Refund]) -> Decimal:
    return sum((refund.amount for refund in refunds), Decimal(0))


def _clean_amount(value: Any, currency: str) -> Decimal:
    """Return an amount above nothing in whole smallest units. Raises Invalid (NO_AMOUNT)."""
    wrong = Invalid(
        f"{value!r} is no amount in {currency}. Write it like "
        f"{money.rounded(Decimal('12.5'), currency)}.",
        code="NO_AMOUNT",
    )
    if isinstance(value, bool | float) or not isinstance(value, Decimal | int | str):
        raise wrong
    try:
        amount = Decimal(value)
    except InvalidOperation:
        raise wrong from None
    if not amount.is_finite() or not 0 < amount < MOST:
        raise wrong
    # first by itself: as a fraction, 1e-999999999 would take hours
    if amount != round(amount, money.MOST_DECIMALS) or amount != money.rounded(amount, currency):
        raise wrong
    return money.rounded(amount, currency)
