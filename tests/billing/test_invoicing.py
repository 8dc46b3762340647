"""What a month came to, for each who pays, and numbers without gaps."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase as HypothesisTestCase

from billing import selectors
from billing.checks import check_due_days
from billing.factories import (
    BillingDetailsFactory,
    InvoiceFactory,
    PlanTierFactory,
    RatePlanFactory,
    SubscriptionFactory,
    UsageDayFactory,
)
from billing.models import BillingDetails, Invoice, InvoiceLine, Meter, MeteredDay
from billing.services import draft_invoices, issue_invoice
from billing.usage import charges_of
from permissions.errors import Invalid
from permissions.models import AuditEvent
from teams.models import Account, Subaccount
from tests.concurrency.racing import errors, together
from tests.services.world import World, world

OCTOBER = date(2026, 10, 1)
NOVEMBER = date(2026, 11, 1)
TODAY = date(2026, 11, 5)


@pytest.fixture(autouse=True)
def today(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let it be the fifth of November."""
    monkeypatch.setattr(selectors, "today", lambda: TODAY)


def metered(account: Account, month: date = OCTOBER, *, seats: int = 3) -> None:
    """Let every day of ``month`` be metered."""
    after = (month + timedelta(days=32)).replace(day=1)
    days = [month + timedelta(days=n) for n in range((after - month).days)]
    MeteredDay.objects.bulk_create(MeteredDay(account=account, day=d, seats=seats) for d in days)


def used(place: Subaccount, *, contacts: int = 0, sends: int = 0, day: date = OCTOBER) -> None:
    """Let ``place`` have used that on one day."""
    UsageDayFactory(subaccount=place, day=day, contacts=contacts, sends=sends, is_active=False)


def october(edition: str = "emma_hq", *, tax: int = 0, **plan: Any) -> World:
    """Return an account with north and south, whose October is over: 100 a month, north used three
    quarters and south one quarter of 4,000 contacts, 3,000 of them beyond what is included."""
    w = world(edition)
    sold = RatePlanFactory(name="Growth", **plan)
    PlanTierFactory(plan=sold)
    SubscriptionFactory(account=w.account, plan=sold)
    metered(w.account)
    used(w.north, contacts=3000)
    used(w.south, contacts=1000, sends=10)
    if tax:
        BillingDetailsFactory(
            account=w.account, name="Payer Ltd", tax_label="VAT", tax_rate=Decimal(tax)
        )
    return w


def content(account: Account) -> list[Any]:
    """Return all that stands on the invoices of ``account``, their keys and times aside."""
    hidden = {"id", "created_at", "settled_at"}
    return [
        (
            {k: v for k, v in row.items() if k not in hidden},
            list(
                InvoiceLine.objects.filter(invoice=row["id"])
                .order_by("position")
                .values_list("position", "place", "meter", "description", "quantity", "amount")
            ),
        )
        for row in Invoice.objects.filter(account=account).order_by("pk").values()
    ]


def code_of(account: Account, month: date = OCTOBER) -> tuple[str, str]:
    with pytest.raises(Invalid) as caught:
        draft_invoices(account, month)
    return caught.value.code, caught.value.message


@pytest.mark.django_db
def test_a_month_is_drafted_and_issued() -> None:
    w = october(tax=21)

    (draft,) = draft_invoices(w.account, OCTOBER)

    assert (draft.status, draft.number, draft.label, str(draft)) == (
        "draft", None, "", "Draft for October 2026",
    )  # fmt: skip
    assert (draft.subtotal, draft.tax, draft.total) == (
        Decimal(130),
        Decimal("27.30"),
        Decimal("157.30"),
    )
    assert draft.billed_to["name"] == "Payer Ltd"
    assert draft.billed_to["contact"] == "Ines Accountant"
    assert draft.seller["name"] == "Console Ltd"
    assert draft.seller["address"] == ["1 Example Street", "28001 Madrid", "Spain"]
    lines = draft.lines.values_list("position", "place", "meter", "quantity", "amount")
    assert [tuple(line) for line in lines] == [
        (1, "", Meter.BASE, 31, 100),
        (2, "", Meter.SEATS, 93, 0),
        (3, w.north.name, Meter.CONTACTS, 3000, Decimal("22.5")),
        (4, w.south.name, Meter.CONTACTS, 1000, Decimal("7.5")),
        (5, w.south.name, Meter.SENDS, 10, 0),
    ]
    first = content(w.account)
    draft_invoices(w.account, OCTOBER)
    assert content(w.account) == first

    issued = issue_invoice(Invoice.objects.get())

    issued.refresh_from_db()
    assert (issued.status, issued.number) == ("open", 1)
    assert issued.label == f"{w.account.slug.upper()}-00001"
    assert (issued.issued_on, issued.due_on) == (TODAY, TODAY + timedelta(days=14))
    event = AuditEvent.objects.get(action="invoice.issued")
    assert (event.actor_ref, event.data["total"]) == ("system", "157.30")
    with pytest.raises(Invalid) as caught:
        issue_invoice(issued)
    assert caught.value.code == "ISSUED_ALREADY"
    before = content(w.account)
    assert draft_invoices(w.account, OCTOBER) == []
    assert content(w.account) == before
    # names as they were
    Subaccount.objects.filter(pk=w.north.pk).update(name="Renamed")
    assert issued.lines.get(position=3).place == w.north.name


