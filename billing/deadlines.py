"""How many days after an invoice was due what happens: settings of the project, with defaults."""

from __future__ import annotations

from collections.abc import Mapping

from django.conf import settings

from billing.models import DunningStep

_S = DunningStep.Step

#: which setting says when, and what counts where the project has none
SETTINGS: Mapping[DunningStep.Step, tuple[str, int]] = {
    _S.REMINDER: ("BILLING_REMINDER_DAYS", 1),
    _S.LAST_REMINDER: ("BILLING_LAST_REMINDER_DAYS", 14),
    _S.READ_ONLY: ("BILLING_READ_ONLY_DAYS", 30),
}


def days_until(step: DunningStep.Step) -> int:
    """Return how many days after the day an invoice was due ``step`` is taken."""
    name, default = SETTINGS[step]
    days: int = getattr(settings, name, default)
    return days


def days_of_grace() -> int:
    """Return how many days lie between the last reminder and what it announces."""
    return days_until(_S.READ_ONLY) - days_until(_S.LAST_REMINDER)
