"""The billing page of one subaccount: what it used and what was charged for it, and nothing else.

Emma HQ, "Billing page": it shows a manager no invoice, billing detail or rate plan. So it names
meters and amounts, never what the plan is called or what a unit costs; invoices only where the
subaccount is billed directly, to whoever may see them anyway.
"""

from __future__ import annotations

from datetime import date
from typing import Any

from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from billing import money, sight
from billing.admin import pages
from billing.admin.activity import Row, row_of
from billing.admin.chart import Mark, chart
from billing.admin.desks import lacking
from billing.admin.invoices import STATES, chip, state_of
from billing.figures import Use, added, charged, lines_seen, shifted, shown, usage, used_by_month
from billing.models import Invoice, InvoiceLine, Meter
from permissions.admin import row_of as found_row
from teams import selectors
from teams.admin.closed import closed
from teams.admin.desk import Desk, desk_of
from teams.admin.menu import MenuEntry
from teams.admin.site import console
from teams.admin.subaccounts import SubaccountAdmin
from teams.catalogue import VIEW_SUBACCOUNT_BILLING
from teams.models import Subaccount

#: invoices named on the page; the list has the others
NEWEST = 12


def enters(desk: Desk) -> bool:
    """Say whether the reader may open the billing page of any active subaccount."""
    return bool(desk.profile.scope(desk.account.pk, VIEW_SUBACCOUNT_BILLING))


def places(request: HttpRequest) -> HttpResponse:
    """List the subaccounts whose billing page the reader may open; lead there if it is one."""
    desk = desk_of(request)
    if not enters(desk):
        raise closed(desk, "Subaccount billing", [VIEW_SUBACCOUNT_BILLING])
    known = sight.billed_places(desk.user, desk.account)
    found = known.order_by("name", "pk")
    page = pages.page_asked(request, found)
    if page.paginator.count == 1:
        return HttpResponseRedirect(reverse("console:billing_place", args=[page[0].pk]))
    context = {
        "title": "Subaccount billing",
        "subtitle": f"In {desk.account.name}, the subaccounts whose billing page you may open.",
        "page": page,
        "rows": [
            (one.name, pages.address_of("billing_place", one.pk), one.is_archived) for one in page
        ],
    }
    return pages.show(request, "places", context)


def place(request: HttpRequest, key: str) -> HttpResponse:
    """Show what one subaccount used and was charged, month by month."""
    desk = desk_of(request)
    found = _found(desk, key)
    month = pages.month_asked(request)
    reach = frozenset({found.pk})
    months = pages.last_months()
    seen = lines_seen(desk.user, desk.account, reach)
    used = used_by_month(usage(desk.account, reach, months[0], shifted(months[-1], 1)), months)
    charges = charged(seen.filter(invoice__month__gte=months[0]), "invoice__month")
    lines = seen.filter(invoice__month=month)
    marks = [Mark(f"{m:%b}", pages.month_name(m), used[m].contacts) for m in months]
    context = {
        "title": f"Billing of {found.name}",
        "subtitle": "What this subaccount used and what was charged for it, before tax.",
        "place": found,
        "place_url": pages.address_of("billing_place", found.pk),
        "list_url": pages.address_of("billing_places"),
        "chart": chart("contacts", "Contacts at the peak of each month", "contacts", marks),
        "months": _months(months, used, charges),
        "charges": _by_meter(lines),
        "total": shown(added(charged(lines, "meter").values())),
        "invoices": _invoices(desk, found),
        **pages.month_links(month),
    }
    return pages.show(request, "place", context)


def _found(desk: Desk, key: str) -> Subaccount:
    """Return the subaccount ``key``, if the reader may open its billing page.

    Raises Refused where they work in it and lack the permission, and Http404 for any other.
    """
    found = found_row(sight.billed_places(desk.user, desk.account), key)
    if found is not None:
        return found
    known = selectors.subaccounts_of(desk.user).filter(account=desk.account)
    closed = found_row(known, key)
    if closed is None:
        raise Http404
    raise lacking(desk, VIEW_SUBACCOUNT_BILLING, f"open billing of {closed.name}", closed.name)


def _months(months: list[date], used: dict[date, Use], charges: dict[date, Any]) -> list[Row]:
    return [
        row_of(
            pages.month_name(month),
            f"{month:%Y-%m}",
            used[month],
            shown(charges.get(month, {})),
            "not over yet" if month == months[-1] else "",
        )
        for month in reversed(months)
    ]


def _by_meter(lines: QuerySet[InvoiceLine]) -> list[tuple[str, str]]:
    """Return what was charged for what: the names of meters, no description of a line."""
    found = charged(lines, "meter")
    return [(str(meter.label), shown(found[meter])) for meter in Meter if meter in found]


def _invoices(desk: Desk, subaccount: Subaccount) -> list[dict[str, Any]]:
    """Return the newest invoices of ``subaccount`` itself that the reader may see."""
    rows = sight.invoices_of(desk.user).filter(account=desk.account, subaccount=subaccount)
    return [invoice_row(invoice) for invoice in rows.order_by("-month", "-pk")[:NEWEST]]


def invoice_row(invoice: Invoice) -> dict[str, Any]:
    """Return an invoice as a line of a table."""
    return {
        "label": invoice.label,
        "url": pages.invoice_url(invoice),
        "month": pages.month_name(invoice.month),
        "state": chip(*STATES[state_of(invoice)]),
        "total": money.shown(invoice.total, invoice.currency),
        "owed": money.shown(invoice.owed, invoice.currency) if invoice.owed else "",
        "due_on": invoice.due_on,
    }


def link_on_page(request: HttpRequest, subaccount: Subaccount) -> tuple[str, str] | None:
    """Return where the page of ``subaccount`` leads to its billing; None for whoever may not."""
    desk = desk_of(request)
    if not sight.billed_places(desk.user, desk.account).filter(pk=subaccount.pk).exists():
        return None
    return pages.address_of("billing_place", subaccount.pk), "Billing"


SubaccountAdmin.page_links.append(link_on_page)
console.add_page(
    "billing/subaccounts/",
    places,
    name="billing_places",
    entry=MenuEntry(
        "billing",
        "Subaccount billing",
        "building",
        lambda request: enters(desk_of(request)),
        order=42,
    ),
)
console.add_page("billing/subaccounts/<str:key>/", place, name="billing_place")
