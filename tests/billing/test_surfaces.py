"""``list_permissions`` says which service of billing asks for which permission: it is true."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from billing import services
from billing.factories import (
    ContentItemFactory,
    InvoiceFactory,
    PaymentFactory,
    RatePlanFactory,
    SubscriptionFactory,
)
from billing.sight import invoices_of
from billing.surfaces import ASKED
from permissions.errors import ServiceError
from teams import keys
from teams.catalogue import CATALOGUE
from teams.factories import ApiKeyFactory
from teams.surfaces import enforced_by
from tests.services.world import World, refused, stored, world

pytestmark = [pytest.mark.once, pytest.mark.django_db]

LINES = sorted(
    (str(permission), surface.removeprefix("service "))
    for permission, surfaces in ASKED.items()
    for surface in surfaces
    if surface.startswith("service ")
)


@dataclass
class Scene:
    """A partner manager, who sees billing on the single bill and changes nothing of it."""

    w: World
    actor: Any
    bill: Any
    payment: Any
    plan: Any
    item: Any


CALLS: Mapping[str, Callable[[Scene], Any]] = {
    "pay_invoice": lambda s: services.pay_invoice(
        actor=s.actor, invoice=s.bill, gateway="stripe", return_url="https://console.example/"
    ),
    "cancel_payment": lambda s: services.cancel_payment(actor=s.actor, payment=s.payment),
    "look_after_payment": lambda s: services.look_after_payment(actor=s.actor, payment=s.payment),
    "purchase_content": lambda s: services.purchase_content(
        actor=s.actor, subaccount=s.w.home, item=s.item, price=s.item.price
    ),
    "fetch_content": lambda s: services.fetch_content(
        actor=s.actor, subaccount=s.w.home, item=s.item
    ),
    "change_details": lambda s: services.change_details(
        actor=s.actor, account=s.w.account, name="Other"
    ),
    "set_single_bill": lambda s: services.set_single_bill(
        actor=s.actor, account=s.w.account, on=False
    ),
    "set_direct_billing": lambda s: services.set_direct_billing(
        actor=s.actor, subaccount=s.w.north, on=True
    ),
    "change_plan": lambda s: services.change_plan(
        actor=s.actor, account=s.w.account, plan=s.plan, when="now"
    ),
    "withdraw_plan_change": lambda s: services.withdraw_plan_change(
        actor=s.actor, account=s.w.account
    ),
}
#: what takes no actor, but a reason or nothing: the platform's and the system's
PLATFORM = frozenset(
    {
        "copy_plan",
        "create_content",
        "create_plan",
        "credit_invoice",
        "draft_invoices",
        "edit_plan",
        "issue_invoice",
        "offer_content",
        "offer_plan",
        "record_payment",
        "record_refund",
        "rename_plan",
        "reprice_content",
        "set_plan_as_platform",
        "set_tax_as_platform",
    }
)


def test_every_service_of_a_person_is_called_here() -> None:
    assert set(CALLS) == set(services.__all__) - PLATFORM
    assert {service for _, service in LINES} == set(CALLS)


def test_all_of_it_is_listed() -> None:
    listed = enforced_by()
    for permission, surfaces in ASKED.items():
        assert permission in CATALOGUE
        assert set(surfaces) <= set(listed[permission])


@pytest.mark.parametrize(("permission", "service"), LINES)
def test_service_asks_for_it(permission: str, service: str, stripe_keys: None) -> None:
    w = world("constant_contact")
    w.account.single_bill = True
    w.account.save()
    SubscriptionFactory(account=w.account)
    bill = InvoiceFactory(account=w.account)
    actor = w.manager(role="partner_manager").user
    found = Scene(
        w, actor, bill, PaymentFactory(invoice=bill), RatePlanFactory(), ContentItemFactory()
    )
    with refused("OUT_OF_SCOPE") as caught:
        CALLS[service](found)
    assert {m.permission for m in caught.value.missing} == {permission}  # type: ignore[attr-defined]


def test_no_key_does_anything_of_it(stripe_keys: None) -> None:
    """Billing is the account's: an owner's key with every scope does none of it, where the owner
    does."""
    w = world("constant_contact")
    SubscriptionFactory(account=w.account)
    bill = InvoiceFactory(account=w.account)
    place = w.north
    key = ApiKeyFactory(
        subaccount=place, created_by=w.owner, scopes=[str(permission) for permission in CATALOGUE]
    )
    found = Scene(
        w, w.owner, bill, PaymentFactory(invoice=bill), RatePlanFactory(), ContentItemFactory()
    )
    before = stored()
    for name, call in CALLS.items():
        with keys.acting(key):
            assert not invoices_of(w.owner).exists()
            with pytest.raises(ServiceError) as caught:
                call(found)
        # content is bought for a subaccount, here another one; for its own, see test_purchases.py
        is_elsewhere = name in ("purchase_content", "fetch_content")
        expected = "NOT_FOUND" if is_elsewhere else "OUT_OF_SCOPE"
        assert caught.value.code == expected, name
        assert stored() == before, name


@pytest.fixture
def stripe_keys(settings: Any) -> None:
    """Offer cards: there is nothing to pay online otherwise."""
    settings.STRIPE_SECRET_KEY, settings.STRIPE_WEBHOOK_SECRET = "sk_test_x", "whsec_x"
