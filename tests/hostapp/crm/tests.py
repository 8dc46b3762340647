"""The host's own tests, as its developers would write them: they know our public API only."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from crm.models import Board, Person, Segment, Shortlist, Unguarded
from crm.shop import PASSWORD, Shop, open_shop
from django.contrib.auth import authenticate
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import ImproperlyConfigured
from django.db import connection
from django.db.models import QuerySet
from django.test import Client, override_settings
from django.test.utils import CaptureQueriesContext
from guardian.models import UserObjectPermission

from permissions import access, resources
from permissions.access import can, visible
from permissions.errors import Invalid, OutOfScope
from permissions.shortcuts import get_objects_for_user, get_perms, get_users_with_perms
from teams import services
from teams.catalogue import CATALOGUE
from teams.models import Account, Membership
from teams.services.invitation_mail import token_of

SEE, DELETE = "access_audience", "delete_lists"

# by the rules of Emma HQ: who sees which segments, and may delete the same ones
SEES: dict[str, set[str]] = {
    "owner": {"north-loyal", "north-lapsed", "south-loyal", "south-lapsed"},
    "manager": {"north-loyal", "north-lapsed"},
    "full": {"north-loyal", "north-lapsed"},
    "author": set(),
    "southerner": {"south-loyal", "south-lapsed"},
    "stranger": set(),
    "rival_owner": {"rival-loyal", "rival-lapsed"},
}


@pytest.fixture
def shop(db: None) -> Shop:
    """Return a new shop."""
    return open_shop()


def names(found: QuerySet[Any]) -> set[str]:
    """Return the names in ``found``, which must hold nothing twice."""
    listed = [row.name for row in found]
    assert len(listed) == len(set(listed))
    return set(listed)


def generic_rows() -> int:
    return int(UserObjectPermission.objects.count())


def agree(person: Any, segments: dict[str, Segment]) -> dict[str, set[str]]:
    """Ask every question in every way; return the permissions on each segment."""
    held: dict[str, set[str]] = {name: set() for name in segments}
    for permission in CATALOGUE:
        full_name = f"teams.{permission}"
        asked = {n for n, s in segments.items() if can(person, permission, s)}
        assert asked == {n for n, s in segments.items() if person.has_perm(full_name, s)}
        assert asked == names(visible(Segment.objects.all(), person, permission))
        assert asked == names(get_objects_for_user(person, permission, Segment))
        assert asked == names(get_objects_for_user(person, full_name, Segment.objects.all()))
        for name in asked:
            held[name].add(str(permission))
    for name, segment in segments.items():
        assert set(get_perms(person, segment)) == held[name]
    return held


@pytest.mark.parametrize("name", SEES)
def test_every_way_to_ask_gives_one_answer(shop: Shop, name: str) -> None:
    """``can``, ``visible``, ``has_perm`` and the shortcuts agree on all 89 permissions."""
    with access.unit_of_work():
        held = agree(shop[name], shop.segments)
    assert {n for n, p in held.items() if SEE in p} == SEES[name]
    assert {n for n, p in held.items() if DELETE in p} == SEES[name]


def test_users_with_perms(shop: Shop) -> None:
    """The people of a segment are found, with what they hold, and nobody else."""
    segment = shop.segments["north-loyal"]
    seers = {"owner", "manager", "full"}
    found = get_users_with_perms(segment, only_with_perms_in=[SEE])
    assert isinstance(found, QuerySet)
    assert set(found) == {shop[name] for name in seers}
    attached = get_users_with_perms(segment, attach_perms=True)
    assert isinstance(attached, dict)
    assert set(attached) == {shop[name] for name in [*seers, "author"]}
    assert all(attached[person] == get_perms(person, segment) for person in attached)


def test_nobody_in_particular(shop: Shop) -> None:
    """Anonymous, switched-off, unknown and unguarded: no, and never an error."""
    segment = shop.segments["north-loyal"]
    nobody, off = AnonymousUser(), shop["full"]
    off.is_active = False
    off.save()
    for person in (nobody, off):
        assert not can(person, SEE, segment)
        assert not person.has_perm(f"teams.{SEE}", segment)
        assert not visible(Segment.objects.all(), person, SEE).exists()
    owner = shop["owner"]
    assert not can(owner, "fly_rockets", segment)
    assert not visible(Segment.objects.all(), owner, "fly_rockets").exists()
    assert not can(owner, SEE, segment.board)
    assert not owner.has_perm(f"teams.{SEE}")
    assert not can(owner, SEE, Segment(board=Board(), name="never saved"))


def test_superuser_holds_nothing_inside_a_tenant(shop: Shop) -> None:
    """Django's own shortcut for superusers plays no part in our decisions."""
    root = Person.objects.create_user("root@shop.example", is_superuser=True, is_staff=True)
    assert not can(root, SEE, shop.segments["north-loyal"])
    assert not visible(Segment.objects.all(), root, SEE).exists()


