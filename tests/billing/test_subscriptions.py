"""Which plan an account has: now, at renewal, and never two on one day or none on any."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest
from django.utils import timezone
from hypothesis import given, settings
from hypothesis import strategies as st

from billing import rating, selectors, terms
from billing.factories import (
    InvoiceFactory,
    PlanTierFactory,
    RatePlanFactory,
    SubscriptionFactory,
    UsageDayFactory,
)
from billing.models import MeteredDay, RatePlan, Subscription
from billing.services import (
    change_details,
    change_plan,
    set_direct_billing,
    set_plan_as_platform,
    withdraw_plan_change,
)
from billing.services.plan_previews import preview_plan
from billing.services.plan_rules import must_shrink
from billing.services.subscriptions import agreed_change, offered_to, renewal_of
from billing.terms import Span
from permissions.models import AuditEvent
from teams.factories import InvitationFactory, UserFactory
from teams.models import Account
from tests.commands.helpers import run
from tests.services.world import World, refused, world

pytestmark = pytest.mark.django_db

Clock = Callable[[date], None]
TODAY = date(2026, 3, 10)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Return what makes it another day; it is 10 March 2026."""

    def turn(day: date) -> None:
        monkeypatch.setattr(selectors, "today", lambda: day)

    turn(TODAY)
    return turn


def history(account: Account) -> list[tuple[str, date, date | None]]:
    """Return (plan, from, until) of every period."""
    rows = Subscription.objects.filter(account=account).order_by("starts_on")
    return list(rows.values_list("plan__code", "starts_on", "ends_on"))


def plans() -> tuple[RatePlan, RatePlan]:
    """Return a small plan and a large one, paid by the month."""
    return (
        RatePlanFactory(code="small", name="Small", price=50),
        RatePlanFactory(code="large", name="Large", price=500),
    )


def test_a_first_plan_begins_today_and_a_change_now_counts_from_today(clock: Clock) -> None:
    w, (small, large) = world("emma_hq"), plans()
    first = change_plan(actor=w.owner, account=w.account, plan=small, when="now")
    assert (first.chosen_by, first.starts_on) == (w.owner, TODAY)
    event = AuditEvent.objects.get(action="rate_plan.changed")
    assert event.data == {
        "before": None, "after": "Small", "starts_on": "2026-03-10", "withdrawn": None,
    }  # fmt: skip
    with refused("ALREADY_SO"):
        change_plan(actor=w.owner, account=w.account, plan=small, when="now")
    change_plan(actor=w.owner, account=w.account, plan=large, when="now")
    assert history(w.account) == [("large", TODAY, None)], "what began today is replaced"
    clock(date(2026, 3, 20))
    change_plan(actor=w.owner, account=w.account, plan=small, when="now")
    assert history(w.account) == [
        ("large", TODAY, date(2026, 3, 20)),
        ("small", date(2026, 3, 20), None),
    ]
    change_plan(actor=w.owner, account=w.account, plan=large, when="now")
    assert history(w.account) == [("large", TODAY, None)], "going back the same day undoes it"


def test_at_renewal_is_the_first_of_next_month_and_may_be_replaced_or_withdrawn(
    clock: Clock,
) -> None:
    w, (small, large) = world("emma_hq"), plans()
    with refused("NO_PLAN"):
        change_plan(actor=w.owner, account=w.account, plan=small, when="renewal")
    SubscriptionFactory(account=w.account, plan=large)
    with refused("NOTHING_AGREED"):
        withdraw_plan_change(actor=w.owner, account=w.account)
    april = date(2026, 4, 1)
    change_plan(actor=w.owner, account=w.account, plan=small, when="renewal")
    agreed = [("large", date(2026, 1, 1), april), ("small", april, None)]
    assert history(w.account) == agreed
    assert selectors.plan_of(w.account, TODAY) == large
    assert selectors.plan_of(w.account, april) == small
    with refused("ALREADY_SO") as caught:
        change_plan(actor=w.owner, account=w.account, plan=small, when="renewal")
    assert "01 April 2026" in caught.value.message
    third = RatePlanFactory(code="third")
    change_plan(actor=w.owner, account=w.account, plan=third, when="renewal")
    assert history(w.account) == [agreed[0], ("third", april, None)]
    found = agreed_change(w.account)
    assert found is not None
    assert found.plan == third
    kept = withdraw_plan_change(actor=w.owner, account=w.account)
    assert (kept.plan, kept.ends_on) == (large, None)
    assert history(w.account) == [("large", date(2026, 1, 1), None)]
    event = AuditEvent.objects.get(action="rate_plan.change_withdrawn")
    assert event.data["withdrawn"] == third.name
    # a change now lets what was agreed on fall, and says so
    change_plan(actor=w.owner, account=w.account, plan=small, when="renewal")
    change_plan(actor=w.owner, account=w.account, plan=third, when="now")
    assert history(w.account) == [("large", date(2026, 1, 1), TODAY), ("third", TODAY, None)]
    assert AuditEvent.objects.latest("pk").data["withdrawn"] == "Small"
    # to choose what one has lets it fall as well
    change_plan(actor=w.owner, account=w.account, plan=small, when="renewal")
    change_plan(actor=w.owner, account=w.account, plan=third, when="now")
    assert history(w.account)[-1] == ("third", TODAY, None)


