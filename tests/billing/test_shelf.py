"""The platform's shelf of content: what operators put there, and what they may still change."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.db import IntegrityError, transaction

from billing.admin import operator_content
from billing.demo_content import PIECES, seed_content
from billing.factories import ContentItemFactory, ContentPurchaseFactory
from billing.models import ContentItem
from billing.services import create_content, offer_content, reprice_content
from billing.surfaces import PURCHASES
from permissions.models import AuditEvent
from teams import features
from teams.factories import UserFactory
from tests.billing.test_operator_billing import boss, client, errors, to
from tests.services.world import refused, stored

pytestmark = [pytest.mark.django_db, pytest.mark.once]

ITEM = {
    "name": "Spring", "code": "spring", "kind": "campaign", "currency": "EUR", "price": "12.50",
    "html": "<h1>Spring</h1>\r\n---\r\n<p onclick='x()'>Dear you</p>",
}  # fmt: skip
IMAGE = '<img src="https://images.example.com/a.jpg" alt="A">'


def test_an_operator_fills_the_shelf_reprices_and_withdraws() -> None:
    browser = boss()
    answer = browser.post(to("contentitem", "add"), ITEM)
    assert answer.status_code == 302, errors(answer)
    item = ContentItem.objects.get()
    assert item.rows == ["<h1>Spring</h1>\n", "\n<p>Dear you</p>"]
    page = browser.get(to("contentitem", "change", item.pk)).content.decode()
    assert 'name="price"' in page
    assert 'name="html"' not in page, "what was written stays"
    ContentPurchaseFactory(item=item)
    answer = browser.post(to("contentitem", "change", item.pk), {"price": "14"})
    assert answer.status_code == 302, errors(answer)
    for action in ("withdraw", "withdraw", "offer", "withdraw"):
        sent = {"action": action, "_selected_action": [str(item.pk)]}
        answer = browser.post(to("contentitem"), sent, follow=True)
    assert "Sold" in answer.content.decode()
    item.refresh_from_db()
    assert (item.price, item.is_offered) == (14, False)
    found = AuditEvent.objects.filter(root="platform").order_by("pk")
    assert list(found.values_list("action", flat=True)) == [
        "content.created",
        "content.repriced",
        "content.withdrawn",
        "content.offered",
        "content.withdrawn",
    ]
    repriced = found.get(action="content.repriced").data
    assert (repriced["before"], repriced["after"]) == ("12.50", "14.00")


def test_who_may_not_write_looks() -> None:
    item = ContentItemFactory()
    looks = client(is_staff=True)
    before = stored()
    assert looks.get(to("contentitem", "change", item.pk)).status_code == 200
    assert looks.post(to("contentitem", "change", item.pk), {"price": "1"}).status_code == 403
    refusal = looks.post(to("contentitem", "add"), ITEM)
    assert refusal.status_code == 403
    said = refusal.content.decode()
    assert "Whoever looks after the logins of the platform’s staff can tell" in said
    assert '<a class="button" href="/operator/">Back to the operator site</a>' in said
    assert "owner of your account" not in said, "operators have none"
    looks.post(to("contentitem"), {"action": "withdraw", "_selected_action": [str(item.pk)]})
    assert stored() == before
    assert Permission.objects.filter(codename="change_contentitem").exists()


def test_what_the_service_refuses_stands_on_the_form() -> None:
    browser = boss()
    ContentItemFactory(code="taken")
    before = stored()
    for change, said in (
        ({"currency": "XYZ"}, "no currency"),
        ({"price": "0"}, "above nothing"),
        ({"price": "1.005"}, "smallest units"),
        ({"html": "<script>x()</script>"}, "empty"),
        ({"kind": "image"}, "one row with an image"),
        ({"kind": "image", "html": '<img src="/a.jpg">'}, "one row with an image"),
    ):
        answer = browser.post(to("contentitem", "add"), ITEM | change)
        assert said in errors(answer), change
    assert stored() == before


def made(**given: Any) -> ContentItem:
    asked: dict[str, Any] = {
        "operator": UserFactory(is_staff=True), "code": "spring", "name": "Spring",
        "kind": "image", "currency": "EUR", "price": "5", "rows": [IMAGE],
    }  # fmt: skip
    return create_content(**(asked | given))


def test_bad_input() -> None:
    operator, person = UserFactory(is_staff=True), UserFactory()
    item = made(operator=operator)
    cases: list[tuple[str, dict[str, Any]]] = [
        ("NOT_AN_OPERATOR", {"operator": person}),
        ("ALREADY_USED", {}),
        ("NOT_A_SLUG", {"code": "Über"}),
        ("UNKNOWN_FIELD", {"code": "b", "kind": "film"}),
        ("UNKNOWN_CURRENCY", {"code": "b", "currency": "EU"}),
        ("MONEY", {"code": "b", "price": 1.5}),
        ("MONEY", {"code": "b", "price": "-1"}),
        ("EMPTY", {"code": "b", "rows": []}),
        ("NO_IMAGE", {"code": "b", "rows": [IMAGE, IMAGE]}),
        ("TOO_MANY", {"code": "b", "kind": "campaign", "rows": ["<p>x</p>"] * 1000}),
        ("EMPTY", {"code": "b", "name": " "}),
    ]
    for code, given in cases:
        with refused(code):
            made(**{"operator": operator, **given})
    with refused("ALREADY_SO"):
        reprice_content(operator=operator, item=item, price=5)
    with refused("NOT_AN_OPERATOR"):
        reprice_content(operator=person, item=item, price=6)
    with refused("ALREADY_SO"):
        offer_content(operator=operator, item=item, on=True)
    with refused("WRONG_TYPE"):
        offer_content(operator=operator, item="spring", on=True)  # type: ignore[arg-type]


def test_the_database_sells_nothing_for_nothing() -> None:
    for wrong in ({"price": 0}, {"kind": "film"}, {"currency": "eur"}):
        with pytest.raises(IntegrityError), transaction.atomic():
            ContentItemFactory(**wrong)
    with pytest.raises(IntegrityError), transaction.atomic():
        ContentPurchaseFactory(price=0)


def test_rows_are_parted_by_lines_of_hyphens_only() -> None:
    assert len(operator_content.BETWEEN.split("a\n---\nb --- c\n----\n--- \r\nd")) == 3


def test_the_demo_has_something_in_both_currencies_and_adds_it_once() -> None:
    seed_content()
    seed_content()
    assert ContentItem.objects.count() == 2 * len(PIECES)
    assert set(ContentItem.objects.values_list("currency", flat=True)) == {"EUR", "USD"}


def test_purchases_are_switched_where_billing_is_there_to_sell_anything() -> None:
    assert features.FEATURES["purchases"] is PURCHASES
    assert PURCHASES not in features._DECLARED
