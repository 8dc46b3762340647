"""2,670 published cells, asked of the policy, ``can``, ``has_perm`` and ``visible`` alike."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection

from permissions import access
from permissions.errors import ServiceError
from permissions.policy import decide
from permissions.resources import registry
from teams import preconditions, services
from teams.factories import MembershipFactory, UserFactory
from teams.models import Account, Campaign, Membership, Subaccount
from tests.engine import truth
from tests.engine.truth import ALL_COLUMNS, CONDITIONS, World, expected, table, toggles

pytestmark = pytest.mark.django_db


def answers(user: Any, permission: str, obj: Any) -> dict[str, bool]:
    """Return what every way of asking says."""
    profile = access.profile_of(user)
    root, place = registry.of(obj).locate(obj)
    tenant = profile.tenants.get(root)
    outcome = decide(tenant.standing, tenant.root, permission, place) if tenant else None
    return {
        "policy": bool(outcome and outcome.allowed),
        "can": access.can(user, permission, obj).allowed,
        "has_perm": user.has_perm(f"teams.{permission}", obj),
    }


def check(world: World, user: Any, column: str, *, on: str = "", home: bool = False) -> int:
    """Compare every cell of ``column`` with the engine, in all places; return how many."""
    reach = world.reach(column, home=home)
    with access.unit_of_work():
        for row in table(world.edition):
            cell = row.cells[column]
            holds = expected(cell, toggle=row.toggle, on=on, true=world.true)
            if row.scope == "account":
                _check_account(world, user, row.permission, column, holds, home=home)
            else:
                _check_places(world, user, row, column, reach=reach, holds=holds)
    return len(table(world.edition))


def _check_account(
    world: World, user: Any, permission: str, column: str, holds: bool, *, home: bool
) -> None:
    if column.endswith("@client"):
        # the same person as @partner; in a client account an account permission means nothing
        for place in world.places:
            assert set(answers(user, permission, place).values()) == {False}, (permission, column)
        return
    if column in ("campaign_creator", "account_manager") and not home:
        holds = False  # held in a client account these rows are no
    for account in (world.account, world.rival):
        want = holds and account == world.account
        assert set(answers(user, permission, account).values()) == {want}, (permission, column)
    seen = set(access.visible(Account.objects.all(), user, permission))
    assert seen == ({world.account} if holds else set()), (permission, column)


def _check_places(
    world: World, user: Any, row: truth.Row, column: str, *, reach: set[Any], holds: bool
) -> None:
    partner, client = column.endswith("@partner"), column.endswith("@client")
    asked = [p for p in world.places if not (partner or client) or p.is_home == partner]
    want = {p.pk for p in asked if holds and p.pk in reach}
    for place in asked:
        got = answers(user, row.permission, place)
        assert set(got.values()) == {place.pk in want}, (row.permission, column, place, got)
        campaign = world.campaigns.get(place.pk)
        if campaign is not None:  # a resource inherits from its subaccount
            can = access.can(user, row.permission, campaign).allowed
            assert can == (place.pk in want), (row.permission, column, campaign)
    ids = {p.pk for p in asked}
    seen = set(access.visible(Subaccount.objects.filter(pk__in=ids), user, row.permission))
    assert {p.pk for p in seen} == want, (row.permission, column)
    campaigns = access.visible(
        Campaign.objects.filter(subaccount__in=ids), user, row.permission
    ).values_list("subaccount_id", flat=True)
    assert set(campaigns) == want & set(world.campaigns), (row.permission, column)


def person_of(world: World, membership: Membership | None) -> Any:
    return membership.user if membership else world.account.owner


def homes(edition: str, column: str) -> tuple[bool, ...]:
    """Return the ways a column's role is held: in a client account, in the own workspace."""
    both = edition == "constant_contact" and column in ("campaign_creator", "account_manager")
    return (False, True) if both else (False,)


@pytest.mark.parametrize(("edition", "column"), ALL_COLUMNS)
def test_every_cell_with_toggles_off_and_conditions_false(edition: str, column: str) -> None:
    world = World(edition)
    for home in homes(edition, column):
        user = person_of(world, world.add(column, home=home))
        assert check(world, user, column, home=home) == 89


@pytest.mark.parametrize(
    ("edition", "column", "condition"),
    [
        (edition, column, condition)
        for edition, column in ALL_COLUMNS
        for condition in CONDITIONS
        if any(row.cells[column] == f"if:{condition}" for row in table(edition))
    ],
)
def test_every_cell_while_one_condition_is_true(edition: str, column: str, condition: str) -> None:
    world = World(edition, true=condition)
    for home in homes(edition, column):
        user = person_of(world, world.add(column, home=home))
        check(world, user, column, home=home)


@pytest.mark.parametrize(
    ("edition", "column", "toggle"),
    [(e, c, t) for e, c in ALL_COLUMNS for t in toggles(e, c)],
)
def test_a_toggle_switches_its_permissions_on_and_off_together(
    edition: str, column: str, toggle: str
) -> None:
    world = World(edition)
    membership = world.add(column)
    assert membership is not None
    owner = world.account.owner
    services.toggle_permission(actor=owner, membership=membership, toggle=toggle, on=True)
    check(world, membership.user, column, on=toggle)
    services.toggle_permission(actor=owner, membership=membership, toggle=toggle, on=False)
    check(world, membership.user, column)


