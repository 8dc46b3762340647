"""How long the record of an account is kept: the platform takes out what is older, with a reason.

Nothing is lost by it: what goes is in the archive, which the tenant's record names by its hash, and
what it came to stands in the checkpoint.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from permissions import audit
from permissions.audit import Archive, Flawed, Retained
from permissions.errors import Invalid
from teams.models import Account
from teams.services.change import Entry, root_key
from teams.services.inputs import expect
from teams.services.reasons import because_of

PRUNED = "audit.pruned"
#: what happened lately is asked for by limits, such as that of mails a day
SHORTEST = timedelta(days=30)


def prune_audit(
    *, reason: str, account: Any, before: datetime, archive: Archive, operator: Any = None
) -> Retained | None:
    """Write what happened in ``account`` before a moment to ``archive``, then take it out.

    Returns None if there is nothing to go. Raises Invalid (TOO_RECENT, NAIVE, AUDIT_FLAWED, a
    reason that says nothing, NOT_AN_OPERATOR) or NotFound; then nothing was taken out.
    """
    because = because_of(reason, operator)
    stored = expect(account, Account, "The account")
    check_before(before)

    def recorded(found: Retained) -> None:
        """Say in the tenant's own record what is not in it any more."""
        Entry(audit.PLATFORM, stored).record(
            PRUNED,
            stored,
            events=found.events,
            up_to=found.checkpoint.sequence,
            last_event_at=found.checkpoint.last_event_at,
            archive_digest=found.checkpoint.archive_digest,
            **because,
        )

    try:
        return audit.retain(root_key(stored), before, archive, then=recorded)
    except Flawed as error:
        raise Invalid(
            f"The record of {stored.name} has a flaw, so nothing was taken out: {error}. Run "
            "verify_audit to see all of them.",
            code="AUDIT_FLAWED",
        ) from None


def check_before(before: datetime) -> None:
    """Raise Invalid unless what is older than ``before`` may go."""
    if timezone.is_naive(before):
        raise Invalid("The date needs a time zone.", code="NAIVE")
    if before > timezone.now() - SHORTEST:
        raise Invalid(
            f"What happened in the last {SHORTEST.days} days stays. Choose an earlier date.",
            code="TOO_RECENT",
        )
