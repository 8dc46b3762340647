"""What is written down of each day, when, and that it stays as it was."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.core import mail
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django_tasks_db.models import DBTaskResult

from billing import counting, usage
from billing.factories import (
    BillingDetailsFactory,
    PlanTierFactory,
    RatePlanFactory,
    SubscriptionFactory,
    UsageDayFactory,
)
from billing.models import Meter, MeteredDay, QuotaWarning, UsageDay
from billing.services.metering import NewDay, meter, meter_day
from permissions.errors import Invalid
from teams.factories import (
    CampaignFactory,
    ContactFactory,
    MembershipFactory,
    SubaccountFactory,
    UserFactory,
)
from teams.models import Campaign, Contact, Delivery, Membership, Subaccount
from teams.services import purge_item
from tests.concurrency.racing import errors, meet_before, together
from tests.services.world import World, is_sentence, refused, world

pytestmark = pytest.mark.django_db

MADRID = ZoneInfo("Europe/Madrid")
DAY = date(2026, 3, 10)
NEXT = DAY + timedelta(days=1)
Clock = Callable[[datetime], None]


def at(day: date, hour: int = 0, minute: int = 0) -> datetime:
    return datetime.combine(day, time(hour, minute), MADRID)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch, settings: Any) -> Clock:
    """Return what sets the time; the project is in Madrid, and it is 1 March 2026, noon."""
    settings.TIME_ZONE = "Europe/Madrid"

    def set_to(moment: datetime) -> None:
        monkeypatch.setattr("django.utils.timezone.now", lambda: moment)

    set_to(at(date(2026, 3, 1), 12))
    return set_to


def long_since(edition: str) -> World:
    """Return an account whose subaccounts have been there all year; west was archived at noon."""
    found = world(edition)
    found.account.subaccounts.update(created_at=at(date(2026, 1, 1)))
    return found


@pytest.fixture
def w(clock: Clock) -> World:
    """Return an account with a plan since 1 January."""
    found = long_since("emma_hq")
    SubscriptionFactory(account=found.account)
    return found


def contact(place: Subaccount, created: datetime, archived: datetime | None = None) -> Contact:
    found: Contact = ContactFactory(subaccount=place, created_at=created, archived_at=archived)
    return found


def send(campaign: Campaign, *moments: datetime, status: str = Delivery.Status.SENT) -> None:
    """Let a campaign have gone out to a new contact at each of ``moments``."""
    old = at(date(2026, 1, 5))
    Delivery.objects.bulk_create(
        Delivery(
            subaccount=campaign.subaccount,
            campaign=campaign,
            contact=contact(campaign.subaccount, old, archived=old),
            status=status,
            at=moment,
        )
        for moment in moments
    )


def campaign(place: Subaccount, **extra: Any) -> Campaign:
    found: Campaign = CampaignFactory(subaccount=place, created_at=at(DAY), **extra)
    return found


def rows(day: date = DAY) -> dict[str, tuple[int, int, bool]]:
    """Return what is written down of ``day``, by subaccount."""
    found = UsageDay.objects.filter(day=day).order_by("subaccount_id")
    return {
        row.subaccount.name: (row.contacts, row.sends, row.is_active)
        for row in found.select_related("subaccount")
    }


def everything() -> list[Any]:
    """Return all that metering writes, but when it did."""
    usage_days = UsageDay.objects.order_by("pk").values_list()
    metered = MeteredDay.objects.order_by("pk").values_list()
    return [*usage_days, *metered, *QuotaWarning.objects.order_by("pk").values_list()]


def work() -> list[Any]:
    """Let a worker do what is enqueued, and return the mails it sent."""
    before = len(mail.outbox)
    for row in DBTaskResult.objects.ready():
        row.claim("test")
        row.task.func(*row.args_kwargs["args"])
        row.set_successful(None)
    return mail.outbox[before:]


# what counts


def test_what_counts_on_a_day(w: World, clock: Clock) -> None:
    before, noon, last = at(DAY) - timedelta(minutes=1), at(DAY, 12), at(DAY, 23, 59)
    SubaccountFactory(account=w.account, name="Today", created_at=last)
    SubaccountFactory(account=w.account, name="Tomorrow", created_at=at(NEXT))
    gone = SubaccountFactory(account=w.account, name="Gone", created_at=before, archived_at=before)
    leaving = SubaccountFactory(
        account=w.account, name="Leaving", created_at=before, archived_at=at(DAY)
    )
    for created, archived in (
        (before, None),
        (last, None),
        (before, at(DAY)),  # put away on the day: it was there
        (before, at(NEXT, 9)),
    ):
        contact(w.north, created, archived)
    contact(w.north, at(NEXT))
    contact(w.north, before, before)
    contact(w.south, noon, noon)
    contact(gone, before)
    contact(leaving, before)
    elsewhere = SubaccountFactory()
    contact(elsewhere, before)

    sending = campaign(w.north, status=Campaign.Status.SENDING, sent_at=None)
    send(sending, at(DAY), noon, last, before, at(NEXT))
    send(campaign(w.north, sent_at=noon), noon)
    send(campaign(w.south, status=Campaign.Status.DRAFT, sent_at=None), noon)  # stopped half way
    # its worker hung, and settled the message after another had closed the campaign
    send(campaign(w.south, sent_at=before), at(DAY, 0, 10))
    send(campaign(gone, sent_at=before), before)
    send(campaign(elsewhere, sent_at=noon), noon)
    for status in set(Delivery.Status) - {Delivery.Status.SENT}:
        send(sending, noon, status=status)

    clock(at(NEXT))  # over at this moment
    assert meter_day(w.account, DAY) is True
    assert rows() == {
        "North": (4, 4, True),
        "South": (1, 2, True),
        "West": (0, 0, False),
        "Today": (0, 0, True),
        "Gone": (0, 0, False),
        "Leaving": (1, 0, True),
    }
    assert not UsageDay.objects.exclude(account=w.account).exists()


def test_the_own_workspace_is_no_subaccount_and_its_contacts_count(clock: Clock) -> None:
    w = long_since("constant_contact")
    assert w.home is not None
    SubscriptionFactory(account=w.account)
    contact(w.home, at(DAY))
    clock(at(DAY, 12))
    assert usage.used(w.account, DAY.replace(day=1))[Meter.CONTACTS] == 1
    clock(at(NEXT, 1))
    meter_day(w.account, DAY)
    assert rows()[w.home.name] == (1, 0, False)


def test_seats_are_people_who_have_a_place(w: World, clock: Clock) -> None:
    before, noon = at(DAY) - timedelta(minutes=1), at(DAY, 12)
    person = UserFactory()
    w.member("author", w.north, user=person, added_at=before)
    w.member("author", w.south, user=person, added_at=before)
    w.member("author", added_at=noon)
    w.member("author", added_at=before, status=Membership.Status.SUSPENDED)
    w.member("author", added_at=before, ends_at=noon)
    w.member("author", added_at=before, ends_at=before)
    w.member("author", added_at=at(NEXT))
    MembershipFactory(added_at=before)
    clock(at(NEXT, 1))
    meter_day(w.account, DAY)
    # the owner, one in two places, one new, one suspended, one who left on the day
    assert MeteredDay.objects.get(account=w.account).seats == 5


@pytest.mark.parametrize(("day", "hours"), [(date(2026, 3, 29), 23), (date(2026, 10, 25), 25)])
def test_a_day_on_which_the_clock_is_changed(w: World, clock: Clock, day: date, hours: int) -> None:
    """Every message counts on one day, whatever time zone the person at work has chosen."""
    midnight = at(day).astimezone(ZoneInfo("UTC"))
    sent = [midnight + timedelta(hours=n) for n in range(-3, hours + 3)]
    send(campaign(w.north, sent_at=None, status=Campaign.Status.SENDING), *sent)
    clock(at(day, 23, 59))
    with timezone.override("Pacific/Kiritimati"), pytest.raises(Invalid) as caught:  # there it is
        meter_day(w.account, day)
    assert caught.value.code == "DAY_NOT_OVER"
    clock(at(day + timedelta(days=2)))
    with timezone.override("America/Los_Angeles"):
        found = [meter_day(w.account, day + timedelta(days=n)) for n in (-1, 0, 1)]
    assert found == [True] * 3
    each = [rows(day + timedelta(days=n))["North"][1] for n in (-1, 0, 1)]
    assert each == [3, hours, 3]


def test_what_was_archived_and_restored_counts_on_the_days_it_was_there(
    w: World, clock: Clock
) -> None:
    one = contact(w.north, at(date(2026, 3, 2)))
    archived = {DAY: None, NEXT: at(DAY, 18), DAY + timedelta(days=2): None}
    for day, moment in archived.items():  # put away in the evening, brought back two days later
        Contact.objects.filter(pk=one.pk).update(archived_at=moment)
        Subaccount.objects.filter(pk=w.south.pk).update(archived_at=moment)
        clock(at(day + timedelta(days=1), 2))
        meter_day(w.account, day)
    figures = [(rows(day)["North"][0], rows(day)["South"][2]) for day in archived]
    assert figures == [(1, True), (0, False), (1, True)]


# once, and for good


def test_a_metered_day_stays_as_it_was(w: World, clock: Clock) -> None:
    """Whatever was purged, removed or added since."""
    kept = contact(w.north, at(DAY, 9))
    send(campaign(w.south, sent_at=at(DAY, 10)), at(DAY, 10))
    w.member("author", added_at=at(DAY, 9))
    w.account.subscriptions.update(starts_on=DAY - timedelta(days=2))
    clock(at(NEXT, 1))
    assert meter(account=w.account)[-1] == NewDay(w.account, DAY)
    before = everything()
    assert rows() == {"North": (1, 0, True), "South": (0, 1, True), "West": (0, 0, False)}
    kept.delete()
    Delivery.objects.all().delete()
    Campaign.objects.all().delete()
    Membership.objects.all().delete()
    contact(w.south, at(DAY, 11))
    assert meter_day(w.account, DAY) is False
    assert meter() == []
    assert everything() == before


def test_a_day_that_is_not_over_is_refused(w: World, clock: Clock) -> None:
    clock(at(NEXT) - timedelta(microseconds=1))
    for attempt in (
        lambda: meter_day(w.account, DAY),
        lambda: meter_day(w.account, date(2027, 1, 1)),
        lambda: meter(until=DAY),
    ):
        with pytest.raises(Invalid) as caught:
            attempt()
        assert caught.value.code == "DAY_NOT_OVER"
        assert is_sentence(caught.value.message)
    for nonsense in (at(DAY), "2026-03-10", None):
        with pytest.raises(Invalid) as caught:
            meter_day(w.account, nonsense)  # type: ignore[arg-type]
        assert caught.value.code == "WRONG_TYPE"
    assert everything() == []
    clock(at(NEXT))
    assert meter_day(w.account, DAY) is True


def test_nothing_is_written_without_a_subscription(clock: Clock) -> None:
    w = long_since("emma_hq")
    assert (meter_day(w.account, date(2026, 2, 1)), meter(), everything()) == (False, [], [])
    assert usage.charges_of(w.account, date(2026, 2, 1)) == []
    assert usage.metered_until(w.account) is None
    SubscriptionFactory(account=w.account, starts_on=DAY)
    clock(at(NEXT, 1))
    assert meter_day(w.account, DAY - timedelta(days=1)) is False
    assert meter_day(w.account, NEXT - timedelta(days=1)) is True


def test_what_was_missed_is_made_up_for(clock: Clock) -> None:
    """From the first day of the subscription to yesterday, gaps too; a subscription that has ended
    leaves nothing to do."""
    w, other = long_since("emma_hq"), long_since("sailthru")
    SubscriptionFactory(account=w.account, starts_on=DAY, ends_on=DAY + timedelta(days=2))
    SubscriptionFactory(account=w.account, starts_on=DAY + timedelta(days=4))
    SubscriptionFactory(account=other.account, starts_on=DAY, ends_on=NEXT)
    SubscriptionFactory(account=other.account, starts_on=date(2026, 12, 1))
    clock(at(DAY + timedelta(days=7), 3))
    yesterday = DAY + timedelta(days=6)
    assert meter_day(w.account, DAY + timedelta(days=5)) is True
    assert usage.metered_until(w.account) == DAY - timedelta(days=1)
    assert meter(until=DAY, account=w.account) == [NewDay(w.account, DAY)]
    assert usage.metered_until(w.account) == DAY
    expected = [
        *(NewDay(w.account, DAY + timedelta(days=n)) for n in (1, 4, 6)),
        NewDay(other.account, DAY),
    ]
    assert meter() == expected
    assert meter() == []
    assert [usage.metered_until(a.account) for a in (w, other)] == [yesterday, yesterday]


class Killed(BaseException):
    """The process is gone."""


def test_a_run_that_was_killed_is_completed_by_the_next(clock: Clock) -> None:
    """Before whichever statement it was: a day is written as a whole, or not at all."""
    w = long_since("emma_hq")
    plan = RatePlanFactory(included_contacts=1)
    SubscriptionFactory(account=w.account, starts_on=DAY, plan=plan)
    contact(w.north, at(DAY))
    clock(at(DAY + timedelta(days=2), 1))
    kills = 0

    def kill(after: int) -> Callable[..., Any]:
        left, is_dead = iter(range(after)), False

        def run(execute: Any, sql: str, *args: Any) -> Any:
            nonlocal is_dead
            if not is_dead and next(left, None) is None:
                is_dead = True
                raise Killed
            return execute(sql, *args)  # what follows takes back the transaction

        return run

    for statements in range(200):
        try:
            with connection.execute_wrapper(kill(statements)):
                meter()
            break
        except Killed:
            kills += 1
            written = set(UsageDay.objects.values_list("day", flat=True))
            assert written == set(MeteredDay.objects.values_list("day", flat=True))
            assert UsageDay.objects.count() == len(written) * 3
            assert QuotaWarning.objects.count() == (2 if written else 0)
            assert DBTaskResult.objects.count() == (1 if written else 0)
    assert kills > 10
    assert [rows(day) for day in (DAY, NEXT)] == [rows(DAY)] * 2
    assert len(rows()) == 3


@pytest.mark.django_db(transaction=True)
def test_two_runs_at_once_do_the_work_of_one(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """Though both would have seen, but for the lock, that the day is not metered."""
    w = long_since("emma_hq")
    SubscriptionFactory(account=w.account, starts_on=DAY)
    contact(w.north, at(DAY))
    clock(at(DAY + timedelta(days=2), 1))
    meet_before(monkeypatch, counting, "places", parties=2)
    results = together(meter, meter, lambda: meter(account=w.account))
    assert errors(results) == []
    new = [found for result in results for found in result]
    assert sorted(found.day for found in new) == [DAY, NEXT]
    assert UsageDay.objects.count() == 6
    assert rows() == {"North": (1, 0, True), "South": (0, 0, True), "West": (0, 0, False)}


def test_it_takes_as_many_queries_for_many_subaccounts_as_for_few(w: World, clock: Clock) -> None:
    clock(at(DAY + timedelta(days=2), 1))
    counts = []
    for day, more in ((DAY, 0), (NEXT, 30)):
        for place in SubaccountFactory.create_batch(more, account=w.account, created_at=at(DAY)):
            contact(place, at(DAY))
        with CaptureQueriesContext(
            connection,
        ) as queries:
            meter_day(w.account, day)
        counts.append(len(queries))
    assert counts[0] == counts[1]
    assert len(rows(NEXT)) == 33


def test_nothing_is_purged_before_its_day_is_metered(w: World, clock: Clock) -> None:
    """Or else who sends in the morning and purges in the evening would pay nothing."""
    w.account.subscriptions.update(starts_on=DAY)
    contact(w.north, at(DAY), at(DAY, 9))
    done = Campaign.Status.SENT
    sent = campaign(w.south, status=done, sent_at=at(DAY, 10), archived_at=at(DAY, 11))
    send(sent, at(DAY, 10))  # to a contact put away in January
    reader = Contact.objects.get(subaccount=w.south)
    unsent = campaign(w.south, status=Campaign.Status.DRAFT, archived_at=at(DAY, 11))
    old = contact(w.north, at(date(2026, 1, 2)), at(DAY - timedelta(days=1), 23))
    used = (Contact.objects.get(archived_at=at(DAY, 9)), reader, sent)

    def purge(*items: Any) -> None:
        for item in items:
            purge_item(actor=w.owner, obj=item, confirm=str(item))

    clock(at(NEXT, 1))
    purge(unsent, old)
    for item in used:
        with refused("KEPT") as caught:
            purge(item)
        assert "used since 10 Mar 2026" in caught.value.message
    meter()
    purge(*used)
    assert rows()["North"][0] == rows()["South"][1] == 1


def test_without_a_subscription_everything_may_be_purged(clock: Clock) -> None:
    w = long_since("emma_hq")
    item = contact(w.north, at(DAY), at(DAY, 9))
    clock(at(DAY, 10))
    assert purge_item(actor=w.owner, obj=item, confirm=str(item))["teams.Contact"] == 1


# what becomes of it


def test_what_a_month_costs_is_read_from_what_was_metered(w: World, clock: Clock) -> None:
    plan = RatePlanFactory(price=Decimal(31), included_contacts=10, included_subaccounts=1)
    PlanTierFactory(plan=plan, above=0, per=10, price=Decimal(1))
    w.account.subscriptions.update(plan=plan)
    for day in range(1, 32):
        for place in (w.north, w.south):
            UsageDayFactory(subaccount=place, day=date(2026, 3, day), contacts=20, sends=day)
        MeteredDay.objects.create(account=w.account, day=date(2026, 3, day), seats=4)
    UsageDayFactory(subaccount=w.north, day=date(2026, 4, 1), contacts=999)
    march = date(2026, 3, 1)
    found = [(c.place, c.meter, c.amount) for c in usage.charges_of(w.account, march)]
    assert found == [
        (None, "base", Decimal(31)),
        (w.north.pk, "contacts", Decimal("1.50")),
        (w.south.pk, "contacts", Decimal("1.50")),
        (w.north.pk, "sends", 0),
        (w.south.pk, "sends", 0),
        (w.north.pk, "subaccounts", Decimal(5)),
        (w.south.pk, "subaccounts", Decimal(5)),
        (None, "seats", Decimal(5)),
    ]
    so_far = usage.charges_of(w.account, march, until=date(2026, 3, 11))
    assert [c.amount for c in so_far if c.place is None] == [Decimal(10), Decimal("1.61")]
    assert {c.ends_on for c in so_far} == {date(2026, 3, 11)}
    assert usage.charges_of(w.account, march, until=march) == []
    assert [c.amount for c in usage.charges_of(w.account, march, until=date(2027, 1, 1))] == [
        amount for _place, _meter, amount in found
    ]


def test_what_is_used_until_this_moment(w: World, clock: Clock) -> None:
    """The metered peak of one place and what another has now, with today's messages."""
    march = date(2026, 3, 1)
    for _ in range(3):
        contact(w.south, at(DAY))
    contact(w.west, at(DAY))  # archived long ago
    UsageDayFactory(subaccount=w.north, day=date(2026, 3, 9), contacts=9, sends=5)
    UsageDayFactory(subaccount=w.south, day=date(2026, 3, 9), contacts=2)
    MeteredDay.objects.create(account=w.account, day=date(2026, 3, 9), seats=7)
    send(campaign(w.south, sent_at=at(NEXT)), at(DAY, 3), at(NEXT, 3), at(date(2026, 3, 9), 3))
    w.member("author", added_at=at(DAY))
    clock(at(NEXT, 12))
    assert usage.used(w.account, march) == {
        Meter.CONTACTS: 12,
        Meter.SENDS: 7,
        Meter.SUBACCOUNTS: 2,
        Meter.SEATS: 2,
    }
    clock(at(date(2026, 4, 2)))
    assert usage.used(w.account, march) == {
        Meter.CONTACTS: 11,
        Meter.SENDS: 5,
        Meter.SUBACCOUNTS: 2,
        Meter.SEATS: 7,
    }
    assert set(usage.used(w.account, date(2026, 5, 1)).values()) == {0}


