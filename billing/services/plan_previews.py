"""What a change of the rate plan would come to, before anybody agrees on it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from billing import estimates, selectors, terms
from billing.models import RatePlan
from billing.services.plan_rules import When, clean_when, first_day, must_shrink
from billing.services.subscriptions import history_of, spans_of
from permissions.errors import Invalid
from teams.limits import Countable
from teams.models import Account
from teams.services.places import active_subaccounts
from teams.services.seating import seats_taken


@dataclass(frozen=True, slots=True)
class PlanPreview:
    """What a change of plan would come to, before tax, at the use there has been so far.

    ``this_month`` are the amounts of the month that runs, as things stand and with the change;
    ``whole_month`` those of ``month``, the first whole month with the new plan. ``falls`` is the
    change agreed on before, which would fall; ``must_shrink`` says why it would be refused now.
    """

    plan: RatePlan
    current: RatePlan | None
    starts_on: date
    month: date
    this_month: tuple[Decimal, Decimal]
    whole_month: tuple[Decimal, Decimal]
    falls: RatePlan | None
    must_shrink: tuple[str, ...]
    used: Mapping[Countable, int]

    @property
    def currency(self) -> str:
        """Return the currency of all its amounts."""
        return self.plan.currency


def preview_plan(account: Account, plan: RatePlan, when: When) -> PlanPreview:
    """Return what ``change_plan`` would come to. Asks no right; writes nothing.

    Raises Invalid for what makes no sense: WHEN, NO_PLAN, CURRENCY.
    """
    return preview_for(account, plan, when)


def preview_for(
    account: Account, plan: RatePlan, when: str, starts_on: date | None = None
) -> PlanPreview:
    """Return the same of a change on the day ``starts_on``, today or later, if one is named."""
    today = selectors.today()
    spans = spans_of(history_of(account))
    asked = clean_when(when)
    if starts_on is None:
        starts_on = first_day(account, spans, asked, today)
    after = terms.replanned(spans, plan, starts_on, today)
    if len({span.plan.currency for span in after}) > 1:
        raise Invalid(f"{account.name} does not pay in {plan.currency}.", code="CURRENCY")
    this, whole = today.replace(day=1), estimates.whole_month_from(starts_on)
    running, later = terms.running(spans, today), terms.agreed(spans, today)
    known = estimates.Estimates(account, today)
    return PlanPreview(
        plan=plan,
        current=None if running is None else running.plan,
        starts_on=starts_on,
        month=whole,
        this_month=(known.total(this, spans), known.total(this, after)),
        whole_month=(known.total(whole, spans), known.total(whole, after)),
        falls=None if later is None else later.plan,
        must_shrink=tuple(must_shrink(account, plan)),
        used={
            Countable.SUBACCOUNTS: active_subaccounts(account),
            Countable.SEATS: sum(seats_taken(account)),
        },
    )
