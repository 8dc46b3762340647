"""What a gateway tells us: believed if it is signed, acted on once, in whatever order it comes."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from django.test import Client
from stripe import WebhookSignature

from billing import services
from billing.factories import InvoiceFactory
from billing.models import GatewayEvent, Payment
from billing.services import payments, reconciling, settling
from permissions.audit import label_of
from tests.billing.paying import HOOK, deliver, pay, said, stands
from tests.billing.stripe_server import SECRET, Stripe, Webhook
from tests.services.world import World, stored, world

pytestmark = pytest.mark.django_db
PAID = ("succeeded", "paid", 121)


@pytest.fixture
def here() -> World:
    """An account of Emma HQ."""
    return world("emma_hq")


def signed(body: bytes, *, secret: str = SECRET, at: float | None = None) -> str:
    """Return a signature over ``body``, as Stripe makes it."""
    moment = int(time.time() if at is None else at)
    header: str = WebhookSignature.generate_signature_header(body.decode(), secret, moment)
    return header


def changed(webhook: Webhook, **session: Any) -> Webhook:
    """Return a message about the same session with other values, signed, with a name of its own."""
    event = json.loads(webhook.body)
    event["id"] += "".join(sorted(session))
    event["data"]["object"].update(session)
    body = json.dumps(event).encode()
    return replace(webhook, body=body, signature=signed(body))


def test_a_payment_counts_once_however_often_and_whenever_it_is_told(
    here: World, stripe: Stripe
) -> None:
    """Webhook ×3, then the return from Stripe's page; another one the other way round."""
    payment = pay(here, InvoiceFactory(account=here.account))
    stripe.complete(payment.reference)
    [told] = stripe.webhooks()
    assert [deliver(told) for _ in range(3)] == [200, 200, 200]
    assert stands(payment) == PAID
    assert services.look_after_payment(actor=here.owner, payment=payment).status == "succeeded"
    row = GatewayEvent.objects.get()
    assert (row.payment, row.kind, row.outcome) == (payment, told.kind, "succeeded")
    owner = label_of(here.owner)
    events = ["System: payment.succeeded", "System: invoice.paid"]
    assert said(here) == [f"{owner}: payment.started", *events]

    second = pay(here, InvoiceFactory(account=here.account, month=date(2026, 2, 1)))
    stripe.complete(second.reference)
    assert services.look_after_payment(actor=here.owner, payment=second).status == "succeeded"
    assert [deliver(w) for w in stripe.webhooks()] == [200]
    assert stands(second) == PAID
    assert said(here)[3:] == [f"{owner}: payment.started", *events]


def test_out_of_order_ends_as_in_order(here: World, stripe: Stripe) -> None:
    """Expired before completed and after it; refused by the bank and come after all."""
    payment = pay(here, InvoiceFactory(account=here.account))
    stripe.complete(payment.reference)
    [completed] = stripe.webhooks()
    expired = changed(completed, status="expired")
    assert (deliver(expired), stands(payment)) == (200, ("cancelled", "open", 0))
    assert (deliver(completed), stands(payment)) == (200, PAID)
    late = changed(completed, status="expired", late=True)
    assert (deliver(late), stands(payment)) == (200, PAID)
    assert GatewayEvent.objects.latest("pk").outcome == "ignored: it is succeeded already"

    second = pay(here, InvoiceFactory(account=here.account, month=date(2026, 2, 1)))
    stripe.promise(second.reference)
    [promised] = stripe.webhooks()
    assert (deliver(promised), stands(second)) == (200, ("pending", "open", 0))
    assert Payment.objects.get(pk=second.pk).redirect_url == "", "nobody is sent there again"
    assert pay(here, second.invoice) == second
    assert services.look_after_payment(actor=here.owner, payment=second).status == "pending"
    stripe.debit(second.reference, succeeds=False)
    [failed] = stripe.webhooks()
    assert (deliver(failed), stands(second)) == (200, ("failed", "open", 0))
    assert "refused" in Payment.objects.get(pk=second.pk).problem
    assert (deliver(promised), stands(second)) == (200, ("failed", "open", 0))

    third = pay(here, second.invoice)
    assert third != second
    stripe.promise(third.reference)
    stripe.debit(third.reference, succeeds=True)
    first_word, last_word = stripe.webhooks()
    assert (deliver(last_word), stands(third)) == (200, PAID)
    assert (deliver(first_word), stands(third)) == (200, PAID)


