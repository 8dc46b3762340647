"""The reading pages of billing: who sees which part, which month, and how much at a time."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from django.db import connection
from django.db.models import F
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from billing import figures, sight
from billing.factories import (
    BillingDetailsFactory,
    RatePlanFactory,
    SubscriptionFactory,
    UsageDayFactory,
)
from billing.figures import first_of, shifted
from billing.models import DunningStep, Invoice, Meter, QuotaWarning, UsageDay
from billing.selectors import today
from teams.factories import SubaccountFactory
from teams.models import Account, Subaccount
from tests.billing.rows import charged, invoiced, month_ago, used
from tests.services.world import World, world

pytestmark = pytest.mark.django_db

PLAN = "Starter Secret"
#: links to pages of the console, without what filters and sorts them
HREF = re.compile(r'<a [^>]*href="(/(?!log|static|password|sign|roles/|\S*act/)[^"?]*)"')


def browser(user: Any) -> Client:
    client = Client()
    client.force_login(user)
    return client


def text_of(answer: Any) -> str:
    """Return the words of a page's own part, tags left out and blanks made single."""
    body = answer.content.decode().partition('id="content-start"')[2]
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", body)).split())


def furnished(edition: str, **extra: Any) -> World:
    """Return a world with a plan, use in north and south, and invoices for last month and now."""
    w = world(edition, **extra)
    plan = RatePlanFactory(name=PLAN, included_contacts=7_777)
    SubscriptionFactory(account=w.account, plan=plan)
    month = month_ago()
    for n, place in enumerate((w.north, w.south), start=1):
        used(place, month, 1_000 * n, 100 * n)
        used(place, month + timedelta(days=1), 500 * n, 11 * n)
        used(place, first_of(today()), 3_000 * n, 7 * n)
    used(w.west, month, 40, 4)
    charged(w.account, month, {None: "99.90", w.north: "11.11", w.south: "22.22", w.west: "0.10"})
    draft = invoiced(
        w.account, first_of(today()), [(w.north, Meter.SENDS, "66.66")], status="draft"
    )
    assert draft.status == Invoice.Status.DRAFT
    BillingDetailsFactory(account=w.account, name="Payer Ltd", contact_name="Ines")
    return w


@pytest.fixture
def hq() -> World:
    return furnished("emma_hq")


# the overview


def test_the_owner_sees_what_is_owed_used_and_included(hq: World) -> None:
    QuotaWarning.objects.create(
        account=hq.account, month=first_of(today()), meter=Meter.CONTACTS, percent=80
    )
    page = text_of(browser(hq.owner).get("/billing/"))
    assert "€133.33 to be paid in all. 1 open invoice" in page
    assert f"Rate plan {PLAN}" in page
    assert "Billed to Payer Ltd" in page
    assert "Contacts 9,000 of 7,777 included 1,223 beyond what is included" in page
    assert "Messages sent 21 of 10,000 included" in page
    assert "Active subaccounts 2 of 2 included" in page
    assert "Seats 1 of 3 included" in page
    assert "80 % of what the rate plan includes is used this month: contacts." in page
    assert "Included: 7,777" in page
    assert "66.66" not in page  # a draft is nobody's but the platform's


def test_what_is_overdue_comes_first_and_says_since_when(hq: World) -> None:
    late = invoiced(hq.account, month_ago(3), [(None, Meter.BASE, "10.00")], due_in=-40)
    taken = timezone.now() - timedelta(days=9)
    DunningStep.objects.create(account=hq.account, invoice=late, step="read_only", taken_at=taken)
    Account.objects.filter(pk=hq.account.pk).update(read_only_because="unpaid")
    page = text_of(browser(hq.owner).get("/billing/"))
    assert f"is read-only since {timezone.localtime(taken):%-d %B %Y}" in page
    since = today() - timedelta(days=40)
    assert f"€10.00 overdue since {since:%-d %B %Y}. 1 invoice" in page
    assert "€143.33 to be paid in all. 2 open invoices" in page
    issued = Invoice.objects.exclude(status=Invoice.Status.DRAFT)
    issued.update(paid=F("total"), status=Invoice.Status.PAID)
    assert "Nothing is owed" not in text_of(browser(hq.owner).get("/billing/"))  # still read-only
    Account.objects.filter(pk=hq.account.pk).update(read_only_because="")
    assert "Nothing is owed" in text_of(browser(hq.owner).get("/billing/"))


