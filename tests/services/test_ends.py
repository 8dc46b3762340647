"""Ends that are moved: later is a grant of all that ends, sooner is for whoever manages people."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from permissions import grants
from permissions.models import AuditEvent
from teams import services
from teams.endings import endings
from teams.factories import MailingListFactory, UserFactory
from teams.models import Membership, Team, TeamMembership
from tests.services.world import World, holds, missing, refused, world

pytestmark = pytest.mark.django_db

EXPORT = {"export_contacts", "export_pii", "run_partner_exports"}
TEAMS = ("access_settings", "manage_teams")


def day(number: float) -> datetime:
    return timezone.now() + timedelta(days=number)


def set_end(actor: Any, membership: Membership, ends_at: Any) -> None:
    services.set_end(actor=actor, membership=membership, ends_at=ends_at)


def set_toggle_end(actor: Any, membership: Membership, ends_at: Any) -> None:
    services.set_toggle_end(
        actor=actor, membership=membership, toggle="export_contacts", ends_at=ends_at
    )


def set_guest_end(actor: Any, user: Any, obj: Any, ends_at: Any) -> None:
    services.set_guest_end(actor=actor, user=user, obj=obj, ends_at=ends_at)


def set_team_end(actor: Any, team: Team, user: Any, ends_at: Any) -> None:
    services.set_team_end(actor=actor, team=team, user=user, ends_at=ends_at)


def switched(w: World, until: datetime | None, **extra: Any) -> Membership:
    """Return a Full member who may export until then, whether that is over or not."""
    full = w.member("full", toggles=("export_contacts",), **extra)
    full.subaccount_toggles.update(ends_at=until)
    return full


def invited(w: World, ends_at: datetime | None) -> tuple[Any, Any]:
    """Return a guest of a list in south, until then, and the list."""
    guest = w.member("reports_only").user
    obj = MailingListFactory(subaccount=w.south, created_by=w.owner)
    services.give_guest_access(
        actor=w.owner, user=guest, obj=obj, permissions=["access_audience", "add_contacts"]
    )
    grants.grants_on(obj).update(ends_at=ends_at)
    return guest, obj


def joined(w: World, ends_at: datetime | None) -> tuple[Team, Any, Any]:
    """Return a team, somebody in it until then, and the list that it sees."""
    obj = MailingListFactory(subaccount=w.north, created_by=w.owner)
    person = w.member(w.custom("access_audience")).user
    team = w.team()
    services.share_with_team(actor=w.owner, team=team, obj=obj)
    TeamMembership.objects.create(team=team, user=person, ends_at=ends_at)
    return team, person, obj


def last(w: World) -> AuditEvent:
    event = AuditEvent.objects.filter(root=f"teams.account:{w.account.pk}").last()
    assert event is not None
    return event


# a role


def test_who_extends_a_role_holds_all_that_ends_with_it() -> None:
    w = world("emma_corporate")
    manager = w.manager()
    full = switched(w, None)
    set_end(manager.user, full, day(20))  # from no end to one: sooner
    for later in (day(21), None):
        with refused("OUT_OF_SCOPE") as caught:
            set_end(manager.user, full, later)
        assert missing(caught) == {(p, "North") for p in EXPORT}
    set_end(manager.user, full, day(2))
    set_end(w.owner, full, None)
    full.refresh_from_db()
    assert full.ends_at is None
    assert last(w).action == "end.changed"


def test_a_role_that_has_ended_wakes_with_all_it_held() -> None:
    w = world("emma_corporate")
    manager = w.manager()
    full = switched(w, None, ends_at=day(-1))
    assert not holds(full.user, "export_contacts", w.north)
    with refused("OUT_OF_SCOPE") as caught:
        set_end(manager.user, full, day(1))
    assert missing(caught) == {(p, "North") for p in EXPORT}
    set_end(w.owner, full, day(1))
    assert holds(full.user, "export_contacts", w.north)


def test_waking_takes_a_seat_and_moving_an_end_does_not() -> None:
    w = world("emma_corporate", seat_limit=2)
    ended, working = w.member("full", ends_at=day(-1)), w.member("full", ends_at=day(1))
    set_end(w.owner, working, day(3))
    with refused("LIMIT_REACHED"):
        set_end(w.owner, ended, day(1))
    Membership.objects.filter(pk=working.pk).update(ends_at=day(-1))
    set_end(w.owner, ended, day(1))


def test_waking_ends_guest_access_where_the_role_reaches() -> None:
    w = world("emma_corporate")
    manager = w.manager(w.south, ends_at=day(-1))
    w.member("author", user=manager.user)
    services.give_guest_access(
        actor=w.owner, user=manager.user, obj=w.south, permissions=["access_audience"]
    )
    set_end(w.owner, manager, None)
    assert not grants.grants_on(w.south).filter(user=manager.user).exists()


def test_an_end_in_an_archived_subaccount_comes_sooner_only() -> None:
    w = world("emma_corporate")
    full = switched(w, day(5), ends_at=day(5))
    services.archive_subaccount(actor=w.owner, subaccount=w.north)
    for move in (set_end, set_toggle_end):
        with refused("ARCHIVED"):
            move(w.owner, full, day(6))
        move(w.owner, full, day(1))


# a switch


def test_who_extends_a_switch_may_switch_it_on() -> None:
    w = world("emma_corporate")
    manager, peer = w.manager(), w.member("full")
    full = switched(w, None)
    set_toggle_end(manager.user, full, day(5))  # sooner: by whoever manages that person
    for later in (day(6), None):
        with refused("OUT_OF_SCOPE") as caught:
            set_toggle_end(manager.user, full, later)
        assert missing(caught) == {(p, "North") for p in EXPORT}
    with refused("OUT_OF_SCOPE"):
        set_toggle_end(peer.user, full, day(1))
    set_toggle_end(w.owner, full, day(9))
    assert {row.ends_at.date() for row in full.subaccount_toggles.all()} == {day(9).date()}
    event = last(w)
    assert (event.action, event.data["toggle"]) == ("toggle.end_changed", "export_contacts")


def test_a_switch_that_has_ended_wakes_for_who_may_switch_it_on() -> None:
    w = world("emma_corporate")
    manager, full = w.manager(), switched(w, day(-1))
    assert not holds(full.user, "export_contacts", w.north)
    with refused("OUT_OF_SCOPE") as caught:
        set_toggle_end(manager.user, full, day(1))
    assert missing(caught) == {(p, "North") for p in EXPORT}
    set_toggle_end(w.owner, full, None)
    assert holds(full.user, "export_contacts", w.north)


def test_a_switch_ends_with_its_role_at_the_latest() -> None:
    w = world("emma_corporate")
    full = switched(w, None, ends_at=day(1))
    set_toggle_end(w.owner, full, day(9))
    assert holds(full.user, "export_contacts", w.north)
    Membership.objects.filter(pk=full.pk).update(ends_at=day(-1))
    assert not holds(full.user, "export_contacts", w.north)


def test_a_switch_that_is_off_has_no_end() -> None:
    w = world("emma_corporate")
    full = w.member("full")
    with refused("NOT_FOUND"):
        set_toggle_end(w.owner, full, day(1))
    with refused("UNKNOWN_TOGGLE"):
        services.set_toggle_end(actor=w.owner, membership=full, toggle="fly", ends_at=day(1))
    reader = w.member("response_only")
    with refused("NOT_TOGGLEABLE"):
        set_toggle_end(w.owner, reader, day(1))


# guest access


def test_who_extends_guest_access_may_give_it() -> None:
    w = world("sailthru")
    guest, obj = invited(w, day(5))
    narrow = w.member(w.custom("access_settings", "manage_members", "access_audience"), w.south)
    for later in (day(6), None):
        with refused("OUT_OF_SCOPE") as caught:
            set_guest_end(narrow.user, guest, obj, later)
        assert missing(caught) == {("access_audience", "South")}
    set_guest_end(narrow.user, guest, obj, day(1))
    set_guest_end(w.owner, guest, obj, None)
    assert not grants.grants_on(obj).exclude(ends_at=None).exists()
    event = last(w)
    assert (event.action, event.data["permissions"]) == (
        "guest.end_changed",
        ["access_audience", "add_contacts"],
    )


def test_guest_access_that_has_ended_wakes_for_who_may_give_it() -> None:
    w = world("sailthru")
    guest, obj = invited(w, day(-1))
    assert not holds(guest, "access_audience", obj)
    narrow = w.member(w.custom("access_settings", "manage_members"), w.south)
    with refused("OUT_OF_SCOPE"):
        set_guest_end(narrow.user, guest, obj, day(1))
    set_guest_end(w.owner, guest, obj, day(1))
    assert holds(guest, "access_audience", obj)


def test_guest_access_is_extended_for_guests_only() -> None:
    w = world("sailthru")
    guest, obj = invited(w, day(5))
    other = w.member("reports_only").user
    with refused("NOT_FOUND"):
        set_guest_end(w.owner, other, obj, day(1))
    seat = Membership.objects.get(user=guest)
    services.suspend_member(actor=w.owner, membership=seat)
    with refused("NOT_A_MEMBER"):
        set_guest_end(w.owner, guest, obj, day(6))
    set_guest_end(w.owner, guest, obj, day(2))
    services.reactivate_member(actor=w.owner, membership=seat)
    w.member("reports_only", w.south, user=guest)
    with refused("HAS_ROLE"):
        set_guest_end(w.owner, guest, obj, day(6))
    Membership.objects.filter(user=guest, subaccount=w.south).delete()
    services.archive_subaccount(actor=w.owner, subaccount=w.south)
    with refused("ARCHIVED"):
        set_guest_end(w.owner, guest, obj, day(6))


def test_several_ends_become_one() -> None:
    w = world("sailthru")
    guest, obj = invited(w, day(5))
    grants.grants_on(obj).filter(permission__codename="add_contacts").update(ends_at=day(9))
    narrow = w.member(w.custom("access_settings", "manage_members"), w.south)
    with refused("OUT_OF_SCOPE"):  # sooner for one, later for the other
        set_guest_end(narrow.user, guest, obj, day(7))
    set_guest_end(w.owner, guest, obj, day(7))
    assert len(set(grants.grants_on(obj).values_list("ends_at", flat=True))) == 1


# teams


def test_who_extends_a_place_in_a_team_may_put_them_there() -> None:
    w = world("sailthru")
    team, person, obj = joined(w, day(5))
    actor = w.member(w.custom(*TEAMS, "access_audience", "delete_lists"))
    assert not holds(actor.user, "access_audience", obj)
    for later in (day(6), None):
        with refused("OUT_OF_SCOPE") as caught:
            set_team_end(actor.user, team, person, later)
        assert missing(caught) == {("access_audience", "North")}
    set_team_end(actor.user, team, person, day(1))
    set_team_end(w.owner, team, person, None)
    assert TeamMembership.objects.get().ends_at is None
    assert last(w).action == "team.end_changed"
    other = w.team(actor.user)
    services.share_with_team(actor=w.owner, team=other, obj=obj)
    set_team_end(actor.user, team, person, day(1))
    set_team_end(actor.user, team, person, day(9))  # sees it by now


def test_a_place_in_a_team_that_has_ended_wakes_for_who_may_give_it() -> None:
    w = world("sailthru")
    team, person, obj = joined(w, day(-1))
    actor = w.member(w.custom(*TEAMS, "access_audience", "delete_lists"))
    assert not holds(person, "access_audience", obj)
    with refused("OUT_OF_SCOPE"):
        set_team_end(actor.user, team, person, day(1))
    set_team_end(w.owner, team, person, day(1))
    assert holds(person, "access_audience", obj)


def test_who_sees_it_by_another_team_gains_nothing_by_more_time() -> None:
    w = world("sailthru")
    team, person, obj = joined(w, day(5))
    other = w.team(person)
    services.share_with_team(actor=w.owner, team=other, obj=obj)
    actor = w.member(w.custom(*TEAMS, "access_audience", "delete_lists"))
    set_team_end(actor.user, team, person, day(9))


def test_who_is_in_no_team_has_no_end_there() -> None:
    w = world("sailthru")
    team, person, _obj = joined(w, day(5))
    other = w.team()
    with refused("NOT_FOUND"):
        set_team_end(w.owner, other, person, day(1))
    w.account.team_mode = "off"
    w.account.save()
    with refused("TEAMS_OFF"):
        set_team_end(w.owner, team, person, day(1))


# all of them


def cases(w: World) -> dict[str, Any]:
    """Return, for each kind, how its end is moved, and the person whose it is."""
    if w.edition.has_teams:
        team, person, _obj = joined(w, day(5))
        guest, obj = invited(w, day(5))
        return {
            "guest": (lambda actor, end: set_guest_end(actor, guest, obj, end), guest),
            "team": (lambda actor, end: set_team_end(actor, team, person, end), person),
        }
    full = switched(w, day(5), ends_at=day(5))
    return {
        "role": (lambda actor, end: set_end(actor, full, end), full.user),
        "switch": (lambda actor, end: set_toggle_end(actor, full, end), full.user),
    }


@pytest.mark.parametrize("edition", ["emma_corporate", "sailthru"])
def test_an_end_is_a_moment_that_is_still_to_come(edition: str) -> None:
    w = world(edition)
    for move, _person in cases(w).values():
        for end, code in (
            (day(-1), "ENDED"),
            ("tomorrow", "WRONG_TYPE"),
            (day(9).replace(tzinfo=None), "WRONG_TYPE"),
            (day(365 * 1100), "TOO_LONG"),
        ):
            with refused(code):
                move(w.owner, end)
        end = day(3)
        move(w.owner, end)
        with refused("ALREADY_SO"):
            move(w.owner, end)
        move(w.owner, None)
        with refused("ALREADY_SO"):
            move(w.owner, None)


@pytest.mark.parametrize("edition", ["emma_corporate", "sailthru"])
def test_nobody_moves_their_own_end(edition: str) -> None:
    w = world(edition)
    if w.edition.has_teams:
        own = w.manager(role="account_admin").user
        team = w.team()
        TeamMembership.objects.create(team=team, user=own, ends_at=day(5))
        moves = [lambda end: set_team_end(own, team, own, end)]
    else:
        seat = w.manager(ends_at=day(5), toggles=("managers", "export_contacts"))
        seat.account_toggles.update(ends_at=day(5))
        moves = [
            lambda end: set_end(seat.user, seat, end),
            lambda end: set_toggle_end(seat.user, seat, end),
        ]
    for move in moves:
        for end in (day(1), day(9), None):
            with refused("OWN_RIGHTS"):
                move(end)


@pytest.mark.parametrize("edition", ["emma_corporate", "sailthru"])
def test_the_owner_and_strangers(edition: str) -> None:
    w, rival = world(edition), world(edition)
    for move, _person in cases(w).values():
        with refused("NOT_FOUND"):
            move(rival.owner, day(9))
    if w.edition.has_teams:
        team = w.team()
        TeamMembership.objects.create(team=team, user=w.owner, ends_at=day(5))
        admin = w.manager(role="account_admin").user
        with refused("OWNER_REQUIRED"):
            set_team_end(admin, team, w.owner, day(9))


def test_what_ends_at_one_moment_is_listed_in_one_order() -> None:
    """And not as the rows come, which is the database's affair."""
    w, person = world("emma_hq"), UserFactory()
    ends_at, keys = day(3), (999_999_999, 1_000_000_000)
    for key, place in zip(keys, (w.north, w.south), strict=True):
        w.member("full", place, user=person, pk=key, ends_at=ends_at)
    found = [one.about for one in endings(w.owner, w.account)]
    assert found == sorted(found) == ["membership:1000000000", "membership:999999999"]
