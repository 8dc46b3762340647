"""What tests of paying do the same way."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from billing import services
from billing.models import Invoice, Payment
from permissions import audit
from permissions.errors import ServiceError
from teams.services.change import root_key
from tests.billing.stripe_server import Webhook
from tests.services.world import World, is_sentence

HOOK = "/hooks/billing/stripe/"
RETURN_URL = "https://console.example/billing/invoice/1/"


def pay(world: World, invoice: Invoice, **other: Any) -> Payment:
    """Let the owner begin to pay ``invoice`` by card."""
    given = {"actor": world.owner, "gateway": "stripe", "return_url": RETURN_URL, **other}
    return services.pay_invoice(invoice=invoice, **given)


def deliver(webhook: Webhook, *, to: str = HOOK, **other: Any) -> int:
    """Send a message as Stripe does; return the status of the answer. Other bodies and signatures
    may be given."""
    body = other.pop("body", webhook.body)
    signature = other.pop("signature", webhook.signature)
    headers = {} if signature is None else {"Stripe-Signature": signature}
    response = Client(enforce_csrf_checks=True).post(
        to, data=body, content_type="application/json", headers=headers, **other
    )
    if response.status_code in (200, 400):
        assert response.content == b"", "the answer tells nothing"
        assert not response.cookies, "no session, no token"
    return response.status_code


def stands(payment: Payment) -> tuple[str, str, int]:
    """Return how ``payment`` and its invoice stand, and what of the invoice is paid."""
    fresh = Payment.objects.select_related("invoice").get(pk=payment.pk)
    return fresh.status, fresh.invoice.status, int(fresh.invoice.paid)


def said(world: World) -> list[str]:
    """Return who did what in the account's audit, oldest first."""
    events = audit.timeline(root_key(world.account)).values_list("actor_label", "action")
    return [f"{actor}: {action}" for actor, action in events][::-1]


def code_of(act: Any) -> str:
    """Return the code with which ``act`` is refused, in a sentence."""
    with pytest.raises(ServiceError) as caught:
        act()
    assert is_sentence(caught.value.message), caught.value.message
    return caught.value.code
