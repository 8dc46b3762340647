"""Rate plans: what operators write, and what nobody changes once somebody has chosen it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from billing.factories import RatePlanFactory, SubscriptionFactory
from billing.models import RatePlan
from billing.services import copy_plan, create_plan, edit_plan, offer_plan, rename_plan
from permissions.models import AuditEvent
from teams.factories import UserFactory
from tests.services.world import refused

pytestmark = pytest.mark.django_db

WHOLE = {
    "currency": "EUR",
    "interval": "year",
    "price": Decimal("1200.50"),
    "included_contacts": 5000,
    "included_sends": 50_000,
    "included_subaccounts": 3,
    "included_seats": 4,
    "price_per_subaccount": "12.5",
    "price_per_seat": 5,
    "most_subaccounts": 10,
    "most_seats": None,
}
TIERS = [
    ("sends", 0, 1000, "1.25"),
    ("contacts", 5000, 1000, "8"),
    ("contacts", 0, 1000, "10"),
]


def staff() -> Any:
    """Return a login of the platform's staff."""
    return UserFactory(is_staff=True)


def tiers(plan: RatePlan) -> list[tuple[Any, ...]]:
    """Return what is stored of the tiers."""
    return list(plan.tiers.values_list("meter", "above", "per", "price"))


def test_a_plan_is_written_with_its_tiers_in_order_and_recorded() -> None:
    operator = staff()
    made = create_plan(operator=operator, code="growth", name=" Growth ", tiers=TIERS, **WHOLE)
    plan = RatePlan.objects.get(code="growth")
    assert plan == made
    assert (plan.name, plan.price, plan.most_seats) == ("Growth", Decimal("1200.500"), None)
    assert plan.is_offered
    assert tiers(plan) == [
        ("contacts", 0, 1000, Decimal(10)),
        ("contacts", 5000, 1000, Decimal(8)),
        ("sends", 0, 1000, Decimal("1.25")),
    ]
    event = AuditEvent.objects.get(root="platform")
    assert (event.action, event.actor_ref) == ("rate_plan.created", "platform")
    assert event.data["operator"] == f"auth.user:{operator.pk}"
    assert event.data["tiers"][0] == ["contacts", 0, 1000, "10.000"]


def test_a_plan_that_makes_no_sense_is_refused() -> None:
    operator = staff()
    RatePlanFactory(code="taken")
    bad: list[tuple[dict[str, Any], str]] = [
        ({"code": "Not A Slug"}, "NOT_A_SLUG"),
        ({"code": "taken"}, "ALREADY_USED"),
        ({"code": ""}, "EMPTY"),
        ({"name": ""}, "EMPTY"),
        ({"name": "x" * 81}, "TOO_LONG"),
        ({"currency": "EURO"}, "UNKNOWN_CURRENCY"),
        ({"currency": "eur"}, "UNKNOWN_CURRENCY"),
        ({"currency": None}, "UNKNOWN_CURRENCY"),
        ({"interval": "week"}, "UNKNOWN_FIELD"),
        ({"discount": 5}, "UNKNOWN_FIELD"),
        ({"price": "-1"}, "MONEY"),
        ({"price": "1.2345"}, "MONEY"),
        ({"price": 1.5}, "MONEY"),
        ({"price": "Infinity"}, "MONEY"),
        ({"price": "1e12"}, "MONEY"),
        ({"price_per_seat": "free"}, "MONEY"),
        ({"included_contacts": -1}, "NUMBER"),
        ({"included_sends": 2.5}, "NUMBER"),
        ({"included_seats": True}, "NUMBER"),
        ({"most_seats": 0}, "NUMBER"),
        ({"is_offered": "yes"}, "WRONG_TYPE"),
        ({"tiers": [("contacts", 5, 1000, "1")]}, "TIERS"),
        ({"tiers": [("contacts", 0, 1000, "1"), ("contacts", 0, 500, "2")]}, "TIERS"),
        ({"tiers": [("seats", 0, 1, "1")]}, "TIERS"),
        ({"tiers": [("contacts", 0, 1)]}, "TIERS"),
        ({"tiers": [("contacts", 0, 0, "1")]}, "NUMBER"),
        ({"tiers": [("contacts", 0, 1, "-1")]}, "MONEY"),
        ({"tiers": "contacts"}, "WRONG_TYPE"),
        ({"operator": UserFactory()}, "NOT_AN_OPERATOR"),
        ({"operator": UserFactory(is_staff=True, is_active=False)}, "NOT_AN_OPERATOR"),
    ]
    for given, code in bad:
        with refused(code):
            create_plan(**{"operator": operator, "code": "new", "name": "New", **WHOLE, **given})


