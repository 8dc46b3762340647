"""What a month came to, for each who pays: drafted as often as one likes, issued once.

A draft is the platform's and may be drawn up anew; an issued invoice stays as it is, which
``billing.immutable`` sees to. Numbers are given under the account's lock, so that there is neither
a gap nor a duplicate.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

from django.db import transaction
from django.db.models import Max
from django.utils import timezone

from billing import conf, selectors, usage
from billing.models import Invoice, InvoiceLine, Subscription
from billing.money import rounded
from billing.payers import direct_places, payer_of
from billing.rating import Charge, next_month
from billing.services import notices
from billing.states import move
from permissions import access
from permissions.errors import Invalid
from teams.models import Account, Subaccount
from teams.services.change import Entry
from teams.services.inputs import expect

__all__ = ["draft_invoices", "issue_invoice", "tax_of"]

NOTHING = Decimal(0)


@transaction.atomic
def draft_invoices(account: Account, month: date) -> list[Invoice]:
    """Draw up what ``account`` and its direct payers owe for ``month`` (its first day); return the
    drafts, the account's first.

    Drafts of the month are drawn up anew, issued invoices are left alone. Who used nothing and has
    no plan to pay for gets none; who used something that costs nothing gets one over nothing, which
    shows it, and which is paid when it is issued. Raises Invalid: NOT_A_MONTH, NOT_OVER (the month
    runs), NOT_METERED, UNBILLED (somebody else pays than did when part of the month was issued),
    NO_SELLER.
    """
    account = _locked(account)
    _check_month(month)
    _check_metered(account, month)
    direct = frozenset(direct_places(account).values_list("pk", flat=True))
    charges = _still_to_bill(account, month, direct)
    Invoice.objects.filter(account=account, month=month, status=Invoice.Status.DRAFT).delete()
    places = Subaccount.objects.in_bulk({charge.place for charge in charges if charge.place})
    return [
        _draft(account, places[key] if key else None, month, lines, places)
        for key, lines in _by_payer(charges, direct)
    ]


@transaction.atomic
def issue_invoice(invoice: Invoice, *, on: date | None = None) -> Invoice:
    """Give a draft its number and send it; return it as it stands then: open, or paid if it is
    over nothing.

    ``on`` is the day it is issued (today). Raises Invalid (ISSUED_ALREADY) or NotFound.
    """
    account = _locked(expect(invoice, Invoice, "The invoice").account)
    # read under the lock: somebody else may have been quicker
    issued = expect(invoice, Invoice, "The invoice")
    if issued.status != Invoice.Status.DRAFT:
        raise Invalid(f"{issued.label} has been issued already.", code="ISSUED_ALREADY")
    highest = Invoice.objects.filter(account=account).aggregate(highest=Max("number"))["highest"]
    issued.number = (highest or 0) + 1
    issued.label = f"{account.slug.upper()}-{issued.number:05d}"
    issued.issued_on = on or selectors.today()
    issued.due_on = issued.issued_on + timedelta(days=conf.due_days())
    move(issued, Invoice.Status.OPEN)
    if not issued.total:
        move(issued, Invoice.Status.PAID)
        issued.settled_at = timezone.now()
    issued.save()
    Entry(None, account).record(
        "invoice.issued",
        issued,
        invoice=issued.label,
        month=issued.month,
        total=str(rounded(issued.total, issued.currency)),
        currency=issued.currency,
        due_on=issued.due_on,
    )
    notices.tell_issued(issued)
    return issued


def tax_of(subtotal: Decimal, rate: Decimal, currency: str) -> Decimal:
    """Return the tax on ``subtotal`` at ``rate`` percent, rounded once."""
    return rounded(Fraction(subtotal) * Fraction(rate) / 100, currency)


def _locked(account: Any) -> Account:
    key = expect(account, Account, "The account").pk
    locked = Account.objects.select_for_update(no_key=True).get(pk=key)
    access.forget()
    return locked


def _check_month(month: Any) -> None:
    if type(month) is not date or month.day != 1:
        raise Invalid(f"{month!r} is not the first day of a month.", code="NOT_A_MONTH")
    if next_month(month) > selectors.today():
        raise Invalid(
            f"{month:%B %Y} is not over. Invoices are drafted from {next_month(month)} on.",
            code="NOT_OVER",
        )


def _check_metered(account: Account, month: date) -> None:
    last = next_month(month) - timedelta(days=1)
    missing = [day for day in usage.days_due(account, last) if day >= month]
    if missing:
        raise Invalid(
            f"{account.name} is not metered on {missing[0]}. Run record_usage for it first.",
            code="NOT_METERED",
        )


def _still_to_bill(account: Account, month: date, direct: frozenset[Any]) -> list[Charge]:
    """Return the charges of ``month`` that stand on no issued invoice.

    What a subaccount used is billed once, to whoever paid for it then: whether it pays for itself
    (whether it is among ``direct``) may have changed since.
    """
    rows = Invoice.objects.filter(account=account, month=month)
    issued = rows.exclude(status=Invoice.Status.DRAFT)
    payers = set(issued.values_list("subaccount", flat=True))
    lines = InvoiceLine.objects.filter(invoice__in=issued)
    billed = payers | set(lines.values_list("subaccount", flat=True))
    charges = [c for c in usage.charges_of(account, month) if c.place not in billed]
    if None not in payers:
        return charges
    for charge in charges:
        if charge.amount and charge.place not in direct:
            name = Subaccount.objects.get(pk=charge.place).name
            raise Invalid(
                f"{name} is not on the invoice of {account.name} for {month:%B %Y}, which is "
                "issued: it paid for itself then. Bill it directly once more, and draft again.",
                code="UNBILLED",
            )
    return [charge for charge in charges if charge.place in direct]


def _by_payer(charges: Iterable[Charge], direct: frozenset[Any]) -> list[tuple[Any, list[Charge]]]:
    """Return the charges of each who pays (the key of a subaccount, None for the account), the
    account's first."""
    found: dict[Any, list[Charge]] = {}
    for charge in charges:
        found.setdefault(charge.place if charge.place in direct else None, []).append(charge)
    return sorted(found.items(), key=lambda pair: (pair[0] is not None, pair[0] or 0))


