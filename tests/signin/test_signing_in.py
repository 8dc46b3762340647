"""Signing in: by user name or address, the same for everybody, and nowhere else but here."""

from __future__ import annotations

from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.contrib.auth import get_user_model
from django.contrib.auth.hashers import MD5PasswordHasher
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from teams import logins
from teams.factories import AccountFactory
from tests.signin.people import OTHER, PASSWORD, is_in, login, plain, sign_in

EVIL = ("//evil.example", "https:evil.example", "/\\evil.example", "https://evil.example/")


class CountingHasher(MD5PasswordHasher):
    """Counts how often a password is hashed."""

    algorithm = "counting"
    count = 0

    def encode(self, password: str, salt: str) -> str:
        type(self).count += 1
        return super().encode(password, salt)


@pytest.fixture
def hashes(settings: Any) -> type[CountingHasher]:
    settings.PASSWORD_HASHERS = [f"{__name__}.CountingHasher"]
    return CountingHasher


@pytest.mark.parametrize("name", ["ana", "ana@people.example", "Ana@People.example", " ana "])
def test_people_sign_in_by_user_name_or_address(ana: Any, name: str) -> None:
    client, answer = sign_in(name)
    assert (answer.status_code, is_in(client)) == (302, True)


@pytest.mark.parametrize(
    "name",
    [
        "mıke@people.example",
        "mi\u212ae@people.example",
        "ＭIKE@people.example",
        "mike@people.exampIe",
        "mike@people.example.",
        "mike\x00",
        "mike@other.example",
    ],
)
def test_no_name_but_the_very_one_signs_in(db: Any, name: str) -> None:
    login("mike")
    client, answer = sign_in(name)
    assert (answer.status_code, is_in(client)) == (200, False)


def test_an_address_that_nobody_confirmed_signs_nobody_in(ana: Any) -> None:
    EmailAddress.objects.filter(user=ana).update(verified=False)
    assert not is_in(sign_in("ana@people.example")[0])
    assert is_in(sign_in("ana")[0])


def test_an_address_is_its_owners_even_where_it_is_somebodys_user_name(ana: Any, bob: Any) -> None:
    bob.username = "ana@people.example"
    bob.set_password(OTHER)
    bob.save()
    assert not is_in(sign_in("ana@people.example", OTHER)[0])
    client, _ = sign_in("ana@people.example", PASSWORD)
    assert client.session["_auth_user_id"] == str(ana.pk)


def test_known_unknown_inactive_and_passwordless_get_the_same_answer_for_the_same_work(
    db: Any, hashes: type[CountingHasher]
) -> None:
    login("known")
    login("inactive", is_active=False)
    login("passwordless", password=None)
    seen = set()
    for name in ("known", "inactive", "passwordless", "unknown"):
        for typed in (name, f"{name}@people.example"):
            client = Client(REMOTE_ADDR=f"10.0.0.{len(seen)}")
            hashes.count = 0
            with CaptureQueriesContext(connection) as queries:
                _, answer = sign_in(typed, OTHER, client=client)
            page = plain(answer).replace(typed, "")
            seen.add((answer.status_code, page, len(queries), hashes.count))
    assert len(seen) == 1
    [(status, page, _, work)] = seen
    assert (status, work) == (200, 1)
    assert "There is no login with this name and password." in page


def test_the_right_password_of_an_inactive_login_tells_nothing(ana: Any) -> None:
    ana.is_active = False
    ana.save()
    right, wrong = (plain(sign_in("ana", word)[1]) for word in (PASSWORD, OTHER))
    assert right == wrong


@pytest.mark.parametrize(
    "data", [{}, {"login": "ana"}, {"password": "x"}, {"login[]": "ana", "password[]": PASSWORD}]
)
def test_a_form_that_is_not_whole_is_shown_again(ana: Any, data: dict[str, str]) -> None:
    assert Client().post("/sign-in/login/", data).status_code == 200


@pytest.mark.parametrize("evil", EVIL)
def test_signing_in_and_out_leads_nowhere_else(ana: Any, evil: str) -> None:
    client, answer = sign_in("ana", next=evil)
    assert answer["Location"] == "/"
    for url in ("/sign-in/login/", "/login/", "/operator/login/"):
        assert "evil" not in client.get(url, {"next": evil}).headers.get("Location", "")
        assert "//evil" not in Client().get(url, {"next": evil}).headers.get("Location", "")
    for url in ("/sign-in/logout/", "/logout/"):
        answer = client.post(url, {"next": evil})
        assert answer["Location"] in {"/", "/sign-in/login/"}
        client.force_login(ana)


