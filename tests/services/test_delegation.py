"""Who may change whose rights: the cases of ``tests/truth/README.md``, on every path."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from permissions.errors import ServiceError
from teams import services
from teams.factories import UserFactory
from teams.models import Membership
from tests.services.world import ELSEWHERE, World, holds, missing, refused, world

pytestmark = pytest.mark.django_db

EXPORTS = {(p, "North") for p in ("export_contacts", "export_pii", "run_partner_exports")}

#: every service that touches a membership without adding to it
TOUCHES: dict[str, Callable[[Any, Membership], Any]] = {
    "remove": lambda actor, m: services.remove_member(actor=actor, membership=m),
    "suspend": lambda actor, m: services.suspend_member(actor=actor, membership=m),
    "demote": lambda actor, m: services.change_role(
        actor=actor, membership=m, role="response_only"
    ),
    "toggle off": lambda actor, m: services.toggle_permission(
        actor=actor, membership=m, toggle="share_campaigns", on=False
    ),
}


def add(w: World, actor: Any, role: Any, user: Any = None, **extra: Any) -> Membership:
    place = {} if {"managed", "all_subaccounts"} & extra.keys() else {"subaccount": w.north}
    return services.add_member(
        consented=True,
        actor=actor,
        account=w.account,
        role=role,
        user=user or UserFactory(),
        **{**place, **extra},
    )


# what one adds must be covered by what one holds


def test_corporate_manager_without_export_makes_nobody_administrator() -> None:
    w = world("emma_corporate")
    manager, full = w.manager(w.north), w.member("full")
    suspended = w.member("administrator", status="suspended")
    for act in (
        lambda: add(w, manager.user, "administrator"),
        lambda: services.change_role(actor=manager.user, membership=full, role="administrator"),
        lambda: services.reactivate_member(actor=manager.user, membership=suspended),
    ):
        with refused("OUT_OF_SCOPE") as caught:
            act()
        assert missing(caught) == EXPORTS
        assert "Export contacts in North" in caught.value.message


def test_corporate_manager_with_export_makes_an_administrator() -> None:
    w = world("emma_corporate")
    manager = w.manager(w.north, toggles=("export_contacts",))

    made = add(w, manager.user, "administrator")

    assert holds(made.user, "export_contacts", w.north)


def test_corporate_manager_without_export_still_makes_everybody_below() -> None:
    w = world("emma_corporate")
    manager = w.manager(w.north)
    for role in ("full", "editor", "author", "response_only"):
        assert add(w, manager.user, role).role == role


def test_export_elsewhere_does_not_cover_here() -> None:
    """The permission and the place must be held together."""
    w = world("emma_corporate")
    manager = w.manager(w.north)
    w.member("administrator", w.south, user=manager.user)
    assert holds(manager.user, "export_contacts", w.south)
    with refused("OUT_OF_SCOPE") as caught:
        add(w, manager.user, "administrator")
    assert missing(caught) == EXPORTS


def test_manager_holding_managers_creates_peers_within_their_own_reach() -> None:
    w = world("emma_corporate")
    manager = w.manager(w.north, toggles=("managers",))

    add(w, manager.user, "manager", managed=[w.north])
    for reach, place in (({"managed": [w.south]}, "South"), ({"all_subaccounts": True}, ELSEWHERE)):
        with refused("OUT_OF_SCOPE") as caught:
            add(w, manager.user, "manager", **reach)
        assert ("access_campaigns", place) in missing(caught)
        assert ("access_campaigns", "North") not in missing(caught)


def test_all_current_subaccounts_do_not_cover_future_ones() -> None:
    w = world("emma_corporate")
    manager = w.manager(w.north, w.south, w.west, toggles=("managers",))
    with refused("OUT_OF_SCOPE") as caught:
        add(w, manager.user, "manager", all_subaccounts=True)
    assert {place for _, place in missing(caught)} == {"every future subaccount"}


def test_conditions_count_as_symbols_when_handed_on() -> None:
    """One who holds something while billed on the single bill may hand on just that."""
    w = world("constant_contact", single_bill=True)
    manager = w.manager(role="partner_manager")
    assert holds(manager.user, "view_subaccount_billing", w.north)

    made = add(w, manager.user, "account_manager")

    w.account.single_bill = False
    w.account.save()
    assert not holds(made.user, "view_subaccount_billing", w.north)


# rank


@pytest.mark.parametrize("touch", TOUCHES)
def test_corporate_administrator_may_not_edit_another(touch: str) -> None:
    w = world("emma_corporate")
    actor = w.member("administrator", toggles=("share_campaigns",))
    other = w.member("administrator", toggles=("share_campaigns",))
    with refused("RANK_TOO_HIGH"):
        TOUCHES[touch](actor.user, other)


@pytest.mark.parametrize("touch", ["remove", "suspend", "demote"])
def test_hq_administrators_edit_each_other(touch: str) -> None:
    w = world("emma_hq")
    actor, other = w.member("administrator"), w.member("administrator")
    assert holds(other.user, "send_campaigns", w.north)

    TOUCHES[touch](actor.user, other)

    assert not holds(other.user, "send_campaigns", w.north)


def test_corporate_administrator_makes_no_administrator_and_one_of_hq_does() -> None:
    corporate, hq = world("emma_corporate"), world("emma_hq")
    for w in (corporate, hq):
        administrator, full = w.member("administrator"), w.member("full")
        attempts = (
            lambda w=w, a=administrator: add(w, a.user, "administrator"),
            lambda a=administrator, f=full: services.change_role(
                actor=a.user, membership=f, role="administrator"
            ),
        )
        for attempt in attempts:
            if w is hq:
                assert attempt().role == "administrator"
            else:
                with refused("RANK_TOO_HIGH"):
                    attempt()


def test_last_hq_administrator_cannot_demote_or_remove_themselves() -> None:
    w = world("emma_hq")
    last = w.member("administrator")
    for touch in ("demote", "remove", "suspend"):
        with refused("OWN_RIGHTS") as caught:
            TOUCHES[touch](last.user, last)
        assert "nobody changes their own rights" in caught.value.message


@pytest.mark.parametrize("edition", ["emma_corporate", "emma_hq", "sailthru"])
def test_nobody_changes_their_own_rights(edition: str) -> None:
    w = world(edition)
    role = "account_admin" if edition == "sailthru" else "administrator"
    own = w.member(role)
    w.member(role)  # not the last one
    free = UserFactory()
    with refused("OWN_RIGHTS"):
        services.remove_member(actor=own.user, membership=own)
    with refused("OWN_RIGHTS"):
        services.suspend_member(actor=own.user, membership=own)
    south = w.member("reports_only" if edition == "sailthru" else "full", w.south)
    administrator = w.member(role, w.south, user=free)
    with refused("OWN_RIGHTS"):
        services.add_member(
            consented=True,
            actor=free,
            account=w.account,
            user=free,
            role="marketer_admin" if edition == "sailthru" else "editor",
            subaccount=w.south,
        )
    assert {south.pk, administrator.pk} <= set(Membership.objects.values_list("pk", flat=True))


def test_corporate_manager_does_not_toggle_or_widen_their_own() -> None:
    w = world("emma_corporate")
    manager = w.manager(w.north, toggles=("managers", "export_contacts"))
    for act in (
        lambda: services.toggle_permission(
            actor=manager.user, membership=manager, toggle="export_contacts", on=True
        ),
        lambda: services.set_manager_reach(
            actor=manager.user, membership=manager, subaccounts=[w.north]
        ),
        lambda: add(w, manager.user, "full", user=manager.user),
    ):
        with refused("OWN_RIGHTS"):
            act()


def test_rank_of_an_account_level_role_counts_inside_what_it_reaches() -> None:
    """A manager who also is a member of the subaccount is not the Administrator's to change."""
    w = world("emma_hq")
    administrator = w.member("administrator")
    manager = w.manager(w.north)
    besides = w.member("full", user=manager.user)
    elsewhere = w.manager(w.south)
    beneath = w.member("full", user=elsewhere.user)

    with refused("RANK_TOO_HIGH"):
        services.remove_member(actor=administrator.user, membership=besides)
    services.remove_member(actor=administrator.user, membership=beneath)


