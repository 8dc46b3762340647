"""What the reading pages of billing share: who may enter, which month, how a page is shown."""

from __future__ import annotations

import re
from datetime import date
from typing import Any

from django.core.paginator import Page, Paginator
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.formats import date_format

from billing.figures import first_of, months_until, shifted
from billing.models import Invoice
from billing.selectors import today
from permissions.admin import site_page
from teams.admin.site import console

#: rows on one page
ROWS = 50
#: months a table or a chart goes back
SPAN = 12
#: months an address may go back
OLDEST = 120


def month_asked(request: HttpRequest) -> date:
    """Return the first day of the month in the address, this month if there is none.

    Raises Http404 for what is no month, is still to come, or is more than ten years ago.
    """
    current = first_of(today())
    text = request.GET.get("month")
    if text is None:
        return current
    found = re.fullmatch(r"([0-9]{4})-(0[1-9]|1[0-2])", text)
    month = date(max(int(found[1]), 1), int(found[2]), 1) if found else None
    if month is None or not shifted(current, -OLDEST) <= month <= current:
        raise Http404
    return month


def choice_asked(request: HttpRequest, name: str, choices: tuple[str, ...]) -> str:
    """Return which of ``choices`` the address names, the first if it names none.

    Raises Http404 for any other.
    """
    found = request.GET.get(name, choices[0])
    if found not in choices:
        raise Http404
    return found


def page_asked(request: HttpRequest, rows: QuerySet[Any]) -> Page[Any]:
    """Return the page of ``rows`` that the address names, the nearest there is."""
    return Paginator(rows, ROWS).get_page(request.GET.get("page"))


def month_name(month: date) -> str:
    """Return "November 2026"."""
    return date_format(month, "F Y")


def month_links(month: date) -> dict[str, Any]:
    """Return what a page with a choice of month shows: this one, the one before and after it."""
    current = first_of(today())
    before, after = shifted(month, -1), shifted(month, 1)
    return {
        "month": month,
        "month_name": month_name(month),
        "is_current": month == current,
        "earlier": before if before >= shifted(current, -OLDEST) else None,
        "later": after if after <= current else None,
    }


def last_months(month: date | None = None) -> list[date]:
    """Return the months a table or chart covers, ``month`` (this one) the last."""
    return months_until(month or first_of(today()), SPAN)


def show(request: HttpRequest, template: str, context: dict[str, Any]) -> HttpResponse:
    """Return a page of billing in the frame of the console."""
    found = {"subtitle": None, **context}
    return site_page(console, request, f"billing/console/{template}.html", found)


def address_of(name: str, *args: Any) -> str:
    """Return where the page ``name`` of the console is; empty if this console has none."""
    return reverse(f"{console.name}:{name}", args=args) if name in console.own_pages else ""


def invoices_url() -> str:
    """Return where invoices are listed; empty if this console lists none."""
    if Invoice not in console._registry:
        return ""
    return reverse(f"{console.name}:billing_invoice_changelist")


def invoice_url(invoice: Invoice) -> str:
    """Return where ``invoice`` is shown; empty if this console shows none."""
    if Invoice not in console._registry:
        return ""
    return reverse(f"{console.name}:billing_invoice_change", args=[invoice.pk])
