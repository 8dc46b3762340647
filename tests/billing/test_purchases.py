"""Buying content: who may, what it costs, who is asked to pay, and what one has then."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from billing import integrity, purchases, selectors, usage
from billing.factories import (
    ContentItemFactory,
    ContentPurchaseFactory,
    InvoiceFactory,
    RatePlanFactory,
    SubscriptionFactory,
)
from billing.models import ContentItem, ContentPurchase, Invoice, InvoiceLine, Meter
from billing.services import (
    draft_invoices,
    offer_content,
    purchase_content,
    reprice_content,
    set_plan_as_platform,
)
from permissions.models import AuditEvent
from teams import keys, services
from teams.catalogue import CATALOGUE
from teams.factories import (
    ApiKeyFactory,
    CampaignFactory,
    MessageTemplateFactory,
    SavedRowFactory,
    SubaccountFactory,
    UserFactory,
)
from teams.models import Account, MessageTemplate, SavedRow, Subaccount
from tests.billing.test_invoicing import OCTOBER, october
from tests.commands.helpers import run
from tests.concurrency.racing import errors, together
from tests.services.world import World, refused, world

pytestmark = pytest.mark.django_db

SHELF = "/billing/contentitem/"
PRICE = Decimal("12.50")


@pytest.fixture(autouse=True)
def a_day(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is 10 March 2026."""
    on(monkeypatch, date(2026, 3, 10))


def on(monkeypatch: pytest.MonkeyPatch, day: date) -> None:
    """Let it be ``day``."""
    monkeypatch.setattr(selectors, "today", lambda: day)


def shop(edition: str = "emma_hq", **extra: Any) -> World:
    """Return an account that has a rate plan in euros."""
    w = world(edition, **extra)
    SubscriptionFactory(account=w.account)
    return w


def image(**extra: Any) -> ContentItem:
    html = '<p><img src="https://images.example.com/sea.jpg" alt="The sea"></p>'
    found: ContentItem = ContentItemFactory(kind="image", name="The sea", rows=[html], **extra)
    return found


def buy(w: World, item: Any, **given: Any) -> ContentPurchase:
    asked = {"actor": w.owner, "subaccount": w.north, "item": item, "price": PRICE, **given}
    return purchase_content(**asked)


# what one has then


def test_a_plus_campaign_becomes_a_template_that_campaigns_start_from() -> None:
    w = shop()
    item = ContentItemFactory(name="Spring")
    made = buy(w, item)
    assert (made.account, made.subaccount, made.item) == (w.account, w.north, item)
    assert (made.price, made.currency, made.bought_by) == (PRICE, "EUR", w.owner)
    assert made.bought_on == date(2026, 3, 10)
    template = MessageTemplate.objects.get()
    assert (template.subaccount, template.name, template.created_by) == (w.north, "Spring", w.owner)
    assert [row["html"] for row in template.rows] == item.rows
    campaign = CampaignFactory(subaccount=w.north)
    services.use_template(actor=w.owner, campaign=campaign, template=template)
    campaign.refresh_from_db()
    assert [row["html"] for row in campaign.rows] == item.rows


def test_an_image_becomes_a_saved_row_that_templates_take() -> None:
    w = shop()
    buy(w, image())
    saved = SavedRow.objects.get()
    assert (saved.subaccount, saved.name) == (w.north, "The sea")
    template = MessageTemplateFactory(subaccount=w.north)
    services.insert_saved_row(actor=w.owner, content=template, saved=saved)
    template.refresh_from_db()
    assert 'src="https://images.example.com/sea.jpg"' in template.rows[-1]["html"]


def test_it_takes_a_free_name_where_there_is_one_of_that_name() -> None:
    w = shop()
    MessageTemplateFactory(subaccount=w.north, name="spring")
    MessageTemplateFactory(subaccount=w.north, name="Spring 2")
    SavedRowFactory(subaccount=w.north, name="Spring")
    buy(w, ContentItemFactory(name="Spring"))
    assert MessageTemplate.objects.filter(name="Spring 3").exists()


def test_it_goes_to_the_teams_of_whom_teams_limit_and_the_record_says_all_of_it() -> None:
    """Whoever buys for want of ``assign_team_resources`` sees what they bought."""
    w = shop("sailthru")
    made = buy(w, ContentItemFactory(name="Spring"), actor=w.manager(role="account_admin").user)
    found = AuditEvent.objects.filter(root=f"teams.account:{w.account.pk}").order_by("pk")
    assert list(found.values_list("action", flat=True))[-2:] == [
        "messagetemplate.created",
        "content.purchased",
    ]
    event = found.get(action="content.purchased")
    assert event.data["price"] == "12.50"
    assert (event.subject_label, event.data["subaccount"]) == (str(made), w.north.pk)


