"""People: the list with its filters, one person's page, and what is offered there."""

from __future__ import annotations

import html
import re
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from permissions import audit
from permissions.models import AuditEvent
from teams import services
from teams.admin import adding
from teams.admin.people import PersonAdmin
from teams.admin.people_filters import PEOPLE_FILTERS, FactorFilter
from teams.catalogue import MANAGE_TEAMS
from teams.factories import (
    AccountFactory,
    MembershipFactory,
    RoleFactory,
    SubaccountFactory,
    TeamMembershipFactory,
    UserFactory,
)
from teams.models import Membership
from teams.services import platform
from tests.console.conftest import MARKER, build

PEOPLE = "/auth/user/"


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
    # the one by second factor is not counted: that would load what everybody may do
    assert cost(PEOPLE_FILTERS) == bare + len(PEOPLE_FILTERS) - 1
    assert cost((FactorFilter,)) == bare
    assert bare <= 15


# adding


def act(client: Any, url: str, **data: Any) -> Any:
    assert client.get(url).status_code == 200, url
    return client.post(url, data, follow=True)


def boss_in(world: Any, role: str = "manager", **more: Any) -> Any:
    """Return somebody with a high role who is also an author in North."""
    person = UserFactory(first_name="Second", last_name="Boss")
    more = more or {"all_subaccounts": True}
    MembershipFactory(account=world.account, user=person, role=role, **more)
    MembershipFactory(
        account=world.account, subaccount=world.places["north"], user=person, role="author"
    )
    return person


def test_add_person_asks_for_the_place_first(world: Any) -> None:
    client, person = world.client("owner"), world.people["full"]
    assert "/auth/user/act/add-person/" in client.get(PEOPLE).content.decode()
    page = client.get(f"{PEOPLE}act/add-person/").content.decode()
    south = f"{PEOPLE}act/add-person/{world.places['south'].pk}/"
    assert south in page
    assert MARKER not in page
    assert "Full One" in client.get(south).content.decode()
    answer = act(client, south, person=person.pk, role="editor")
    assert "Full One is Editor of South now." in answer.content.decode()
    assert Membership.objects.get(user=person, subaccount=world.places["south"]).role == "editor"
    assert "Full One" not in client.get(south).content.decode()


def test_add_person_reaches_the_account_too(world: Any) -> None:
    client = world.client("owner")
    url = f"{PEOPLE}act/add-person/account/"
    act(client, url, person=world.people["author"].pk, role="manager", reach="all")
    assert Membership.objects.get(user=world.people["author"], subaccount=None).all_subaccounts


def test_add_person_is_offered_only_where_it_leads_somewhere(world: Any) -> None:
    for who in ("administrator", "manager"):  # everybody they see works in North already
        client = world.client(who)
        assert "add-person" not in client.get(PEOPLE).content.decode()
        north = world.places["north"].pk
        assert client.get(f"{PEOPLE}act/add-person/{north}/").status_code == 403
    world.seats["manager"].reach.create(subaccount=world.places["south"], account=world.account)
    client = world.client("manager")
    assert "add-person" in client.get(PEOPLE).content.decode()
    page = client.get(f"{PEOPLE}act/add-person/").content.decode()
    assert "South" in page
    assert "East" not in page


@pytest.mark.parametrize("part", ["south", "rival", "987654", "abc", "%00", "9" * 40])
def test_places_out_of_reach_are_missing(world: Any, part: str) -> None:
    keys = {"south": world.places["south"].pk, "rival": world.rival["subaccount"].pk}
    client = world.client("manager")
    assert client.get(f"{PEOPLE}act/add-person/{keys.get(part, part)}/").status_code == 404


def test_add_person_takes_nobody_the_actor_does_not_see(world: Any) -> None:
    world.seats["manager"].reach.create(subaccount=world.places["south"], account=world.account)
    hidden = UserFactory(first_name="Hidden", last_name="Away")
    MembershipFactory(account=world.account, subaccount=world.places["east"], user=hidden)
    client = world.client("manager")
    url = f"{PEOPLE}act/add-person/{world.places['south'].pk}/"
    assert "Hidden" not in client.get(url).content.decode()
    before = Membership.objects.count()
    for person in (hidden.pk, world.rival["user"].pk, 987654, "abc", " ", "\0"):
        answer = client.post(url, {"person": person, "role": "author"})
        assert answer.status_code == 200
        assert "Hidden" not in answer.content.decode()
    assert Membership.objects.count() == before


