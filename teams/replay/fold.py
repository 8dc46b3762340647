"""The events of one account folded into its state, one after the other, in their order.

Every action is either handled (``about_account``, ``about_people``, ``about_teams``) or declared to
be about something else (``elsewhere``), so that nothing new slips past.
"""

from __future__ import annotations

from collections.abc import Iterable

from permissions.errors import Invalid
from permissions.models import AuditEvent
from teams.replay import about_account, about_people, about_teams
from teams.replay.elsewhere import is_elsewhere
from teams.replay.handling import HANDLED
from teams.replay.state import State

#: each module of handlers, whose import fills ``HANDLED``
HANDLERS = (about_account, about_people, about_teams)


class Unreadable(Invalid):
    """The record cannot be replayed; the message says where it stops."""

    code = "RECORD"


def advance(state: State, events: Iterable[AuditEvent]) -> State:
    """Fold ``events`` of one account, in their order, into ``state``, and return it.

    What stands before the beginning of the record is passed over. Raises Unreadable for an event
    that nobody declared, and for one that does not fit what came before it.
    """
    for event in events:
        follows(state, event)
        state.sequence = event.sequence
        if (not state.began and event.action not in about_account.BEGIN) or is_elsewhere(event):
            continue
        handler = HANDLED.get(event.action)
        if handler is None:
            raise Unreadable(
                f"#{event.sequence} of {event.root}, {event.action}, is not known to the replay. "
                "Whoever records it declares it: teams.replay.leave_alone."
            )
        try:
            handler(state, event, event.data)
        except (LookupError, TypeError, ValueError) as error:
            raise Unreadable(
                f"#{event.sequence} of {event.root}, {event.action}, does not fit what came before "
                f"it ({type(error).__name__}: {error})."
            ) from None
    return state


def follows(state: State, event: AuditEvent) -> None:
    """Raise Unreadable unless ``event`` is the one after what is folded already."""
    if event.sequence != state.sequence + 1:
        raise Unreadable(
            f"The record of {event.root} goes from #{state.sequence} to #{event.sequence}: "
            "what lies between is not there. Run verify_audit; what was pruned is in its file."
        )
