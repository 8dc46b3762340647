"""The ways to pay: a bank transfer always, Stripe where it is set up."""

from __future__ import annotations

from typing import Any

from billing.gateways import stripe
from billing.gateways.bank import Bank
from billing.gateways.base import Gateway
from permissions.errors import Invalid

__all__ = ["Gateway", "available", "bank", "get"]

#: the one that needs nothing
bank = Bank()
_card = stripe.Stripe()


def available() -> list[Gateway]:
    """Return the ways to pay that are set up here, those with pages of their own first."""
    return [_card, bank] if stripe.is_set_up() else [bank]


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