def test_a_proxy_is_its_model(shop: Shop) -> None:
    """A proxy of a guarded model is guarded alike, one by one and listed."""
    full = shop["full"]
    listed = visible(Shortlist.objects.all(), full, SEE)
    assert names(listed) == SEES["full"]
    assert all(can(full, SEE, short) for short in listed)
    assert {s.name for s in Shortlist.objects.all() if can(full, SEE, s)} == SEES["full"]


def test_one_query_whoever_asks(shop: Shop) -> None:
    """A list costs the profile and itself, however many accounts and segments there are."""
    for name in SEES:
        person = Person.objects.get(pk=shop[name].pk)
        with (
            access.unit_of_work(),
            CaptureQueriesContext(
                connection,
            ) as queries,
        ):
            list(visible(Segment.objects.all(), person, SEE))
        assert len(queries) <= 2, [q["sql"] for q in queries]


# Guest access to one segment, in guardian's generic table


def give(shop: Shop, segment: Segment, name: str = "southerner", actor: str = "owner") -> None:
    services.give_guest_access(
        actor=shop[actor], user=shop[name], obj=segment, permissions=[SEE, "view_contacts"]
    )


def test_guest_sees_that_one_segment(shop: Shop) -> None:
    """Guest access to one object adds exactly that, in every way to ask."""
    segment, guest = shop.segments["north-loyal"], shop["southerner"]
    give(shop, segment)
    give(shop, segment)  # again changes nothing
    assert generic_rows() == 2
    with access.unit_of_work():
        held = agree(guest, shop.segments)
    assert {n for n, p in held.items() if SEE in p} == SEES["southerner"] | {"north-loyal"}
    assert held["north-loyal"] == {SEE, "view_contacts"}
    found = get_users_with_perms(segment, only_with_perms_in=[SEE])
    assert guest in set(found)
    decision = can(guest, SEE, segment)
    assert [source.kind for source in decision.sources] == ["guest"]
    assert generic_rows() == 2
    services.withdraw_guest_access(actor=shop["owner"], user=guest, obj=segment)
    assert generic_rows() == 0
    assert not can(guest, SEE, segment)


def test_guest_access_is_a_grant(shop: Shop) -> None:
    """Nobody gives what is not grantable, what they do not hold, or to a stranger."""
    segment = shop.segments["north-loyal"]
    with pytest.raises(Invalid) as caught:
        services.give_guest_access(
            actor=shop["owner"], user=shop["southerner"], obj=segment, permissions=[DELETE]
        )
    assert caught.value.code == "NOT_GRANTABLE"
    with pytest.raises(OutOfScope):
        give(shop, segment, actor="full")
    with pytest.raises(Invalid) as caught:
        give(shop, segment, name="stranger")
    assert caught.value.code == "NOT_A_MEMBER"
    with pytest.raises(Invalid) as caught:
        give(shop, segment, actor="rival_owner")
    assert caught.value.code == "NOT_FOUND"
    assert generic_rows() == 0


def test_guest_access_is_inert_without_membership(shop: Shop) -> None:
    """A recorded grant alone gives nothing: not to a stranger, not to a suspended member."""
    segment, guest = shop.segments["north-loyal"], shop["southerner"]
    give(shop, segment)
    services.suspend_member(
        actor=shop["owner"], membership=Membership.objects.get(user=guest, account=shop.account)
    )
    assert generic_rows() == 2
    assert not can(guest, SEE, segment)
    assert not visible(Segment.objects.all(), guest, SEE).exists()
    # straight into the table, past the services
    rows = UserObjectPermission.objects.filter(user=guest)
    rows.update(user=shop["stranger"])
    assert not can(shop["stranger"], SEE, segment)
    assert not visible(Segment.objects.all(), shop["stranger"], SEE).exists()
    # a member of the rival is as much a stranger here
    UserObjectPermission.objects.update(user=shop["rival_owner"])
    assert not can(shop["rival_owner"], SEE, segment)
    assert names(visible(Segment.objects.all(), shop["rival_owner"], SEE)) == SEES["rival_owner"]


