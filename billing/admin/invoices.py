"""Invoices: who was asked for what, what is still owed, and how to pay it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from itertools import groupby
from typing import Any, ClassVar, NamedTuple

from django.contrib import admin
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.dates import MONTHS
from django.utils.formats import date_format, number_format
from django.utils.html import format_html
from django.utils.safestring import SafeString

from billing import gateways, sight
from billing.admin import invoice_verbs
from billing.admin.desks import holder_of, holds, lacking
from billing.models import Invoice, InvoiceLine, Payment
from billing.money import shown
from billing.reports import payer_name
from billing.selectors import today
from permissions.admin import ScopedFilter
from permissions.errors import Refused
from teams.admin import words
from teams.admin.base import ConsoleAdmin
from teams.admin.desk import desk_of
from teams.admin.site import console
from teams.catalogue import PAY_INVOICES, VIEW_INVOICES

OVERDUE = "overdue"
#: state -> the shape of its dot, and the word
STATES = {
    Invoice.Status.OPEN.value: ("invited", "Open"),
    OVERDUE: ("suspended", "Overdue"),
    Invoice.Status.PAID.value: ("active", "Paid"),
    Invoice.Status.CREDITED.value: ("draft", "Credited"),
}
PAYMENTS = {
    Payment.Status.PENDING: "invited",
    Payment.Status.SUCCEEDED: "active",
    Payment.Status.FAILED: "suspended",
    Payment.Status.CANCELLED: "draft",
    Payment.Status.SURPLUS: "waiting",
    Payment.Status.RETURNED: "draft",
}


def state_of(invoice: Invoice) -> str:
    """Return how ``invoice`` stands: as stored, or that it is overdue."""
    late = invoice.due_on is not None and invoice.due_on < today()
    return OVERDUE if invoice.status == Invoice.Status.OPEN and late else str(invoice.status)


def in_state(state: str) -> Q:
    """Return the condition on invoices that stand so."""
    if state == OVERDUE:
        return Q(status=Invoice.Status.OPEN, due_on__lt=today())
    if state == Invoice.Status.OPEN:
        return Q(status=state, due_on__gte=today())
    return Q(status=state)


def chip(kind: str, word: Any) -> SafeString:
    """Return a state as dot and word."""
    return format_html('<span class="state state--{}">{}</span>', kind, word)


def day(found: Any) -> Any:
    """Return a day as people read it, and machines."""
    if found is None:
        return words.none("Not set")
    form = "D j M" if found.year == today().year else "j M Y"
    return format_html(
        '<span class="nowrap-cell"><time datetime="{}">{}</time></span>',
        found.isoformat(),
        date_format(found, form),
    )


class StateFilter(ScopedFilter):
    """By how it stands."""

    title = "state"
    parameter_name = "state"

    def lookups(self, request: Any, model_admin: Any) -> list[tuple[str, str]]:
        """Offer the states there are."""
        return [(state, word) for state, (_kind, word) in STATES.items()]

    def matching(self, request: HttpRequest, queryset: QuerySet[Any], value: str) -> QuerySet[Any]:
        """Return the invoices that stand so."""
        return queryset.filter(in_state(value))


class PayerFilter(ScopedFilter):
    """By who pays: the account, or a subaccount that pays for itself."""

    title = "who pays"
    parameter_name = "payer"
    ACCOUNT = "account"

    def lookups(self, request: Any, model_admin: Any) -> list[tuple[str, str]]:
        """Offer whoever has an invoice that the reader sees; nothing where the account pays all."""
        rows = model_admin.scope(request).order_by("subaccount__name", "subaccount_id")
        found = rows.values_list("subaccount_id", "subaccount__name").distinct()
        direct = [(str(key), name) for key, name in found if key is not None]
        return [(self.ACCOUNT, desk_of(request).account.name), *direct] if direct else []

    def matching(self, request: HttpRequest, queryset: QuerySet[Any], value: str) -> QuerySet[Any]:
        """Return what they were asked to pay."""
        return queryset.filter(subaccount=None if value == self.ACCOUNT else value)


class YearFilter(ScopedFilter):
    """By the year of the month it is for."""

    title = "year"
    parameter_name = "year"

    def lookups(self, request: Any, model_admin: Any) -> list[tuple[str, str]]:
        """Offer the years in which there is one."""
        found = model_admin.scope(request).order_by("-month__year").values_list("month__year")
        return [(str(year), str(year)) for (year,) in found.distinct()]

    def matching(self, request: HttpRequest, queryset: QuerySet[Any], value: str) -> QuerySet[Any]:
        """Return the invoices for months of that year."""
        return queryset.filter(month__year=value)


class Group(NamedTuple):
    """The lines of one subaccount, or of the account itself, and what they come to."""

    name: str
    lines: list[Any]
    amount: str


@admin.register(Invoice, site=console)
class InvoiceAdmin(ConsoleAdmin):
    """The issued invoices of the chosen account that the reader may see."""

    menu_section = "billing"
    menu_order = 20
    menu_icon = "rows"
    menu_label = "Invoices"
    page_template = "billing/console/invoice.html"
    empty_text = "No invoice has been issued yet. One comes for each month after it has ended."

    list_display: Any = (
        "label_cell", "month_cell", "payer_cell", "total_cell", "owed_cell", "state_cell",
        "due_cell",
    )  # fmt: skip
    list_filter: ClassVar[Any] = (StateFilter, PayerFilter, YearFilter)
    show_facets = admin.ShowFacets.NEVER
    search_fields = ("label",)
    search_help_text = "Number"
    ordering: ClassVar[Any] = ("-month", "-pk")
    sortable_by = ("month_cell", "due_cell")
    verbs = invoice_verbs.VERBS

    def scope(self, request: HttpRequest) -> QuerySet[Any]:
        """Return the invoices of the chosen account that the reader may see."""
        desk = desk_of(request)
        return sight.invoices_of(desk.user).filter(account=desk.account)

    def may_enter(self, request: HttpRequest) -> bool:
        """Say whether the reader may see any invoice."""
        return holder_of(VIEW_INVOICES)(request)

    def closed(self, request: HttpRequest) -> Refused:
        """Return the refusal: it names what is missing and where."""
        return lacking(desk_of(request), VIEW_INVOICES, "look at invoices")

    def object_or_404(self, request: HttpRequest, object_id: str) -> Any:
        """Refuse whoever may see no invoice before asking which one: all ids get one answer."""
        if not self.may_enter(request):
            raise self.closed(request)
        return super().object_or_404(request, object_id)

    def act_view(
        self, request: HttpRequest, verb: str, object_id: str = "", part: str = ""
    ) -> HttpResponse:
        """Refuse likewise at the addresses of the verbs there are."""
        there = any(v.name == verb and v.on_list is not bool(object_id) for v in self.verbs)
        if there and not part and not self.may_enter(request):
            raise self.closed(request)
        return super().act_view(request, verb, object_id, part)

    def narrow(self, request: HttpRequest, queryset: QuerySet[Any], place: int) -> QuerySet[Any]:
        """Keep what charges for the subaccount, whoever pays it."""
        lines = InvoiceLine.objects.filter(invoice=OuterRef("pk"), subaccount=place)
        return queryset.filter(Q(subaccount=place) | Exists(lines))

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Load the names with the list."""
        return super().get_queryset(request).select_related("account", "subaccount")

    @admin.display(description="Invoice")
    def label_cell(self, obj: Any) -> str:
        """Return the number."""
        return str(obj.label)

    @admin.display(description="Month", ordering="month")
    def month_cell(self, obj: Any) -> SafeString:
        """Return the month it is for."""
        return format_html(
            '<span class="nowrap-cell">{} {}</span>', MONTHS[obj.month.month], obj.month.year
        )

    @admin.display(description="For")
    def payer_cell(self, obj: Any) -> str:
        """Return who pays."""
        return payer_name(obj)

    @admin.display(description="Total")
    def total_cell(self, obj: Any) -> str:
        """Return what was asked for."""
        return shown(obj.total, obj.currency)

    @admin.display(description="Owed")
    def owed_cell(self, obj: Any) -> Any:
        """Return what is still to be paid."""
        return shown(obj.owed, obj.currency) if obj.owed else words.none("Nothing")

    @admin.display(description="State")
    def state_cell(self, obj: Any) -> SafeString:
        """Return how it stands as dot and word."""
        return chip(*STATES[state_of(obj)])

    @admin.display(description="Due", ordering="due_on")
    def due_cell(self, obj: Any) -> Any:
        """Return until when it is to be paid."""
        return day(obj.due_on)

    def facts(self, obj: Invoice) -> list[tuple[str, Any]]:
        """Return what the page says first."""
        found: list[tuple[str, Any]] = [
            ("State", self.state_cell(obj)),
            ("For", payer_name(obj)),
            ("Issued", day(obj.issued_on)),
            ("Due", day(obj.due_on)),
            ("Total", shown(obj.total, obj.currency)),
            ("Owed", self.owed_cell(obj)),
        ]
        if obj.surplus:
            found.append(("To be sent back", shown(obj.surplus, obj.currency)))
        return found

    def object_view(
        self, request: HttpRequest, obj: Any, extra_context: dict[str, Any]
    ) -> HttpResponse:
        """Show the whole document, and what has become of it."""
        desk = desk_of(request)
        payments = list(obj.payments.order_by("-pk"))
        may_pay = holds(desk, PAY_INVOICES)
        pending = (p.redirect_url for p in payments if p.status == Payment.Status.PENDING)
        notes = [
            (
                note,
                shown(note.total, obj.currency),
                reverse("console:credit_note_pdf", args=[note.pk]),
            )
            for note in obj.credit_notes.order_by("number")
        ]
        context = {
            "title": f"Invoice {obj.label}",
            "subtitle": f"{date_format(obj.month, 'F Y')}, for {payer_name(obj)}",
            "facts": self.facts(obj),
            "groups": list(groups_of(obj)),
            "sums": sums_of(obj),
            "notes": notes,
            "payments": [self.payment(request, obj, row) for row in payments],
            "go_on_url": next(pending, "") if may_pay else "",
            "transfer": invoice_verbs.transfer_lines(obj) if may_pay and obj.owed else [],
            "pdf_url": reverse("console:invoice_pdf", args=[obj.pk]),
            "statement_url": invoice_verbs.payer_url(obj),
            "verbs": self.offered(request, obj),
        }
        return self.page(request, obj, context)

    def payment(self, request: HttpRequest, obj: Invoice, row: Payment) -> dict[str, Any]:
        """Return one payment as the page shows it."""
        is_pending = row.status == Payment.Status.PENDING
        return {
            "state": chip(PAYMENTS[Payment.Status(row.status)], row.get_status_display()),
            "way": way_label(row.gateway),
            "amount": shown(row.amount, row.currency),
            "when": words.when(row.settled_at or row.started_at),
            "reference": row.reference,
            "problem": row.problem,
            "verbs": self.offered(request, obj, row) if is_pending else [],
        }


