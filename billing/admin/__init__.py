"""The pages of billing, on the console and on the operator site; importing this registers them."""

from billing.admin import (
    activity,
    content,
    details,
    downloads,
    invoices,
    operator,
    operator_content,
    operator_plans,
    overview,
    place,
    plan,
    usage,
)

__all__ = [
    "activity",
    "content",
    "details",
    "downloads",
    "invoices",
    "operator",
    "operator_content",
    "operator_plans",
    "overview",
    "place",
    "plan",
    "usage",
]