def test_guest_access_leaves_with_the_member(shop: Shop) -> None:
    """Removing somebody from the account deletes what they were given on its objects only."""
    guest = shop["southerner"]
    give(shop, shop.segments["north-loyal"])
    services.add_member(
        consented=True,
        actor=shop["rival_owner"],
        account=shop.rival,
        user=guest,
        role="manager",
    )
    services.give_guest_access(
        actor=shop["rival_owner"],
        user=guest,
        obj=shop.segments["rival-loyal"],
        permissions=[SEE],
    )
    assert generic_rows() == 3
    services.remove_member(
        actor=shop["owner"], membership=Membership.objects.get(user=guest, account=shop.account)
    )
    assert generic_rows() == 1
    assert names(visible(Segment.objects.all(), guest, SEE)) == {"rival-loyal"}


@pytest.mark.parametrize("how", ["segment", "proxy", "queryset", "board", "account"])
def test_guest_access_goes_with_the_segment(shop: Shop, how: str) -> None:
    """However a segment is deleted, no row of guardian's points at it."""
    segment = shop.segments["north-loyal"]
    give(shop, segment)
    match how:
        case "segment":
            segment.delete()
        case "proxy":
            Shortlist.objects.get(pk=segment.pk).delete()
        case "queryset":
            Segment.objects.filter(pk=segment.pk).delete()
        case "board":
            segment.board.delete()
        case "account":
            Account.objects.filter(pk=shop.account.pk).delete()
    assert not Segment.objects.filter(name="north-loyal").exists()
    assert generic_rows() == 0


def test_archived_subaccount(shop: Shop) -> None:
    """What is in an archived subaccount is out of reach, guests included."""
    segment = shop.segments["north-loyal"]
    give(shop, segment)
    services.archive_subaccount(actor=shop["owner"], subaccount=shop.north)
    for name, seen in SEES.items():
        assert not can(shop[name], SEE, segment)
        assert names(visible(Segment.objects.all(), shop[name], SEE)) == {
            s for s in seen if not s.startswith("north")
        }


# The host's own door


def test_pages(shop: Shop, client: Client) -> None:
    """Somebody signs in by e-mail and sees their segments through Django's own interface."""
    full = shop["full"]
    assert authenticate(username=full.email, password=PASSWORD) == full
    assert client.get("/").json() == {"segments": []}
    assert client.login(username=full.email, password=PASSWORD)
    assert client.get("/").json() == {"segments": sorted(SEES["full"])}
    page = client.get(f"/{shop.segments['north-loyal'].pk}/")
    assert page.json() == {"name": "north-loyal", "may_delete": True}
    foreign = client.get(f"/{shop.segments['rival-loyal'].pk}/")
    missing = client.get(f"/{uuid.uuid4()}/")
    assert (foreign.status_code, missing.status_code) == (404, 404)
    assert foreign.content == missing.content


# The registry


def test_invited_person_joins_with_a_login_of_the_hosts_kind(shop: Shop) -> None:
    """People here have no names and sign in by their address."""
    account = shop.account
    invitation = services.invite_member(
        actor=account.owner,
        account=account,
        address="Ana@new.example",
        role="author",
        subaccount=shop.north,
    )
    token = token_of(invitation, mailed=True)
    membership = services.join(
        token=token, first_name="Ana", last_name="Ruiz", password="a long enough one"
    )
    assert membership.user == Person.objects.get(email="ana@new.example")
    assert authenticate(username="ana@new.example", password="a long enough one")
    assert can(membership.user, "access_campaigns", shop.north)


def test_the_registry_is_frozen(db: None) -> None:
    """After start-up nothing can be registered, with a word on where it belongs."""
    assert resources.registry.frozen
    with pytest.raises(ImproperlyConfigured, match=r"too late.*AppConfig\.ready"):
        resources.register(Unguarded, parent="subaccount")


def test_start_up_may_be_repeated(shop: Shop) -> None:
    """Overriding INSTALLED_APPS runs every ready() again, and the registry is as before."""
    before = [resource.label for resource in resources.registry]
    with override_settings(
        INSTALLED_APPS=["django.contrib.humanize", *_installed()],
    ):
        assert [resource.label for resource in resources.registry] == before
        assert resources.registry.frozen
        assert can(shop["full"], SEE, shop.segments["north-loyal"])
    assert can(shop["full"], SEE, shop.segments["north-loyal"])


def _installed() -> list[str]:
    from django.conf import settings

    return list(settings.INSTALLED_APPS)


