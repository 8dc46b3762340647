"""What is done about whose bill something is on: direct billing, and single bill."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from django import forms
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from billing import services, sight
from billing.admin.details_verbs import BillingVerb
from billing.single_bill import has_single_bill
from permissions.admin import VerbForm, row_of
from teams.admin.desk import Desk
from teams.admin.previews import PreviewedVerb
from teams.models import Subaccount
from teams.services.previews import people_of


def _clients(desk: Desk) -> QuerySet[Subaccount]:
    """Return the subaccounts about whose bill the reader may decide."""
    return sight.billed_places(desk.user, desk.account).filter(is_home=False).order_by("name")


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