def test_a_host_that_is_allowed_is_no_place_to_lead_to_either(ana: Any, settings: Any) -> None:
    settings.ALLOWED_HOSTS = ["testserver", ".example.com"]
    assert sign_in("ana", next="https://other.example.com/")[1]["Location"] == "/"


def test_nobody_is_signed_in_by_a_form_of_another_site(ana: Any) -> None:
    client = Client(enforce_csrf_checks=True)
    assert sign_in("ana", client=client)[1].status_code == 403
    assert not is_in(client)


def test_nobody_is_signed_out_by_a_link(ana: Any) -> None:
    client, _ = sign_in("ana")
    for url in ("/sign-in/logout/", "/logout/", "/operator/logout/"):
        client.get(url)
        assert is_in(client)
    client.post("/sign-in/logout/")
    assert not is_in(client)


def test_nobody_signs_up(db: Any) -> None:
    data = {"email": "eve@x.example", "username": "eve", "password1": PASSWORD}
    for answer in (Client().get("/sign-in/signup/"), Client().post("/sign-in/signup/", data)):
        assert "Logins come by invitation" in answer.content.decode()
    assert not get_user_model()._default_manager.exists()


def test_staff_sign_in_the_same_way_and_land_on_their_site(db: Any) -> None:
    login("olga", is_staff=True)
    client, answer = sign_in("olga")
    assert answer["Location"] == "/operator/"
    assert client.get("/operator/").status_code == 200


def test_django_s_own_forms_sign_nobody_in(ana: Any) -> None:
    ana.is_staff = True
    ana.save()
    AccountFactory(owner=login("owner"))
    for url, name in (("/login/", "owner"), ("/operator/login/", "ana")):
        client = Client()
        answer = client.post(url, {"username": name, "password": PASSWORD, "next": "/"})
        assert answer["Location"].startswith("/sign-in/login/?next=")
        assert not is_in(client)


def test_somebody_without_a_place_is_told_so_and_keeps_their_login(ana: Any) -> None:
    client, _ = sign_in("ana")
    for start in ("/", "/roles/", "/operator/", "/sign-in/login/"):
        answer = client.get(start, follow=True)
        assert answer.status_code == 403
        assert len(answer.redirect_chain) <= 2
        page = answer.content.decode()
        assert "this login has no active place in any account" in page
        assert 'href="/sign-in/"' in page
        assert 'action="/sign-in/logout/"' in page
    for own in ("", "email/", "password/change/", "2fa/", "sessions/"):
        assert client.get(f"/sign-in/{own}").status_code == 200


def test_a_tenant_is_told_that_the_operator_site_is_not_theirs(ana: Any) -> None:
    AccountFactory(owner=ana)
    client, answer = sign_in("ana", next="/operator/")
    told = client.get(answer["Location"], follow=True)
    assert told.status_code == 403
    assert "Go to the console" in told.content.decode()
    assert client.get("/login/?next=/roles/")["Location"] == "/roles/"


def test_the_old_pages_to_change_a_password_lead_to_one_s_login(ana: Any) -> None:
    AccountFactory(owner=ana)
    client, _ = sign_in("ana")
    data = {"old_password": PASSWORD, "new_password1": OTHER, "new_password2": OTHER}
    assert client.post("/password_change/", data)["Location"] == "/sign-in/"
    ana.refresh_from_db()
    assert ana.check_password(PASSWORD)


def test_the_contract_finds_confirmed_addresses_of_active_logins_only(ana: Any, bob: Any) -> None:
    asked = logins.current()
    assert asked.find("Ana@people.example") == ana
    assert asked.owns(ana, "ana@people.example")
    assert not asked.owns(bob, "ana@people.example")
    for other in ("an\u00e4@people.example", "ana@people.exampl\u00e9", "", "nobody@x.example"):
        assert asked.find(other) is None
        assert not asked.owns(ana, other)
    EmailAddress.objects.filter(user=bob).update(verified=False)
    ana.is_active = False
    ana.save()
    assert asked.find("ana@people.example") is None
    assert asked.find("bob@people.example") is None
    assert not asked.owns(ana, "ana@people.example")


def test_whose_addresses_are_is_asked_once_for_all(
    ana: Any, bob: Any, django_assert_num_queries: Any
) -> None:
    asked, people = logins.current(), {ana.pk, bob.pk}
    EmailAddress.objects.create(user=bob, email="carl@people.example", verified=False)
    addresses = {f"{name}@people.example" for name in ("ana", "bob", "carl")}
    with django_assert_num_queries(1):
        found = asked.owned_among(addresses, people)
    assert found == {"ana@people.example", "bob@people.example"}
    assert asked.owned_among(addresses, {bob.pk}) == {"bob@people.example"}
    bob.is_active = False
    bob.save()
    assert asked.owned_among(addresses, people) == {"ana@people.example"}
