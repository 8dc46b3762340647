"""What one month came to, for one reader: what the spreadsheet and the activity report show.

The charges are those of the issued invoices of the month, whoever pays them, so that the lines of a
report add up to the invoices. Use is what was metered, also before there is an invoice. A reader
sees the subaccounts that ``sight.reach_of`` names, and the account's own share if that is all of
them. Without ``view_rate_plan`` a line says which meter, not which plan; without
``view_invoices``, or of an invoice that is out of sight, no number.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from functools import cached_property
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple

from django.db.models import F, Q
from django.utils.formats import date_format

from billing import sight
from billing.models import Invoice, InvoiceLine, MeteredDay, UsageDay
from billing.money import decimals_of
from permissions import access
from permissions.errors import Invalid, Missing, NotFound, OutOfScope
from permissions.lookups import any_of
from permissions.policy import PlaceId
from teams.catalogue import CATALOGUE, VIEW_BILLING_REPORTS, VIEW_RATE_PLAN
from teams.models import Account

MONTH = re.compile(r"[0-9]{4}-(0[1-9]|1[0-2])", re.ASCII)
#: after which there is none
LAST_MONTH = "9999-12"
BATCH = 2000
NOTHING = Decimal(0)


class Day(NamedTuple):
    """What was used on one day, in a subaccount, or ``seats`` of the account."""

    day: date
    contacts: int = 0
    sends: int = 0
    is_active: bool = False
    seats: int = 0


class Line(NamedTuple):
    """One line of an invoice; ``last_day`` is the last it is for, ``invoice`` empty if its number
    is not the reader's to know, ``payer`` who got that invoice."""

    starts_on: date
    last_day: date
    meter: str
    description: str
    quantity: Decimal
    amount: Decimal
    payer: str
    invoice: str


class Bill(NamedTuple):
    """What one payer was asked for: ``total`` is ``subtotal`` and ``tax``."""

    payer: str
    invoice: str
    subtotal: Decimal
    tax_label: str
    tax_rate: Decimal
    tax: Decimal
    total: Decimal


@dataclass(frozen=True, slots=True)
class Section:
    """The days and lines of one subaccount, or (``place`` None) of the account itself."""

    place: PlaceId | None
    name: str
    days: tuple[Day, ...]
    lines: tuple[Line, ...]

    @property
    def contacts(self) -> int:
        """Return how many contacts there were at the month's peak."""
        return max((day.contacts for day in self.days), default=0)

    @property
    def sends(self) -> int:
        """Return how many messages went out."""
        return sum(day.sends for day in self.days)

    @property
    def active_days(self) -> int:
        """Return on how many days it was active."""
        return sum(day.is_active for day in self.days)

    @property
    def seats(self) -> int:
        """Return how many seats were taken at the month's peak."""
        return max((day.seats for day in self.days), default=0)

    @property
    def amount(self) -> Decimal:
        """Return what its lines come to."""
        return sum((line.amount for line in self.lines), NOTHING)

    @property
    def by_meter(self) -> Mapping[str, Decimal]:
        """Return what its lines come to, by what the meter is called."""
        found: dict[str, Decimal] = {}
        for line in self.lines:
            found[line.meter] = found.get(line.meter, NOTHING) + line.amount
        return found


