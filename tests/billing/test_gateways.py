"""Gateways: which are offered, how money is counted there, what is said of half a set-up; and the
commands that deal with them."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from babel import Locale
from django.core.checks import run_checks
from django.utils import timezone

from billing import gateways, money, services
from billing.factories import InvoiceFactory, PaymentFactory
from billing.gateways import stripe as card
from billing.gateways import stripe_keys
from billing.gateways.base import Forged, Rejected, State
from billing.models import Invoice, Payment
from permissions.models import AuditEvent
from tests.billing.paying import deliver, pay, stands
from tests.billing.stripe_server import KEY, SECRET, Stripe
from tests.commands.helpers import run
from tests.services.world import world

WHY = ("--as-platform", "--reason", "Seen on the statement")


def problems(**settings: Any) -> list[str]:
    """Return what the checks of billing's ways to pay say, of a console in production."""
    found = run_checks(include_deployment_checks=True)
    return [
        message.id
        for message in found
        if str(message.id)[-3:-1] == "01" and "billing" in message.id
    ]


@pytest.mark.once
def test_cards_are_offered_once_all_of_stripe_is_set_up(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.BILLING_BANK_ACCOUNT = ["Console Ltd", "IBAN ES91"]
    cases: list[tuple[tuple[str, str], bool, list[str], list[str]]] = [
        (("", ""), True, ["bank"], []),
        ((KEY, ""), True, ["bank"], ["billing.E010"]),
        (("", SECRET), True, ["bank"], ["billing.E010"]),
        ((KEY, SECRET), False, ["bank"], ["billing.E011"]),
        (("", ""), False, ["bank"], []),
        ((KEY, SECRET), True, ["stripe", "bank"], []),
    ]
    for (key, secret), is_installed, offered, said in cases:
        settings.STRIPE_SECRET_KEY, settings.STRIPE_WEBHOOK_SECRET = key, secret
        monkeypatch.setattr(stripe_keys, "is_installed", lambda found=is_installed: found)
        assert [gateway.codename for gateway in gateways.available()] == offered
        assert problems() == said, (key, secret, is_installed)
    del settings.BILLING_BANK_ACCOUNT, settings.STRIPE_SECRET_KEY
    settings.STRIPE_WEBHOOK_SECRET = ""
    assert [gateway.codename for gateway in gateways.available()] == ["bank"]
    assert problems() == ["billing.W010"]


@pytest.mark.once
def test_money_is_counted_as_stripe_counts_it_and_back_again() -> None:
    cases = {
        "EUR": ("121.00", 12100), "JPY": ("500", 500), "KWD": ("1.230", 1230),
        "UGX": ("5", 500), "ISK": ("100", 10000), "HUF": ("10.00", 1000), "MGA": ("7", 7),
    }  # fmt: skip
    for currency, (amount, counted) in cases.items():
        assert card.units(Decimal(amount), currency) == counted
        assert card.amount_of(counted, currency) == Decimal(amount)
    for currency, amount in (("KWD", "1.234"), ("JPY", "0.5"), ("EUR", "0.005")):
        with pytest.raises(Rejected, match=f"as fine as {amount} {currency}"):
            card.units(Decimal(amount), currency)
    # no amount that an invoice can have comes back as another one
    for currency in Locale("en").currencies:
        if money.decimals_of(currency) <= money.MOST_DECIMALS:
            amount = money.rounded(Decimal("1234.56"), currency)
            assert card.amount_of(card.units(amount, currency), currency) == amount, currency


@pytest.mark.once
def test_the_bank_is_asked_for_nothing() -> None:
    payment, bank = Payment(), gateways.bank
    for act in (
        lambda: bank.begin(payment, return_url=""), lambda: bank.look(payment),
        lambda: bank.withdraw(payment), lambda: bank.send_back(payment),
    ):  # fmt: skip
        with pytest.raises(Rejected):
            act()
    with pytest.raises(Forged):
        bank.read(b"", {})


@pytest.mark.django_db
def test_what_stripe_is_asked_it_answers_as_a_gateway_does(stripe: Stripe) -> None:
    here = world("emma_hq")
    payment, way = pay(here, InvoiceFactory(account=here.account)), gateways.get("stripe")
    assert way.instructions(payment.invoice) is None
    assert way.look(payment).state == State.OPEN
    stripe.promise(payment.reference)
    assert way.look(payment).state == State.UNDER_WAY
    assert way.withdraw(payment).state == State.UNDER_WAY, "what is on its way cannot be stopped"
    stripe.debit(payment.reference, succeeds=True)
    for seen in (way.look(payment), way.withdraw(payment)):
        assert (seen.state, seen.amount, seen.currency) == (State.SUCCEEDED, 121, "EUR")
    back = way.send_back(payment)
    assert way.send_back(payment) == back
    payment.key = PaymentFactory.build().key  # as if Stripe had forgotten the key
    assert way.send_back(payment).startswith("pi_")
    assert len(stripe.refunds()) == 1
    payment.reference = "cs_test_missing"
    assert {way.look(payment).state, way.withdraw(payment).state} == {State.CANCELLED}
    with pytest.raises(Rejected):
        way.send_back(payment)


@pytest.mark.django_db
def test_reconciling_completes_what_nobody_told_us(stripe: Stripe, settings: Any) -> None:
    here = world("emma_hq")
    months = [date(2026, month, 1) for month in range(1, 9)]
    payments = [pay(here, InvoiceFactory(account=here.account, month=m)) for m in months]
    paid, gone, lost, waiting, less, failed, both, young = payments
    stripe.complete(paid.reference)
    stripe.expire(gone.reference)
    Payment.objects.filter(pk=lost.pk).update(reference="", redirect_url="")
    services.record_payment(reason="Seen", invoice=less.invoice, amount=21, reference="B-1")
    stripe.promise(failed.reference)
    stripe.debit(failed.reference, succeeds=False)
    stripe.complete(both.reference)
    services.record_payment(reason="Seen", invoice=both.invoice, amount=121, reference="B-2")
    [surplus] = [
        w
        for w in stripe.webhooks("checkout.session.completed")
        if both.reference.encode() in w.body
    ]
    assert deliver(surplus) == 200
    before = timezone.now() - timedelta(minutes=11)
    Payment.objects.filter(status="pending").exclude(pk=young.pk).update(started_at=before)
    stripe.expire(young.reference)

    assert run("reconcile_payments", "--minutes", "-1").code == 2
    tried = run("reconcile_payments", "--dry-run")
    assert (tried.code, tried.out.count("Would ask stripe")) == (0, 7)
    assert stands(paid)[0] == "pending"

    settings.STRIPE_API_BASE = "http://127.0.0.1:9"
    done = run("reconcile_payments")
    assert (done.code, "6 of them" in done.error) == (1, True), done
    assert stands(lost)[0] == "cancelled", "for that nobody need be asked"
    settings.STRIPE_API_BASE = stripe.base
    done = run("reconcile_payments")
    assert (done.code, done.error) == (0, ""), done
    assert [stands(payment)[0] for payment in payments] == [
        "succeeded", "cancelled", "cancelled", "pending", "cancelled", "failed", "returned",
        "pending",
    ]  # fmt: skip
    assert stands(paid)[1:] == ("paid", 121)
    events = AuditEvent.objects.count()
    assert run("reconcile_payments").out.endswith("1 payment looked at.\n")
    assert AuditEvent.objects.count() == events, "running it again changes nothing"
    assert stands(waiting)[0] == "pending"
    settings.STRIPE_SECRET_KEY = ""
    done = run("reconcile_payments")
    assert (done.code, done.error) == (1, "1 of them could not be settled. Run it again later.")
    stripe.expire(waiting.reference)
    settings.STRIPE_SECRET_KEY = KEY
    assert run("reconcile_payments", "--minutes", "0").code == 0
    assert run("reconcile_payments").out == "Nothing is left to find out.\n"


@pytest.mark.django_db
def test_operators_write_down_what_came_to_the_bank() -> None:
    here = world("emma_hq")
    invoice = InvoiceFactory(account=here.account)
    given = (invoice.label, "--amount", "100", "--reference", "B-1")
    for arguments, code, said in (
        ((*given, "--actor", here.owner.get_username()), 1, "PLATFORM_ONLY"),
        (given, 2, "Say in whose name"),
        ((*given, "--as-platform"), 2, "Add --reason"),
        (("NONE-1", *given[1:], *WHY), 2, "NOT_FOUND"),
        (("", *given[1:], *WHY), 2, "NOT_FOUND"),
        ((invoice.label, "--amount", "121.01", "--reference", "B-1", *WHY), 2, "TOO_MUCH"),
        ((invoice.label, "--amount", "much", "--reference", "B-1", *WHY), 2, "NO_AMOUNT"),
    ):
        done = run("record_payment", *arguments)
        assert (done.code, said in done.error) == (code, True), done
    tried = run("record_payment", *given, *WHY, "--dry-run")
    assert "Would write down €100.00" in tried.out
    assert "payment.succeeded" in tried.out
    assert not Payment.objects.exists()
    done = run("record_payment", *given, *WHY)
    assert done.out.splitlines() == [
        f"Wrote down €100.00 for {invoice.label}, which the bank calls B-1.",
        "€21.00 of it is still owed.",
    ]
    again = run("record_payment", *given, *WHY, format="json")
    assert (again.code, again.json["changed"], again.json["owed"]) == (0, False, "21.000")
    done = run("record_payment", invoice.label, *WHY, amount="21", reference="B-2")
    assert "It is paid." in done.out
    assert Invoice.objects.get().status == "paid"
