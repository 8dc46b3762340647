"""The overview of billing: what is owed, what is used of what is included, the last invoices.

Each part has its own permission. What the plan includes is told to whoever sees the rate plan, and
so are quota warnings: a share and a number together say what is included.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property
from typing import Any, NamedTuple

from django.db.models import Count, F, Min, Q, QuerySet, Sum
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.formats import date_format

from billing import sight
from billing.admin import pages
from billing.admin.activity import where
from billing.admin.chart import Chart, Mark, chart, grouped
from billing.admin.desks import holds
from billing.admin.place import invoice_row
from billing.figures import (
    Amounts,
    Reach,
    Use,
    first_of,
    included,
    money_of,
    shifted,
    shown,
    thousandths,
    usage,
    used_by_day,
    used_by_month,
)
from billing.models import Invoice, Meter, QuotaWarning, RatePlan, UsageDay
from billing.overdue import Standing, standing
from billing.overdue import State as Standings
from billing.payers import payer_of
from billing.selectors import plan_of, today
from billing.usage import used as used_now
from teams.admin.closed import closed, nearest
from teams.admin.desk import Desk, desk_of
from teams.admin.menu import MenuEntry
from teams.admin.site import console
from teams.catalogue import (
    PAY_INVOICES,
    VIEW_BILLING_DETAILS,
    VIEW_BILLING_REPORTS,
    VIEW_INVOICES,
    VIEW_METER_USAGE,
    VIEW_RATE_PLAN,
)

#: any of these opens the page
ENTERED_WITH = (
    VIEW_INVOICES,
    VIEW_BILLING_REPORTS,
    VIEW_METER_USAGE,
    VIEW_RATE_PLAN,
    VIEW_BILLING_DETAILS,
)
NEWEST = 5
DAYS = 30
#: from how many hundredths of what is included a card warns
NEAR = 80
PEAK = "at the peak"
UNITS = {Meter.CONTACTS: "contacts", Meter.SENDS: "messages"}


def enters(desk: Desk) -> bool:
    """Say whether there is anything on the overview for the reader."""
    return any(holds(desk, permission) for permission in ENTERED_WITH)


class Card(NamedTuple):
    """One number; ``share`` in hundredths of what is included, None where that is not told."""

    label: str
    value: str
    rest: str
    note: str
    share: int | None
    is_warn: bool


@dataclass
class Told:
    """What the reader may be told of what was used: by which permission, of which subaccounts."""

    desk: Desk
    permission: str

    @cached_property
    def reach(self) -> Reach:
        """Return the subaccounts; None for all of them."""
        return sight.reach_of(self.desk.user, self.desk.account, self.permission)

    @cached_property
    def plan(self) -> RatePlan | None:
        """Return the plan, for whoever may see it and all that counts towards it."""
        seen = self.reach is None and holds(self.desk, VIEW_RATE_PLAN)
        return plan_of(self.desk.account) if seen else None

    @cached_property
    def now(self) -> Mapping[Meter, int]:
        """Return what was used this month, until this moment where it is about the account."""
        month = first_of(today())
        if self.reach is None:
            return used_now(self.desk.account, month)
        use = used_by_month(self.rows(month, shifted(month, 1)), [month])[month]
        return {Meter.CONTACTS: use.contacts, Meter.SENDS: use.sends}

    def rows(self, start: date, end: date) -> QuerySet[UsageDay]:
        """Return what was used from ``start`` until the day before ``end``."""
        return usage(self.desk.account, self.reach, start, end)


def told(desk: Desk) -> Told | None:
    """Return what the reader may be told of what was used; None for nothing."""
    for permission in (VIEW_BILLING_REPORTS, VIEW_METER_USAGE):
        if holds(desk, permission):
            return Told(desk, permission)
    return None


def overview(request: HttpRequest) -> HttpResponse:
    """Show what the reader may see of the account's billing."""
    desk = desk_of(request)
    if not enters(desk):
        raise closed(desk, "Billing", nearest(desk, ENTERED_WITH))
    meter = Meter(pages.choice_asked(request, "of", (Meter.CONTACTS, Meter.SENDS)))
    span = pages.choice_asked(request, "over", ("year", "month"))
    seen = told(desk)
    context: dict[str, Any] = {
        "title": "Billing",
        "subtitle": f"Of {desk.account.name}",
        "state": state_of(desk) if holds(desk, VIEW_INVOICES) else None,
        "told": seen,
        "facts": list(_facts(desk)),
        "meter": meter.value,
        "span": span,
    }
    if seen is not None:
        context |= {
            "where": where(desk, seen.reach),
            "month_name": pages.month_name(today()),
            "cards": list(cards(seen)),
            "chart": _chart(seen, meter, span),
            "warnings": _warnings(seen),
        }
    if holds(desk, VIEW_INVOICES):
        rows = sight.invoices_of(desk.user).filter(account=desk.account)
        newest = rows.select_related("subaccount").order_by("-month", "-pk")[:NEWEST]
        context |= {
            "invoices": [
                invoice_row(one) | {"payer": one.subaccount or desk.account.name} for one in newest
            ],
            "invoices_url": pages.invoices_url(),
        }
    return pages.show(request, "overview", context)


# what is owed


class State(NamedTuple):
    """Where the account stands with what it has to pay, as far as the reader sees invoices."""

    owed: str
    open_count: int
    due_on: date | None
    overdue: str
    overdue_count: int
    overdue_since: date | None
    is_read_only: bool
    read_only_since: date | None
    #: the day on which it becomes so, if nothing is paid
    read_only_on: date | None
    #: where the one that is due first is paid or looked at, and what it is called
    first_url: str
    first_label: str
    may_pay: bool


