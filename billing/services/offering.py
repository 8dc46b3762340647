"""What operators write of what the platform sells: who may, names, amounts, and the record."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Any

from django.contrib.auth import get_user_model
from django.db.models import Model
from django.utils.text import slugify

from billing.money import MOST_DECIMALS
from permissions import audit
from permissions.errors import AlreadyUsed, Invalid
from teams.services.inputs import clean_text, expect

#: the audit chain of what the platform does to itself
ROOT = "platform"
CODE_LIMIT = 60
MOST_MONEY = Decimal(10) ** 9


def clean_operator(value: Any) -> Any:
    """Return ``value`` if it is the login of an operator. Raises Invalid (NOT_AN_OPERATOR)."""
    staff = expect(value, get_user_model(), "The operator")
    if not staff.is_active or not (staff.is_staff or staff.is_superuser):
        raise Invalid(
            f"{audit.label_of(staff)} is not one of the platform's staff.", code="NOT_AN_OPERATOR"
        )
    return staff


def code_taken(code: str) -> AlreadyUsed:
    """Return what refuses a second thing of one short name."""
    return AlreadyUsed(f"The short name {code} is taken. Choose another one.")


def clean_code(value: Any, model: type[Model]) -> str:
    """Return ``value`` as a short name that no ``model`` has yet. Raises Invalid: NOT_A_SLUG,
    ALREADY_USED, and what ``clean_text`` raises."""
    code = clean_text(value, "The short name", limit=CODE_LIMIT)
    if code != slugify(code):
        raise Invalid(
            "The short name may hold lower-case letters, digits and hyphens.", code="NOT_A_SLUG"
        )
    if model._default_manager.filter(code=code).exists():
        raise code_taken(code)
    return code


def clean_money(value: Any, what: str) -> Decimal:
    """Return ``value`` as an amount from 0 upwards. Raises Invalid (MONEY)."""
    try:
        if isinstance(value, bool | float):
            raise InvalidOperation
        amount = Decimal(value)
        fits = amount.is_finite() and 0 <= amount <= MOST_MONEY
        if not fits or amount != round(amount, MOST_DECIMALS):
            raise InvalidOperation
    except (InvalidOperation, TypeError, ValueError):
        raise Invalid(
            f"{what} must be an amount from 0 to {MOST_MONEY:,}, with {MOST_DECIMALS} decimals at "
            "most.",
            code="MONEY",
        ) from None
    return round(amount, MOST_DECIMALS)


def record_platform(staff: Any, action: str, subject: Any, **data: Any) -> None:
    """Write down what an operator did to what the platform sells."""
    by = {"operator": audit.ref_of(staff)}
    audit.record(
        root=ROOT, actor=audit.PLATFORM, action=action, subject=subject, data={**data, **by}
    )
