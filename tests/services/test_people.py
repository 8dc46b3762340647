"""Who works where, as what: every service about memberships."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from permissions.models import AuditEvent
from teams import services
from teams.editions import get
from teams.factories import CampaignFactory, MailingListFactory, UserFactory
from teams.models import ManagedSubaccount, Membership, SubaccountUserGrant, TeamMembership
from teams.models.account import TeamMode
from tests.services.world import EDITIONS, ELSEWHERE, EMMA, World, holds, missing, refused, world

pytestmark = pytest.mark.django_db


def add(w: World, actor: Any, role: Any, **extra: Any) -> Membership:
    """Add somebody new to north, or as ``extra`` says."""
    place = (
        {}
        if {"managed", "all_subaccounts", "subaccount"} & extra.keys()
        else {"subaccount": w.north}
    )
    return services.add_member(
        consented=True,
        actor=actor,
        account=w.account,
        role=role,
        **{"user": UserFactory(), **place, **extra},
    )


def last_event(w: World) -> AuditEvent:
    return AuditEvent.objects.filter(root=f"teams.account:{w.account.pk}").latest("sequence")


# add


@pytest.mark.parametrize(
    ("edition", "role"),
    [(e, r.codename) for e in EDITIONS for r in get(e).roles],
)
def test_owner_adds_somebody_in_every_role(edition: str, role: str) -> None:
    w = world(edition)
    spec = w.edition.role(role)
    added = []
    if spec.subaccount_level:
        added.append(add(w, w.owner, role))
    for reach, how in (
        ("some", {"managed": [w.north]}),
        ("all", {"all_subaccounts": True}),
        ("home", {"managed": [w.home]}),
    ):
        if reach in spec.reaches:
            added.append(add(w, w.owner, role, **how))

    for membership in added:
        membership.refresh_from_db()
        assert (membership.role, membership.status) == (role, "active")
        assert (membership.added_by, membership.ends_at) == (w.owner, None)
        assert membership.exclusive is not w.edition.roles_add_up
    assert added
    assert last_event(w).action == "member.added"
    assert last_event(w).data["user"] == str(added[-1].user_id)


def test_a_membership_ends_by_itself() -> None:
    w = world("emma_hq")
    membership = add(w, w.owner, "full", ends_at=timezone.now() + timedelta(hours=1))
    assert holds(membership.user, "send_campaigns", w.north)

    Membership.objects.filter(pk=membership.pk).update(ends_at=timezone.now())

    assert not holds(membership.user, "send_campaigns", w.north)


@pytest.mark.parametrize("edition", EMMA)
def test_second_role_in_one_place_is_already_used(edition: str) -> None:
    w = world(edition)
    full, manager = w.member("full"), w.manager(w.north)
    with refused("ALREADY_USED"):
        add(w, w.owner, "editor", user=full.user)
    with refused("ALREADY_USED"):
        add(w, w.owner, "manager", user=manager.user, all_subaccounts=True)
    add(w, w.owner, "editor", user=full.user, subaccount=w.south)


def test_roles_add_up_where_the_edition_says_so_but_none_is_held_twice() -> None:
    w = world("sailthru")
    reports = w.member("reports_only")
    custom = w.custom("access_settings")

    add(w, w.owner, "marketer_admin", user=reports.user)
    add(w, w.owner, custom, user=reports.user)
    for role in ("reports_only", "marketer_admin", custom):
        with refused("ALREADY_USED"):
            add(w, w.owner, role, user=reports.user)

    assert holds(reports.user, "send_campaigns", w.north)


@pytest.mark.parametrize(
    ("edition", "role", "how", "code"),
    [
        ("emma_hq", "janitor", {}, "UNKNOWN_ROLE"),
        ("emma_hq", "owner", {}, "UNKNOWN_ROLE"),
        ("constant_contact", "account_owner", {}, "UNKNOWN_ROLE"),
        ("emma_enterprise", "administrator", {}, "UNKNOWN_ROLE"),
        ("emma_hq", "manager", {}, "WRONG_LEVEL"),
        ("emma_hq", "full", {"all_subaccounts": True}, "WRONG_LEVEL"),
        ("emma_hq", "full", {"subaccount": "west"}, "ARCHIVED"),
        ("emma_hq", "manager", {"managed": ["west"]}, "ARCHIVED"),
        ("emma_hq", "manager", {"managed": ["north"], "all_subaccounts": True}, "REACH"),
        ("emma_hq", "full", {"subaccount": "north", "managed": ["south"]}, "REACH"),
        ("emma_hq", "full", {"subaccount": "north", "all_subaccounts": True}, "REACH"),
        ("constant_contact", "campaign_creator", {"managed": ["north"]}, "REACH"),
        ("constant_contact", "campaign_creator", {"all_subaccounts": True}, "REACH"),
        ("constant_contact", "partner_manager", {"managed": ["north"]}, "REACH"),
        ("constant_contact", "partner_manager", {"managed": ["home"]}, "REACH"),
        ("constant_contact", "campaign_creator", {"subaccount": "home"}, "WRONG_LEVEL"),
        ("constant_contact", "campaign_creator", {"managed": ["home", "north"]}, "REACH"),
        ("sailthru", "marketer_admin", {"managed": ["north"]}, "REACH"),
    ],
)
def test_owner_cannot_add_what_makes_no_sense(
    edition: str, role: str, how: dict[str, Any], code: str
) -> None:
    w = world(edition)
    if "subaccount" in how:
        how = how | {"subaccount": getattr(w, how["subaccount"])}
    if "managed" in how:
        how = how | {"managed": [getattr(w, name) for name in how["managed"]]}
    with refused(code):
        add(w, w.owner, role, **how)


def test_owner_gets_no_membership() -> None:
    w = world("emma_hq")
    manager = w.manager()
    for actor in (w.owner, manager.user):
        with refused("OWNER"):
            add(w, actor, "full", user=w.owner)


def test_marketer_limited_exists_only_while_teams_are_on() -> None:
    w = world("sailthru", team_mode=TeamMode.OFF)
    reports = w.member("reports_only")
    limited = w.member("marketer_limited", status="suspended")
    with refused("ROLE_NOT_AVAILABLE"):
        add(w, w.owner, "marketer_limited")
    with refused("ROLE_NOT_AVAILABLE"):
        services.change_role(actor=w.owner, membership=reports, role="marketer_limited")
    with refused("ROLE_NOT_AVAILABLE"):
        services.reactivate_member(actor=w.owner, membership=limited)


def test_custom_roles_belong_to_their_account_and_edition() -> None:
    w, rival, emma = world("sailthru"), world("sailthru"), world("emma_hq")
    reports = w.member("reports_only")
    unknown = emma.custom("access_settings")
    for role in (rival.custom("access_settings"), unknown):
        with refused("NOT_FOUND"):
            add(w, w.owner, role)
        with refused("NOT_FOUND"):
            services.change_role(actor=w.owner, membership=reports, role=role)
    with refused("NOT_FOUND"):
        add(emma, emma.owner, unknown)


# remove


@pytest.mark.parametrize("edition", EDITIONS)
def test_remove_takes_everything_away(edition: str) -> None:
    w = world(edition)
    role = next(r for r in w.edition.roles if r.subaccount_level)
    membership = w.member(role.codename, toggles=tuple(role.optional))

    services.remove_member(actor=w.owner, membership=membership)

    assert not Membership.objects.filter(pk=membership.pk).exists()
    assert not SubaccountUserGrant.objects.filter(user=membership.user).exists()
    assert not holds(membership.user, "access_campaigns", w.north)
    event = last_event(w)
    assert (event.action, event.data["before"]["role"]) == ("member.removed", role.codename)


def test_remove_twice_is_not_found() -> None:
    w = world("emma_hq")
    membership = w.member("full")
    again = Membership.objects.get(pk=membership.pk)
    services.remove_member(actor=w.owner, membership=membership)
    for act in (services.remove_member, services.suspend_member, services.reactivate_member):
        with refused("NOT_FOUND"):
            act(actor=w.owner, membership=again)


def test_somebody_added_again_starts_from_nothing() -> None:
    w = world("sailthru")
    first = w.member("marketer_limited")
    shared, guested = MailingListFactory(subaccount=w.north), CampaignFactory(subaccount=w.south)
    team = w.team()
    services.add_to_team(actor=w.owner, team=team, user=first.user)
    services.share_with_team(actor=w.owner, team=team, obj=shared)
    services.give_guest_access(
        actor=w.owner, user=first.user, obj=guested, permissions=["access_campaigns"]
    )
    assert holds(first.user, "access_audience", shared)
    assert holds(first.user, "access_campaigns", guested)

    services.remove_member(actor=w.owner, membership=first)
    add(w, w.owner, "marketer_limited", user=first.user)

    assert not TeamMembership.objects.filter(user=first.user).exists()
    assert not holds(first.user, "access_audience", shared)
    assert not holds(first.user, "access_campaigns", guested)


@pytest.mark.parametrize("edition", EMMA)
def test_toggles_do_not_come_back(edition: str) -> None:
    w = world(edition)
    first = w.member("full", toggles=("export_contacts",))
    services.remove_member(actor=w.owner, membership=first)
    add(w, w.owner, "full", user=first.user)

    assert not holds(first.user, "export_contacts", w.north)
    assert not SubaccountUserGrant.objects.filter(user=first.user).exists()


def test_guest_access_and_teams_stay_while_another_place_is_left() -> None:
    w, rival = world("sailthru"), world("sailthru")
    north, south = w.member("reports_only"), None
    south = w.member("reports_only", w.south, user=north.user)
    elsewhere = rival.member("reports_only", user=north.user)
    rival.team(north.user)
    team = w.team(north.user)

    services.remove_member(actor=w.owner, membership=north)
    assert TeamMembership.objects.filter(team=team, user=north.user).exists()
    services.remove_member(actor=w.owner, membership=south)

    kept = TeamMembership.objects.filter(user=north.user).values_list("team__account", flat=True)
    assert list(kept) == [elsewhere.account_id]


# suspend and reactivate


def test_suspend_keeps_everything_but_its_effect() -> None:
    w = world("emma_hq")
    membership = w.member("full", toggles=("export_contacts",))

    services.suspend_member(actor=w.owner, membership=membership)
    assert not holds(membership.user, "export_contacts", w.north)
    services.reactivate_member(actor=w.owner, membership=membership)

    assert holds(membership.user, "export_contacts", w.north)
    with refused("ALREADY_SO"):
        services.reactivate_member(actor=w.owner, membership=membership)
    services.suspend_member(actor=w.owner, membership=membership)
    with refused("ALREADY_SO"):
        services.suspend_member(actor=w.owner, membership=membership)


def test_reactivation_is_a_grant_of_everything_held() -> None:
    w = world("emma_corporate")
    manager = w.manager()
    administrator = w.member("administrator", status="suspended")
    full = w.member("full", toggles=("export_contacts",))
    Membership.objects.filter(pk=full.pk).update(status="suspended")

    for membership in (administrator, full):
        with refused("OUT_OF_SCOPE") as caught:
            services.reactivate_member(actor=manager.user, membership=membership)
        assert missing(caught) == {
            (p, "North") for p in ("export_contacts", "export_pii", "run_partner_exports")
        }


# change role


def test_change_role_drops_the_toggles_that_the_new_role_lacks() -> None:
    w = world("emma_corporate")
    membership = w.member("full", toggles=("export_contacts", "share_campaigns"))

    services.change_role(actor=w.owner, membership=membership, role="editor")

    assert holds(membership.user, "export_contacts", w.north)
    assert not holds(membership.user, "share_campaigns", w.north)
    services.change_role(actor=w.owner, membership=membership, role="full")
    assert not holds(membership.user, "share_campaigns", w.north)
    assert last_event(w).data["after"]["role"] == "full"


def test_change_role_to_the_same_one() -> None:
    w = world("emma_hq")
    full = w.member("full")
    with refused("ALREADY_SO"):
        services.change_role(actor=w.owner, membership=full, role="full")


def test_change_role_to_one_that_is_held_besides() -> None:
    w = world("sailthru")
    one = w.member("reports_only")
    w.member("marketer_admin", user=one.user)
    with refused("ALREADY_USED"):
        services.change_role(actor=w.owner, membership=one, role="marketer_admin")


def test_change_role_across_levels_and_reach() -> None:
    w = world("emma_hq")
    full, everywhere = w.member("full"), w.manager()
    with refused("WRONG_LEVEL"):
        services.change_role(actor=w.owner, membership=full, role="manager")
    with refused("WRONG_LEVEL"):
        services.change_role(actor=w.owner, membership=everywhere, role="full")
    partner = world("constant_contact")
    manager = partner.manager(role="partner_manager")
    with refused("REACH"):
        services.change_role(actor=partner.owner, membership=manager, role="account_manager")


def test_change_role_of_the_primary_contact_below_full_gives_nothing() -> None:
    w = world("emma_enterprise")
    contact = w.member("full", is_primary_contact=True)
    assert holds(contact.user, "export_contacts", w.north)

    services.change_role(actor=w.owner, membership=contact, role="editor")

    assert not holds(contact.user, "export_contacts", w.north)
    assert not holds(contact.user, "purge_archived", w.north)


# reach


def test_set_manager_reach_between_some_and_all() -> None:
    w = world("emma_hq")
    manager = w.manager(w.north)

    services.set_manager_reach(actor=w.owner, membership=manager, subaccounts=[w.south])
    assert set(manager.managed.all()) == {w.south}
    assert not holds(manager.user, "access_campaigns", w.north)
    services.set_manager_reach(actor=w.owner, membership=manager, all_subaccounts=True)
    assert not ManagedSubaccount.objects.filter(membership=manager).exists()
    assert holds(manager.user, "access_campaigns", w.north)
    services.set_manager_reach(actor=w.owner, membership=manager)

    assert not holds(manager.user, "access_campaigns", w.north)
    assert last_event(w).data["before"]["all_subaccounts"] is True
    assert last_event(w).data["after"]["managed"] == []


def test_toggles_of_a_manager_follow_the_reach() -> None:
    w = world("emma_corporate")
    manager = w.manager(w.north, toggles=("export_contacts",))
    assert not holds(manager.user, "export_contacts", w.south)

    services.set_manager_reach(actor=w.owner, membership=manager, subaccounts=[w.south])

    assert holds(manager.user, "export_contacts", w.south)
    assert not holds(manager.user, "export_contacts", w.north)


def test_set_manager_reach_is_bounded_by_the_actors_own_reach() -> None:
    w = world("emma_corporate")
    actor = w.manager(w.north, toggles=("managers", "export_contacts"))
    target = w.manager(w.north)
    for how, place in (
        ({"subaccounts": [w.north, w.south]}, "South"),
        ({"all_subaccounts": True}, ELSEWHERE),
    ):
        with refused("OUT_OF_SCOPE") as caught:
            services.set_manager_reach(actor=actor.user, membership=target, **how)
        assert ("access_campaigns", place) in missing(caught)
        assert ("access_campaigns", "North") not in missing(caught)
    services.set_manager_reach(actor=actor.user, membership=target, subaccounts=[])


def test_set_manager_reach_needs_the_managers_permission() -> None:
    w = world("emma_hq")
    manager, other = w.manager(), w.manager(w.north)
    with refused("OUT_OF_SCOPE") as caught:
        services.set_manager_reach(
            actor=manager.user, membership=other, subaccounts=[w.north, w.south]
        )
    assert missing(caught) == {("manage_managers", w.account.name)}


def test_set_manager_reach_of_what_has_none() -> None:
    w, rival = world("emma_hq"), world("emma_hq")
    full, manager = w.member("full"), w.manager(w.north)
    with refused("WRONG_LEVEL"):
        services.set_manager_reach(actor=w.owner, membership=full, subaccounts=[w.north])
    with refused("REACH"):
        services.set_manager_reach(
            actor=w.owner, membership=manager, subaccounts=[w.north], all_subaccounts=True
        )
    with refused("NOT_FOUND"):
        services.set_manager_reach(
            actor=w.owner, membership=manager, subaccounts=[w.north, rival.north]
        )
    partner = world("constant_contact")
    all_clients = partner.manager(role="partner_manager")
    with refused("REACH"):
        services.set_manager_reach(
            actor=partner.owner, membership=all_clients, subaccounts=[partner.north]
        )


# primary contact


def test_primary_contact_is_one_and_moves() -> None:
    w = world("emma_enterprise")
    manager = w.manager(w.north)
    first, second = w.member("full"), w.member("full")

    services.set_primary_contact(actor=manager.user, subaccount=w.north, membership=first)
    assert holds(first.user, "export_contacts", w.north)
    assert holds(first.user, "purge_archived", w.north)
    services.set_primary_contact(actor=w.owner, subaccount=w.north, membership=second)
    assert not holds(first.user, "export_contacts", w.north)
    assert holds(second.user, "export_contacts", w.north)
    with refused("ALREADY_SO"):
        services.set_primary_contact(actor=w.owner, subaccount=w.north, membership=second)
    services.set_primary_contact(actor=w.owner, subaccount=w.north, membership=None)

    assert not Membership.objects.filter(account=w.account, is_primary_contact=True).exists()
    with refused("ALREADY_SO"):
        services.set_primary_contact(actor=w.owner, subaccount=w.north, membership=None)


@pytest.mark.parametrize("role", ["editor", "author", "response_only"])
def test_primary_contact_below_full_gives_nothing(role: str) -> None:
    w = world("emma_enterprise")
    membership = w.member(role)
    before = {p for p in w.edition.permissions if holds(membership.user, p, w.north)}

    services.set_primary_contact(actor=w.owner, subaccount=w.north, membership=membership)

    assert {p for p in w.edition.permissions if holds(membership.user, p, w.north)} == before
    assert before


def test_one_person_may_be_the_contact_of_several() -> None:
    w = world("emma_enterprise")
    north = w.member("full")
    south = w.member("full", w.south, user=north.user)
    services.set_primary_contact(actor=w.owner, subaccount=w.north, membership=north)
    services.set_primary_contact(actor=w.owner, subaccount=w.south, membership=south)

    assert holds(north.user, "purge_archived", w.north)
    assert holds(north.user, "purge_archived", w.south)


@pytest.mark.parametrize("edition", sorted(set(EDITIONS) - {"emma_enterprise"}))
def test_primary_contact_elsewhere_is_not_in_the_edition(edition: str) -> None:
    w = world(edition)
    role = next(r.codename for r in w.edition.roles if r.subaccount_level)
    membership = w.member(role)
    with refused("NOT_IN_EDITION"):
        services.set_primary_contact(actor=w.owner, subaccount=w.north, membership=membership)


def test_primary_contact_must_be_a_member_of_that_subaccount() -> None:
    w = world("emma_enterprise")
    for membership in (w.member("full", w.south), w.manager(w.north)):
        with refused("NOT_A_MEMBER"):
            services.set_primary_contact(actor=w.owner, subaccount=w.north, membership=membership)
    archived = w.member("full", w.west)
    with refused("ARCHIVED"):
        services.set_primary_contact(actor=w.owner, subaccount=w.west, membership=archived)
    rival = world("emma_enterprise")
    foreign = rival.member("full", rival.north)
    with refused("NOT_FOUND"):  # and nothing of whose it is
        services.set_primary_contact(actor=w.owner, subaccount=w.north, membership=foreign)


def test_members_choose_no_primary_contact() -> None:
    w = world("emma_enterprise")
    full, other = w.member("full"), w.member("full")
    for membership in (other, full):
        with refused("OUT_OF_SCOPE") as caught:
            services.set_primary_contact(actor=full.user, subaccount=w.north, membership=membership)
        assert missing(caught) == {("manage_members", "North")}


def test_manager_of_another_subaccount_chooses_no_primary_contact() -> None:
    w = world("emma_enterprise")
    manager, full = w.manager(w.south), w.member("full")
    with refused("OUT_OF_SCOPE") as caught:
        services.set_primary_contact(actor=manager.user, subaccount=w.north, membership=full)
    assert missing(caught) == {("manage_members", "North")}


# other accounts


def test_memberships_of_another_account_are_not_found() -> None:
    w, rival = world("emma_enterprise"), world("emma_enterprise")
    member, manager = rival.member("full"), rival.manager(rival.north)
    for act in (
        lambda: services.remove_member(actor=w.owner, membership=member),
        lambda: services.suspend_member(actor=w.owner, membership=member),
        lambda: services.reactivate_member(actor=w.owner, membership=member),
        lambda: services.change_role(actor=w.owner, membership=member, role="editor"),
        lambda: services.set_manager_reach(actor=w.owner, membership=manager, all_subaccounts=True),
        lambda: services.toggle_permission(
            actor=w.owner, membership=member, toggle="export_contacts", on=True
        ),
        lambda: services.set_primary_contact(
            actor=w.owner, subaccount=rival.north, membership=member
        ),
        lambda: add(rival, w.owner, "full"),
        lambda: add(w, w.owner, "full", subaccount=rival.north),
        lambda: add(w, w.owner, "manager", managed=[rival.north]),
    ):
        with refused("NOT_FOUND") as caught:
            act()
        assert member.user.get_full_name() not in caught.value.message


def test_somebody_with_rights_in_both_accounts_mixes_nothing() -> None:
    """Who manages in two accounts reaches into neither from the other."""
    w, other = world("emma_hq"), world("emma_hq")
    w.manager(user=other.owner)
    member = other.member("full")
    with refused("NOT_FOUND"):
        add(w, other.owner, "full", subaccount=other.north)
    with refused("NOT_FOUND"):
        add(other, other.owner, "full", subaccount=w.north)
    services.change_role(actor=other.owner, membership=member, role="editor")
