"""Custom roles: what they may be made of, and that changing one is a grant to whoever has it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from permissions import access
from permissions.errors import ServiceError
from permissions.models import AuditEvent
from teams import integrity, services
from teams.catalogue import (
    ACCESS_AUDIENCE,
    ACCESS_CAMPAIGNS,
    ACCESS_CONTENT,
    ACCESS_SETTINGS,
    ASSIGN_TEAM_RESOURCES,
    DELETE_LISTS,
    EXPORT_PII,
    MANAGE_MEMBERS,
    MANAGE_ROLES,
    RENAME_LISTS,
    SEND_CAMPAIGNS,
    USE_API_TEST,
    VIEW_METER_USAGE,
)
from teams.editions import EDITIONS, get
from teams.factories import InvitationFactory, MailingListFactory, MembershipFactory, UserFactory
from teams.models import (
    Invitation,
    ManagedGroup,
    Membership,
    Role,
    SubaccountGroup,
    SubaccountUserGrant,
)
from teams.roles import holders_of, in_order, roles_of, ticks_of, uses_of, with_needed
from teams.services.base import changing
from teams.services.change import Change
from teams.services.gates import places_of
from teams.services.glance import Glance
from teams.services.holders import Holders
from teams.services.offers import Offers
from teams.services.roles import _added
from tests.services.world import ELSEWHERE, World, holds, missing, refused, world

pytestmark = pytest.mark.django_db

#: what somebody needs who writes roles and sees all lists
GIVER = (MANAGE_ROLES, ASSIGN_TEAM_RESOURCES)


@pytest.fixture
def w() -> World:
    return world("sailthru")


def offers(w: World, person: Any) -> Offers:
    glance = Glance.open(person, w.account, access.profile_of(person, fresh=True))
    assert glance is not None
    return Offers(glance)


def create(w: World, actor: Any, *permissions: str, name: str = "Listkeeper") -> Role:
    return services.create_role(
        actor=actor, account=w.account, name=name, permissions=list(permissions)
    )


def edit(actor: Any, role: Role, *permissions: str) -> Role:
    return services.edit_role(actor=actor, role=role, permissions=list(permissions))


def group_reaching(w: World, membership: Membership, *places: Any) -> None:
    """Let an account-level membership reach a group of ``places`` and nothing else."""
    Membership.objects.filter(pk=membership.pk).update(all_subaccounts=False)
    group = SubaccountGroup.objects.create(account=w.account, name=f"Group {membership.pk}")
    for place in places:
        group.contents.create(account=w.account, subaccount=place)
    ManagedGroup.objects.create(account=w.account, membership=membership, group=group)


# what a role is made of


def test_ticks_are_stored_once_in_the_order_of_the_catalogue_and_copied(w: World) -> None:
    role = create(w, w.owner, RENAME_LISTS, ACCESS_AUDIENCE, RENAME_LISTS, name="  Lists ")
    assert (role.name, role.permissions) == ("Lists", ["access_audience", "rename_lists"])
    twin = create(w, w.owner, *ticks_of(w.edition, role), name="Lists too")
    assert twin.permissions == role.permissions
    event = AuditEvent.objects.filter(action="role.created").first()
    assert event is not None
    assert event.data == {
        "name": "Lists", "description": "", "permissions": ["access_audience", "rename_lists"],
    }  # fmt: skip
    assert ticks_of(w.edition, "account_admin") == w.edition.custom_roles.tickable  # type: ignore[union-attr]
    assert ticks_of(w.edition, "reports_only") == frozenset()
    assert ticks_of(get("emma_hq"), "full") == frozenset()


def test_menus_are_needed_and_ticked_along(w: World) -> None:
    assert with_needed([RENAME_LISTS, USE_API_TEST, SEND_CAMPAIGNS]) == {
        RENAME_LISTS, ACCESS_AUDIENCE, USE_API_TEST, ACCESS_SETTINGS, SEND_CAMPAIGNS,
    }  # fmt: skip
    with refused("NEEDS_MENU") as caught:
        create(w, w.owner, RENAME_LISTS)
    assert caught.value.message == ("Rename lists is found under the menu Audience: tick that too.")
    role = w.custom(ACCESS_AUDIENCE, RENAME_LISTS)
    with refused("NEEDS_MENU"):
        edit(w.owner, role, RENAME_LISTS)


def test_what_may_not_be_ticked_is_named(w: World) -> None:
    for wrong in ("view_contacts", "access_insights", "manage_managers", "no_such", "\u202e"):
        with refused("UNKNOWN_PERMISSION") as caught:
            create(w, w.owner, ACCESS_AUDIENCE, wrong)
        assert ascii(wrong) in caught.value.message
    assert not Role.objects.exists()


def test_only_where_the_edition_has_custom_roles() -> None:
    for codename, edition in EDITIONS.items():
        if edition.custom_roles is not None:
            # what ``Holders`` relies on
            assert all(role.rank is None and not role.optional for role in edition.roles)
            assert not edition.has_primary_contact
            continue
        w = world(codename)
        role = w.custom(ACCESS_AUDIENCE)
        with refused("NOT_IN_EDITION"):
            create(w, w.owner, ACCESS_AUDIENCE)
        with refused("NOT_IN_EDITION"):
            edit(w.owner, role)
        with refused("NOT_IN_EDITION"):
            services.delete_role(actor=w.owner, role=role)


def test_names_are_nobody_elses(w: World) -> None:
    role = create(w, w.owner, name="Café keepers")
    other = w.custom()
    built_in = (
        "Account Admin", "account_admin", "ACCOUNT ADMIN", "Ａccount Admin", "account\u00a0admin",
        "Account\u200d Admin", "reports-only", "Marketer  Limited", "owner", "OWNER",
    )  # fmt: skip
    for name in built_in:
        with refused("RESERVED_NAME"):
            create(w, w.owner, name=name)
        with refused("RESERVED_NAME"):
            services.edit_role(actor=w.owner, role=other, name=name)
    for name in ("CAFÉ KEEPERS", "Cafe\u0301 keepers", "Ｃafé keepers"):
        with refused("ALREADY_USED"):
            create(w, w.owner, name=name)
    services.edit_role(actor=w.owner, role=role, name="CAFÉ keepers")  # one's own, in other letters
    rival = world("sailthru")
    create(rival, rival.owner, name="Café keepers")


# who may compose


def test_nobody_composes_what_they_could_never_give(w: World) -> None:
    writer = w.member(w.custom(*GIVER, ACCESS_AUDIENCE, RENAME_LISTS)).user
    # at another place, where they may give no role
    w.member(w.custom(ACCESS_SETTINGS), w.south, user=writer)
    assert create(w, writer, ACCESS_AUDIENCE, RENAME_LISTS).permissions
    for tick, place in ((DELETE_LISTS, "North"), (ACCESS_SETTINGS, "North")):
        with refused("OUT_OF_SCOPE") as caught:
            create(w, writer, ACCESS_AUDIENCE, tick, name="More")
        assert missing(caught) == {(str(tick), place)}
    with refused("OUT_OF_SCOPE") as caught:
        create(w, writer, VIEW_METER_USAGE, name="More")
    assert missing(caught) == {("view_meter_usage", w.account.name)}
    found = offers(w, writer).tick_refusals()
    mine = {*GIVER, ACCESS_AUDIENCE, RENAME_LISTS}
    assert found.keys() == {*w.edition.custom_roles.tickable} - mine  # type: ignore[union-attr]
    assert found["view_meter_usage"] == (
        f"You do not hold Meter usage in {w.account.name}, so you cannot put it into a role."
    )
    assert not offers(w, w.owner).tick_refusals()
    plain = w.member(w.custom(MANAGE_MEMBERS)).user
    assert offers(w, plain).composing_refusal()
    assert not offers(w, writer).composing_refusal()
    with refused("OUT_OF_SCOPE"):
        create(w, plain)
    stranger = world("sailthru").owner
    with refused("NOT_FOUND"):
        create(w, stranger)


def test_what_follows_from_two_ticks_counts(w: World) -> None:
    """Two roles that add up do not hold what one with both ticks would."""
    writer = w.member(w.custom(*GIVER)).user
    w.member(w.custom(MANAGE_MEMBERS), user=writer)
    with refused("OUT_OF_SCOPE") as caught:
        create(w, writer, MANAGE_ROLES, MANAGE_MEMBERS)
    assert missing(caught) == {("manage_administrators", "North")}


# an edit is a grant to everybody


def test_an_edit_counts_for_all_at_once_and_says_before_and_after(w: World) -> None:
    role = w.custom(ACCESS_AUDIENCE)
    ana, ben = w.member(role).user, w.manager(role=role).user
    edit(w.owner, role, ACCESS_AUDIENCE, RENAME_LISTS, VIEW_METER_USAGE)
    assert all(holds(one, RENAME_LISTS, w.north) for one in (ana, ben))
    assert [holds(one, VIEW_METER_USAGE, w.account) for one in (ana, ben)] == [False, True]
    services.edit_role(actor=w.owner, role=role, name="Keepers", description="Tidy", permissions=[])
    assert not holds(ana, ACCESS_AUDIENCE, w.north)
    event = AuditEvent.objects.filter(action="role.edited").latest("pk")
    assert event.data["before"]["permissions"] == [
        "access_audience", "rename_lists", "view_meter_usage",
    ]  # fmt: skip
    assert event.data["after"] == {"name": "Keepers", "description": "Tidy", "permissions": []}
    assert AuditEvent.objects.filter(action="role.edited").count() == 2
    with refused("ALREADY_SO"):
        services.edit_role(actor=w.owner, role=role, name="Keepers", permissions=[])
    with refused("ALREADY_SO"):
        services.edit_role(actor=w.owner, role=role)


def test_nobody_edits_what_they_have_or_are_offered(w: World) -> None:
    role = w.custom(*GIVER, ACCESS_AUDIENCE)
    for state in ({}, {"status": "suspended"}):
        writer = w.member(w.custom(*GIVER, ACCESS_AUDIENCE, SEND_CAMPAIGNS)).user
        w.member(role, user=writer, **state)
        for ticks in ((*GIVER, ACCESS_AUDIENCE, SEND_CAMPAIGNS), GIVER):  # more, and less
            with refused("OWN_RIGHTS"):
                edit(writer, role, *ticks)
        assert offers(w, writer).role_refusal(role).endswith("nobody changes their own rights.")
        assert services.edit_role(actor=writer, role=role, name=f"Mine {writer.pk}")
        assert not offers(w, writer).naming_refusal(role)
    invited = w.member(w.custom(*GIVER), user=UserFactory(email="ana@new.example")).user
    offered = w.custom(ACCESS_AUDIENCE)
    InvitationFactory(
        account=w.account, subaccount=w.north, role="", custom_role=offered, exclusive=False,
        address="ana@new.example",
    )  # fmt: skip
    with refused("OWN_RIGHTS"):
        edit(invited, offered)


def test_the_owner_is_nobodys_holder(w: World) -> None:
    role = w.custom(ACCESS_AUDIENCE)
    MembershipFactory(account=w.account, subaccount=w.north, role="", custom_role=role,
                      user=w.owner)  # fmt: skip
    admin = w.manager(role="account_admin").user
    with refused("OWNER_REQUIRED"):
        edit(admin, role)


def test_wherever_the_role_counts_the_actor_must_too(w: World) -> None:
    """By membership, suspended or ended, by reach, by group, and by what is only offered."""
    writer = w.member(w.custom(*GIVER, ACCESS_AUDIENCE, SEND_CAMPAIGNS)).user

    def there(role: Role, how: str) -> None:
        match how:
            case "suspended":
                w.member(role, w.south, status="suspended")
            case "all":
                w.manager(role=role)
            case "chosen":
                w.manager(w.south, role=role)
            case "group":
                group_reaching(w, w.manager(role=role), w.north, w.south)
            case "offered":
                InvitationFactory(account=w.account, subaccount=w.south, role="",
                                  custom_role=role, exclusive=False)  # fmt: skip
            case "offered all":
                InvitationFactory(account=w.account, all_subaccounts=True, role="",
                                  custom_role=role, exclusive=False, subaccount=None)  # fmt: skip

    for how in ("suspended", "all", "chosen", "group", "offered", "offered all"):
        role = w.custom(ACCESS_AUDIENCE)
        w.member(role)
        there(role, how)
        for act in ({"name": f"New {how}"}, {"permissions": []}):
            with refused("OUT_OF_SCOPE") as caught:
                services.edit_role(actor=writer, role=role, **act)
            assert {place for _permission, place in missing(caught)} <= {
                ELSEWHERE, "every future subaccount",
            }, how  # fmt: skip
        with refused("OUT_OF_SCOPE"):
            services.delete_role(actor=writer, role=role, replacement="reports_only")
        assert offers(w, writer).naming_refusal(role)
    settled = w.custom(ACCESS_AUDIENCE)
    InvitationFactory(account=w.account, subaccount=w.south, role="", custom_role=settled,
                      exclusive=False, status="withdrawn",
                                settled_at=timezone.now())  # fmt: skip
    edit(writer, settled, ACCESS_AUDIENCE, SEND_CAMPAIGNS)


def test_what_is_added_must_be_held_at_every_such_place(w: World) -> None:
    writer = w.member(w.custom(*GIVER, ACCESS_CAMPAIGNS, SEND_CAMPAIGNS)).user
    w.member(w.custom(*GIVER, ACCESS_CAMPAIGNS), w.south, user=writer)
    role = w.custom(ACCESS_CAMPAIGNS)
    w.member(role), w.member(role, w.south)
    with refused("OUT_OF_SCOPE") as caught:
        edit(writer, role, ACCESS_CAMPAIGNS, SEND_CAMPAIGNS)
    assert ("send_campaigns", "South") in missing(caught)
    assert "send_campaigns" in offers(w, writer).tick_refusals(role)
    assert "send_campaigns" not in offers(w, writer).tick_refusals()
    Membership.objects.filter(custom_role=role, subaccount=w.south).delete()
    assert "send_campaigns" not in offers(w, writer).tick_refusals(role)
    edit(writer, role, ACCESS_CAMPAIGNS, SEND_CAMPAIGNS)


def test_who_has_more_is_not_touched(w: World) -> None:
    """Also by taking away, also while suspended; what they have elsewhere plays no part."""
    writer = w.member(w.custom(*GIVER, ACCESS_AUDIENCE)).user
    role = w.custom(ACCESS_AUDIENCE)
    ana = w.member(role).user
    w.member("account_admin", w.south, user=ana)
    edit(writer, role)
    extra = w.member(w.custom(ACCESS_CONTENT), user=ana, status="suspended")
    for ticks in ((ACCESS_AUDIENCE,), ()):
        Role.objects.filter(pk=role.pk).update(permissions=["access_audience"] if not ticks else [])
        with refused("RANK_TOO_HIGH") as caught:
            edit(writer, role, *ticks)
        assert ("access_content", "North") in missing(caught)
    assert offers(w, writer).role_refusal(role)
    extra.delete()
    edit(writer, role)
    services.give_guest_access(
        actor=w.owner, user=w.member("reports_only", w.south).user, obj=w.north,
        permissions=["access_content"],
    )  # fmt: skip
    grant = SubaccountUserGrant.objects.get()
    SubaccountUserGrant.objects.filter(pk=grant.pk).update(user=ana)
    with refused("RANK_TOO_HIGH"):
        edit(writer, role, ACCESS_AUDIENCE)


def test_teams_that_show_more_than_the_actor_sees(w: World) -> None:
    """A writer whom teams limit adds nothing that counts on lists they do not see."""
    writer = w.member(w.custom(MANAGE_ROLES, ACCESS_AUDIENCE, RENAME_LISTS)).user
    role = w.custom(ACCESS_AUDIENCE)
    ana = w.member(role).user
    spring, listed = w.team(ana), MailingListFactory(subaccount=w.north)
    MailingListFactory(subaccount=w.north)  # nobody's, and seen by none of them
    edit(writer, role, ACCESS_AUDIENCE, RENAME_LISTS)
    edit(writer, role, ACCESS_AUDIENCE)
    services.share_with_team(actor=w.owner, team=spring, obj=listed)
    with refused("OUT_OF_SCOPE"):
        edit(writer, role, ACCESS_AUDIENCE, RENAME_LISTS)
    edit(writer, role)  # taking away shows nobody anything
    spring.memberships.create(user=writer)
    edit(writer, role, ACCESS_AUDIENCE, RENAME_LISTS)
    MailingListFactory(subaccount=w.north, created_by=ana)
    edit(writer, role)
    with refused("OUT_OF_SCOPE"):
        edit(writer, role, ACCESS_AUDIENCE)


# the verdict of all at once is that of each by themselves

TICKS = (MANAGE_ROLES, MANAGE_MEMBERS, ACCESS_AUDIENCE, EXPORT_PII, ACCESS_CAMPAIGNS,
         SEND_CAMPAIGNS, VIEW_METER_USAGE, ASSIGN_TEAM_RESOURCES)  # fmt: skip
ticking = st.sets(st.sampled_from(TICKS)).map(with_needed)
where = st.sampled_from(("north", "south", "all", "chosen", "group"))
having = st.tuples(st.integers(0, 3), where, st.sampled_from(("active", "suspended")))


def _seat(w: World, user: Any, role: str | Role, place: str, status: str = "active") -> None:
    at_account = place in ("all", "chosen", "group")
    key = {"custom_role": role} if isinstance(role, Role) else {"role": role}
    here = None if at_account else getattr(w, place)
    if Membership.objects.filter(user=user, subaccount=here, **key).exists():
        return
    if not at_account:
        w.member(role, here, user=user, status=status)
        return
    chosen = (w.south,) if place == "chosen" else ()
    made = w.manager(*chosen, role=role, user=user, status=status)
    if place == "group":
        group_reaching(w, made, w.north)


def _one_by_one(change: Change, role: Role, ticks: list[str], act: str) -> None:
    """Ask what an edit asks, of each holder by themselves."""
    for row in Membership.objects.filter(custom_role=role):
        reach = set(row.reach.values_list("subaccount_id", flat=True))
        reach |= set(row.managed_groups.values_list("group__contents__subaccount_id", flat=True))
        level, here = row.is_account_level, {row.subaccount_id} - {None}
        places = places_of(level, change, reach | here, row.all_subaccounts)
        for permission in change.edition.gives_roles:
            change.require(permission, places, act)
        change.require_managing(row.user, places | {"account"} if level else places, act)
    Role.objects.filter(pk=role.pk).update(permissions=ticks)


@contextmanager
def _taken_back() -> Iterator[list[str]]:
    """Collect the code of a refusal, and undo whatever happens inside."""

    code: list[str] = []
    with transaction.atomic():
        try:
            with transaction.atomic():
                yield code
        except ServiceError as error:
            code.append(error.code)
        transaction.set_rollback(True)
    access.forget()


@pytest.mark.once
@settings(
    max_examples=15, deadline=None, derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip
@given(
    ticks=st.tuples(ticking, ticking, ticking),
    actor=st.lists(where, min_size=1, max_size=2),
    holders=st.lists(having, min_size=1, max_size=4),
    others=st.lists(having, max_size=4),
)  # fmt: skip
def test_the_verdict_on_all_is_that_on_each(
    w: World, ticks: Any, actor: Any, holders: Any, others: Any
) -> None:

    before, after, own = ticks
    with transaction.atomic():
        giver, role = w.custom(*own | {MANAGE_ROLES, ASSIGN_TEAM_RESOURCES}), w.custom(*before)
        person = UserFactory()
        for place in actor:
            _seat(w, person, giver, place)
        people = [UserFactory() for _ in range(4)]
        for n, place, status in holders:
            _seat(w, people[n], role, place, status)
        other = w.custom(ACCESS_CAMPAIGNS)
        for n, place, status in others:
            _seat(w, people[n], other if n % 2 else "reports_only", place, status)
        wanted = in_order(after)
        touched = list(get_user_model().objects.filter(memberships__custom_role=role).distinct())
        with _taken_back() as each, changing(person, w.account, *touched, act="edit") as change:
            _one_by_one(change, role, wanted, "edit")
        with _taken_back() as at_once, changing(person, w.account, act="edit") as change:
            found = Holders(change, role)
            found.require(change.edition.gives_roles, found.asked_at(), "edit")
            found.require_managing("edit")
            found.judge(_added(change.edition, role.permissions, wanted), "edit")
        transaction.set_rollback(True)
    assert bool(each) == bool(at_once), (each, at_once)
    if each and "OUT_OF_SCOPE" not in each + at_once:
        assert each == at_once


# how much is written and asked


def cost(actor: Any, role: Role, *ticks: str) -> tuple[int, int]:
    """Return how many statements an edit takes, and how many of them write beside the audit."""
    with CaptureQueriesContext(connection) as captured:
        edit(actor, role, *ticks)
    said = [query["sql"] for query in captured]
    found = [sql for sql in said if sql.startswith(("INSERT", "UPDATE", "DELETE"))]
    return len(said), len([sql for sql in found if "permissions_audit" not in sql])


def test_an_edit_writes_one_row_however_many_have_the_role(w: World) -> None:
    role, admin = w.custom(ACCESS_AUDIENCE), w.manager(role="account_admin").user
    w.member(role), w.manager(role=role), w.manager(w.south, role=role)
    edit(w.owner, role, ACCESS_AUDIENCE, SEND_CAMPAIGNS)
    for actor in (w.owner, admin):
        few = cost(actor, role, ACCESS_AUDIENCE)
        assert few[1] == 1
        for _ in range(6):
            w.member(role, w.south), w.manager(role=role), w.manager(w.north, role=role)
        assert cost(actor, role, ACCESS_AUDIENCE, SEND_CAMPAIGNS) <= few
        edit(actor, role, ACCESS_AUDIENCE, RENAME_LISTS)


# what is read


def test_roles_holders_and_counts_as_far_as_one_sees(w: World) -> None:
    role, unused = w.custom(ACCESS_AUDIENCE), w.custom()
    zoe = w.member(role, user=UserFactory(first_name="Zoe")).user
    ana = w.member(role, user=UserFactory(first_name="Ana"), status="suspended").user
    w.member(role, w.south), w.member(role, w.south, user=zoe)
    InvitationFactory(account=w.account, subaccount=w.north, role="", custom_role=role,
                      exclusive=False)  # fmt: skip
    rival = world("sailthru")
    rival.member(rival.custom())
    north = w.member(w.custom(MANAGE_ROLES)).user
    assert [row.user for row in holders_of(north, role)] == [ana, zoe]
    assert holders_of(w.owner, role).count() == 4
    assert [(one.holders, one.offers) for one in [uses_of(w.owner, w.account)[role.pk]]] == [(3, 1)]
    assert uses_of(north, w.account)[role.pk].holders == 2
    assert unused.pk not in uses_of(w.owner, w.account)
    assert set(roles_of(zoe)) == set(Role.objects.filter(account=w.account))
    assert not roles_of(UserFactory()).exists()


# deleting


def test_what_is_in_use_is_reassigned_or_stays(w: World) -> None:
    role, other = w.custom(ACCESS_AUDIENCE), w.custom(ACCESS_AUDIENCE, RENAME_LISTS)
    for state in ({}, {"status": "suspended"}):
        w.member(role, **state)
    pending = InvitationFactory(account=w.account, subaccount=w.north, role="", custom_role=role,
                                exclusive=False)  # fmt: skip
    settled = InvitationFactory(account=w.account, subaccount=w.south, role="", custom_role=role,
                                exclusive=False, status="withdrawn",
                                settled_at=timezone.now())  # fmt: skip
    name = role.name
    with refused("IN_USE") as caught:
        services.delete_role(actor=w.owner, role=role)
    assert "2 people have it and 1 invitation offers it" in caught.value.message
    with refused("SAME_ROLE"):
        services.delete_role(actor=w.owner, role=role, replacement=role)
    foreign = world("sailthru").custom(ACCESS_AUDIENCE)
    with refused("NOT_FOUND"):
        services.delete_role(actor=w.owner, role=role, replacement=foreign)
    services.delete_role(actor=w.owner, role=role, replacement=other)
    assert Membership.objects.filter(custom_role=other, given_by=w.owner).count() == 2
    pending.refresh_from_db(), settled.refresh_from_db()
    assert pending.custom_role == other
    assert (settled.role, settled.custom_role) == (name, None)
    assert not Role.objects.filter(pk=role.pk).exists()
    event = AuditEvent.objects.get(action="role.deleted")
    assert event.data == {
        "name": name, "description": "", "permissions": ["access_audience"], "reassigned": 2,
        "invitations": [pending.pk],
        "replacement": {"role": "", "custom_role": other.pk, "label": other.name},
    }  # fmt: skip
    assert AuditEvent.objects.filter(action="role.changed").count() == 2
    assert list(integrity.problems()) == []
    unused = w.custom()
    services.delete_role(actor=w.owner, role=unused)
    with refused("NOT_FOUND"):
        services.delete_role(actor=w.owner, role=unused)


def test_reassigning_is_judged_as_the_grant_it_is(w: World) -> None:
    power = (*GIVER, MANAGE_MEMBERS, ACCESS_AUDIENCE)
    writer = w.member(w.custom(*power)).user
    role, more = w.custom(ACCESS_AUDIENCE), w.custom(ACCESS_AUDIENCE, RENAME_LISTS)
    ana = w.member(role)
    with refused("OUT_OF_SCOPE") as caught:
        services.delete_role(actor=writer, role=role, replacement=more)
    assert missing(caught) == {("rename_lists", "North")}
    giver = w.member(w.custom(*GIVER, ACCESS_AUDIENCE)).user
    with refused("OUT_OF_SCOPE") as caught:  # whoever edits roles need not be one who gives them
        services.delete_role(actor=giver, role=role, replacement="reports_only")
    assert missing(caught) == {("manage_members", "North")}
    extra = w.member(w.custom(ACCESS_CONTENT), user=ana.user)
    with refused("RANK_TOO_HIGH"):
        services.delete_role(actor=writer, role=role, replacement="reports_only")
    extra.delete()
    mine = w.member(role, user=writer)
    with refused("OWN_RIGHTS"):
        services.delete_role(actor=writer, role=role, replacement="reports_only")
    mine.delete()
    far = w.manager(w.south, role=role)
    with refused("REACH"):
        services.delete_role(actor=w.owner, role=role, replacement="reports_only")
    far.delete()
    services.delete_role(actor=writer, role=role, replacement="reports_only")
    ana.refresh_from_db()
    assert (ana.role, ana.custom_role) == ("reports_only", None)


def test_who_has_the_other_role_there_keeps_just_that(w: World) -> None:
    role = w.custom(ACCESS_AUDIENCE)
    ana, ben = w.member(role).user, w.member(role).user
    w.member("reports_only", user=ana)
    asleep = w.member("reports_only", user=ben, status="suspended")
    with refused("ALREADY_USED"):
        services.delete_role(actor=w.owner, role=role, replacement="reports_only")
    asleep.delete()
    for target in ({"role": "", "custom_role": role}, {"role": "reports_only"}):
        InvitationFactory(account=w.account, subaccount=w.north, address="ana@new.example",
                          exclusive=False, **target)  # fmt: skip
    services.delete_role(actor=w.owner, role=role, replacement="reports_only")
    for person in (ana, ben):
        assert [row.role for row in Membership.objects.filter(user=person)] == ["reports_only"]
    assert AuditEvent.objects.filter(action="member.removed").count() == 1
    statuses = Invitation.objects.order_by("pk").values_list("status", flat=True)
    assert list(statuses) == ["withdrawn", "pending"]
    assert list(integrity.problems()) == []
