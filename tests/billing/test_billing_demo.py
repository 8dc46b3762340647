"""The demo's year of billing: believable, sound, the same each time, and only once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest
from django.apps import apps
from django.db import transaction
from django_tasks_db.models import DBTaskResult

from billing import demo, overdue, selectors
from billing.models import (
    BillingDetails,
    CreditNote,
    DunningStep,
    Invoice,
    InvoiceLine,
    MeteredDay,
    Payment,
    Subscription,
    UsageDay,
)
from billing.rating import next_month
from billing.services import metering
from permissions import audit
from teams.factories import ContactFactory, SubaccountFactory
from teams.models import Account
from tests.clock import let_the_day_be
from tests.commands.helpers import run
from tests.services.world import World, world

pytestmark = [pytest.mark.django_db, pytest.mark.once]

SLUGS = ("emma-corporate", "emma-hq", "emma-hq-rival")


@pytest.fixture(scope="module")
def told(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """Tell the stories once; what the tests do is rolled back to it.

    They are told as of today, which it has to be until the last of the tests.
    """
    let_the_day_be(2 * 60)
    with django_db_blocker.unblock(), transaction.atomic():
        for slug in SLUGS:
            w = world("emma_hq" if "hq" in slug else "emma_corporate", slug=slug)
            _filled(w)
        demo.seed_billing()
        yield
        transaction.set_rollback(True)


def _filled(w: World) -> None:
    ContactFactory.create_batch(40, subaccount=w.north)
    SubaccountFactory(account=w.account, slug="east", name="East")


def account(slug: str) -> Account:
    return Account.objects.get(slug=slug)


def rows(*, keys: bool = True) -> dict[str, list[Any]]:
    """Return every row of billing; without what the database, or the clock, gives."""
    left_out = ("id", "created_at", "taken_at", "metered_at", "started_at", "key")
    found = {}
    for model in apps.get_app_config("billing").get_models():
        columns = [
            field.attname
            for field in model._meta.concrete_fields
            if keys or (field.attname not in left_out and not field.is_relation)
        ]
        found[model._meta.label] = sorted(model._default_manager.values_list(*columns), key=repr)
    return found


def test_every_month_of_a_year_was_billed_and_all_but_the_last_paid(told: None) -> None:
    for slug in SLUGS:
        invoices = list(Invoice.objects.filter(account__slug=slug).order_by("number"))
        own = [invoice for invoice in invoices if invoice.subaccount_id is None]
        months = 1 if slug.endswith("rival") else 12
        assert len(own) == months
        assert next_month(own[-1].month) == selectors.today().replace(day=1)
        for before, after in pairwise(own):
            assert next_month(before.month) == after.month
        assert [invoice.number for invoice in invoices] == list(range(1, len(invoices) + 1))
        issued = [invoice.issued_on or date.max for invoice in invoices]
        assert issued == sorted(issued)
        assert all(next_month(i.month) <= on for i, on in zip(invoices, issued, strict=True))
        assert issued[-1] <= selectors.today()
        assert all(invoice.total > 20 for invoice in own)
        last = [i.month == own[-1].month for i in invoices]
        is_open = [invoice.status == "open" for invoice in invoices]
        if slug == demo.overdue_account():
            assert Counter(is_open) == {True: 2, False: 10}
        else:
            assert is_open == last
    for invoice in Invoice.objects.prefetch_related("lines", "payments"):
        assert sum(line.amount for line in invoice.lines.all()) == invoice.subtotal
        assert sum(payment.amount for payment in invoice.payments.all()) == invoice.paid
        for payment in invoice.payments.all():
            paid_on = payment.settled_at.date()
            assert invoice.issued_on < paid_on <= selectors.today()
            assert payment.settled_at == invoice.settled_at


def test_nobody_is_read_only_one_is_overdue_and_the_hint_makes_it_read_only(
    told: None, settings: Any
) -> None:
    states = {slug: overdue.standing(account(slug)).state for slug in SLUGS}
    late = demo.overdue_account()
    assert states == {slug: "overdue" if slug == late else "current" for slug in SLUGS}
    assert not Account.objects.exclude(read_only_because="").exists()
    assert set(DunningStep.objects.values_list("invoice__account__slug", "step")) == {
        (late, "reminder"),
        (late, "last_reminder"),
    }
    assert run("run_dunning").out == "0 steps are taken.\n"
    with transaction.atomic():
        settings.BILLING_LAST_REMINDER_DAYS, settings.BILLING_READ_ONLY_DAYS = 2, 3
        assert run("run_dunning", "--account", late).out.endswith("\n1 step is taken.\n")
        assert account(late).read_only_because
        transaction.set_rollback(True)


def test_it_has_a_change_of_plan_a_credit_note_and_who_pays_for_itself(told: None) -> None:
    corporate = account("emma-corporate")
    plans = Subscription.objects.filter(account=corporate).order_by("starts_on")
    first, second = plans
    assert (first.plan.name, second.plan.name) == ("Starter", "Agency")
    assert first.ends_on == second.starts_on
    assert first.starts_on.day == 1 != second.starts_on.day
    both = InvoiceLine.objects.filter(invoice__month=second.starts_on.replace(day=1), meter="base")
    assert both.filter(account=corporate).count() == 2

    (note,) = CreditNote.objects.all()
    assert note.account == corporate
    assert (note.total, note.invoice.status) == (demo.CREDIT, "paid")
    assert note.invoice.issued_on < note.issued_on <= note.invoice.settled_at.date()

    direct = Invoice.objects.filter(account=corporate).exclude(subaccount=None)
    assert set(direct.values_list("subaccount__slug", flat=True)) == {"east"}
    assert direct.count() == demo.DIRECT_MONTHS

    for details in BillingDetails.objects.select_related("account__owner"):
        assert details.contact_address.endswith(".example")
        assert details.contact_address != details.account.owner.email
    tax = Invoice.objects.filter(account=corporate).latest("number")
    assert (tax.tax_label, tax.tax_rate, tax.billed_to["name"]) == ("IVA", 21, "East")


def test_use_has_a_rhythm_grows_and_is_metered_from_now_on(told: None) -> None:
    today = selectors.today()
    for slug in SLUGS:
        days = set(MeteredDay.objects.filter(account__slug=slug).values_list("day", flat=True))
        first = min(days)
        assert days == {first + timedelta(days=n) for n in range((today - first).days)}
    north = UsageDay.objects.filter(account__slug="emma-corporate", subaccount__slug="north")
    used = {row.day: row for row in north}
    assert used[today - timedelta(days=1)].contacts == 40
    assert used[min(used)].contacts == 40 * demo.AT_FIRST // 100
    tuesdays = sum(row.sends for day, row in used.items() if day.weekday() == 1)
    sundays = sum(row.sends for day, row in used.items() if day.weekday() == 6)
    assert tuesdays > 10 * sundays
    assert metering.meter() == []


def test_nobody_is_written_to_and_the_record_is_complete(told: None) -> None:
    assert not DBTaskResult.objects.exists()
    assert list(audit.verify()) == []
    assert Payment.objects.exclude(status="succeeded").count() == 0
    assert Invoice.objects.filter(paid__gt=Decimal(0)).exists()


def test_telling_it_again_changes_nothing_and_elsewhere_it_is_the_same(told: None) -> None:
    before, said = rows(), rows(keys=False)
    demo.seed_billing()
    assert rows() == before
    old = account("emma-hq-rival")
    with transaction.atomic():
        Account.objects.filter(pk=old.pk).update(slug="emma-hq-other")
        w = world("emma_hq", slug="emma-hq-rival")
        _filled(w)
        demo.seed_billing()
        for model in ("UsageDay", "InvoiceLine", "MeteredDay"):
            table = apps.get_model("billing", model)
            new = table._default_manager.filter(account=w.account)
            assert _figures(new) == _figures(table._default_manager.filter(account=old)) != []
        transaction.set_rollback(True)
    assert rows(keys=False) == said


def _figures(found: Any) -> list[Any]:
    wanted = ("day", "contacts", "sends", "seats", "place", "quantity", "amount")
    columns = [f.attname for f in found.model._meta.concrete_fields if f.attname in wanted]
    return sorted(found.values_list(*columns))


def test_without_a_seller_nothing_is_created(settings: Any) -> None:
    before = (Account.objects.count(), rows())
    settings.BILLING_SELLER_NAME = ""
    done = run("seed_demo", force=True)
    assert (done.code, Account.objects.count(), rows()) == (2, *before)
    assert "BILLING_SELLER_NAME" in done.error
