"""What the platform's operators do about an account's billing: with a reason, in its own audit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from permissions import audit
from permissions.errors import NotFound
from teams.models import Account
from teams.services.change import Entry
from teams.services.inputs import expect
from teams.services.reasons import because_of


@dataclass(slots=True)
class PlatformEntry(Entry):
    """What is written down of one act of the platform inside one account."""

    because: Mapping[str, Any] = field(default_factory=dict)

    def record(self, action: str, subject: Any, **data: Any) -> None:
        """Append the event, marked as the platform's."""
        Entry.record(self, action, subject, **data, **self.because)


def by_platform(account: Any, reason: Any, operator: Any = None) -> PlatformEntry:
    """Lock ``account`` and return what records an act of the platform about it.

    Called within the transaction of the act. Raises Invalid (a reason that says nothing,
    NOT_AN_OPERATOR) or NotFound.
    """
    because = because_of(reason, operator)
    key = expect(account, Account, "The account").pk
    locked = Account.objects.select_for_update(no_key=True).filter(pk=key).first()
    if locked is None:
        raise NotFound("The account is not there any more.")
    return PlatformEntry(audit.PLATFORM, locked, because)
