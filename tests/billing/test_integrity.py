"""``check_integrity`` finds books that do not balance; sound ones pass."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from billing import integrity
from billing.factories import (
    ContentPurchaseFactory,
    InvoiceFactory,
    PaymentFactory,
    RatePlanFactory,
    SubscriptionFactory,
)
from billing.models import CreditNote, Invoice, InvoiceLine, Payment, Refund, Subscription
from teams.factories import SubaccountFactory
from tests.commands.helpers import run
from tests.services.world import world

pytestmark = pytest.mark.django_db


class Books:
    """An account with two plans one after the other, an open and a paid invoice."""

    def __init__(self) -> None:
        self.account = world("emma_hq").account
        first = RatePlanFactory()
        self.first = SubscriptionFactory(account=self.account, plan=first, ends_on=date(2026, 2, 1))
        self.second = SubscriptionFactory(account=self.account, starts_on=date(2026, 2, 1))
        self.open = InvoiceFactory(account=self.account, number=1)
        self.paid = InvoiceFactory(
            account=self.account,
            number=2,
            month=date(2026, 2, 1),
            status=Invoice.Status.PAID,
            paid=Decimal(121),
        )
        self.payment = PaymentFactory(
            invoice=self.paid, status=Payment.Status.SUCCEEDED, reference="T1"
        )

    def draft(self, **given: Any) -> Invoice:
        """Return one more invoice that has not been issued, so that it may be bent."""
        nothing = {"status": Invoice.Status.DRAFT, "number": None, "issued_on": None}
        return InvoiceFactory(
            account=self.account, month=date(2026, 3, 1), due_on=None, **nothing, **given
        )


PLANTED: dict[str, list[Callable[[Books], Any]]] = {
    "subscriptions_follow_each_other": [
        lambda b: Subscription.objects.filter(pk=b.first.pk).update(ends_on=date(2026, 1, 20)),
        lambda b: b.second.plan.__class__.objects.filter(pk=b.second.plan_id).update(
            currency="USD"
        ),
    ],
    "invoices_add_up": [
        lambda b: InvoiceLine.objects.filter(invoice=b.draft()).update(amount=Decimal("99.99")),
        lambda b: Invoice.objects.filter(pk=b.draft().pk).update(tax=Decimal(20)),
        lambda b: Invoice.objects.filter(pk=b.draft().pk).update(total=Decimal(122)),
    ],
    "numbers_have_no_gaps": [
        lambda b: InvoiceFactory(account=b.account, number=4, month=date(2026, 3, 1)),
    ],
    "payments_are_what_invoices_say": [
        lambda b: Invoice.objects.filter(pk=b.open.pk).update(paid=Decimal(1)),
        lambda b: Invoice.objects.filter(pk=b.open.pk).update(credited=Decimal(1)),
        lambda b: Invoice.objects.filter(pk=b.open.pk).update(status=Invoice.Status.CREDITED),
        lambda b: PaymentFactory(invoice=b.open, currency="USD"),
    ],
    "refunds_stay_within_payments": [
        lambda b: Refund.objects.create(
            account=b.account, payment=b.payment, amount=Decimal("121.01"), reference="R1"
        ),
    ],
    "what_was_bought_is_charged": [
        lambda b: ContentPurchaseFactory(subaccount=SubaccountFactory(account=b.account)),
    ],
}


def test_every_rule_has_a_planted_case() -> None:
    assert set(PLANTED) == {check.__name__.strip("_") for check in integrity.CHECKS}


def test_sound_books() -> None:
    books = Books()
    books.draft()
    CreditNote.objects.create(
        account=books.account,
        invoice=books.open,
        number=1,
        label="C1",
        reason="Too much",
        subtotal=Decimal(10),
        tax=Decimal("2.10"),
        total=Decimal("12.10"),
        issued_on=date(2026, 2, 10),
    )
    Invoice.objects.filter(pk=books.open.pk).update(credited=Decimal("12.10"))
    done = run("check_integrity", "--sample=0")
    assert (done.code, done.out) == (0, "Every invariant holds.\n")


@pytest.mark.parametrize(
    ("rule", "plant"), [(rule, plant) for rule, cases in PLANTED.items() for plant in cases]
)
def test_planted_corruption_is_found(rule: str, plant: Callable[[Books], Any]) -> None:
    plant(Books())
    done = run("check_integrity", "--sample=0", format="json")
    assert (done.code, {found["rule"] for found in done.json}) == (1, {rule})