@pytest.mark.parametrize("edition", ["emma_enterprise", "emma_hq"])
def test_manager_neither_creates_nor_edits_managers(edition: str) -> None:
    w = world(edition)
    actor, other = w.manager(toggles=("billing_reports", "subaccounts")), w.manager(w.north)
    for act in (
        lambda: add(w, actor.user, "manager", managed=[w.north]),
        lambda: add(w, actor.user, "manager", all_subaccounts=True),
        lambda: services.remove_member(actor=actor.user, membership=other),
        lambda: services.suspend_member(actor=actor.user, membership=other),
        lambda: services.toggle_permission(
            actor=actor.user, membership=other, toggle="subaccounts", on=False
        ),
    ):
        with refused("OUT_OF_SCOPE") as caught:
            act()
        assert missing(caught) == {("manage_managers", w.account.name)}


@pytest.mark.parametrize("role", ["full", "editor", "author", "response_only"])
def test_no_enterprise_member_level_creates_team_members(role: str) -> None:
    w = world("emma_enterprise")
    actor = w.member(role, is_primary_contact=True)
    other = w.member("response_only")
    for act in (
        lambda: add(w, actor.user, "response_only"),
        lambda: services.remove_member(actor=actor.user, membership=other),
        lambda: services.change_role(actor=actor.user, membership=other, role="author"),
    ):
        with refused("OUT_OF_SCOPE") as caught:
            act()
        assert missing(caught) == {("manage_members", "North")}
        assert "it needs Add and edit people in North" in caught.value.message


