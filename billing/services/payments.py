"""Paying invoices through a gateway's pages.

A payment takes three steps, each of which may be the last one if the process dies: it is written
down with its key; the gateway hears of it, outside any transaction; what the gateway calls it is
written down. Whoever pays again carries on where it stopped, with the same key, so that the gateway
begins nothing twice; ``reconciling`` ends what nobody carries on.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from django.db import transaction
from django.utils import timezone

from billing import gateways, sight
from billing.gateways.base import Begun, Gateway, GatewayError, Rejected, Seen, State, Unreachable
from billing.models import Invoice, Payment
from billing.services.settling import asked, described, settle, withdrawn
from permissions.errors import Invalid, NotFound
from permissions.policy import TOP
from teams.catalogue import PAY_INVOICES, VIEW_INVOICES
from teams.models import Account
from teams.services.base import changing, service
from teams.services.change import Change
from teams.services.inputs import expect

Status = Payment.Status
#: a gateway keeps a key for at least a day, and its pages are open for a while after this: a
#: payment that never reached it is begun anew rather than carried on
CARRY_ON = timedelta(hours=1)
#: so often somebody else may be quicker
TRIES = 3


def pay_invoice(*, actor: Any, invoice: Invoice, gateway: str, return_url: str) -> Payment:
    """Begin to pay all that is owed of ``invoice``, or carry on; return what is pending.

    ``redirect_url`` of it says where to pay; it is empty while the money is on its way. Not to be
    called within a transaction: the gateway is asked in between. ``return_url`` is where people
    come back to, the same for one invoice. Raises OutOfScope, NotFound or Invalid
    (UNKNOWN_GATEWAY, NOT_ONLINE, NOT_A_URL, NOTHING_OWED, UNDER_WAY, GATEWAY_UNREACHABLE,
    GATEWAY_REFUSED, CANCELLED).
    """
    way = gateways.get(gateway)
    if not way.has_pages:
        raise Invalid(
            f"{way.label} is made at your own bank. The invoice says where to transfer the money.",
            code="NOT_ONLINE",
        )
    _check_url(return_url)
    for _ in range(TRIES):
        found = _start(actor=actor, invoice=invoice, gateway=way.codename)
        payment = found.payment
        if not payment.reference and found.is_fit:
            return _begun(payment, way, return_url)
        try:
            payment = asked(payment) if found.is_fit else withdrawn(payment)
        except GatewayError as error:
            raise Invalid(str(error), code="GATEWAY_UNREACHABLE") from error
        if payment.status == Status.PENDING and found.is_fit:
            return payment
        if payment.status == Status.PENDING:
            raise Invalid(
                "A payment of this invoice is on its way. Wait until it has come.",
                code="UNDER_WAY",
            )
    raise Invalid(
        "Somebody else is paying this invoice at the same time. Look at it again in a minute.",
        code="UNDER_WAY",
    )


def _check_url(url: Any) -> None:
    parts = urlsplit(url) if isinstance(url, str) else None
    if parts is None or parts.scheme not in ("http", "https") or not parts.netloc:
        raise Invalid(
            f"{url!r} is no address to come back to. Give a full one, with https://.",
            code="NOT_A_URL",
        )


@dataclass(frozen=True, slots=True)
class _Pending:
    """What is pending of an invoice, and whether it is what is wanted now."""

    payment: Payment
    is_fit: bool


@contextmanager
def _paying(actor: Any, invoice: Any, *, act: str) -> Iterator[tuple[Change, Invoice]]:
    """Lock the account of ``invoice`` and yield the change and the invoice as it stands.

    One that the actor does not see, be it of another account, looks like a missing one.
    """
    try:
        found = expect(invoice, Invoice, "The invoice")
        with changing(actor, found.account, act=act, while_read_only=True) as change:
            for permission in (VIEW_INVOICES, PAY_INVOICES):
                change.require(permission, frozenset({TOP}), act)
            seen = sight.invoices_of(actor).filter(pk=found.pk).first()
            if seen is None:
                raise NotFound("There is no such invoice among yours.")
            yield change, seen
    except NotFound:
        raise NotFound("There is no such invoice among yours.") from None


@service
def _start(*, actor: Any, invoice: Invoice, gateway: str) -> _Pending:
    """Write down that ``actor`` pays, or find what is pending already."""
    with _paying(actor, invoice, act="pay this invoice") as (change, locked):
        if locked.status != Invoice.Status.OPEN or not locked.owed:
            raise Invalid(f"Nothing is owed of {locked} any more.", code="NOTHING_OWED")
        payment = locked.payments.filter(status=Status.PENDING).first()
        if payment is not None:
            is_lost = not payment.reference and timezone.now() - payment.started_at > CARRY_ON
            is_same = (payment.gateway, payment.amount) == (gateway, locked.owed)
            return _Pending(payment, is_same and not is_lost)
        payment = Payment.objects.create(
            account=change.account,
            invoice=locked,
            gateway=gateway,
            amount=locked.owed,
            currency=locked.currency,
            started_by=actor,
        )
        change.record("payment.started", payment, **described(payment))
        return _Pending(payment, True)


def _begun(payment: Payment, way: Gateway, return_url: str) -> Payment:
    """Have the gateway begin ``payment``, and write down what it calls it."""
    try:
        begun = way.begin(payment, return_url=return_url)
    except Unreachable as error:
        raise Invalid(str(error), code="GATEWAY_UNREACHABLE") from error
    except Rejected as error:
        _noted(payment, error)
        raise Invalid(str(error), code="GATEWAY_REFUSED") from error
    payment = _noted(payment, begun)
    if payment.status in (Status.CANCELLED, Status.FAILED):
        # somebody was quicker than the gateway: its page must not be paid on any more
        with suppress(GatewayError):
            settle(payment, way.withdraw(payment))
        raise Invalid("The payment was cancelled meanwhile. Begin again.", code="CANCELLED")
    return payment


@transaction.atomic
def _noted(payment: Payment, answer: Begun | Rejected) -> Payment:
    """Write down what the gateway answered, unless that was done for another call meanwhile."""
    Account.objects.select_for_update(no_key=True).get(pk=payment.account_id)
    fresh = Payment.objects.get(pk=payment.pk)
    if fresh.reference:
        return fresh
    if isinstance(answer, Rejected):
        return settle(fresh, Seen(State.FAILED, problem=str(answer)))
    fresh.reference, fresh.redirect_url = answer.reference, answer.redirect_url
    fresh.save(update_fields=["reference", "redirect_url"])
    return fresh


def look_after_payment(*, actor: Any, payment: Payment) -> Payment:
    """Ask the gateway what became of a payment, for whoever comes back from its pages.

    Returns it as it stands, also if nobody answers. Raises OutOfScope or NotFound.
    """
    return asked(_owned(actor=actor, payment=payment, act="look after this payment"))


def cancel_payment(*, actor: Any, payment: Payment) -> Payment:
    """Let nobody pay ``payment`` any more; return it, cancelled or failed.

    Raises OutOfScope, NotFound or Invalid (ALREADY_PAID, UNDER_WAY, GATEWAY_UNREACHABLE).
    """
    found = _owned(actor=actor, payment=payment, act="cancel this payment")
    try:
        found = withdrawn(found, by=actor)
    except GatewayError as error:
        raise Invalid(str(error), code="GATEWAY_UNREACHABLE") from error
    if found.status == Status.PENDING:
        raise Invalid(
            "Somebody has paid on the gateway's page, and the money is on its way. It cannot be "
            "called back.",
            code="UNDER_WAY",
        )
    if found.status in (Status.SUCCEEDED, Status.SURPLUS, Status.RETURNED):
        raise Invalid("The money has come, so there is nothing to cancel.", code="ALREADY_PAID")
    return found


@service
def _owned(*, actor: Any, payment: Payment, act: str) -> Payment:
    """Return ``payment`` as it is stored, if ``actor`` may pay its invoice."""
    unseen = NotFound("There is no such payment among yours.")
    try:
        found = expect(payment, Payment, "The payment")
        with _paying(actor, found.invoice, act=act):
            return Payment.objects.get(pk=found.pk)
    except NotFound:
        raise unseen from None
