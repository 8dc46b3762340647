"""Verbs on an invoice: pay it, ask what became of a payment, cancel one.

All work while the account is read-only: that is what ends by paying.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from billing import gateways, services
from billing.admin.desks import holds, lacking
from billing.models import Invoice, Payment
from billing.money import shown
from permissions.admin import VerbForm, row_of
from permissions.errors import Refused
from teams.admin.base import ConsoleVerb
from teams.admin.forms import OfferedField, offer
from teams.catalogue import PAY_INVOICES


class WayForm(VerbForm):
    """Which way to pay, where there are several."""

    gateway = OfferedField(label="How to pay")

    def prepare(self, verb: Any) -> None:
        """Offer what is set up."""
        found = [(way.codename, way.label) for way in gateways.available()]
        if len(found) == 1:
            del self.fields["gateway"]
        else:
            offer(self, "gateway", found)


class _Paying(ConsoleVerb):
    """What concerns the payment of an invoice."""

    while_read_only = True
    obj: Invoice

    def refusal(self) -> str:
        """Refuse whoever may not pay."""
        if not holds(self.desk, PAY_INVOICES):
            return lacking(self.desk, PAY_INVOICES, f"pay {self.obj}").message
        return ""


class Pay(_Paying):
    """Pay what is owed on a gateway's own page; how to pay at one's bank is on the invoice's."""

    name = "pay"
    label = _("Pay…")
    is_primary = True
    form_class = WayForm

    @property
    def owed(self) -> str:
        """Return what is owed, as people read it."""
        return shown(self.obj.owed, self.obj.currency)

    def refusal(self) -> str:
        """Refuse where nothing is owed."""
        if self.obj.status != Invoice.Status.OPEN or not self.obj.owed:
            return f"You cannot pay {self.obj}: nothing is owed of it any more."
        if not any(way.has_pages for way in gateways.available()):
            return f"{self.obj} is paid at your own bank: its page says how."
        return super().refusal()

    def title(self) -> str:
        """Return the heading."""
        return f"Pay {self.owed} of {self.obj}"

    def consequence(self) -> Sequence[str]:
        """Say what paying is like here."""
        lines = []
        if any(way.has_pages for way in gateways.available()):
            lines.append("You pay on the page of whoever takes the money, and come back here.")
        return [*lines, *transfer_lines(self.obj)]

    def button(self) -> str:
        """Return what the button says."""
        has_pages = any(way.has_pages for way in gateways.available())
        return f"Pay {self.owed}" if has_pages else "Back to the invoice"

    def run(self, data: Mapping[str, Any]) -> str:
        """Begin to pay; where to go on stands on the page of the invoice, as a link: the content
        security policy lets no form lead to another site."""
        way = gateways.get(data.get("gateway") or gateways.available()[0].codename)
        if way.has_pages:
            back = self.request.build_absolute_uri(self.back_url())
            services.pay_invoice(
                actor=self.actor, invoice=self.obj, gateway=way.codename, return_url=back
            )
            return f"Nothing was paid yet: go on to {way.label} from here."
        if reason := self.refusal():
            raise Refused(reason)
        return " ".join(["Nothing was paid yet.", *transfer_lines(self.obj)])


class _OnPayment(_Paying):
    """What concerns one payment that is pending."""

    is_part = True
    part_type = Payment
    part: Payment

    def find(self, key: str) -> Payment | None:
        """Return the payment of this invoice."""
        return row_of(Payment.objects.filter(invoice=self.obj), key)

    def refusal(self) -> str:
        """Refuse what is settled."""
        if self.part.status != Payment.Status.PENDING:
            return "You cannot change this payment: it is not pending any more."
        return super().refusal()


class Ask(_OnPayment):
    """Find out whether it was paid."""

    name = "ask"
    label = _("Look whether it was paid")

    def title(self) -> str:
        """Return the heading."""
        return f"Look whether {self.obj} was paid"

    def button(self) -> str:
        """Return what the button says."""
        return "Look now"

    def run(self, data: Mapping[str, Any]) -> str:
        """Ask the gateway."""
        found = services.look_after_payment(actor=self.actor, payment=self.part)
        return f"The payment is {found.get_status_display().lower()}."


class Cancel(_OnPayment):
    """Let nobody pay it any more."""

    name = "cancel_payment"
    label = _("Cancel payment…")
    is_danger = True

    def title(self) -> str:
        """Return the heading."""
        amount = shown(self.part.amount, self.part.currency)
        return f"Cancel the payment of {amount} of {self.obj}"

    def consequence(self) -> Sequence[str]:
        """Say what stays."""
        return ("Nobody can pay on its page any more. The invoice stays as it is.",)

    def button(self) -> str:
        """Return what the button says."""
        return "Cancel payment"

    def run(self, data: Mapping[str, Any]) -> str:
        """Cancel it."""
        services.cancel_payment(actor=self.actor, payment=self.part)
        return "The payment was cancelled."


def transfer_lines(invoice: Invoice) -> list[str]:
    """Return how to pay ``invoice`` at one's own bank, a sentence a line."""
    found = gateways.bank.instructions(invoice)
    amount = shown(found.amount, found.currency)
    if not found.lines:
        return [
            f"To pay {amount} by bank transfer, ask us for the account, and name "
            f"{found.reference} as the reference."
        ]
    where = ", ".join(found.lines)
    return [f"By bank transfer: {amount} to {where}, with the reference {found.reference}."]


def payer_url(invoice: Invoice) -> str:
    """Return where the statement of account of whoever pays ``invoice`` is."""
    return reverse("console:billing_statement") + (
        f"?payer={invoice.subaccount_id}" if invoice.subaccount_id else ""
    )


VERBS = (Pay, Ask, Cancel)