def test_reports_alone_show_no_invoice_no_plan_and_nothing_included(hq: World) -> None:
    """Emma HQ: a manager sees billing reports if toggled, never invoices, details or the plan."""
    QuotaWarning.objects.create(
        account=hq.account, month=first_of(today()), meter=Meter.CONTACTS, percent=80
    )
    seat = hq.manager(hq.north, toggles=("billing_reports",))
    client = browser(seat.user)
    for url in (
        "/billing/",
        "/billing/?of=sends&over=month",
        "/billing/activity/",
        f"/billing/activity/?month={month_ago():%Y-%m}",
        f"/billing/subaccounts/{hq.north.pk}/",
    ):
        answer = client.get(url)
        assert answer.status_code == 200, url
        body = answer.content.decode()
        for secret in (
            PLAN,
            "7,777",
            "-00001",
            "Payer Ltd",
            "Ines",
            "22.22",
            "99.90",
            "South",
            "133.33",
            "Secretly",
            "included",
            "owed",
            "80 %",
        ):
            assert secret not in body, (url, secret)
    page = text_of(client.get("/billing/"))
    assert "The 1 subaccount of" in page
    assert "Contacts 3,000 at the peak" in page
    assert "Seats" not in page


def test_whoever_holds_nothing_of_billing_is_told_so(hq: World) -> None:
    client = browser(hq.member("editor").user)
    for url, said in (
        ("/billing/", "none of your roles includes it"),
        ("/billing/activity/", "needs View billing reports in"),
        ("/billing/usage/", "needs Meter usage in"),
        ("/billing/subaccounts/", "none of your roles includes it"),
        (f"/billing/subaccounts/{hq.north.pk}/", "needs View subaccount billing in North"),
    ):
        answer = client.get(url)
        assert answer.status_code == 403, url
        assert said.lower() in text_of(answer).lower(), url
    assert 'href="/billing/' not in client.get("/").content.decode()


@pytest.mark.deep
def test_who_holds_nothing_of_billing_meets_no_amount_wherever_links_lead() -> None:
    w = furnished("emma_corporate")
    client, waiting, opened = browser(w.manager().user), ["/"], set()
    while waiting:
        url = waiting.pop()
        opened.add(url)
        body = client.get(url, follow=True).content.decode()
        for secret in ("€", PLAN, "7,777", "Payer Ltd", "11.11", "9,000", "/billing/"):
            assert secret not in body, (url, secret)
        found = {unescape(href).partition("#")[0] for href in HREF.findall(body)}
        waiting += sorted(found - opened - set(waiting))
    assert len(opened) > 15


# activity


def test_activity_says_what_each_subaccount_used_and_was_charged(hq: World) -> None:
    page = text_of(browser(hq.owner).get(f"/billing/activity/?month={month_ago():%Y-%m}"))
    assert "Rate plan €99.90" in page
    assert "North 1,000 111 2 €11.11" in page
    assert "South 2,000 222 2 €22.22" in page
    assert "West archived 40 4 1 €0.10" in page
    assert f"Charged in {month_ago():%B %Y} €133.33" in page
    assert f"{month_ago():%B %Y} 3,040 337 €133.33" in page
    assert f"{today():%B %Y} not over yet 9,000 21 Not yet" in page


def test_activity_is_narrowed_to_the_subaccounts_one_manages(hq: World) -> None:
    seat = hq.manager(hq.north, toggles=("billing_reports",))
    page = text_of(browser(seat.user).get(f"/billing/activity/?month={month_ago():%Y-%m}"))
    assert "North 1,000 111 2 €11.11" in page
    assert f"Charged in {month_ago():%B %Y} €11.11" in page
    assert f"{month_ago():%B %Y} 1,000 111 €11.11" in page
    assert not {"South", "West", "99.90", "133.33"} & set(page.split())


def test_reports_leave_out_what_a_subaccount_pays_for_itself_unless_its_page_is_open() -> None:
    """Constant Contact: managers see billing only while it is on the account's single bill."""
    w = furnished("constant_contact", single_bill=True)
    Subaccount.objects.filter(pk=w.south.pk).update(billed_directly=True)
    invoiced(w.account, month_ago(2), [(w.south, Meter.CONTACTS, "555.55")], subaccount=w.south)
    seat = w.manager(role="partner_manager")
    url = f"/billing/activity/?month={month_ago(2):%Y-%m}"
    owner, manager = (browser(user) for user in (w.owner, seat.user))
    assert "€555.55" in text_of(owner.get(url))
    assert "555.55" not in manager.get(url).content.decode()
    assert "555.55" not in manager.get("/billing/").content.decode()
    assert manager.get(f"/billing/subaccounts/{w.south.pk}/").status_code == 403
    own = text_of(owner.get(f"/billing/subaccounts/{w.south.pk}/?month={month_ago(2):%Y-%m}"))
    assert "Contacts €555.55" in own
    assert "Its own invoices" in own
    assert "Its own invoices" not in text_of(owner.get(f"/billing/subaccounts/{w.north.pk}/"))


