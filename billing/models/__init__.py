"""Rate plans, usage, content, invoices, payments."""

from billing.models.content import ContentItem, ContentPurchase
from billing.models.invoices import (
    BillingDetails,
    CreditNote,
    DunningStep,
    Invoice,
    InvoiceLine,
)
from billing.models.payments import GatewayEvent, Payment, Refund
from billing.models.plans import Meter, PlanTier, RatePlan, Subscription
from billing.models.usage import MeteredDay, QuotaWarning, UsageDay

__all__ = [
    "BillingDetails",
    "ContentItem",
    "ContentPurchase",
    "CreditNote",
    "DunningStep",
    "GatewayEvent",
    "Invoice",
    "InvoiceLine",
    "Meter",
    "MeteredDay",
    "Payment",
    "PlanTier",
    "QuotaWarning",
    "RatePlan",
    "Refund",
    "Subscription",
    "UsageDay",
]