def test_who_is_above_is_not_offered_and_refused(lasting_world: Any) -> None:
    world = lasting_world
    boss = boss_in(world)
    world.seats["manager"].reach.create(subaccount=world.places["south"], account=world.account)
    client, south = world.client("manager"), world.places["south"].pk
    for url in (f"{PEOPLE}act/add-person/{south}/", f"/teams/subaccount/{south}/act/add/"):
        page = client.get(url).content.decode()
        assert "Full One" in page
        assert "Second Boss" not in page
        assert client.post(url, {"person": boss.pk, "role": "author"}).status_code == 403
    person = client.get(f"{PEOPLE}{boss.pk}/change/").content.decode()
    assert f"/auth/user/{boss.pk}/act/add/" not in person
    assert client.get(f"{PEOPLE}{boss.pk}/act/add/{south}/").status_code == 403
    event = AuditEvent.objects.get()
    assert (event.action, event.data["code"]) == ("write.refused", "RANK_TOO_HIGH")


def test_an_owner_with_only_the_home_workspace_may_add_to_the_account(db: Any, client: Any) -> None:
    owner = UserFactory()
    account = AccountFactory(edition="constant_contact", owner=owner)
    home = SubaccountFactory(account=account, is_home=True)
    person = UserFactory(first_name="Ida", last_name="Berg")
    MembershipFactory(
        account=account, user=person, role="campaign_creator", reaching=[home], exclusive=False
    )
    client.force_login(owner)
    url = f"{PEOPLE}{person.pk}/act/add/"
    assert url in client.get(f"{PEOPLE}{person.pk}/change/").content.decode()
    options = client.get(url).content.decode()
    assert f"{url}account/" in options
    assert f"{url}{home.pk}/" not in options
    act(client, f"{url}account/", role="account_manager", reach="some", managed=[str(home.pk)])
    assert person.memberships.filter(role="account_manager", reach__subaccount=home).exists()


def test_a_role_the_edition_no_longer_has_breaks_no_page(world: Any) -> None:
    for name in ("manager", "full"):
        Membership.objects.filter(pk=world.seats[name].pk).update(role="bygone")
    client = world.client("owner")
    assert client.get(PEOPLE).status_code == 200
    for name in ("manager", "full"):
        assert client.get(f"{PEOPLE}{world.people[name].pk}/change/").status_code == 200


def test_teams_are_not_offered_for_who_holds_more(sailthru: dict[str, Any], client: Any) -> None:
    admin = UserFactory(username="s.admin")
    account, place = sailthru["account"], sailthru["place"]
    MembershipFactory(
        account=account, user=admin, role="account_admin", all_subaccounts=True, exclusive=False
    )
    client.force_login(sailthru["owner"])
    url = f"{PEOPLE}{admin.pk}/act/join/"
    assert url in client.get(f"{PEOPLE}{admin.pk}/change/").content.decode()
    # somebody who manages teams in one place does not touch who holds more there
    role = RoleFactory(account=account, name="Team lead", permissions=[str(MANAGE_TEAMS)])
    lead = UserFactory(username="s.lead")
    MembershipFactory(
        account=account, subaccount=place, user=lead, role="", custom_role=role, exclusive=False
    )
    client.force_login(lead)
    person = sailthru["member"]
    page = client.get(f"{PEOPLE}{person.pk}/change/")
    if page.status_code == 200:
        assert f"{PEOPLE}{person.pk}/act/join/" not in page.content.decode()
    TeamMembershipFactory(team=sailthru["team"], user=person)
    assert "/act/leave/" not in client.get(f"{PEOPLE}{person.pk}/change/").content.decode()
    assert client.get(f"{PEOPLE}{person.pk}/act/join/").status_code in (403, 404)


