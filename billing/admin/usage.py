"""Meter usage: what was used by day and by subaccount, and nothing of what it costs."""

from __future__ import annotations

from datetime import date, timedelta

from django.db.models import Exists, OuterRef
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.formats import date_format

from billing import sight
from billing.admin import pages
from billing.admin.activity import row_of
from billing.admin.chart import Chart, Mark, chart
from billing.admin.desks import holder_of, require
from billing.figures import Use, shifted, usage, used_by_day, used_by_place
from billing.selectors import today
from permissions.admin import row_of as found_row
from teams.admin.menu import MenuEntry
from teams.admin.site import console
from teams.catalogue import VIEW_METER_USAGE


def meter_usage(request: HttpRequest) -> HttpResponse:
    """Show one month by day and by subaccount, or the days of one subaccount."""
    desk = require(request, VIEW_METER_USAGE, "open Meter usage")
    month = pages.month_asked(request)
    end = shifted(month, 1)
    reach = sight.reach_of(desk.user, desk.account, VIEW_METER_USAGE)
    known = sight.reported(desk.user, desk.account, VIEW_METER_USAGE)
    rows = usage(desk.account, reach, month, end)
    place = None
    if "place" in request.GET:
        place = found_row(known, request.GET["place"])
        if place is None:
            raise Http404
        rows = rows.filter(subaccount=place)
    by_day = used_by_day(rows)
    days = days_until(month, min(end, today()))
    days_used = [(day, by_day.get(day, Use())) for day in days]
    metered = Exists(rows.filter(subaccount=OuterRef("pk")))
    page = pages.page_asked(request, known.filter(metered).order_by("name", "pk"))
    by_place = used_by_place(rows, [one.pk for one in page])
    return pages.show(
        request,
        "usage",
        {
            "title": "Meter usage",
            "subtitle": f"{place or desk.account.name}, {pages.month_name(month)}",
            "place": place,
            "charts": [
                found
                for key, unit in (("contacts", "contacts"), ("sends", "messages"))
                if (found := by_days(key, unit, days_used)) is not None
            ],
            "days": [
                row_of(date_format(day, "D j M"), "", use, "") for day, use in reversed(days_used)
            ],
            "page": page,
            "rows": [
                row_of(
                    one.name,
                    str(one.pk),
                    by_place[one.pk],
                    "",
                    "archived" if one.is_archived else "",
                )
                for one in page
            ],
            **pages.month_links(month),
        },
    )


def days_until(start: date, end: date) -> list[date]:
    """Return the days from ``start`` until the day before ``end``."""
    return [start + timedelta(days=n) for n in range((end - start).days)]


def by_days(key: str, unit: str, days: list[tuple[date, Use]]) -> Chart | None:
    """Return the chart of contacts or messages, a column a day; None if there is nothing on it."""
    marks = [
        Mark(date_format(day, "j M"), date_format(day, "j F"), getattr(use, key))
        for day, use in days
    ]
    return chart(f"by-day-{key}", f"{unit.capitalize()} by day", unit, marks)


console.add_page(
    "billing/usage/",
    meter_usage,
    name="billing_usage",
    entry=MenuEntry("billing", "Meter usage", "clock", holder_of(VIEW_METER_USAGE), order=50),
)
