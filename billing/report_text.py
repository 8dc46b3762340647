"""A month's report as text: CSV for people's programs, and what JSON is made of."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from billing.money import rounded
from billing.reports import Bill, Line, Report, Section
from billing.sheets import text_of
from teams import csv_files


def csv_of(report: Report) -> Iterator[str]:
    """Yield the lines of ``report`` as CSV, one line of text at a time.

    Whoever sees all of the account finds the tax of each invoice below, so that the amounts add up
    to what the invoices come to.
    """
    headings = ["Subaccount", "From", "To", "Charge"]
    headings += ["For"] if report.tells_plan else []
    headings += ["Quantity", "Amount", "Currency", "Paid by"]
    headings += ["Invoice"] if report.tells_invoices else []
    yield csv_files.written(headings)
    for section in report.sections():
        name = "" if section.place is None else section.name
        for line in section.lines:
            yield _csv_line(report, name, line)
    last = report.last_day
    for bill in report.bills:
        if bill.tax:
            label = bill.tax_label or "Tax"
            row = Line(
                report.month, last, label, label, Decimal(1), bill.tax, bill.payer, bill.invoice
            )
            yield _csv_line(report, "", row)


def _csv_line(report: Report, name: str, line: Line) -> str:
    cells: list[object] = [name, line.starts_on.isoformat(), line.last_day.isoformat(), line.meter]
    cells += [line.description] if report.tells_plan else []
    amount = rounded(line.amount, report.currency)
    cells += [f"{line.quantity.normalize():f}", amount, report.currency, line.payer]
    cells += [line.invoice] if report.tells_invoices else []
    return csv_files.written(map(text_of, cells))


def json_of(report: Report) -> dict[str, Any]:
    """Return ``report`` for programs: amounts as text, so that nobody takes them for floats."""

    def line_of(line: Line) -> dict[str, Any]:
        found: dict[str, Any] = {
            "from": line.starts_on,
            "to": line.last_day,
            "charge": line.meter,
            "quantity": f"{line.quantity.normalize():f}",
            "amount": str(rounded(line.amount, report.currency)),
            "paid_by": line.payer,
        }
        found |= {"for": line.description} if report.tells_plan else {}
        return found | ({"invoice": line.invoice} if report.tells_invoices else {})

    def section_of(section: Section) -> dict[str, Any]:
        return {
            "subaccount": None if section.place is None else section.name,
            "contacts": section.contacts,
            "sends": section.sends,
            "active_days": section.active_days,
            **({"seats": section.seats} if section.place is None else {}),
            "lines": [line_of(line) for line in section.lines],
        }

    def bill_of(bill: Bill) -> dict[str, Any]:
        amounts = {"subtotal": bill.subtotal, "tax": bill.tax, "total": bill.total}
        return {
            "paid_by": bill.payer,
            **({"invoice": bill.invoice} if report.tells_invoices else {}),
            **{name: str(rounded(amount, report.currency)) for name, amount in amounts.items()},
        }

    return {
        "account": report.account.slug,
        "month": f"{report.month:%Y-%m}",
        "currency": report.currency,
        "is_whole": report.is_whole,
        "sections": [section_of(section) for section in report.sections()],
        "invoices": [bill_of(bill) for bill in report.bills],
    }
