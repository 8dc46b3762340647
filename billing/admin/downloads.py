"""Files about money: invoices and credit notes as PDF, statements of account, spreadsheets."""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from typing import Any

from django.contrib import messages
from django.db.models import QuerySet
from django.http import (
    FileResponse,
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseRedirect,
    StreamingHttpResponse,
)
from django.urls import reverse
from django.utils.formats import date_format
from django.views.decorators.http import require_safe

from billing import pdf, sight
from billing.admin.desks import handed_out, holder_of, require
from billing.admin.desks import pdf as pdf_response
from billing.admin.invoices import day
from billing.models import CreditNote, Invoice, MeteredDay
from billing.money import shown
from billing.report_text import csv_of
from billing.reports import month_of, report_of
from billing.spreadsheet import XLSX, file_name, write_xlsx
from billing.statement import statement_of
from permissions.admin import row_of, site_page
from permissions.errors import Invalid
from teams.admin.desk import Desk
from teams.admin.menu import MenuEntry
from teams.admin.site import console
from teams.catalogue import VIEW_BILLING_REPORTS, VIEW_INVOICES
from teams.models import Subaccount

#: months the page of spreadsheets goes back
MONTHS = 24


def _invoices(desk: Desk) -> QuerySet[Invoice]:
    return sight.invoices_of(desk.user).filter(account=desk.account)


@require_safe
def invoice_pdf(request: HttpRequest, key: str) -> HttpResponse:
    """Hand an invoice out as PDF; a foreign, missing or malformed key is one 404."""
    desk = require(request, VIEW_INVOICES, "look at invoices")
    found = row_of(_invoices(desk).select_related("account", "subaccount"), key)
    if found is None:
        raise Http404
    return pdf_response(pdf.invoice_pdf(found), found.label)


@require_safe
def credit_note_pdf(request: HttpRequest, key: str) -> HttpResponse:
    """Hand a credit note out as PDF."""
    desk = require(request, VIEW_INVOICES, "look at invoices")
    rows = CreditNote.objects.filter(invoice__in=_invoices(desk))
    found = row_of(rows.select_related("invoice", "account"), key)
    if found is None:
        raise Http404
    return pdf_response(pdf.credit_note_pdf(found), found.label)


def _payer(request: HttpRequest, desk: Desk) -> tuple[list[Any], Subaccount | None]:
    """Return all payers whose invoices the reader sees, and the one in the address."""
    direct = _invoices(desk).filter(subaccount__isnull=False).order_by().values("subaccount")
    rows = Subaccount.objects.filter(account=desk.account, pk__in=direct).order_by("name", "pk")
    wanted = request.GET.get("payer", "")
    found = row_of(rows, wanted) if wanted else None
    if wanted and found is None:
        raise Http404
    return list(rows), found


@require_safe
def statement(request: HttpRequest) -> HttpResponse:
    """Show what a payer was asked for and paid, with what is left."""
    desk = require(request, VIEW_INVOICES, "look at statements of account")
    payers, payer = _payer(request, desk)
    entries = statement_of(desk.account, payer)
    numbered = Invoice.objects.filter(account=desk.account, subaccount=payer)
    keys = dict(numbered.exclude(status=Invoice.Status.DRAFT).values_list("label", "pk"))
    owed = {entry.currency: entry.balance for entry in entries}
    query = f"?payer={payer.pk}" if payer else ""
    context = {
        "title": "Statement of account",
        "subtitle": f"{payer.name if payer else desk.account.name}, as of today",
        "payers": payers,
        "payer": payer,
        "rows": [
            {
                "day": day(entry.date),
                "what": entry.what,
                "label": entry.label,
                "url": reverse("console:billing_invoice_change", args=[keys[entry.label]])
                if entry.label in keys
                else "",
                "charge": shown(entry.charge, entry.currency) if entry.charge else "",
                "payment": shown(entry.payment, entry.currency) if entry.payment else "",
                "balance": shown(entry.balance, entry.currency),
            }
            for entry in entries
        ],
        "balances": [shown(amount, currency) for currency, amount in owed.items()],
        "pdf_url": reverse("console:billing_statement_pdf") + query,
    }
    return site_page(console, request, "billing/console/statement.html", context)


