"""Who had access at any moment, rebuilt from the audit alone."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.utils import timezone

from permissions import access, audit
from permissions.errors import Invalid
from teams import history, replay, services
from teams.factories import MailingListFactory, UserFactory
from teams.history_sight import sight_of
from teams.models import Account, MailingList, Membership
from teams.services.change import root_key
from teams.services.platform import create_account
from teams.services.pruning import kinds, prune
from teams.services.snapshots import snapshot
from teams.who import access_of
from tests.services.world import World, refused, world

pytestmark = pytest.mark.django_db


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Let hours pass: call it with how many, for the moment then; the next act is an hour later."""
    began, passed = timezone.now(), [0.0]

    def later(hours: float = 1) -> datetime:
        passed[0] += hours
        found = timezone.now()
        passed[0] += 1
        return found

    monkeypatch.setattr(timezone, "now", lambda: began + timedelta(hours=passed[0]))
    return later


def same(account: Account) -> None:
    """Assert that the record comes to what is stored."""
    state = replay.state_now(account)
    assert list(state.unlike(replay.stored(account))) == []
    assert replay.State.from_json(state.as_json()) == state


def held(w: World, at: datetime, user: Any) -> set[tuple[str, str]]:
    lines = history.who_had_access(w.account, at, people=[user])
    return {(line.place_name, line.permission) for line in lines}


@pytest.mark.parametrize("edition", ["emma_hq", "sailthru", "constant_contact"])
def test_lines_are_what_the_engine_answers_now(edition: str) -> None:
    w = world(edition)
    w.manager(role=w.edition.former_owner)
    inside = next(r for r in w.edition.roles if r.subaccount_level)
    w.member(inside.codename)
    snapshot(w.account)
    now = timezone.now()
    said = {line.key for line in history.who_had_access(w.account, now)}
    places = [(w.account, "account")]
    places += [(p, f"subaccount:{p.pk}") for p in w.account.subaccounts.all()]
    people = [get_user_model().objects.get(pk=pk) for pk in {k[0] for k in said}]
    assert len(people) == 3
    asked = {
        (str(user.pk), name, permission)
        for user in people
        for obj, name in places
        for permission in w.edition.permissions
        if access.can(user, permission, obj)
    }
    assert said == asked


def test_everything_that_is_given_and_taken_is_said_of_its_own_time(clock: Any) -> None:
    w = world("emma_hq")
    ana = UserFactory()
    snapshot(w.account)
    moments = [clock()]
    known: dict[str, Any] = {"actor": w.owner}
    row = services.add_member(
        **known, account=w.account, user=ana, role="full", subaccount=w.north, consented=True
    )
    moments.append(clock())
    services.toggle_permission(
        **known,
        membership=row,
        toggle="export_contacts",
        on=True,
        ends_at=timezone.now() + timedelta(hours=30),
    )
    moments.append(clock())
    services.suspend_member(**known, membership=row)
    moments.append(clock())
    services.reactivate_member(**known, membership=row)
    moments.append(clock())
    moments.append(clock(48))  # the switch has ended by itself
    services.remove_member(**known, membership=row)
    moments.append(clock())
    export = ("North", "export_contacts")
    found = [held(w, at, ana) for at in moments]
    assert [export in one for one in found] == [False, False, True, False, True, False, False]
    assert [len(one) > 20 for one in found] == [False, True, True, False, True, True, False]
    same(w.account)
    told = history.difference(w.account, moments[1], moments[2])
    parts = w.edition.role("full").optional["export_contacts"]
    assert {x.key for x in told.gained} == {
        (str(ana.pk), f"subaccount:{w.north.pk}", permission) for permission in parts
    }
    assert told.gained[0].through == ("Switched on: Export contacts",)
    assert told.lost == []
    assert history.difference(w.account, moments[2], moments[1]).lost == told.gained


def test_an_account_is_known_from_its_first_event(clock: Any) -> None:
    owner = UserFactory()
    account = create_account(
        reason="A new client", slug="new", name="New", edition="constant_contact", owner=owner
    )
    made = clock()
    place = services.create_subaccount(actor=owner, account=account, name="North")
    services.set_features(actor=owner, subaccount=place, off=["api"])
    services.archive_subaccount(actor=owner, subaccount=place)
    same(account)
    places = {line.place_name for line in history.who_had_access(account, made)}
    assert places == {"New"}  # the account, and its own workspace
    with pytest.raises(Invalid, match="and nothing of any moment before that") as caught:
        history.who_had_access(account, made - timedelta(days=1))
    assert caught.value.code == "NO_RECORD"


