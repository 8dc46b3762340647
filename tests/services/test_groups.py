"""Groups of subaccounts: who may change them, and that who manages one manages what is in it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from permissions import access
from permissions.models import AuditEvent
from teams import integrity, selectors, services
from teams.catalogue import ACCESS_AUDIENCE, SEND_CAMPAIGNS, VIEW_ASSETS
from teams.endings import endings
from teams.event_sentences import is_told
from teams.models import (
    GroupedSubaccount,
    ManagedGroup,
    Membership,
    Subaccount,
    SubaccountGroup,
)
from teams.services.seating import described
from teams.services.toggles import reach_of
from tests.services.world import World, holds, missing, refused, world

pytestmark = pytest.mark.django_db


def group(w: World, *places: Subaccount, name: str = "Coast") -> SubaccountGroup:
    """Return a new group that holds ``places``."""
    return services.create_subaccount_group(
        actor=w.owner, account=w.account, name=name, subaccounts=places
    )


def manages(membership: Membership, *groups: SubaccountGroup) -> Membership:
    """Let a role at account level reach ``groups``, as stored, besides what it reaches."""
    for one in groups:
        ManagedGroup.objects.create(account=one.account, membership=membership, group=one)
    access.forget()
    return membership


def nothing(w: World, **extra: Any) -> Membership:
    """Return a manager who reaches no subaccount yet."""
    membership = w.manager(w.north, **extra)
    membership.reach.all().delete()
    return membership


def peer(w: World, *reach: Subaccount) -> Membership:
    """Return a manager of Emma Corporate who may make managers, and export as they may."""
    return w.manager(*reach, toggles=("managers",))


@pytest.fixture
def w() -> World:
    return world("emma_corporate")


def test_what_is_in_a_group_is_what_its_managers_reach() -> None:
    w = world("emma_hq")
    coast = group(w, w.north, w.south)
    ana = nothing(w)
    made = services.set_manager_reach(actor=w.owner, membership=ana, groups=[coast])
    assert made.reach_keys == sorted([w.north.pk, w.south.pk])
    assert described(made)["groups"] == [coast.pk]
    assert reach_of(made).places == {w.north.pk, w.south.pk}
    assert holds(ana.user, SEND_CAMPAIGNS, w.south)
    # every active subaccount is reached, which is what assets ask
    assert holds(ana.user, VIEW_ASSETS, w.account)
    services.set_subaccount_group(actor=w.owner, group=coast, subaccounts=[w.north, w.west])
    assert not holds(ana.user, SEND_CAMPAIGNS, w.south)
    assert not holds(ana.user, VIEW_ASSETS, w.account)
    assert not holds(ana.user, SEND_CAMPAIGNS, w.west)  # archived is inert
    services.restore_subaccount(actor=w.owner, subaccount=w.west)
    assert holds(ana.user, SEND_CAMPAIGNS, w.west)
    # what is chosen and what is grouped add up, each once
    both = services.set_manager_reach(
        actor=w.owner, membership=ana, subaccounts=[w.north, w.south], groups=[coast, coast]
    )
    assert both.reach_keys == sorted([w.north.pk, w.south.pk, w.west.pk])
    everywhere = services.set_manager_reach(actor=w.owner, membership=ana, all_subaccounts=True)
    assert (everywhere.reach_keys, everywhere.managed_groups.count()) == ([], 0)


def test_somebody_is_added_to_groups(w: World) -> None:
    coast = group(w, w.south)
    user = w.member("full").user
    asked = {"actor": w.owner, "account": w.account, "user": user, "role": "manager"}
    with refused("REACH"):
        services.add_member(**asked, all_subaccounts=True, groups=[coast])
    with refused("REACH"):
        services.add_member(**{**asked, "role": "full"}, subaccount=w.south, groups=[coast])
    foreign = group(world("emma_corporate"))
    with refused("NOT_FOUND"):
        services.add_member(**asked, groups=[foreign])
    with refused("NO_GROUPS"):
        services.invite_member(
            actor=w.owner, account=w.account, address="new@people.example", role="manager",
            groups=[coast],
        )  # fmt: skip
    made = services.add_member(**asked, groups=[coast])
    assert made.reach_keys == [w.south.pk]
    assert holds(user, SEND_CAMPAIGNS, w.south)
    assert AuditEvent.objects.get(action="member.added").data["groups"] == [coast.pk]
    # a change of role looks at the groups as it looks at what was chosen
    with refused("WRONG_LEVEL"):
        services.change_role(actor=w.owner, membership=made, role="full")


def test_the_own_workspace_is_in_no_group_and_its_people_reach_no_group() -> None:
    w = world("constant_contact")
    with refused("HOME"):
        group(w, w.home)
    clients = group(w, w.north)
    with refused("HOME"):
        services.set_subaccount_group(actor=w.owner, group=clients, subaccounts=[w.north, w.home])
    manager = w.manager(w.home, role="account_manager")
    with refused("REACH"):
        services.set_manager_reach(
            actor=w.owner, membership=manager, subaccounts=[w.home], groups=[clients]
        )
    # what came another way goes on to no other role, and is found
    manages(manager, clients)
    with refused("REACH"):
        services.change_role(actor=w.owner, membership=manager, role="campaign_creator")
    GroupedSubaccount.objects.create(account=w.account, group=clients, subaccount=w.home)
    manages(w.member("campaign_creator"), clients)
    rules = {problem.rule for problem in integrity.problems()}
    assert {"reach_as_the_role_says", "groups_hold_and_reach_what_they_may"} <= rules


@pytest.mark.parametrize("edition", ["constant_contact", "emma_hq", "sailthru"])
def test_whoever_runs_the_account_runs_its_groups(edition: str) -> None:
    w = world(edition)
    coast = group(w, w.north)
    roles = {"constant_contact": "partner_manager", "emma_hq": "manager", "sailthru": None}
    actors = [(w.owner, True)]
    if edition == "sailthru":
        actors += [
            (w.manager(role="account_admin").user, True),
            (w.member("account_admin").user, False),
            (w.manager(role="marketer_admin").user, False),
        ]
    else:
        actors += [(w.manager(role=str(roles[edition])).user, False)]
    for number, (actor, may) in enumerate(actors):
        calls: list[Any] = [
            (services.create_subaccount_group, {"account": w.account, "name": f"Hills {number}"}),
            (services.rename_subaccount_group, {"group": coast, "name": f"Sea {number}"}),
            (services.set_subaccount_group,
             {"group": coast, "subaccounts": [w.south, *[w.north] * (number % 2)]}),
            (services.delete_subaccount_group, {"group": group(w, name=f"Old {number}")}),
        ]  # fmt: skip
        for service, named in calls:
            if may:
                service(actor=actor, **named)
            else:
                with refused("OUT_OF_SCOPE"):
                    service(actor=actor, **named)
    assert set(selectors.groups_of(w.owner)) == set(SubaccountGroup.objects.all())


def test_nobody_who_reaches_some_subaccounts_changes_groups_with_others() -> None:
    w = world("sailthru")
    admin = w.manager(w.north, role="account_admin").user  # as no edition lets one be today
    mixed, own = group(w, w.north, w.south), group(w, w.north, name="Own")
    for service, named in (
        (services.rename_subaccount_group, {"group": mixed, "name": "Mine"}),
        (services.set_subaccount_group, {"group": mixed, "subaccounts": [w.north]}),
        (services.set_subaccount_group, {"group": own, "subaccounts": [w.north, w.south]}),
        (services.delete_subaccount_group, {"group": mixed}),
        (services.create_subaccount_group,
         {"account": w.account, "name": "New", "subaccounts": [w.south]}),
    ):  # fmt: skip
        with refused("OUT_OF_SCOPE"):
            service(actor=admin, **named)
    services.rename_subaccount_group(actor=admin, group=own, name="Mine")
    services.set_subaccount_group(actor=admin, group=own, subaccounts=[])


def test_putting_in_is_a_grant_to_everybody_who_manages_the_group() -> None:
    w = world("sailthru")
    ticked = w.custom("access_settings", "manage_subaccount_settings", "manage_account_settings")
    coast = group(w, w.north)
    for state in ({}, {"status": "suspended"}, {"ends_at": timezone.now() - timedelta(days=1)}):
        target = manages(nothing(w, role="account_admin", **state), coast)
        # an Account Admin reaches all and covers it; whoever holds less does not
        admin = w.manager(role="account_admin").user
        services.set_subaccount_group(actor=admin, group=coast, subaccounts=[w.north, w.south])
        # nobody their own, neither in nor out
        actor = w.manager(role="account_admin")
        manages(actor, coast)
        for places in ([w.north], []):
            with refused("OWN_RIGHTS"):
                services.set_subaccount_group(actor=actor.user, group=coast, subaccounts=places)
        actor.delete()
        services.set_subaccount_group(actor=admin, group=coast, subaccounts=[w.north])
        target.delete()
    assert ticked.pk


def test_who_manages_a_group_is_judged_by_effect(w: World) -> None:
    """A manager who makes managers gives no group that holds what they do not reach."""
    wide, narrow = group(w, w.north, w.south), group(w, w.north, name="North only")
    actor = peer(w, w.north)
    target, newcomer = nothing(w), w.member("full").user
    with refused("OUT_OF_SCOPE") as caught:
        services.set_manager_reach(actor=actor.user, membership=target, groups=[wide])
    assert {place for _permission, place in missing(caught)} == {"another subaccount"}
    services.set_manager_reach(actor=actor.user, membership=target, groups=[narrow])
    with refused("OUT_OF_SCOPE"):
        services.add_member(
            actor=actor.user, account=w.account, user=newcomer, role="manager", groups=[wide],
        )  # fmt: skip
    # who reaches more, through a group, is suspended by nobody who reaches less
    services.set_manager_reach(actor=w.owner, membership=actor, groups=[narrow])
    assert holds(actor.user, SEND_CAMPAIGNS, w.north)


def test_gates_count_groups() -> None:
    """Where people are managed place by place, a group's places are asked too."""
    w = world("sailthru")
    coast = group(w, w.south)
    target = manages(w.manager(w.north, role=w.custom("access_settings")), coast)
    actor = w.member("account_admin", w.north).user
    w.member("account_admin", w.south, user=actor)
    manages(nothing(w, role="account_admin", user=actor), coast)
    services.suspend_member(actor=w.owner, membership=target)
    lesser = w.manager(w.north, role="account_admin").user
    with refused("OUT_OF_SCOPE"):
        services.remove_member(actor=lesser, membership=target)
    target.managed_groups.all().delete()
    services.remove_member(actor=lesser, membership=target)


