"""Which grants have lost their giver: what is listed, why, for whom, and at what cost."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.db import connection
from django.db.models import Exists, OuterRef
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from teams import services
from teams.catalogue import (
    ACCESS_AUDIENCE,
    EXPORT_CONTACTS,
    MANAGE_MEMBERS,
    MANAGE_TEAMS,
    SEND_CAMPAIGNS,
)
from teams.factories import MailingListFactory
from teams.logins import Logins
from teams.models import Membership, SubaccountUserGrant
from teams.orphans import Orphan, loaded, orphans_of, orphans_seen
from tests.services.world import World, holds, world
from tests.signing_in import signing_in_with

pytestmark = pytest.mark.django_db

User = get_user_model()


@pytest.fixture
def w() -> World:
    return world("emma_hq")


def listed(w: World, **narrowed: Any) -> set[tuple[str, Any]]:
    """Return (kind, whose) of everything that is listed."""
    return {(one.kind, one.person) for one in orphans_of(w.account, **narrowed)}


def only(w: World) -> Orphan:
    (found,) = loaded(orphans_of(w.account))
    return found


def test_what_somebody_gave_is_listed_while_they_do_not_hold_it() -> None:
    w = world("emma_corporate")
    ben = w.manager(w.north, toggles=("export_contacts",))
    ana = w.member("editor")
    carl = w.member("full", w.south).user
    services.change_role(actor=ben.user, membership=ana, role="full")
    services.toggle_permission(actor=ben.user, membership=ana, toggle="export_contacts", on=True)
    services.toggle_permission(
        actor=w.owner, membership=w.member("full"), toggle="export_contacts", on=True
    )
    newsletter = MailingListFactory(subaccount=w.north)
    for obj in (w.north, newsletter):
        services.give_guest_access(
            actor=ben.user, user=carl, obj=obj, permissions=["access_audience", "view_contacts"]
        )
    every = {("role", ana.user_id), ("switch", ana.user_id), ("guest", carl.pk)}
    assert listed(w) == set()

    # without the switch they hold all but the export
    services.toggle_permission(actor=w.owner, membership=ben, toggle="export_contacts", on=False)
    found = only(w)
    assert (found.kind, found.person, found.giver) == ("switch", ana.user, ben.user)
    assert (found.membership, found.codename, found.is_gone) == (ana, "export_contacts", False)
    assert str(EXPORT_CONTACTS) in found.permissions
    assert set().union(*found.missing.values()) == {w.north.pk}
    services.toggle_permission(actor=w.owner, membership=ben, toggle="export_contacts", on=True)
    assert listed(w) == set()

    # no longer manages the place, and does again
    services.set_manager_reach(actor=w.owner, membership=ben, subaccounts=[w.south])
    assert listed(w) == every
    assert not any(one.is_gone for one in orphans_of(w.account))
    assert listed(w, person=ana.user) == every - {("guest", carl.pk)}
    assert len(orphans_of(w.account)) == 4
    services.set_manager_reach(actor=w.owner, membership=ben, all_subaccounts=True)
    assert listed(w) == set()

    # suspended, and reactivated
    services.suspend_member(actor=w.owner, membership=ben)
    assert listed(w) == every
    assert all(one.is_gone for one in orphans_of(w.account))
    services.reactivate_member(actor=w.owner, membership=ben)
    assert listed(w) == set()

    # over, and longer
    Membership.objects.filter(pk=ben.pk).update(ends_at=timezone.now() - timedelta(days=1))
    assert listed(w) == every
    Membership.objects.filter(pk=ben.pk).update(ends_at=None)
    assert listed(w) == set()

    # a login that is switched off
    ben.user.is_active = False
    ben.user.save()
    assert listed(w) == every
    ben.user.is_active = True
    ben.user.save()

    # what of theirs does not count today is not listed
    Membership.objects.filter(pk=ana.pk).update(status=Membership.Status.SUSPENDED)
    SubaccountUserGrant.objects.filter(user=carl, content_object=w.north).update(
        ends_at=timezone.now() - timedelta(days=1)
    )
    services.remove_member(actor=w.owner, membership=ben)
    assert [(one.kind, one.target) for one in orphans_of(w.account)] == [
        ("guest", "teams.mailinglist")
    ]
    Membership.objects.filter(pk=ana.pk).update(status=Membership.Status.ACTIVE)

    # a login that is gone leaves nobody on record
    ben.user.delete()
    assert listed(w) == every
    assert {one.giver for one in loaded(orphans_of(w.account))} == {None}

    # an archived subaccount may come back, and with it what was given there
    services.archive_subaccount(actor=w.owner, subaccount=w.north)
    assert listed(w) == every


def test_somebody_demoted_did_not_take_back_what_they_gave(w: World) -> None:
    ben, ana = w.member("administrator"), w.member("author")
    services.change_role(actor=ben.user, membership=ana, role="full")
    services.change_role(actor=w.owner, membership=ben, role="editor")
    found = only(w)
    assert (found.kind, found.membership, found.giver) == ("role", ana, ben.user)
    assert str(SEND_CAMPAIGNS) in found.permissions
    assert str(ACCESS_AUDIENCE) not in found.permissions  # an editor has that
    services.change_role(actor=w.owner, membership=ana, role="editor")
    assert listed(w) == set()  # the owner gave what it is now


def test_the_owner_holds_everything_and_the_one_before_what_is_left() -> None:
    w = world("emma_corporate")
    ana = w.member("full", toggles=("export_contacts",))
    assert listed(w) == set()
    before, heir = w.owner, w.manager()
    heir.delete()
    w.account.owner = heir.user  # as a transfer leaves it, the former owner without a place
    w.account.save()
    assert listed(w) == {("role", ana.user_id), ("switch", ana.user_id)}
    w.manager(user=before)
    w.account.refresh_from_db()
    assert listed(w) == {("switch", ana.user_id)}  # a manager without the switch for exports
    w.owner.is_active = False
    w.owner.save()
    carl = w.member("full")
    assert ("role", carl.user_id) not in listed(w)


class Nobody(Logins):
    """A project where nobody has a second factor yet."""

    def having_factor(self) -> Any:
        """Find none."""
        return Exists(User.objects.filter(pk=OuterRef("pk"), username=""))


def test_what_sleeps_for_want_of_a_second_factor_is_not_lost(w: World) -> None:
    ben, ana = w.member("administrator"), w.member("editor")
    services.change_role(actor=ben.user, membership=ana, role="full")
    w.account.second_factor = ["administrators", "managers", "owner", "export"]
    w.account.save()
    with signing_in_with(Nobody()):
        assert not holds(ben.user, MANAGE_MEMBERS, w.north)
        assert listed(w) == set()


def test_reach_counts_for_whoever_widened_it() -> None:
    w = world("emma_corporate")
    boss = w.manager(w.north, toggles=("managers",))
    peer = w.manager(w.north, w.south, toggles=("managers",))
    tom = w.manager(w.north)
    services.set_manager_reach(actor=boss.user, membership=tom, subaccounts=[])
    services.set_manager_reach(actor=boss.user, membership=tom, subaccounts=[w.north])
    services.set_manager_reach(actor=peer.user, membership=tom, subaccounts=[w.north, w.south])
    assert listed(w) == set()
    services.remove_member(actor=w.owner, membership=peer)
    found = only(w)
    assert (found.membership, found.giver) == (tom, peer.user)
    assert set().union(*found.missing.values()) == {w.south.pk}
    services.set_manager_reach(actor=w.owner, membership=tom, all_subaccounts=True)
    assert set().union(*only(w).missing.values()) == {w.south.pk}
    services.set_manager_reach(actor=w.owner, membership=tom, subaccounts=[w.north])
    services.set_manager_reach(actor=w.owner, membership=tom, subaccounts=[w.north, w.south])
    assert listed(w) == set()
    services.set_manager_reach(actor=w.owner, membership=boss, subaccounts=[w.south])
    assert set().union(*only(w).missing.values()) == {w.north.pk}


def test_what_one_made_oneself_nobody_gave() -> None:
    w = world("emma_corporate")
    giver = w.manager(w.north, toggles=("managers",))
    tom = w.manager(w.north, toggles=("subaccounts",))
    Membership.objects.filter(pk=tom.pk).update(given_by=giver.user)
    made = services.create_subaccount(actor=tom.user, account=w.account, name="East")
    assert tom.reach.filter(subaccount=made).exists()
    assert listed(w) == set()


def test_a_place_in_a_team_counts_for_what_the_team_shows() -> None:
    w = world("sailthru")
    ana = w.member(w.custom(ACCESS_AUDIENCE)).user
    everything = w.edition.custom_roles
    assert everything is not None
    admin = w.member(w.custom(*everything.tickable))
    shown = MailingListFactory(subaccount=w.north)
    team = w.team()
    services.add_to_team(actor=admin.user, team=team, user=ana)
    services.share_with_team(actor=w.owner, team=team, obj=shown)
    assert listed(w) == set()
    Membership.objects.filter(pk=admin.pk).update(subaccount=w.south)
    found = only(w)
    assert (found.kind, found.person, found.obj, found.giver) == ("team", ana, team, admin.user)
    assert found.permissions == (str(ACCESS_AUDIENCE),)
    assert not found.is_gone
    # with the menu, but limited: only what their own teams show
    Membership.objects.filter(pk=admin.pk).update(
        subaccount=w.north, custom_role=w.custom(ACCESS_AUDIENCE, MANAGE_TEAMS)
    )
    assert listed(w) == {("team", ana.pk)}
    services.add_to_team(actor=w.owner, team=team, user=admin.user)
    assert listed(w) == set()
    services.unshare_with_team(actor=w.owner, team=team, obj=shown)
    services.suspend_member(actor=w.owner, membership=Membership.objects.get(pk=admin.pk))
    assert only(w).is_gone  # shows nothing yet, and nobody answers for it
    w.account.team_mode = "off"
    w.account.save()
    assert listed(w) == set()


def test_one_reads_about_people_and_places_one_sees(w: World) -> None:
    manager, leader = w.manager(w.north), w.member("administrator")
    theirs, elsewhere = w.member("editor"), w.member("editor", w.south)
    guest = w.member("editor", w.south).user
    for obj in (w.north,):
        services.give_guest_access(
            actor=leader.user, user=guest, obj=obj, permissions=["access_audience"]
        )
    Membership.objects.filter(pk__in=[manager.pk, theirs.pk, elsewhere.pk, leader.pk]).update(
        given_by=None
    )
    SubaccountUserGrant.objects.update(granted_by=None)
    every = {("role", m.user_id) for m in (manager, leader, theirs, elsewhere)}
    every.add(("guest", guest.pk))

    def seen(user: Any) -> set[tuple[str, Any]]:
        return {(one.kind, one.person) for one in orphans_seen(user, w.account)}

    assert listed(w) == seen(w.owner) == every
    inside = {("role", theirs.user_id), ("guest", guest.pk)}
    assert seen(leader.user) == inside
    assert seen(manager.user) == inside | {("role", leader.user_id)}
    assert seen(theirs.user) == set()
    assert {o.person for o in orphans_seen(w.owner, w.account, person=theirs.user)} == {
        theirs.user_id
    }


def test_nothing_of_another_account_is_listed(w: World) -> None:
    other = world("emma_hq")
    strange = other.member("full")
    Membership.objects.filter(pk=strange.pk).update(given_by=None)
    services.give_guest_access(
        actor=other.owner, user=strange.user, obj=other.south, permissions=["access_audience"]
    )
    SubaccountUserGrant.objects.update(granted_by=None)
    assert listed(w) == set()
    assert len(orphans_of(other.account)) == 2


@pytest.mark.once
def test_a_thousand_grants_are_found_with_as_many_queries_as_one(w: World) -> None:
    giver = w.member("administrator")
    services.change_role(actor=giver.user, membership=w.member("author"), role="full")
    services.change_role(actor=w.owner, membership=giver, role="editor")

    def asked() -> tuple[int, int]:
        with CaptureQueriesContext(connection) as queries:
            found = loaded(orphans_of(w.account))
        return len(queries), len(found)

    few, count = asked()
    assert count == 1
    people = User.objects.bulk_create(User(username=f"many{n}", password="!") for n in range(1000))
    Membership.objects.bulk_create(
        Membership(
            user=person, account=w.account, subaccount=w.north, role="full", given_by=giver.user
        )
        for person in people
    )
    assert asked() == (few, 1001)
