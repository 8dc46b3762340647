"""Demo data: a year of billing for every demo account, as if the demo had been there that long.

What was used on days before the demo began is made up, and ends where the demo's contacts really
are; from then on it is metered. Invoices are drafted, issued, credited and paid through the
services, on the days they would have been. What exists already is left as it is.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from zlib import crc32

from django.db import transaction
from django.db.models import Count, Q
from django.utils import timezone

from billing import conf, selectors, services
from billing.deadlines import days_until
from billing.demo_content import seed_content
from billing.demo_stories import DIRECT_PAYER, OFFERS, RIVAL, RIVALS, STORIES, Story
from billing.models import (
    DunningStep,
    Invoice,
    MeteredDay,
    Payment,
    PlanTier,
    RatePlan,
    Subscription,
    UsageDay,
)
from billing.rating import next_month
from billing.services import dunning
from teams import background
from teams.models import Account, Subaccount
from teams.services.seating import seated

#: in which month of the story a client came that was not there from the first on
CAME = {"south": 5, "east": 8, "west": 9}
#: which month of the story has the other plan from which day on
CHANGED_IN, CHANGED_ON = 4, 15
#: how many months a direct payer has paid for itself
DIRECT_MONTHS = 3
CREDIT = Decimal("25.00")
#: how much of today's contacts there were when the story began, in percent
AT_FIRST = 55
#: how much of a place's contacts is written to from Monday to Sunday, in percent
WEEK = (6, 60, 8, 40, 7, 2, 1)
REASON = "Set up for the demo."


def overdue_account() -> str:
    """Return the short name of the account that has not paid."""
    return next(slug for slug, story in STORIES.items() if story.ends == "overdue")


def seed_billing() -> None:
    """Create what is missing of the demo's plans, content, use, invoices and payments.

    Raises Invalid (NO_SELLER) where nobody is said to send the invoices.
    """
    today = selectors.today()
    plans = _plans()
    seed_content()
    stories = STORIES | {f"{slug}-rival": RIVAL for slug in RIVALS}
    billed = set(Subscription.objects.values_list("account", flat=True))
    for account in Account.objects.filter(slug__in=stories).select_related("owner"):
        if account.pk not in billed:
            # nobody is written to about invoices of a year ago
            with transaction.atomic(), background.only_tried():
                _Year(account, stories[account.slug], plans, today).tell()


def _plans() -> dict[str, RatePlan]:
    found = {plan.code: plan for plan in RatePlan.objects.filter(code__in=[o.code for o in OFFERS])}
    for offer in OFFERS:
        if offer.code in found:
            continue
        plan = found[offer.code] = RatePlan.objects.create(
            code=offer.code,
            name=offer.name,
            currency=offer.currency,
            price=offer.price,
            price_per_subaccount=offer.per_subaccount,
            price_per_seat=offer.per_seat,
            **offer.rest,
        )
        PlanTier.objects.bulk_create(
            PlanTier(plan=plan, meter=meter, above=above, per=per, price=Decimal(price))
            for meter, above, per, price in offer.tiers
        )
    return found


def _back(month: date, months: int) -> date:
    """Return the first day of the month so many months before ``month``."""
    years, number = divmod(month.year * 12 + month.month - 1 - months, 12)
    return date(years, number + 1, 1)


def _at(day: date, hour: int) -> datetime:
    return timezone.make_aware(datetime.combine(day, time(hour)))


class _Year:
    """The story of one account, told from its first month to today."""

    def __init__(
        self, account: Account, story: Story, plans: dict[str, RatePlan], today: date
    ) -> None:
        self.account, self.story, self.plans, self.today = account, story, plans, today
        self.this_month = today.replace(day=1)
        self.months = [_back(self.this_month, n) for n in range(story.months, 0, -1)]

    def tell(self) -> None:
        """Write all of it down."""
        self.subscribe()
        self.use()
        self.pays(None, self.story.payer)
        for month in self.months:
            if self.story.direct and month == self.months[-DIRECT_MONTHS]:
                place = Subaccount.objects.get(account=self.account, slug=self.story.direct)
                services.set_direct_billing(actor=self.account.owner, subaccount=place, on=True)
                self.pays(place, {**DIRECT_PAYER, "name": place.name})
            self.bill(month)
        if self.story.ends == "overdue":
            self.remind()

    def pays(self, place: Subaccount | None, details: dict[str, Any]) -> None:
        """Say who pays, for the account or for a place, which is taxed as the account is."""
        if details:
            services.change_details(
                actor=self.account.owner, account=self.account, subaccount=place, **details
            )
        if self.story.tax and place is None:
            rate, label = self.story.tax
            services.set_tax_as_platform(
                reason=REASON, account=self.account, rate=rate, label=label
            )

    def subscribe(self) -> None:
        """Let it have a plan from the first month on, and another one from the middle of one on."""
        first, changes_on = self.months[0], None
        if self.story.later:
            changes_on = self.months[CHANGED_IN].replace(day=CHANGED_ON)
            self.subscribed(self.story.later, changes_on, None)
        self.subscribed(self.story.plan, first, changes_on)

    def subscribed(self, code: str, starts_on: date, ends_on: date | None) -> None:
        """Let it have a plan for so long."""
        Subscription.objects.create(
            account=self.account, plan=self.plans[code], starts_on=starts_on, ends_on=ends_on
        )

    def use(self) -> None:
        """Make up what was used on every day until yesterday."""
        days = [
            self.months[0] + timedelta(days=n) for n in range((self.today - self.months[0]).days)
        ]
        kept = Count("contacts", filter=Q(contacts__archived_at=None))
        places = Subaccount.objects.filter(account=self.account).annotate(kept=kept).order_by("pk")
        UsageDay.objects.bulk_create(
            (row for place in places for row in self.used(place, place.kept, days)),
            batch_size=2_000,
        )
        seats = len(seated(self.account))
        MeteredDay.objects.bulk_create(
            MeteredDay(account=self.account, day=day, seats=max(1, seats * grown // 100))
            for day, grown in zip(days, _growth(len(days)), strict=True)
        )

    def used(self, place: Subaccount, contacts: int, days: list[date]) -> Iterator[UsageDay]:
        """Yield what was used in one place: more each month, little at weekends, and the same
        however often it is told."""
        since = self.months[min(CAME.get(place.slug, 0), len(self.months) - 1)]
        for day, grown in zip(days, _growth(len(days)), strict=True):
            if day < since:
                continue
            there = contacts * grown // 100
            chance = crc32(f"{self.account.slug}/{place.slug}/{day}".encode())
            share = WEEK[day.weekday()] * (80 + chance % 41)
            yield UsageDay(
                account=self.account,
                subaccount=place,
                day=day,
                contacts=there,
                sends=there * share // 10_000,
            )

    def bill(self, month: date) -> None:
        """Draft, issue and settle the invoices of one month."""
        on, is_last = self.issued_on(month), month == self.months[-1]
        for number, draft in enumerate(services.draft_invoices(self.account, month)):
            invoice = services.issue_invoice(draft, on=on)
            if self.story.credited and month == self.months[-2] and not number:
                services.credit_invoice(
                    reason="Two days on which nothing could be sent.",
                    invoice=invoice,
                    amount=CREDIT,
                    on=on + timedelta(days=2),
                )
                invoice.refresh_from_db()
            if invoice.owed and not is_last and not (self.is_unpaid(month) and not number):
                self.pay(invoice, on + timedelta(days=5 + (month.month + number) % 7))

    def issued_on(self, month: date) -> date:
        """Return when the invoices of a month were issued: on the second day after it, but late
        enough for the last to be open today, and the unpaid one to be overdue."""
        first = next_month(month)
        if self.is_unpaid(month):
            return max(first, self.unpaid_on())
        if month == self.months[-1]:
            return max(first, self.today - timedelta(days=5))
        return first + timedelta(days=1)

    def unpaid_on(self) -> date:
        """Return on which day an invoice was issued that has been reminded of for the last time,
        and is still to be enforced."""
        reminded = days_until(DunningStep.Step.LAST_REMINDER)
        return self.today - timedelta(days=conf.due_days() + reminded + 3)

    def is_unpaid(self, month: date) -> bool:
        """Say whether the invoice of that month is the one that was not paid."""
        return self.story.ends == "overdue" and month == _back(self.unpaid_on().replace(day=1), 1)

    def pay(self, invoice: Invoice, on: date) -> None:
        """Let the money come to the bank on that day, or today if that is still to come."""
        payment = services.record_payment(
            reason="On the statement of the bank.",
            invoice=invoice,
            amount=invoice.owed,
            reference=f"TRANSFER {invoice.label}",
        )
        at = _at(min(on, self.today), 9)
        Payment.objects.filter(pk=payment.pk).update(settled_at=at)
        Invoice.objects.filter(pk=invoice.pk).update(settled_at=at)

    def remind(self) -> None:
        """Remind of what is overdue, on the days on which that was due."""
        due = self.unpaid_on() + timedelta(days=conf.due_days())
        for step in (DunningStep.Step.REMINDER, DunningStep.Step.LAST_REMINDER):
            list(dunning.run(self.account, on=due + timedelta(days=days_until(step))))


def _growth(days: int) -> list[int]:
    """Return how many percent of today's there were on each of so many days."""
    return [AT_FIRST + (100 - AT_FIRST) * n // max(1, days - 1) for n in range(days)]