def test_what_nobody_chose_may_change_and_says_what_did() -> None:
    operator = staff()
    plan = create_plan(operator=operator, code="growth", name="Growth", tiers=TIERS, **WHOLE)
    edit_plan(operator=operator, plan=plan, price="99", tiers=[("sends", 0, 100, "1")])
    plan.refresh_from_db()
    assert plan.price == 99
    assert tiers(plan) == [("sends", 0, 100, Decimal(1))]
    event = AuditEvent.objects.get(action="rate_plan.edited")
    assert event.data["before"].keys() == {"price", "tiers"}
    assert event.data["after"]["price"] == "99.000"
    edit_plan(operator=operator, plan=plan, included_seats=9)
    assert tiers(plan) == [("sends", 0, 100, Decimal(1))], "tiers that are not named stay"
    with refused("ALREADY_SO"):
        edit_plan(operator=operator, plan=plan, included_seats=9, price=Decimal(99))
    with refused("NOT_AN_OPERATOR"):
        edit_plan(operator=UserFactory(), plan=plan, price=1)


def test_of_what_somebody_chose_only_the_name_and_the_offer_change() -> None:
    operator = staff()
    plan = create_plan(operator=operator, code="growth", name="Growth", tiers=TIERS, **WHOLE)
    SubscriptionFactory(plan=plan)
    with refused("CHOSEN") as caught:
        edit_plan(operator=operator, plan=plan, price=1)
    assert "Copy it" in caught.value.message
    with refused("CHOSEN"):
        edit_plan(operator=operator, plan=plan, tiers=[])
    rename_plan(operator=operator, plan=plan, name="Growth 2026")
    with refused("ALREADY_SO"):
        rename_plan(operator=operator, plan=plan, name="Growth 2026")
    offer_plan(operator=operator, plan=plan, on=False)
    with refused("ALREADY_SO"):
        offer_plan(operator=operator, plan=plan, on=False)
    plan.refresh_from_db()
    assert (plan.name, plan.is_offered) == ("Growth 2026", False)
    copy = copy_plan(operator=operator, plan=plan, code="growth-2", name="Growth 2")
    assert not copy.is_offered
    same = ("currency", "interval", "price", "included_contacts", "price_per_seat", "most_seats")
    assert all(getattr(copy, name) == getattr(plan, name) for name in same)
    assert tiers(copy) == tiers(plan)
    edit_plan(operator=operator, plan=copy, price=1)
    plan.refresh_from_db()
    assert plan.price == Decimal("1200.5")
    offer_plan(operator=operator, plan=copy, on=True)
    assert [e.action for e in AuditEvent.objects.filter(root="platform").order_by("sequence")] == [
        "rate_plan.created",
        "rate_plan.renamed",
        "rate_plan.withdrawn",
        "rate_plan.created",
        "rate_plan.edited",
        "rate_plan.offered",
    ]
    for act, given in (
        (rename_plan, {"name": "Mine"}),
        (offer_plan, {"on": True}),
        (copy_plan, {"code": "mine", "name": "Mine"}),
    ):
        with refused("NOT_AN_OPERATOR"):
            act(operator=UserFactory(), plan=plan, **given)  # type: ignore[operator]
