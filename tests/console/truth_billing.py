"""Where the console asks for a permission of billing. A page more is a line more.

What toggles and the single bill open of it is tried in tests/billing/test_truth_billing.py, for
everybody of an edition in one world: there is much of it, and a crawl each would take long.
"""

from __future__ import annotations

from collections.abc import Mapping

from billing.models import ContentPurchase
from teams.catalogue import (
    PURCHASE_CONTENT,
    VIEW_BILLING_DETAILS,
    VIEW_BILLING_REPORTS,
    VIEW_INVOICES,
    VIEW_METER_USAGE,
    VIEW_RATE_PLAN,
    VIEW_SUBACCOUNT_BILLING,
)
from tests.console.truth_record import EVERY_PLACE, WHOLE, Surface, needs
from tests.console.truth_stage import ACCOUNT, ANYWHERE, HERE

#: each page of the sidebar, and the permissions on the account of which any opens it
AREAS: Mapping[str, tuple[str, ...]] = {
    "/billing/": (
        VIEW_BILLING_REPORTS,
        VIEW_INVOICES,
        VIEW_RATE_PLAN,
        VIEW_BILLING_DETAILS,
        VIEW_METER_USAGE,
    ),
    "/billing/activity/": (VIEW_BILLING_REPORTS,),
    "/billing/billingdetails/": (VIEW_BILLING_DETAILS,),
    "/billing/invoice/": (VIEW_INVOICES,),
    "/billing/rateplan/": (VIEW_RATE_PLAN,),
    "/billing/report/": (VIEW_BILLING_REPORTS,),
    "/billing/statement/": (VIEW_INVOICES,),
    "/billing/usage/": (VIEW_METER_USAGE,),
}
#: what leads to single subaccounts, and the permission there that opens it
PLACES = "/billing/subaccounts/"
HELD_THERE = VIEW_SUBACCOUNT_BILLING


def _area(url: str, permissions: tuple[str, ...]) -> Surface:
    return Surface(
        name=url,
        at=WHOLE,
        url=lambda stage, place: url,
        menu="/",
        ways=tuple(((permission, ACCOUNT),) for permission in permissions),
    )


PAGES = (
    *(_area(url, permissions) for url, permissions in AREAS.items()),
    Surface(
        name="subaccounts' billing",
        at=WHOLE,
        url=lambda stage, place: PLACES,
        menu="/",
        ways=needs((HELD_THERE, ANYWHERE)),
    ),
    Surface(
        name="subaccount's billing",
        at=EVERY_PLACE,
        url=lambda stage, place: f"{PLACES}{place.pk}/",
        menu=PLACES,
        ways=needs((HELD_THERE, HERE)),
    ),
)

#: what is bought for one subaccount; tried with every toggle that opens it too
SHELF = "/billing/contentitem/"
CONTENT = (
    Surface(
        name="content to buy",
        at=WHOLE,
        url=lambda stage, place: SHELF,
        menu="/",
        ways=needs((PURCHASE_CONTENT, ANYWHERE)),
    ),
    Surface(
        name="contentitem: buy",
        at=EVERY_PLACE,
        url=lambda stage, place: f"{SHELF}{stage.content.pk}/act/buy/{place.pk}/",
        ways=needs((PURCHASE_CONTENT, HERE)),
        data=lambda stage, place: {"price": str(stage.content.price)},
        done=lambda stage, place: ContentPurchase.objects.filter(subaccount=place).exists(),
    ),
)

#: verbs of billing, each with what asks for the same and where it is tried
UNTRIED: Mapping[tuple[str, str], str] = {
    ("invoice", "pay"): "see test_invoice_pages.py and test_surfaces.py",
    ("invoice", "ask"): "asks what paying asks, see test_surfaces.py",
    ("invoice", "cancel_payment"): "asks what paying asks, see test_surfaces.py",
    ("contentitem", "fetch"): "asks what buying asks, see test_fetching.py",
    ("rateplan", "choose"): "for everybody of each edition, see test_plan_pages.py",
    ("rateplan", "withdraw"): "asks what choosing asks, see test_surfaces.py",
    ("billingdetails", "edit"): "for everybody of each edition, see test_plan_pages.py",
    ("billingdetails", "edit-subaccount"): "asks what editing asks, see test_plan_pages.py",
    ("billingdetails", "direct"): "see test_surfaces.py and test_details.py",
    ("billingdetails", "onto-account"): "undoes direct billing, see test_details.py",
    ("billingdetails", "single-bill"): "see test_surfaces.py and test_details.py",
}
