"""The operator site: the rate plans that accounts can choose."""

from __future__ import annotations

from typing import Any, cast

from django.contrib import admin, messages
from django.contrib.auth.models import PermissionsMixin
from django.db.models import Count, QuerySet
from django.http import HttpRequest
from django.utils.text import slugify
from django.utils.translation import gettext_lazy as _

from billing import services
from billing.admin.written import PlatformForm, WrittenAt
from billing.models import PlanTier, RatePlan
from billing.money import shown
from billing.services.offering import CODE_LIMIT
from billing.services.plans import NAME_LIMIT, TERMS, Tier, was_chosen
from permissions.errors import Invalid
from teams.admin.site import operator

FREE_CODES = 100


class TierInline(admin.TabularInline):
    """The tiers of a plan; fixed once it has been chosen."""

    model = PlanTier
    extra = 2
    verbose_name_plural = _("What goes beyond what is included")

    def _is_open(self, request: HttpRequest, obj: Any) -> bool:
        what, by = "add" if obj is None else "change", cast("PermissionsMixin", request.user)
        may = by.has_perm(f"billing.{what}_rateplan")
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
class RatePlanAdmin(WrittenAt):
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

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """Write the plan, or what may still change of it."""
        data, by = form.cleaned_data, {"operator": request.user}
        tiers = [tier for formset in formsets for tier in _tiers(formset)]
        terms = {name: data[name] for name in TERMS if name in data}
        if not change:
            made = services.create_plan(
                code=data["code"], name=data["name"], tiers=tiers, **by, **terms
            )
            self.made(form, made)
            return
        plan, changed = form.instance, set(form.changed_data)
        if "name" in changed:
            services.rename_plan(plan=plan, name=data["name"], **by)
        if "is_offered" in changed:
            services.offer_plan(plan=plan, on=data["is_offered"], **by)
        given = {name: terms[name] for name in terms if name in changed - {"is_offered"}}
        rows = tiers if any(formset.has_changed() for formset in formsets) else None
        if given or rows is not None:
            services.edit_plan(plan=plan, tiers=rows, **by, **given)
        self.made(form, plan)

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