@pytest.mark.django_db
def test_who_pays_for_themselves_gets_an_invoice_of_their_own() -> None:
    w = october(tax=21)
    Subaccount.objects.filter(pk=w.south.pk).update(billed_directly=True)
    BillingDetailsFactory(account=w.account, subaccount=w.south, name="South SL")

    whole, south = draft_invoices(w.account, OCTOBER)

    assert (whole.subaccount, south.subaccount) == (None, w.south)
    assert (whole.total, south.total) == (Decimal("148.23"), Decimal("9.08"))
    assert (south.billed_to["name"], south.tax_rate) == ("South SL", 21)
    assert set(south.lines.values_list("place", flat=True)) == {w.south.name}
    assert w.south.name not in whole.lines.values_list("place", flat=True)
    labels = [issue_invoice(invoice).number for invoice in (whole, south)]
    assert labels == [1, 2]


@pytest.mark.django_db
def test_nothing_is_billed_twice_and_nothing_is_lost_when_the_payer_changes() -> None:
    w = october()
    places = Subaccount.objects.filter(pk=w.south.pk)
    (whole,) = draft_invoices(w.account, OCTOBER)
    issue_invoice(whole)
    places.update(billed_directly=True)
    assert draft_invoices(w.account, OCTOBER) == []

    other = october("emma_corporate")
    places = Subaccount.objects.filter(pk=other.south.pk)
    places.update(billed_directly=True)
    whole, _south = draft_invoices(other.account, OCTOBER)
    issue_invoice(whole)
    places.update(billed_directly=False)
    code, message = code_of(other.account)
    assert code == "UNBILLED"
    assert other.south.name in message
    places.update(billed_directly=True)
    (south,) = draft_invoices(other.account, OCTOBER)
    issue_invoice(south)
    places.update(billed_directly=False)
    assert draft_invoices(other.account, OCTOBER) == []
    rows = Invoice.objects.filter(account=other.account)
    assert sum(row.subtotal for row in rows) == 130


@pytest.mark.django_db
def test_what_cannot_be_drafted_is_said(settings: Any) -> None:
    w = october()
    assert code_of(w.account, date(2026, 10, 2))[0] == "NOT_A_MONTH"
    assert code_of(w.account, "2026-10")[0] == "NOT_A_MONTH"  # type: ignore[arg-type]
    assert code_of(w.account, NOVEMBER) == (
        "NOT_OVER",
        "November 2026 is not over. Invoices are drafted from 2026-12-01 on.",
    )
    assert code_of(w.account, date(2026, 9, 1)) == (
        "NOT_METERED",
        f"{w.account.name} is not metered on 2026-09-01. Run record_usage for it first.",
    )
    settings.BILLING_SELLER_NAME = " "
    assert code_of(w.account)[0] == "NO_SELLER"
    assert not Invoice.objects.exists()


@pytest.mark.once
def test_days_to_pay_that_make_no_sense_are_said_at_start_up(settings: Any) -> None:
    for days in (-1, 366, "14", True, None):
        settings.BILLING_DUE_DAYS = days
        assert [error.id for error in check_due_days(None)] == ["billing.E003"], days
    settings.BILLING_DUE_DAYS = 0
    assert check_due_days(None) == []


