"""What was issued is put right by credit notes alone."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django_tasks_db.models import DBTaskResult

from billing.factories import InvoiceFactory, PaymentFactory
from billing.models import CreditNote, DunningStep, Invoice
from billing.services import credit_invoice, dunning
from permissions.errors import Invalid, NotFound
from permissions.models import AuditEvent
from teams.factories import AccountFactory, UserFactory
from teams.models import Account
from tests.commands.helpers import Done, run
from tests.concurrency.racing import errors, together
from tests.services.world import stored, world

WHY = "Contacts were counted twice"


def code_of(**given: Any) -> str:
    """Return how it is refused, and see that nothing is written."""
    before = stored()
    with pytest.raises((Invalid, NotFound)) as caught:
        credit_invoice(**{"reason": WHY, **given})
    assert stored() == before
    return caught.value.code


@pytest.mark.django_db
def test_parts_of_an_invoice_are_credited_until_nothing_is_left() -> None:
    clerk = UserFactory(is_staff=True)
    invoice = InvoiceFactory(subtotal=Decimal("0.05"), tax=Decimal("0.01"), total=Decimal("0.06"))
    slug = invoice.account.slug.upper()

    notes = [
        credit_invoice(reason=WHY, invoice=invoice, amount=Decimal("0.01"), operator=clerk)
        for _ in range(5)
    ]
    notes.append(credit_invoice(reason=WHY, invoice=invoice))

    assert [note.label for note in notes] == [f"{slug}-C{n:05d}" for n in range(1, 7)]
    assert {note.total for note in notes} == {Decimal("0.01")}
    assert sum(note.tax for note in notes) == Decimal("0.01")
    assert sum(note.subtotal for note in notes) == Decimal("0.05")
    assert (notes[0].reason, notes[0].issued_by) == (WHY, clerk)
    invoice.refresh_from_db()
    assert (invoice.status, invoice.credited, invoice.owed) == ("credited", invoice.total, 0)
    assert invoice.settled_at is not None
    events = AuditEvent.objects.filter(action="invoice.credited").order_by("pk")
    assert events.count() == 6
    event = events[0]
    assert (event.actor_ref, event.data["reason"]) == ("platform", WHY)
    assert (event.data["credit_note"], event.data["amount"]) == (notes[0].label, "0.01")
    assert code_of(invoice=invoice) == "NOTHING_LEFT"


@pytest.mark.django_db
def test_the_split_follows_the_invoices_rate() -> None:
    invoice = InvoiceFactory()
    note = credit_invoice(reason=WHY, invoice=invoice, amount=Decimal("12.10"))
    assert (note.subtotal, note.tax, note.total) == (10, Decimal("2.1"), Decimal("12.1"))
    yen = InvoiceFactory(
        currency="JPY", subtotal=Decimal(1000), tax=Decimal(210), total=Decimal(1210)
    )
    note = credit_invoice(reason=WHY, invoice=yen, amount=Decimal(100))
    assert (note.subtotal, note.tax) == (83, 17)


@pytest.mark.django_db
def test_where_an_invoice_stands_once_credited() -> None:
    part = InvoiceFactory(paid=Decimal(21))
    credit_invoice(reason=WHY, invoice=part, amount=Decimal(99))
    part.refresh_from_db()
    assert (part.status, part.owed) == ("open", 1)
    credit_invoice(reason=WHY, invoice=part, amount=Decimal(1))
    part.refresh_from_db()
    assert (part.status, part.owed, part.surplus) == ("paid", 0, 0)

    paid = InvoiceFactory(paid=Decimal(121), status="paid")
    credit_invoice(reason=WHY, invoice=paid, amount=Decimal(21))
    paid.refresh_from_db()
    assert (paid.status, paid.surplus) == ("paid", 21)


@pytest.mark.django_db
def test_what_cannot_be_credited_is_said() -> None:
    invoice = InvoiceFactory()
    draft = InvoiceFactory(status="draft")
    free = InvoiceFactory(subtotal=Decimal(0), tax=Decimal(0), total=Decimal(0), status="paid")
    assert code_of(invoice=draft) == "NOT_ISSUED"
    assert code_of(invoice=free) == "NOTHING_LEFT"
    assert code_of(invoice=invoice, amount=Decimal("121.01")) == "TOO_MUCH"
    wrong = (Decimal(0), Decimal(-1), Decimal("0.001"), Decimal("NaN"), Decimal("inf"), 1.5, "1", 1)
    for amount in wrong:
        assert code_of(invoice=invoice, amount=amount) == "NO_AMOUNT", amount
    assert code_of(invoice=invoice, reason=" ") == "EMPTY"
    assert code_of(invoice=invoice, reason="x") == "TOO_SHORT"
    assert code_of(invoice=invoice, operator=UserFactory()) == "NOT_AN_OPERATOR"
    assert code_of(invoice=Invoice(pk=9_999_999)) == "NOT_FOUND"
    assert code_of(invoice=None) == "WRONG_TYPE"


@pytest.mark.django_db
def test_no_credit_note_is_older_than_its_invoice() -> None:
    invoice = InvoiceFactory()
    day = invoice.issued_on
    assert code_of(reason=WHY, invoice=invoice, on=day - timedelta(days=1)) == "TOO_EARLY"
    assert credit_invoice(reason=WHY, invoice=invoice, on=day).issued_on == day


@pytest.mark.django_db
def test_credit_lifts_read_only_and_withdraws_what_asks_for_too_much() -> None:
    account = world("emma_hq").account
    invoice = InvoiceFactory(account=account, due_on=date(2026, 2, 20))
    for day in (date(2026, 3, 1), date(2026, 3, 20), date(2026, 4, 20)):
        list(dunning.run(account, on=day))
    assert DunningStep.objects.filter(invoice=invoice, step="read_only").exists()
    assert Account.objects.get(pk=account.pk).read_only_because == "unpaid"
    pending = PaymentFactory(invoice=invoice)

    credit_invoice(reason=WHY, invoice=invoice, amount=Decimal(1))

    asked = [
        task.args_kwargs["args"]
        for task in DBTaskResult.objects.all()
        if "withdraw" in task.task_path
    ]
    assert asked == [[pending.pk]]
    assert Account.objects.get(pk=account.pk).read_only_because == "unpaid"
    credit_invoice(reason=WHY, invoice=invoice)
    assert Account.objects.get(pk=account.pk).read_only_because == ""


def credit(*arguments: str) -> Done:
    return run("credit_invoice", *arguments)


@pytest.mark.django_db
def test_the_command_credits_for_the_platform_only() -> None:
    account = AccountFactory(slug="acme", name="Acme")
    invoice = InvoiceFactory(account=account, number=12)
    InvoiceFactory(account=account, status="draft", month=date(2026, 5, 1))
    here = ("ACME-00012", "--account=acme", "--as-platform", f"--reason={WHY}")
    before = stored()

    tried = credit(*here, "--amount=12.10", "--dry-run")
    assert tried.out.splitlines()[:2] == [
        "Would credit €12.10 of ACME-00012 with ACME-C00001.",
        "€108.90 of it is owed now.",
    ]
    assert "invoice.credited" in tried.out
    assert stored() == before
    done = credit("acme-00012", *here[1:], "--amount=12.10", "--format=json")
    assert done.code == 0
    assert (done.json["credit_note"], done.json["owed"]) == ("ACME-C00001", "108.90")
    assert credit(*here).out.startswith("Credited €108.90 of ACME-00012 with ACME-C00002.")
    for arguments, code, error in (
        (here, 2, "NOTHING_LEFT"),
        ((*here, "--amount=much"), 2, "'much' is no amount"),
        (("ACME-00099", *here[1:]), 2, "NOT_FOUND"),
        (("", *here[1:]), 2, "NOT_FOUND"),
        (("\x00", *here[1:]), 2, "NOT_FOUND"),
        (here[:3], 2, "Add --reason"),
        ((*here[:2], f"--actor={invoice.account.owner.username}"), 1, "PLATFORM_ONLY"),
    ):
        refused = credit(*arguments)
        assert (refused.code, error in refused.error) == (code, True), (arguments, refused)


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_who_credits_at_once_never_credits_too_much() -> None:
    invoice = InvoiceFactory(number=1)
    half = Decimal("40.40")

    results = together(*[lambda: credit_invoice(reason=WHY, invoice=invoice, amount=half)] * 5)

    assert len(errors(results)) == 3
    assert all(isinstance(error, Invalid) for error in errors(results))
    assert sorted(CreditNote.objects.values_list("number", flat=True)) == [1, 2]
    invoice.refresh_from_db()
    assert invoice.credited == Decimal("80.80")