# what it costs, and who pays


def test_it_is_a_line_of_the_invoice_of_its_month_and_of_no_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    w = october("emma_corporate")
    item = ContentItemFactory(name="Spring")
    for day, place in ((date(2026, 10, 31), w.north), (date(2026, 10, 1), w.south)):
        on(monkeypatch, day)
        buy(w, item, subaccount=place)
    for day in (date(2026, 9, 30), date(2026, 11, 1)):
        on(monkeypatch, day)
        buy(w, ContentItemFactory())
    Subaccount.objects.filter(pk=w.south.pk).update(billed_directly=True)
    on(monkeypatch, date(2026, 11, 5))
    whole, direct = draft_invoices(w.account, OCTOBER)
    lines = InvoiceLine.objects.filter(meter=Meter.CONTENT).order_by("starts_on")
    assert [(line.invoice, line.subaccount, line.amount) for line in lines] == [
        (direct, w.south, PRICE),
        (whole, w.north, PRICE),
    ]
    assert lines[1].description == "Plus campaign: Spring"
    assert (lines[1].starts_on, lines[1].ends_on) == (date(2026, 10, 31), date(2026, 11, 1))
    assert (whole.total, direct.total) == (Decimal("142.50") - Decimal("7.50"), Decimal(20))
    so_far = usage.charges_of(w.account, OCTOBER, date(2026, 10, 31))
    assert sum(c.amount for c in so_far if c.meter == Meter.CONTENT) == PRICE


def test_nobody_pays_another_price_than_they_were_shown() -> None:
    w, item = shop(), ContentItemFactory()
    operator = UserFactory(is_staff=True)
    reprice_content(operator=operator, item=item, price="13")
    with refused("PRICE_CHANGED"):
        buy(w, item)
    assert buy(w, item, price="13.00").price == 13


def test_prices_that_are_none() -> None:
    w, item = shop(), ContentItemFactory()
    for wrong in (None, True, 12.5, "", "abc", "NaN", "1e999999999", [], b"12.50"):
        with refused("PRICE_CHANGED" if wrong == "1e999999999" else "NOT_A_PRICE"):
            buy(w, item, price=wrong)
    assert not ContentPurchase.objects.exists()


# who may not, and when


def test_whoever_lacks_it_there_is_refused() -> None:
    w, item = shop("constant_contact"), ContentItemFactory()
    assert w.home is not None
    manager = w.manager(role="partner_manager").user
    buy(w, item, actor=manager)
    with refused("OUT_OF_SCOPE") as caught:
        buy(w, item, actor=manager, subaccount=w.home)
    assert [m.permission for m in caught.value.missing] == ["purchase_content"]  # type: ignore[attr-defined]
    for actor in [w.member(role).user for role in ("account_manager", "campaign_creator")]:
        with refused("OUT_OF_SCOPE"):
            buy(w, item, actor=actor)
    rival = shop("constant_contact")
    with refused("NOT_FOUND"):
        buy(w, item, subaccount=rival.north)
    with refused("ARCHIVED"):
        buy(w, item, subaccount=w.west)
    services.set_features(actor=w.owner, subaccount=w.south, off=["purchases"])
    with refused("OUT_OF_SCOPE"):
        buy(w, item, subaccount=w.south)


def test_no_key_buys_anything() -> None:
    w, item = shop("emma_hq"), ContentItemFactory()
    key = ApiKeyFactory(subaccount=w.north, created_by=w.owner, scopes=[str(p) for p in CATALOGUE])
    with keys.acting(key), refused("IN_PERSON"):
        buy(w, item)
    buy(w, item)


def test_what_is_refused_whoever_buys() -> None:
    w, item = shop(), ContentItemFactory()
    buy(w, item)
    with refused("ALREADY_BOUGHT"):
        buy(w, item)
    buy(w, item, subaccount=w.south)
    foreign, gone = ContentItemFactory(currency="USD"), ContentItemFactory()
    with refused("CURRENCY"):
        buy(w, foreign)
    offer_content(operator=UserFactory(is_staff=True), item=gone, on=False)
    with refused("RETIRED"):
        buy(w, gone)
    with refused("WRONG_TYPE"):
        buy(w, "spring")
    new = ContentItemFactory()
    InvoiceFactory(account=w.account)
    with refused("OVERDUE"):
        buy(w, new)
    Account.objects.filter(pk=w.account.pk).update(read_only_because="unpaid")
    with refused("READ_ONLY_ACCOUNT"):
        buy(w, new)
    other = world("emma_hq")
    with refused("NO_PLAN"):
        buy(other, new)


