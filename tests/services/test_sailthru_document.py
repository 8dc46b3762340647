"""Sailthru's "Roles and Permissions", paragraph by paragraph.

Each test quotes what it holds. What every role holds cell by cell, through the browser too, is for
``tests/truth``; this is about the sentences around the tables.
"""

from __future__ import annotations

from typing import Any

import pytest

from permissions import access
from teams import selectors, services
from teams.catalogue import (
    ACCESS_AUDIENCE,
    ACCESS_CAMPAIGNS,
    ACCESS_CONTENT,
    ACCESS_INSIGHTS,
    ACCESS_SETTINGS,
    ASSIGN_TEAM_RESOURCES,
    CATALOGUE,
    CHANGE_LIST_TYPE,
    DELETE_LISTS,
    EXPORT_PII,
    MANAGE_HOSTED_PAGES,
    MANAGE_MEMBERS,
    MANAGE_ROLES,
    MANAGE_TEAMS,
    RENAME_LISTS,
    RUN_PARTNER_EXPORTS,
    SEND_CAMPAIGNS,
    USE_API_TEST,
    USE_AUDIENCE_BUILDER,
    VIEW_METER_USAGE,
)
from teams.editions import sailthru
from teams.factories import MailingListFactory, MessageTemplateFactory, UserFactory
from teams.models import Membership, Role
from tests.services.world import World, holds, refused, world

pytestmark = [pytest.mark.django_db, pytest.mark.once]

DISABLED = {
    DELETE_LISTS,
    CHANGE_LIST_TYPE,
    RENAME_LISTS,
    EXPORT_PII,
    MANAGE_ROLES,
    MANAGE_MEMBERS,
    MANAGE_TEAMS,
    VIEW_METER_USAGE,
}


@pytest.fixture
def w() -> World:
    return world("sailthru")


def of_the_document(w: World, user: Any) -> set[str]:
    """Return which of the document's 27 permissions ``user`` holds somewhere in the account."""
    custom = sailthru.EDITION.custom_roles
    assert custom is not None
    with access.unit_of_work():
        return {
            str(p)
            for p in custom.tickable | custom.always
            if holds(user, p, w.account if CATALOGUE[p].level == "account" else w.north)
        }


def test_your_csm_is_unable_to_grant_your_team_access_to_your_account(w: World) -> None:
    """“Please ask an Account Admin on your team”."""
    csm = UserFactory(is_staff=True)
    ana = w.member("reports_only")
    with refused("OPERATOR"):
        services.change_role(actor=csm, membership=ana, role="account_admin")
    admin = w.manager(role="account_admin").user
    services.change_role(actor=admin, membership=ana, role="account_admin")


def test_you_can_assign_users_one_of_the_default_roles_or_create_custom_roles(w: World) -> None:
    """“If you have no custom roles, you'll only see the four default roles”."""
    labels = [str(role.label) for role in w.edition.roles]
    assert labels == ["Account Admin", "Marketer Admin", "Marketer Limited", "Reports Only"]
    assert not selectors.custom_roles_of(w.account).exists()


def test_each_default_role_comes_with_permissions_that_cannot_be_changed(w: World) -> None:
    with refused("WRONG_TYPE"):
        services.edit_role(actor=w.owner, role="account_admin", permissions=[])  # type: ignore[arg-type]
    with refused("WRONG_TYPE"):
        services.delete_role(actor=w.owner, role="reports_only")  # type: ignore[arg-type]
    for name in ("Account Admin", "account_admin", "REPORTS ONLY"):
        with refused("RESERVED_NAME"):
            services.create_role(actor=w.owner, account=w.account, name=name, permissions=[])


def test_what_is_disabled_in_each_default_role(w: World) -> None:
    """“All permissions enabled”; “the following permissions are disabled”; “all permissions are
    disabled”, and Analytics is “given to all users by default”."""
    every = of_the_document(w, w.manager(role="account_admin").user)
    assert len(every) == 27
    marketer = of_the_document(w, w.manager(role="marketer_admin").user)
    assert every - marketer == {str(p) for p in DISABLED}
    limited = of_the_document(w, w.manager(role="marketer_limited").user)
    assert marketer - limited == {str(USE_API_TEST), str(ASSIGN_TEAM_RESOURCES)}
    assert of_the_document(w, w.manager(role="reports_only").user) == {str(ACCESS_INSIGHTS)}
    assert of_the_document(w, w.member(w.custom()).user) == {str(ACCESS_INSIGHTS)}


def test_marketer_limited_is_only_available_if_your_account_is_teams_enabled(w: World) -> None:
    limited = w.member("marketer_limited")
    with refused("ROLE_NEEDS_TEAMS"):
        services.set_team_mode(actor=w.owner, account=w.account, mode="off")
    services.change_role(actor=w.owner, membership=limited, role="reports_only")
    services.set_team_mode(actor=w.owner, account=w.account, mode="off")
    with refused("ROLE_NOT_AVAILABLE"):
        services.change_role(actor=w.owner, membership=limited, role="marketer_limited")


