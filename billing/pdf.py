"""Invoices, credit notes and statements of account as PDF.

An invoice says what it said when it was issued, whatever became of it since: it is made of what
cannot change any more, and is the same file every time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from itertools import groupby
from typing import Any

from django.utils.formats import date_format, number_format
from django.utils.translation import gettext as _
from reportlab.lib.units import mm
from reportlab.platypus import Flowable, Spacer

from billing import conf, selectors
from billing.models import CreditNote, Invoice, InvoiceLine
from billing.money import shown
from billing.payers import payer_of
from billing.statement import Entry
from teams.models import Account, Subaccount
from teams.paper import (
    AMOUNT,
    AMOUNT_HEAD,
    HEAD,
    LABEL,
    SMALL,
    STRONG,
    STRONG_AMOUNT,
    TITLE,
    WIDTH,
    columns,
    document,
    facts,
    grid,
    lines,
    load_fonts,
    text,
    together,
    totals,
)

NOTHING = Decimal(0)


def invoice_pdf(invoice: Invoice) -> bytes:
    """Return ``invoice``, which may be a draft, as a PDF."""
    load_fonts()
    title = _("Invoice") if invoice.label else _("Draft of an invoice")
    known = [
        (_("Invoice"), invoice.label),
        (_("Date"), _day(invoice.issued_on)),
        (_("For"), date_format(invoice.month, "F Y")),
        (_("Due"), _day(invoice.due_on)),
    ]
    rows = list(invoice.lines.order_by("position"))
    return _document(
        [
            *_head(title, invoice, known),
            _lines(rows, invoice.currency),
            Spacer(0, 4 * mm),
            together(_totals(invoice, invoice), *_how_to_pay(invoice)),
        ],
        invoice,
        " ".join(part for part in (title, invoice.label) if part),
    )


def credit_note_pdf(note: CreditNote) -> bytes:
    """Return ``note`` as a PDF."""
    load_fonts()
    title, invoice = _("Credit note"), note.invoice
    known = [
        (_("Credit note"), note.label),
        (_("Date"), _day(note.issued_on)),
        (_("For invoice"), invoice.label),
        (_("Issued"), _day(invoice.issued_on)),
    ]
    what = grid(
        [text(_("What for"), HEAD), text(_("Amount"), AMOUNT_HEAD)],
        [[text(note.reason), text(shown(note.subtotal, invoice.currency), AMOUNT)]],
        widths=(140, 30),
    )
    return _document(
        [*_head(title, invoice, known), what, Spacer(0, 4 * mm), _totals(note, invoice)],
        invoice,
        f"{title} {note.label}",
    )


def statement_pdf(
    account: Account, subaccount: Subaccount | None, entries: Sequence[Entry]
) -> bytes:
    """Return what ``billing.statement`` says of a payer as a PDF, as of today."""
    load_fonts()
    title, payer, seller = _("Statement of account"), payer_of(account, subaccount), conf.seller()
    billed_to = {
        "name": payer.name,
        "contact": payer.contact_name,
        "address": payer.lines,
        "tax_id": payer.tax_id,
    }
    owed = {entry.currency: entry.balance for entry in entries}
    rows = [
        [
            text(_day(entry.date)),
            text(entry.what),
            text(entry.label),
            text(shown(entry.charge, entry.currency) if entry.charge else "", AMOUNT),
            text(shown(entry.payment, entry.currency) if entry.payment else "", AMOUNT),
            text(shown(entry.balance, entry.currency), AMOUNT),
        ]
        for entry in entries
    ]
    head = [text(name, HEAD) for name in (_("Date"), _("What"), _("Number"))]
    head += [text(name, AMOUNT_HEAD) for name in (_("Charged"), _("Paid"), _("Balance"))]
    body: list[Flowable] = [text(_("Nothing has been invoiced yet."))]
    if rows:
        balances = [(_("Balance"), shown(amount, currency)) for currency, amount in owed.items()]
        body = [
            grid(head, rows, widths=(24, 28, 40, 26, 26, 26)),
            Spacer(0, 4 * mm),
            together(*(totals([balance]) for balance in balances)),
        ]
    foot = f"{title} · {payer.name}"
    known = [(_("As of"), _day(selectors.today())), (_("Account"), account.name)]
    story = [*_letterhead(title, seller, billed_to, known), *body]
    return document(story, title=f"{title}: {payer.name}", author=seller["name"], foot=foot)


# what they have in common


def _document(story: Sequence[Flowable], invoice: Invoice, title: str) -> bytes:
    seller = str(invoice.seller.get("name", ""))
    foot = " · ".join(part for part in (seller, title) if part)
    return document(story, title=title, author=seller, foot=foot)


def _head(title: str, invoice: Invoice, known: Sequence[tuple[str, object]]) -> list[Flowable]:
    return _letterhead(title, invoice.seller, invoice.billed_to, known)


def _letterhead(
    title: str,
    seller: Mapping[str, Any],
    billed_to: Mapping[str, Any],
    known: Sequence[tuple[str, object]],
) -> list[Flowable]:
    """Return who sends it, what it is, whom it is for and what there is to know of it."""
    sender = lines([seller.get("name")], STRONG) + lines(_address(seller), SMALL)
    to = [
        text(_("Billed to"), LABEL),
        *lines([billed_to.get("name")], STRONG),
        *lines([billed_to.get("contact")]),
        *lines(_address(billed_to)),
    ]
    return [
        columns(text(title, TITLE), sender, widths=(100, 70)),
        Spacer(0, 12 * mm),
        columns(to, facts(known, width=WIDTH * 70 / 170), widths=(100, 70)),
        Spacer(0, 10 * mm),
    ]


def _address(known: Mapping[str, Any]) -> list[str]:
    tax_id = known.get("tax_id")
    return [*known.get("address", ()), _("Tax number %s") % tax_id if tax_id else ""]


def _lines(rows: Sequence[InvoiceLine], currency: str) -> Flowable:
    """Return the lines of an invoice, those of the account first and then of each subaccount."""
    cells: list[list[Any]] = []
    groups: list[tuple[int, int]] = []
    for place, of_place in groupby(rows, key=lambda line: (line.subaccount_id, line.place)):
        group = list(of_place)
        groups.append((len(cells), len(group)))
        total = shown(sum((line.amount for line in group), NOTHING), currency)
        name = text(place[1] or _("Account"), STRONG)
        cells.append([name, "", "", text(total, STRONG_AMOUNT)])
        cells += [
            [
                text(line.description),
                text(_period(line.starts_on, line.ends_on)),
                text(_quantity(line.quantity), AMOUNT),
                text(shown(line.amount, currency), AMOUNT),
            ]
            for line in group
        ]
    head = [text(_("What for"), HEAD), text(_("Days"), HEAD)]
    head += [text(_("Quantity"), AMOUNT_HEAD), text(_("Amount"), AMOUNT_HEAD)]
    return grid(head, cells, widths=(78, 32, 26, 34), groups=groups)


def _totals(row: Invoice | CreditNote, invoice: Invoice) -> Flowable:
    currency, rate = invoice.currency, number_format(invoice.tax_rate.normalize())
    found = [(_("Subtotal"), shown(row.subtotal, currency))]
    if row.tax or invoice.tax_rate:
        name = invoice.tax_label or _("Tax")
        found.append((f"{name} {rate} %", shown(row.tax, currency)))
    found.append((_("Total"), shown(row.total, currency)))
    return totals(found)


def _how_to_pay(invoice: Invoice) -> list[Flowable]:
    seller = invoice.seller
    found: list[Flowable] = [Spacer(0, 8 * mm)]
    if not invoice.label:
        found.append(text(_("This is a draft and not to be paid.")))
    elif not invoice.total:
        found.append(text(_("There is nothing to pay.")))
    else:
        said = _("Please pay %(total)s by %(day)s and name %(label)s.") % {
            "total": shown(invoice.total, invoice.currency),
            "day": _day(invoice.due_on),
            "label": invoice.label,
        }
        found += [text(_("How to pay"), STRONG), text(said), *lines(seller.get("bank", ()))]
    if seller.get("note"):
        found += [Spacer(0, 4 * mm), text(seller["note"], SMALL)]
    return found


def _day(day: date | None) -> str:
    return date_format(day) if day else ""


def _period(starts_on: date, ends_on: date) -> str:
    """Return the days of a line, which lie in one month: "1–31 Oct 2026"."""
    last = ends_on - timedelta(days=1)
    days = f"{starts_on.day}–{last.day}" if starts_on != last else f"{last.day}"
    return f"{days} {date_format(last, 'M Y')}"


def _quantity(quantity: Decimal) -> str:
    whole = quantity.to_integral_value()
    plain = whole if quantity == whole else quantity.normalize()
    return number_format(plain, use_l10n=True, force_grouping=True)