@pytest.mark.parametrize("edition", ["emma_corporate", "emma_enterprise", "emma_hq"])
def test_manager_works_only_in_the_subaccounts_they_manage(edition: str) -> None:
    w = world(edition)
    manager, south = w.manager(w.north), w.member("full", w.south)
    for act in (
        lambda: services.add_member(
            consented=True,
            actor=manager.user,
            account=w.account,
            user=south.user,
            role="editor",
            subaccount=w.south,
        ),
        lambda: services.remove_member(actor=manager.user, membership=south),
        lambda: services.change_role(actor=manager.user, membership=south, role="editor"),
        lambda: services.suspend_member(actor=manager.user, membership=south),
    ):
        with refused("OUT_OF_SCOPE") as caught:
            act()
        assert missing(caught) == {("manage_members", "South")}
    assert add(w, manager.user, "editor", user=south.user).subaccount == w.north


# the owner


@pytest.mark.parametrize("is_active", [True, False])
def test_nobody_touches_the_owner_even_with_the_login_switched_off(is_active: bool) -> None:
    """A membership of the owner should not be there; should it be, it is not to be had."""
    w = world("emma_hq")
    manager = w.manager()
    stray = w.member("full", user=w.owner)
    w.owner.is_active = is_active
    w.owner.save()
    for touch in ("remove", "suspend", "demote"):
        with refused("OWNER_REQUIRED"):
            TOUCHES[touch](manager.user, stray)


def test_owner_cannot_be_given_guest_access_or_a_team() -> None:
    w = world("sailthru")
    admin, team = w.manager(role="account_admin"), w.team()
    with refused("OWNER_REQUIRED"):
        services.add_to_team(actor=admin.user, team=team, user=w.owner)
    with refused("OWNER_REQUIRED"):
        services.give_guest_access(
            actor=admin.user, user=w.owner, obj=w.north, permissions=["access_audience"]
        )


# Constant Contact


def test_partner_manager_changes_roles_in_client_accounts_only() -> None:
    w = world("constant_contact")
    manager = w.manager(role="partner_manager")
    home = w.manager(w.home, role="campaign_creator")

    creator = add(w, manager.user, "campaign_creator")
    services.change_role(actor=manager.user, membership=creator, role="account_manager")
    services.remove_member(actor=manager.user, membership=creator)
    for act in (
        lambda: add(w, manager.user, "campaign_creator", managed=[w.home]),
        lambda: add(w, manager.user, "account_manager", managed=[w.home]),
        lambda: add(w, manager.user, "partner_manager", all_subaccounts=True),
        lambda: services.remove_member(actor=manager.user, membership=home),
        lambda: services.change_role(actor=manager.user, membership=home, role="account_manager"),
    ):
        with refused("OUT_OF_SCOPE") as caught:
            act()
        assert missing(caught) == {("manage_managers", w.account.name)}


def test_partner_manager_makes_nobody_owner() -> None:
    w = world("constant_contact")
    manager = w.manager(role="partner_manager")
    for place in ({"subaccount": w.north}, {"all_subaccounts": True}):
        with refused("UNKNOWN_ROLE"):
            services.add_member(
                consented=True,
                actor=manager.user,
                account=w.account,
                user=manager.user,
                role="account_owner",
                **place,
            )


@pytest.mark.parametrize("role", ["account_manager", "campaign_creator"])
def test_people_of_one_client_account_change_nobody(role: str) -> None:
    w = world("constant_contact")
    actor, other = w.member(role), w.member("campaign_creator")
    for act in (
        lambda: add(w, actor.user, "campaign_creator"),
        lambda: services.remove_member(actor=actor.user, membership=other),
    ):
        with refused("OUT_OF_SCOPE") as caught:
            act()
        assert missing(caught) == {("manage_members", "North")}