# quota warnings


def warned(account: Any, day: date) -> set[tuple[str, int]]:
    found = usage.warnings_of(account, day.replace(day=1))
    return set(found.values_list("meter", "percent"))


def test_who_pays_is_told_at_80_and_at_100_percent_once_a_month(w: World, clock: Clock) -> None:
    plan = RatePlanFactory(
        included_contacts=10, included_sends=0, most_subaccounts=None, most_seats=5
    )
    w.account.subscriptions.update(plan=plan)
    BillingDetailsFactory(account=w.account)
    told: list[list[str]] = []

    def a_day_later(day: date, contacts: int) -> None:
        for _ in range(contacts):
            contact(w.north, at(day, 9))
        clock(at(day + timedelta(days=1), 1))
        assert meter_day(w.account, day) is True
        told.append([f"{message.subject}\n{message.body}" for message in work()])

    a_day_later(DAY, 7)
    assert (told[-1], warned(w.account, DAY)) == ([], set())
    a_day_later(NEXT, 1)
    assert warned(w.account, DAY) == {("contacts", 80)}
    assert "* Contacts: 8 of 10 (80 %)" in told[-1][0]
    assert "by the end of 11 March 2026" in told[-1][0]
    assert "what goes beyond is charged" in told[-1][0]
    assert "none can be added" not in told[-1][0]
    assert [m.to for m in mail.outbox] == [["accounts@payer.example"]]
    a_day_later(DAY + timedelta(days=2), 1)
    assert told[-1] == []
    a_day_later(DAY + timedelta(days=3), 1)
    assert told[-1][0].startswith("All of what the rate plan of")
    for _ in range(4):
        w.member("author", added_at=at(DAY))
    a_day_later(DAY + timedelta(days=4), 20)
    assert warned(w.account, DAY) == {
        ("contacts", 80), ("contacts", 100), ("seats", 80), ("seats", 100),
    }  # fmt: skip
    assert "* Seats: 5 of 5 (100 %)" in told[-1][0]
    assert "Contacts" not in told[-1][0]
    assert "none can be added" in told[-1][0]
    w.account.billing_details.all().delete()
    clock(at(date(2026, 5, 1), 1))
    april = date(2026, 4, 30)
    assert meter_day(w.account, april) is True  # a month begins anew; the owner is told instead
    assert warned(w.account, april) == warned(w.account, DAY)
    assert [message.to for message in work()] == [[w.owner.email]]
    assert meter_day(w.account, date(2026, 4, 29)) is True
    assert meter_day(w.account, DAY - timedelta(days=20)) is True
    assert work() == []


