"""The moment of an end: what ends then is over then, wherever one asks."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from permissions import access
from permissions.errors import NotFound
from permissions.shortcuts import get_objects_for_user, get_users_with_perms
from teams import effective, preconditions, selectors, services
from teams.admin import words
from teams.editions.spec import HAS_ADMINISTRATOR
from teams.endings import endings
from teams.factories import MailingListFactory
from teams.models import Contact, MailingList, Membership, Subaccount, TeamMembership
from teams.services import import_work, reminders
from teams.services.seating import seated
from teams.who import who_can
from tests.services.moving import start, upload
from tests.services.world import World, world

pytestmark = pytest.mark.django_db

MICROSECOND = timedelta(microseconds=1)


class Clock:
    """What every module takes for now."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.now = timezone.now().replace(microsecond=500)
        patch.setattr("django.utils.timezone.now", lambda: self.now)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def answers(w: World, person: Any, permission: str, obj: Any) -> dict[str, bool]:
    """Return what every way of asking says of what ``person`` may do on ``obj``."""
    rows = type(obj)._default_manager.filter(pk=obj.pk)
    found = {
        "can": access.can(person, permission, obj).allowed,
        "allows": access.allows(person, permission, obj),
        "has_perm": person.has_perm(f"teams.{permission}", obj),
        "visible": access.visible(rows, person, permission).exists(),
        "list": get_objects_for_user(person, permission, rows).exists(),
        "who_can": person in [one.person for one in who_can(permission, obj)],
        "people": person in get_users_with_perms(obj, only_with_perms_in=[permission]),
        "ends soon": person in [e.person for e in endings(w.owner, w.account)],
        "told": bool(reminders.due(w.account, person)),
    }
    with access.unit_of_work():
        found["one unit"] = access.can(person, permission, obj).allowed
        found["one unit, listed"] = access.visible(rows, person, permission).exists()
    return found


def a_role(w: World, end: datetime) -> tuple[Any, str, Any]:
    return w.member("administrator", ends_at=end).user, "send_campaigns", w.north


def a_manager(w: World, end: datetime) -> tuple[Any, str, Any]:
    return w.manager(w.north, ends_at=end).user, "manage_members", w.north


def a_switch(w: World, end: datetime) -> tuple[Any, str, Any]:
    full = w.member("full", toggles=("export_contacts",))
    full.subaccount_toggles.update(ends_at=end)
    return full.user, "export_contacts", w.north


def a_guest(w: World, end: datetime) -> tuple[Any, str, Any]:
    person = w.member("author", w.south).user
    services.give_guest_access(
        actor=w.owner, user=person, obj=w.north, permissions=["access_audience"], ends_at=end
    )
    return person, "access_audience", w.north


def a_guest_of_a_list(w: World, end: datetime) -> tuple[Any, str, Any]:
    person = w.member("author", w.south).user
    obj = MailingListFactory(subaccount=w.north, created_by=w.owner)
    services.give_guest_access(
        actor=w.owner, user=person, obj=obj, permissions=["access_audience"], ends_at=end
    )
    return person, "access_audience", obj


def a_place_in_a_team(w: World, end: datetime) -> tuple[Any, str, MailingList]:
    person = w.member(w.custom("access_audience")).user
    obj = MailingListFactory(subaccount=w.north, created_by=w.owner)
    team = w.team()
    services.share_with_team(actor=w.owner, team=team, obj=obj)
    TeamMembership.objects.create(team=team, user=person, ends_at=end)
    return person, "access_audience", obj


CASES: list[tuple[str, Callable[[World, datetime], tuple[Any, str, Any]]]] = [
    ("emma_hq", a_role),
    ("emma_hq", a_manager),
    ("emma_hq", a_switch),
    ("emma_hq", a_guest),
    ("emma_hq", a_guest_of_a_list),
    ("sailthru", a_place_in_a_team),
]


@pytest.mark.parametrize(("edition", "make"), CASES, ids=[make.__name__ for _e, make in CASES])
def test_at_its_end_it_is_over_however_one_asks(
    clock: Clock, edition: str, make: Callable[[World, datetime], tuple[Any, str, Any]]
) -> None:
    w = world(edition)
    end = clock.now + timedelta(days=3)
    asked = make(w, end)
    for moment, counts in ((end - MICROSECOND, True), (end, False), (end + MICROSECOND, False)):
        clock.now = moment
        found = answers(w, *asked)
        assert found == dict.fromkeys(found, counts), moment - end


def test_at_its_end_a_role_takes_no_seat_meets_nothing_and_leads_nobody(clock: Clock) -> None:
    w = world("emma_hq")
    end = clock.now + timedelta(days=3)
    seat = w.member("administrator", ends_at=end)
    for moment, counts in ((end - MICROSECOND, True), (end, False), (end + MICROSECOND, False)):
        clock.now = moment
        assert (seat.user_id in seated(w.account)) is counts
        assert (w.north.pk in preconditions.met_in(HAS_ADMINISTRATOR, [w.north.pk])) is counts
        assert (words.state(seat.user, [seat], w.account) == "active") is counts
        groups = effective.effective(seat.user, w.account, w.north.pk)
        assert bool(sum(group.held for group in groups)) is counts
        assert selectors.subaccounts_of(seat.user).filter(pk=w.north.pk).exists() is counts


def test_a_unit_of_work_agrees_with_itself_beyond_the_end(clock: Clock) -> None:
    """One request or batch is judged at one moment; the next one is judged anew."""
    w = world("emma_hq")
    end = clock.now + timedelta(days=3)
    person = w.member("full", ends_at=end).user
    rows = Subaccount.objects.filter(pk=w.north.pk)
    clock.now = end - MICROSECOND
    with access.unit_of_work():
        assert access.can(person, "send_campaigns", w.north)
        clock.now = end + timedelta(seconds=1)
        assert access.can(person, "send_campaigns", w.north)
        assert access.visible(rows, person, "send_campaigns").exists()
    with access.unit_of_work():
        assert not access.can(person, "send_campaigns", w.north)
        assert not access.visible(rows, person, "send_campaigns").exists()


def test_a_service_is_judged_at_its_own_moment_within_a_longer_unit(clock: Clock) -> None:
    w = world("emma_hq")
    end = clock.now + timedelta(days=3)
    boss, other = w.member("administrator", ends_at=end).user, w.member("author")
    with access.unit_of_work():
        assert access.can(boss, "manage_members", w.north)
        clock.now = end
        with pytest.raises(NotFound):  # has nothing in this account any more
            services.suspend_member(actor=boss, membership=other)
    assert Membership.objects.get(pk=other.pk).status == "active"


def test_a_long_import_does_not_outlive_the_end_by_more_than_a_batch(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    w = world("emma_hq")
    monkeypatch.setattr(import_work, "BATCH", 2)
    end = clock.now + timedelta(days=3)
    person = w.member("full", ends_at=end).user
    file = "Address\n" + "".join(f"reader{n}@readers.example\n" for n in range(6))
    job = start(person, upload(person, w.north, file), skips_errors=True)

    def at_the_end_of_the_first_batch(now: Any) -> None:
        if now.created:
            clock.now = end

    with access.unit_of_work():
        import_work.run_import(job.pk, progress=at_the_end_of_the_first_batch)
    job.refresh_from_db()
    assert Contact.objects.filter(subaccount=w.north).count() == 2
    assert job.status not in ("done", "running")
    assert job.problem
