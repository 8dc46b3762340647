"""What the answers of a gateway mean for a payment and its invoice: the only place that decides.

Whatever is told, in whatever order and however often: a payment moves along ``billing.states``
alone, an invoice is never paid beyond what is owed, and what comes beside that is sent back. All of
it happens under the account's lock.
"""

from __future__ import annotations

import logging
from typing import Any

from django.db import transaction
from django.utils import timezone

from billing import gateways
from billing.gateways.base import Event, GatewayError, Seen, State
from billing.models import GatewayEvent, Invoice, Payment
from billing.services import dunning
from billing.states import may_become, move
from teams.background import enqueue, task
from teams.models import Account
from teams.services.change import Entry

log = logging.getLogger("billing.payments")
Status = Payment.Status
PROBLEM_LIMIT = 500


@transaction.atomic
def receive(*, gateway: str, event: Event) -> str:
    """Act on an authentic message of ``gateway``, once; return in words what came of it."""
    known = Payment.objects.filter(key=event.key, gateway=gateway).first()
    account = _locked(known.account_id) if known is not None else None
    row, is_new = GatewayEvent.objects.get_or_create(
        gateway=gateway,
        event=event.id,
        defaults={"kind": event.kind, "payment": known, "outcome": "no such payment"},
    )
    if known is None or account is None or not is_new:
        return row.outcome if is_new else "replayed"
    row.outcome = apply(Entry(None, account), Payment.objects.get(pk=known.pk), event.seen)
    row.save(update_fields=["outcome"])
    return row.outcome


@transaction.atomic
def settle(payment: Payment, seen: Seen, *, by: Any = None) -> Payment:
    """Write down what a gateway answered about ``payment``; return it as it stands then.

    ``by`` is who asked for it to end so; None for nobody.
    """
    account = _locked(payment.account_id)
    fresh = Payment.objects.get(pk=payment.pk)
    apply(Entry(by, account), fresh, seen)
    return fresh


def _locked(key: Any) -> Account:
    return Account.objects.select_for_update(no_key=True).get(pk=key)


def apply(entry: Entry, payment: Payment, seen: Seen) -> str:
    """Let ``payment``, just read under the lock, become what ``seen`` says; return it in words."""
    if seen.reference and payment.reference not in ("", seen.reference):
        return "ignored: it has another reference"
    payment.reference = payment.reference or seen.reference
    outcome = _moved(entry, payment, seen)
    payment.save()
    return outcome


def _moved(entry: Entry, payment: Payment, seen: Seen) -> str:
    match seen.state:
        case State.SUCCEEDED:
            return _come(entry, payment, seen)
        case State.FAILED:
            return _ended(entry, payment, Status.FAILED, seen.problem)
        case State.CANCELLED:
            return _ended(entry, payment, Status.CANCELLED, seen.problem)
        case State.UNDER_WAY if payment.status == Status.PENDING:
            # nobody is to be sent to a page on which somebody has paid
            payment.redirect_url = ""
            return "under way"
    return "nothing new"


def _ended(entry: Entry, payment: Payment, status: str, problem: str) -> str:
    if not may_become(payment, status):
        return f"ignored: it is {payment.status} already"
    move(payment, status)
    payment.problem = problem[:PROBLEM_LIMIT]
    payment.settled_at = timezone.now()
    entry.record(f"payment.{status}", payment, **described(payment), problem=payment.problem)
    return status


def _come(entry: Entry, payment: Payment, seen: Seen) -> str:
    """Money has come: count it, or set it aside to be sent back."""
    if not may_become(payment, Status.SUCCEEDED):
        return f"ignored: it is {payment.status} already"
    if (seen.amount, seen.currency) != (payment.amount, payment.currency):
        return _mismatched(entry, payment, seen)
    payment.problem, payment.settled_at = "", timezone.now()
    # read under the lock: what was read with the payment may be older
    invoice = Invoice.objects.get(pk=payment.invoice_id)
    if invoice.status != Invoice.Status.OPEN or payment.amount > invoice.owed:
        move(payment, Status.SURPLUS)
        entry.record("payment.surplus", payment, **described(payment))
        enqueue(send_back, payment.pk)
        return "surplus"
    move(payment, Status.SUCCEEDED)
    count(entry, payment, invoice)
    return "succeeded"