@pytest.mark.django_db
def test_nothing_to_pay() -> None:
    w = world("emma_hq")
    assert draft_invoices(w.account, OCTOBER) == []

    w = october(price=0, included_contacts=10_000)
    Subaccount.objects.filter(pk=w.west.pk).update(billed_directly=True)
    (draft,) = draft_invoices(w.account, OCTOBER)
    issued = issue_invoice(draft)
    assert (issued.total, issued.status, issued.owed) == (0, "paid", 0)
    assert issued.settled_at is not None
    assert issued.lines.count() == 5


@pytest.mark.django_db
def test_numbers_go_on_per_account() -> None:
    w, other = october(), october("sailthru")
    InvoiceFactory(account=w.account, number=41, month=date(2026, 8, 1))
    numbers = [
        issue_invoice(draft_invoices(account, OCTOBER)[0]).number
        for account in (w.account, other.account)
    ]
    assert numbers == [42, 1]


class Totals(HypothesisTestCase):
    """Whatever was used, and whoever pays for themselves."""

    @settings(max_examples=8, suppress_health_check=[HealthCheck.too_slow])
    @given(
        use=st.lists(
            st.tuples(st.integers(0, 2), st.integers(0, 30), st.integers(0, 9000)), max_size=12
        ),
        direct=st.sets(st.integers(0, 2)),
        rate=st.decimals(0, 25, places=2),
        price=st.decimals(0, 300, places=2),
    )
    @pytest.mark.once
    def test_lines_add_up_to_invoices(
        self, use: list[Any], direct: set[int], rate: Decimal, price: Decimal
    ) -> None:
        w = october(price=price, price_per_seat=Decimal("0.07"))
        places = [w.north, w.south, w.west]
        seen = {(w.north.pk, OCTOBER), (w.south.pk, OCTOBER)}
        for place, day, contacts in use:
            key = (places[place].pk, OCTOBER + timedelta(days=day))
            if key not in seen:
                seen.add(key)
                used(places[place], day=key[1], contacts=contacts, sends=contacts * 7)
        Subaccount.objects.filter(pk__in=[places[n].pk for n in direct]).update(
            billed_directly=True
        )
        for payer in (None, *places):
            BillingDetails.objects.create(
                account=w.account, subaccount=payer, name="Payer", tax_label="VAT", tax_rate=rate
            )

        invoices = draft_invoices(w.account, OCTOBER)

        charges = charges_of(w.account, OCTOBER)
        stored = Invoice.objects.filter(account=w.account)
        assert {i.pk for i in stored} == {i.pk for i in invoices}
        assert sum(i.subtotal for i in stored) == sum(c.amount for c in charges)
        for invoice in stored:
            lines = list(invoice.lines.all())
            assert sum(line.amount for line in lines) == invoice.subtotal
            assert invoice.subtotal + invoice.tax == invoice.total
            assert abs(invoice.subtotal * rate / 100 - invoice.tax) <= Decimal("0.005")
            here = {line.subaccount_id for line in lines}
            assert here == {invoice.subaccount_id} or invoice.subaccount_id is None
            assert not here & {places[n].pk for n in direct} - {invoice.subaccount_id}


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_who_issues_at_once_leaves_no_gap() -> None:
    """On PostgreSQL the account's lock does it; SQLite has one writer."""
    w = october()
    months = [date(2025, month, 1) for month in range(1, 9)]
    drafts = [InvoiceFactory(account=w.account, status="draft", month=m) for m in months]

    results = together(*[lambda d=draft: issue_invoice(d) for draft in [*drafts, drafts[0]]])

    (twice,) = errors(results)
    assert isinstance(twice, Invalid)
    numbers = Invoice.objects.filter(account=w.account).values_list("number", flat=True)
    assert sorted(numbers) == list(range(1, 9))


@pytest.mark.django_db(transaction=True)
def test_without_the_lock_numbers_collide(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the test above would find."""
    if connection.vendor != "postgresql":
        pytest.skip("SQLite has one writer, lock or no lock")
    from billing.services import invoicing
    from tests.concurrency.racing import AMPLE, meet_before, without_lock

    w = october()
    drafts = [
        InvoiceFactory(account=w.account, status="draft", month=OCTOBER.replace(month=m))
        for m in (1, 2)
    ]
    without_lock(monkeypatch)
    meet_before(monkeypatch, invoicing, "move", parties=2, patience=AMPLE)
    results = together(*[lambda d=draft: issue_invoice(d) for draft in drafts])
    assert len(errors(results)) == 1
