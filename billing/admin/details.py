"""The console's page of who pays: the account's details, and the subaccounts billed directly."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from billing.admin.desks import holds, lacking, no_lookups
from billing.admin.details_verbs import EditDetails, EditPlaceDetails, direct_payers
from billing.admin.direct_verbs import BillDirectly, BillToAccount, SingleBill
from billing.models import BillingDetails
from billing.payers import Payer, payer_of
from billing.single_bill import has_single_bill
from permissions.admin import site_page
from permissions.errors import Refused
from teams.admin.base import ConsoleAdmin
from teams.admin.desk import desk_of
from teams.admin.site import console
from teams.catalogue import VIEW_BILLING_DETAILS
from teams.models import Subaccount


@admin.register(BillingDetails, site=console)
class DetailsAdmin(ConsoleAdmin):
    """Who pays; a page and no list."""

    menu_section = "billing"
    menu_icon = "building"
    menu_label = "Billing details"
    menu_order = 70
    ordering = ("pk",)
    verbs = (EditDetails, EditPlaceDetails, BillDirectly, BillToAccount, SingleBill)

    def may_enter(self, request: HttpRequest) -> bool:
        """Say whether the reader sees the billing details of the account."""
        return holds(desk_of(request), VIEW_BILLING_DETAILS)

    def scope(self, request: HttpRequest) -> QuerySet[Any]:
        """Return those of the account, which are on its page."""
        keys = [desk_of(request).account.pk] if self.may_enter(request) else []
        return BillingDetails.objects.filter(account__in=keys, subaccount=None)

    def object_view(
        self, request: HttpRequest, obj: Any, extra_context: dict[str, Any]
    ) -> HttpResponse:
        """Lead to the page on which all of them are."""
        name = f"{self.admin_site.name}:billing_billingdetails_changelist"
        return HttpResponseRedirect(reverse(name))

    def closed(self, request: HttpRequest) -> Refused:
        """Name what is missing."""
        return lacking(desk_of(request), VIEW_BILLING_DETAILS, "open billing details")

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """Show who pays."""
        if not self.may_enter(request):
            raise self.closed(request)
        no_lookups(request)
        desk = desk_of(request)
        account = desk.account
        offered = self.offered(request)
        context = {
            "title": "Billing details",
            "opts": self.opts,
            "payer": payer_of(account),
            "lines": list(lines_of(payer_of(account))),
            "verbs": [verb for verb in offered if type(verb) is EditDetails],
            "has_single_bill": has_single_bill(account.edition),
            "single_bill": account.single_bill,
            "single_verbs": [verb for verb in offered if isinstance(verb, SingleBill)],
            "direct": [
                {
                    "place": place,
                    "lines": list(lines_of(payer_of(account, place))),
                    "verbs": list(_of_place(offered, place)),
                }
                for place in desk.once(direct_payers)
            ],
            "direct_verbs": [verb for verb in offered if type(verb) is BillDirectly],
        }
        return site_page(self.admin_site, request, "billing/console/details.html", context)


def lines_of(payer: Payer) -> Iterator[tuple[str, str]]:
    """Yield (label, value) of what is known of ``payer``."""
    yield "Company", payer.name
    yield "Address", ", ".join(payer.lines) or "Not filled in"
    contact = f"{payer.contact_name} ({payer.contact_address})" if payer.contact_address else ""
    yield "Billing contact", contact or payer.contact_name
    yield "Tax number", payer.tax_id or "None"
    yield (
        "Tax",
        f"{payer.tax_label}, {payer.tax_rate.normalize():f} %" if payer.tax_label else "None",
    )


def _of_place(offered: Sequence[Any], place: Subaccount) -> Iterator[tuple[str, str]]:
    """Yield (label, address) of what may be done about ``place``."""
    for verb in offered:
        if isinstance(verb, EditPlaceDetails):
            yield "Edit details…", verb.link(str(place.pk))
        if isinstance(verb, BillToAccount) and place.billed_directly:
            yield str(verb.label), verb.link(str(place.pk))


__all__ = ["DetailsAdmin", "lines_of"]