def test_a_client_that_owes_for_itself_buys_nothing_more_and_others_do() -> None:
    w, item = shop("constant_contact"), ContentItemFactory()
    InvoiceFactory(account=w.account, subaccount=w.north)
    with refused("OVERDUE"):
        buy(w, item)
    buy(w, item, subaccount=w.south)


def test_what_was_bought_fixes_the_currency() -> None:
    w = world("emma_hq")
    set_plan_as_platform(account=w.account, plan=RatePlanFactory(), reason="Signed up today")
    dollars = RatePlanFactory(currency="USD")
    buy(w, ContentItemFactory())
    with refused("CURRENCY"):
        set_plan_as_platform(account=w.account, plan=dollars, reason="Wanted another one")


@pytest.mark.django_db(transaction=True)
def test_two_who_buy_at_once_buy_it_once() -> None:
    w, item = shop(), ContentItemFactory()

    def once() -> None:
        buy(w, item)

    found = errors(together(once, once))
    assert [error.code for error in found] == ["ALREADY_BOUGHT"]
    assert ContentPurchase.objects.count() == MessageTemplate.objects.count() == 1


def test_what_was_bought_is_what_the_shelf_shows_and_it_only_there() -> None:
    w, other = shop(), shop()
    cheap, dear = ContentItemFactory(name="A"), ContentItemFactory(name="B", currency="USD")
    gone = ContentItemFactory(name="C")
    mine = buy(w, gone)
    buy(other, gone)
    ContentItem.objects.filter(pk=gone.pk).update(retired_at=selectors.timezone.now())
    assert list(purchases.shelf(w.account)) == [cheap]
    assert list(purchases.bought(w.account, [w.north.pk])) == [mine]
    assert not purchases.bought(w.account, [w.south.pk, other.north.pk]).exists()
    client = browser(w.owner)
    assert client.get(f"{SHELF}{dear.pk}/change/").status_code == 404
    assert client.get(f"{SHELF}{gone.pk}/change/").status_code == 200
    assert browser(shop().owner).get(f"{SHELF}{gone.pk}/change/").status_code == 404


# the console


def browser(user: Any) -> Client:
    """Return a browser signed in as ``user``."""
    found = Client()
    found.force_login(user)
    return found


def text(answer: Any) -> str:
    """Return what a page holds."""
    return str(answer.content.decode())


def test_the_console_shows_what_it_costs_and_who_pays_before_it_is_bought() -> None:
    w = shop("emma_corporate", name="Harbor")
    item = ContentItemFactory(name="Spring")
    manager = w.manager(w.north, toggles=("billing",)).user
    client = browser(manager)
    page = text(client.get(SHELF))
    for said in ("Spring", "Plus campaign", "€12.50", f"{SHELF}{item.pk}/act/buy/"):
        assert said in page
    assert "Dear {{first_name|friend}}" in text(client.get(f"{SHELF}{item.pk}/change/"))
    url = f"{SHELF}{item.pk}/act/buy/"
    choice = text(client.get(url))
    assert "North" in choice
    assert "South" not in choice
    assert client.get(f"{url}{w.south.pk}/").status_code == 404
    shown = text(client.get(f"{url}{w.north.pk}/"))
    assert "Harbor pays: it will stand on the invoice for March 2026." in shown
    Subaccount.objects.filter(pk=w.north.pk).update(billed_directly=True)
    assert "North pays" in text(client.get(f"{url}{w.north.pk}/"))
    # what costs more meanwhile is shown again, and confirmed then
    reprice_content(operator=UserFactory(is_staff=True), item=item, price="13")
    again = client.post(f"{url}{w.north.pk}/", {"price": "12.500"})
    assert "costs €13.00 now" in text(again)
    assert 'value="13.000"' in text(again)
    assert not ContentPurchase.objects.exists()
    for wrong in ({}, {"price": "x"}):
        assert client.post(f"{url}{w.north.pk}/", wrong).status_code == 200
    assert not ContentPurchase.objects.exists()
    done = client.post(f"{url}{w.north.pk}/", {"price": "13.000"}, follow=True)
    assert "Spring was bought for North, and is there under Templates." in text(done)
    assert "Bought for North" in text(done)
    there = f"/teams/messagetemplate/?place={w.north.pk}"
    assert f'<a href="{there}">Templates' in text(done)
    assert "Spring" in text(client.get(there))
    assert "bought Spring for North." in text(browser(w.owner).get("/history/"))
    assert f"{SHELF}{item.pk}/act/buy/" not in text(done), "there is nowhere left to buy it for"
    again = client.get(f"{url}{w.north.pk}/")
    assert again.status_code == 403
    assert "What is missing" not in text(again), "nothing is: it was bought"