def test_what_is_not_signed_by_the_gateway_is_refused_and_leaves_nothing(
    here: World, stripe: Stripe, settings: Any
) -> None:
    payment = pay(here, InvoiceFactory(account=here.account))
    stripe.complete(payment.reference)
    [told] = stripe.webhooks()
    body = told.body
    forged: dict[str, dict[str, Any]] = {
        "no signature": {"signature": None},
        "another one": {"signature": "t=1,v1=0"},
        "none of its shape": {"signature": "nonsense"},
        "not in ASCII": {"signature": f"t={int(time.time())},v1=\xe9"},
        "an old scheme": {"signature": told.signature.replace("v1=", "v0=")},
        "another secret": {"signature": signed(body, secret="whsec_another")},
        "an old one": {"signature": signed(body, at=time.time() - 301)},
        "another moment": {"signature": told.signature.replace("t=1", "t=2")},
        "an altered body": {"body": body.replace(b"12100", b"12101")},
        "a space more": {"body": body + b" "},
        "an empty body": {"body": b""},
        "bytes that are no text": {"body": b"\xff\xfe"},
        "no JSON": {"body": b"{", "signature": signed(b"{")},
        "a list": {"body": b"[]", "signature": signed(b"[]")},
        "no session": {"body": b'{"id": "e", "type": "checkout.session.completed", "data": {}}'},
        "too long": {"body": b" " * 300_000},
    }
    forged["no session"]["signature"] = signed(forged["no session"]["body"])
    before = stored()
    for what, given in forged.items():
        assert deliver(told, **given) == 400, what
    assert [deliver(told, to=f"/hooks/billing/{name}/") for name in ("bank", "paypal")] == [
        400,
        404,
    ]
    assert Client().get(HOOK).status_code == 405
    assert stored() == before
    assert not GatewayEvent.objects.exists()
    assert stands(payment) == ("pending", "open", 0)
    settings.STRIPE_WEBHOOK_SECRET = ""
    assert deliver(told, signature=signed(body, secret="")) == 404, "without a secret nothing is"
    settings.STRIPE_WEBHOOK_SECRET = SECRET
    assert deliver(told, signature=signed(body, at=time.time() - 290)) == 200
    assert stands(payment) == PAID


def test_what_is_authentic_and_not_ours_is_answered_alike_and_changes_nothing(
    here: World, stripe: Stripe
) -> None:
    """A key nobody knows, one of a payment to the bank, another session, another kind."""
    payment = pay(here, InvoiceFactory(account=here.account))
    stripe.complete(payment.reference)
    [told] = stripe.webhooks()
    transfer = services.record_payment(
        reason="Seen", invoice=InvoiceFactory(account=here.account, month=date(2026, 2, 1)),
        amount=1, reference="B-1",
    )  # fmt: skip
    before = stored()
    unknown = changed(told, metadata={"payment": "0b7b5a2c-9d3e-4c57-8f0b-3a5f1f2f1c11"})
    others = {
        "unknown": unknown,
        "of the bank": changed(told, metadata={"payment": str(transfer.key)}, b=1),
        "another session": changed(told, id="cs_test_another"),
        "no key": changed(told, metadata={}, c=1),
        "no metadata": changed(told, metadata=None, d=1),
        "a bad key": changed(told, metadata={"payment": "1 OR 1"}, e=1),
    }
    refund = told.body.replace(b"checkout.session.completed", b"charge.refunded")
    others["another kind"] = replace(told, body=refund, signature=signed(refund))
    for what, webhook in others.items():
        assert deliver(webhook) == 200, what
        assert stands(payment) == ("pending", "open", 0), what
    after = stored()
    assert {name for name in before if before[name] != after[name]} == {"billing_gatewayevent"}
    assert sorted(GatewayEvent.objects.values_list("outcome", flat=True)) == [
        "ignored: it has another reference",
        "no such payment",
        "no such payment",
    ]


def test_another_amount_counts_for_nothing_and_is_said(here: World, stripe: Stripe) -> None:
    invoice = InvoiceFactory(account=here.account)
    payment = pay(here, invoice)
    stripe.complete(payment.reference, amount=100)
    [told] = stripe.webhooks()
    assert (deliver(told), stands(payment)) == (200, ("failed", "open", 0))
    payment.refresh_from_db()
    assert payment.problem.startswith("1.00 EUR came instead of 121.000 EUR")
    assert said(here)[1:] == ["System: payment.mismatched"]
    for other in ({"amount_total": 12101}, {"currency": "usd", "amount_total": 12100}):
        assert (deliver(changed(told, **other)), stands(payment)) == (200, ("failed", "open", 0))
    for nothing in (None, "12100", True, 121.0):
        answer = deliver(changed(told, amount_total=nothing, x=repr(nothing)))
        assert (answer, stands(payment)) == (200, ("failed", "open", 0))


def test_money_that_comes_twice_is_sent_back(here: World, stripe: Stripe) -> None:
    """A card and a transfer cross; what a worker did not send back is sent back later, once."""
    invoice = InvoiceFactory(account=here.account)
    payment = pay(here, invoice)
    stripe.complete(payment.reference)
    services.record_payment(reason="Seen", invoice=invoice, amount=121, reference="B-1")
    [told] = stripe.webhooks()
    assert (deliver(told), stands(payment)) == (200, ("surplus", "paid", 121))
    assert stripe.refunds() == []
    assert reconciling.unsettled(timedelta(0)).get() == payment
    stripe.trouble(500, times=3, after=True)
    with pytest.raises(payments.GatewayError, match="does not answer"):
        reconciling.reconcile(reconciling.unsettled(timedelta(0)).get())
    assert settling.send_back.call(payment.pk) == "returned"
    assert settling.send_back.call(payment.pk) == "returned"
    assert [refund["amount"] for refund in stripe.refunds()] == [12100]
    assert stands(payment) == ("returned", "paid", 121)
    assert said(here)[-2:] == ["System: payment.surplus", "System: payment.returned"]
    assert deliver(changed(told, again=True)) == 200
    assert stands(payment) == ("returned", "paid", 121)

    # the other way round: the worker closes Stripe's page, and what is paid there is looked up
    second = pay(here, InvoiceFactory(account=here.account, month=date(2026, 2, 1)))
    services.record_payment(reason="Seen", invoice=second.invoice, amount=21, reference="B-2")
    assert settling.withdraw.call(second.pk) == "cancelled"
    assert [s["status"] for s in stripe.sessions()] == ["complete", "expired"]
    third = pay(here, second.invoice)
    assert third.amount == 100
