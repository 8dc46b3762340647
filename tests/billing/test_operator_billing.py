"""The operator site: what is written goes through services, and what they refuse is shown."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse

from billing import selectors
from billing.factories import (
    BillingDetailsFactory,
    InvoiceFactory,
    PaymentFactory,
    PlanTierFactory,
    RatePlanFactory,
    SubscriptionFactory,
)
from billing.models import BillingDetails, Invoice, RatePlan, Subscription
from permissions.models import AuditEvent
from teams.factories import UserFactory
from tests.services.world import stored, world

# pages, over services that both databases try
pytestmark = [pytest.mark.django_db, pytest.mark.once]

MODELS = ("rateplan", "subscription", "billingdetails", "invoice", "payment")
PLAN = {
    "name": "Growth", "code": "growth", "currency": "EUR", "interval": "month", "price": "49.90",
    "included_contacts": "1000", "included_sends": "10000", "included_subaccounts": "2",
    "included_seats": "3", "price_per_subaccount": "10", "price_per_seat": "5",
    "most_subaccounts": "", "most_seats": "20", "is_offered": "on",
}  # fmt: skip


def client(**login: Any) -> Client:
    """Return a browser signed in as a new login."""
    found = Client()
    found.force_login(UserFactory(**login))
    return found


def boss() -> Client:
    """Return a browser of an operator who may write everything."""
    return client(is_staff=True, is_superuser=True)


def to(model: str, page: str = "changelist", *args: Any) -> str:
    """Return an address of the operator site."""
    return reverse(f"operator:billing_{model}_{page}", args=args)


def tiers(*rows: tuple[Any, ...], kept: int = 0) -> dict[str, Any]:
    """Return what the formset of tiers sends."""
    sent: dict[str, Any] = {
        "tiers-TOTAL_FORMS": str(len(rows)), "tiers-INITIAL_FORMS": str(kept),
        "tiers-MIN_NUM_FORMS": "0", "tiers-MAX_NUM_FORMS": "1000",
    }  # fmt: skip
    for n, row in enumerate(rows):
        named = zip(("meter", "above", "per", "price", "id", "plan"), row, strict=False)
        sent |= {f"tiers-{n}-{name}": str(value) for name, value in named}
    return sent


def errors(answer: Any) -> str:
    """Return what stands on the form."""
    assert answer.status_code == 200
    return str(answer.context["adminform"].form.errors)


def test_an_operator_writes_a_plan_with_tiers_and_changes_it_until_it_is_chosen() -> None:
    browser = boss()
    rows = tiers(("contacts", 0, 1000, "10"), ("contacts", 5000, 1000, "8"), ("", 0, 1000, ""))
    answer = browser.post(to("rateplan", "add"), PLAN | rows)
    assert answer.status_code == 302, errors(answer)
    plan = RatePlan.objects.get(code="growth")
    assert (plan.price, plan.most_seats, plan.most_subaccounts) == (Decimal("49.9"), 20, None)
    assert list(plan.tiers.values_list("above", "price")) == [(0, 10), (5000, 8)]
    page = browser.get(to("rateplan", "change", plan.pk)).content.decode()
    assert 'name="price"' in page
    assert 'name="code"' not in page, "the short name stays"
    (first, second) = plan.tiers.all()
    kept = tiers(
        ("contacts", 0, 1000, "11", first.pk, plan.pk),
        ("contacts", 5000, 1000, "8", second.pk, plan.pk),
        kept=2,
    )
    sent = {**PLAN, "price": "60", "name": "Growth 2", **kept, "tiers-1-DELETE": "on"}
    answer = browser.post(to("rateplan", "change", plan.pk), sent)
    assert answer.status_code == 302, errors(answer)
    plan.refresh_from_db()
    assert (plan.price, plan.name) == (60, "Growth 2")
    assert list(plan.tiers.values_list("above", "price")) == [(0, 11)]
    events = AuditEvent.objects.filter(root="platform").order_by("sequence")
    assert list(events.values_list("action", flat=True)) == [
        "rate_plan.created",
        "rate_plan.renamed",
        "rate_plan.edited",
    ]
    # what somebody chose shows its terms and takes none
    SubscriptionFactory(plan=plan)
    page = browser.get(to("rateplan", "change", plan.pk)).content.decode()
    assert 'name="price"' not in page
    assert 'name="tiers-0-price"' not in page
    assert 'name="name"' in page
    sent = {**PLAN, "name": "Growth 3", "price": "1", **tiers(("contacts", 0, 1000, "1"))}
    browser.post(to("rateplan", "change", plan.pk), sent)
    plan.refresh_from_db()
    assert (plan.name, plan.price) == ("Growth 3", 60)
    assert list(plan.tiers.values_list("above", "price")) == [(0, 11)]


def test_what_the_service_refuses_stands_on_the_form_and_nothing_is_written() -> None:
    browser = boss()
    before = stored()
    bad = [
        ({"currency": "XYZ"}, tiers(), "no currency"),
        ({"code": "Über"}, tiers(), ""),
        ({}, tiers(("contacts", 5, 1000, "1")), "begin the first"),
        ({"price": "-1"}, tiers(), "amount from 0"),
    ]
    for given, rows, said in bad:
        answer = browser.post(to("rateplan", "add"), PLAN | given | rows)
        assert said in errors(answer)
    assert stored() == before
    plan = RatePlanFactory(name="Old")
    before = stored()
    # the name could change, the tiers make no sense: neither does
    answer = browser.post(
        to("rateplan", "change", plan.pk), PLAN | {"name": "New"} | tiers(("sends", 9, 1, "1"))
    )
    assert "begin the first" in errors(answer)
    assert stored() == before


def test_plans_are_offered_withdrawn_and_copied_from_the_list() -> None:
    browser = boss()
    plan = RatePlanFactory(code="old", name="Old", is_offered=True)
    PlanTierFactory(plan=plan)
    SubscriptionFactory(plan=plan)
    for action, said in (("withdraw", "done"), ("withdraw", "already"), ("copy", "done")):
        answer = browser.post(
            to("rateplan"), {"action": action, "_selected_action": [plan.pk]}, follow=True
        )
        assert said in answer.content.decode()
    plan.refresh_from_db()
    assert not plan.is_offered
    copy = RatePlan.objects.get(code="old-2")
    assert (copy.name, copy.is_offered, copy.tiers.count()) == ("Copy of Old", False, 1)
    assert "€100.00 a month" in browser.get(to("rateplan")).content.decode()


def test_an_operator_sets_a_plan_with_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selectors, "today", lambda: date(2026, 3, 10))
    w, browser = world("emma_hq", slug="harbor"), boss()
    plan = RatePlanFactory(is_offered=False)
    tight = RatePlanFactory(most_subaccounts=1)
    add = to("subscription", "add")
    assert browser.get(add + "?account_name=harbor").context["adminform"].form.initial == {
        "account_name": "harbor"
    }
    sent = {"account_name": "harbor", "plan": plan.pk, "starts_on": "", "reason": "By mail"}
    answer = browser.post(add, sent)
    assert answer.status_code == 302, errors(answer)
    row = Subscription.objects.get(account=w.account)
    assert (row.plan, row.starts_on) == (plan, date(2026, 3, 10))
    event = AuditEvent.objects.latest("pk")
    assert (event.actor_ref, event.data["reason"]) == ("platform", "By mail")
    assert event.data["operator"].startswith("auth.user:")
    before = stored()
    for given, said in (
        ({}, "already"),
        ({"plan": tight.pk}, "archive 1"),
        ({"starts_on": "2026-01-01"}, "today or later"),
        ({"reason": ""}, "required"),
        ({"reason": "x"}, "says nothing"),
        ({"account_name": "nobody"}, "no account"),
    ):
        assert said in errors(browser.post(add, sent | given)), given
    assert stored() == before
    page = browser.get(to("subscription", "change", row.pk))
    assert 'name="plan"' not in page.content.decode()
    assert browser.post(to("subscription", "change", row.pk), sent).status_code == 403


def test_an_operator_says_the_tax_and_nothing_else_of_a_payer() -> None:
    w, browser = world("emma_hq", slug="harbor"), boss()
    row = BillingDetailsFactory(account=w.account, name="Harbor Ltd")
    change = to("billingdetails", "change", row.pk)
    page = browser.get(change).content.decode()
    assert 'name="tax_rate"' in page
    assert 'name="name"' not in page
    sent = {"tax_rate": "21", "tax_label": "IVA", "reason": "Registered", "name": "Mine"}
    answer = browser.post(change, sent)
    assert answer.status_code == 302, errors(answer)
    row.refresh_from_db()
    assert (row.tax_rate, row.tax_label, row.name) == (21, "IVA", "Harbor Ltd")
    assert "so already" in errors(browser.post(change, sent))
    assert "required" in errors(browser.post(change, sent | {"reason": ""}))
    add = to("billingdetails", "add")
    named = {"account_name": "harbor", "subaccount_name": "north", **sent}
    answer = browser.post(add, named)
    assert answer.status_code == 302, errors(answer)
    assert BillingDetails.objects.get(subaccount=w.north).tax_rate == 21
    world("emma_hq", slug="other")
    bad = named | {"subaccount_name": "nowhere"}
    assert "no subaccount" in errors(browser.post(add, bad))


def test_invoices_and_payments_are_looked_at_and_never_written() -> None:
    browser = boss()
    invoice = InvoiceFactory(label="HARBOR-00007", month=date(2026, 2, 1))
    draft = InvoiceFactory(
        status=Invoice.Status.DRAFT, number=None, label="", issued_on=None, due_on=None
    )
    payment = PaymentFactory(invoice=invoice)
    listed = browser.get(to("invoice")).content.decode()
    assert "HARBOR-00007" in listed
    assert str(draft) in listed
    assert "€121.00" in listed
    open_only = browser.get(to("invoice") + "?status__exact=open").content.decode()
    assert str(draft) not in open_only
    for model, row in (("invoice", invoice), ("payment", payment)):
        page = browser.get(to(model, "change", row.pk))
        assert page.status_code == 200
        assert 'name="_save"' not in page.content.decode()
        assert "/history/" not in page.content.decode(), "no entry leads to what is not there"
        assert browser.post(to(model, "change", row.pk), {}).status_code == 403
        assert browser.get(to(model, "add")).status_code == 403
    assert "Rate plan" in browser.get(to("invoice", "change", invoice.pk)).content.decode()


def test_who_may_look_and_who_may_write() -> None:
    w = world("emma_hq")
    rows = {
        "rateplan": RatePlanFactory(),
        "subscription": SubscriptionFactory(account=w.account),
        "billingdetails": BillingDetailsFactory(account=w.account),
        "invoice": InvoiceFactory(account=w.account),
        "payment": PaymentFactory(),
    }
    plain, tenant = client(is_staff=True), Client()
    tenant.force_login(w.owner)
    before = stored()
    for model, row in rows.items():
        pages = [to(model), to(model, "change", row.pk), to(model, "add")]
        for url in (*pages, to(model, "delete", row.pk), to(model, "history", row.pk)):
            assert tenant.get(url).status_code == 302, "tenants are asked to sign in as another"
            assert tenant.post(url, PLAN).status_code == 302
        assert plain.get(pages[0]).status_code == 200
        assert plain.get(pages[1]).status_code == 200
        assert plain.get(pages[2]).status_code == 403
        assert plain.post(pages[1], PLAN).status_code == 403
        assert plain.post(pages[2], PLAN).status_code == 403
        for browser in (plain, boss()):
            assert browser.get(to(model, "delete", row.pk)).status_code == 403
            assert browser.post(to(model, "delete", row.pk), {"post": "yes"}).status_code == 403
            assert browser.get(to(model, "history", row.pk)).status_code == 404
    sent = {"action": "copy", "_selected_action": [rows["rateplan"].pk]}
    plain.post(to("rateplan"), sent)
    assert RatePlan.objects.count() == 2, "the second is that of the subscription"
    writer = UserFactory(is_staff=True)
    writer.user_permissions.set(Permission.objects.filter(codename="change_rateplan"))
    browser = Client()
    browser.force_login(writer)
    assert (
        'name="_save"'
        in browser.get(to("rateplan", "change", rows["rateplan"].pk)).content.decode()
    )
    assert before.keys() == stored().keys()
