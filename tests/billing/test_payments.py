"""Paying: to the bank, as operators write it down, and on Stripe's pages."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db.models.signals import pre_save
from django.utils import timezone

from billing import gateways, services
from billing.factories import InvoiceFactory, PaymentFactory
from billing.models import Invoice, Payment, Refund
from permissions.audit import label_of
from permissions.errors import ServiceError
from teams.factories import UserFactory
from teams.models import Account
from tests.billing.paying import RETURN_URL, code_of, deliver, pay, said, stands
from tests.billing.stripe_server import KEY, Stripe
from tests.commands.helpers import run
from tests.services.world import World, refused, world

pytestmark = pytest.mark.django_db
WHY = "Seen on the statement of the bank"


@pytest.fixture
def here() -> World:
    """An account of Emma HQ."""
    return world("emma_hq")


def came(invoice: Invoice, amount: Any, reference: Any = "B-1", **extra: Any) -> Payment:
    return services.record_payment(
        reason=WHY, invoice=invoice, amount=amount, reference=reference, **extra
    )


def test_money_at_the_bank_may_come_in_parts_and_never_exceeds_what_is_owed(here: World) -> None:
    invoice = InvoiceFactory(account=here.account)
    shown = gateways.get("bank").instructions(invoice)
    assert shown is not None
    assert (shown.amount, shown.currency, shown.reference) == (121, "EUR", invoice.label)

    first = came(invoice, "100.00")
    invoice.refresh_from_db()
    assert (first.status, first.amount, first.gateway) == ("succeeded", 100, "bank")
    assert (invoice.status, invoice.paid, invoice.owed) == ("open", 100, 21)
    assert came(invoice, Decimal(100)) == first, "the same reference is the same payment"
    assert said(here) == ["Platform: payment.succeeded"]

    wrong: dict[str, list[tuple[Any, Any]]] = {
        "TOO_MUCH": [("21.01", "B-2"), (100, "B-2")],
        "NO_AMOUNT": [
            (bad, "B-2") for bad in (0, -1, "x", "NaN", "1e99", 2.5, None, True, "1.005", "")
        ],
        "REFERENCE_USED": [(21, "B-1")],
        "EMPTY": [(21, " ")],
        "WRONG_TYPE": [(21, None)],
        "TOO_LONG": [(21, "B" * 201)],
    }
    for code, cases in wrong.items():
        for amount, reference in cases:
            with refused(code) as caught:
                came(invoice, amount, reference)
            assert code != "TOO_MUCH" or "€21.00" in caught.value.message
    with refused("TOO_SHORT"):
        services.record_payment(reason="x", invoice=invoice, amount=21, reference="B-2")

    came(invoice, 21, "B-2", operator=None)
    invoice.refresh_from_db()
    assert (invoice.status, invoice.paid, invoice.owed) == ("paid", 121, 0)
    assert invoice.settled_at is not None
    with refused("NOTHING_OWED"):
        came(invoice, 1, "B-3")
    assert came(invoice, 21, "B-2").status == "succeeded", "repeating it is no error later either"
    assert said(here)[1:] == ["Platform: payment.succeeded", "Platform: invoice.paid"]
    other = InvoiceFactory(account=here.account, month=date(2026, 2, 1))
    with refused("REFERENCE_USED"):
        came(other, 21, "B-2")
    with refused("NO_AMOUNT"):  # at once
        came(other, "1e-999999999", "B-3")


def test_a_transfer_that_is_written_down_elsewhere_meanwhile_is_said(here: World) -> None:
    """Another account has another lock, so that only the database can tell."""
    invoice, elsewhere = InvoiceFactory(account=here.account), InvoiceFactory()

    def quicker(**_: Any) -> None:
        pre_save.disconnect(quicker, sender=Payment)
        PaymentFactory(invoice=elsewhere, gateway="bank", reference="B-1", status="succeeded")

    pre_save.connect(quicker, sender=Payment)
    with refused("REFERENCE_USED"):
        came(invoice, 1)
    invoice.refresh_from_db()
    assert (invoice.paid, said(here)) == (0, [])


def test_the_command_writes_a_refund_down_once_for_the_platform(here: World) -> None:
    invoice = InvoiceFactory(account=here.account)
    came(invoice, 121)
    Invoice.objects.update(credited=Decimal("60.50"))
    as_platform = ("--as-platform", f"--reason={WHY}")
    call = ("record_refund", invoice.label, "--amount=60.50", "--reference=R-1", *as_platform)
    assert run(*call[:2], "--amount=61", *call[3:]).error.startswith("TOO_MUCH")
    assert run(*call, "--dry-run").code == 0
    assert not Refund.objects.exists()
    assert run(*call).out.startswith("Wrote down €60.50 of ")
    assert run(*call).out.rstrip().endswith("is written down already.")
    assert Refund.objects.get().amount == Decimal("60.50")
    owner = here.account.owner.get_username()
    assert run(*call[:4], f"--actor={owner}").error.startswith("PLATFORM_ONLY")
    assert run("record_refund", "NONE-1", *call[2:]).error.startswith("NOT_FOUND")
    assert run(*call, "--payment=unknown").error.startswith("NOT_FOUND")


def test_what_was_credited_after_it_was_paid_goes_back_and_no_more(here: World) -> None:
    invoice = InvoiceFactory(account=here.account)
    one, two = came(invoice, 100), came(invoice, 21, "B-2")

    def back(payment: Payment, amount: Any, reference: str = "R-1") -> Refund:
        return services.record_refund(
            reason=WHY, payment=payment, amount=amount, reference=reference
        )

    with refused("TOO_MUCH"):
        back(one, "0.01")
    Invoice.objects.update(credited=Decimal("60.50"))
    with refused("TOO_MUCH") as caught:
        back(two, 22)
    assert "€21.00" in caught.value.message, "no more than this payment was"
    refund = back(two, 21)
    assert back(two, "21.00") == refund
    with refused("REFERENCE_USED"):
        back(two, 20)
    with refused("TOO_MUCH") as caught:
        back(one, "39.51")
    assert "€39.50" in caught.value.message, "no more than was credited"
    back(one, "39.50")
    never_came = PaymentFactory(invoice=invoice, status="failed")
    with refused("NOT_PAID"):
        back(never_came, 1, "R-2")
    assert said(here)[-2:] == ["Platform: payment.refunded"] * 2
    invoice.refresh_from_db()
    assert (invoice.paid, invoice.status) == (121, "paid")


def test_a_transfer_is_not_begun_here_and_an_unknown_way_is_named(here: World) -> None:
    invoice = InvoiceFactory(account=here.account)
    for gateway, code in (("bank", "NOT_ONLINE"), ("cash", "UNKNOWN_GATEWAY")):
        with refused(code):
            services.pay_invoice(
                actor=here.owner, invoice=invoice, gateway=gateway, return_url="https://a.example"
            )
    assert not Payment.objects.exists()
    with pytest.raises(ServiceError):
        gateways.get(None)


# through Stripe's pages


def test_paying_again_carries_on_with_what_is_pending(here: World, stripe: Stripe) -> None:
    invoice = InvoiceFactory(account=here.account)
    first = pay(here, invoice)
    assert pay(here, invoice) == first
    [session] = stripe.sessions()
    assert (first.reference, first.redirect_url) == (session["id"], session["url"])
    assert (session["amount_total"], session["currency"]) == (12100, "eur")
    assert session["metadata"] == {"payment": str(first.key)}
    assert session["success_url"] == session["cancel_url"] == RETURN_URL
    label = label_of(here.owner)
    assert said(here) == [f"{label}: payment.started"]

    # died before it was written down what Stripe calls it: the same session, not another one
    Payment.objects.update(reference="", redirect_url="")
    again = pay(here, invoice)
    assert (again, again.reference) == (first, session["id"])
    assert len(stripe.sessions()) == 1

    # its time is over: another one
    stripe.expire(first.reference)
    second = pay(here, invoice)
    assert stands(first)[0] == "cancelled"
    assert second.reference != first.reference

    # died long ago: Stripe may have forgotten the key
    Payment.objects.filter(pk=second.pk).update(
        reference="", redirect_url="", started_at=timezone.now() - timedelta(minutes=61)
    )
    third = pay(here, invoice)
    assert stands(second)[0] == "cancelled"

    # something came meanwhile: what is asked is what is owed
    came(invoice, "100.01")
    fourth = pay(here, invoice)
    assert (stands(third)[0], fourth.amount) == ("cancelled", Decimal("20.99"))
    assert stripe.sessions()[-1]["amount_total"] == 2099

    # paid meanwhile, and nobody has told us yet
    stripe.complete(fourth.reference)
    assert code_of(lambda: pay(here, invoice)) == "NOTHING_OWED"
    assert stands(fourth) == ("succeeded", "paid", 121)
    assert sum(p.amount for p in Payment.objects.filter(status="succeeded")) == 121


def test_a_payment_can_be_cancelled_until_somebody_has_paid(here: World, stripe: Stripe) -> None:
    invoice = InvoiceFactory(account=here.account)

    def cancel(payment: Payment) -> Payment:
        return services.cancel_payment(actor=here.owner, payment=payment)

    first = pay(here, invoice)
    assert cancel(first).status == "cancelled"
    assert cancel(first).status == "cancelled", "repeating it is no error"
    assert said(here)[-1] == f"{label_of(here.owner)}: payment.cancelled"
    assert stripe.sessions()[0]["status"] == "expired"
    assert [deliver(w) for w in stripe.webhooks()] == [200]

    second = pay(here, invoice)
    stripe.promise(second.reference)
    assert code_of(lambda: cancel(second)) == "UNDER_WAY"
    assert stands(second) == ("pending", "open", 0)
    came(invoice, 1)
    assert code_of(lambda: pay(here, invoice)) == "UNDER_WAY", "what is on its way is of before"
    stripe.debit(second.reference, succeeds=False)
    assert cancel(second).status == "failed"

    third = pay(here, invoice)
    stripe.complete(third.reference)
    assert code_of(lambda: cancel(third)) == "ALREADY_PAID"
    assert stands(third) == ("succeeded", "paid", 121)
    assert code_of(lambda: cancel(third)) == "ALREADY_PAID"


def test_a_gateway_in_trouble_leaves_what_the_next_try_completes(
    here: World, stripe: Stripe, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    invoice = InvoiceFactory(account=here.account)
    stripe.trouble(500, times=2)
    assert pay(here, invoice).reference, "the library tries again by itself"
    services.cancel_payment(actor=here.owner, payment=Payment.objects.get())

    # Stripe has done it, but three times its answer is lost
    stripe.trouble(500, times=3, after=True)
    assert code_of(lambda: pay(here, invoice)) == "GATEWAY_UNREACHABLE"
    payment = Payment.objects.get(status="pending")
    assert payment.reference == ""
    # nobody listens there
    settings.STRIPE_API_BASE = "http://127.0.0.1:9"
    assert code_of(lambda: pay(here, invoice)) == "GATEWAY_UNREACHABLE"
    settings.STRIPE_API_BASE = stripe.base
    assert pay(here, invoice) == payment
    assert len(stripe.sessions()) == 2, "one for each payment"

    settings.STRIPE_API_BASE = "http://127.0.0.1:9"
    assert pay(here, invoice) == payment, "what is known is enough to go and pay"
    assert services.look_after_payment(actor=here.owner, payment=payment).status == "pending"
    assert code_of(
        lambda: services.cancel_payment(actor=here.owner, payment=payment)
    ) == "GATEWAY_UNREACHABLE"  # fmt: skip
    settings.STRIPE_API_BASE = stripe.base
    services.cancel_payment(actor=here.owner, payment=payment)

    # refused for good
    settings.STRIPE_SECRET_KEY = "wrong"
    assert code_of(lambda: pay(here, invoice)) == "GATEWAY_REFUSED"
    settings.STRIPE_SECRET_KEY = KEY
    failed = Payment.objects.get(status="failed")
    assert failed.problem.endswith("how Stripe is set up.")
    assert "wrong" not in failed.problem
    came(invoice, "120.75")
    assert code_of(lambda: pay(here, invoice)) == "GATEWAY_REFUSED"
    assert Payment.objects.filter(problem__contains="so small an amount").count() == 1
    assert stands(payment) == ("cancelled", "open", 120)


def test_who_pays_holds_the_right_and_sees_the_invoice(here: World, stripe: Stripe) -> None:
    invoice = InvoiceFactory(account=here.account)
    direct = InvoiceFactory(account=here.account, subaccount=here.north)
    draft = InvoiceFactory(
        account=here.account, subaccount=here.south, status="draft", number=None,
        issued_on=None, due_on=None,
    )  # fmt: skip
    other = world("emma_hq")
    foreign, payment = InvoiceFactory(account=other.account), pay(here, invoice)
    theirs = PaymentFactory(invoice=foreign)
    said_of_missing: set[str] = set()
    Payment.objects.filter(pk=payment.pk).update(status="failed")
    missing = Invoice(pk=10**9)

    def refusal(act: Any) -> str:
        with pytest.raises(ServiceError) as caught:
            act()
        said_of_missing.add(caught.value.message)
        return caught.value.code

    for found in (foreign, missing, draft):
        assert refusal(lambda found=found: pay(here, found)) == "NOT_FOUND"
    assert len(said_of_missing) == 1, "foreign and missing look the same"
    said_of_missing.clear()
    for found in (theirs, Payment(pk=10**9)):
        for act in (services.cancel_payment, services.look_after_payment):
            given = {"actor": here.owner, "payment": found}
            assert refusal(lambda act=act, given=given: act(**given)) == "NOT_FOUND"
    assert len(said_of_missing) == 1

    nobody, member = UserFactory(), here.member("full").user
    manager = here.manager(toggles=()).user
    for actor, code in ((nobody, "NOT_FOUND"), (member, "OUT_OF_SCOPE"), (manager, "OUT_OF_SCOPE")):
        assert refusal(lambda actor=actor: pay(here, invoice, actor=actor)) == code
        assert refusal(
            lambda actor=actor: services.cancel_payment(actor=actor, payment=payment)
        ) == code  # fmt: skip
    for bad in ("", "/billing/", "javascript:alert(1)", None, "ftp://a.example"):
        assert refusal(lambda bad=bad: pay(here, invoice, return_url=bad)) == "NOT_A_URL"
    assert refusal(lambda: pay(here, None)) == "WRONG_TYPE"  # type: ignore[arg-type]
    assert len(stripe.sessions()) == 1
    assert pay(here, direct).amount == 121, "the owner sees who pays for themselves too"
    Account.objects.filter(pk=here.account.pk).update(read_only_because="unpaid")
    assert pay(here, invoice).status == "pending", "whoever is shut out for it may pay"