def test_the_primary_contact_is_chosen_among_those_below(enterprise: Any) -> None:
    north = enterprise.places["north"]
    boss = UserFactory(first_name="Second", last_name="Boss")
    MembershipFactory(account=enterprise.account, user=boss, role="manager", all_subaccounts=True)
    seat = MembershipFactory(account=enterprise.account, subaccount=north, user=boss, role="full")
    url = f"/teams/subaccount/{north.pk}/act/contact/"
    page = enterprise.client("manager").get(url).content.decode()
    assert "Full One" in page
    assert "Second Boss" not in page
    assert "Second Boss" in enterprise.client("owner").get(url).content.decode()
    Membership.objects.filter(pk=seat.pk).update(is_primary_contact=True)
    assert enterprise.client("manager").get(url).status_code == 403
    body = enterprise.client("manager").get(f"/teams/subaccount/{north.pk}/change/")
    assert "/act/contact/" not in body.content.decode()


@pytest.mark.parametrize(
    "url", ["/auth/user/act/add-person/", "/auth/user/act/add-person/{south}/", "/auth/user/"]
)
def test_adding_costs_the_same_for_few_and_for_many(world: Any, url: str) -> None:
    world.seats["manager"].reach.create(subaccount=world.places["south"], account=world.account)
    address = url.format(south=world.places["south"].pk)

    def cost() -> int:
        client = world.client("manager")
        client.get(address)
        with CaptureQueriesContext(connection) as queries:
            assert client.get(address).status_code == 200
        return len(queries)

    before = cost()
    for _ in range(3):
        person = UserFactory()
        MembershipFactory(account=world.account, subaccount=world.places["north"], user=person)
    assert cost() == before


# switches say why they are locked, and who can help


def locked(client: Any, person: Any) -> list[str]:
    """Return the sentences of the locked switches on a person's page."""
    url = "/access/" if person is None else f"{PEOPLE}{person.pk}/change/"
    body = html.unescape(client.get(url).content.decode())
    return re.findall(r'#i-lock"></use></svg><span>([^<]*)</span></p>', body)


def test_a_switch_one_does_not_hold_names_who_does(db: Any) -> None:
    world = build("emma_corporate")

    def holder() -> str:
        sentences = locked(world.client("manager"), world.people["full"])
        start = "You do not hold Export contacts in North; "
        found = [s.removeprefix(start) for s in sentences if s.startswith(start)]
        return found[0] if len(found) == 1 else ""

    second = UserFactory(first_name="Near", last_name="Manager")
    seat = MembershipFactory(
        account=world.account, user=second, role="manager", reaching=[world.places["north"]]
    )
    services.toggle_permission(
        actor=world.people["owner"], membership=seat, toggle="export_contacts", on=True
    )
    assert holder() == "Administrator One (administrator) does."
    Membership.objects.filter(pk=world.seats["administrator"].pk).update(status="suspended")
    assert holder() == "Near Manager (manager) does."
    Membership.objects.filter(pk=seat.pk).update(status="suspended")
    assert holder() == "Maria Lopez (parent) does."


def test_a_switch_names_nobody_whom_the_reader_does_not_see(db: Any) -> None:
    world = build("emma_corporate")
    services.toggle_permission(
        actor=world.people["owner"],
        membership=world.seats["manager"],
        toggle="share_campaigns",
        on=True,
    )

    def helper(reader: str) -> str:
        sentences = locked(world.client(reader), world.people["full"])
        return next(s for s in sentences if s.startswith("You do not hold Share"))

    # the manager is nearer, and an administrator sees nobody at account level
    assert helper("administrator").endswith("in North; Maria Lopez (parent) does.")


def test_a_switch_of_somebody_above_names_who_can(world: Any) -> None:
    boss = UserFactory(first_name="Second", last_name="Boss")
    MembershipFactory(account=world.account, user=boss, role="manager", all_subaccounts=True)
    MembershipFactory(
        account=world.account, subaccount=world.places["north"], user=boss, role="full"
    )
    sentences = locked(world.client("administrator"), boss)
    assert (
        sentences
        == ["Second Boss is not below you there. Maria Lopez (owner) can switch this."] * 2
    )


def test_ones_own_switches_name_who_can(world: Any) -> None:
    sentences = locked(world.client("full"), None)
    assert set(sentences) == {
        "Nobody changes their own rights. Maria Lopez (owner) can switch this."
    }  # whose people one does not see there, one is not told who is nearer
    services.toggle_permission(
        actor=world.people["owner"],
        membership=world.seats["full"],
        toggle="export_contacts",
        on=True,
    )
    assert any(s.startswith("Covers Export contacts") for s in locked(world.client("full"), None))


