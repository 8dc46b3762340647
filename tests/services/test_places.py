"""Subaccounts: create, rename, archive, restore."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from permissions import access, shortcuts
from permissions.models import AuditEvent
from teams import services
from teams.factories import MailingListFactory, SubaccountFactory, UserFactory
from teams.models import Membership, Subaccount
from tests.services.world import EDITIONS, EMMA, World, holds, missing, refused, world

pytestmark = pytest.mark.django_db


def create(w: World, actor: Any, name: str = "East", **extra: Any) -> Subaccount:
    return services.create_subaccount(actor=actor, account=w.account, name=name, **extra)


def events(w: World) -> list[str]:
    root = f"teams.account:{w.account.pk}"
    found = AuditEvent.objects.filter(root=root).order_by("sequence")
    return list(found.values_list("action", flat=True))


# create


@pytest.mark.parametrize("edition", EDITIONS)
def test_owner_creates_a_subaccount(edition: str) -> None:
    w = world(edition)

    east = create(w, w.owner, "  East End  ")

    east.refresh_from_db()
    assert (east.account, east.name, east.slug) == (w.account, "East End", "east-end")
    assert (east.archived_at, east.is_home, east.created_by) == (None, False, w.owner)
    assert events(w) == ["subaccount.created"]
    assert holds(w.owner, "access_campaigns", east)


@pytest.mark.parametrize("edition", EMMA)
def test_manager_who_creates_a_subaccount_manages_it_from_then_on(edition: str) -> None:
    w = world(edition)
    manager = w.manager(w.north, toggles=("subaccounts",))

    east = create(w, manager.user)

    assert set(manager.managed.all()) == {w.north, east}
    assert holds(manager.user, "access_campaigns", east)
    assert events(w)[-2:] == ["subaccount.created", "reach.changed"]
    services.add_member(
        consented=True,
        actor=manager.user,
        account=w.account,
        user=UserFactory(),
        role="full",
        subaccount=east,
    )


@pytest.mark.parametrize("edition", EMMA)
def test_manager_of_all_covers_a_new_subaccount_at_once_and_one_of_some_does_not(
    edition: str,
) -> None:
    w = world(edition)
    everywhere, some = w.manager(), w.manager(w.north, w.south)

    east = create(w, w.owner)

    assert holds(everywhere.user, "access_campaigns", east)
    assert not holds(some.user, "access_campaigns", east)
    assert everywhere.reach.count() == 0


@pytest.mark.parametrize("edition", ["emma_enterprise", "emma_hq"])
def test_assets_of_a_manager_who_reached_every_subaccount_end_with_a_new_one(edition: str) -> None:
    w = world(edition)
    everywhere, some = w.manager(), w.manager(w.north, w.south)
    assert holds(everywhere.user, "view_assets", w.account)
    assert holds(some.user, "view_assets", w.account)

    create(w, w.owner)

    assert holds(everywhere.user, "view_assets", w.account)
    assert not holds(some.user, "view_assets", w.account)


@pytest.mark.parametrize("edition", EMMA)
def test_create_without_the_toggle_is_out_of_scope(edition: str) -> None:
    w = world(edition)
    manager = w.manager()

    with refused("OUT_OF_SCOPE") as caught:
        create(w, manager.user)

    assert missing(caught) == {("create_subaccounts", w.account.name)}
    assert f"Create subaccounts in {w.account.name}" in caught.value.message


def test_nobody_of_constant_contact_but_the_owner_creates_client_accounts() -> None:
    w = world("constant_contact")
    people = [w.manager(role="partner_manager"), w.member("account_manager")]
    for membership in people:
        with refused("OUT_OF_SCOPE") as caught:
            create(w, membership.user)
        assert missing(caught) == {("create_subaccounts", w.account.name)}


def test_sailthru_account_admin_on_one_subaccount_creates_none() -> None:
    w = world("sailthru")
    inside, above = w.member("account_admin"), w.manager(role="account_admin")

    with refused("OUT_OF_SCOPE"):
        create(w, inside.user)
    create(w, above.user)


def test_strangers_suspended_and_ended_members_find_no_account() -> None:
    w, rival = world("emma_hq"), world("emma_hq")
    suspended = w.manager(status=Membership.Status.SUSPENDED)
    ended = w.manager(ends_at=timezone.now() - timedelta(seconds=1))
    for actor in (UserFactory(), rival.owner, suspended.user, ended.user):
        with refused("NOT_FOUND") as caught:
            create(w, actor)
        assert caught.value.message == "There is no such account among yours."


@pytest.mark.parametrize("name", ["North", "NORTH", " north ", "West"])
def test_create_with_a_name_that_is_taken(name: str) -> None:
    w = world("emma_hq")
    with refused("ALREADY_USED"):
        create(w, w.owner, name, slug="other")


def test_create_with_a_short_name_that_is_taken() -> None:
    w = world("emma_hq")
    for slug in ("north", "west"):
        with refused("ALREADY_USED"):
            create(w, w.owner, "Other", slug=slug)


def test_names_of_another_account_are_free() -> None:
    w = world("emma_hq")
    SubaccountFactory(account=world("emma_hq").account, name="East", slug="east")

    assert create(w, w.owner).slug == "east"


@pytest.mark.parametrize("slug", ["East", "east side", "east_", "-east", "é"])
def test_create_with_a_short_name_that_is_none(slug: str) -> None:
    w = world("emma_hq")
    with refused("NOT_A_SLUG"):
        create(w, w.owner, slug=slug)


def test_ten_active_subaccounts_in_corporate_and_archived_ones_do_not_count() -> None:
    w = world("emma_corporate")  # two active, one archived
    for number in range(8):
        last = create(w, w.owner, f"Client {number}")

    with refused("LIMIT_REACHED"):
        create(w, w.owner, "One too many")
    with refused("LIMIT_REACHED"):
        services.restore_subaccount(actor=w.owner, subaccount=w.west)
    services.archive_subaccount(actor=w.owner, subaccount=last)
    services.restore_subaccount(actor=w.owner, subaccount=w.west)
    with refused("LIMIT_REACHED"):
        create(w, w.owner, "One too many")


@pytest.mark.parametrize("edition", sorted(set(EDITIONS) - {"emma_corporate"}))
def test_other_editions_have_no_limit(edition: str) -> None:
    w = world(edition)
    for number in range(10):
        create(w, w.owner, f"Client {number}")

    assert w.account.subaccounts.filter(archived_at=None, is_home=False).count() == 12


# rename


def test_rename_keeps_the_short_name() -> None:
    w = world("emma_hq")
    administrator = w.member("administrator")

    services.rename_subaccount(actor=administrator.user, subaccount=w.north, name=" Far North ")

    w.north.refresh_from_db()
    assert (w.north.name, w.north.slug) == ("Far North", "north")
    assert events(w) == ["subaccount.renamed"]


def test_rename_may_change_the_case_of_its_own_name() -> None:
    w = world("emma_hq")
    services.rename_subaccount(actor=w.owner, subaccount=w.north, name="NORTH")

    assert Subaccount.objects.get(pk=w.north.pk).name == "NORTH"


def test_rename_to_a_taken_name() -> None:
    w = world("emma_hq")
    with refused("ALREADY_USED"):
        services.rename_subaccount(actor=w.owner, subaccount=w.north, name="south")


def test_rename_needs_the_settings_of_that_subaccount() -> None:
    w = world("emma_hq")
    full, administrator = w.member("full"), w.member("administrator")
    for actor, place, name in (
        (full.user, w.north, "North"),
        (administrator.user, w.south, "South"),
    ):
        with refused("OUT_OF_SCOPE") as caught:
            services.rename_subaccount(actor=actor, subaccount=place, name="Mine")
        assert missing(caught) == {("manage_subaccount_settings", name)}


def test_rename_of_an_archived_subaccount() -> None:
    w = world("emma_hq")
    with refused("ARCHIVED"):
        services.rename_subaccount(actor=w.owner, subaccount=w.west, name="Mine")


# archive and restore


@pytest.mark.parametrize("edition", ["emma_enterprise", "emma_hq"])
def test_archiving_stays_the_owners(edition: str) -> None:
    w = world(edition)
    manager = w.manager(toggles=("subaccounts",))
    for act, place in (
        (services.archive_subaccount, w.north),
        (services.restore_subaccount, w.west),
    ):
        with refused("OUT_OF_SCOPE") as caught:
            act(actor=manager.user, subaccount=place)
        assert missing(caught) == {("archive_subaccounts", w.account.name)}


def test_corporate_manager_archives_and_restores_what_they_manage_only() -> None:
    w = world("emma_corporate")
    manager = w.manager(w.north, toggles=("subaccounts",))

    services.archive_subaccount(actor=manager.user, subaccount=w.north)
    services.restore_subaccount(actor=manager.user, subaccount=w.north)
    for act, place in (
        (services.archive_subaccount, w.south),
        (services.restore_subaccount, w.west),
    ):
        with refused("OUT_OF_SCOPE") as caught:
            act(actor=manager.user, subaccount=place)
        assert missing(caught) == {("manage_subaccount_settings", place.name)}
    assert events(w)[-2:] == ["subaccount.archived", "subaccount.restored"]


def test_archive_twice_and_restore_twice() -> None:
    w = world("emma_hq")
    with refused("ALREADY_SO"):
        services.archive_subaccount(actor=w.owner, subaccount=w.west)
    with refused("ALREADY_SO"):
        services.restore_subaccount(actor=w.owner, subaccount=w.north)


def test_own_workspace_cannot_be_archived() -> None:
    w = world("constant_contact")
    with refused("HOME"):
        services.archive_subaccount(actor=w.owner, subaccount=w.home)


@pytest.mark.parametrize(
    "act", [services.archive_subaccount, services.restore_subaccount], ids=lambda f: f.__name__
)
def test_places_of_another_account_are_not_found(act: Any) -> None:
    w, rival = world("emma_hq"), world("emma_hq")
    for place in (rival.north, rival.west):
        with refused("NOT_FOUND"):
            act(actor=w.owner, subaccount=place)
    with refused("NOT_FOUND"):
        services.rename_subaccount(actor=w.owner, subaccount=rival.north, name="Mine")


def everything(w: World, things: list[Any]) -> dict[tuple[Any, Any], list[str]]:
    """Return what everybody may do with everything."""
    people = [w.owner, *(m.user for m in Membership.objects.filter(account=w.account))]
    return {
        (person.pk, f"{thing._meta.model_name}:{thing.pk}"): shortcuts.get_perms(person, thing)
        for person in people
        for thing in things
    }


def populated(edition: str) -> tuple[World, list[Any]]:
    """Return a world with somebody in every role of north, toggles, a guest, and a team."""
    w = world(edition)
    mailing_list = MailingListFactory(subaccount=w.north, created_by=w.owner)
    for role in w.edition.roles:
        if role.subaccount_level:
            w.member(role.codename, toggles=tuple(role.optional))
        if role.account_level and "some" in role.reaches:
            w.manager(w.north, role=role.codename, toggles=tuple(role.optional))
    guest = w.member(w.edition.roles[-1].codename, w.south)
    services.give_guest_access(
        actor=w.owner, user=guest.user, obj=mailing_list, permissions=["access_audience"]
    )
    if w.edition.has_teams:
        limited = Membership.objects.get(account=w.account, role="marketer_limited")
        services.share_with_team(actor=w.owner, team=w.team(limited.user), obj=mailing_list)
    return w, [w.account, w.north, w.south, mailing_list]


@pytest.mark.parametrize("edition", EDITIONS)
def test_archiving_makes_inert_and_restoring_brings_back_exactly_what_was(edition: str) -> None:
    w, things = populated(edition)
    before = everything(w, things)

    services.archive_subaccount(actor=w.owner, subaccount=w.north)
    during = everything(w, [w.north, things[-1]])
    services.restore_subaccount(actor=w.owner, subaccount=w.north)

    assert len([held for held in before.values() if held]) > 8  # there was something to lose
    assert set(map(tuple, during.values())) == {()}
    assert access.can(w.owner, "access_campaigns", w.north).allowed
    assert everything(w, things) == before


def test_what_was_taken_away_while_archived_does_not_come_back() -> None:
    w = world("emma_hq")
    gone, suspended, stays = (w.member("full", toggles=("export_contacts",)) for _ in range(3))
    services.archive_subaccount(actor=w.owner, subaccount=w.north)
    services.remove_member(actor=w.owner, membership=gone)
    services.suspend_member(actor=w.owner, membership=suspended)
    services.restore_subaccount(actor=w.owner, subaccount=w.north)

    answers = {m.user: holds(m.user, "export_contacts", w.north) for m in (gone, suspended, stays)}
    assert answers == {gone.user: False, suspended.user: False, stays.user: True}
