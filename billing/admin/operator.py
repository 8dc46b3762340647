"""The operator site: rate plans, and what accounts subscribe to, owe and have paid.

Every operator may look. To write, one needs Django's own permission on the model as well. Forms
call the services of the platform, which judge; nothing here gives anybody access in an account.
"""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db import transaction
from django.db.models import Count, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.text import slugify
from django.utils.translation import gettext_lazy as _

from billing import services
from billing.models import (
    BillingDetails,
    Invoice,
    InvoiceLine,
    Payment,
    PlanTier,
    RatePlan,
    Subscription,
)
from billing.money import shown
from billing.services.plans import CODE_LIMIT, NAME_LIMIT, TERMS, Tier, was_chosen
from permissions.errors import Invalid
from teams.admin.site import operator
from teams.models import Account, Subaccount

FREE_CODES = 100


class PlatformForm(forms.ModelForm):
    """A form of the platform: the service judges, and what it says stands on the form."""

    #: what the service said of what was sent
    said = ""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # those of the database have no sentence for people; the service has one for each
        self.instance.validate_constraints = lambda exclude=None: None

    def clean(self) -> dict[str, Any]:
        """Show what the service said."""
        if self.said:
            raise forms.ValidationError(self.said)
        return self.cleaned_data


class PlatformAdmin(admin.ModelAdmin):
    """Rows that operators look at; what they write goes through services."""

    actions: Any = ()
    show_full_result_count = False
    list_max_show_all = 200
    view_on_site = False
    change_form_template = "billing/operator/form.html"

    def has_module_permission(self, request: HttpRequest) -> bool:
        """Say that every operator may look."""
        return True

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Let every operator look."""
        return True

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Nothing is made here, unless a subclass says so."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nothing is changed here, unless a subclass says so."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nothing is ever deleted here."""
        return False

    def history_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> Any:
        """There is no stock history; the audit has it."""
        raise Http404

    # writing

    def get_form(self, request: Any, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        """Return the form, with what the service said of what was sent."""
        form: Any = super().get_form(request, obj, change=change, **kwargs)
        form.said = getattr(request, "_said", "")
        return form

    def changeform_view(
        self,
        request: Any,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Show the form or save it; what a service refuses is shown on it, and nothing written."""
        try:
            with transaction.atomic():
                return super().changeform_view(request, object_id, form_url, extra_context)
        except Invalid as error:
            request._said = error.message
            return super().changeform_view(request, object_id, form_url, extra_context)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Leave it to ``save_related``, which knows the rows below as well."""

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """Call the service; give the form the row it made."""
        made = self.carry_out(request, form, formsets, change=change)
        form.instance.pk = made.pk
        form.instance.refresh_from_db()

    def carry_out(self, request: HttpRequest, form: Any, formsets: Any, *, change: bool) -> Any:
        """Call the service, and return the row."""
        raise NotImplementedError

    def construct_change_message(
        self, request: HttpRequest, form: Any, formsets: Any, add: bool = False
    ) -> list[dict[str, dict[str, list[str]]]]:
        """Say nothing: the audit does."""
        return []


def _reason() -> forms.CharField:
    return forms.CharField(
        label=_("Reason"),
        max_length=500,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text=_("The tenant reads it in the audit of the account."),
    )


class AccountForm(PlatformForm):
    """A form about an account, named by its short name."""

    account_name = forms.CharField(label=_("Account"), help_text=_("Its short name."))
    reason = _reason()

    def clean_account_name(self) -> Account:
        """Return the account."""
        found = Account.objects.filter(slug=self.cleaned_data["account_name"].strip()).first()
        if found is None:
            raise forms.ValidationError("There is no account with that short name.")
        return found


# rate plans


class TierInline(admin.TabularInline):
    """The tiers of a plan; fixed once it has been chosen."""

    model = PlanTier
    extra = 2
    verbose_name_plural = _("What goes beyond what is included")

    def _is_open(self, request: HttpRequest, obj: Any) -> bool:
        what = "add" if obj is None else "change"
        may = request.user.has_perm(f"billing.{what}_rateplan")  # type: ignore[union-attr]
        return may and (obj is None or not was_chosen(obj))

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Let every operator look."""
        return True

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Say whether the plan may still change."""
        return self._is_open(request, obj)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Say whether the plan may still change."""
        return self._is_open(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Say whether the plan may still change."""
        return self._is_open(request, obj)


@admin.register(RatePlan, site=operator)
class RatePlanAdmin(PlatformAdmin):
    """Rate plans: written, offered, copied; never changed once somebody has chosen them."""

    form = PlatformForm
    list_display = ("name", "code", "amount", "is_offered", "accounts")
    list_filter = ("is_offered", "currency", "interval")
    search_fields = ("name", "code")
    ordering = ("name", "pk")
    inlines = (TierInline,)
    actions = ("offer", "withdraw", "copy")
    fields = ("name", "code", *TERMS)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Ask Django's permission."""
        return admin.ModelAdmin.has_add_permission(self, request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Ask Django's permission; what is fixed is read-only on the form."""
        return admin.ModelAdmin.has_change_permission(self, request, obj)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Count who has each."""
        chosen = Count("subscriptions__account", distinct=True)
        found: QuerySet[Any] = super().get_queryset(request).annotate(chosen=chosen)
        return found

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """Fix the short name of what there is, and all but the name of what was chosen."""
        if obj is None:
            return ()
        fixed = [name for name in TERMS if name != "is_offered"] if was_chosen(obj) else []
        return ("code", *fixed)

    @admin.display(description=_("Price"), ordering="price")
    def amount(self, obj: Any) -> str:
        """Return the price and what it is for."""
        return f"{shown(obj.price, obj.currency)} a {obj.interval}"

    @admin.display(description=_("Accounts"), ordering="chosen")
    def accounts(self, obj: Any) -> int:
        """Return how many have, had or agreed on it."""
        return int(obj.chosen)

    def carry_out(self, request: HttpRequest, form: Any, formsets: Any, *, change: bool) -> Any:
        """Write the plan, or what may still change of it."""
        data, by = form.cleaned_data, {"operator": request.user}
        tiers = [tier for formset in formsets for tier in _tiers(formset)]
        terms = {name: data[name] for name in TERMS if name in data}
        if not change:
            return services.create_plan(
                code=data["code"], name=data["name"], tiers=tiers, **by, **terms
            )
        plan, changed = form.instance, set(form.changed_data)
        if "name" in changed:
            services.rename_plan(plan=plan, name=data["name"], **by)
        if "is_offered" in changed:
            services.offer_plan(plan=plan, on=data["is_offered"], **by)
        given = {name: terms[name] for name in terms if name in changed - {"is_offered"}}
        rows = tiers if any(formset.has_changed() for formset in formsets) else None
        if given or rows is not None:
            services.edit_plan(plan=plan, tiers=rows, **by, **given)
        return plan

    @admin.action(description=_("Offer"), permissions=["change"])
    def offer(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """Offer the chosen plans."""
        self._for_each(request, queryset, lambda plan, by: services.offer_plan(
            operator=by, plan=plan, on=True
        ))  # fmt: skip

    @admin.action(description=_("Withdraw from offer"), permissions=["change"])
    def withdraw(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """Offer the chosen plans no more; who has one keeps it."""
        self._for_each(request, queryset, lambda plan, by: services.offer_plan(
            operator=by, plan=plan, on=False
        ))  # fmt: skip

    @admin.action(description=_("Copy"), permissions=["add"])
    def copy(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """Copy the chosen plans, under a free short name and not on offer."""
        self._for_each(request, queryset, lambda plan, by: services.copy_plan(
            operator=by, plan=plan, code=_free_code(plan), name=f"Copy of {plan.name}"[:NAME_LIMIT]
        ))  # fmt: skip

    def _for_each(self, request: HttpRequest, queryset: QuerySet[Any], act: Any) -> None:
        """Carry ``act`` out for each plan, and say what it came to."""
        for plan in queryset:
            try:
                made = act(plan, request.user)
            except Invalid as error:
                self.message_user(request, error.message, messages.WARNING)
            else:
                self.message_user(request, f"{made.name}: done.", messages.SUCCESS)


def _tiers(formset: Any) -> list[Tier]:
    """Return the rows of the formset that were filled in and not ticked to go."""
    rows = [row for row in formset.cleaned_data if row and not row.get("DELETE")]
    return [Tier(row["meter"], row["above"], row["per"], row["price"]) for row in rows]


def _free_code(plan: RatePlan) -> str:
    base = slugify(plan.code)[: CODE_LIMIT - 4]
    codes = [f"{base}-{n}" for n in range(2, FREE_CODES)]
    taken = set(RatePlan.objects.filter(code__in=codes).values_list("code", flat=True))
    return next((code for code in codes if code not in taken), base)


# what accounts have, owe and have paid


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
class SubscriptionAdmin(PlatformAdmin):
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

    def carry_out(self, request: HttpRequest, form: Any, formsets: Any, *, change: bool) -> Any:
        """Set the plan."""
        data = form.cleaned_data
        return services.set_plan_as_platform(
            reason=data["reason"],
            account=data["account_name"],
            plan=data["plan"],
            starts_on=data["starts_on"],
            operator=request.user,
        )


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
class BillingDetailsAdmin(PlatformAdmin):
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

    def carry_out(self, request: HttpRequest, form: Any, formsets: Any, *, change: bool) -> Any:
        """Set the tax."""
        data, row = form.cleaned_data, form.instance
        return services.set_tax_as_platform(
            reason=data["reason"],
            account=row.account if change else data["account_name"],
            subaccount=row.subaccount if change else data["subaccount_name"] or None,
            rate=data["tax_rate"],
            label=data["tax_label"],
            operator=request.user,
        )


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
class InvoiceAdmin(PlatformAdmin):
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
class PaymentAdmin(PlatformAdmin):
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