def test_a_year_that_was_agreed_on_binds_until_its_anniversary(clock: Clock) -> None:
    w = world("emma_hq")
    year = RatePlanFactory(code="year", interval="year", price=1200)
    more = RatePlanFactory(code="more", interval="year", price=1300)
    less = RatePlanFactory(code="less", interval="year", price=1100)
    monthly = RatePlanFactory(code="monthly", price=5000)
    running = SubscriptionFactory(account=w.account, plan=year, starts_on=date(2024, 2, 29))
    assert renewal_of(running) == date(2027, 2, 28)
    for plan in (less, monthly):
        with refused("YEARLY_TERM") as caught:
            change_plan(actor=w.owner, account=w.account, plan=plan, when="now")
        assert "28 February 2027" in caught.value.message
    change_plan(actor=w.owner, account=w.account, plan=less, when="renewal")
    assert history(w.account)[-1] == ("less", date(2027, 2, 28), None)
    change_plan(actor=w.owner, account=w.account, plan=more, when="now")
    latest = Subscription.objects.get(account=w.account, plan=more)
    assert renewal_of(latest) == date(2027, 2, 28), "a larger plan begins no new year"
    # what was chosen today may be taken back today, though it costs less
    change_plan(actor=w.owner, account=w.account, plan=year, when="now")
    assert history(w.account) == [("year", date(2024, 2, 29), None)]
    clock(date(2027, 2, 28))
    change_plan(actor=w.owner, account=w.account, plan=monthly, when="now")
    assert history(w.account)[-1] == ("monthly", date(2027, 2, 28), None)


def test_less_than_there_is_is_refused_with_all_that_must_shrink(clock: Clock) -> None:
    w = world("emma_hq")  # north and south are active, west is archived
    tight = RatePlanFactory(name="Starter", most_subaccounts=1, most_seats=2)
    SubscriptionFactory(account=w.account)
    for _n in range(2):
        w.member("full")
    InvitationFactory(account=w.account, subaccount=w.north, role="full", address="n@new.example")
    for when in ("now", "renewal"):
        with refused("LIMIT_REACHED") as caught:
            change_plan(actor=w.owner, account=w.account, plan=tight, when=when)
        assert caught.value.message == (
            "Starter allows 1 active subaccount and there are 2: archive 1. It allows 2 seats and "
            "4 are taken, pending invitations counted: remove people or withdraw invitations, 2 "
            "in all."
        )
    with refused("LIMIT_REACHED"):
        set_plan_as_platform(reason="A reason", account=w.account, plan=tight)
    seats = RatePlanFactory(name="Lone", most_seats=1)
    assert must_shrink(w.account, seats)[0].startswith("Lone allows 1 seat and 4 are taken")
    just = RatePlanFactory(most_subaccounts=2, most_seats=4)
    change_plan(actor=w.owner, account=w.account, plan=just, when="renewal")
    # use may grow until then: nothing is taken away, and to stay then is no downgrade
    w.member("full")
    clock(date(2026, 4, 2))
    assert selectors.plan_of(w.account) == just
    assert must_shrink(w.account, just)
    change_plan(actor=w.owner, account=w.account, plan=RatePlanFactory(), when="renewal")
    change_plan(actor=w.owner, account=w.account, plan=just, when="now")
    assert agreed_change(w.account) is None


