"""The limits of rate plans, as ``teams.limits`` asks for them."""

from __future__ import annotations

from billing.selectors import plan_of
from teams.limits import Countable, Limit
from teams.models import Account


def limit_of(account: Account, what: Countable) -> Limit | None:
    """Return how many the plan that ``account`` has today allows; None for any number.

    Which plan that is, is not said: whoever may add somebody is told of the limit, and few of them
    may see the rate plan.
    """
    plan = plan_of(account)
    if plan is None:
        return None
    most = plan.most_subaccounts if what == Countable.SUBACCOUNTS else plan.most_seats
    return None if most is None else Limit(most, "the rate plan")
