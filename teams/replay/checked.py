"""The record held against what is stored, for ``check_integrity``."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from permissions.errors import Invalid
from teams.models import Account
from teams.replay.live import stored
from teams.replay.record import state_now

#: so many differences of one account are named
NAMED = 5
ROLES = (
    "the built-in roles of its edition give something else than when the record last said so: have "
    "it say so now, snapshot_access"
)
_LONGEST = 200


def record_says_what_is_stored() -> Iterator[tuple[Any, str]]:
    """Yield each account whose record does not come to what is stored, with what differs.

    One whose record has no beginning says nothing yet: ``snapshot_access`` gives it one.
    """
    for account in Account.objects.order_by("pk"):
        try:
            state = state_now(account)
        except Invalid as error:
            yield account, error.message
            continue
        if not state.began:
            continue
        unlike = list(state.unlike(stored(account)))
        for where, recorded, found in unlike[:NAMED]:
            if where == "built_in":
                yield account, ROLES
                continue
            yield account, f"{where}: recorded {_told(recorded)}, stored {_told(found)}"
        if len(unlike) > NAMED:
            yield account, f"and {len(unlike) - NAMED} more differences between record and tables"


def _told(value: Any) -> str:
    if value is None:
        return "nothing"
    text = json.dumps(value, default=str)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