def state_of(desk: Desk) -> State:
    """Return what the invoices that the reader sees ask for."""
    rows = sight.invoices_of(desk.user).filter(account=desk.account, status=Invoice.Status.OPEN)
    late = Q(due_on__lt=today())
    first = rows.order_by("due_on", "pk").first()
    overdue = rows.filter(late)
    found = rows.aggregate(
        count=Count("pk"),
        next=Min("due_on", filter=~late),
        late=Count("pk", filter=late),
        since=Min("due_on", filter=late),
    )
    locked = bool(desk.account.read_only_because)
    stands = standing(desk.account) if locked or found["late"] else Standing()
    warned = stands.state == Standings.OVERDUE
    return State(
        owed=shown(_owed(rows)),
        open_count=found["count"],
        due_on=found["next"],
        overdue=shown(_owed(overdue)) if found["late"] else "",
        overdue_count=found["late"],
        overdue_since=found["since"],
        is_read_only=locked,
        read_only_since=stands.since if locked and not warned else None,
        read_only_on=stands.read_only_on if warned and not locked else None,
        first_url=pages.invoice_url(first) if first else "",
        first_label=first.label if first else "",
        may_pay=holds(desk, PAY_INVOICES),
    )


def _owed(invoices: QuerySet[Invoice]) -> Amounts:
    """Return what is still to be paid of ``invoices``, all of them open."""
    owed = thousandths(F("total") - F("credited") - F("paid"))
    each = invoices.order_by().values_list("currency").annotate(units=Sum(owed))
    return {currency: money_of(units) for currency, units in each}


def _facts(desk: Desk) -> Iterator[tuple[str, str, str]]:
    """Yield what the plan is and who pays, and where that stands, for whoever may see it."""
    account = desk.account
    if holds(desk, VIEW_RATE_PLAN):
        plan = plan_of(account)
        url = reverse("console:billing_rateplan_changelist")
        yield "Rate plan", plan.name if plan else "None", url
    if holds(desk, VIEW_BILLING_DETAILS):
        payer = payer_of(account)
        url = reverse("console:billing_billingdetails_changelist")
        yield "Billed to", payer.name, url
        yield "Billing contact", payer.contact_name or payer.contact_address or "Not set", url


# what is used


def cards(seen: Told) -> Iterator[Card]:
    """Yield what was used this month, of what the plan includes where that is told."""
    plan, now = seen.plan, seen.now
    yield _card("Contacts", now[Meter.CONTACTS], plan.included_contacts if plan else None, PEAK)
    yield _card("Messages sent", now[Meter.SENDS], plan.included_sends if plan else None, "")
    if seen.reach is not None:
        return
    bound = plan.included_subaccounts if plan else None
    yield _card("Active subaccounts", now[Meter.SUBACCOUNTS], bound, "today")
    yield _card("Seats", now[Meter.SEATS], plan.included_seats if plan else None, "today")


def _card(label: str, used: int, bound: int | None, note: str) -> Card:
    if bound is None:
        return Card(label, grouped(used), "", note, None, is_warn=False)
    share = min(100, used * 100 // bound) if bound else 100 * bool(used)
    over = used - bound
    if over > 0:
        note = f"{grouped(over)} beyond what is included"
    elif used and share >= NEAR:
        note = f"{grouped(-over)} left" if over else "Nothing is left"
    return Card(
        label,
        grouped(used),
        f"of {grouped(bound)} included",
        note,
        share,
        is_warn=used > 0 and share >= NEAR,
    )


def _warnings(seen: Told) -> list[QuotaWarning]:
    """Return what was warned of this month, the highest of each, where what is included is told."""
    if seen.plan is None:
        return []
    rows = QuotaWarning.objects.filter(account=seen.desk.account, month=first_of(today()))
    highest = {one.meter: one for one in rows.order_by("percent")}
    return [highest[meter] for meter in Meter if meter in highest]


def _chart(seen: Told, meter: Meter, span: str) -> Chart | None:
    if span == "year":
        return _over_months(seen, meter)
    end = today()  # days are metered when they are over
    days = [end - timedelta(days=n) for n in range(DAYS, 0, -1)]
    used = used_by_day(seen.rows(days[0], end))
    # what is included of messages is for a month, and says nothing about a day
    bounded = meter == Meter.CONTACTS and seen.plan is not None
    bounds = included(seen.desk.account, days, meter) if bounded else [None] * len(days)
    marks = [
        Mark(
            date_format(day, "j M"),
            date_format(day, "j F"),
            getattr(used.get(day, Use()), meter.value),
            bound,
        )
        for day, bound in zip(days, bounds, strict=True)
    ]
    title = f"{UNITS[meter].capitalize()} by day, the last {DAYS} days"
    return chart("used", title, UNITS[meter], marks)


def _over_months(seen: Told, meter: Meter) -> Chart | None:
    months = pages.last_months()
    used = used_by_month(seen.rows(months[0], shifted(months[-1], 1)), months)
    lasts = [shifted(month, 1) - timedelta(days=1) for month in months]
    bounded = seen.plan is not None
    bounds = included(seen.desk.account, lasts, meter) if bounded else [None] * len(months)
    marks = [
        Mark(date_format(month, "M"), pages.month_name(month), getattr(used[month], meter), bound)
        for month, bound in zip(months, bounds, strict=True)
    ]
    marks[-1] = marks[-1]._replace(value=seen.now[meter])  # as the card says it
    peak = " at the peak" if meter == Meter.CONTACTS else ""
    title = f"{UNITS[meter].capitalize()}{peak} by month, the last {len(months)} months"
    return chart("used", title, UNITS[meter], marks)


console.add_page(
    "billing/",
    overview,
    name="billing",
    entry=MenuEntry(
        "billing", "Overview", "chart", lambda request: enters(desk_of(request)), order=10
    ),
)
