"""Cards, and whatever else is switched on at Stripe: paid on Stripe's own page (Checkout).

Nothing of Stripe's is loaded by our pages and no number of a card ever comes here. Stripe's page is
reached by a link: browsers apply ``form-action`` to where a form is redirected, and that stays
``'self'``. The package is an extra (``django-subaccounts[stripe]``), so this module is loaded by
name, and only where ``stripe_keys`` says that Stripe is set up.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal
from functools import cache
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from django.conf import settings
from django.utils.translation import gettext_lazy as _
from stripe import (
    APIConnectionError,
    APIError,
    RateLimitError,
    RequestsClient,
    SignatureVerificationError,
    StripeClient,
    StripeError,
    WebhookSignature,
)

from billing.gateways.base import (
    Begun,
    Event,
    Forged,
    Gateway,
    Rejected,
    Seen,
    State,
    Unreachable,
)
from billing.gateways.stripe_keys import keys
from billing.models import Payment

log = logging.getLogger("billing.payments")

DEFAULT_API_BASE = "https://api.stripe.com"
#: seconds to connect, and for each answer; and how often the library tries again by itself
TIMEOUT = (5, 20)
RETRIES = 2
#: how old a signature may be, in seconds: Stripe's own default
TOLERANCE = 300
#: how long Stripe's page can be paid on, counted from the start of the payment, so that repeating
#: a call says the same. Stripe wants 30 minutes to a day from the moment it is called
OPEN_FOR = timedelta(hours=2)
ID_LIMIT = 200

# https://docs.stripe.com/currencies: amounts are in the smallest unit, which for Stripe is a
# hundredth, except for these; of the last, the last digit must be 0
WHOLE = frozenset(
    [
        "BIF",
        "CLP",
        "DJF",
        "GNF",
        "JPY",
        "KMF",
        "KRW",
        "MGA",
        "PYG",
        "RWF",
        "VND",
        "VUV",
        "XAF",
        "XOF",
        "XPF",
    ]
)
THOUSANDTHS = frozenset(["BHD", "JOD", "KWD", "OMR", "TND"])

KINDS = frozenset(
    f"checkout.session.{what}"
    for what in ("completed", "expired", "async_payment_succeeded", "async_payment_failed")
)
_UNREACHABLE = "Stripe does not answer. Try again in a few minutes; nothing is paid twice."
_REASONS = {
    "amount_too_small": "Stripe does not take so small an amount. Transfer it to the bank.",
    "amount_too_large": "Stripe does not take so large an amount. Transfer it to the bank.",
}
_REJECTED = "Stripe refuses this. The platform has to look at how Stripe is set up."


def units(amount: Decimal, currency: str) -> int:
    """Return ``amount`` as Stripe counts it. Raises Rejected for what it cannot count."""
    step = 10 if currency in THOUSANDTHS else 1
    scaled = amount.scaleb(_exponent(currency))
    if scaled != int(scaled) or int(scaled) % step:
        raise Rejected(
            f"Stripe takes no amount as fine as {amount} {currency}. Transfer it to the bank."
        )
    return int(scaled)


def amount_of(found: Any, currency: str) -> Decimal | None:
    """Return what Stripe counts as ``found`` as an amount; None for what is no number."""
    if not isinstance(found, int) or isinstance(found, bool):
        return None
    return Decimal(found).scaleb(-_exponent(currency))


def _exponent(currency: str) -> int:
    return 0 if currency in WHOLE else 3 if currency in THOUSANDTHS else 2


@cache
def _client(key: str, base: str) -> Any:
    return StripeClient(
        key,
        base_addresses={"api": base},
        max_network_retries=RETRIES,
        http_client=RequestsClient(timeout=TIMEOUT),
    )


def _stripe() -> Any:
    base = getattr(settings, "STRIPE_API_BASE", DEFAULT_API_BASE)
    return _client(keys()[0], base.rstrip("/")).v1


@contextmanager
def _asking(payment: Payment) -> Iterator[None]:
    """Turn what the library raises into what a gateway says. Stripe's own words, in which there
    may be a part of a key, go to the log only."""
    try:
        yield
    except (APIConnectionError, APIError, RateLimitError) as error:
        log.warning("payment %s: Stripe does not answer: %s", payment.key, error)
        raise Unreachable(_UNREACHABLE) from error
    except StripeError as error:
        log.error("payment %s: Stripe refuses: %s", payment.key, error)
        code = str(error.code or "")
        raise Rejected(_REASONS.get(code, _REJECTED), code) from error


class Stripe(Gateway):
    """Stripe's hosted Checkout: a session for each payment, known by the payment's key."""

    codename = "stripe"
    label = _("Card (Stripe)")

    def begin(self, payment: Payment, *, return_url: str) -> Begun:
        """Open a session for ``payment``."""
        currency, label = payment.currency, payment.invoice.label
        key = {"payment": str(payment.key)}
        item = {
            "currency": currency.lower(),
            "unit_amount": units(payment.amount, currency),
            "product_data": {"name": f"Invoice {label}"},
        }
        with _asking(payment):
            session = _stripe().checkout.sessions.create(
                params={
                    "mode": "payment",
                    "line_items": [{"quantity": 1, "price_data": item}],
                    "client_reference_id": key["payment"],
                    "metadata": key,
                    "payment_intent_data": {"metadata": key, "description": f"Invoice {label}"},
                    # what is asked in one currency is paid in that one
                    "adaptive_pricing": {"enabled": False},
                    "success_url": return_url,
                    "cancel_url": return_url,
                    "expires_at": int((payment.started_at + OPEN_FOR).timestamp()),
                },
                options={"idempotency_key": key["payment"]},
            )
        if urlsplit(session.url or "").scheme not in ("https", "http"):
            log.error("payment %s: Stripe gives no address: %r", payment.key, session.url)
            raise Rejected(_REJECTED)
        return Begun(session.id, session.url)

    def look(self, payment: Payment) -> Seen:
        """Ask how the session stands. One that Stripe does not know, as of another key, is no way
        to pay; should money come for it after all, it counts."""
        try:
            with _asking(payment):
                session = _stripe().checkout.sessions.retrieve(
                    payment.reference, params={"expand": ["payment_intent"]}
                )
        except Rejected as error:
            if error.code != "resource_missing":
                raise
            return Seen(State.CANCELLED, payment.reference, problem="Stripe does not know it.")
        return _seen(session.to_dict())

    def withdraw(self, payment: Payment) -> Seen:
        """End the session, unless it has ended."""
        try:
            with _asking(payment):
                session = _stripe().checkout.sessions.expire(payment.reference)
        except Rejected:
            seen = self.look(payment)
            if seen.state == State.OPEN:
                raise
            return seen
        return _seen(session.to_dict())

    def send_back(self, payment: Payment) -> str:
        """Refund all that was paid in the session."""
        with _asking(payment):
            session = _stripe().checkout.sessions.retrieve(payment.reference)
        try:
            with _asking(payment):
                refund = _stripe().refunds.create(
                    params={
                        "payment_intent": session.payment_intent,
                        "metadata": {"payment": str(payment.key)},
                    },
                    options={"idempotency_key": f"{payment.key}-back"},
                )
        except Rejected as error:
            if error.code != "charge_already_refunded":
                raise
            # Stripe forgets a key after a while, or somebody did it by hand
            return str(session.payment_intent)
        if refund.status in ("failed", "canceled"):
            raise Rejected("Stripe could not send the money back. The platform has to look at it.")
        return str(refund.id)

    def read(self, body: bytes, headers: Mapping[str, str]) -> Event | None:
        """Return what a webhook says, once its signature over the very bytes is found good."""
        try:
            WebhookSignature.verify_header(
                body.decode(), headers.get("Stripe-Signature"), keys()[1], TOLERANCE
            )
            event = json.loads(body)
        # a signature that is no ASCII cannot be compared, which the library does not expect
        except (SignatureVerificationError, ValueError, TypeError) as error:
            raise Forged("The signature is wrong or too old.") from error
        return _event(event)


def _event(event: Any) -> Event | None:
    """Return what an authentic message says. Raises Forged if it is none of Stripe's shape."""
    try:
        key, kind, session = str(event["id"]), str(event["type"]), event["data"]["object"]
        if kind not in KINDS:
            return None
        seen, named = _seen(session), (session.get("metadata") or {}).get("payment")
    except (AttributeError, KeyError, TypeError) as error:
        raise Forged("The message is not one of Stripe's.") from error
    if not key or len(key) > ID_LIMIT:
        raise Forged("The message has no name.")
    if kind.endswith(".async_payment_failed"):
        seen = Seen(State.FAILED, seen.reference, problem="The bank of whoever paid refused it.")
    try:
        payment = UUID(named)
    except (AttributeError, TypeError, ValueError):
        return None  # a session that somebody else opened, with the same keys
    return Event(key, kind, payment, seen)


def _seen(session: Mapping[str, Any]) -> Seen:
    """Return what a session says of its payment."""
    reference, status = str(session["id"]), session["status"]
    currency = str(session["currency"]).upper()
    if status == "expired":
        return Seen(State.CANCELLED, reference)
    if status != "complete":
        return Seen(State.OPEN, reference)
    if session["payment_status"] == "unpaid":
        intent = session.get("payment_intent")
        stands = intent.get("status") if isinstance(intent, Mapping) else ""
        if stands in ("canceled", "requires_payment_method"):
            problem = "The bank of whoever paid refused it."
            return Seen(State.FAILED, reference, problem=problem)
        return Seen(State.UNDER_WAY, reference)
    amount = amount_of(session["amount_total"], currency)
    return Seen(State.SUCCEEDED, reference, amount, currency)
