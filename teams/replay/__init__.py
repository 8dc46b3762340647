"""Who stood where, as what, at any moment: the audit of one account, replayed.

``State`` is what there is to know, ``advance`` folds events into it one by one, ``rows`` turns it
into the very facts that ``teams.facts`` reads of the database, from which ``teams.provider`` builds
the same profiles. ``stored`` reads a state off the live tables: what the record begins with where
an account was there before it (``teams.services.snapshots``), and what it is held against.

What the record does not say: whether a login was switched off, or had a second factor. What slept
for such a reason counts as held. Nor does it say what a built-in role gave, which is in the code:
only a digest of it (``rules``).
"""

from __future__ import annotations

from teams.replay.checked import record_says_what_is_stored
from teams.replay.elsewhere import leave_alone, not_about_access
from teams.replay.fold import advance
from teams.replay.handling import HANDLED
from teams.replay.live import stored
from teams.replay.record import beginning_of, state_at, state_now, sum_up, summed_up
from teams.replay.rows import key_of, profiles, rows
from teams.replay.state import State

__all__ = [
    "HANDLED",
    "State",
    "advance",
    "beginning_of",
    "key_of",
    "leave_alone",
    "not_about_access",
    "profiles",
    "record_says_what_is_stored",
    "rows",
    "state_at",
    "state_now",
    "stored",
    "sum_up",
    "summed_up",
]
