"""The ways to pay: a bank transfer always, Stripe where it is set up."""

from __future__ import annotations

from typing import Any

from django.utils.module_loading import import_string

from billing.gateways.bank import Bank
from billing.gateways.base import Gateway
from billing.gateways.stripe_keys import is_set_up
from permissions.errors import Invalid

__all__ = ["Gateway", "available", "bank", "get"]

#: the one that needs nothing
bank = Bank()
#: loaded by name, as its package is an extra
CARD = "billing.gateways.stripe.Stripe"


def available() -> list[Gateway]:
    """Return the ways to pay that are set up here, those with pages of their own first."""
    return [import_string(CARD)(), bank] if is_set_up() else [bank]


def get(codename: Any) -> Gateway:
    """Return the way to pay called ``codename``. Raises Invalid (UNKNOWN_GATEWAY)."""
    for gateway in available():
        if gateway.codename == codename:
            return gateway
    known = ", ".join(gateway.codename for gateway in available())
    raise Invalid(
        f"There is no way to pay called {codename!r}; choose one of {known}.",
        code="UNKNOWN_GATEWAY",
    )