def test_what_is_not_on_offer_looks_like_what_is_not_there(clock: Clock) -> None:
    w, (small, _large) = world("emma_hq"), plans()
    hidden = RatePlanFactory(is_offered=False)
    gone = RatePlanFactory()
    RatePlan.objects.filter(pk=gone.pk).delete()
    dollars = RatePlanFactory(currency="USD")
    SubscriptionFactory(account=w.account, plan=small)
    for plan in (hidden, gone):
        with refused("NOT_FOUND"):
            change_plan(actor=w.owner, account=w.account, plan=plan, when="now")
    with refused("CURRENCY"):
        change_plan(actor=w.owner, account=w.account, plan=dollars, when="now")
    with refused("CURRENCY"):
        set_plan_as_platform(reason="A reason", account=w.account, plan=dollars)
    for wrong in ("later", None, 1):
        with refused("WHEN"):
            change_plan(actor=w.owner, account=w.account, plan=small, when=wrong)  # type: ignore[arg-type]
    with refused("WRONG_TYPE"):
        change_plan(actor=w.owner, account=w.account, plan="small", when="now")  # type: ignore[arg-type]
    codes = [plan.code for plan in offered_to(w.account)]
    assert codes == ["small", "large"]


def test_only_who_holds_it_changes_the_plan(clock: Clock) -> None:
    small, large = plans()
    for edition, role, toggles in (
        ("emma_corporate", "manager", ()),
        ("emma_enterprise", "manager", ("billing_reports",)),
        ("emma_hq", "manager", ("billing_reports",)),
        ("constant_contact", "partner_manager", ()),
        ("sailthru", "marketer_admin", ()),
    ):
        w = world(edition, single_bill=True)
        SubscriptionFactory(account=w.account, plan=large)
        person = w.manager(role=role, toggles=toggles).user
        acts: list[tuple[Any, dict[str, Any]]] = [
            (change_plan, {"plan": small, "when": "now"}),
            (withdraw_plan_change, {}),
        ]
        for act, named in acts:
            with refused("OUT_OF_SCOPE"):
                act(actor=person, account=w.account, **named)
            with refused("NOT_FOUND"):
                act(actor=UserFactory(), account=w.account, **named)
    w = world("emma_corporate")
    person = w.manager(toggles=("billing",)).user
    change_plan(actor=person, account=w.account, plan=small, when="now")
    assert history(w.account) == [("small", TODAY, None)]


def test_the_platform_starts_and_changes_plans_with_a_reason(clock: Clock) -> None:
    w, (small, large) = world("emma_hq"), plans()
    private = RatePlanFactory(code="private", is_offered=False, interval="year", price=12)
    because = {"reason": "Agreed by mail"}
    for day in (date(2025, 3, 1), date(2027, 3, 20)):
        with refused("STARTS"):
            set_plan_as_platform(account=w.account, plan=private, starts_on=day, **because)
    for wrong in ("2026-03-01", timezone.now()):
        with refused("WRONG_TYPE"):
            set_plan_as_platform(account=w.account, plan=private, starts_on=wrong, **because)  # type: ignore[arg-type]
    with refused("TOO_SHORT"):
        set_plan_as_platform(account=w.account, plan=private, reason="x")
    InvoiceFactory(account=w.account)
    with refused("STARTS"):
        set_plan_as_platform(account=w.account, plan=private, starts_on=date(2025, 6, 1), **because)
    w = world("emma_hq")
    made = set_plan_as_platform(
        account=w.account, plan=private, starts_on=date(2025, 6, 1), **because
    )
    assert made.chosen_by is None
    event = AuditEvent.objects.latest("pk")
    assert (event.actor_ref, event.data["reason"]) == ("platform", "Agreed by mail")
    with refused("STARTS"):
        set_plan_as_platform(account=w.account, plan=small, starts_on=date(2026, 3, 9), **because)
    set_plan_as_platform(account=w.account, plan=small, starts_on=date(2026, 5, 5), **because)
    assert history(w.account) == [
        ("private", date(2025, 6, 1), date(2026, 5, 5)),
        ("small", date(2026, 5, 5), None),
    ]
    # no term binds the platform
    set_plan_as_platform(account=w.account, plan=small, **because)
    assert history(w.account)[-1] == ("small", TODAY, None)
    with refused("ALREADY_SO"):
        set_plan_as_platform(account=w.account, plan=small, **because)
    # one that is agreed on for later may be replaced by one now
    other = world("emma_hq")
    set_plan_as_platform(account=other.account, plan=small, starts_on=date(2026, 4, 1), **because)
    change_plan(actor=other.owner, account=other.account, plan=large, when="now")
    assert history(other.account) == [("large", TODAY, None)]


