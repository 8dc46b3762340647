"""The rules, pure: who holds what where, who may pass it on, and why.

Imports the standard library only; every function is total and returns a value, so that the same
rules can be tested exhaustively, run against any storage, and read in one sitting.
"""

from permissions.policy.decide import (
    SWITCHED_OFF,
    Denial,
    Outcome,
    Scope,
    decide,
    held_at,
    sources_at,
)
from permissions.policy.delegate import (
    Atoms,
    Refusal,
    added_atoms,
    atoms,
    covers,
    may_grant,
    may_manage,
    rank_at,
)
from permissions.policy.narrow import narrow
from permissions.policy.sleep import part
from permissions.policy.terms import (
    FUTURE,
    TOP,
    Bundle,
    Holding,
    PlaceId,
    Reach,
    Root,
    Source,
    Standing,
)

__all__ = [
    "FUTURE",
    "SWITCHED_OFF",
    "TOP",
    "Atoms",
    "Bundle",
    "Denial",
    "Holding",
    "Outcome",
    "PlaceId",
    "Reach",
    "Refusal",
    "Root",
    "Scope",
    "Source",
    "Standing",
    "added_atoms",
    "atoms",
    "covers",
    "decide",
    "held_at",
    "may_grant",
    "may_manage",
    "narrow",
    "part",
    "rank_at",
    "sources_at",
]
