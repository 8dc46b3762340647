"""What a project says of its invoices: settings, with what counts where they are missing."""

from __future__ import annotations

from typing import Any

from django.conf import settings

from billing.gateways.bank import account_lines

DUE_DAYS = 14
MOST_DUE_DAYS = 365


def due_days() -> int:
    """Return how many days after its issue an invoice is due (BILLING_DUE_DAYS)."""
    days: int = getattr(settings, "BILLING_DUE_DAYS", DUE_DAYS)
    return days


def seller() -> dict[str, Any]:
    """Return who sends the invoices: name, address (lines), tax_id, note, and bank, the lines that
    say where money is transferred to. All are empty where nothing is said."""
    found = {
        name: str(getattr(settings, f"BILLING_SELLER_{name.upper()}", "")).strip()
        for name in ("name", "address", "tax_id", "note")
    }
    lines = [line.strip() for line in found["address"].split("|")]
    return {
        **found,
        "address": [line for line in lines if line],
        "bank": list(account_lines()),
    }