# Sailthru


def test_creating_people_and_giving_roles_are_two_permissions() -> None:
    w = world("sailthru")
    people = w.member(w.custom("access_settings", "manage_members"))
    roles = w.member(w.custom("access_settings", "manage_roles"))
    both = w.member(w.custom("access_settings", "manage_members", "manage_roles"))
    target = w.member("reports_only")
    settings = w.custom("access_settings")

    for act in (
        lambda: add(w, people.user, "reports_only"),
        lambda: services.change_role(actor=people.user, membership=target, role=settings),
    ):
        with refused("OUT_OF_SCOPE") as caught:
            act()
        assert missing(caught) == {("manage_roles", "North")}
    for act in (
        lambda: add(w, roles.user, "reports_only"),
        lambda: services.change_role(actor=roles.user, membership=target, role=settings),
        lambda: services.suspend_member(actor=roles.user, membership=target),
        lambda: services.remove_member(actor=roles.user, membership=target),
    ):
        with refused("OUT_OF_SCOPE") as caught:
            act()
        assert missing(caught) == {("manage_members", "North")}

    services.suspend_member(actor=people.user, membership=target)
    with refused("OUT_OF_SCOPE") as caught:
        services.reactivate_member(actor=people.user, membership=target)
    assert missing(caught) == {("manage_roles", "North")}
    services.reactivate_member(actor=both.user, membership=target)
    services.change_role(actor=both.user, membership=target, role=settings)
    assert add(w, both.user, settings).custom_role == settings


def test_sailthru_has_no_ranks_and_coverage_decides() -> None:
    w = world("sailthru")
    actor = w.member(w.custom("access_settings", "manage_members", "manage_roles"))
    admin, reports = w.member("account_admin"), w.member("reports_only")

    for act in (
        lambda: services.remove_member(actor=actor.user, membership=admin),
        lambda: services.suspend_member(actor=actor.user, membership=admin),
        lambda: services.change_role(actor=actor.user, membership=admin, role="reports_only"),
    ):
        with refused("RANK_TOO_HIGH") as caught:
            act()
        assert ("send_campaigns", "North") in missing(caught)
        assert ("manage_members", "North") not in missing(caught)
    for act in (
        lambda: add(w, actor.user, "marketer_admin"),
        lambda: services.change_role(actor=actor.user, membership=reports, role="account_admin"),
        lambda: add(w, actor.user, w.custom("access_audience", "export_pii")),
    ):
        with pytest.raises(ServiceError) as refusal:
            act()
        assert refusal.value.code == "OUT_OF_SCOPE"
    services.remove_member(actor=actor.user, membership=reports)


def test_account_admins_of_one_place_manage_each_other_and_not_those_above() -> None:
    w = world("sailthru")
    here, other = w.member("account_admin"), w.member("account_admin")
    above = w.manager(role="account_admin")

    services.suspend_member(actor=here.user, membership=other)
    with refused("OUT_OF_SCOPE") as caught:
        services.suspend_member(actor=here.user, membership=above)
    assert missing(caught) == {
        (p, place)
        for p in ("manage_members",)
        for place in ("South", "West", "every future subaccount")
    }
    services.suspend_member(actor=above.user, membership=here)


def test_sailthru_roles_held_in_one_subaccount_reach_no_other() -> None:
    w = world("sailthru")
    actor = w.member("account_admin")
    south = w.member("reports_only", w.south)
    with refused("OUT_OF_SCOPE") as caught:
        services.remove_member(actor=actor.user, membership=south)
    assert missing(caught) == {("manage_members", "South")}
    with refused("OUT_OF_SCOPE"):
        add(w, actor.user, "reports_only", user=south.user, all_subaccounts=True)


# a chain: two together raise nobody


def test_two_managers_together_raise_neither() -> None:
    """Each may make the other's deputy, neither gets what both lack."""
    w = world("emma_corporate")
    one = w.manager(w.north, toggles=("managers",))
    two = w.manager(w.north, toggles=("managers",))
    for actor, target in ((one, two), (two, one)):
        for toggle in ("export_contacts", "billing", "sso", "subaccounts", "brand_assets"):
            with refused("OUT_OF_SCOPE"):
                services.toggle_permission(
                    actor=actor.user, membership=target, toggle=toggle, on=True
                )