def test_guest_access_ends_where_a_group_brings_a_role(w: World) -> None:
    coast = group(w, w.north)
    ana = services.set_manager_reach(actor=w.owner, membership=nothing(w), groups=[coast])
    services.give_guest_access(
        actor=w.owner, user=ana.user, obj=w.south, permissions=[str(ACCESS_AUDIENCE)]
    )
    services.set_subaccount_group(actor=w.owner, group=coast, subaccounts=[w.north, w.south])
    assert AuditEvent.objects.filter(action="guest.withdrawn").count() == 1
    with refused("HAS_ROLE"):
        services.give_guest_access(
            actor=w.owner, user=ana.user, obj=w.south, permissions=[str(ACCESS_AUDIENCE)]
        )


def test_a_group_that_is_managed_is_not_deleted_and_says_by_whom(w: World) -> None:
    coast = group(w, w.north)
    people = [manages(nothing(w), coast) for _ in range(4)]
    suspended = manages(nothing(w, status="suspended"), coast)
    with refused("IN_USE") as caught:
        services.delete_subaccount_group(actor=w.owner, group=coast)
    assert caught.value.message.startswith("Coast is managed by Kim Person ")
    assert "and 2 more. " in caught.value.message
    for row in people:
        services.remove_member(actor=w.owner, membership=row)
    with refused("IN_USE"):
        services.delete_subaccount_group(actor=w.owner, group=coast)
    services.set_manager_reach(actor=w.owner, membership=suspended)
    services.delete_subaccount_group(actor=w.owner, group=coast)
    assert Subaccount.objects.filter(pk=w.north.pk).exists()
    for table in (SubaccountGroup, GroupedSubaccount, ManagedGroup):
        assert not table._default_manager.exists()


