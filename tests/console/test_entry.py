"""Who enters which site, and which areas exist for whom."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from teams.factories import UserFactory

#: the door is the console's own
pytestmark = [pytest.mark.once, pytest.mark.usefixtures("console_logins")]

AREAS = {
    "people": "/auth/user/",
    "subaccounts": "/teams/subaccount/",
    "audience": "/teams/mailinglist/",
    "templates": "/teams/messagetemplate/",
    "campaigns": "/teams/campaign/",
    "results": "/teams/result/",
}
EVERYTHING = set(AREAS)
ENTERS = {
    "owner": EVERYTHING,
    "manager": EVERYTHING,
    "administrator": EVERYTHING,
    "full": {"audience", "templates", "campaigns", "results"},
    "editor": {"audience", "templates", "campaigns", "results"},
    "author": {"templates", "campaigns", "results"},
    "response_only": {"results"},
}


def sign_in(client: Client, name: str, **more: str) -> Any:
    return client.post("/sign-in/login/", {"login": name, "password": "demo", **more})


@pytest.mark.parametrize("who", ENTERS)
def test_everybody_signs_in_and_sees_home_own_access_and_the_matrix(world: Any, who: str) -> None:
    client = Client()
    name = world.people[who].username
    answer = sign_in(client, name, next="/")
    assert (answer.status_code, answer["Location"]) == (302, "/")
    assert [client.get(url).status_code for url in ("/", "/access/", "/roles/")] == [200] * 3


@pytest.mark.parametrize("who", ENTERS)
def test_areas_one_may_not_enter_are_refused_and_absent(world: Any, who: str) -> None:
    client = world.client(who)
    home = client.get("/").content.decode()
    entered = {area for area, url in AREAS.items() if client.get(url).status_code == 200}
    refused = {area for area, url in AREAS.items() if client.get(url).status_code == 403}
    assert entered == ENTERS[who]
    assert refused == EVERYTHING - ENTERS[who]
    assert {area for area, url in AREAS.items() if f'href="{url}"' in home} == ENTERS[who]


def test_staff_and_superusers_do_not_enter_the_console(world: Any) -> None:
    for flags, says in (
        ({"is_staff": True}, "Staff of the platform have no place"),
        ({"is_superuser": True}, "no active place in any account"),
    ):
        user = UserFactory(**flags)
        client = Client()
        sign_in(client, user.username)
        for url in ("/", "/roles/", *AREAS.values()):
            assert client.get(url).status_code == 302
        told = client.get("/", follow=True)
        assert (told.status_code, told.redirect_chain) == (403, [("/login/?next=/", 302)])
        assert says in told.content.decode()


def test_a_member_made_staff_no_longer_enters(world: Any) -> None:
    client = world.client("full")
    world.people["full"].is_staff = True
    world.people["full"].save()
    assert client.get("/").status_code == 302


@pytest.mark.parametrize("who", ENTERS)
def test_tenants_do_not_enter_the_operator_site(world: Any, who: str) -> None:
    client = world.client(who)
    for url in (
        "/operator/",
        "/operator/teams/account/",
        f"/operator/teams/account/{world.account.pk}/change/",
    ):
        answer = client.get(url)
        assert answer.status_code == 302
        assert answer["Location"].startswith("/operator/login/")


def test_the_operator_sees_accounts_and_nothing_in_them(world: Any) -> None:
    client = Client()
    client.force_login(UserFactory(is_staff=True))
    listed = client.get("/operator/teams/account/").content.decode()
    page = client.get(f"/operator/teams/account/{world.account.pk}/change/").content.decode()
    assert "Harbor" in listed
    assert "Emma HQ" in page
    for inside in ("North", "Newsletter", "p.full", "Becker"):
        assert inside not in listed + page
    for act in ("add/", f"{world.account.pk}/delete/"):
        assert client.post(f"/operator/teams/account/{act}", {"post": "yes"}).status_code == 403
    changed = client.post(f"/operator/teams/account/{world.account.pk}/change/", {"name": "X"})
    assert changed.status_code == 403


def test_signing_out_is_a_post_open_to_anybody(world: Any) -> None:
    client = world.client("author")
    assert client.get("/logout/").status_code == 405
    assert client.post("/logout/")["Location"] == "/sign-in/login/"
    assert client.get("/").status_code == 302


def test_next_leads_nowhere_else(world: Any) -> None:
    for evil in ("//evil.example", "https:evil.example", "/\\evil.example"):
        assert sign_in(Client(), world.people["full"].username, next=evil)["Location"] == "/"