def test_a_switch_the_role_does_not_admit_names_nobody(world: Any) -> None:
    for sentence in locked(world.client("administrator"), world.people["author"]):
        assert sentence == (
            "The role Author cannot be given this. It can be switched on for Full and Editor."
        )


@pytest.mark.parametrize("who", ["manager", "administrator", "owner"])
def test_the_person_costs_the_same_with_many_locked_switches(db: Any, who: str) -> None:
    world = build("emma_corporate")

    def cost() -> int:
        client = world.client(who)
        url = f"{PEOPLE}{world.people['full'].pk}/change/"
        client.get(url)
        with CaptureQueriesContext(connection) as queries:
            assert client.get(url).status_code == 200
        return len(queries)

    before = cost()
    for name in ("south", "east"):
        place = world.places[name]
        world.seats["manager"].reach.create(subaccount=place, account=world.account)
        for person in (world.people["full"], UserFactory(), UserFactory()):
            MembershipFactory(account=world.account, subaccount=place, user=person, role="full")
        MembershipFactory(
            account=world.account, subaccount=place, user=UserFactory(), role="administrator"
        )
    assert cost() == before
    assert before <= 37


# activity


def feed(client: Any, person: Any) -> list[str]:
    """Return the lines of a person's activity, newest first."""
    url = "/access/" if person is None else f"{PEOPLE}{person.pk}/change/"
    body = html.unescape(client.get(url).content.decode())
    section = body.partition('id="activity"')[2]
    lines = re.findall(r"<p>(.*?) <time", section)
    return [re.sub(r"<[^>]*>", "", line) for line in lines]


def test_activity_is_in_words_and_names_people(world: Any) -> None:
    owner, person = world.people["owner"], world.people["full"]
    services.toggle_permission(
        actor=owner, membership=world.seats["full"], toggle="export_contacts", on=True
    )
    services.suspend_member(actor=owner, membership=world.seats["full"])
    services.reactivate_member(actor=owner, membership=world.seats["full"])
    services.change_role(actor=owner, membership=world.seats["full"], role="editor")
    lines = feed(world.client("owner"), person)
    assert lines == [
        "Maria Lopez made Full One Editor of North. Was Full.",
        "Maria Lopez reactivated Full One.",
        "Maria Lopez suspended Full One.",
        "Maria Lopez switched Export contacts on for Full One.",
    ]
    assert feed(world.client("administrator"), person) == lines
    assert feed(world.client("full"), None) == lines
    assert set(lines) <= set(feed(world.client("owner"), None))


def test_activity_of_the_platform_says_why(world: Any) -> None:
    platform.suspend_as_platform(membership=world.seats["full"], reason="Abuse reported")
    lines = feed(world.client("owner"), world.people["full"])
    assert lines == ["Platform suspended Full One. Reason: Abuse reported"]


def test_activity_recorded_by_login_alone_names_the_person(world: Any) -> None:
    audit.record(
        root=audit.ref_of(world.account),
        actor=world.people["owner"],
        action="member.suspended",
        subject=world.seats["full"],
        data={"before": "active", "after": "suspended"},
    )
    assert feed(world.client("owner"), world.people["full"]) == ["Maria Lopez suspended Full One."]
    # where it happened was not recorded, so others are not told
    assert feed(world.client("administrator"), world.people["full"]) == []


def test_activity_elsewhere_is_left_out(world: Any) -> None:
    owner, person = world.people["owner"], world.people["full"]
    south = services.add_member(
        consented=True,
        actor=owner,
        account=world.account,
        user=person,
        role="editor",
        subaccount=world.places["south"],
    )
    services.remove_member(actor=owner, membership=south)
    services.add_member(
        consented=True,
        actor=owner,
        account=world.account,
        user=person,
        role="manager",
        all_subaccounts=True,
    )
    services.rename_subaccount(actor=owner, subaccount=world.places["east"], name="Far away")
    assert feed(world.client("administrator"), person) == []
    told = feed(world.client("owner"), person)
    assert told[:2] == [
        "Maria Lopez made Full One Manager of all subaccounts.",
        "Maria Lopez removed Full One from South.",
    ]
    for who in ("administrator", "manager"):
        for line in feed(world.client(who), person):
            assert "South" not in line
    Membership.objects.filter(user=person, subaccount=None).delete()
    mine = feed(world.client("full"), None)
    assert "Maria Lopez removed Full One from a subaccount." in mine
    assert "South" not in "".join(mine)


