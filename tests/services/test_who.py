"""Who may do what with an object: for everybody the answer of ``can``, in a few queries."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from permissions import access, grants
from permissions.resources import registry
from teams import provider, services, who
from teams.catalogue import CATALOGUE
from teams.factories import (
    AccountFactory,
    CampaignFactory,
    MailingListFactory,
    MembershipFactory,
    MessageTemplateFactory,
    SubaccountFactory,
    TeamFactory,
    UserFactory,
)
from teams.models import Account, Membership, Subaccount
from teams.models.account import TeamMode
from teams.why import why
from tests.services.world import EDITIONS, World, world

pytestmark = pytest.mark.django_db

YESTERDAY, TOMORROW = timedelta(days=-1), timedelta(days=1)


def fill(place: Subaccount, creator: Any = None) -> list[Any]:
    """Put a list, a template and a campaign that uses both into ``place``."""
    mine = {"subaccount": place, "created_by": creator}
    mailing_list, template = MailingListFactory(**mine), MessageTemplateFactory(**mine)
    campaign = CampaignFactory(**mine, mailing_list=mailing_list, template=template)
    return [mailing_list, template, campaign, CampaignFactory(**mine)]


def varied(edition: str) -> tuple[World, list[Any]]:
    """Return an account with people of every kind, and every object one can ask about."""
    w = world(edition)
    now = timezone.now()
    creator = UserFactory()
    things = [*fill(w.north, w.owner), *fill(w.north, creator), *fill(w.west, w.owner)[:2]]
    for spec in w.edition.roles:
        toggles = tuple(spec.optional)
        for wanted in ((), toggles):
            if spec.subaccount_level:
                w.member(spec.codename, toggles=wanted)
            if spec.reaches:
                w.manager(role=spec.codename, toggles=wanted)
                w.manager(w.north, role=spec.codename, toggles=wanted)
    inside = next(spec.codename for spec in reversed(w.edition.roles) if spec.subaccount_level)
    strong = next(spec.codename for spec in w.edition.roles if spec.subaccount_level)
    w.member(strong, user=creator)
    w.member(strong, user=UserFactory(is_active=False))
    w.member(strong, status=Membership.Status.SUSPENDED)
    w.member(strong, ends_at=now + YESTERDAY)
    w.member(strong, ends_at=now + TOMORROW)
    w.member(strong, w.west)
    both = w.member(inside)
    w.member(strong, w.south, user=both.user)
    if w.edition.has_primary_contact:
        w.member("full", is_primary_contact=True)
    if w.edition.custom_roles is not None:
        w.member(w.custom("access_audience", "access_content"))
    guests(w, things, inside, now)
    teams(w, things, strong)
    MembershipFactory(account=AccountFactory(edition=edition), user=both.user, role=strong)
    places = [p for p in (w.north, w.south, w.west, w.home) if p is not None]
    return w, [w.account, *places, *things]


def guests(w: World, things: list[Any], inside: str, now: Any) -> None:
    """Give people of south guest access to north and to single things in it."""
    for obj in (w.north, *things[:4]):
        for extra in ({}, {"ends_at": now + YESTERDAY}, {"ends_at": now + TOMORROW}):
            guest = w.member(inside, w.south).user
            for permission in sorted(registry.of(obj).guest)[:2]:
                grants.give(permission=permission, obj=obj, user=guest, **extra)
    sleeping = w.member(inside, w.south, status=Membership.Status.SUSPENDED)
    everywhere = w.member(inside, w.south)
    for person in (UserFactory(), sleeping.user, everywhere.user):
        for obj in (w.north, *things[:4]):
            for permission in sorted(registry.of(obj).guest):
                grants.give(permission=permission, obj=obj, user=person)


def teams(w: World, things: list[Any], strong: str) -> None:
    """Put people into teams, with one of the account's, one of a rival's, and one that ended."""
    limited = "marketer_limited" if w.edition.has_teams else strong
    inside, outside = w.member(limited).user, w.member(limited).user
    team, rival = w.team(inside, w.member(limited, w.south).user), TeamFactory()
    rival.memberships.create(user=outside)
    late = w.member(limited).user
    team.memberships.create(user=late, ends_at=timezone.now() + YESTERDAY)
    for obj in things[:2]:
        table = grants.group_table(type(obj))
        row = grants.permission_row(registry.of(obj).actions["view"], type(obj))
        for group in (team.group, rival.group):
            table._default_manager.create(content_object=obj, group=group, permission=row)
    table, other = grants.group_table(type(things[0])), w.team()
    row = grants.permission_row("access_audience", type(things[0]))
    for group in (None, other.group, rival.group):  # one's own, and what others' teams have
        made = MailingListFactory(subaccount=w.north, created_by=inside)
        things.append(made)
        if group is not None:
            table._default_manager.create(content_object=made, group=group, permission=row)


def expected(obj: Any) -> dict[tuple[Any, str], frozenset[Any]]:
    """Return what ``can`` says of everybody there is, asked one by one."""
    found = {}
    for person in get_user_model()._default_manager.all():
        with access.unit_of_work():
            for permission in CATALOGUE:
                decision = access.can(person, permission, obj)
                if decision.allowed:
                    found[person.pk, str(permission)] = frozenset(decision.sources)
    return found


@pytest.mark.parametrize("edition", EDITIONS)
def test_answers_are_those_of_can_for_everybody(edition: str) -> None:
    w, objects = varied(edition)
    kinds: set[str] = set()
    for obj in objects:
        everybody = who.access_of(obj)
        kinds.update(source.kind for one in everybody for source in one.sources)
        kinds.update("teams" for one in everybody if one.through_teams)
        found = {
            (one.person.pk, permission): frozenset(sources)
            for one in everybody
            for permission, sources in one.held.items()
        }
        assert found == expected(obj), obj
    wanted = {"owner", "role", "guest"} | ({"toggle"} if w.edition.toggles else set())
    assert kinds == wanted | ({"teams"} if w.edition.has_teams else set())


def test_answers_follow_the_switches_of_an_account() -> None:
    w, objects = varied("sailthru")
    for mode in (TeamMode.OFF, TeamMode.LISTS):
        Account.objects.filter(pk=w.account.pk).update(team_mode=mode)
        for obj in objects[1:8]:
            found = {(one.person.pk, p) for one in who.access_of(obj) for p in one.held}
            assert found == set(expected(obj)), (mode, obj)


@pytest.mark.parametrize("edition", EDITIONS)
def test_profiles_read_together_are_those_read_one_by_one(edition: str) -> None:
    varied(edition)
    people = {person.pk: person for person in get_user_model()._default_manager.all()}
    for recorded in (False, True):
        together = provider.load_profiles(list(people), recorded=recorded)
        assert together.keys() == people.keys()
        for key, person in people.items():
            alone = provider.load_profile(person, recorded=recorded)
            assert plain(together[key]) == plain(alone)


def plain(profile: Any) -> Any:
    """Return a profile as values that do not depend on the order of rows."""
    tenants = {
        key: (t.root, t.limits, t.standing.is_owner, sorted(map(repr, t.standing.holdings)))
        for key, t in profile.tenants.items()
    }
    shared = {resource.label: profile.shared(resource) for resource in registry}
    return profile.person, tenants, profile.guests, profile.groups, shared


def test_who_can_names_the_sources_of_each() -> None:
    w = world("emma_hq")
    full = w.member("full", toggles=("export_contacts",))
    w.member("author")
    found = {one.person: one for one in who.who_can("export_contacts", w.north)}
    assert set(found) == {w.owner, full.user}
    assert [s.kind for s in found[full.user].sources] == ["toggle"]
    assert [one.person for one in who.who_can("frobnicate_lists", w.north)] == []


@pytest.mark.parametrize("edition", EDITIONS)
def test_the_reasons_for_one_answer_are_those_of_can(edition: str) -> None:
    w, _objects = varied(edition)
    people = [one.person for place in (w.north, w.account) for one in who.access_of(place)]
    for number, person in enumerate([*people[::4], UserFactory()]):
        for permission in list(CATALOGUE)[number % 24 :: 24]:
            for place in (w.north, w.west, None):
                found = why(person, permission, w.account, place)
                decision = access.can(person, permission, place or w.account)
                assert found.outcome.allowed == decision.allowed
                assert set(found.sources) == set(decision.sources)
                assert bool(found.steps) == bool(found.stops) == decision.allowed
                if decision.allowed:
                    assert (found.steps[0].kind, found.steps[0].person) == ("owner", w.owner)


def test_the_order_is_owner_account_rank_guests() -> None:
    w = world("emma_hq")
    newsletter = MailingListFactory(subaccount=w.north)
    guest = w.member("author", w.south)
    services.give_guest_access(
        actor=w.owner, user=guest.user, obj=newsletter, permissions=["access_audience"]
    )
    editor, full = w.member("editor"), w.member("full")
    manager, administrator = w.manager(w.north), w.member("administrator")
    found = [one.person for one in who.access_of(newsletter, CATALOGUE.areas[0].permissions)]
    seats = (manager, administrator, full, editor, guest)
    assert found == [w.owner, *(seat.user for seat in seats)]


def test_what_is_not_known_is_left_out() -> None:
    w = world("emma_hq")
    seat = w.member("author")
    w.manager(w.north, user=seat.user)
    one = next(a for a in who.access_of(w.north) if a.person == seat.user)
    left = one.known(lambda source: source.ref == ("membership", seat.pk))
    assert left is not None
    assert {source.label for source in left.sources} == {"Author"}
    assert "manage_members" in one.held
    assert "manage_members" not in left.held
    assert one.known(lambda _source: False) is None


@pytest.mark.parametrize("edition", ["emma_hq", "sailthru"])
def test_queries_are_the_same_for_one_person_and_for_forty(edition: str) -> None:
    w = world(edition)
    role = "marketer_limited" if edition == "sailthru" else "author"
    _list, _template, campaign, _plain = fill(w.north, w.owner)
    w.team(w.member(role).user)
    costs = []
    for more in (0, 40):
        for _ in range(more):
            w.team(w.member(role).user)
            SubaccountFactory(account=w.account)
        with CaptureQueriesContext(connection) as queries:
            who.access_of(campaign)
        costs.append(len(queries))
    # where teams decide: who shares what, what people made, and of which account their teams are
    assert costs == ([4, 4] if w.edition.has_teams else [1, 1])


@pytest.mark.parametrize("edition", EDITIONS)
def test_who_can_is_one_query(edition: str) -> None:
    w, objects = varied(edition)
    Account.objects.filter(pk=w.account.pk).update(team_mode=TeamMode.OFF)
    for obj in objects:
        fresh = type(obj)._default_manager.get(pk=obj.pk)
        with CaptureQueriesContext(connection) as queries:
            everybody = who.access_of(fresh)
            assert all(str(one.person) and one.person.get_full_name() for one in everybody)
            assert all(one.person.is_active and one.person.email for one in everybody)
        assert len(queries) == 1, obj
