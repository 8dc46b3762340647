"""The pages of the rate plan and of who pays: who enters, what is offered, and what it does."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from billing import selectors
from billing.admin.plan_words import included_in
from billing.factories import (
    BillingDetailsFactory,
    PlanTierFactory,
    RatePlanFactory,
    SubscriptionFactory,
)
from billing.models import BillingDetails, RatePlan, Subscription
from permissions.models import AuditEvent
from teams.models import Account, Subaccount
from tests.console.helpers import confirmed, digest_of
from tests.services.world import stored, world

# pages, over services that both databases try
pytestmark = [pytest.mark.django_db, pytest.mark.once]

PLAN = "/billing/rateplan/"
DETAILS = "/billing/billingdetails/"
EDIT = {
    "name": "Harbor Ltd", "contact_name": "Ines", "contact_address": "ines@payer.example",
    "street": "", "postal_code": "", "city": "Oslo", "country": "NO", "tax_id": "",
}  # fmt: skip


@pytest.fixture(autouse=True)
def a_day(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is 10 March 2026."""
    monkeypatch.setattr(selectors, "today", lambda: date(2026, 3, 10))


def browser(user: Any) -> Client:
    """Return a browser signed in as ``user``."""
    found = Client()
    found.force_login(user)
    return found


def text(answer: Any) -> str:
    """Return what a page holds."""
    return str(answer.content.decode())


#: who opens rate plan and details, and who changes them, in each edition: the rows of the truth
#: tables for view_rate_plan, view_billing_details, change_rate_plan and change_billing_details
TRUTH: list[tuple[str, str, tuple[str, ...], bool]] = [
    ("constant_contact", "owner", (), True),
    ("constant_contact", "partner_manager", (), False),
    ("emma_corporate", "owner", (), True),
    ("emma_corporate", "manager", (), False),
    ("emma_corporate", "manager", ("billing",), True),
    ("emma_enterprise", "owner", (), True),
    ("emma_enterprise", "manager", ("billing_reports",), False),
    ("emma_hq", "owner", (), True),
    ("emma_hq", "manager", ("billing_reports",), False),
    ("sailthru", "owner", (), True),
    ("sailthru", "account_admin", (), True),
    ("sailthru", "marketer_admin", (), False),
]


def test_who_opens_and_changes_them_in_each_edition() -> None:
    for edition, role, toggles, may in TRUTH:
        w = world(edition, single_bill=True)
        plan = RatePlanFactory()
        SubscriptionFactory(account=w.account, plan=plan)
        other = RatePlanFactory()
        user = w.owner if role == "owner" else w.manager(role=role, toggles=toggles).user
        client = browser(user)
        home = text(client.get(reverse("console:index")))
        case = (edition, role, toggles)
        for url, label in ((PLAN, "View rate plan"), (DETAILS, "View billing details")):
            answer = client.get(url)
            assert answer.status_code == (200 if may else 403), case
            assert (f'href="{url}"' in home) is may, ("an entry leads to no refusal", case)
            if not may:
                assert label in text(answer), case
        before = stored()
        posts: list[tuple[str, dict[str, Any]]] = [
            (f"{PLAN}{other.pk}/act/choose/", {"when": "now"}),
            (f"{DETAILS}act/edit/", EDIT),
            (f"{DETAILS}act/direct/{w.north.pk}/", {}),
        ]
        for url, data in posts:
            answer = confirmed(client, url, data)
            assert answer.status_code in ((302,) if may else (403, 404)), (case, url)
        if may:
            assert Subscription.objects.filter(account=w.account, plan=other).exists(), case
            assert Subaccount.objects.get(pk=w.north.pk).billed_directly, case
            assert BillingDetails.objects.get(account=w.account).city == "Oslo", case
        else:
            assert stored() == before, case


