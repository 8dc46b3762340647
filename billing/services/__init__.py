"""Every write of billing: verbs with an explicit actor, or of the platform with a reason."""

from billing.services.banking import record_payment, record_refund
from billing.services.credit import credit_invoice
from billing.services.details import change_details
from billing.services.direct_billing import set_direct_billing, set_single_bill
from billing.services.invoicing import draft_invoices, issue_invoice
from billing.services.payments import cancel_payment, look_after_payment, pay_invoice
from billing.services.plans import copy_plan, create_plan, edit_plan, offer_plan, rename_plan
from billing.services.purchases import fetch_content, purchase_content
from billing.services.shelf import create_content, offer_content, reprice_content
from billing.services.subscriptions import change_plan, set_plan_as_platform, withdraw_plan_change
from billing.services.taxes import set_tax_as_platform

__all__ = [
    "cancel_payment",
    "change_details",
    "change_plan",
    "copy_plan",
    "create_content",
    "create_plan",
    "credit_invoice",
    "draft_invoices",
    "edit_plan",
    "fetch_content",
    "issue_invoice",
    "look_after_payment",
    "offer_content",
    "offer_plan",
    "pay_invoice",
    "purchase_content",
    "record_payment",
    "record_refund",
    "rename_plan",
    "reprice_content",
    "set_direct_billing",
    "set_plan_as_platform",
    "set_single_bill",
    "set_tax_as_platform",
    "withdraw_plan_change",
]
