"""Paying at the same moment, and dying on the way: money counts once, nothing is left by half."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, timedelta
from itertools import count, islice
from typing import Any

import pytest
from django.utils import timezone

from billing import gateways, services
from billing.factories import InvoiceFactory
from billing.gateways import stripe as card
from billing.models import GatewayEvent, Invoice, Payment
from billing.services import banking, reconciling, settling
from permissions import audit
from permissions.errors import Invalid
from tests.billing.dying import dies_before
from tests.billing.paying import deliver, pay, stands
from tests.billing.stripe_server import Stripe
from tests.concurrency.racing import errors, meet_before, together
from tests.services.world import World, world


def invoices(here: World) -> Iterator[Invoice]:
    """Yield open invoices of one account, of one month after the other."""
    for n in count():
        yield InvoiceFactory(account=here.account, month=date(1990 + n // 12, n % 12 + 1, 1))


def is_sound(here: World) -> bool:
    """Say whether every invoice says what its payments say, and none is paid twice."""
    for invoice in Invoice.objects.filter(account=here.account):
        came = sum(p.amount for p in invoice.payments.filter(status="succeeded"))
        assert invoice.paid == came <= invoice.total
        assert (invoice.status == "paid") == (invoice.paid == invoice.total)
        assert invoice.payments.filter(status="pending").count() <= 1
    assert list(audit.verify()) == []
    return True


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_at_the_same_moment_money_counts_once(  # noqa: PLR0915  (one world, six races)
    stripe: Stripe, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = world("emma_hq")
    one, two, three, four, five = islice(invoices(here), 5)

    # two tabs, which meet at Stripe's door
    with monkeypatch.context() as patch:
        meet_before(patch, type(gateways.get("stripe")), "begin", parties=2)
        both = together(*[lambda: pay(here, one)] * 2)
    assert errors(both) == []
    assert both[0] == both[1]
    assert len(stripe.sessions()) == Payment.objects.count() == 1
    payment = both[0]

    # the same message three times, while somebody comes back from Stripe's page
    stripe.complete(payment.reference)
    [told] = stripe.webhooks()
    with monkeypatch.context() as patch:
        meet_before(patch, settling, "apply", parties=2)
        done = together(
            *[lambda: deliver(told)] * 3,
            lambda: services.look_after_payment(actor=here.owner, payment=payment).status,
        )
    assert done == [200, 200, 200, "succeeded"]
    assert stands(payment) == ("succeeded", "paid", 121)
    assert GatewayEvent.objects.count() == 1

    # somebody cancels while somebody else has paid
    payment = pay(here, two)
    stripe.complete(payment.reference)
    [told] = stripe.webhooks()
    with monkeypatch.context() as patch:
        meet_before(patch, settling, "apply", parties=2)
        done = together(
            lambda: deliver(told),
            lambda: services.cancel_payment(actor=here.owner, payment=payment),
        )
    assert (done[0], done[1].code) == (200, "ALREADY_PAID")
    assert stands(payment) == ("succeeded", "paid", 121)

    # somebody cancels while Stripe is still asked to begin
    with monkeypatch.context() as patch:
        way = type(gateways.get("stripe"))
        begin = way.begin

        def cancel_meanwhile(self: Any, payment: Payment, **given: Any) -> Any:
            begun = begin(self, payment, **given)
            assert together(
                lambda: services.cancel_payment(actor=here.owner, payment=payment).status
            ) == ["cancelled"]
            return begun

        patch.setattr(way, "begin", cancel_meanwhile)
        with pytest.raises(Invalid, match="cancelled meanwhile"):
            pay(here, three)
    assert stripe.sessions()[-1]["status"] == "expired", "its page is closed as well"

    # a card and a transfer
    payment = pay(here, four)
    stripe.complete(payment.reference)
    told = stripe.webhooks("checkout.session.completed")[0]
    given = {"reason": "Seen", "invoice": four, "amount": 121, "reference": "B-1"}
    with monkeypatch.context() as patch:
        meet_before(patch, settling, "count", parties=2)
        meet_before(patch, banking, "count", parties=2)
        card, transfer = together(lambda: deliver(told), lambda: services.record_payment(**given))
    four.refresh_from_db()
    assert (card, four.paid, four.status) == (200, 121, "paid")
    assert Payment.objects.filter(invoice=four, status="succeeded").count() == 1
    if isinstance(transfer, Payment):
        assert stands(payment)[0] == "surplus"
    else:
        assert transfer.code == "NOTHING_OWED"

    # the same transfer, written down by two
    given["invoice"] = five
    given["reference"] = "B-2"
    done = together(*[lambda: services.record_payment(**given)] * 2)
    assert done[0] == done[1]
    assert is_sound(here)


def dies(act: Callable[[], Any], number: int) -> bool:
    """Do ``act`` in a process that is killed before that statement; False if it has no more."""

    def apart() -> None:
        card._client.cache_clear()  # two processes must not share a connection
        act()

    return dies_before(number, apart)


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "step", [pytest.param(40, id="some"), pytest.param(1, id="every", marks=pytest.mark.deep)]
)
def test_killed_before_a_statement_the_next_try_completes_it(stripe: Stripe, step: int) -> None:
    """Whatever is killed, at whatever statement: trying again ends in one payment that counts."""
    here = world("emma_hq")
    killed, at = dict.fromkeys(("pay", "webhook", "cancel", "bank"), 0), 0
    everything = invoices(here)
    while True:
        invoice, other = next(everything), next(everything)
        died = {"pay": dies(lambda invoice=invoice: pay(here, invoice), at)}
        payment = pay(here, invoice)
        assert invoice.payments.count() == 1
        assert [s["id"] for s in stripe.sessions()] == [payment.reference]
        stripe.complete(payment.reference)
        [told] = stripe.webhooks()
        died["webhook"] = dies(lambda told=told: deliver(told), at)
        assert deliver(told) == 200
        assert stands(payment) == ("succeeded", "paid", 121)

        second = pay(here, other)

        def cancel(second: Payment = second) -> Any:
            return services.cancel_payment(actor=here.owner, payment=second)

        died["cancel"] = dies(cancel, at)
        assert cancel().status == "cancelled"

        def transfer(other: Invoice = other) -> Any:
            return services.record_payment(
                reason="Seen", invoice=other, amount=121, reference=f"B-{other.pk}"
            )

        died["bank"] = dies(transfer, at)
        assert transfer().status == "succeeded"
        stripe.clear()
        for name, has in died.items():
            killed[name] += has
        if not any(died.values()):
            break
        at += step
    assert min(killed.values()) >= 20 // step, killed
    assert is_sound(here)


@pytest.mark.django_db
def test_what_was_begun_and_never_carried_on_is_ended_by_reconciling(stripe: Stripe) -> None:
    here = world("emma_hq")
    payment = pay(here, next(invoices(here)))
    Payment.objects.update(reference="", redirect_url="", started_at=timezone.now() - timedelta(1))
    found = reconciling.unsettled(timedelta(minutes=10)).get()
    assert reconciling.reconcile(found).status == "cancelled"
    # Stripe's page was open all the same, and somebody found it
    stripe.complete(payment.reference)
    [told] = stripe.webhooks()
    assert deliver(told) == 200
    assert stands(payment) == ("succeeded", "paid", 121)
