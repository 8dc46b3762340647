"""The operator site: what accounts subscribe to, what tax they pay, what they owe and paid."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from billing import services
from billing.admin.written import AccountForm, WrittenAt
from billing.models import BillingDetails, Invoice, InvoiceLine, Payment, Subscription
from billing.money import shown
from teams.admin.looking import LookedAt
from teams.admin.site import operator
from teams.models import Subaccount


class PlanForm(AccountForm):
    """Which account gets which plan, and from when on."""

    class Meta:
        model = Subscription
        fields = ("plan", "starts_on")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "starts_on" in self.fields:
            self.fields["starts_on"].required = False
            self.fields["starts_on"].help_text = _("Empty for today.")


@admin.register(Subscription, site=operator)
class SubscriptionAdmin(WrittenAt):
    """Which account has had which plan; to add one is to set an account's plan."""

    form = PlanForm
    list_display = ("account", "plan", "starts_on", "ends_on")
    list_filter = ("plan",)
    list_select_related = ("account", "plan")
    search_fields = ("account__name", "account__slug")
    search_help_text = _("Name or short name of the account")
    date_hierarchy = "starts_on"
    ordering = ("account__name", "account", "starts_on")

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Ask Django's permission."""
        return admin.ModelAdmin.has_add_permission(self, request)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> tuple[Any, ...]:
        """Ask what is needed; show what is stored."""
        if obj is None:
            return ("account_name", "plan", "starts_on", "reason")
        return ("account", "plan", "starts_on", "ends_on")

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """Set the plan."""
        data = form.cleaned_data
        made = services.set_plan_as_platform(
            reason=data["reason"],
            account=data["account_name"],
            plan=data["plan"],
            starts_on=data["starts_on"],
            operator=request.user,
        )
        self.made(form, made)


class TaxForm(AccountForm):
    """What tax a payer pays."""

    subaccount_name = forms.CharField(
        label=_("Subaccount"),
        required=False,
        help_text=_("Its short name, if it pays for itself. Empty for the account."),
    )

    class Meta:
        model = BillingDetails
        fields = ("tax_rate", "tax_label")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk is not None:  # whose it is stands there and does not change
            del self.fields["account_name"], self.fields["subaccount_name"]

    def clean(self) -> dict[str, Any]:
        """Find the subaccount in the account."""
        data = super().clean()
        account, slug = data.get("account_name"), data.get("subaccount_name", "").strip()
        if account is not None and slug:
            found = Subaccount.objects.filter(account=account, slug=slug).first()
            if found is None:
                self.add_error("subaccount_name", "The account has no subaccount of that name.")
            data["subaccount_name"] = found
        return data


@admin.register(BillingDetails, site=operator)
class BillingDetailsAdmin(WrittenAt):
    """Who pays, as they say themselves; and what tax they pay, as the platform says."""

    form = TaxForm
    list_display = ("name", "account", "subaccount", "country", "tax_label", "tax_rate")
    list_select_related = ("account", "subaccount")
    search_fields = ("name", "account__name", "account__slug", "tax_id")
    ordering = ("account__name", "pk")

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Ask Django's permission."""
        return admin.ModelAdmin.has_add_permission(self, request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Ask Django's permission."""
        return admin.ModelAdmin.has_change_permission(self, request, obj)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> tuple[Any, ...]:
        """Ask for the tax; show the rest."""
        if obj is None:
            return ("account_name", "subaccount_name", "tax_label", "tax_rate", "reason")
        asked = ("reason",) if self.has_change_permission(request, obj) else ()
        return (*self._theirs, "tax_label", "tax_rate", *asked)

    _theirs = (
        "account", "subaccount", "name", "contact_name", "contact_address", "street",
        "postal_code", "city", "country", "tax_id",
    )  # fmt: skip

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """Fix what is the payer's to say."""
        return () if obj is None else self._theirs

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """Set the tax."""
        data, row = form.cleaned_data, form.instance
        made = services.set_tax_as_platform(
            reason=data["reason"],
            account=row.account if change else data["account_name"],
            subaccount=row.subaccount if change else data["subaccount_name"] or None,
            rate=data["tax_rate"],
            label=data["tax_label"],
            operator=request.user,
        )
        self.made(form, made)


class LineInline(admin.TabularInline):
    """The lines of an invoice."""

    model = InvoiceLine
    extra = 0
    fields = readonly_fields = (
        "place", "meter", "description", "quantity", "amount", "starts_on", "ends_on",
    )  # fmt: skip
    ordering = ("position",)
    can_delete = False

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Let every operator look."""
        return True

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Lines are drawn up by the job."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nothing is changed here."""
        return False


@admin.register(Invoice, site=operator)
class InvoiceAdmin(LookedAt):
    """Invoices, drafts too: looked at, never written."""

    list_display = ("__str__", "account", "subaccount", "month", "status", "sum", "left", "due_on")
    list_filter = ("status", "month", "currency")
    list_select_related = ("account", "subaccount")
    search_fields = ("label", "account__name", "account__slug")
    date_hierarchy = "month"
    ordering = ("-month", "-pk")
    fields = (
        "account", "subaccount", "month", "status", "label", "currency", "subtotal", "tax_label",
        "tax_rate", "tax", "total", "paid", "credited", "issued_on", "due_on", "settled_at",
        "billed_to", "seller", "created_at",
    )  # fmt: skip
    inlines = (LineInline,)

    @admin.display(description=_("Total"), ordering="total")
    def sum(self, obj: Any) -> str:
        """Return what it asks for."""
        return shown(obj.total, obj.currency)

    @admin.display(description=_("Owed"))
    def left(self, obj: Any) -> str:
        """Return what is still to be paid."""
        return shown(obj.owed, obj.currency)


@admin.register(Payment, site=operator)
class PaymentAdmin(LookedAt):
    """Payments: looked at, never written."""

    list_display = ("invoice", "account", "gateway", "status", "sum", "reference", "started_at")
    list_filter = ("status", "gateway", "currency")
    list_select_related = ("account", "invoice")
    search_fields = ("reference", "invoice__label", "account__name", "account__slug")
    date_hierarchy = "started_at"
    ordering = ("-started_at", "-pk")
    fields = (
        "account", "invoice", "gateway", "status", "currency", "amount", "reference", "problem",
        "started_at", "settled_at",
    )  # fmt: skip

    @admin.display(description=_("Amount"), ordering="amount")
    def sum(self, obj: Any) -> str:
        """Return how much."""
        return shown(obj.amount, obj.currency)