def test_nothing_is_left_behind(w: World) -> None:
    coast = group(w, w.north, w.south)
    row = manages(nothing(w), coast)
    services.remove_member(actor=w.owner, membership=row)
    assert not ManagedGroup.objects.exists()
    w.south.delete()
    assert [one.subaccount_id for one in coast.contents.all()] == [w.north.pk]
    manages(nothing(w), coast)
    w.account.delete()
    for table in (SubaccountGroup, GroupedSubaccount, ManagedGroup):
        assert not table._default_manager.exists()


def test_names_are_each_once_and_every_act_is_recorded(w: World) -> None:
    coast, sea = group(w, w.north), group(w, name="Sea")
    with refused("ALREADY_USED"):
        group(w, name="COAST")
    with refused("ALREADY_USED"):
        services.rename_subaccount_group(actor=w.owner, group=sea, name="coast")
    assert group(world("emma_corporate")).name == "Coast"  # another account's is no matter
    services.rename_subaccount_group(actor=w.owner, group=coast, name="COAST")
    with refused("ALREADY_SO"):
        services.set_subaccount_group(actor=w.owner, group=coast, subaccounts=[w.north])
    services.set_subaccount_group(actor=w.owner, group=coast, subaccounts=[w.south])
    services.delete_subaccount_group(actor=w.owner, group=coast)
    events = AuditEvent.objects.filter(subject_ref=f"teams.subaccountgroup:{coast.pk}")
    found = dict(events.order_by("sequence").values_list("action", "data"))
    assert list(found) == ["group.created", "group.renamed", "group.changed", "group.deleted"]
    assert all(map(is_told, found))
    assert found["group.changed"] == {"before": [w.north.pk], "after": [w.south.pk]}
    assert found["group.deleted"] == {"name": "COAST", "subaccounts": [w.south.pk]}


