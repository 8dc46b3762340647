"""Factories for tests and demo data: rows as they are stored, no rights checked."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import factory
from factory.django import DjangoModelFactory

from billing.models import (
    BillingDetails,
    ContentItem,
    ContentPurchase,
    Invoice,
    InvoiceLine,
    Meter,
    Payment,
    PlanTier,
    RatePlan,
    Subscription,
    UsageDay,
)
from teams.factories import AccountFactory, SubaccountFactory

JANUARY = date(2026, 1, 1)


class RatePlanFactory(DjangoModelFactory[RatePlan]):
    """A monthly plan in euros: 100 a month, 1,000 contacts, 10,000 messages, 2 subaccounts and 3
    seats included; 10 a subaccount and 5 a seat beyond."""

    class Meta:
        model = RatePlan

    code = factory.Sequence(lambda n: f"plan-{n}")
    name = factory.Sequence(lambda n: f"Plan {n}")
    currency = "EUR"
    price = Decimal(100)
    included_contacts = 1000
    included_sends = 10_000
    included_subaccounts = 2
    included_seats = 3
    price_per_subaccount = Decimal(10)
    price_per_seat = Decimal(5)


class PlanTierFactory(DjangoModelFactory[PlanTier]):
    """Ten for a thousand contacts too many."""

    class Meta:
        model = PlanTier

    plan = factory.SubFactory(RatePlanFactory)
    meter = Meter.CONTACTS
    above = 0
    per = 1000
    price = Decimal(10)


class SubscriptionFactory(DjangoModelFactory[Subscription]):
    """A subscription since January 2026 without an end."""

    class Meta:
        model = Subscription

    account = factory.SubFactory(AccountFactory)
    plan = factory.SubFactory(RatePlanFactory)
    starts_on = JANUARY


class UsageDayFactory(DjangoModelFactory[UsageDay]):
    """An active day with nothing on it."""

    class Meta:
        model = UsageDay

    subaccount = factory.SubFactory(SubaccountFactory)
    account = factory.LazyAttribute(lambda o: o.subaccount.account)
    day = JANUARY


class BillingDetailsFactory(DjangoModelFactory[BillingDetails]):
    """Who pays for an account."""

    class Meta:
        model = BillingDetails

    account = factory.SubFactory(AccountFactory)
    name = factory.LazyAttribute(lambda o: f"{o.account.name} Ltd")
    contact_name = "Ines Accountant"
    contact_address = "accounts@payer.example"
    country = "ES"


#: what a draft has not
_OF_ISSUED = ("status", "number", "label", "issued_on", "due_on", "paid", "credited", "settled_at")


class InvoiceFactory(DjangoModelFactory[Invoice]):
    """An open invoice of 121.00 EUR for January 2026, tax included, with one line."""

    class Meta:
        model = Invoice

    account = factory.SubFactory(AccountFactory)
    month = JANUARY
    status = Invoice.Status.OPEN
    number = factory.Sequence(lambda n: n + 1)
    label = factory.LazyAttribute(
        lambda o: f"{o.account.slug.upper()}-{o.number:05d}" if o.number else ""
    )
    currency = "EUR"
    subtotal = Decimal(100)
    tax_label = "VAT"
    tax_rate = Decimal(21)
    tax = Decimal(21)
    total = Decimal(121)
    billed_to = factory.LazyAttribute(lambda o: {"name": o.account.name})
    issued_on = factory.LazyAttribute(lambda o: o.month + timedelta(days=31))
    due_on = factory.LazyAttribute(lambda o: o.issued_on + timedelta(days=14))

    @classmethod
    def _create(cls, model_class: type[Invoice], *args: Any, **values: Any) -> Invoice:
        """Draft it with its one line and issue it then: nothing is added to an issued invoice."""
        issued = {name: values.pop(name) for name in _OF_ISSUED if name in values}
        invoice = super()._create(model_class, *args, **values)
        InvoiceLine.objects.create(
            account=invoice.account,
            invoice=invoice,
            position=1,
            subaccount=invoice.subaccount,
            place=invoice.subaccount.name if invoice.subaccount else "",
            meter=Meter.BASE,
            description="Rate plan",
            quantity=1,
            amount=invoice.subtotal,
            starts_on=invoice.month,
            ends_on=invoice.month + timedelta(days=28),
        )
        if issued.get("status") != Invoice.Status.DRAFT:
            for name, value in issued.items():
                setattr(invoice, name, value)
            invoice.save(update_fields=list(issued))
        return invoice


class ContentItemFactory(DjangoModelFactory[ContentItem]):
    """A plus campaign of two rows for 12.50 EUR."""

    class Meta:
        model = ContentItem

    code = factory.Sequence(lambda n: f"content-{n}")
    name = factory.Sequence(lambda n: f"Spring letter {n}")
    kind = ContentItem.Kind.CAMPAIGN
    currency = "EUR"
    price = Decimal("12.50")
    rows = factory.LazyFunction(lambda: ["<h1>Spring</h1>", "<p>Dear {{first_name|friend}}</p>"])


class ContentPurchaseFactory(DjangoModelFactory[ContentPurchase]):
    """A plus campaign that was bought on the first of January 2026."""

    class Meta:
        model = ContentPurchase

    subaccount = factory.SubFactory(SubaccountFactory)
    account = factory.LazyAttribute(lambda o: o.subaccount.account)
    item = factory.SubFactory(ContentItemFactory)
    price = factory.LazyAttribute(lambda o: o.item.price)
    currency = factory.LazyAttribute(lambda o: o.item.currency)
    bought_on = JANUARY


class PaymentFactory(DjangoModelFactory[Payment]):
    """A pending bank transfer of all that an invoice asks for."""

    class Meta:
        model = Payment

    invoice = factory.SubFactory(InvoiceFactory)
    account = factory.LazyAttribute(lambda o: o.invoice.account)
    gateway = "bank"
    amount = factory.LazyAttribute(lambda o: o.invoice.total)
    currency = factory.LazyAttribute(lambda o: o.invoice.currency)
