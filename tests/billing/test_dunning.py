"""Overdue invoices: who is reminded when, what makes an account read-only, and what lifts that."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.core.checks import run_checks
from django.db import connection, transaction
from django.test import Client
from django.utils import timezone
from django_tasks_db.models import DBTaskResult

from billing import overdue, selectors, services
from billing.factories import InvoiceFactory
from billing.models import DunningStep, Invoice
from billing.overdue import State
from billing.services import dunning
from permissions.errors import Refused
from permissions.models import AuditEvent
from teams import services as teams_services
from teams.models import Account
from tests.commands.helpers import run
from tests.concurrency.racing import errors, meet_before, together
from tests.services.world import World, stored, world

pytestmark = pytest.mark.django_db

Step = DunningStep.Step
DUE = date(2026, 2, 15)


def after(days: int) -> date:
    return DUE + timedelta(days=days)


def invoice_of(w: World, **extra: Any) -> Invoice:
    return InvoiceFactory(**{"account": w.account, "issued_on": DUE, "due_on": DUE, **extra})


def steps(found: Iterable[dunning.Due]) -> list[tuple[str, str]]:
    return [(due.invoice.label, due.step.value) for due in found]


def day_by_day(days: Iterable[int]) -> dict[int, list[str]]:
    """Run on each of ``days`` after the invoices were due; return what was taken when."""
    taken = {n: [due.step.value for due in dunning.run(on=after(n))] for n in days}
    return {n: found for n, found in taken.items() if found}


def settled(invoice: Invoice) -> None:
    """Let ``invoice`` be paid as a service does it: then the account is looked at anew."""
    invoice.status, invoice.paid = Invoice.Status.PAID, invoice.total
    invoice.settled_at = timezone.now()
    invoice.save()
    dunning.refresh(invoice.account)


def is_read_only(w: World) -> bool:
    return Account.objects.get(pk=w.account.pk).read_only_because == "unpaid"


def actions(w: World) -> list[str]:
    rows = AuditEvent.objects.filter(root=f"teams.account:{w.account.pk}", actor_ref="system")
    return list(rows.order_by("sequence").values_list("action", flat=True))


def test_each_step_is_taken_on_its_day_and_once() -> None:
    w, other = world("emma_corporate"), world("emma_corporate")
    invoice = invoice_of(w)
    assert day_by_day([-5, 0, 1, 2, 13, 14, 15, 29]) == {1: ["reminder"], 14: ["last_reminder"]}
    assert not is_read_only(w)
    assert overdue.read_only_on(invoice) == after(30)
    assert day_by_day([29, 30, 31, 60]) == {30: ["read_only"]}
    assert is_read_only(w)
    assert not is_read_only(other)
    assert actions(w) == ["invoice.dunned"] * 3 + ["account.read_only"]
    before = stored()
    assert steps(dunning.run(on=after(90))) == []
    assert stored() == before
    client = Client()
    client.force_login(w.owner)
    told = str(client.get("/history/?area=billing").content.decode())
    for said in (
        f"reminded of the invoice {invoice.label}, which is overdue.",
        f"reminded for the last time of the invoice {invoice.label}, which is overdue.",
        f"closed the account to changes until the invoice {invoice.label}, which is overdue, is",
    ):
        assert said in told


def test_a_subaccount_that_pays_for_itself_is_reminded_only() -> None:
    w = world("constant_contact")
    invoice_of(w, subaccount=w.north)
    assert day_by_day([0, 1, 2, 13, 14, 15, 30, 60]) == {1: ["reminder"], 14: ["last_reminder"]}
    assert not is_read_only(w)
    assert overdue.standing(w.account, on=after(60)).state == State.CURRENT


def test_a_run_that_comes_late_shortens_nobodys_time() -> None:
    w = world("emma_corporate")
    invoice = invoice_of(w)
    assert day_by_day([50, 51, 65, 66, 67]) == {
        50: ["reminder", "last_reminder"],
        66: ["read_only"],
    }
    assert overdue.read_only_on(invoice) == after(66)


def test_what_is_settled_or_not_due_is_left_alone() -> None:
    w = world("emma_corporate")
    paid, free = invoice_of(w), invoice_of(w, month=date(2026, 2, 1))
    settled(paid)
    free.credited = free.total - Decimal(1)
    free.save()
    invoice_of(w, month=date(2026, 3, 1), due_on=after(200))
    draft: dict[str, Any] = {"number": None, "issued_on": None, "due_on": None, "label": ""}
    InvoiceFactory(account=w.account, month=date(2026, 4, 1), status="draft", **draft)
    assert steps(dunning.would_take(on=after(5))) == [(free.label, "reminder")]
    free.credited = free.total
    free.save()
    assert steps(dunning.run(on=after(100))) == []
    assert not DunningStep.objects.exists()


def test_payment_lifts_it_in_the_same_transaction_and_only_when_all_is_paid() -> None:
    w = world("constant_contact")
    first, second = invoice_of(w), invoice_of(w, month=date(2026, 2, 1))
    direct = invoice_of(w, subaccount=w.north)
    day_by_day([1, 14, 30])
    settled(first)
    assert is_read_only(w)
    with transaction.atomic():
        settled(second)
        assert not is_read_only(w)
        transaction.set_rollback(True)
    assert is_read_only(w)
    second.refresh_from_db()
    settled(second)
    assert not is_read_only(w)
    assert direct.owed
    assert actions(w)[-2:] == ["account.read_only", "account.writable"]
    before = stored()
    dunning.refresh(w.account)
    assert stored() == before


def test_where_the_account_chose_it_it_answers_for_who_pays_directly() -> None:
    """No single bill: billing everything directly would be a way never to pay."""
    w = world("emma_corporate")
    direct = invoice_of(w, subaccount=w.north)
    day_by_day([1, 14, 30])
    assert is_read_only(w)
    settled(direct)
    assert not is_read_only(w)


def test_standing_says_since_when_what_is_owed_and_until_when() -> None:
    w = world("constant_contact")
    assert overdue.standing(w.account) == overdue.Standing()
    later = invoice_of(w, month=date(2026, 2, 1), due_on=after(10))
    first = invoice_of(w, paid=Decimal(21))
    invoice_of(w, month=date(2026, 3, 1), due_on=after(100))
    invoice_of(w, subaccount=w.north)
    assert overdue.standing(w.account, on=DUE) == overdue.Standing()
    now = overdue.standing(w.account, on=after(2))
    assert (now.state, now.since, now.owed, now.currency) == ("overdue", after(1), 100, "EUR")
    assert (now.invoices, now.read_only_on) == ((first,), after(30))
    day_by_day([14, 30])
    now = dunning.standing(w.account, on=after(33))
    assert (now.state, now.since, now.owed) == ("read_only", after(30), 221)
    assert (now.invoices, now.read_only_on) == ((first, later), after(30))


class Killed(BaseException):
    """The end of the process."""


def test_killed_at_any_statement_the_next_run_completes_it() -> None:
    """Before each statement in turn: nothing of the account is half done, and all is done later."""
    w = world("emma_corporate")
    invoice = invoice_of(w)
    day_by_day([1, 14])

    def state() -> tuple[Any, ...]:
        return (
            is_read_only(w),
            DunningStep.objects.filter(invoice=invoice).count(),
            actions(w),
            DBTaskResult.objects.count(),
        )

    before, count = state(), 0
    while True:
        left = iter(range(count))

        def execute(act: Any, *rest: Any, left: Any = left) -> Any:
            if next(left, None) is None:
                raise Killed
            return act(*rest)

        try:
            with transaction.atomic(), connection.execute_wrapper(execute):
                list(dunning.run(on=after(30)))
            break
        except Killed:
            pass
        assert state() == before
        count += 1
    assert count > 10
    assert state() == (True, 3, [*before[2], "invoice.dunned", "account.read_only"], before[3] + 2)


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_two_runs_at_once_take_each_step_once(monkeypatch: pytest.MonkeyPatch) -> None:
    w = world("emma_corporate")
    invoice = invoice_of(w)
    at_noon = timezone.make_aware(datetime.combine(after(14), time(12)))
    monkeypatch.setattr(timezone, "now", lambda: at_noon)
    meet_before(monkeypatch, DunningStep.objects, "create", parties=2)
    results = together(*[lambda: steps(dunning.run())] * 2)
    assert errors(results) == []
    both = [(invoice.label, "reminder"), (invoice.label, "last_reminder")]
    assert sorted(results) == [[], both]
    assert DunningStep.objects.count() == 2


def test_the_command_says_what_it_does_and_a_dry_run_does_nothing() -> None:
    today = selectors.today()
    w, other = world("emma_corporate"), world("emma_hq")
    invoice = InvoiceFactory(account=w.account, due_on=today - timedelta(days=20))
    InvoiceFactory(account=other.account, due_on=today - timedelta(days=1))
    expected = [
        {
            "account": w.account.slug,
            "invoice": invoice.label,
            "due_on": str(invoice.due_on),
            "step": step,
        }
        for step in ("reminder", "last_reminder")
    ]
    only = ("--account", w.account.slug)
    assert run("run_dunning", "--dry-run", *only, format="json").json == expected
    assert not DunningStep.objects.exists()
    assert run("run_dunning", "--dry-run").out.endswith("\n3 steps would be taken.\n")
    assert run("run_dunning", *only, format="json").json == expected
    assert run("run_dunning", *only).out == "0 steps are taken.\n"
    assert [row[-1] for row in run("run_dunning", format="csv").rows] == ["step", "reminder"]
    wrong = run("run_dunning", "--account", "nowhere")
    assert (wrong.code, DunningStep.objects.count()) == (2, 3)
    assert "'nowhere'" in wrong.error


@pytest.mark.once
@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({}, None),
        ({"BILLING_REMINDER_DAYS": 0}, "billing.E001"),
        ({"BILLING_LAST_REMINDER_DAYS": "14"}, "billing.E001"),
        ({"BILLING_LAST_REMINDER_DAYS": 1}, "billing.E002"),
        ({"BILLING_READ_ONLY_DAYS": 14}, "billing.E002"),
    ],
)
def test_settings_that_make_no_sense_are_found(
    settings: Any, given: dict[str, Any], problem: str | None
) -> None:
    for name, value in given.items():
        setattr(settings, name, value)
    found = [m for m in run_checks() if m.id and m.id.startswith("billing.")]
    assert [m.id for m in found] == ([problem] if problem else [])
    assert all(next(iter(given)) in m.msg and m.hint for m in found)


def test_the_days_are_settings(settings: Any) -> None:
    settings.BILLING_REMINDER_DAYS = 2
    settings.BILLING_LAST_REMINDER_DAYS = 4
    settings.BILLING_READ_ONLY_DAYS = 5
    invoice_of(world("emma_hq"))
    assert day_by_day(range(10)) == {2: ["reminder"], 4: ["last_reminder"], 5: ["read_only"]}


def test_read_only_or_not_the_owner_says_who_pays_and_money_that_comes_lifts_it() -> None:
    w = world("emma_corporate")
    invoice = invoice_of(w)
    day_by_day([14, 30])
    with pytest.raises(Refused):
        teams_services.create_subaccount(actor=w.owner, account=w.account, name="New", slug="new")
    services.change_details(actor=w.owner, account=w.account, name="Payer Ltd")
    money = {"reason": "On the statement.", "invoice": invoice}
    services.record_payment(**money, amount=Decimal(21), reference="A")
    assert is_read_only(w)
    services.record_payment(**money, amount=Decimal(100), reference="B")
    assert not is_read_only(w)
    teams_services.create_subaccount(actor=w.owner, account=w.account, name="New", slug="new")
