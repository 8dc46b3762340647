"""What was used, and what it costs so far. Nothing here decides who may look at it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import date, timedelta

from django.db.models import Max, QuerySet, Sum

from billing import counting, purchases, rating
from billing.models import Meter, MeteredDay, QuotaWarning, RatePlan, Subscription, UsageDay
from billing.rating import Charge, Period, PlaceDay, Plan, Tier, next_month
from billing.selectors import today
from teams.models import Account
from teams.services.seating import seated


def as_rated(plan: RatePlan) -> Plan:
    """Return ``plan`` and its tiers as ``billing.rating`` reads them."""
    return Plan(
        name=plan.name,
        currency=plan.currency,
        price=plan.price,
        yearly=plan.interval == RatePlan.Interval.YEAR,
        included_contacts=plan.included_contacts,
        included_sends=plan.included_sends,
        included_subaccounts=plan.included_subaccounts,
        included_seats=plan.included_seats,
        price_per_subaccount=plan.price_per_subaccount,
        price_per_seat=plan.price_per_seat,
        tiers=tuple(Tier(t.meter, t.above, t.per, t.price) for t in plan.tiers.all()),
    )


def rated(subscriptions: Iterable[Subscription]) -> list[Period]:
    """Return ``subscriptions``, an account's whole history, as ``billing.rating`` reads it."""
    plans: dict[int, Plan] = {}
    rows = []
    for row in subscriptions:
        if row.plan_id not in plans:
            plans[row.plan_id] = as_rated(row.plan)
        rows.append((plans[row.plan_id], row.starts_on, row.ends_on))
    return rating.periods(rows)


def periods_of(account: Account) -> list[Period]:
    """Return the history of plans of ``account``, a change agreed on included."""
    rows = Subscription.objects.filter(account=account).order_by("starts_on")
    return rated(rows.select_related("plan").prefetch_related("plan__tiers"))


def days(account: Account, start: date, end: date) -> QuerySet[UsageDay]:
    """Return what was used from ``start`` to the day before ``end``, as far as it is metered."""
    return UsageDay.objects.filter(account=account, day__gte=start, day__lt=end)


def place_days(account: Account, start: date, end: date) -> list[PlaceDay]:
    """Return ``days`` as ``billing.rating`` reads them."""
    rows = days(account, start, end).order_by("day", "subaccount_id")
    return [
        PlaceDay(*row)
        for row in rows.values_list("day", "subaccount_id", "contacts", "sends", "is_active")
    ]


def seats(account: Account, start: date, end: date) -> dict[date, int]:
    """Return the seats of each metered day from ``start`` to the day before ``end``."""
    rows = MeteredDay.objects.filter(account=account, day__gte=start, day__lt=end)
    return dict(rows.order_by("day").values_list("day", "seats"))


def days_due(account: Account, until: date) -> list[date]:
    """Return the days up to ``until`` that ``account`` subscribed to something on and that are not
    metered."""
    done = set(MeteredDay.objects.filter(account=account).values_list("day", flat=True))
    after = until + timedelta(days=1)
    due: list[date] = []
    rows = Subscription.objects.filter(account=account).order_by("starts_on")
    for starts_on, ends_on in rows.values_list("starts_on", "ends_on"):
        length = (min(after, ends_on or after) - starts_on).days
        span = (starts_on + timedelta(days=n) for n in range(length))
        due += [day for day in span if day not in done]
    return due


def metered_until(account: Account) -> date | None:
    """Return the last day up to which nothing is left to be metered; None if nothing is metered.

    Days without a subscription have nothing to be metered: once it has ended, that is yesterday.
    """
    if not MeteredDay.objects.filter(account=account).exists():
        return None
    yesterday = today() - timedelta(days=1)
    due = days_due(account, yesterday)
    return due[0] - timedelta(days=1) if due else yesterday


def metered(account: Account, start: date, end: date) -> dict[Meter, int]:
    """Return what was used from ``start`` to the day before ``end``, as far as it is metered.

    Contacts are the sum of the subaccounts' peaks, messages the sum of the days; subaccounts and
    seats those of the last day that is metered.
    """
    rows = days(account, start, end)
    by_place = rows.order_by().values("subaccount")
    sums = by_place.annotate(peak=Max("contacts"), sent=Sum("sends"))
    found = sums.values_list("peak", "sent")
    last = MeteredDay.objects.filter(account=account, day__gte=start, day__lt=end)
    latest = last.order_by("-day").first()
    active = rows.filter(day=latest.day, is_active=True).count() if latest else 0
    figures = list(found)
    return {
        Meter.CONTACTS: sum(peak for peak, _sent in figures),
        Meter.SENDS: sum(sent for _peak, sent in figures),
        Meter.SUBACCOUNTS: active,
        Meter.SEATS: latest.seats if latest else 0,
    }


def used(account: Account, month: date) -> Mapping[Meter, int]:
    """Return what was used in ``month`` (its first day), of the running month until this moment.

    What the figures are says ``metered``; the base price has none. Today is counted, with the
    messages of days that nobody has metered yet. Of a month to come it is nothing.
    """
    after, now = next_month(month), today()
    if after <= now:
        return metered(account, month, after)
    if now < month:
        return dict.fromkeys((Meter.CONTACTS, Meter.SENDS, Meter.SUBACCOUNTS, Meter.SEATS), 0)
    tomorrow = now + timedelta(days=1)
    rows = days(account, month, tomorrow).order_by().values("subaccount")
    peaks = dict(rows.annotate(peak=Max("contacts")).values_list("subaccount", "peak"))
    sent = sum(days(account, month, tomorrow).values_list("sends", flat=True))
    for place, number in counting.contacts(account, now, tomorrow).items():
        peaks[place] = max(peaks.get(place, 0), number)
    last = MeteredDay.objects.filter(account=account, day__gte=month).aggregate(last=Max("day"))
    unmetered = last["last"] + timedelta(days=1) if last["last"] else month
    sent += sum(counting.sends(account, unmetered, tomorrow).values())
    return {
        Meter.CONTACTS: sum(peaks.values()),
        Meter.SENDS: sent,
        Meter.SUBACCOUNTS: counting.active_now(account),
        Meter.SEATS: len(seated(account)),
    }


def warnings_of(account: Account, month: date) -> QuerySet[QuotaWarning]:
    """Return what ``account`` was told in ``month`` (its first day) that most, or all, is used."""
    rows = QuotaWarning.objects.filter(account=account, month=month)
    return rows.order_by("meter", "percent")


def ended(periods: Iterable[Period], until: date) -> list[Period]:
    """Return ``periods`` as if there were none from ``until`` on."""
    return [
        replace(period, ends_on=until)
        if period.ends_on is None or period.ends_on > until
        else period
        for period in periods
        if period.starts_on < until
    ]


def charges_of(account: Account, month: date, until: date | None = None) -> list[Charge]:
    """Return what ``month`` (its first day) costs ``account``, up to the day before ``until``.

    Without ``until`` it is the whole month: the base price in full, with whatever use is metered.
    What was bought comes last.
    Whoever asks for money sees to it that ``metered_until`` has come to the last day of the month.
    """
    after = next_month(month)
    end = after if until is None else max(month, min(until, after))
    used = rating.charges(
        month,
        ended(periods_of(account), end),
        place_days(account, month, end),
        seats(account, month, end),
    )
    return [*used, *purchases.charges(account, month, end)]