def test_refusals_are_told_to_the_owner_alone(lasting_world: Any) -> None:
    world = lasting_world
    manager = world.people["manager"]
    world.client("manager").post("/teams/subaccount/act/create/", {"name": "Mine"})
    assert any("cannot create" in line for line in feed(world.client("owner"), manager))
    assert feed(world.client("manager"), None) == []


def test_activity_of_another_account_is_never_told(world: Any) -> None:
    person = world.people["full"]
    MembershipFactory(
        account=world.rival["account"],
        subaccount=world.rival["subaccount"],
        user=person,
        role="full",
    )
    seat = person.memberships.get(account=world.rival["account"])
    services.suspend_member(actor=world.rival["owner"], membership=seat)
    body = world.client("owner").get(f"{PEOPLE}{person.pk}/change/").content.decode()
    assert MARKER not in body
    assert feed(world.client("owner"), person) == []


def test_activity_is_bounded_and_costs_the_same(world: Any) -> None:
    owner, person, client = world.people["owner"], world.people["full"], world.client("owner")

    def again(times: int) -> int:
        for _ in range(times):
            services.suspend_member(actor=owner, membership=world.seats["full"])
            services.reactivate_member(actor=owner, membership=world.seats["full"])
        client.get(f"{PEOPLE}{person.pk}/change/")
        with CaptureQueriesContext(connection) as queries:
            client.get(f"{PEOPLE}{person.pk}/change/")
        return len(queries)

    assert again(1) == again(7)
    assert len(feed(client, person)) == 10


def test_the_list_says_when_access_ends(world: Any) -> None:
    ends = {"full": 3, "author": 1, "editor": -2, "response_only": 40}
    for who, days in ends.items():
        moment = timezone.now() + timedelta(days=days)
        Membership.objects.filter(pk=world.seats[who].pk).update(ends_at=moment)
    body = world.client("owner").get(PEOPLE).content.decode()
    cells = re.findall(r'<td class="field-ends">(.*?)</td>', body)
    words = [re.sub(r"<time.*?</time>|<[^>]*>", "", cell) for cell in cells]
    assert sorted(words) == sorted(
        ["No end", "tomorrow", "ended", "in 3 days", "", "No end", "No end"]
    )


def test_adding_looks_past_the_first_people(world: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(adding, "FIRST", 3)
    assert "add-person" in world.client("owner").get(PEOPLE).content.decode()
    for name, seat in world.seats.items():  # the first people work everywhere already
        if name not in ("author", "manager"):
            for place in ("south", "east"):
                MembershipFactory(
                    account=world.account,
                    subaccount=world.places[place],
                    user=seat.user,
                    role=seat.role,
                )
            seat_at_top = {"user": seat.user, "role": "manager", "all_subaccounts": True}
            MembershipFactory(account=world.account, **seat_at_top)
    assert "add-person" in world.client("owner").get(PEOPLE).content.decode()


def test_guest_access_is_not_offered_where_a_hidden_role_reaches(world: Any) -> None:
    person = world.people["full"]
    MembershipFactory(
        account=world.account,
        subaccount=world.places["south"],
        user=world.people["administrator"],
        role="administrator",
    )
    url = f"{PEOPLE}{person.pk}/act/guest/"
    assert url in world.client("administrator").get(f"{PEOPLE}{person.pk}/change/").content.decode()
    # an administrator does not see roles on the account, but is not led into a refusal either
    MembershipFactory(
        account=world.account, user=person, role="manager", reaching=[world.places["south"]]
    )
    page = world.client("administrator").get(f"{PEOPLE}{person.pk}/change/").content.decode()
    assert url not in page
    assert world.client("administrator").get(url).status_code == 200
    assert "no place left" in world.client("administrator").get(url).content.decode()
