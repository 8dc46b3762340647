"""The aside "Why": the chain from the owner, what would end it, what is missing; named as known."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django.utils.html import strip_tags

from teams import services
from teams.catalogue import CATALOGUE
from teams.factories import MembershipFactory, SubaccountFactory, UserFactory
from teams.models import Membership, SubaccountUserGrant
from tests.console.conftest import MARKER

pytestmark = pytest.mark.once


def url_of(world: Any, whom: str, **query: Any) -> str:
    base = f"/auth/user/{world.people[whom].pk}/change/"
    return base + "?" + "&".join(f"{key}={value}" for key, value in query.items())


def aside(answer: Any) -> str:
    """Return the aside as text, on one line; empty without one."""
    assert answer.status_code == 200
    found = re.search(r"<aside class=\"panel why\".*?</aside>", answer.text, re.S)
    if found is None:
        assert "has-aside" not in answer.text
        return ""
    assert "has-aside" in answer.text
    return " ".join(strip_tags(found[0].replace("<", " <")).split())


def ask(world: Any, reader: str, whom: str, permission: str, place: str = "north") -> str:
    key = world.places[place].pk
    url = url_of(world, whom, place=key, why=permission)
    return aside(world.client(reader).get(url))


def test_every_line_has_a_link_that_opens_the_aside(world: Any) -> None:
    client = world.client("owner")
    page = client.get(url_of(world, "editor")).text
    links = re.findall(r'href="(\?place=\d+&amp;why=[a-z_]+#why)"', page)
    permissions = [p for p in CATALOGUE if p.level != "account"]
    assert len(links) == len(set(links)) >= len(permissions) - 30
    for link in links[::7]:
        found = client.get(url_of(world, "editor") + link[1:].replace("&amp;", "&"))
        assert "Why Editor can" in aside(found) or "Why Editor cannot" in aside(found)


def test_the_chain_leads_from_the_owner_to_the_switch(world: Any) -> None:
    owner, tom = world.people["owner"], world.people["manager"]
    Membership.objects.filter(pk=world.seats["manager"].pk).update(added_by=owner)
    Membership.objects.filter(pk=world.seats["editor"].pk).update(added_by=owner)
    services.toggle_permission(
        actor=tom, membership=world.seats["editor"], toggle="export_contacts", on=True
    )
    SubaccountUserGrant.objects.update(ends_at=timezone.now() + timedelta(days=900))
    text = ask(world, "owner", "editor", "export_contacts")
    steps = [
        "Why Editor can: Export contacts in North",
        "Editor can in North, until",
        "You Owner You hold everything in Harbor.",
        "You made Tom Becker Manager",
        "You made Editor One Editor",
        "Tom Becker switched on Export contacts",
        "It would stop if",
        "passes",
        "Export contacts is switched off",
        "The role Editor in North is taken away or suspended",
        "That role becomes Author or Response only",
        "North is archived",
        "Who else can in North?",
    ]
    places = [text.find(step) for step in steps]
    assert -1 not in places, dict(zip(steps, places, strict=True))
    assert places == sorted(places)


def test_who_changed_a_role_last_is_who_gave_it(world: Any) -> None:
    Membership.objects.filter(pk=world.seats["author"].pk).update(added_by=world.people["owner"])
    services.change_role(
        actor=world.people["manager"], membership=world.seats["author"], role="editor"
    )
    assert "Tom Becker made Author One Editor" in ask(world, "owner", "author", "view_contacts")


def test_several_sources_last_without_one_another(world: Any) -> None:
    MembershipFactory(
        account=world.account,
        user=world.people["editor"],
        role="manager",
        reaching=[world.places["north"]],
    )
    text = ask(world, "owner", "editor", "view_contacts")
    assert "It would last even without that Role" in text
    assert "It would stop if" not in text


def test_what_is_missing_and_who_could_give_it(world: Any) -> None:
    text = ask(world, "owner", "author", "send_campaigns")
    assert "Author cannot in North." in text
    assert "Needs Manager, Administrator or Full" in text
    assert "Administrator One, Administrator" in text
    assert "You, Owner" in text
    text = ask(world, "owner", "editor", "export_contacts")
    assert "The role Editor may be given this here, but it is switched off" in text


@pytest.mark.parametrize("whom", ["author", "editor", "full"])
def test_an_administrator_reads_no_name_from_account_level(world: Any, whom: str) -> None:
    owner, tom = world.people["owner"], world.people["manager"]
    Membership.objects.filter(pk=world.seats[whom].pk).update(added_by=tom)
    Membership.objects.filter(pk=world.seats["manager"].pk).update(added_by=owner)
    services.toggle_permission(
        actor=tom, membership=world.seats["editor"], toggle="export_contacts", on=True
    )
    for permission in ("access_response", "export_contacts", "manage_audience_sharing"):
        text = ask(world, "administrator", whom, permission)
        assert text
        for hidden in ("Maria", "Lopez", "Tom", "Becker", "South", "East"):
            assert hidden not in text, (permission, hidden)
    assert f"Somebody you do not see made {whom.title()} One" in ask(
        world, "administrator", whom, "access_response"
    )


def test_a_role_that_is_not_seen_is_not_named(world: Any) -> None:
    MembershipFactory(
        account=world.account,
        user=world.people["author"],
        role="manager",
        reaching=[world.places["north"]],
    )
    text = ask(world, "administrator", "author", "manage_members")
    assert "It comes from a role that you do not see." in text
    assert "Manager" not in text
    page = world.client("administrator").get(url_of(world, "author")).text
    assert "A role that you do not see" in page
    assert "Role Manager" not in page
    assert "Role Manager" in world.client("owner").get(url_of(world, "author")).text


def test_a_step_by_a_role_that_is_not_seen_is_left_out(world: Any) -> None:
    author = world.people["author"]
    MembershipFactory(
        account=world.account, user=author, role="manager", reaching=[world.places["north"]]
    )
    Membership.objects.filter(pk=world.seats["editor"].pk).update(added_by=author)
    text = ask(world, "administrator", "editor", "view_contacts")
    assert "Author One made Editor One Editor" in text
    assert "Manager" not in text
    assert "made Author One Manager" in ask(world, "owner", "editor", "view_contacts")


def test_my_access_explains_itself_without_names_one_does_not_see(world: Any) -> None:
    Membership.objects.filter(pk=world.seats["author"].pk).update(added_by=world.people["manager"])
    key = world.places["north"].pk
    client = world.client("author")
    text = aside(client.get(f"/access/?place={key}&why=create_campaigns"))
    assert "Why you can: Create mailings in North" in text
    assert "You can in North." in text
    assert "Somebody you do not see made you Author" in text
    assert "Who else can" not in text  # there is no such panel for an author
    text = aside(client.get(f"/access/?place={key}&why=send_campaigns"))
    assert "You cannot in North." in text
    assert "The Owner" in text
    assert "Maria" not in text
    assert "Administrator One" not in text


def test_guest_access_is_explained(world: Any) -> None:
    services.give_guest_access(
        actor=world.people["owner"],
        user=world.people["full"],
        obj=world.places["south"],
        permissions=["access_campaigns"],
    )
    text = ask(world, "owner", "full", "access_campaigns", "south")
    assert "You gave Full One guest access To South" in text
    assert "The guest access is withdrawn" in text


def test_the_owner_is_explained(world: Any) -> None:
    key = world.places["north"].pk
    text = aside(world.client("owner").get(f"/access/?place={key}&why=send_campaigns"))
    assert "You hold everything in Harbor." in text
    assert "Harbor is transferred to somebody else" in text
    text = aside(world.client("owner").get("/access/?place=account&why=create_subaccounts"))
    assert "Why you can: Create subaccounts in Harbor" in text


@pytest.mark.parametrize("reader", ["owner", "manager", "administrator"])
def test_who_else_can_leads_to_a_page_that_answers(world: Any, reader: str) -> None:
    client = world.client(reader)
    key = world.places["north"].pk
    page = client.get(url_of(world, "editor", place=key, why="view_contacts")).text
    found = re.search(r'href="([^"]+)">Who else can', page)
    assert found is not None
    assert "<b>View contacts</b> here." in client.get(found[1]).text


@pytest.mark.parametrize("how", ["suspended", "ended", "off"])
def test_somebody_without_any_right_now_is_explained(world: Any, how: str) -> None:
    seat, person = world.seats["editor"], world.people["editor"]
    if how == "suspended":
        services.suspend_member(actor=world.people["owner"], membership=seat)
    elif how == "ended":
        yesterday = timezone.now() - timedelta(days=1)
        Membership.objects.filter(pk=seat.pk).update(ends_at=yesterday)
    else:
        type(person).objects.filter(pk=person.pk).update(is_active=False)
    text = ask(world, "owner", "editor", "view_contacts")
    assert "Editor cannot in North." in text
    assert "No active place in this account" in text


def test_an_account_level_question_is_explained(world: Any) -> None:
    client = world.client("owner")
    for permission in ("create_subaccounts", "view_assets"):
        url = url_of(world, "manager", place="account", why=permission)
        text = aside(client.get(url))
        assert re.match(r"Why Tom (can|cannot): [\w ]+ in Harbor ", text)
        assert "Who can in" not in text  # the account has no page with a panel
        assert "Who else can in" not in text


NONSENSE = ("nonsense", "%00", "9" * 400, "create_subaccounts", "<script>", "send_campaigns%00")


@pytest.mark.parametrize("value", NONSENSE)
def test_unknown_permissions_are_ignored_with_a_sentence(world: Any, value: str) -> None:
    key = world.places["north"].pk
    for client, base in (
        (world.client("owner"), url_of(world, "full")),
        (world.client("full"), "/access/?"),
    ):
        answer = client.get(f"{base}&place={key}&why={value}")
        assert aside(answer) == ""
        assert "There is no such permission to ask about here." in answer.text
        assert "<script>" not in answer.text.partition("<main")[2].partition("</main>")[0]


@pytest.mark.parametrize("value", ["nonsense", "%00", "9" * 400, "0", "-1", "south", "rival"])
def test_unknown_places_are_ignored_with_a_sentence(world: Any, value: str) -> None:
    known = {"south": world.places["south"].pk, "rival": world.rival["subaccount"].pk}
    place = known.get(value, value)
    for client, base in (
        (world.client("administrator"), url_of(world, "full")),
        (world.client("full"), "/access/?"),
    ):
        answer = client.get(f"{base}&place={place}&why=access_audience")
        assert aside(answer) == ""
        assert "That place is not one to ask about here." in answer.text
        assert "South" not in answer.text
        assert MARKER not in answer.text


@pytest.mark.parametrize("reader", ["owner", "manager", "administrator", "full"])
def test_nothing_of_a_rival_appears(world: Any, reader: str) -> None:
    rival = world.rival
    client = world.client(reader)
    # somebody of both accounts
    MembershipFactory(
        account=rival["account"],
        subaccount=rival["subaccount"],
        user=world.people["full"],
        role="author",
        added_by=rival["owner"],
    )
    for place in (world.places["north"].pk, rival["subaccount"].pk, ""):
        for permission in ("access_audience", "manage_members", "send_campaigns"):
            query = f"?place={place}&why={permission}"
            assert MARKER not in client.get(f"/access/{query}").text.replace(
                f"{MARKER} Ltd</button>", ""
            )
            if reader != "full":
                page = client.get(url_of(world, "full") + "&" + query[1:])
                assert MARKER not in page.text
    assert client.get(f"/auth/user/{rival['user'].pk}/change/?why=x").status_code == 404


def test_the_asked_area_is_open_and_closing_leads_back_to_the_line(world: Any) -> None:
    key = world.places["north"].pk
    client = world.client("owner")
    for query in (f"place={key}&why=send_campaigns", f"place={key}&line=send_campaigns"):
        page = client.get(url_of(world, "full") + query).text
        opened = re.findall(r'<details class="area" open>.*?</details>', page, re.S)
        assert len(opened) == 1
        assert 'id="line-send_campaigns"' in opened[0]
    page = client.get(url_of(world, "full", place=key, why="send_campaigns")).text
    assert f'href="?place={key}&amp;line=send_campaigns#line-send_campaigns"' in page
    assert '<h2 id="why" tabindex="-1">' in page
    assert "console/js/why.js" in page


@pytest.mark.parametrize("permission", ["access_audience", "send_campaigns", "export_contacts"])
def test_queries_do_not_grow_with_people_places_and_history(world: Any, permission: str) -> None:
    key = world.places["north"].pk
    client = world.client("owner")
    url = url_of(world, "editor", place=key, why=permission)
    costs = []
    for more in (1, 3):
        for _ in range(more):
            MembershipFactory(
                account=world.account,
                subaccount=world.places["north"],
                user=UserFactory(),
                role="administrator",
            )
            place = SubaccountFactory(account=world.account)
            MembershipFactory(account=world.account, user=UserFactory(), role="manager")
            MembershipFactory(
                account=world.account, user=UserFactory(), role="manager", reaching=[place]
            )
        client.get(url)
        with CaptureQueriesContext(connection) as queries:
            assert client.get(url).status_code == 200
        costs.append(len(queries))
    assert costs[0] == costs[1] <= 43
