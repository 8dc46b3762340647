"""Activity: what the subaccounts one may be told about used, and what was charged for it."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date
from typing import Any, NamedTuple

from django.db.models import Exists, OuterRef, QuerySet
from django.http import HttpRequest, HttpResponse

from billing import sight
from billing.admin import pages
from billing.admin.chart import grouped
from billing.admin.desks import holder_of, require
from billing.figures import (
    Reach,
    Use,
    added,
    charged,
    lines_seen,
    shifted,
    shown,
    usage,
    used_by_month,
    used_by_place,
)
from billing.models import InvoiceLine, Meter, UsageDay
from permissions.lookups import any_of
from permissions.policy import PlaceId
from teams.admin.desk import Desk
from teams.admin.menu import MenuEntry
from teams.admin.site import console
from teams.catalogue import VIEW_BILLING_REPORTS
from teams.models import Subaccount


class Row(NamedTuple):
    """One line: what it is about, what was used and charged, as people read it."""

    name: str
    url: str
    contacts: str
    sends: str
    days: str
    charge: str
    note: str = ""


def row_of(name: str, url: str, use: Use, charge: str, note: str = "") -> Row:
    """Return the line of ``use``."""
    used = (grouped(use.contacts), grouped(use.sends), grouped(use.days))
    return Row(name, url, *used, charge, note)


def activity(request: HttpRequest) -> HttpResponse:
    """Show what was used and charged: each month, and in one month by subaccount."""
    desk = require(request, VIEW_BILLING_REPORTS, "open Activity")
    month = pages.month_asked(request)
    reach = sight.reach_of(desk.user, desk.account, VIEW_BILLING_REPORTS)
    seen = lines_seen(desk.user, desk.account, reach)
    lines = seen.filter(invoice__month=month)
    page = pages.page_asked(request, _places(desk, month, lines))
    return pages.show(
        request,
        "activity",
        {
            "title": "Activity",
            "subtitle": where(desk, reach),
            "months": _by_month(desk, reach, seen),
            "page": page,
            "rows": _by_place(desk, reach, month, lines, list(page)),
            "itself": _itself(lines) if reach is None and page.number == 1 else None,
            "total": shown(added(charged(lines, "invoice__month").values())),
            "report_url": pages.address_of("billing_report"),
            **pages.month_links(month),
        },
    )


def where(desk: Desk, reach: Reach) -> str:
    """Say what the figures are about."""
    if reach is None:
        return f"All of {desk.account.name}. Amounts are before tax."
    noun = "subaccount" if len(reach) == 1 else "subaccounts"
    return (
        f"The {len(reach)} {noun} of {desk.account.name} that you manage. Amounts are before tax."
    )


def _places(desk: Desk, month: date, lines: QuerySet[InvoiceLine]) -> QuerySet[Subaccount]:
    """Return the subaccounts the reader may be told about in which anything happened."""
    here = OuterRef("pk")
    days = UsageDay.objects.filter(subaccount=here, day__gte=month, day__lt=shifted(month, 1))
    found = sight.reported(desk.user, desk.account, VIEW_BILLING_REPORTS)
    happened = Exists(days) | Exists(lines.filter(subaccount=here))
    return found.filter(happened).order_by("name", "pk")


def _by_month(desk: Desk, reach: Reach, lines: QuerySet[InvoiceLine]) -> list[Row]:
    months = pages.last_months()
    start, end = months[0], shifted(months[-1], 1)
    used = used_by_month(usage(desk.account, reach, start, end), months)
    charges = charged(lines.filter(invoice__month__gte=start), "invoice__month")
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


def _by_place(
    desk: Desk,
    reach: Reach,
    month: date,
    lines: QuerySet[InvoiceLine],
    places: list[Subaccount],
) -> list[Row]:
    keys = [place.pk for place in places]
    used = used_by_place(usage(desk.account, reach, month, shifted(month, 1)), keys)
    charges = charged(lines.filter(any_of("subaccount_id", keys)), "subaccount_id")
    open_pages = set(_billed(desk, keys))
    return [
        row_of(
            place.name,
            pages.address_of("billing_place", place.pk) if place.pk in open_pages else "",
            used.get(place.pk, Use()),
            shown(charges.get(place.pk, {})),
            "archived" if place.is_archived else "",
        )
        for place in places
    ]


def _billed(desk: Desk, keys: Collection[PlaceId]) -> QuerySet[Any, Any]:
    """Return those of ``keys`` whose billing page the reader may open."""
    rows = sight.billed_places(desk.user, desk.account)
    return rows.filter(any_of("pk", keys)).values_list("pk", flat=True)


def _itself(lines: QuerySet[InvoiceLine]) -> list[tuple[str, str]]:
    """Return what was charged for the account itself, by what it was charged for."""
    own = charged(lines.filter(subaccount=None), "meter")
    return [(str(meter.label), shown(own[meter])) for meter in Meter if meter in own]


console.add_page(
    "billing/activity/",
    activity,
    name="billing_activity",
    entry=MenuEntry(
        "billing",
        "Activity",
        "rows",
        holder_of(VIEW_BILLING_REPORTS),
        order=40,
    ),
)