def test_lists_and_templates_teams_and_guests_are_followed(clock: Any) -> None:
    w = world("sailthru")
    ana, ben = w.member("marketer_limited").user, w.member("marketer_admin", w.south).user
    kim = w.member("marketer_limited").user
    old = MailingListFactory(subaccount=w.north, created_by=ana)
    snapshot(w.account)
    by = {"actor": w.owner}
    red = services.create_team(**by, account=w.account, name="Red")
    blue = services.create_team(**by, account=w.account, name="Blue")
    services.add_to_team(**by, team=red, user=ana, ends_at=timezone.now() + timedelta(hours=3))
    services.add_to_team(**by, team=blue, user=ana)
    services.add_to_team(**by, team=red, user=kim)
    made = services.create_list(actor=ana, subaccount=w.north, name="News")
    template = services.create_template(actor=kim, subaccount=w.north, name="Plain")
    services.share_with_team(**by, team=red, obj=old)
    services.give_guest_access(**by, user=ben, obj=made, permissions=["access_audience"])
    same(w.account)
    at = clock()
    line = next(x for x in history.who_had_access(w.account, at, people=[ben]) if "list" in x.place)
    assert (line.place_name, line.permission) == ("News in North", "access_audience")
    assert (line.through, line.inside) == (("Guest access",), w.north.pk)
    services.archive_team(**by, team=red, replacement=blue)
    same(w.account)
    services.delete_list(**by, mailing_list=made)
    services.archive_item(**by, obj=template)
    services.purge_item(**by, obj=template, confirm="Plain")
    same(w.account)
    line = next(x for x in history.who_had_access(w.account, at, people=[ben]) if "list" in x.place)
    assert line.place_name == "a mailing list that is gone in North"
    after = history.who_had_access(w.account, timezone.now(), people=[ben])
    assert {x.inside for x in after} == {w.south.pk}


def test_what_was_cleared_away_leaves_the_record_too(clock: Any) -> None:
    w = world("emma_hq")
    row = w.member("full")
    other = w.member("author", w.south)
    snapshot(w.account)
    end = timezone.now() + timedelta(hours=2)
    services.toggle_permission(
        actor=w.owner, membership=row, toggle="export_contacts", on=True, ends_at=end
    )
    guest = {"user": other.user, "obj": w.north, "permissions": ["access_audience"]}
    services.give_guest_access(actor=w.owner, **guest, ends_at=end)
    services.set_end(actor=w.owner, membership=other, ends_at=end)
    clock(5)
    same(w.account)
    gone = 0
    for kind in kinds():
        for key in list(kind.over(timezone.now(), w.account).values_list("pk", flat=True)):
            gone += bool(prune(kind, key, timezone.now()))
    assert gone >= 2
    assert not Membership.objects.filter(pk=other.pk).exists()
    same(w.account)


def test_events_of_before_say_less_and_are_read_all_the_same() -> None:
    """What the record says since this release was guessed of the edition before it."""
    w = world("emma_hq")
    row = w.member("full")
    snapshot(w.account)
    told = {"toggle": "export_contacts", "before": False, "after": True, "ends_at": None}
    audit.record(
        root=root_key(w.account), actor=w.owner, action="permission.toggled", subject=row, data=told
    )
    seat = replay.state_now(w.account).seats[row.pk]
    assert seat.toggles.keys() == w.edition.role("full").optional["export_contacts"]


def test_a_record_that_does_not_add_up_is_refused_with_the_place() -> None:
    w = world("emma_hq")
    snapshot(w.account)
    root = root_key(w.account)
    first = audit.record(root=root, actor=None, action="team.renamed", subject=w.team(), data={})
    with refused_reading(f"#{first.sequence} of {root}, team.renamed, does not fit"):
        replay.state_now(w.account)
    assert snapshot(w.account)  # what cannot be read has a new beginning
    same(w.account)
    event = audit.record(root=root, actor=None, action="moon.landed", subject=w.account)
    with refused_reading(f"#{event.sequence} of {root}, moon.landed, is not known"):
        replay.state_now(w.account)