def test_the_page_says_what_the_plan_includes_and_a_change_what_it_costs() -> None:
    w = world("emma_hq", name="Harbor")
    small = RatePlanFactory(name="Small", price=31, most_subaccounts=2, most_seats=40)
    PlanTierFactory(plan=small, price=10)
    PlanTierFactory(plan=small, above=5000, price=8)
    large = RatePlanFactory(name="Large", price=310)
    tight = RatePlanFactory(name="Tight", most_subaccounts=1)
    client = browser(w.owner)
    assert "Harbor has no rate plan yet" in text(client.get(PLAN))
    SubscriptionFactory(account=w.account, plan=small)
    page = text(client.get(PLAN))
    for said in (
        "€31.00 a month", "1 April 2026", "€8.00 per 1,000, from 5,000 beyond", "At most 2, 2 now",
        "At most 40, 1 now", "€10.00 each, a month", "Large", "further notice",
    ):  # fmt: skip
        assert said in page
    url = f"{PLAN}{large.pk}/act/choose/"
    assert "When the current plan renews, on 1 April 2026" in text(client.get(url))
    before = stored()
    shown = client.post(url, {"when": "now"})
    assert "€31.00" in text(shown)
    assert "€229.00" in text(shown), "nine days of the small plan, 22 of the large one"
    assert "Any number" in text(shown)
    assert stored() == before
    # what was shown for now does not confirm another choice
    again = client.post(url, {"when": "renewal", "previewed": digest_of(shown)})
    assert "Nothing was saved" in text(again)
    assert stored() == before
    done = client.post(url, {"when": "renewal", "previewed": digest_of(again)}, follow=True)
    assert "Harbor has the rate plan Large from 1 April 2026 on." in text(done)
    assert "Agreed change" in text(done)
    refusal = client.post(f"{PLAN}{tight.pk}/act/choose/", {"when": "now"})
    assert "archive 1" in text(refusal)
    for wrong in ("soon", ""):
        answer = client.post(f"{PLAN}{tight.pk}/act/choose/", {"when": wrong})
        assert answer.status_code == 200
        assert not digest_of(answer)
    assert client.get(f"{PLAN}act/withdraw/").status_code == 200
    client.post(f"{PLAN}act/withdraw/")
    assert list(Subscription.objects.values_list("plan__name", "ends_on")) == [("Small", None)]
    assert client.get(f"{PLAN}act/withdraw/").status_code == 403
    assert client.get(f"{PLAN}{small.pk}/act/choose/").status_code == 403, "one has it already"


def test_plans_that_are_not_ones_own_look_like_missing_ones() -> None:
    w, other = world("emma_hq"), world("emma_hq")
    hidden = RatePlanFactory(is_offered=False)
    SubscriptionFactory(account=other.account, plan=hidden)
    old = RatePlanFactory(is_offered=False, name="Old")
    SubscriptionFactory(account=w.account, plan=old)
    dollars = RatePlanFactory(currency="USD")
    gone = RatePlanFactory()
    RatePlan.objects.filter(pk=gone.pk).delete()
    client = browser(w.owner)
    answers = set()
    for key in (hidden.pk, dollars.pk, gone.pk, 0, "x"):
        for url in (f"{PLAN}{key}/change/", f"{PLAN}{key}/act/choose/"):
            for answer in (client.get(url), client.post(url, {"when": "now"})):
                answers.add((answer.status_code, text(answer)))
    assert len(answers) == 1
    assert answers.pop()[0] == 404
    assert "Not on offer any more" in text(client.get(f"{PLAN}{old.pk}/change/"))
    assert client.get(f"{PLAN}{old.pk}/act/choose/").status_code == 403
    assert hidden.name not in text(client.get(PLAN))
    for key in (other.north.pk, 0, "x"):
        for verb in ("direct", "edit-subaccount", "onto-account"):
            assert client.get(f"{DETAILS}act/{verb}/{key}/").status_code == 404
            assert client.post(f"{DETAILS}act/{verb}/{key}/", EDIT).status_code == 404
    assert not Subaccount.objects.filter(billed_directly=True).exists()


