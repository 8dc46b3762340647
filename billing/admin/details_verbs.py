"""What is done about billing details: of the account, and of whoever pays for itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from billing import services, sight
from billing.admin.desks import holds, lacking
from billing.countries import countries
from billing.payers import details_of, direct_places
from billing.services.details import FIELDS
from permissions.admin import VerbForm
from teams.admin.base import ConsoleVerb
from teams.admin.desk import Desk
from teams.admin.forms import OfferedField
from teams.catalogue import CHANGE_BILLING_DETAILS
from teams.models import Subaccount


def direct_payers(desk: Desk) -> list[Subaccount]:
    """Return the subaccounts that pay for themselves and whose billing the reader sees."""
    seen = set(sight.billed_places(desk.user, desk.account).values_list("pk", flat=True))
    return [place for place in direct_places(desk.account).order_by("name") if place.pk in seen]


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
            "" if self.desk.once(direct_payers) else "No subaccount that you see pays for itself."
        )

    def options(self) -> Sequence[tuple[str, str, str]]:
        """Offer those that pay for themselves."""
        return [(str(place.pk), place.name, "") for place in self.desk.once(direct_payers)]

    def find(self, key: str) -> Subaccount | None:
        """Return one of those."""
        return next(
            (place for place in self.desk.once(direct_payers) if str(place.pk) == key), None
        )

    def prompt(self) -> str:
        """Return the heading of the page that asks which."""
        return "Whose billing details?"
