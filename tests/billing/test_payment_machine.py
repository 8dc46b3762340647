"""Whatever is begun, told, cancelled, transferred and credited in whatever order: the books agree.

Hypothesis walks through random sequences over two invoices, with a gateway's messages kept, sent
again and sent late, and compares with a model of its own what every payment and invoice must be.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from django.db import transaction
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)

from billing import services
from billing.factories import InvoiceFactory
from billing.gateways.base import Event, Seen, State
from billing.models import GatewayEvent, Invoice, Payment, Refund
from billing.services import reconciling, settling
from billing.states import MOVES
from permissions import access, audit
from permissions.errors import Invalid
from tests.billing.paying import pay
from tests.billing.stripe_server import Stripe
from tests.services.world import World, world

#: what a long walk has to come past
MET = {
    "begun", "cancelled", "credited", "reconciled", "refunded", "transferred",
    "told: cancelled", "told: failed", "told: replayed", "told: succeeded",
    "told: under way", "told: ignored: it is succeeded already",
}  # fmt: skip
AMOUNTS = st.sampled_from([Decimal("0.01"), Decimal(1), Decimal("60.50"), Decimal(121)])


@dataclass(slots=True)
class Told:
    """A message that was sent, and may be delivered any number of times."""

    event: Event
    delivered: int = field(default=0)


class Paying(RuleBasedStateMachine):
    """Two invoices of one account, and everything that can happen to them."""

    server: Stripe
    counted: dict[str, int]

    begun = Bundle("begun")
    messages = Bundle("messages")

    def __init__(self) -> None:
        super().__init__()
        self.atomic = transaction.atomic()
        self.atomic.__enter__()
        self.here: World = world("emma_hq")
        self.seen: dict[int, str] = {}
        self.transfers: dict[str, tuple[int, Decimal]] = {}
        self.server.clear()

    def teardown(self) -> None:
        assert list(audit.verify()) == []
        transaction.set_rollback(True)
        self.atomic.__exit__(None, None, None)
        access.forget()

    @initialize(target=begun)
    def open_invoices(self) -> Any:
        self.invoices = [
            InvoiceFactory(account=self.here.account, month=date(2026, month, 1))
            for month in (1, 2)
        ]
        self.count("begun")
        return pay(self.here, self.invoices[0])

    def count(self, what: str) -> None:
        self.counted[what] = self.counted.get(what, 0) + 1

    def session_of(self, payment: Payment) -> dict[str, Any]:
        return next(s for s in self.server.sessions() if s["id"] == payment.reference)

    # what people do

    @rule(target=begun, which=st.integers(0, 1))
    def begin(self, which: int) -> Any:
        invoice = Invoice.objects.get(pk=self.invoices[which].pk)
        pending = invoice.payments.filter(status="pending").first()
        paid: list[Payment] = []
        code = code_of(lambda: paid.append(pay(self.here, invoice)))
        if code:
            assert code in ("NOTHING_OWED", "UNDER_WAY", "GATEWAY_REFUSED")
            self.count(f"refused: {code}")
            return multiple()
        [payment] = paid
        self.count("begun")
        assert payment.amount == Invoice.objects.get(pk=invoice.pk).owed
        if pending is not None and pending.amount == payment.amount:
            fresh = Payment.objects.get(pk=pending.pk)
            assert payment == pending or fresh.status in ("cancelled", "failed")
        return payment

    @rule(target=messages, payment=begun, at_once=st.booleans())
    def complete(self, payment: Payment, at_once: bool) -> Any:
        """Pay on Stripe's page, if it is open: Stripe then says so, at once or some time."""
        payment.refresh_from_db()
        if self.session_of(payment)["status"] != "open":
            return multiple()
        self.server.complete(payment.reference)
        told = self.told()
        for message in told.values if at_once else ():
            self.deliver_now(message)
        return told

    @rule(target=messages, payment=begun, comes=st.booleans())
    def promise(self, payment: Payment, comes: bool) -> Any:
        payment.refresh_from_db()
        if self.session_of(payment)["status"] != "open":
            return multiple()
        self.server.promise(payment.reference)
        self.server.debit(payment.reference, succeeds=comes)
        return self.told()

    @rule(target=messages, payment=begun)
    def time_is_over(self, payment: Payment) -> Any:
        payment.refresh_from_db()
        if self.session_of(payment)["status"] != "open":
            return multiple()
        self.server.expire(payment.reference)
        return self.told()

    def told(self) -> Any:
        from billing import gateways

        read = gateways.get("stripe").read
        found = [read(w.body, {"Stripe-Signature": w.signature}) for w in self.server.webhooks()]
        return multiple(*(Told(event) for event in found if event is not None))

    @rule(message=messages)
    def deliver(self, message: Told) -> None:
        """Deliver a message: for the first time, again, or late."""
        self.deliver_now(message)

    def deliver_now(self, message: Told) -> None:
        events = GatewayEvent.objects.count()
        outcome = settling.receive(gateway="stripe", event=message.event)
        assert (outcome == "replayed") == (message.delivered > 0)
        assert GatewayEvent.objects.count() == events + (message.delivered == 0)
        message.delivered += 1
        self.count(f"told: {outcome}")

    @rule(message=consumes(messages), amount=AMOUNTS)
    def deliver_another_amount(self, message: Told, amount: Decimal) -> None:
        """Deliver what says that another amount came: it never counts."""
        payment = Payment.objects.get(key=message.event.key)
        if amount == payment.amount:
            return
        seen = Seen(State.SUCCEEDED, message.event.seen.reference, amount, "EUR")
        event = Event(f"evt_{uuid4().hex}", "other", payment.key, seen)
        before = Invoice.objects.get(pk=payment.invoice_id).paid
        settling.receive(gateway="stripe", event=event)
        assert Invoice.objects.get(pk=payment.invoice_id).paid == before

    @rule(payment=begun)
    def cancel(self, payment: Payment) -> None:
        code = code_of(lambda: services.cancel_payment(actor=self.here.owner, payment=payment))
        assert code in ("", "ALREADY_PAID", "UNDER_WAY")
        if not code:
            assert Payment.objects.get(pk=payment.pk).status in ("cancelled", "failed")
            self.count("cancelled")

    @rule(payment=begun)
    def come_back(self, payment: Payment) -> None:
        services.look_after_payment(actor=self.here.owner, payment=payment)

    @rule(payment=begun)
    def lose_the_answer(self, payment: Payment) -> None:
        """As if the process had died before it was written down what Stripe calls it."""
        pending = Payment.objects.filter(pk=payment.pk, status="pending")
        if self.session_of(Payment.objects.get(pk=payment.pk))["status"] == "open":
            pending.update(reference="", redirect_url="")
            invoice = Payment.objects.get(pk=payment.pk).invoice
            if pending.filter(amount=invoice.owed).exists():
                assert pay(self.here, invoice) == payment
            else:
                Payment.objects.filter(pk=payment.pk).update(reference=payment.reference)

    # what the platform does

    @rule(which=st.integers(0, 1), amount=AMOUNTS, reference=st.sampled_from("ABC"))
    def transfer(self, which: int, amount: Decimal, reference: str) -> None:
        invoice = Invoice.objects.get(pk=self.invoices[which].pk)
        known, owed = self.transfers.get(reference), invoice.owed
        code = code_of(
            lambda: services.record_payment(
                reason="Seen", invoice=invoice, amount=amount, reference=reference
            )
        )
        if known is not None:
            assert code == ("" if known == (invoice.pk, amount) else "REFERENCE_USED")
        elif not owed or invoice.status != "open":
            assert code == "NOTHING_OWED"
        else:
            assert code == ("TOO_MUCH" if amount > owed else "")
        if not code:
            self.transfers[reference] = (invoice.pk, amount)
            self.count("transferred")

    @rule(which=st.integers(0, 1), amount=AMOUNTS)
    def credit(self, which: int, amount: Decimal) -> None:
        invoice = Invoice.objects.get(pk=self.invoices[which].pk)
        if amount <= invoice.total - invoice.credited:
            services.credit_invoice(reason="A mistake", invoice=invoice, amount=amount)
            self.count("credited")

    @rule(which=st.integers(0, 1), amount=AMOUNTS)
    def refund(self, which: int, amount: Decimal) -> None:
        invoice = Invoice.objects.get(pk=self.invoices[which].pk)
        payment = invoice.payments.filter(status="succeeded").first()
        if payment is None:
            return
        rest = invoice.surplus - sum(
            (r.amount for r in Refund.objects.filter(payment__invoice=invoice)), Decimal(0)
        )
        code = code_of(
            lambda: services.record_refund(
                reason="Credited", payment=payment, amount=amount, reference=uuid4().hex
            )
        )
        assert code in ("", "TOO_MUCH")
        assert amount <= rest if not code else True
        self.count("refunded" if not code else "refused to refund")

    @rule()
    def work_off(self) -> None:
        """Do what is left to do at the gateway."""
        for _ in range(2):  # what the first round finds to be a surplus, the second sends back
            for payment in reconciling.unsettled(timedelta(0)):
                reconciling.reconcile(payment)
        assert not Payment.objects.filter(status="surplus").exists()
        self.count("reconciled")

    # what must hold after each step

    @invariant()
    def the_books_agree(self) -> None:
        for invoice in Invoice.objects.filter(account=self.here.account):
            rows = list(invoice.payments.all())
            came = sum((p.amount for p in rows if p.status == "succeeded"), Decimal(0))
            assert invoice.paid == came <= invoice.total
            settled = invoice.paid + invoice.credited >= invoice.total
            assert (invoice.status == "open") != settled
            assert (invoice.settled_at is not None) == settled
            assert sum(p.status == "pending" for p in rows) <= 1
            refunds = Refund.objects.filter(payment__invoice=invoice)
            assert sum((r.amount for r in refunds), Decimal(0)) <= invoice.surplus
            for payment in rows:
                before = self.seen.get(payment.pk, "pending")
                if payment.gateway == "stripe" and payment.status != before:
                    assert reaches(before, payment.status)
                self.seen[payment.pk] = payment.status

    @invariant()
    def no_more_is_kept_than_was_paid_there(self) -> None:
        """What Stripe has of us is what counts, what is to go back, or another amount."""
        for session in self.server.sessions():
            payment = Payment.objects.filter(reference=session["id"]).first()
            if payment is not None and payment.status in ("succeeded", "surplus", "returned"):
                assert session["payment_status"] == "paid"
                assert Decimal(session["amount_total"]) / 100 == payment.amount
        keys = [json.dumps(s["metadata"]) for s in self.server.sessions()]
        assert len(keys) == len(set(keys)), "one session for each payment"


def code_of(act: Callable[[], Any]) -> str:
    """Do it and return the code with which it is refused; empty if it is not."""
    try:
        act()
    except Invalid as error:
        return error.code
    return ""


def reaches(start: str, end: str) -> bool:
    """Say whether ``end`` can come of ``start`` by what is allowed, in any number of steps."""
    table, found, new = MOVES[Payment], set(), {start}
    while new:
        found |= new
        new = {after for status in new for after in table[status]} - found
    return end in found


@pytest.mark.django_db
@pytest.mark.once
@pytest.mark.parametrize(
    ("examples", "steps", "met"),
    [
        pytest.param(4, 12, {"begun"}, id="quick"),
        pytest.param(60, 40, MET, id="long", marks=[pytest.mark.deep, pytest.mark.slow]),
    ],
)
def test_whatever_happens_the_books_agree(
    stripe: Stripe, record_property: Any, examples: int, steps: int, met: set[str]
) -> None:
    Paying.server, Paying.counted = stripe, {}
    run_state_machine_as_test(
        Paying,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            suppress_health_check=list(HealthCheck),
        ),
    )
    for what, number in sorted(Paying.counted.items()):
        record_property(f"payments {what}", number)
    assert met <= set(Paying.counted), met - set(Paying.counted)
