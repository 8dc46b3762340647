"""Putting right what was issued: a credit note takes back all or part of an invoice."""

from __future__ import annotations

from datetime import date
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from typing import Any

from django.db import transaction
from django.db.models import Max
from django.utils import timezone

from billing import selectors
from billing.models import CreditNote, Invoice, Payment
from billing.money import decimals_of, rounded, shown
from billing.services import dunning
from billing.services.operating import by_platform
from billing.services.settling import withdraw
from billing.states import move
from permissions import access
from permissions.errors import Invalid
from teams.background import enqueue
from teams.services.inputs import expect

__all__ = ["credit_invoice"]


def credit_invoice(
    *,
    reason: str,
    invoice: Invoice,
    amount: Decimal | None = None,
    on: date | None = None,
    operator: Any = None,
) -> CreditNote:
    """Take back ``amount`` (tax included) of an issued invoice, or all that is left of it.

    The reason stands on the credit note, which is issued ``on`` that day (today). What was paid
    already stays paid: what is then too much is owed to the payer (``Invoice.surplus``). An open
    invoice on which nothing is owed any more is credited, or paid if part of it was paid. Raises
    Invalid: NOT_ISSUED, TOO_EARLY (before the invoice), NOTHING_LEFT, NO_AMOUNT, TOO_MUCH, a
    reason that says nothing, NOT_AN_OPERATOR; or NotFound.
    """
    try:
        with transaction.atomic():
            found = expect(invoice, Invoice, "The invoice")
            return _credit(reason, found, amount, on or selectors.today(), operator)
    finally:
        access.forget()


def _credit(reason: str, known: Invoice, amount: Any, on: date, operator: Any) -> CreditNote:
    entry = by_platform(known.account, reason, operator)
    # read under the lock: a payment may have come meanwhile
    invoice = expect(known, Invoice, "The invoice")
    if invoice.status == Invoice.Status.DRAFT:
        raise Invalid("A draft is not credited: draft the month again.", code="NOT_ISSUED")
    if invoice.issued_on is not None and on < invoice.issued_on:
        raise Invalid(
            f"{invoice.label} was issued on {invoice.issued_on}; a credit note cannot be of a day "
            "before.",
            code="TOO_EARLY",
        )
    total = _clean_amount(amount, invoice)
    tax = _tax_until(invoice, invoice.credited + total) - _tax_until(invoice, invoice.credited)
    notes = CreditNote.objects.filter(account=entry.account)
    number = (notes.aggregate(highest=Max("number"))["highest"] or 0) + 1
    note = CreditNote.objects.create(
        account=entry.account,
        invoice=invoice,
        number=number,
        label=f"{entry.account.slug.upper()}-C{number:05d}",
        reason=entry.because["reason"],
        subtotal=total - tax,
        tax=tax,
        total=total,
        issued_on=on,
        issued_by=operator,
    )
    invoice.credited += total
    if invoice.status == Invoice.Status.OPEN and not invoice.owed:
        move(invoice, Invoice.Status.PAID if invoice.paid else Invoice.Status.CREDITED)
        invoice.settled_at = timezone.now()
    invoice.save(update_fields=["credited", "status", "settled_at"])
    entry.record(
        "invoice.credited",
        invoice,
        invoice=invoice.label,
        credit_note=note.label,
        amount=str(rounded(total, invoice.currency)),
        currency=invoice.currency,
    )
    for payment in invoice.payments.filter(status=Payment.Status.PENDING):
        if payment.amount > invoice.owed:  # it asks for more than is owed now
            enqueue(withdraw, payment.pk)
    dunning.refresh(entry.account)
    return note


def _tax_until(invoice: Invoice, credited: Decimal) -> Decimal:
    """Return how much of the tax goes back once ``credited`` has gone back in all: by this, the
    parts of any number of credit notes add up to the invoice's own tax."""
    share = Fraction(credited) / Fraction(invoice.total)
    return rounded(Fraction(invoice.tax) * share, invoice.currency)


def _clean_amount(amount: Any, invoice: Invoice) -> Decimal:
    left: Decimal = invoice.total - invoice.credited
    if not left:
        raise Invalid(f"Nothing of {invoice.label} is left to be credited.", code="NOTHING_LEFT")
    if amount is None:
        return left
    try:
        if not isinstance(amount, Decimal) or not amount.is_finite():
            raise InvalidOperation
        if amount <= 0 or amount != round(amount, decimals_of(invoice.currency)):
            raise InvalidOperation
    except InvalidOperation:
        raise Invalid(
            f"{amount!r} is not an amount in {invoice.currency}. Give a Decimal above zero, with "
            f"{decimals_of(invoice.currency)} decimals at most.",
            code="NO_AMOUNT",
        ) from None
    if amount > left:
        raise Invalid(
            f"Only {shown(left, invoice.currency)} of {invoice.label} is left to be credited.",
            code="TOO_MUCH",
        )
    return amount