def _draft(
    account: Account,
    subaccount: Subaccount | None,
    month: date,
    charges: list[Charge],
    places: Mapping[Any, Subaccount],
) -> Invoice:
    currency, payer = _currency(account), payer_of(account, subaccount)
    subtotal = sum((charge.amount for charge in charges), NOTHING)
    tax = tax_of(subtotal, payer.tax_rate, currency)
    invoice = Invoice.objects.create(
        account=account,
        subaccount=subaccount,
        month=month,
        currency=currency,
        subtotal=subtotal,
        tax_label=payer.tax_label,
        tax_rate=payer.tax_rate,
        tax=tax,
        total=subtotal + tax,
        billed_to={
            "name": payer.name,
            "contact": payer.contact_name,
            "address": list(payer.lines),
            "tax_id": payer.tax_id,
        },
        seller=_seller(),
    )
    names = {key: place.name for key, place in places.items()}
    # what concerns the account comes first, and then each subaccount, by name
    ordered = sorted(
        charges, key=lambda c: (c.place is not None, names.get(c.place, "").casefold(), c.place)
    )
    InvoiceLine.objects.bulk_create(
        InvoiceLine(
            account=account,
            invoice=invoice,
            position=position,
            subaccount_id=charge.place,
            place=names.get(charge.place, ""),
            meter=charge.meter,
            description=charge.description,
            quantity=charge.quantity,
            amount=charge.amount,
            starts_on=charge.starts_on,
            ends_on=charge.ends_on,
        )
        for position, charge in enumerate(ordered, 1)
    )
    return invoice


def _seller() -> dict[str, Any]:
    """Return who stands on the invoice. Raises Invalid: what is issued cannot be mended."""
    found = conf.seller()
    if not found["name"]:
        raise Invalid(
            "Nobody sends the invoices: set BILLING_SELLER_NAME, as it has to stand on them.",
            code="NO_SELLER",
        )
    return found


def _currency(account: Account) -> str:
    """Return the one currency of the plans of ``account``."""
    plans = Subscription.objects.filter(account=account).select_related("plan")
    return plans.latest("starts_on").plan.currency