def test_who_is_met_through_a_group_is_seen_and_found(w: World) -> None:
    """What shows or finds people by where they work counts groups, each person once."""
    coast = group(w, w.north, w.south)
    ends = timezone.now() + timedelta(days=3)
    ana = manages(w.manager(w.north, ends_at=ends), coast, group(w, w.south, name="Hills"))
    assert list(Membership.objects.filter(selectors.works_in(w.south), user=ana.user)) == [ana]
    assert not Membership.objects.filter(selectors.works_in(w.west), user=ana.user).exists()
    # a manager's Users tab shows the managers of what they manage
    ben = w.manager(w.south).user
    assert ana in selectors.memberships_of(ben)
    cleo = manages(nothing(w), group(w, w.south, name="South"))
    assert cleo in selectors.memberships_of(ben)
    assert ana in selectors.memberships_of(cleo.user)
    assert [e.membership.reach_keys for e in endings(w.owner, w.account) if e.membership] == [
        sorted([w.north.pk, w.south.pk])
    ]
    # of groups, those that hold something one works in
    assert {g.name for g in selectors.groups_of(cleo.user)} == {"Coast", "Hills", "South"}
    assert set(selectors.groups_of(w.member("full", w.north).user)) == {coast}
    assert not selectors.groups_of(w.member("full", w.west).user).exists()