@pytest.mark.parametrize(
    ("edition", "column", "toggle"),
    [(e, c, t) for e, c in ALL_COLUMNS for t in toggles(e, c)],
)
def test_a_toggle_switched_by_somebody_who_may_not_changes_nothing(
    edition: str, column: str, toggle: str
) -> None:
    world = World(edition)
    membership = world.add(column)
    assert membership is not None
    author = MembershipFactory(account=world.account, subaccount=world.south, role="author")
    for actor in (world.rival.owner, author.user, membership.user, UserFactory()):
        with pytest.raises(ServiceError) as refusal:
            services.toggle_permission(actor=actor, membership=membership, toggle=toggle, on=True)
        assert refusal.value.code in {"NOT_FOUND", "OUT_OF_SCOPE", "OWN_RIGHTS"}
    check(world, membership.user, column)


def test_single_bill_of_a_client_billed_directly_is_false_there() -> None:
    world = World("constant_contact", true="single_bill")
    Subaccount.objects.filter(pk=world.north.pk).update(billed_directly=True)
    manager = world.add("partner_manager@client")
    assert manager is not None
    held = access.visible(Subaccount.objects.all(), manager.user, "view_subaccount_billing")
    assert set(held) == {world.south, world.home}
    assert access.can(manager.user, "view_subaccount_billing", world.north).reason == (
        "condition_not_met"
    )


def test_all_subaccounts_is_met_by_a_reach_that_covers_every_active_one() -> None:
    world = World("emma_hq")
    owner, account = world.account.owner, world.account
    manager = services.add_member(
        consented=True,
        actor=owner,
        account=account,
        user=UserFactory(),
        role="manager",
        managed=[world.north, world.south],
    )
    assert access.can(manager.user, "view_assets", account).allowed
    new = services.create_subaccount(actor=owner, account=account, name="East")
    assert not access.can(manager.user, "view_assets", account).allowed
    services.archive_subaccount(actor=owner, subaccount=new)
    assert access.can(manager.user, "view_assets", account).allowed
    for place in (world.north, world.south):
        services.archive_subaccount(actor=owner, subaccount=place)
    assert not access.can(manager.user, "view_assets", account).allowed  # none left to cover


def test_generating_a_key_needs_a_primary_contact_in_enterprise() -> None:
    world = World("emma_enterprise")
    assert access.can(world.account.owner, "generate_api_keys", world.north).allowed
    assert "no primary contact" in preconditions.unmet("generate_api_keys", world.north)
    membership = world.add("full+primary_contact")
    assert membership is not None
    assert preconditions.unmet("generate_api_keys", world.north) == ""
    assert preconditions.unmet("generate_api_keys", world.south) != ""
    services.suspend_member(actor=world.account.owner, membership=membership)
    assert preconditions.unmet("generate_api_keys", world.north) != ""


def test_generating_a_key_needs_an_administrator_in_hq() -> None:
    world = World("emma_hq")
    assert "no Administrator" in preconditions.unmet("generate_api_keys", world.north)
    membership = world.add("administrator")
    assert membership is not None
    assert preconditions.unmet("generate_api_keys", world.north) == ""
    services.remove_member(actor=world.account.owner, membership=membership)
    assert preconditions.unmet("generate_api_keys", world.north) != ""


@pytest.mark.parametrize("edition", ["constant_contact", "emma_corporate", "sailthru"])
def test_generating_a_key_has_no_precondition_elsewhere(edition: str) -> None:
    world = World(edition)
    assert preconditions.unmet("generate_api_keys", world.north) == ""


@pytest.mark.parametrize("edition", truth.EDITIONS)
def test_a_verb_that_exists_nowhere_is_denied_to_everybody(edition: str) -> None:
    world = World(edition)
    for obj in (world.account, world.north):
        assert access.can(world.account.owner, "frobnicate_lists", obj).reason == (
            "unknown_permission"
        )
    assert not access.visible(Subaccount.objects.all(), world.account.owner, "frobnicate").exists()


@pytest.mark.parametrize("edition", truth.EDITIONS)
def test_nothing_is_held_in_an_archived_subaccount(edition: str) -> None:
    world = World(edition)
    owner = world.account.owner
    services.archive_subaccount(actor=owner, subaccount=world.north)
    world.north.refresh_from_db()
    for row in table(edition):
        assert not access.can(owner, row.permission, world.north).allowed, row.permission
        seen = access.visible(Subaccount.objects.all(), owner, row.permission)
        assert world.north not in seen
        assert not access.can(owner, row.permission, world.campaigns[world.north.pk]).allowed


def test_a_profile_is_one_query_whoever_asks(django_assert_num_queries: Any) -> None:
    world = World("sailthru")
    member = world.add("marketer_limited")
    assert member is not None
    for user in (world.account.owner, member.user, UserFactory()):
        access.profile_of(user)  # the statement is composed once per process
        with django_assert_num_queries(1):
            access.profile_of(user)
    assert connection.vendor in ("sqlite", "postgresql")


def test_the_sailthru_owner_holds_everything_the_account_admin_does() -> None:
    world = World("sailthru")
    owner = world.account.owner
    for row in table("sailthru"):
        obj = world.account if row.scope == "account" else world.south
        held = access.can(owner, row.permission, obj).allowed
        assert held == (row.cells["account_admin"] == "yes"), row.permission