def test_of_a_month_that_is_over_nobody_is_written_to(w: World, clock: Clock) -> None:
    plan = RatePlanFactory(included_contacts=1)
    w.account.subscriptions.update(plan=plan, starts_on=date(2026, 3, 29))
    contact(w.north, at(DAY))
    clock(at(date(2026, 4, 2), 1))
    assert len(meter()) == 4
    assert warned(w.account, DAY) == {("contacts", 80), ("contacts", 100)}
    (message,) = work()
    assert "1 April 2026" in message.body
    assert "(100 %)" in message.body


def test_messages_are_compared_with_what_is_included_in_the_days_of_the_plan(
    w: World, clock: Clock
) -> None:
    """A plan since the 10th has 22 of 31 days' messages, and those before are not of it."""
    w.account.subscriptions.update(ends_on=DAY, plan=RatePlanFactory(included_sends=0))
    plan = RatePlanFactory(included_sends=31, most_subaccounts=3)
    SubscriptionFactory(account=w.account, starts_on=DAY, plan=plan)
    UsageDayFactory(subaccount=w.north, day=DAY - timedelta(days=1), sends=1000)
    send(campaign(w.north, sent_at=at(DAY, 9)), *[at(DAY, 8)] * 17)
    send(campaign(w.north, sent_at=at(NEXT, 9)), at(NEXT, 8))
    clock(at(DAY + timedelta(days=2)))
    meter_day(w.account, DAY)
    assert warned(w.account, DAY) == set()
    meter_day(w.account, NEXT)
    assert warned(w.account, DAY) == {("sends", 80)}
    (message,) = work()
    assert "* Messages sent: 18 of 22 (81 %)" in message.body