def test_who_pays_is_changed_on_its_page_and_said_to_whom_it_matters() -> None:
    w = world("constant_contact", name="Harbor")
    manager = w.manager(role="partner_manager").user
    client = browser(w.owner)
    page = text(client.get(DETAILS))
    assert "Every client account pays for itself." in page
    assert "North" in page
    answer = client.post(f"{DETAILS}act/edit/", EDIT | {"country": "XX"})
    assert "no country" in text(answer)
    answer = client.post(f"{DETAILS}act/edit/", EDIT, follow=True)
    assert "are saved" in text(answer)
    assert "Oslo, Norway" in text(answer)
    assert "ines@payer.example" in text(answer)
    assert "so already" in text(client.post(f"{DETAILS}act/edit/", EDIT))
    shown = client.post(f"{DETAILS}act/single-bill/", {"on": "on"})
    assert manager.get_full_name() in text(shown)
    assert "Gains" in text(shown)
    assert not Account.objects.get(pk=w.account.pk).single_bill
    confirmed(client, f"{DETAILS}act/single-bill/", {"on": "on"})
    assert Account.objects.get(pk=w.account.pk).single_bill
    url = f"{DETAILS}act/direct/{w.north.pk}/"
    assert "Loses" in text(client.post(url))
    confirmed(client, url)
    assert client.post(url).status_code == 404, "it is so already"
    own = EDIT | {"name": "North SL", "city": "Vigo", "country": "ES"}
    client.post(f"{DETAILS}act/edit-subaccount/{w.north.pk}/", own)
    assert "Vigo, Spain" in text(client.get(DETAILS))
    confirmed(client, f"{DETAILS}act/onto-account/{w.north.pk}/")
    assert not Subaccount.objects.get(pk=w.north.pk).billed_directly
    assert AuditEvent.objects.filter(action="subaccount.direct_billing_set").count() == 2
    plain = world("emma_hq")
    assert browser(plain.owner).get(f"{DETAILS}act/single-bill/").status_code == 403


def test_a_manager_of_some_subaccounts_sees_no_payer_but_theirs() -> None:
    w = world("emma_corporate")
    Subaccount.objects.filter(account=w.account).update(billed_directly=True)
    for place in (w.north, w.south):
        BillingDetailsFactory(
            account=w.account, subaccount=place, name=f"{place.name} Ltd",
            contact_address=f"{place.slug}@payer.example",
        )  # fmt: skip
    client = browser(w.manager(w.south, toggles=("billing",)).user)
    page = text(client.get(DETAILS))
    assert "south@payer.example" in page
    assert "north@payer.example" not in page
    assert "North" not in page
    for verb in ("edit-subaccount", "onto-account"):
        assert client.get(f"{DETAILS}act/{verb}/{w.north.pk}/").status_code == 404
        assert client.get(f"{DETAILS}act/{verb}/{w.south.pk}/").status_code == 200


def test_an_account_that_is_read_only_still_says_who_pays() -> None:
    w = world("emma_hq", read_only_because="unpaid")
    plan = RatePlanFactory()
    client = browser(w.owner)
    assert "Edit details" in text(client.get(DETAILS))
    assert confirmed(client, f"{DETAILS}act/edit/", EDIT).status_code == 302
    assert confirmed(client, f"{PLAN}{plan.pk}/act/choose/", {"when": "now"}).status_code == 302


def test_what_a_plan_includes_reads_as_a_sentence() -> None:
    plan = RatePlanFactory.build(
        included_contacts=12000, included_sends=1, included_subaccounts=1, included_seats=3
    )
    assert included_in(plan) == (
        "It includes 12,000 contacts (the most there are at one time in a month), 1 message a "
        "month, 1 active subaccount and 3 seats, one for each person."
    )
