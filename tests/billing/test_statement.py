"""What was asked for and paid, in order, to the cent."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from billing import selectors
from billing.factories import InvoiceFactory, PaymentFactory
from billing.models import Invoice, Refund
from billing.services import credit_invoice
from billing.statement import statement_of
from teams.factories import AccountFactory, SubaccountFactory

pytestmark = pytest.mark.django_db


def at(day: int) -> datetime:
    return datetime(2026, 3, day, 12, tzinfo=UTC)


def test_a_statement_adds_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selectors, "today", lambda: date(2026, 3, 4))
    account = AccountFactory()
    cents = {"subtotal": Decimal("0.10"), "tax": Decimal(0), "total": Decimal("0.10")}
    march = date(2026, 3, 1)
    first = InvoiceFactory(account=account, number=1, issued_on=march, **cents)
    second = InvoiceFactory(
        account=account, number=2, month=date(2026, 2, 1), issued_on=date(2026, 3, 2), **cents
    )
    InvoiceFactory(account=account, status="draft", month=march)
    paid = PaymentFactory(
        invoice=first, amount=Decimal("0.07"), status="succeeded", settled_at=at(3)
    )
    Invoice.objects.filter(pk=first.pk).update(paid=paid.amount)
    note = credit_invoice(reason="A mistake", invoice=first, amount=Decimal("0.05"))
    Refund.objects.create(
        account=account, payment=paid, amount=Decimal("0.02"), reference="R", made_at=at(5)
    )
    PaymentFactory(
        invoice=second, amount=Decimal("0.03"), status="surplus", reference="S", settled_at=at(6)
    )
    for status in ("returned", "failed", "cancelled", "pending"):
        PaymentFactory(invoice=second, status=status, reference=status, settled_at=at(6))
    # what others owe is no concern of theirs
    direct = InvoiceFactory(
        account=account, subaccount=SubaccountFactory(account=account), number=9
    )
    InvoiceFactory()

    found = [
        (e.date.day, str(e.what), e.label, str(e.charge), str(e.payment), str(e.balance))
        for e in statement_of(account)
    ]

    assert found == [
        (1, "Invoice", first.label, "0.100", "0", "0.100"),
        (2, "Invoice", second.label, "0.100", "0", "0.200"),
        (3, "Payment", first.label, "0", "0.070", "0.130"),
        (4, "Credit note", note.label, "0", "0.050", "0.080"),
        (5, "Sent back", first.label, "0.020", "0", "0.100"),
        (6, "Payment, to be sent back", second.label, "0", "0.030", "0.070"),
    ]
    rows = Invoice.objects.filter(account=account, subaccount=None).exclude(status="draft")
    owed = sum((row.owed - row.surplus for row in rows), Decimal(0))
    assert statement_of(account)[4].balance == owed + Decimal("0.02")
    assert [e.label for e in statement_of(account, direct.subaccount)] == [direct.label]
    assert statement_of(AccountFactory()) == []


def test_each_currency_has_a_balance_of_its_own() -> None:
    account = AccountFactory()
    for number, currency in enumerate(("EUR", "JPY", "EUR"), 1):
        InvoiceFactory(
            account=account, number=number, month=date(2026, number, 1), currency=currency
        )
    found = [(e.currency, e.balance) for e in statement_of(account)]
    assert found == [("EUR", 121), ("JPY", 121), ("EUR", 242)]
