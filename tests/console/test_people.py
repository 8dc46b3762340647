"""People: the list with its filters, one person's page, and what is offered there."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from permissions import access
from teams import provider
from teams.admin.people import PersonAdmin
from teams.admin.people_filters import PEOPLE_FILTERS
from teams.crowd import standings
from teams.demo import seed
from teams.factories import AccountFactory, MembershipFactory, RoleFactory, UserFactory
from teams.models import Account, AccountUserGrant, Membership, SubaccountUserGrant

PEOPLE = "/auth/user/"


@pytest.mark.parametrize("recorded", [True, False])
def test_standings_of_a_crowd_are_those_of_each(db: Any, recorded: bool) -> None:
    seed()
    past = timezone.now() - timedelta(days=1)
    for number, row in enumerate(Membership.objects.order_by("pk")):
        if number % 5 == 1:
            Membership.objects.filter(pk=row.pk).update(status="suspended")
        if number % 5 == 2:
            Membership.objects.filter(pk=row.pk).update(ends_at=past)
    for table in (AccountUserGrant, SubaccountUserGrant):
        keys = list(table._default_manager.values_list("pk", flat=True))[::3]
        table._default_manager.filter(pk__in=keys).update(ends_at=past)
    seen = 0

    def key(holding: Any) -> str:
        return str(holding.key)

    for account in Account.objects.all():
        people = [account.owner, *(m.user for m in account.memberships.select_related("user"))]
        found = standings(account, recorded=recorded)
        for person in people:
            tenant = provider.load_profile(person, recorded=recorded).tenants.get(account.pk)
            expected = tenant.standing.holdings if tenant else ()
            got = found[person.pk].holdings if person.pk in found else ()
            assert sorted(got, key=key) == sorted(expected, key=key), person
            seen += len(expected)
    assert seen > 20
    access.forget()


def test_standings_cost_the_same_however_many(world: Any) -> None:
    def cost(*names: str) -> int:
        with CaptureQueriesContext(connection) as queries:
            standings(world.account, [world.people[n].pk for n in names], recorded=True)
        return len(queries)

    assert cost("full", "manager") == cost(*world.people) == 6


# filters


def found(client: Any, query: str) -> set[str]:
    """Return the names on the list."""
    page = client.get(f"{PEOPLE}?{query}")
    assert page.status_code == 200, query
    names = re.findall(r'<span class="person-name">([^<]*)<', page.content.decode())
    return {name.strip() for name in names}


def counts(client: Any, query: str = "") -> dict[str, int]:
    """Return the number beside each choice of the sidebar, by its address."""
    body = client.get(f"{PEOPLE}?{query}").content.decode()
    rows = re.findall(r'<a href="\?([^"]*)">\s*[^<]*\((\d+)\)</a>', body)
    return {address.replace("&amp;", "&"): int(number) for address, number in rows}


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("role=full", {"Full One"}),
        ("role=owner", {"Maria Lopez"}),
        ("status=suspended", {"Editor One"}),
        ("ends=7", {"Author One"}),
        ("ends=30", {"Author One", "Response_Only One"}),
        ("ends=ended", {"Administrator One"}),
        ("signed_in=90", {"Full One"}),
        ("signed_in=never", {"Administrator One", "Editor One", "Response_Only One", "Tom Becker"}),
        ("role=full&signed_in=never", set()),
    ],
)
def test_filters_agree_with_the_data(world: Any, query: str, names: set[str]) -> None:
    now = timezone.now()
    ends = {"author": 3, "response_only": 20, "administrator": -2, "full": 90}
    for who, days in ends.items():
        row = Membership.objects.filter(pk=world.seats[who].pk)
        row.update(ends_at=now + timedelta(days=days))
    Membership.objects.filter(pk=world.seats["editor"].pk).update(status="suspended")
    for who, days in {"full": 100, "author": 40}.items():
        person = world.people[who]
        type(person).objects.filter(pk=person.pk).update(last_login=now - timedelta(days=days))
    assert found(world.client("owner"), query) == names


def test_place_finds_everybody_who_works_there(world: Any) -> None:
    client = world.client("owner")
    everybody = found(client, "")
    assert found(client, f"place={world.places['north'].pk}") == everybody
    assert found(client, f"place={world.places['south'].pk}") == {"Maria Lopez"}


def test_active_leaves_out_what_has_ended(world: Any) -> None:
    client = world.client("owner")
    Membership.objects.filter(pk=world.seats["full"].pk).update(
        ends_at=timezone.now() - timedelta(days=1)
    )
    assert "Full One" not in found(client, "status=active")
    assert {"Maria Lopez", "Author One"} <= found(client, "status=active")


def test_custom_roles_are_filtered_by(sailthru: dict[str, Any], client: Any) -> None:
    role = RoleFactory(account=sailthru["account"], name="Night shift")
    RoleFactory(account=sailthru["account"], name="Nobody holds this")
    person = UserFactory(first_name="Ida", last_name="Berg")
    MembershipFactory(
        account=sailthru["account"],
        subaccount=sailthru["place"],
        user=person,
        role="",
        custom_role=role,
        exclusive=False,
    )
    foreign = RoleFactory(account=AccountFactory(edition="sailthru"), name="Foreign role")
    client.force_login(sailthru["owner"])
    body = client.get(PEOPLE).content.decode()
    assert "Night shift (1)" in body
    assert "Nobody holds this" not in body
    assert "Foreign role" not in body
    assert found(client, f"role=custom:{role.pk}") == {"Ida Berg"}
    assert found(client, f"role=custom:{foreign.pk}") == set()


@pytest.mark.parametrize("name", ["place", "role", "status", "ends", "signed_in"])
def test_unknown_values_find_nobody(world: Any, name: str) -> None:
    client = world.client("owner")
    rival = world.rival["subaccount"].pk
    for value in (rival, "custom:1", "nonsense", "%00", "9" * 40, "-1", "7%20", "x" * 3000):
        assert found(client, f"{name}={value}") == set(), value
    assert client.get(f"{PEOPLE}?{name}=x&_facets=True").status_code == 200


@pytest.mark.parametrize("who", ["owner", "manager", "administrator"])
def test_counts_are_what_the_filter_finds_and_nobody_out_of_scope(world: Any, who: str) -> None:
    MembershipFactory(
        account=world.account,
        subaccount=world.places["south"],
        user=world.people["full"],
        role="editor",
        status="suspended",
        ends_at=timezone.now() + timedelta(days=2),
    )
    client = world.client(who)
    told = counts(client)
    assert len(told) > 10
    for address, number in told.items():
        assert len(found(client, address)) == number, address
    if who != "owner":  # what Full One is in South is not theirs to see
        assert told["status=suspended"] == told["ends=7"] == 0
    again = counts(client, "_facets=True")
    assert {key.replace("_facets=True&", "") for key in again} == set(told)
    assert sorted(again.values()) == sorted(told.values())


def test_each_filter_costs_one_query(world: Any) -> None:
    client = world.client("owner")

    def cost(filters: tuple[Any, ...]) -> int:
        original, PersonAdmin.list_filter = PersonAdmin.list_filter, filters
        try:
            client.get(PEOPLE)
            with CaptureQueriesContext(connection) as queries:
                client.get(PEOPLE)
        finally:
            PersonAdmin.list_filter = original
        return len(queries)

    bare = cost(())
    assert cost(PEOPLE_FILTERS) == bare + len(PEOPLE_FILTERS)
    assert bare <= 11