@require_safe
def statement_pdf(request: HttpRequest) -> HttpResponse:
    """Hand the statement out as PDF."""
    desk = require(request, VIEW_INVOICES, "look at statements of account")
    _payers, payer = _payer(request, desk)
    content = pdf.statement_pdf(desk.account, payer, statement_of(desk.account, payer))
    whose = f"{desk.account.slug}-{payer.slug}" if payer else desk.account.slug
    return pdf_response(content, f"statement-{whose}")


@require_safe
def report(request: HttpRequest) -> Any:
    """Hand a month out as a workbook or CSV, or show which months there are."""
    desk = require(request, VIEW_BILLING_REPORTS, "read billing reports")
    if "month" not in request.GET and "format" not in request.GET:
        return _months(request, desk)
    try:
        month = month_of(request.GET.get("month"))
    except Invalid as error:
        raise Http404 from error
    kind = request.GET.get("format", "xlsx")
    if kind not in ("xlsx", "csv"):
        raise Http404
    try:
        found = report_of(desk.user, desk.account, month)
    except Invalid as error:
        messages.error(request, error.message)
        return HttpResponseRedirect(request.path)
    name = file_name(found, kind)
    if kind == "csv":
        lines: Any = csv_of(found) if request.method == "GET" else ()
        return handed_out(StreamingHttpResponse(lines), "text/csv; charset=utf-8", name)
    with ExitStack() as stack:
        file = stack.enter_context(tempfile.TemporaryFile())
        if request.method == "GET":
            write_xlsx(found, file)
        file.seek(0)
        stack.pop_all()  # written: from here on the response closes it, when it is sent
    return handed_out(FileResponse(file), XLSX, name)


def _months(request: HttpRequest, desk: Desk) -> HttpResponse:
    """Show the months of which there is anything to hand out, the latest first."""
    invoiced = Invoice.objects.filter(account=desk.account).exclude(status=Invoice.Status.DRAFT)
    metered = MeteredDay.objects.filter(account=desk.account)
    months = {*invoiced.order_by("-month").values_list("month", flat=True).distinct()[:MONTHS]}
    billed = frozenset(months)
    months |= {*metered.dates("day", "month", order="DESC")[:MONTHS]}
    url = reverse("console:billing_report")
    rows = [
        {
            "name": date_format(month, "F Y"),
            "note": "" if month in billed else "use only, nothing invoiced yet",
            "xlsx": f"{url}?month={month:%Y-%m}&format=xlsx",
            "csv": f"{url}?month={month:%Y-%m}&format=csv",
        }
        for month in sorted(months, reverse=True)[:MONTHS]
    ]
    reach = sight.reach_of(desk.user, desk.account, VIEW_BILLING_REPORTS)
    where = f"All of {desk.account.name}" if reach is None else "The subaccounts that you manage"
    context = {"title": "Spreadsheets", "subtitle": f"{where}, by month.", "rows": rows}
    return site_page(console, request, "billing/console/reports.html", context)


def _entry(label: str, icon: str, permission: str, order: int) -> MenuEntry:
    return MenuEntry("billing", label, icon, holder_of(permission), order)


console.add_page("billing/invoices/<str:key>/pdf/", invoice_pdf, name="invoice_pdf")
console.add_page("billing/credit-notes/<str:key>/pdf/", credit_note_pdf, name="credit_note_pdf")
console.add_page(
    "billing/statement/",
    statement,
    name="billing_statement",
    entry=_entry("Statement of account", "in", VIEW_INVOICES, 25),
)
console.add_page("billing/statement/pdf/", statement_pdf, name="billing_statement_pdf")
console.add_page(
    "billing/report/",
    report,
    name="billing_report",
    entry=_entry("Spreadsheets", "grid", VIEW_BILLING_REPORTS, 45),
)
