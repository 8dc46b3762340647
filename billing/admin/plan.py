"""The console's page of the rate plan: what it includes, what was had, and what could be chosen."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.formats import date_format
from django.utils.translation import gettext_lazy as _

from billing import selectors, services
from billing.admin.desks import holds, lacking, no_lookups
from billing.admin.plan_words import included_in, price_of, rows_of
from billing.models import RatePlan, Subscription
from billing.money import shown
from billing.services.plan_previews import PlanPreview, preview_plan
from billing.services.plan_rules import NOW, RENEWAL
from billing.services.subscriptions import agreed_change, offered_to, renewal_of
from permissions.admin import VerbForm, site_page
from permissions.errors import Refused
from teams import effects
from teams.admin.base import ConsoleAdmin, ConsoleVerb
from teams.admin.desk import Desk, desk_of
from teams.admin.forms import OfferedField
from teams.admin.site import console
from teams.catalogue import CHANGE_RATE_PLAN, VIEW_RATE_PLAN
from teams.limits import Countable
from teams.services.places import active_subaccounts
from teams.services.seating import seats_taken

# the change


@dataclass(frozen=True, slots=True)
class ShownChange:
    """What a change of plan would come to, in words, to be confirmed as it is shown."""

    found: PlanPreview
    lines: Sequence[tuple[str, str, str]]
    limits: Sequence[tuple[str, str, str]]
    digest: str
    starts_on: str
    month: str
    template: str = "billing/console/plan_preview.html"

    @property
    def button(self) -> str:
        """Return what the button says once this has been shown."""
        return f"Change to {self.found.plan.name}"


def shown_change(found: PlanPreview) -> ShownChange:
    """Return ``found`` in words."""

    def pair(amounts: tuple[Decimal, Decimal]) -> tuple[str, str]:
        before, after = (shown(amount, found.currency) for amount in amounts)
        return before, after

    month = date_format(found.month, "F Y")
    lines = [("This month", *pair(found.this_month)), (month, *pair(found.whole_month))]
    limits = [
        (row.label, row.most or "Any number", row.used)
        for row in rows_of(found.plan, found.used)
        if row.used
    ]
    starts_on = date_format(found.starts_on, "j F Y")
    told = repr((found.plan.pk, starts_on, lines, limits, found.falls and found.falls.pk))
    digest = hashlib.sha256(told.encode()).hexdigest()
    return ShownChange(found, lines, limits, digest, starts_on, month)


class ChooseForm(VerbForm):
    """When."""

    when = OfferedField(label="When should it begin?", widget=forms.RadioSelect)

    def prepare(self, verb: Any) -> None:
        """Offer what makes sense."""
        field: Any = self.fields["when"]
        current = selectors.subscription_of(verb.desk.account)
        field.choices = [(NOW, "Today")]
        if current is not None:
            day = date_format(renewal_of(current), "j F Y")
            field.choices = [*field.choices, (RENEWAL, f"When the current plan renews, on {day}")]
        field.initial = NOW


class ChoosePlan(ConsoleVerb):
    """Change to a plan that is on offer."""

    name = "choose"
    label = _("Choose…")
    is_primary = True
    needs_recent = True
    while_read_only = True
    form_class = ChooseForm
    obj: RatePlan

    def refusal(self) -> str:
        """Refuse without the right to, and for a plan that is not on offer."""
        if not holds(self.desk, CHANGE_RATE_PLAN):
            return lacking(self.desk, CHANGE_RATE_PLAN, "change the rate plan").message
        if self.obj not in self.desk.once(_offered):
            return f"{self.obj.name} is not on offer to {self.desk.account.name}."
        later = self.desk.once(_agreed)
        has = selectors.plan_of(self.desk.account) if later is None else later.plan
        return f"{self.desk.account.name} has {self.obj.name} already." if has == self.obj else ""

    def title(self) -> str:
        """Return the heading."""
        return f"Change the rate plan to {self.obj.name}"

    def consequence(self) -> Sequence[str]:
        """Say what the plan costs and includes, and how changes count."""
        return (
            f"{self.obj.name} costs {price_of(self.obj)}. {included_in(self.obj)}",
            "Each day is charged by the plan the account has on it, and the day of the change by "
            "the new one. So no day is lost, and none is paid twice.",
        )

    def button(self) -> str:
        """Return what the button says: nothing is changed before it has been shown."""
        return "Show what it costs"

    def preview(self, data: Mapping[str, Any]) -> ShownChange:
        """Try it, and say what it would cost."""
        account, when = self.desk.account, data["when"]
        effects.trial(account, lambda: self._change(when), people=())
        return shown_change(preview_plan(account, self.obj, when))

    def _change(self, when: Any) -> Subscription:
        return services.change_plan(
            actor=self.actor, account=self.desk.account, plan=self.obj, when=when
        )

    def run(self, data: Mapping[str, Any]) -> str:
        """Change it."""
        made = self._change(data["when"])
        if data["when"] == NOW:
            return f"{self.desk.account.name} has the rate plan {made.plan.name} from today on."
        day = date_format(made.starts_on, "j F Y")
        return f"{self.desk.account.name} has the rate plan {made.plan.name} from {day} on."

    def next_url(self) -> str:
        """Go to the page of the rate plan."""
        return self.list_url()


class WithdrawChange(ConsoleVerb):
    """Give up the change that was agreed on."""

    name = "withdraw"
    label = _("Withdraw the change…")
    on_list = True
    needs_recent = True
    while_read_only = True

    def refusal(self) -> str:
        """Refuse without the right to, and where none was agreed on."""
        if not holds(self.desk, CHANGE_RATE_PLAN):
            return lacking(self.desk, CHANGE_RATE_PLAN, "change the rate plan").message
        if self.desk.once(_agreed) is None or selectors.plan_of(self.desk.account) is None:
            return "No change of the rate plan has been agreed on."
        return ""

    def consequence(self) -> Sequence[str]:
        """Say what goes on."""
        later, current = self.desk.once(_agreed), selectors.plan_of(self.desk.account)
        if later is None or current is None:
            return ()
        return (f"{later.plan.name} does not begin. {current.name} goes on.",)

    def title(self) -> str:
        """Return the heading."""
        return "Withdraw the change of the rate plan"

    def button(self) -> str:
        """Return what the button says."""
        return "Withdraw the change"

    def run(self, data: Mapping[str, Any]) -> str:
        """Withdraw it."""
        made = services.withdraw_plan_change(actor=self.actor, account=self.desk.account)
        return f"{made.plan.name} goes on."


def _agreed(desk: Desk) -> Subscription | None:
    return agreed_change(desk.account)


def _offered(desk: Desk) -> list[RatePlan]:
    return offered_to(desk.account)


# the page


@admin.register(RatePlan, site=console)
class PlanAdmin(ConsoleAdmin):
    """The rate plan of the account, and those it could choose."""

    menu_section = "billing"
    menu_icon = "rows"
    menu_label = "Rate plan"
    menu_order = 60
    page_template = "billing/console/one_plan.html"
    ordering = ("name",)
    verbs = (ChoosePlan, WithdrawChange)

    def may_enter(self, request: HttpRequest) -> bool:
        """Say whether the reader sees the rate plan of the account."""
        return holds(desk_of(request), VIEW_RATE_PLAN)

    def scope(self, request: HttpRequest) -> QuerySet[Any]:
        """Return the plans that the account has or had, and those on offer to it."""
        if not self.may_enter(request):
            return RatePlan.objects.none()
        desk = desk_of(request)
        keys = [plan.pk for plan in desk.once(_offered)]
        had = Q(subscriptions__account=desk.account)
        return RatePlan.objects.filter(had | Q(pk__in=keys)).distinct()

    def closed(self, request: HttpRequest) -> Refused:
        """Name what is missing."""
        return lacking(desk_of(request), VIEW_RATE_PLAN, "open the rate plan")

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """Show what the account has, what comes, what was, and what is on offer."""
        if not self.may_enter(request):
            raise self.closed(request)
        no_lookups(request)
        desk = desk_of(request)
        account = desk.account
        current = selectors.subscription_of(account)
        used = {
            Countable.SUBACCOUNTS: active_subaccounts(account),
            Countable.SEATS: sum(seats_taken(account)),
        }
        history = Subscription.objects.filter(account=account).order_by("-starts_on")
        context = {
            "title": "Rate plan",
            "opts": self.opts,
            "current": current,
            "price": price_of(current.plan) if current else "",
            "renewal": renewal_of(current) if current else None,
            "rows": rows_of(current.plan, used) if current else [],
            "later": desk.once(_agreed),
            "offers": [
                {
                    "plan": plan,
                    "price": price_of(plan),
                    "rows": rows_of(plan),
                    "is_current": current is not None and plan == current.plan,
                    "verbs": self.offered(request, plan),
                }
                for plan in desk.once(_offered)
            ],
            "history": history.select_related("plan"),
            "today": selectors.today(),
            "verbs": self.offered(request),
        }
        return site_page(self.admin_site, request, "billing/console/plan.html", context)

    def object_view(
        self, request: HttpRequest, obj: Any, extra_context: dict[str, Any]
    ) -> HttpResponse:
        """Show one plan."""
        context = {
            "title": obj.name,
            "subtitle": price_of(obj),
            "rows": rows_of(obj),
            "list_url": f"{self.admin_site.name}:billing_rateplan_changelist",
            "verbs": self.offered(request, obj),
        }
        return self.page(request, obj, context)
