"""Which rate plan an account has: changed now or at renewal, with its history kept.

A change now counts from today, the whole day; at renewal from the first of the next month or, for
a plan paid by the year, from the next contract year on. A plan that allows less than there is now
is refused, also when it would begin later. Where use has grown until then nothing is taken away:
limits are ceilings on adding.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, Literal

from django.db import transaction

from billing import estimates, selectors, terms
from billing.models import ContentPurchase, Invoice, RatePlan, Subscription
from billing.services.operating import by_platform
from billing.terms import Span
from permissions import access
from permissions.errors import Invalid, LimitReached, NotFound
from permissions.policy import TOP
from teams.catalogue import CHANGE_RATE_PLAN
from teams.limits import Countable
from teams.models import Account
from teams.services.base import Entry, changing, service
from teams.services.inputs import expect
from teams.services.places import active_subaccounts
from teams.services.seating import seats_taken

__all__ = [
    "NOW",
    "RENEWAL",
    "PlanPreview",
    "agreed_change",
    "change_plan",
    "must_shrink",
    "offered_to",
    "preview_for",
    "preview_plan",
    "renewal_of",
    "set_plan_as_platform",
    "withdraw_plan_change",
]

NOW: Literal["now"] = "now"
RENEWAL: Literal["renewal"] = "renewal"
When = Literal["now", "renewal"]

#: how far back a first plan may begin, and how far ahead one may be agreed on
A_YEAR = timedelta(days=366)


# what there is


def _history(account: Account) -> list[Subscription]:
    rows = Subscription.objects.filter(account=account).order_by("starts_on")
    return list(rows.select_related("plan"))


def _spans(rows: Sequence[Subscription]) -> list[Span]:
    return [Span(row.plan, row.starts_on, row.ends_on) for row in rows]


def renewal_of(subscription: Subscription) -> date:
    """Return the first day after today on which ``subscription`` begins a new month or, if its
    price is for a year, a new contract year."""
    spans = _spans(_history(subscription.account))
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
    return sorted(found, key=lambda plan: (plan.currency, _a_year(plan), plan.name))


def _a_year(plan: RatePlan) -> Decimal:
    return plan.price if terms.is_yearly(plan) else plan.price * 12


# what must shrink


def must_shrink(account: Account, plan: RatePlan) -> list[str]:
    """Return a sentence about everything of which ``account`` has more than ``plan`` allows."""
    found = []
    places, most_places = active_subaccounts(account), plan.most_subaccounts
    if most_places is not None and places > most_places:
        found.append(
            f"{plan.name} allows {_counted(most_places, 'active subaccount')} and there "
            f"{'is' if places == 1 else 'are'} {places}: archive {places - most_places}."
        )
    seats, most_seats = sum(seats_taken(account)), plan.most_seats
    if most_seats is not None and seats > most_seats:
        found.append(
            f"{'It' if found else plan.name} allows {_counted(most_seats, 'seat')} and {seats} "
            f"{'is' if seats == 1 else 'are'} taken, pending invitations counted: remove people or "
            f"withdraw invitations, {seats - most_seats} in all."
        )
    return found


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _refuse_what_is_too_much(account: Account, plan: RatePlan) -> None:
    if lines := must_shrink(account, plan):
        raise LimitReached(" ".join(lines))


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
        asked = _clean_when(when)
        wanted = _locked(plan)
        if not wanted.is_offered:
            raise NotFound("There is no such rate plan on offer.")
        today = selectors.today()
        rows = _history(change.account)
        spans = _spans(rows)
        starts_on = _starts_on(change.account, spans, asked, today)
        if asked == NOW:
            _refuse_within_year(spans, wanted, today)
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
        rows = _history(change.account)
        spans = _spans(rows)
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
            rows = _history(entry.account)
            first = _clean_start(entry.account, rows, starts_on, today)
            return _carry_out(entry, rows, wanted, first, today=today)
    finally:
        access.forget()


def _carry_out(
    entry: Entry, rows: Sequence[Subscription], plan: RatePlan, starts_on: date, *, today: date
) -> Subscription:
    """Store the periods with ``plan`` from ``starts_on`` on, and record it."""
    account, spans = entry.account, _spans(rows)
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
        _refuse_what_is_too_much(account, plan)
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


def _clean_when(when: Any) -> str:
    if not isinstance(when, str) or when not in (NOW, RENEWAL):
        raise Invalid("Say when: now, or at renewal.", code="WHEN")
    return when


def _starts_on(account: Account, spans: Sequence[Span], when: str, today: date) -> date:
    if when == NOW:
        return today
    current = terms.running(spans, today)
    if current is None:
        raise Invalid(
            f"{account.name} has no rate plan yet that could be renewed. Choose one now.",
            code="NO_PLAN",
        )
    return terms.renewal(spans, current, today)


def _refuse_within_year(spans: Sequence[Span], plan: RatePlan, today: date) -> None:
    found = terms.bound(spans, today)
    if found is None:
        return
    span, until = found
    if not terms.is_yearly(plan) or plan.price < span.plan.price:
        what = "costs less" if terms.is_yearly(plan) else "is paid by the month"
        raise Invalid(
            f"{span.plan.name} is paid by the year, until {until:%d %B %Y}, and {plan.name} {what}."
            " Choose it at renewal.",
            code="YEARLY_TERM",
        )


def _clean_start(
    account: Account, rows: Sequence[Subscription], starts_on: Any, today: date
) -> date:
    if starts_on is None:
        return today
    if not isinstance(starts_on, date) or hasattr(starts_on, "hour"):
        raise Invalid("The first day must be a date.", code="WRONG_TYPE")
    if starts_on > today + A_YEAR:
        raise Invalid(
            "The first day is more than a year ahead. Choose an earlier one.", code="STARTS"
        )
    if starts_on >= today:
        return starts_on
    if any(row.starts_on <= today for row in rows):
        raise Invalid(
            f"{account.name} has a rate plan already: the next begins today or later.",
            code="STARTS",
        )
    if starts_on < today - A_YEAR or Invoice.objects.filter(account=account).exists():
        raise Invalid(
            "A first rate plan begins at most a year ago, and only where nothing has been "
            "invoiced yet.",
            code="STARTS",
        )
    return starts_on


# what it would cost


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
    spans = _spans(_history(account))
    asked = _clean_when(when)
    if starts_on is None:
        starts_on = _starts_on(account, spans, asked, today)
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