def refused_reading(start: str) -> Any:
    return pytest.raises(Invalid, match=start)


def test_an_account_without_a_beginning_says_so_and_gets_one() -> None:
    w = world("emma_hq")
    w.member("full", toggles=("export_contacts",))
    assert not replay.state_now(w.account).began
    assert replay.summed_up(w.account, 1) == {}
    with pytest.raises(Invalid, match=f"snapshot_access --account {w.account.slug}") as caught:
        history.who_had_access(w.account, timezone.now())
    assert caught.value.code == "NO_RECORD"
    assert [snapshot(w.account), snapshot(w.account)] == [True, False]
    same(w.account)


def test_who_may_know_reads_no_more_than_that() -> None:
    w = world("emma_hq")
    everywhere, here = w.manager(), w.member("administrator")
    there, plain = w.member("author", w.south), w.member("author")
    snapshot(w.account)
    lines = history.who_had_access(w.account, timezone.now())
    for all_seeing in (w.owner, everywhere.user):
        assert sight_of(all_seeing, w.account).lines(lines) == lines
    known = sight_of(here.user, w.account).lines(lines)
    assert {line.inside for line in known} == {w.north.pk}
    assert {here.user_id, plain.user_id} <= {int(line.person_ref) for line in known}
    assert there.user_id not in {int(line.person_ref) for line in known}
    for nobody in (plain.user, UserFactory()):
        with refused("OUT_OF_SCOPE"):
            sight_of(nobody, w.account)


def test_of_a_single_thing_others_read_the_kind_unless_they_see_it() -> None:
    """Who sees the people of a subaccount need not see every list in it."""
    w = world("emma_hq")
    guest, sees = w.member("author", w.south).user, UserFactory()
    for place in (w.north, w.south):
        w.member("administrator", place, user=sees)
    listed = MailingListFactory(subaccount=w.north, name="Takeover in May")
    snapshot(w.account)
    services.give_guest_access(
        actor=w.owner, user=guest, obj=listed, permissions=["access_audience"]
    )
    lines = history.who_had_access(w.account, timezone.now(), people=[guest])

    def told(who: Any) -> list[str]:
        found = sight_of(who, w.account).lines(lines)
        return [line.place_name for line in found if "list" in line.place]

    assert told(w.owner) == told(sees) == ["Takeover in May in North"]
    MailingList.objects.filter(pk=listed.pk).delete()  # nobody sees it now
    assert told(w.owner) == ["Takeover in May in North"]
    assert told(sees) == ["a mailing list in North"]


def test_for_now_it_says_what_who_can_says() -> None:
    w = world("emma_hq")
    w.manager(w.south)
    w.member("administrator")
    w.member("full", toggles=("export_contacts",))
    w.member("author", status="suspended")
    snapshot(w.account)
    said = {line.key for line in history.who_had_access(w.account, timezone.now())}
    places = [(w.account, "account")]
    places += [(place, f"subaccount:{place.pk}") for place in w.account.subaccounts.all()]
    asked = {
        (str(one.person.pk), name, permission)
        for obj, name in places
        for one in access_of(obj)
        for permission in one.held
    }
    assert said == asked


@pytest.mark.once
def test_each_person_is_looked_for_once_a_row_and_not_among_all() -> None:
    """An account of thousands is read in the time of its rows, not of their square."""
    looked = [0]

    class Key(int):
        __hash__ = int.__hash__

        def __eq__(self, other: object) -> bool:
            looked[0] += 1
            return int(self) == other

    count = 300
    seats = {n: replay.state.Seat(user=str(n), subaccount=1, role="editor") for n in range(count)}
    state = replay.State(
        key=1,
        account={"owner": "-1", "edition": "emma_hq", "second_factor": []},
        places={1: replay.state.Place("North")},
        seats=seats,
    )
    rows = replay.rows(state, [Key(n) for n in range(count)], timezone.now())
    assert len([row for row in rows if row.kind == "membership"]) == count
    assert looked[0] < 10 * count
