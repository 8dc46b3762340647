"""Which surfaces of billing ask for which permission, for ``list_permissions``.

tests/billing/test_surfaces.py holds every line about a service to be true, the tables over HTTP
every line about a page.
"""

from __future__ import annotations

from collections.abc import Mapping

from django.utils.translation import gettext_lazy as _

from teams.catalogue import (
    CHANGE_BILLING_DETAILS,
    CHANGE_RATE_PLAN,
    PAY_INVOICES,
    PURCHASE_CONTENT,
    VIEW_BILLING_DETAILS,
    VIEW_BILLING_REPORTS,
    VIEW_INVOICES,
    VIEW_METER_USAGE,
    VIEW_RATE_PLAN,
    VIEW_SUBACCOUNT_BILLING,
)
from teams.features import Feature

#: what may be switched off in a subaccount
PURCHASES = Feature("purchases", _("Purchases"), frozenset({PURCHASE_CONTENT}))

_PAYING = ("service pay_invoice", "service cancel_payment", "service look_after_payment")

ASKED: Mapping[str, tuple[str, ...]] = {
    VIEW_INVOICES: (
        "console invoices",
        "console statement of account",
        "invoices, credit notes and statements as files",
        "numbers of invoices in reports",
    ),
    PAY_INVOICES: _PAYING,
    PURCHASE_CONTENT: (
        "service purchase_content",
        "service fetch_content",
        "console content to buy",
    ),
    VIEW_BILLING_DETAILS: ("console billing details",),
    CHANGE_BILLING_DETAILS: (
        "service change_details",
        "service set_single_bill",
        "service set_direct_billing",
    ),
    VIEW_RATE_PLAN: ("console rate plan", "plans, what they include and limits, wherever shown"),
    CHANGE_RATE_PLAN: ("service change_plan", "service withdraw_plan_change"),
    VIEW_BILLING_REPORTS: ("console activity", "console spreadsheets", "billing_report"),
    VIEW_METER_USAGE: ("console meter usage",),
    VIEW_SUBACCOUNT_BILLING: (
        "console subaccount billing",
        "invoices of a subaccount that pays for itself",
    ),
}
