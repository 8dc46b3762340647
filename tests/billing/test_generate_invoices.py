"""generate_invoices: run, run again, run in vain, and killed at any moment."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from django.db import transaction
from django_tasks_db.models import DBTaskResult

from billing import selectors
from billing.factories import RatePlanFactory, SubscriptionFactory
from billing.models import Invoice, InvoiceLine, Subscription
from permissions import audit, locks
from permissions.models import AuditEvent, AuditHead
from teams.models import Account, Subaccount
from tests.billing.dying import dies_before, statements_of
from tests.billing.test_invoicing import TODAY, content, october
from tests.commands.helpers import Done, run
from tests.services.world import World, stored, world


@pytest.fixture(autouse=True)
def today(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let it be the fifth of November."""
    monkeypatch.setattr(selectors, "today", lambda: TODAY)


def generate(*arguments: str) -> Done:
    return run("generate_invoices", "--month=2026-10", *arguments)


def two() -> tuple[World, World]:
    """Return two accounts whose October is over; in the second, south pays for itself."""
    one, other = october(), october("emma_corporate", tax=21)
    Account.objects.filter(pk=one.account.pk).update(slug="a-one", name="One")
    Account.objects.filter(pk=other.account.pk).update(slug="b-other", name="Other")
    Subaccount.objects.filter(pk=other.south.pk).update(
        billed_directly=True, name="South", slug="south"
    )
    return one, other


@pytest.mark.django_db
def test_a_month_is_drafted_then_issued_then_left() -> None:
    _, other = two()
    before = stored()

    tried = generate("--issue", "--dry-run")

    assert tried.code == 0
    assert tried.out.splitlines() == [
        "One (a-one): A-ONE-00001 over €130.00 would be issued.",
        "Other (b-other): B-OTHER-00001 over €148.23 would be issued.",
        "Other (b-other): B-OTHER-00002 over €9.08 to South would be issued.",
    ]
    assert stored() == before
    assert not DBTaskResult.objects.exists()

    assert generate("--account=a-one").out.splitlines() == [
        "One (a-one): Draft for October 2026 over €130.00 drafted."
    ]
    assert generate("--account=a-one").out.count("drafted") == 1
    done = generate("--issue", "--format=json")
    assert done.code == 0
    first, second = done.json["accounts"]
    assert (done.json["month"], done.json["dry_run"]) == ("2026-10", False)
    assert first == {
        "account": "a-one",
        "drafted": [],
        "issued": [
            {
                "invoice": "A-ONE-00001", "subaccount": None, "total": "130.00",
                "currency": "EUR", "due_on": "2026-11-19",
            }
        ],
        "left": [],
        "problem": None,
    }  # fmt: skip
    assert [i["subaccount"] for i in second["issued"]] == [None, "south"]
    after = stored()
    again = generate("--issue")
    assert stored() == after
    assert again.out.splitlines()[1:] == [
        "Other (b-other): B-OTHER-00001 over €148.23 left, as it was issued before.",
        "Other (b-other): B-OTHER-00002 over €9.08 to South left, as it was issued before.",
    ]
    assert Invoice.objects.filter(account=other.account).count() == 2


@pytest.mark.django_db
def test_an_account_that_fails_stops_no_other() -> None:
    one, other = two()
    third = world("emma_enterprise")
    Account.objects.filter(pk=third.account.pk).update(slug="c-third", name="Third")
    SubscriptionFactory(account=third.account, starts_on=date(2026, 10, 30))
    # nobody can choose a plan in another currency; whatever is wrong with an account, it is said
    rows = Subscription.objects.filter(account=one.account)
    rows.update(ends_on=date(2026, 10, 10))
    SubscriptionFactory(
        account=one.account, plan=RatePlanFactory(currency="USD"), starts_on=date(2026, 10, 10)
    )

    done = generate("--issue")

    assert done.code == 1
    assert done.error == "2 of 3 accounts could not be invoiced: a-one, c-third"
    lines = done.out.splitlines()
    assert lines[0].startswith("One (a-one): not invoiced. ValueError: ")
    assert lines[-1] == (
        "Third (c-third): not invoiced. NOT_METERED: Third is not metered on 2026-10-30. "
        "Run record_usage for it first."
    )
    assert set(Invoice.objects.values_list("account", flat=True)) == {other.account.pk}
    problems = [a["problem"] for a in generate("--format=json").json["accounts"]]
    assert [bool(problem) for problem in problems] == [True, False, True]


@pytest.mark.django_db
@pytest.mark.once
def test_bad_months_and_accounts_are_said() -> None:
    two()
    for month in (
        "2026-13",
        "2026-1",
        "October",
        "2026-10-01",
        "0000-10",
        "9999-12",
        "２０２６-10",
        "",
    ):
        assert run("generate_invoices", f"--month={month}").code == 2, month
    assert generate("--account=nobody").error == "NOT_FOUND: There is no account 'nobody'."
    running = run("generate_invoices", "--month=2026-11")
    assert (running.code, running.out.count("NOT_OVER")) == (1, 2)
    none = run("generate_invoices", "--month=2025-10")
    assert (none.code, none.out) == (0, "Nobody had a rate plan in October 2025.\n")


def state(account: Account) -> Any:
    """Return what invoicing has written about ``account``."""
    events = AuditEvent.objects.filter(root=audit.ref_of(account))
    return content(account), list(events.values_list("action", flat=True))


def clean() -> None:
    """Take back what invoicing wrote."""
    locks.unlock("default")
    try:
        for model in (InvoiceLine, Invoice, AuditEvent, AuditHead, DBTaskResult):
            model.objects.all()._raw_delete("default")
    finally:
        locks.lock_down("default")


def killed(parts: int | None) -> int:
    """Kill invoicing before each statement, or before ``parts`` of them, let it run again and
    compare; return how often it was killed."""
    accounts = [w.account for w in two()]
    for account in accounts:
        account.refresh_from_db()
    nothing = [([], []), ([], [])]
    with transaction.atomic():
        assert generate("--issue").code == 0
        undisturbed, mails = [state(a) for a in accounts], DBTaskResult.objects.count()
        transaction.set_rollback(True)
    assert mails == 3
    last = statements_of(lambda: generate("--issue"))
    clean()
    numbers = range(last) if parts is None else range(last % (last // parts), last, last // parts)

    for number in numbers:
        assert dies_before(number, lambda: generate("--issue"))

        left = [state(a) for a in accounts]
        for whole, none, is_so in zip(undisturbed, nothing, left, strict=True):
            assert is_so in (whole, none), f"half an account at statement {number}"
        assert generate("--issue").code == 0
        assert [state(a) for a in accounts] == undisturbed, number
        assert DBTaskResult.objects.count() == mails, number
        assert not list(audit.verify())
        clean()
    assert not dies_before(last, lambda: generate("--issue"))
    assert [state(a) for a in accounts] == undisturbed
    clean()
    return len(numbers)


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_killed_the_next_run_completes_it() -> None:
    assert killed(3) >= 3


@pytest.mark.deep
@pytest.mark.django_db(transaction=True)
def test_killed_before_any_statement_the_next_run_completes_it(record_property: Any) -> None:
    times = killed(None)
    assert times > 60
    record_property("kills of invoicing", times)
