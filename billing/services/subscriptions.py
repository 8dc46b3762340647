"""Which rate plan an account has: changed now or at renewal, with its history kept.

A change now counts from today, the whole day; at renewal from the first of the next month or, for
a plan paid by the year, from the next contract year on. A plan that allows less than there is now
is refused, also when it would begin later. Where use has grown until then nothing is taken away:
limits are ceilings on adding.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from django.db import transaction

from billing import selectors, terms
from billing.models import ContentPurchase, RatePlan, Subscription
from billing.services.operating import by_platform
from billing.services.plan_rules import (
    NOW,
    When,
    clean_start,
    clean_when,
    first_day,
    refuse_what_is_too_much,
    refuse_within_year,
)
from billing.terms import Span
from permissions import access
from permissions.errors import Invalid, NotFound
from permissions.policy import TOP
from teams.catalogue import CHANGE_RATE_PLAN
from teams.models import Account
from teams.services.base import changing, service
from teams.services.change import Entry
from teams.services.inputs import expect

# what there is


def history_of(account: Account) -> list[Subscription]:
    """Return what ``account`` has had, has and will have, the oldest first; with the plans."""
    rows = Subscription.objects.filter(account=account).order_by("starts_on")
    return list(rows.select_related("plan"))


def spans_of(rows: Sequence[Subscription]) -> list[Span]:
    """Return the periods that are stored in ``rows``."""
    return [Span(row.plan, row.starts_on, row.ends_on) for row in rows]


def renewal_of(subscription: Subscription) -> date:
    """Return the first day after today on which ``subscription`` begins a new month or, if its
    price is for a year, a new contract year."""
    spans = spans_of(history_of(subscription.account))
    span = Span(subscription.plan, subscription.starts_on, subscription.ends_on)
    return terms.renewal(spans, span, selectors.today())


def agreed_change(account: Account) -> Subscription | None:
    """Return the change of plan that was agreed on and has not begun; None if there is none."""
    rows = Subscription.objects.filter(account=account, starts_on__gt=selectors.today())
    return rows.select_related("plan").first()


def offered_to(account: Account) -> list[RatePlan]:
    """Return the plans on offer that ``account`` could choose, the cheapest first; with tiers.

    Only those in the currency it has.
    """
    found = RatePlan.objects.filter(is_offered=True).prefetch_related("tiers")
    current = Subscription.objects.filter(account=account).select_related("plan").first()
    if current is not None:
        found = found.filter(currency=current.plan.currency)
    return sorted(found, key=lambda plan: (plan.currency, _a_year(plan), plan.name, plan.pk))


def _a_year(plan: RatePlan) -> Decimal:
    return plan.price if terms.is_yearly(plan) else plan.price * 12


# changes


@service
def change_plan(*, actor: Any, account: Account, plan: RatePlan, when: When) -> Subscription:
    """Change to ``plan``, which is on offer, ``when``: "now" or at "renewal".

    Needs ``change_rate_plan``. A change that was agreed on before falls. Instead of a plan paid by
    the year, a cheaper one or one paid by the month begins at its renewal only. Returns the
    subscription that has the plan.

    Raises Refused, NotFound (a plan that is not on offer looks like a missing one), LimitReached
    (naming all that must shrink first), or Invalid: WRONG_TYPE, WHEN, NO_PLAN (nothing to renew),
    CURRENCY, YEARLY_TERM, ALREADY_SO.
    """
    act = "change the rate plan"
    with changing(actor, account, act=act, while_read_only=True) as change:
        change.require(CHANGE_RATE_PLAN, frozenset({TOP}), act)
        asked = clean_when(when)
        wanted = _locked(plan)
        if not wanted.is_offered:
            raise NotFound("There is no such rate plan on offer.")
        today = selectors.today()
        rows = history_of(change.account)
        spans = spans_of(rows)
        starts_on = first_day(change.account, spans, asked, today)
        if asked == NOW:
            refuse_within_year(spans, wanted, today)
        return _carry_out(change, rows, wanted, starts_on, today=today)


@service
def withdraw_plan_change(*, actor: Any, account: Account) -> Subscription:
    """Give up the change of plan that was agreed on; the plan that runs goes on.

    Needs ``change_rate_plan``. Raises Refused, or Invalid (NOTHING_AGREED).
    """
    act = "withdraw the change of the rate plan"
    with changing(actor, account, act=act, while_read_only=True) as change:
        change.require(CHANGE_RATE_PLAN, frozenset({TOP}), act)
        today = selectors.today()
        rows = history_of(change.account)
        spans = spans_of(rows)
        current, later = terms.running(spans, today), terms.agreed(spans, today)
        if current is None or later is None:
            raise Invalid("No change of the rate plan has been agreed on.", code="NOTHING_AGREED")
        kept = _store(change, rows, terms.kept_on(spans, today))
        change.record(
            "rate_plan.change_withdrawn",
            change.account,
            plan=current.plan.name,
            withdrawn=later.plan.name,
            starts_on=later.starts_on.isoformat(),
        )
    return kept


def set_plan_as_platform(
    *,
    reason: str,
    account: Account,
    plan: RatePlan,
    starts_on: date | None = None,
    operator: Any = None,
) -> Subscription:
    """Give ``account`` a plan, also one that is not on offer, from ``starts_on`` (today) on.

    The first plan of an account of which nothing has been invoiced may begin up to a year ago, for
    one that comes from elsewhere; any other begins today or within a year. No yearly term binds
    the platform. Raises Invalid: WRONG_TYPE, STARTS (too early or too late), CURRENCY,
    LimitReached, ALREADY_SO, TOO_SHORT (the reason), NOT_AN_OPERATOR; or NotFound.
    """
    try:
        with transaction.atomic():
            entry = by_platform(account, reason, operator)
            wanted, today = _locked(plan), selectors.today()
            rows = history_of(entry.account)
            first = clean_start(entry.account, rows, starts_on, today)
            return _carry_out(entry, rows, wanted, first, today=today)
    finally:
        access.forget()


def _carry_out(
    entry: Entry, rows: Sequence[Subscription], plan: RatePlan, starts_on: date, *, today: date
) -> Subscription:
    """Store the periods with ``plan`` from ``starts_on`` on, and record it."""
    account, spans = entry.account, spans_of(rows)
    later = terms.agreed(spans, today)
    after = (
        terms.replanned(spans, plan, starts_on, today)
        if starts_on >= today
        else [Span(plan, starts_on)]
    )
    if after == spans:
        raise Invalid(_already(account, spans, plan, today), code="ALREADY_SO")
    before = terms.running(spans, today)
    bought = ContentPurchase.objects.filter(account=account).values_list("currency", flat=True)
    currencies = {span.plan.currency for span in after}.union(bought)
    if len(currencies) > 1:
        has = (before or after[0]).plan.currency
        raise Invalid(
            f"{account.name} pays in {has}, and {plan.name} is in {plan.currency}. Choose a plan "
            f"in {has}.",
            code="CURRENCY",
        )
    if before is None or before.plan != plan:  # to stay is no change that anything must shrink for
        refuse_what_is_too_much(account, plan)
    stored = _store(entry, rows, after)
    entry.record(
        "rate_plan.changed",
        account,
        before=None if before is None else before.plan.name,
        after=plan.name,
        starts_on=starts_on.isoformat(),
        withdrawn=None if later is None else later.plan.name,
    )
    return stored


def _already(account: Account, spans: Sequence[Span], plan: RatePlan, today: date) -> str:
    later = terms.agreed(spans, today)
    if later is not None and later.plan == plan:
        return f"{account.name} has {plan.name} from {later.starts_on:%d %B %Y} on already."
    return f"{account.name} has {plan.name} already."


def _store(entry: Entry, rows: Sequence[Subscription], after: Sequence[Span]) -> Subscription:
    """Make the stored periods those of ``after``, touching only what differs; return the last."""
    wanted = {span.starts_on: span for span in after}
    by_day = {row.starts_on: row for row in rows}
    for row in rows:
        span = wanted.get(row.starts_on)
        if span is None or span.plan != row.plan:
            row.delete()
            del by_day[row.starts_on]
    for row in by_day.values():
        ends_on = wanted[row.starts_on].ends_on
        if row.ends_on != ends_on:
            row.ends_on = ends_on
            row.save(update_fields=["ends_on"])
    person = entry.actor if getattr(entry.actor, "pk", None) is not None else None
    for span in after:
        if span.starts_on not in by_day:
            by_day[span.starts_on] = Subscription.objects.create(
                account=entry.account,
                plan=span.plan,
                starts_on=span.starts_on,
                ends_on=span.ends_on,
                chosen_by=person,
            )
    return by_day[after[-1].starts_on]


# what they are given


def _locked(plan: Any) -> RatePlan:
    """Return the plan as it is stored, and keep it so: nobody changes what is being chosen."""
    key = expect(plan, RatePlan, "The rate plan").pk
    found = RatePlan.objects.select_for_update(no_key=True).filter(pk=key).first()
    if found is None:
        raise NotFound("There is no such rate plan on offer.")
    return found