def _mismatched(entry: Entry, payment: Payment, seen: Seen) -> str:
    """Another amount was paid than was asked: it counts for nothing until people have looked."""
    came = f"{seen.amount} {seen.currency}"
    payment.problem = (
        f"{came} came instead of {payment.amount} {payment.currency}. It is not counted: the "
        "platform has to look at it."
    )
    if may_become(payment, Status.FAILED):
        move(payment, Status.FAILED)
        payment.settled_at = timezone.now()
    entry.record("payment.mismatched", payment, **described(payment), came=came)
    log.error("payment %s: %s came, %s was asked", payment.key, came, payment.amount)
    return "another amount"


def count(entry: Entry, payment: Payment, invoice: Invoice) -> None:
    """Add a payment that succeeded to what is paid of ``invoice``; under the account's lock."""
    invoice.paid += payment.amount
    is_paid = not invoice.owed
    if is_paid:
        move(invoice, Invoice.Status.PAID)
        invoice.settled_at = payment.settled_at
    invoice.save(update_fields=["paid", "status", "settled_at"])
    entry.record("payment.succeeded", payment, **described(payment))
    if is_paid:
        entry.record("invoice.paid", invoice, invoice=invoice.label)
        dunning.refresh(entry.account)
    for other in invoice.payments.filter(status=Status.PENDING).exclude(pk=payment.pk):
        # it asks for more than is owed now
        enqueue(withdraw, other.pk)


def described(payment: Payment) -> dict[str, str]:
    """Return what the audit says of a payment."""
    return {
        "invoice": payment.invoice.label,
        "gateway": payment.gateway,
        "amount": str(payment.amount),
        "currency": payment.currency,
        "reference": payment.reference,
    }


# what is left to do at the gateway; ``reconcile_payments`` does it where no worker could


@task()
def send_back(key: int) -> str:
    """Send a surplus back; return how the payment stands."""
    return returned(Payment.objects.get(pk=key)).status


def returned(payment: Payment) -> Payment:
    """Send a surplus back, and write it down. Raises GatewayError; repeating it is safe."""
    if payment.status != Status.SURPLUS:
        return payment
    called = gateways.get(payment.gateway).send_back(payment)
    with transaction.atomic():
        account = _locked(payment.account_id)
        fresh = Payment.objects.get(pk=payment.pk)
        if fresh.status == Status.SURPLUS:
            move(fresh, Status.RETURNED)
            fresh.save(update_fields=["status"])
            entry = Entry(None, account)
            entry.record("payment.returned", fresh, **described(fresh), returned_as=called)
    return fresh


@task()
def withdraw(key: int) -> str:
    """Let nobody pay what need not be paid any more; return how the payment stands."""
    return withdrawn(Payment.objects.get(pk=key)).status


def withdrawn(payment: Payment, *, by: Any = None) -> Payment:
    """Let nobody pay ``payment`` any more. Raises GatewayError.

    What never reached the gateway is cancelled here: should it have been there after all, nobody
    knows the address, and money that comes regardless is counted or sent back.
    """
    if payment.status != Status.PENDING:
        return payment
    if not payment.reference:
        return settle(payment, Seen(State.CANCELLED), by=by)
    return settle(payment, gateways.get(payment.gateway).withdraw(payment), by=by)


def asked(payment: Payment) -> Payment:
    """Ask the gateway what became of a pending ``payment``; as it was if nobody answers."""
    if payment.status != Status.PENDING or not payment.reference:
        return payment
    try:
        seen = gateways.get(payment.gateway).look(payment)
    except GatewayError as error:
        log.warning("payment %s: %s", payment.key, error)
        return payment
    return settle(payment, seen)