def test_meter_usage_must_be_held_in_your_parent_client_id(w: World) -> None:
    role = w.custom(VIEW_METER_USAGE)
    assert not holds(w.member(role).user, VIEW_METER_USAGE, w.account)
    assert holds(w.manager(role=role).user, VIEW_METER_USAGE, w.account)


def test_a_menu_is_required_for_what_is_located_under_it(w: World) -> None:
    """“Access to the 'Audience Builder' dropdown menu located under Users”, and the like."""
    for under, menu in (
        (USE_AUDIENCE_BUILDER, ACCESS_AUDIENCE),
        (RUN_PARTNER_EXPORTS, ACCESS_AUDIENCE),
        (MANAGE_HOSTED_PAGES, ACCESS_CONTENT),
        (USE_API_TEST, ACCESS_SETTINGS),
    ):
        with refused("NEEDS_MENU"):
            services.create_role(
                actor=w.owner, account=w.account, name="Bare", permissions=[str(under)]
            )
        both = [str(under), str(menu)]
        made = services.create_role(
            actor=w.owner, account=w.account, name=f"With {menu}, {under}", permissions=both
        )
        assert {str(under), str(menu)} <= of_the_document(w, w.member(made).user)


def test_who_manages_users_roles_and_teams(w: World) -> None:
    """“Create, edit, and delete users”; “assign users to roles and create, edit,
    and delete roles”; “assign users to teams and create, edit, and delete teams”: each a permission
    of its own."""
    roles = w.member(w.custom(MANAGE_ROLES)).user
    people = w.member(w.custom(MANAGE_MEMBERS)).user
    teams = w.member(w.custom(MANAGE_TEAMS)).user
    target = w.member(w.custom())
    made = services.create_role(actor=roles, account=w.account, name="Mine", permissions=[])
    for actor in (people, teams):
        with refused("OUT_OF_SCOPE"):
            services.create_role(actor=actor, account=w.account, name="Theirs", permissions=[])
    for actor in (roles, people, teams):
        with refused("OUT_OF_SCOPE"):  # to give a role to somebody takes both
            services.change_role(actor=actor, membership=target, role=made)
    services.suspend_member(actor=people, membership=target)
    services.create_team(actor=teams, account=w.account, name="Spring")
    for actor in (roles, people):
        with refused("OUT_OF_SCOPE"):
            services.create_team(actor=actor, account=w.account, name="Summer")


def test_assign_team_resources_when_disabled(w: World) -> None:
    """“The user will not be able to see any lists and templates unless those
    resources and the user are assigned to the same team. If the user creates a new template and/or
    list, it will automatically be assigned to the user's team(s)”."""
    ana = w.member(w.custom(ACCESS_AUDIENCE, ACCESS_CONTENT, ACCESS_CAMPAIGNS, SEND_CAMPAIGNS)).user
    spring, summer = w.team(ana), w.team()
    things = [MailingListFactory(subaccount=w.north), MessageTemplateFactory(subaccount=w.north)]
    views = (ACCESS_AUDIENCE, ACCESS_CONTENT)
    for thing, view in zip(things, views, strict=True):
        services.share_with_team(actor=w.owner, team=summer, obj=thing)
        assert not holds(ana, view, thing)
        services.share_with_team(actor=w.owner, team=spring, obj=thing)
        assert holds(ana, view, thing)
        with refused("OUT_OF_SCOPE"):
            services.unshare_with_team(actor=ana, team=spring, obj=thing)
    made = services.create_list(actor=ana, subaccount=w.north, name="Loyal")
    assert [row.group for row in made.group_grants.all()] == [spring.group]


def test_assign_team_resources_when_enabled(w: World) -> None:
    """“The user will be able to see all lists and templates regardless of their team assignment.
    The user will be able to assign lists and templates to teams”."""
    ana = w.member(w.custom(ACCESS_AUDIENCE, ACCESS_CONTENT, ASSIGN_TEAM_RESOURCES)).user
    spring = w.team()
    for thing, view in (
        (MailingListFactory(subaccount=w.north), ACCESS_AUDIENCE),
        (MessageTemplateFactory(subaccount=w.north), ACCESS_CONTENT),
    ):
        assert holds(ana, view, thing)
        services.share_with_team(actor=ana, team=spring, obj=thing)
        assert holds(ana, view, thing)


def test_a_custom_role_has_a_name_a_description_and_permissions_and_can_be_deleted(
    w: World,
) -> None:
    """“Give your new role a name and a description. Select the permissions you wish to associate
    with your new role.” And the trash can in its row."""
    made = services.create_role(
        actor=w.owner,
        account=w.account,
        name="Producer",
        description="Prepares and sends.",
        permissions=[str(ACCESS_CAMPAIGNS), str(SEND_CAMPAIGNS)],
    )
    stored = Role.objects.get(pk=made.pk)
    assert (stored.name, stored.description) == ("Producer", "Prepares and sends.")
    assert stored.permissions == [str(ACCESS_CAMPAIGNS), str(SEND_CAMPAIGNS)]
    ana = w.member(made)
    with refused("IN_USE"):
        services.delete_role(actor=w.owner, role=made)
    services.delete_role(actor=w.owner, role=made, replacement="reports_only")
    assert Membership.objects.get(pk=ana.pk).role == "reports_only"
    assert not Role.objects.exists()