# meter usage


def test_meter_usage_is_by_day_and_by_subaccount_and_says_no_price() -> None:
    """Sailthru: "must be held in the parent account"."""
    w = furnished("sailthru")
    seat = w.manager(role="account_admin")
    client = browser(seat.user)
    url = f"/billing/usage/?month={month_ago():%Y-%m}"
    page = text_of(client.get(url))
    assert "North 1,000 111 2" in page
    assert f"{month_ago() + timedelta(days=1):%a %-d %b} 1,500 33 2" in page
    assert "€" not in page
    one = text_of(client.get(f"{url}&place={w.south.pk}"))
    assert f"{month_ago():%a %-d %b} 2,000 200 1" in one
    assert "North" not in one
    for key in ("987654321", "abc", "01", w.north.pk + 10**6):
        assert client.get(f"{url}&place={key}").status_code == 404
    member = browser(w.member("marketer_admin").user)
    assert member.get(url).status_code == 403


# the page of one subaccount


def test_the_page_of_a_subaccount_shows_its_own_use_and_charges_only(hq: World) -> None:
    """Emma HQ: "the page shows a manager no invoice, billing detail or rate plan"."""
    seat = hq.member("full", toggles=("billing_page",))
    client = browser(seat.user)
    home = client.get("/").content.decode()
    assert 'href="/billing/subaccounts/"' in home
    assert 'href="/billing/"' not in home
    answer = client.get("/billing/subaccounts/")
    assert (answer.status_code, answer["Location"]) == (302, f"/billing/subaccounts/{hq.north.pk}/")
    answer = client.get(f"/billing/subaccounts/{hq.north.pk}/?month={month_ago():%Y-%m}")
    page = text_of(answer)
    assert "Contacts €11.11" in page
    assert f"{month_ago():%B %Y} 1,000 111 2 €11.11" in page
    for secret in (PLAN, "7,777", "Payer", "22.22", "99.90", "133.33", "-00001", "Secretly"):
        assert secret not in answer.content.decode(), secret
    missing = client.get("/billing/subaccounts/987654321/")
    hidden = client.get(f"/billing/subaccounts/{hq.south.pk}/")
    assert (missing.status_code, hidden.status_code) == (404, 404)
    assert (
        missing.content == hidden.content.replace(str(hq.south.pk).encode(), b"987654321")
        or missing.content == hidden.content
    )


def test_a_page_of_a_subaccount_leads_to_its_billing_where_that_is_open(hq: World) -> None:
    corporate = world("emma_corporate")  # where the page is a manager's, if toggled
    for w, user, shown in (
        (hq, hq.owner, True),
        (hq, hq.member("administrator").user, True),
        (corporate, corporate.member("administrator").user, False),
    ):
        answer = browser(user).get(f"/teams/subaccount/{w.north.pk}/change/")
        assert answer.status_code == 200
        link = f'href="/billing/subaccounts/{w.north.pk}/"'
        assert (link in answer.content.decode()) is shown


# months


@pytest.mark.parametrize("path", ["activity/", "usage/", "subaccounts/{}/"])
def test_a_month_that_is_none_is_not_there(path: str) -> None:
    w = furnished("sailthru")
    client, url = browser(w.owner), f"/billing/{path.format(w.north.pk)}"
    later, older = shifted(first_of(today()), 1), shifted(first_of(today()), -121)
    for text in (
        "",
        "2026",
        "2026-13",
        "2026-1",
        "0000-01",
        "9999-12",
        "x",
        "\x00",
        "2026-01-01",
        "２０２６-01",
        f"{later:%Y-%m}",
        f"{older:%Y-%m}",
    ):
        assert client.get(url, {"month": text}).status_code == 404, text
    for month in (today(), month_ago(1), month_ago(120)):
        assert client.get(url, {"month": f"{month:%Y-%m}"}).status_code == 200
    for page in ("0", "-1", "x", "9" * 30):
        assert client.get(url, {"page": page}).status_code == 200