def tenancy() -> resources.Registry:
    """Return a registry in which everything but the host's models is registered."""
    from teams import guarded

    registry = resources.Registry()
    guarded.register(registry)
    return registry


def test_wrong_registrations() -> None:
    """Each mistake is told apart, and its message says what to do."""
    registry = tenancy()
    mistakes: tuple[tuple[dict[str, Any], str], ...] = (
        ({"parent": ""}, r"name the foreign keys"),
        ({"parent": "note"}, r"leads nowhere at 'note'.*name the foreign keys"),
        ({"parent": "subaccounts"}, r"leads nowhere at 'subaccounts'.*name the foreign keys"),
        ({"parent": "account__subaccounts"}, r"leads nowhere at 'subaccounts'"),
        ({"parent": "account"}, r"ends at teams\.Account, not at teams\.Subaccount"),
        (
            {"parent": "subaccount", "actions": {"view": "fly_rockets"}},
            r"'fly_rockets', which the catalogue does not declare; correct the name",
        ),
        (
            {"parent": "subaccount", "guest": frozenset({"fly_rockets"})},
            r"'fly_rockets', which the catalogue does not declare",
        ),
    )
    for wrong, message in mistakes:
        with pytest.raises(ImproperlyConfigured, match=message):
            registry.register("crm.Unguarded", **wrong)
        assert Unguarded not in registry
    registry.register("crm.Unguarded", parent="subaccount")
    with pytest.raises(ImproperlyConfigured, match=r"registered twice; remove one"):
        registry.register(Unguarded, parent="subaccount")
    registry.freeze()
    with pytest.raises(ImproperlyConfigured, match=r"too late"):
        registry.register(Segment, parent="board__subaccount")


def test_registered_before_the_tenancy() -> None:
    """The order of INSTALLED_APPS is named."""
    with pytest.raises(ImproperlyConfigured, match=r"list 'teams' in INSTALLED_APPS before"):
        resources.Registry().register("crm.Unguarded", parent="subaccount")


def test_a_key_of_its_own_is_not_believed() -> None:
    """A host's column "account" may say anything: the account is that of the subaccount."""
    resource = tenancy().register(Unguarded, parent="subaccount")
    assert resource.root_path == "subaccount__account_id"
    ours = tenancy().of(Membership._meta.apps.get_model("teams.MailingList"))
    assert ours.root_path == "account_id"  # a composite key keeps it true


# An edition of the host's own, with custom roles


@pytest.mark.django_db
def test_an_edition_of_the_host() -> None:
    """Its roles decide; its custom roles are made, previewed, given and edited."""
    people = {name: Person.objects.create_user(f"{name}@b.example", PASSWORD) for name in "abc"}
    master, ana, ben = people.values()
    account = Account.objects.create(slug="rye", name="Rye", edition="bakery", owner=master)
    north = services.create_subaccount(actor=master, account=account, name="North")
    board = Board.objects.create(subaccount=north, name="Board")
    segment = Segment.objects.create(board=board, name="Loyal")
    for person, role in ((ana, "head"), (ben, "helper")):
        services.add_member(
            consented=True, actor=master, account=account, user=person, role=role, subaccount=north
        )
    assert can(ben, SEE, segment).allowed
    assert not can(ben, DELETE, segment).allowed

    role = services.create_role(
        actor=ana, account=account, name="Tidy", permissions=[SEE, DELETE], description="Tidies."
    )
    found = services.preview(
        services.add_member, actor=ana, account=account, user=ben, role=role, subaccount=north
    )
    assert [str(line.permission) for line in found.lines] == ["view_contacts", DELETE]
    services.add_member(actor=ana, account=account, user=ben, role=role, subaccount=north)
    assert can(ben, DELETE, segment).allowed  # the roles of one person add up
    assert names(visible(Segment.objects.all(), ben, DELETE)) == {"Loyal"}
    services.edit_role(actor=ana, role=role, permissions=[SEE])
    assert not can(ben, DELETE, segment).allowed
    with pytest.raises(Invalid, match="no such tick"):
        services.edit_role(actor=ana, role=role, permissions=["send_campaigns"])


# Flushing a database in which the audit is append-only


@pytest.mark.django_db(transaction=True)
def test_a_transactional_test_can_flush() -> None:
    """``permissions.testing``, loaded as a plugin, lets the host's transactional tests end."""
    shop = open_shop()
    assert can(shop["full"], SEE, shop.segments["north-loyal"])
