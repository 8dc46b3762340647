"""Bank transfers: people are told where to, and operators write down what came."""

from __future__ import annotations

from collections.abc import Mapping

from django.conf import settings
from django.utils.translation import gettext_lazy as _

from billing.gateways.base import Begun, Event, Forged, Gateway, Instructions, Rejected, Seen
from billing.models import Invoice, Payment

_NO_PAGES = "A bank transfer is made at the payer's own bank, not here."


def account_lines() -> tuple[str, ...]:
    """Return the lines of BILLING_BANK_ACCOUNT: whose account, which, at which bank."""
    return tuple(getattr(settings, "BILLING_BANK_ACCOUNT", ()))


class Bank(Gateway):
    """Nothing is pending for it: a payment is there once the money is."""

    codename = "bank"
    label = _("Bank transfer")
    has_pages = False

    def instructions(self, invoice: Invoice) -> Instructions:
        """Return what whoever pays ``invoice`` has to tell their bank."""
        return Instructions(account_lines(), invoice.owed, invoice.currency, invoice.label)

    def begin(self, payment: Payment, *, return_url: str) -> Begun:
        """Refuse: there is nothing to begin."""
        raise Rejected(_NO_PAGES)

    def look(self, payment: Payment) -> Seen:
        """Refuse: no bank is asked."""
        raise Rejected(_NO_PAGES)

    def withdraw(self, payment: Payment) -> Seen:
        """Refuse: there is nothing to withdraw."""
        raise Rejected(_NO_PAGES)

    def send_back(self, payment: Payment) -> str:
        """Refuse: people send a transfer back."""
        raise Rejected(_NO_PAGES)

    def read(self, body: bytes, headers: Mapping[str, str]) -> Event | None:
        """Refuse: banks send no messages here."""
        raise Forged(_NO_PAGES)