def _metered(w: World, first: date, days: int, **used: int) -> None:
    for n in range(days):
        day = first + timedelta(days=n)
        MeteredDay.objects.create(account=w.account, day=day, seats=1)
        UsageDayFactory(subaccount=w.north, account=w.account, day=day, **used)


def test_a_preview_says_what_months_come_to_at_the_use_so_far(clock: Clock) -> None:
    w = world("emma_hq")
    small = RatePlanFactory(name="Small", price=31, included_contacts=0, included_sends=0)
    PlanTierFactory(plan=small, price=10)
    PlanTierFactory(plan=small, meter="sends", per=10, price=1)
    large = RatePlanFactory(name="Large", price=310, included_contacts=5000)
    SubscriptionFactory(account=w.account, plan=small)
    _metered(w, date(2026, 3, 1), 9, contacts=2000, sends=10)
    found = preview_plan(w.account, large, "now")
    # as it is: 31 for the month, 2 times 10 for contacts, 31 days of 10 messages for 1 each
    assert found.this_month[0] == Decimal("82.00")
    assert found.whole_month[0] == Decimal(31) + 20 + 30, "April has 30 days"
    # nine days of 31 on the small plan, the rest on the large one
    nine = Decimal(9) + Decimal("5.81") + 9
    assert found.this_month[1] == nine + Decimal(220)
    assert found.whole_month == (Decimal(81), Decimal(310))
    assert (found.starts_on, found.month) == (TODAY, date(2026, 4, 1))
    later = preview_plan(w.account, large, "renewal")
    assert later.this_month[0] == later.this_month[1] == Decimal("82.00")
    assert later.whole_month == found.whole_month
    assert not Subscription.objects.filter(plan=large).exists()
    fresh = world("emma_hq")
    first = preview_plan(fresh.account, large, "now")
    assert first.this_month == (Decimal(0), Decimal(220))
    assert first.current is None
    tight = RatePlanFactory(most_subaccounts=1)
    assert preview_plan(w.account, tight, "now").must_shrink
    for when, code in (("renewal", "NO_PLAN"), ("soon", "WHEN")):
        with refused(code):
            preview_plan(fresh.account, large, when)  # type: ignore[arg-type]


def test_an_account_that_is_read_only_may_still_change_what_it_pays(clock: Clock) -> None:
    w, (small, large) = world("emma_hq", read_only_because="unpaid"), plans()
    change_plan(actor=w.owner, account=w.account, plan=large, when="now")
    change_plan(actor=w.owner, account=w.account, plan=small, when="renewal")
    withdraw_plan_change(actor=w.owner, account=w.account)
    change_details(actor=w.owner, account=w.account, city="Oslo")
    set_direct_billing(actor=w.owner, subaccount=w.north, on=True)
    assert history(w.account) == [("large", TODAY, None)]


