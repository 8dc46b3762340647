"""What an account has used and been charged, as rows: for tests of pages that show them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from billing.factories import InvoiceFactory, UsageDayFactory
from billing.figures import first_of, shifted
from billing.models import Invoice, InvoiceLine, Meter, MeteredDay
from billing.selectors import today
from teams.models import Account, Subaccount

#: what a line is about: of which subaccount (None: of the account), what meter, how much
Line = tuple[Subaccount | None, Meter, str]


def month_ago(count: int = 1) -> date:
    """Return the first day of the month ``count`` months ago."""
    return shifted(first_of(today()), -count)


def used(place: Subaccount, day: date, contacts: int, sends: int = 0) -> None:
    """Store what ``place`` used on ``day``."""
    UsageDayFactory(subaccount=place, day=day, contacts=contacts, sends=sends)
    MeteredDay.objects.get_or_create(account=place.account, day=day, defaults={"seats": 4})


def invoiced(
    account: Account,
    month: date,
    lines: Iterable[Line],
    *,
    status: str = Invoice.Status.OPEN,
    subaccount: Subaccount | None = None,
    due_in: int = 14,
    **more: Any,
) -> Invoice:
    """Return an invoice of ``lines`` for ``month``, without tax; due in so many days."""
    lines = list(lines)
    total = sum((Decimal(amount) for _place, _meter, amount in lines), Decimal(0))
    invoice: Invoice = InvoiceFactory(
        account=account,
        subaccount=subaccount,
        month=month,
        status=Invoice.Status.DRAFT,
        number=None,
        issued_on=None,
        due_on=None,
        subtotal=total,
        tax=0,
        total=total,
        **more,
    )
    invoice.lines.all().delete()
    for position, (place, meter, amount) in enumerate(lines, start=1):
        InvoiceLine.objects.create(
            account=account,
            invoice=invoice,
            position=position,
            subaccount=place,
            place=place.name if place else "",
            meter=meter,
            description=f"Secretly priced {meter}",
            quantity=1,
            amount=Decimal(amount),
            starts_on=month,
            ends_on=shifted(month, 1),
        )
    if status != Invoice.Status.DRAFT:
        number = account.invoices.count()
        invoice.status, invoice.number = status, number
        invoice.label = f"{account.slug.upper()}-{number:05d}"
        due = today() + timedelta(days=due_in)
        invoice.issued_on, invoice.due_on = min(shifted(month, 1), due), due
        invoice.paid = total if status == Invoice.Status.PAID else Decimal(0)
        invoice.save()
    return invoice


def charged(account: Account, month: date, amounts: Mapping[Subaccount | None, str]) -> Invoice:
    """Return an open invoice that charges contacts, or the plan itself, with these ``amounts``."""
    return invoiced(
        account,
        month,
        [(p, Meter.CONTACTS if p else Meter.BASE, amount) for p, amount in amounts.items()],
    )
