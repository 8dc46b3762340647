"""The console's page of who pays: the account's details, and the subaccounts billed directly."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from billing import services, sight
from billing.admin.desks import holds, lacking, no_lookups
from billing.models import BillingDetails
from billing.services.details import (
    FIELDS,
    Payer,
    countries,
    details_of,
    direct_places,
    has_single_bill,
    payer_of,
)
from permissions.admin import VerbForm, row_of, site_page
from permissions.errors import Refused
from teams.admin.base import ConsoleAdmin, ConsoleVerb
from teams.admin.desk import Desk, desk_of
from teams.admin.forms import OfferedField
from teams.admin.previews import PreviewedVerb
from teams.admin.site import console
from teams.catalogue import CHANGE_BILLING_DETAILS, VIEW_BILLING_DETAILS
from teams.models import Subaccount
from teams.services.previews import people_of


def _direct(desk: Desk) -> list[Subaccount]:
    """Return the subaccounts that pay for themselves and whose billing the reader sees."""
    seen = set(sight.billed_places(desk.user, desk.account).values_list("pk", flat=True))
    return [place for place in direct_places(desk.account).order_by("name") if place.pk in seen]


def _clients(desk: Desk) -> QuerySet[Subaccount]:
    """Return the subaccounts about whose bill the reader may decide."""
    return sight.billed_places(desk.user, desk.account).filter(is_home=False).order_by("name")


class BillingVerb(ConsoleVerb):
    """A verb about who pays."""

    on_list = True
    while_read_only = True

    def refusal(self) -> str:
        """Refuse without the right to."""
        if holds(self.desk, CHANGE_BILLING_DETAILS):
            return ""
        return lacking(self.desk, CHANGE_BILLING_DETAILS, "change billing details").message


class DetailsForm(VerbForm):
    """What a payer says of themselves; the service judges it."""

    name = forms.CharField(label="Company", max_length=120)
    contact_name = forms.CharField(
        label="Billing contact",
        max_length=120,
        required=False,
        help_text="Who is written to about invoices. Without an address, the owner is.",
    )
    contact_address = forms.CharField(
        label="Address of the billing contact",
        max_length=254,
        required=False,
        widget=forms.EmailInput,
    )
    street = forms.CharField(label="Street", max_length=200, required=False)
    postal_code = forms.CharField(label="Postal code", max_length=20, required=False)
    city = forms.CharField(label="City", max_length=100, required=False)
    country = OfferedField(label="Country", required=False)
    tax_id = forms.CharField(label="Tax number", max_length=40, required=False)

    def prepare(self, verb: Any) -> None:
        """Begin with what is stored."""
        field: Any = self.fields["country"]
        field.choices = [("", "Choose…"), *countries().items()]
        place = verb.payer
        found = details_of(verb.desk.account, place)
        self.fields["name"].initial = (place or verb.desk.account).name
        for name in FIELDS if found is not None else ():
            self.fields[name].initial = getattr(found, name)


class EditDetails(BillingVerb):
    """Change the details of the account."""

    name = "edit"
    label = _("Edit details…")
    form_class = DetailsForm
    is_primary = True

    @property
    def payer(self) -> Subaccount | None:
        """Return the subaccount whose details they are; None for the account."""
        return None

    def title(self) -> str:
        """Return the heading."""
        return f"Billing details of {(self.payer or self.desk.account).name}"

    def consequence(self) -> Sequence[str]:
        """Say from when on."""
        return ("Invoices that have been issued stay as they are. The next one says this.",)

    def button(self) -> str:
        """Return what the button says."""
        return "Save details"

    def run(self, data: Mapping[str, Any]) -> str:
        """Store them."""
        services.change_details(
            actor=self.actor,
            account=self.desk.account,
            subaccount=self.payer,
            **{name: data[name] for name in FIELDS},
        )
        return f"The billing details of {(self.payer or self.desk.account).name} are saved."


class EditPlaceDetails(EditDetails):
    """Change the details of a subaccount that pays for itself."""

    name = "edit-subaccount"
    label = _("Edit details of a subaccount…")
    choose = True
    is_primary = False

    @property
    def payer(self) -> Subaccount | None:
        """Return the subaccount."""
        place: Subaccount | None = self.part
        return place

    def refusal(self) -> str:
        """Refuse where none pays for itself."""
        return super().refusal() or (
            "" if self.desk.once(_direct) else "No subaccount that you see pays for itself."
        )

    def options(self) -> Sequence[tuple[str, str, str]]:
        """Offer those that pay for themselves."""
        return [(str(place.pk), place.name, "") for place in self.desk.once(_direct)]

    def find(self, key: str) -> Subaccount | None:
        """Return one of those."""
        return next((place for place in self.desk.once(_direct) if str(place.pk) == key), None)

    def prompt(self) -> str:
        """Return the heading of the page that asks which."""
        return "Whose billing details?"


class WhoPays(BillingVerb, PreviewedVerb):
    """A verb that changes on whose bill something is: who sees that bill may change with it."""

    needs_recent = True


class BillDirectly(WhoPays):
    """Let a subaccount pay for itself."""

    name = "direct"
    label = _("Bill a subaccount directly…")
    choose = True
    wanted = True

    def _places(self) -> QuerySet[Subaccount]:
        return _clients(self.desk).filter(billed_directly=not self.wanted)

    def options(self) -> Sequence[tuple[str, str, str]]:
        """Offer those of which it is not so."""
        return [(str(place.pk), place.name, "") for place in self._places()]

    def find(self, key: str) -> Any:
        """Return one of those."""
        return row_of(self._places(), key)

    def touched(self) -> Collection[Any] | None:
        """Return whoever reaches the subaccount."""
        return people_of(self.desk.account, {"subaccount": self.part})

    def prompt(self) -> str:
        """Return the heading of the page that asks which."""
        return "Bill which subaccount directly?"

    def title(self) -> str:
        """Return the heading."""
        return f"Bill {self.part.name} directly" if self.part else self.prompt()

    def consequence(self) -> Sequence[str]:
        """Say from when on."""
        return (
            f"{self.part.name} gets invoices of its own, from the month that runs on, for what is "
            f"used there. The price of the rate plan and seats stay with {self.desk.account.name}.",
        )

    def run(self, data: Mapping[str, Any]) -> str:
        """Say so."""
        services.set_direct_billing(actor=self.actor, subaccount=self.part, on=self.wanted)
        return f"{self.part.name} is billed directly."


class BillToAccount(BillDirectly):
    """Take a subaccount back onto the bill of the account."""

    name = "onto-account"
    label = _("Bill to the account…")
    wanted = False

    def refusal(self) -> str:
        """Refuse where none is billed directly."""
        return super().refusal() or (
            "" if self._places().exists() else "No subaccount that you see is billed directly."
        )

    def prompt(self) -> str:
        """Return the heading of the page that asks which."""
        return "Take which subaccount onto the account's bill?"

    def title(self) -> str:
        """Return the heading."""
        if not self.part:
            return self.prompt()
        return f"Put {self.part.name} on the bill of {self.desk.account.name}"

    def consequence(self) -> Sequence[str]:
        """Say from when on, and what would still not be so."""
        account = self.desk.account
        if has_single_bill(account.edition) and not account.single_bill:
            return (f"{self.part.name} is on it as soon as {account.name} is on single bill.",)
        return (f"{account.name} pays for it, from the month that runs on.",)

    def run(self, data: Mapping[str, Any]) -> str:
        """Say so."""
        services.set_direct_billing(actor=self.actor, subaccount=self.part, on=False)
        return f"{self.part.name} is not billed directly any more."


class SingleForm(VerbForm):
    """One switch."""

    on = forms.BooleanField(
        label="Single bill",
        required=False,
        widget=forms.CheckboxInput(attrs={"role": "switch", "class": "switch"}),
        help_text=(
            "The account pays for all client accounts but those billed directly, and managers see "
            "the billing of what is on the single bill. Without, every client account pays for "
            "itself."
        ),
    )

    def prepare(self, verb: Any) -> None:
        """Begin with what is so."""
        self.fields["on"].initial = verb.desk.account.single_bill


class SingleBill(WhoPays):
    """Switch single bill on or off."""

    name = "single-bill"
    label = _("Change single bill…")
    form_class = SingleForm

    def refusal(self) -> str:
        """Refuse where there is no such thing."""
        if not has_single_bill(self.desk.account.edition):
            return f"{self.desk.edition.label} has no single bill."
        return super().refusal()

    def title(self) -> str:
        """Return the heading."""
        return f"Single bill of {self.desk.account.name}"

    def button(self) -> str:
        """Return what the button says."""
        return "Save setting"

    def run(self, data: Mapping[str, Any]) -> str:
        """Switch it."""
        made = services.set_single_bill(actor=self.actor, account=self.desk.account, on=data["on"])
        return f"Single bill is {'on' if made.single_bill else 'off'}."


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
                for place in desk.once(_direct)
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