def test_the_shelf_stays_short_and_reads_no_contents() -> None:
    w, item = shop(), ContentItemFactory(name="Spring")
    for n in range(7):
        place = SubaccountFactory(account=w.account, name=f"Place {n}")
        ContentPurchaseFactory(subaccount=place, item=item)
    client = browser(w.owner)
    with CaptureQueriesContext(connection) as asked:
        page = text(client.get(SHELF))
    assert "Bought for Place 6, Place 5, Place 4, Place 3, Place 2, 2 others" in page
    assert not [one for one in asked if '"billing_contentitem"."rows"' in one["sql"]]
    with CaptureQueriesContext(connection) as asked:
        usage.charges_of(w.account, date(2026, 1, 1))
        list(integrity._what_was_bought_is_charged())
    assert not [one for one in asked if '"billing_contentitem"."rows"' in one["sql"]]


def test_where_nothing_can_be_bought_nothing_is_offered() -> None:
    w, item = shop(), ContentItemFactory()
    InvoiceFactory(account=w.account)
    client = browser(w.owner)
    page = text(client.get(SHELF))
    assert "is overdue" in page
    assert '<a href="/billing/">Pay under Billing</a>' in page
    assert "/act/buy/" not in page
    assert client.get(f"{SHELF}{item.pk}/act/buy/").status_code == 200, "asks for which, no more"
    assert client.get(f"{SHELF}{item.pk}/act/buy/{w.north.pk}/").status_code == 403
    other = world("emma_hq")
    page = text(browser(other.owner).get(SHELF))
    assert "has no rate plan" in page
    assert '<a href="/billing/rateplan/">Choose a rate plan</a>' in page
    partner = shop("constant_contact")
    InvoiceFactory(account=partner.account)
    page = text(browser(partner.manager(role="partner_manager").user).get(SHELF))
    assert "Whoever may pay it can do so under Billing." in page
    assert "Pay under Billing" not in page, "a link to a refusal"
    services.set_features(actor=w.owner, subaccount=w.north, off=["purchases"])
    services.set_features(actor=w.owner, subaccount=w.south, off=["purchases"])
    assert "You cannot buy content for any subaccount" in text(client.get(SHELF))


# the command


def test_the_command_buys_for_whom_it_names() -> None:
    w, item = shop(), ContentItemFactory(code="spring", name="Spring")
    common = [f"--account={w.account.slug}", "--subaccount=north", f"--actor={w.owner}"]
    tried = run("purchase_content", "spring", *common, "--price=12.50", "--dry-run")
    assert (tried.code, ContentPurchase.objects.count()) == (0, 0)
    assert "Spring for North, at €12.50 before tax" in tried.out
    wrong = run("purchase_content", "spring", *common, "--price=12")
    assert wrong.code != 0
    assert "costs €12.50 now" in wrong.error
    unknown = run("purchase_content", "winter", *common, "--price=12")
    assert "On offer: spring." in unknown.error
    stranger = [*common[:2], f"--actor={w.member('full').user}"]
    assert "Purchase content" in run("purchase_content", "spring", *stranger, "--price=1").error
    platform = [*common[:2], "--as-platform", "--reason=Because we can"]
    assert "buys nothing" in run("purchase_content", "spring", *platform, "--price=12.50").error
    done = run("purchase_content", "spring", *common, "--price=12.50", "--format=json")
    assert '"price": "12.50"' in done.out
    assert ContentPurchase.objects.get().item == item
    InvoiceFactory(account=w.account)  # overdue: nothing more can be bought
    again = run("purchase_content", "spring", *common, "--price=12.50")
    assert again.code == 0
    assert ContentPurchase.objects.count() == 1


# what stays


def test_what_is_not_invoiced_yet_is_missed_on_no_invoice() -> None:
    w = shop()
    bought = ContentPurchaseFactory(subaccount=w.north)
    assert list(integrity._what_was_bought_is_charged()) == []
    InvoiceFactory(account=w.account, status="draft", number=None, issued_on=None, due_on=None)
    assert list(integrity._what_was_bought_is_charged()) == []
    InvoiceFactory(account=w.account, month=date(2026, 2, 1))
    assert list(integrity._what_was_bought_is_charged()) == []
    Invoice.objects.filter(status="draft").update(
        status="open", number=2, issued_on=date(2026, 2, 1), due_on=date(2026, 2, 15)
    )
    ((found, said),) = integrity._what_was_bought_is_charged()
    assert (found, said) == (bought, "is on no invoice of its month")
