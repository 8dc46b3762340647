"""The two questions everything asks: may this person do that here, and where may they at all.

What other modules use is named here.
"""

from permissions.access.conditions import (
    complement,
    intersection,
    reachable_places,
    visible_q,
    within,
)
from permissions.access.questions import DEPENDS, Decision, Lack, allows, can, visible
from permissions.access.unit import (
    Facts,
    Narrowing,
    candidates,
    close_unit,
    forget,
    narrowed,
    narrowing,
    open_unit,
    profile_of,
    unit_of_work,
    use,
)

__all__ = [
    "DEPENDS",
    "Decision",
    "Facts",
    "Lack",
    "Narrowing",
    "allows",
    "can",
    "candidates",
    "close_unit",
    "complement",
    "forget",
    "intersection",
    "narrowed",
    "narrowing",
    "open_unit",
    "profile_of",
    "reachable_places",
    "unit_of_work",
    "use",
    "visible",
    "visible_q",
    "within",
]
