"""The beginning of a record that says who has access: what is stored, written down once.

For accounts that were there before their record was, for those filled by other means than services
(the demo), and for those of whom an upgrade has changed what a role gives: the record then says
from when on. Nobody's rights change by it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import transaction

from permissions.audit import PLATFORM
from permissions.errors import Invalid, NotFound
from teams import replay
from teams.models import Account
from teams.services.change import Entry
from teams.services.inputs import expect
from teams.services.reasons import because_of


@transaction.atomic
def snapshot(account: Any) -> bool:
    """Record who has what in ``account``, unless its record comes to just that; say whether.

    The system's act, under the account's lock. Raises Invalid (WRONG_TYPE) or NotFound.
    """
    key = expect(account, Account, "The account").pk
    own = Account.objects.select_for_update(no_key=True).filter(pk=key).first()
    if own is None:
        raise NotFound("The account is not there any more.")
    stored = replay.stored(own)
    if _recorded(own) == stored:
        return False
    Entry(None, own).record("account.snapshot", own, **stored.as_json())
    return True


def _recorded(account: Account) -> replay.State | None:
    """Return what the record comes to; None for one that does not begin, or cannot be read."""
    try:
        return replay.state_now(account)
    except Invalid:
        return None


def record_look(account: Account, because: Mapping[str, Any], **asked: Any) -> None:
    """Record that the platform looked at who had access, why, and what it ``asked``.

    Called within a transaction. ``because`` is its reason and operator. Raises Invalid.
    """
    why = because_of(because["reason"], because["operator"])
    Entry(PLATFORM, account).record("history.read", account, **asked, **why)
