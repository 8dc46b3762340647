"""What a payer was asked for, what they paid, and what is left: a statement of account."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any, NamedTuple

from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from billing.models import CreditNote, Invoice, Payment, Refund
from teams.models import Account, Subaccount

NOTHING = Decimal(0)


@dataclass(frozen=True, slots=True)
class Entry:
    """One line: what was charged or paid, and the balance after it, which is what is owed; below
    zero the payer has paid too much. ``label`` is the number of the invoice or credit note it is
    about."""

    date: date
    what: str | Promise
    label: str
    charge: Decimal
    payment: Decimal
    currency: str
    balance: Decimal = NOTHING


class _Key(NamedTuple):
    """The order of what happened on one day: asked for, taken back, paid, sent back."""

    date: date
    kind: int
    row: int


def statement_of(account: Account, subaccount: Subaccount | None = None) -> list[Entry]:
    """Return what ``account``, or ``subaccount`` where that paid for itself, was asked for and
    paid, in order, with a running balance (one a currency).

    A payment that came although nothing was owed any more stands here until it has been sent back.
    """
    invoices = Invoice.objects.filter(account=account, subaccount=subaccount)
    found = dict(_entries(invoices.exclude(status=Invoice.Status.DRAFT)))
    balances: dict[str, Decimal] = defaultdict(Decimal)
    entries = []
    for _key, entry in sorted(found.items()):
        balances[entry.currency] += entry.charge - entry.payment
        entries.append(replace(entry, balance=balances[entry.currency]))
    return entries


def _entries(invoices: Iterable[Invoice]) -> Iterator[tuple[_Key, Entry]]:
    known = {invoice.pk: invoice for invoice in invoices}
    for one in known.values():
        key = _Key(one.issued_on or one.month, 0, one.pk)
        yield key, _charged(key, _("Invoice"), one.label, one, one.total)
    for note in CreditNote.objects.filter(invoice__in=known):
        key = _Key(note.issued_on, 1, note.pk)
        of = known[note.invoice_id]
        yield key, _charged(key, _("Credit note"), note.label, of, -note.total)
    came = (Payment.Status.SUCCEEDED, Payment.Status.SURPLUS)
    for payment in Payment.objects.filter(invoice__in=known, status__in=came):
        key = _Key(_day(payment.settled_at or payment.started_at), 2, payment.pk)
        of = known[payment.invoice_id]
        is_counted = payment.status == Payment.Status.SUCCEEDED
        what = _("Payment") if is_counted else _("Payment, to be sent back")
        yield key, _charged(key, what, of.label, of, -payment.amount)
    for refund in Refund.objects.filter(payment__invoice__in=known).select_related("payment"):
        key = _Key(_day(refund.made_at), 3, refund.pk)
        of = known[refund.payment.invoice_id]
        yield key, _charged(key, _("Sent back"), of.label, of, refund.amount)


def _charged(key: _Key, what: Any, label: str, invoice: Invoice, amount: Decimal) -> Entry:
    """Return the line about ``amount``, which is for the payer's good if it is below zero."""
    charge, payment = max(amount, NOTHING), max(-amount, NOTHING)
    return Entry(key.date, what, label, charge, payment, invoice.currency)


def _day(moment: datetime) -> date:
    return timezone.localdate(moment, timezone=timezone.get_default_timezone())