@dataclass(frozen=True)
class Report:
    """One month of one account as one reader may know it; rows are read when asked for.

    ``reach`` are the subaccounts shown; None for all of them and the account itself. ``bills`` are
    shown to whoever sees all of it. ``currency`` is empty where nothing was invoiced.
    """

    account: Account
    month: date
    reach: frozenset[PlaceId] | None
    tells_plan: bool
    tells_invoices: bool
    currency: str
    bills: tuple[Bill, ...]
    _invoices: Mapping[int, tuple[str, str]] = field(repr=False)

    @property
    def is_whole(self) -> bool:
        """Say whether it holds all of the account."""
        return self.reach is None

    @cached_property
    def end(self) -> date:
        """Return the first day of the month after."""
        return month_after(self.month)

    @property
    def last_day(self) -> date:
        """Return the last day of the month."""
        return self.end - timedelta(days=1)

    @property
    def month_name(self) -> str:
        """Return the month in words: "October 2026"."""
        return date_format(self.month, "F Y")

    @property
    def title(self) -> str:
        """Return what the report is called."""
        return f"{self.account.name}: billing for {self.month_name}"

    @property
    def places_after_point(self) -> int:
        """Return how many decimals its amounts have."""
        return decimals_of(self.currency) if self.currency else 2

    def sections(self) -> Iterator[Section]:
        """Yield what was used and charged: the account's own share first, if the reader sees it,
        then the subaccounts by name, those without use and charges left out.

        Three queries more for the account's share or not. Lines are few and are kept; days, thirty
        times as many, are read a subaccount at a time.
        """
        lines: defaultdict[PlaceId | None, list[Line]] = defaultdict(list)
        names: dict[PlaceId | None, str] = {}
        for row in self._lines():
            names[row.subaccount_id] = row.place_name or self.account.name
            lines[row.subaccount_id].append(self._line(row))
        if self.is_whole:
            own = Section(None, self.account.name, self._seats(), tuple(lines.pop(None, ())))
            if own.days or own.lines:
                yield own
        for (place, name), days in groupby(self._days(), key=itemgetter(0, 1)):
            used = tuple(Day(*day[2:]) for day in days)
            yield Section(place, name, used, tuple(lines.pop(place, ())))
        for place, charged in lines.items():
            yield Section(place, names[place], (), tuple(charged))

    def _within(self) -> Q:
        return Q() if self.reach is None else Q(any_of("subaccount_id", self.reach))

    def _lines(self) -> Iterator[Any]:
        rows = InvoiceLine.objects.filter(
            self._within(), any_of("invoice_id", self._invoices), account=self.account
        )
        named = rows.annotate(place_name=F("subaccount__name"))
        return named.order_by("place_name", "subaccount_id", "invoice_id", "position").iterator(
            BATCH
        )

    def _days(self) -> Iterator[Any]:
        rows = UsageDay.objects.filter(
            self._within(), account=self.account, day__gte=self.month, day__lt=self.end
        )
        columns = ("subaccount_id", "subaccount__name", "day", "contacts", "sends", "is_active")
        ordered = rows.order_by("subaccount__name", "subaccount_id", "day")
        return ordered.values_list(*columns).iterator(BATCH)

    def _seats(self) -> tuple[Day, ...]:
        rows = MeteredDay.objects.filter(
            account=self.account, day__gte=self.month, day__lt=self.end
        )
        found = rows.order_by("day").values_list("day", "seats")
        return tuple(Day(day, seats=seats) for day, seats in found)

    def _line(self, row: InvoiceLine) -> Line:
        payer, label = self._invoices[row.invoice_id]
        return Line(
            row.starts_on,
            row.ends_on - timedelta(days=1),
            str(row.get_meter_display()),
            row.description if self.tells_plan else str(row.get_meter_display()),
            row.quantity,
            row.amount,
            payer,
            label,
        )


# which report


def month_of(text: Any) -> date:
    """Return the first day of the month written "2026-10". Raises Invalid (UNKNOWN_MONTH)."""
    known = isinstance(text, str) and MONTH.fullmatch(text)
    if not known or text.startswith("0000") or text == LAST_MONTH:
        raise Invalid(f"{text!r:.40} is no month. Write it like 2026-10.", code="UNKNOWN_MONTH")
    year, month = text.split("-")
    return date(int(year), int(month), 1)


def month_after(month: date) -> date:
    """Return the first day of the month after ``month``."""
    return (month.replace(day=1) + timedelta(days=32)).replace(day=1)


def report_of(reader: Any, account: Account, month: date) -> Report:
    """Return the report on ``month`` (its first day) of ``account`` for ``reader``.

    Raises NotFound for an account in which the reader has no place, OutOfScope without
    ``view_billing_reports``.
    """
    profile = access.profile_of(reader)
    tenant = profile.tenants.get(account.pk)
    if tenant is None or not tenant.standing.holdings:
        raise NotFound(f"There is no account {account.slug!r}.")
    reach = sight.reach_of(reader, account, VIEW_BILLING_REPORTS)
    if not sight.holds(reader, account, VIEW_BILLING_REPORTS):
        label = str(CATALOGUE[VIEW_BILLING_REPORTS].label)
        raise OutOfScope(
            f"You cannot read the billing reports of {account.name}: it needs {label} there, which "
            "you do not hold.",
            missing=[Missing(VIEW_BILLING_REPORTS, label, account.name)],
        )
    # what a subaccount pays for itself is told to whoever may see its billing page
    billed = sight.billed_places(reader, account).values("pk")
    issued = Invoice.objects.filter(
        Q(subaccount=None) | Q(subaccount__in=billed), account=account, month=month
    ).exclude(status=Invoice.Status.DRAFT)
    invoices = list(issued.select_related("account", "subaccount").order_by("number"))
    seen = set(
        sight.invoices_of(reader).filter(account=account, month=month).values_list("pk", flat=True)
    )
    known = {row.pk: (payer_name(row), row.label if row.pk in seen else "") for row in invoices}
    currencies = {row.currency for row in invoices}
    if len(currencies) > 1:
        raise Invalid(
            f"The invoices of {account.name} for {date_format(month, 'F Y')} are in several "
            f"currencies ({', '.join(sorted(currencies))}): they have no common total.",
            code="SEVERAL_CURRENCIES",
        )
    bills = tuple(
        Bill(*known[row.pk], row.subtotal, row.tax_label, row.tax_rate, row.tax, row.total)
        for row in invoices
    )
    return Report(
        account=account,
        month=month,
        reach=reach,
        tells_plan=sight.holds(reader, account, VIEW_RATE_PLAN),
        tells_invoices=bool(seen),
        currency=next(iter(currencies), ""),
        bills=bills if reach is None else (),
        _invoices=known,
    )


def payer_name(invoice: Invoice) -> str:
    """Return for whom ``invoice`` is: the account, or the subaccount that pays for itself."""
    return invoice.account.name if invoice.subaccount is None else invoice.subaccount.name