@pytest.mark.once
def test_a_chart_that_is_none_is_not_there(hq: World) -> None:
    client = browser(hq.owner)
    for query in ("of=seats", "of=", "over=week", "of=contacts&over=\x00"):
        assert client.get(f"/billing/?{query}").status_code == 404
    for meter in ("contacts", "sends"):
        for span in ("year", "month"):
            answer = client.get(f"/billing/?of={meter}&over={span}")
            assert b'<svg class="chart-svg"' in answer.content


# how much


def crowd(account: Account, count: int) -> list[Subaccount]:
    """Give ``account`` many subaccounts that used something last month."""
    places = Subaccount.objects.bulk_create(
        Subaccount(account=account, slug=f"s{n}", name=f"Shop {n:05d}") for n in range(count)
    )
    month = month_ago()
    UsageDay.objects.bulk_create(
        UsageDay(account=account, subaccount=place, day=month, contacts=5, sends=1)
        for place in places
    )
    return places


PAGES = {
    "/billing/": 22,
    "/billing/?of=sends&over=month": 21,
    "/billing/activity/?month={month}": 12,
    "/billing/activity/?month={month}&page=3": 12,
    "/billing/usage/?month={month}": 7,
    "/billing/subaccounts/": 5,
    "/billing/subaccounts/{north}/": 9,
}


@pytest.mark.once
def test_many_subaccounts_cost_no_more_queries_and_show_fifty_at_a_time() -> None:
    w = furnished("sailthru")
    client = browser(w.owner)
    keys = {"month": f"{month_ago():%Y-%m}", "north": w.north.pk}

    def costs() -> Iterator[tuple[str, int, int]]:
        for url in PAGES:
            with CaptureQueriesContext(connection) as queries:
                answer = client.get(url.format(**keys))
            assert answer.status_code == 200
            yield url, len(queries), answer.content.decode().count(">Shop ")

    few = {url: count for url, count, _rows in costs()}
    crowd(w.account, 120)
    for url, count, rows in costs():
        assert few[url] <= PAGES[url], url
        assert count <= few[url], url
        assert rows <= 50, url
    page = text_of(client.get(f"/billing/activity/?month={keys['month']}&page=2"))
    assert "51 to 100 of 123" in page


# sums


def test_sums_are_exact_and_months_keep_apart() -> None:
    w = world("emma_hq")
    month = month_ago()
    places = [w.north, w.south]
    for n in range(3):
        invoiced(
            w.account, shifted(month, -n), [(p, Meter.SENDS, "0.10") for p in places for _ in "123"]
        )
    lines = figures.lines_seen(w.owner, w.account, None)
    found = figures.charged(lines, "invoice__month")
    assert [figures.shown(found[m]) for m in sorted(found)] == ["€0.60"] * 3
    assert figures.shown(figures.added(found.values())) == "€1.80"
    last = shifted(month, 1) - timedelta(days=1)
    UsageDayFactory(subaccount=w.north, day=last, contacts=8, sends=2)
    UsageDayFactory(subaccount=w.north, day=shifted(month, 1), contacts=9, sends=3, is_active=False)
    rows = figures.usage(w.account, None, shifted(month, -1), shifted(month, 2))
    months = [shifted(month, -1), month, shifted(month, 1)]
    assert figures.used_by_month(rows, months) == {
        months[0]: (0, 0, 0),
        months[1]: (8, 2, 1),
        months[2]: (9, 3, 0),
    }


def test_an_amount_as_large_as_can_be_stored_is_summed_to_the_last_unit() -> None:
    w = world("emma_hq")
    most = "49999999999.99"
    invoiced(w.account, month_ago(), [(w.north, Meter.SENDS, most), (w.south, Meter.SENDS, most)])
    lines = figures.lines_seen(w.owner, w.account, None)
    assert figures.shown(figures.charged(lines, "account")[w.account.pk]) == "€99,999,999,999.98"


def test_nobody_is_told_of_another_account(hq: World) -> None:
    other = furnished("emma_hq")
    assert sight.reach_of(hq.owner, other.account, "view_billing_reports") == frozenset()
    client = browser(hq.owner)
    own = client.get("/billing/subaccounts/987654321/")
    foreign = client.get(f"/billing/subaccounts/{other.north.pk}/")
    assert (own.status_code, foreign.status_code) == (404, 404)
    SubaccountFactory(account=hq.account)
    assert "66.66" not in client.get("/billing/activity/").content.decode()
