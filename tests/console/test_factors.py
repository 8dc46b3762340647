"""A second factor that is asked, in the console: the setting, who has none, what sleeps and why."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from django.db import connection
from django.http import HttpRequest
from django.test import Client
from django.test.utils import CaptureQueriesContext

from permissions.models import AuditEvent
from teams import services
from teams.factories import MembershipFactory, UserFactory
from teams.factors import CLASSES, DEFAULT
from teams.logins import Logins
from teams.models import Account
from tests.console.conftest import MARKER, World
from tests.signing_in import SET_UP, GroupLogins, enrol, signing_in_with

pytestmark = [pytest.mark.once, pytest.mark.django_db]

PEOPLE = "/auth/user/"
ASLEEP = "sleep until you set up a second factor"


class JustSignedIn(GroupLogins):
    """Everybody has signed in a moment ago; who has not is asked, see test_recent.py."""

    def ask_again(self, request: HttpRequest) -> None:
        """Ask nobody."""


@pytest.fixture(autouse=True)
def sign_in() -> Iterator[None]:
    """Let people have second factors."""
    with signing_in_with(JustSignedIn()):
        yield


def asks(world: World, *classes: str) -> None:
    Account.objects.filter(pk=world.account.pk).update(second_factor=list(classes))


def body(client: Client, url: str, status: int = 200) -> str:
    answer = client.get(url)
    assert answer.status_code == status, url
    return str(answer.content.decode())


def setting(world: World, rest: str = "act/second-factor/") -> str:
    return f"/teams/account/{world.account.pk}/{rest}"


def test_the_owner_chooses_and_sees_who_would_lose_what(world: World) -> None:
    owner, client = enrol(world.people["owner"]), world.client("owner")
    page = body(client, setting(world, "change/"))
    assert "Asked of nobody" in page
    assert f'href="{setting(world)}"' in page
    page = body(client, setting(world))
    assert page.count('type="checkbox"') == len(CLASSES)
    assert "The owner: nobody would lose anything." in page
    assert re.search(r"Managers: Tom Becker \(\d+ permissions\) would lose that until", page)
    assert "(1 permission)" in page
    assert "(1 permissions)" not in page
    assert "You have no second factor yourself" not in page
    assert "Maria Lopez (" not in page
    assert MARKER not in page
    answer = client.post(setting(world), {"classes": ["managers", "export"]}, follow=True)
    assert "Harbor asks a second factor of 2 of 7 groups." in answer.content.decode()
    assert "Managers: all that a role on the whole account gives" in answer.content.decode()
    world.account.refresh_from_db()
    assert world.account.second_factor == ["managers", "export"]
    assert "changed of whom Harbor asks a second factor." in body(client, "/")
    assert 'value="managers" id="id_classes_2" checked' in body(client, setting(world))
    answer = client.post(setting(world), {}, follow=True)
    assert "Harbor asks a second factor of nobody." in answer.content.decode()
    assert AuditEvent.objects.filter(action="second_factor.changed").count() == 2
    assert owner.groups.exists()


@pytest.mark.parametrize("posted", [["boss"], ["owners", "owners"], ["\0"]])
def test_what_is_forged_comes_back_with_a_sentence(world: World, posted: list[str]) -> None:
    enrol(world.people["owner"])
    answer = world.client("owner").post(setting(world), {"classes": posted})
    assert answer.status_code == 200
    assert "errornote" in answer.content.decode()
    world.account.refresh_from_db()
    assert world.account.second_factor == []


def test_an_owner_without_one_does_not_lock_themselves_out(world: World) -> None:
    page = body(world.client("owner"), setting(world))
    assert f'You have no second factor yourself. <a href="{SET_UP}">' in page
    answer = world.client("owner").post(setting(world), {"classes": ["owners"]})
    assert "Set up your own second factor first" in answer.content.decode()
    world.account.refresh_from_db()
    assert world.account.second_factor == []


@pytest.mark.parametrize("who", ["manager", "administrator", "author"])
def test_nobody_else_has_the_setting(world: World, who: str) -> None:
    enrol(world.people[who])
    client = world.client(who)
    assert client.get(setting(world)).status_code == 404
    assert client.post(setting(world), {"classes": ["owners"]}).status_code == 404


def test_where_there_are_no_second_factors_nothing_is_said_of_them(world: World) -> None:
    asks(world, *CLASSES)
    with signing_in_with(Logins()):
        client = world.client("owner")
        assert "Second factor" not in body(client, setting(world, "change/"))
        assert client.get(setting(world)).status_code == 403
        answer = client.post(setting(world), {"classes": ["owners"]})
        assert "Nobody can set up a second factor here" in answer.content.decode()
        assert ASLEEP not in body(client, "/")
        assert "second factor" not in body(client, PEOPLE).lower()
        assert "person-name" not in body(client, f"{PEOPLE}?second_factor=missing")


def test_home_says_what_sleeps_and_leads_to_the_cure(world: World) -> None:
    client = world.client("owner")
    assert ASLEEP not in body(client, "/")
    asks(world, *DEFAULT)
    for url in ("/", "/access/"):
        page = body(client, url)
        assert ASLEEP in page
        assert f'href="{SET_UP}"' in page
    assert "Sleeps until a second factor is set up" in body(client, "/access/")
    enrol(world.people["owner"])
    for url in ("/", "/access/"):
        assert ASLEEP not in body(client, url)


def test_without_a_page_to_set_one_up_there_is_no_link(world: World) -> None:
    asks(world, *DEFAULT)
    with signing_in_with(type("Pageless", (GroupLogins,), {"factor_url": lambda _self: ""})()):
        page = body(world.client("owner"), "/")
    assert ASLEEP in page
    assert "Set up a second factor</a>" not in page


def test_the_page_of_a_refusal_says_it_too_and_names_no_helpers(world: World) -> None:
    asks(world, "administrators")
    world.seats["spare"] = MembershipFactory(
        account=world.account, subaccount=world.places["south"], role="full",
        user=world.people["administrator"],
    )  # fmt: skip
    client = world.client("administrator")
    page = body(client, "/teams/campaign/")
    assert MARKER not in page
    page = body(client, PEOPLE, 403)
    assert ASLEEP in page
    assert "What would open it sleeps, or none of your roles includes it." in page
    assert f'href="{SET_UP}"' in page
    enrol(world.people["administrator"])
    assert client.get(PEOPLE).status_code == 200


def test_an_owner_whose_rights_sleep_sees_neither_people_nor_changes(world: World) -> None:
    services.rename_subaccount(
        actor=world.people["owner"], subaccount=world.places["north"], name="Northwind"
    )
    client = world.client("owner")
    assert "Recent changes" in body(client, "/")
    asks(world, "owners")
    page = body(client, "/")
    assert "Recent changes" not in page
    assert "Northwind" in page  # where they work is no secret
    body(client, PEOPLE, 403)
    body(client, setting(world, "change/"), 404)
    for model in ("mailinglist", "campaign", "contact", "messagetemplate"):
        assert client.get(f"/teams/{model}/").status_code == 403, model


def test_people_without_one_are_found_and_marked(world: World) -> None:
    enrol(world.people["owner"])
    client = world.client("owner")
    assert "second_factor=missing" not in body(client, PEOPLE)
    assert "person-name" not in body(client, f"{PEOPLE}?second_factor=missing")
    asks(world, "managers", "administrators")
    page = body(client, PEOPLE)
    assert "?second_factor=missing" in page
    assert "Missing (" not in page
    assert names(client) == {"Tom Becker", "Administrator One"}
    person = f"{PEOPLE}{world.people['manager'].pk}/change/"
    assert "No second factor" in body(client, person)
    assert ASLEEP not in body(client, person)
    enrol(world.people["manager"])
    assert names(client) == {"Administrator One"}
    assert "No second factor" not in body(client, person)
    assert "person-name" not in body(client, f"{PEOPLE}?second_factor=set")


def names(client: Client) -> set[str]:
    page = body(client, f"{PEOPLE}?second_factor=missing")
    return {name.strip() for name in re.findall(r'"person-name">([^<]*)<', page)}


def test_pages_cost_the_same_however_many_have_none(world: World) -> None:
    enrol(world.people["owner"])
    asks(world, *DEFAULT)
    client = world.client("owner")
    urls = ("/", PEOPLE, f"{PEOPLE}?second_factor=missing", setting(world))
    before = [cost(client, url) for url in urls]
    for _ in range(3):
        MembershipFactory(
            account=world.account, user=UserFactory(), role="manager", all_subaccounts=True
        )
    assert [cost(client, url) for url in urls] == before


def cost(client: Client, url: str) -> int:
    client.get(url)
    with CaptureQueriesContext(connection) as queries:
        body(client, url)
    return len(queries)


def test_it_takes_no_more_queries_than_where_nothing_is_asked(world: World) -> None:
    client = world.client("owner")
    with signing_in_with(Logins()):
        plain = [cost(client, url) for url in ("/", PEOPLE, "/access/")]
    enrol(world.people["owner"])
    asks(world, *DEFAULT)
    assert [cost(client, url) for url in ("/", PEOPLE, "/access/")] == plain
