"""Why the platform acted, and who answers for it: what each of its events says besides."""

from __future__ import annotations

from typing import Any

from django.contrib.auth import get_user_model

from permissions import audit
from permissions.audit import label_of
from permissions.errors import Invalid
from teams.services.inputs import clean_text, expect

REASON_LIMIT = 500
REASON_LEAST = 3


def because_of(reason: Any, operator: Any) -> dict[str, Any]:
    """Return what each event says besides: that it was the platform, why, and who answers."""
    text = clean_text(reason, "The reason", limit=REASON_LIMIT)
    if len(text) < REASON_LEAST:
        raise Invalid("The reason says nothing. Write it for the tenant to read.", code="TOO_SHORT")
    found: dict[str, Any] = {"as_platform": True, "reason": text}
    if operator is not None:
        staff = expect(operator, get_user_model(), "The operator")
        if not staff.is_active or not (staff.is_staff or staff.is_superuser):
            raise Invalid(
                f"{label_of(staff)} is not one of the platform's staff.", code="NOT_AN_OPERATOR"
            )
        found["operator"] = audit.ref_of(staff)
    return found