def way_label(codename: str) -> str:
    """Return what a way to pay is called, also one that is not set up any more."""
    known = {way.codename: str(way.label) for way in gateways.available()}
    return known.get(codename, codename.capitalize())


def groups_of(invoice: Invoice) -> Iterator[Group]:
    """Yield the lines of ``invoice`` by subaccount, in the order of the document."""
    rows = invoice.lines.order_by("position")
    for (_key, place), lines in groupby(rows, key=lambda row: (row.subaccount_id, row.place)):
        found = list(lines)
        yield Group(
            place or invoice.account.name,
            [
                {
                    "what": line.description,
                    "days": f"{date_format(line.starts_on, 'j M')} to "
                    f"{date_format(line.ends_on - timedelta(days=1), 'j M')}",
                    "quantity": number_format(line.quantity.normalize(), force_grouping=True),
                    "amount": shown(line.amount, invoice.currency),
                }
                for line in found
            ],
            shown(sum((line.amount for line in found), start=Decimal(0)), invoice.currency),
        )


def sums_of(invoice: Invoice) -> list[tuple[str, str]]:
    """Return what stands below the lines."""
    rate = f"{invoice.tax_rate.normalize():f}"
    found = [
        ("Subtotal", invoice.subtotal),
        (f"{invoice.tax_label or 'Tax'} {rate} %", invoice.tax),
        ("Total", invoice.total),
    ]
    found += [("Credited", invoice.credited)] if invoice.credited else []
    found += [("Paid", invoice.paid)] if invoice.paid else []
    found += [("Owed", invoice.owed)] if invoice.paid or invoice.credited else []
    return [(label, shown(amount, invoice.currency)) for label, amount in found]