def test_the_command_says_what_it_costs_and_changes_the_plan(clock: Clock) -> None:
    w, (small, _large) = world("emma_hq", slug="harbor", name="Harbor"), plans()
    hidden = RatePlanFactory(code="hidden", name="Hidden", is_offered=False, price=31)
    named = ("--account", "harbor", "--actor", w.owner.username)
    tried = run("change_rate_plan", "small", *named, "--dry-run")
    assert tried.code == 0, tried.error
    assert "Would change the rate plan of Harbor to Small from 10 March 2026 on." in tried.out
    assert "€0.00 as things stand, €35.48 with the change" in tried.out
    assert "April 2026, as a whole: €0.00 as things stand, €50.00 with" in tried.out
    assert "rate_plan.changed" in tried.out
    assert not history(w.account)
    assert run("change_rate_plan", "small", *named).code == 0
    again = run("change_rate_plan", "small", *named, "--format", "json")
    assert (again.code, again.json["changed"]) == (0, False)
    for code in ("hidden", "nothing"):
        missing = run("change_rate_plan", code, *named)
        assert (missing.code, missing.error) == (
            2,
            f"NOT_FOUND: There is no rate plan '{code}' on offer. There are: large, small.",
        )
    manager = w.manager().user
    refusal = run("change_rate_plan", "large", "--account", "harbor", "--actor", manager.username)
    assert (refusal.code, refusal.error[:12]) == (1, "OUT_OF_SCOPE")
    other = world("emma_hq").owner.username
    foreign = run("change_rate_plan", "large", "--account", "harbor", "--actor", other)
    assert foreign.error == "NOT_FOUND: There is no account 'harbor'."
    platform = ("--account", "harbor", "--as-platform", "--reason", "Agreed by mail")
    later = run("change_rate_plan", "hidden", *platform, "--starts-on", "2026-05-01")
    assert later.code == 0, later.error
    assert history(w.account)[-1] == ("hidden", date(2026, 5, 1), None)
    data = run("change_rate_plan", "hidden", *platform, "--dry-run", "--format", "json").json
    assert data["this_month"] == {"before": "35.48", "after": "22.00"}, "22 of 31 days"
    for wrong in (
        ("small", *platform, "--at-renewal"),
        ("small", *named, "--starts-on", "2026-05-01"),
        ("small", *platform, "--starts-on", "tomorrow"),
        ("small", *platform, "--starts-on", "9999-12-31"),
    ):
        assert run("change_rate_plan", *wrong).code == 2
    assert hidden.subscriptions.count() == 1
    assert small.subscriptions.count() == 1


#: (days later, which plan, at renewal, by the platform in so many days)
STEPS = st.lists(
    st.tuples(
        st.integers(0, 500), st.integers(0, 3), st.booleans(), st.none() | st.integers(0, 200)
    ),
    min_size=1,
    max_size=12,
)


def before(spans: Sequence[Span], day: date) -> list[tuple[RatePlan, date, date]]:
    """Return what was had until the day before ``day``."""
    return [
        (span.plan, span.starts_on, min(span.ends_on or day, day))
        for span in spans
        if span.starts_on < day
    ]


@pytest.mark.once
@settings(max_examples=150)
@given(STEPS)
def test_any_changes_leave_periods_that_cover_every_day_once(
    steps: list[tuple[int, int, bool, int | None]],
) -> None:
    offered = [
        RatePlan(pk=n + 1, name=str(n), currency="EUR", interval=interval, price=price)
        for n, (interval, price) in enumerate(
            (("month", 1), ("month", 9), ("year", 5), ("year", 90))
        )
    ]
    spans: list[Span] = []
    today = date(2023, 12, 30)
    for later, which, at_renewal, ahead in steps:
        today += timedelta(days=later)
        had = before(spans, today)
        current = terms.running(spans, today)
        starts_on = today if ahead is None else today + timedelta(days=ahead)
        if at_renewal:
            if current is None:
                continue
            starts_on = terms.renewal(spans, current, today)
            assert today < starts_on <= today + timedelta(days=366)
        spans = terms.replanned(spans, offered[which], starts_on, today)
        assert before(spans, today) == had, "what was had is never rewritten"
        assert spans[-1].ends_on is None
        for one, other in pairwise(spans):
            assert one.ends_on == other.starts_on
            assert one.plan != other.plan
        assert sum(span.starts_on > today for span in spans) <= 1
        kept = terms.kept_on(spans, today)
        assert all(span.starts_on <= today for span in kept)
        assert not kept or kept[-1].ends_on is None
        # what rating takes for the beginning of a contract year is what renewal counts from
        rated = [
            (rating.Plan("", "EUR", yearly=terms.is_yearly(s.plan)), s.starts_on, s.ends_on)
            for s in spans
        ]
        assert [terms.term_of(spans, s) for s in spans if terms.is_yearly(s.plan)] == [
            p.term for p in rating.periods(rated) if p.plan.yearly
        ]
