"""The address of a login: changed by a link to the new one, told to the old one."""

from __future__ import annotations

from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.contrib.auth import get_user_model
from django.core import mail
from django.core.management import CommandError
from django.db import IntegrityError, connection, transaction
from django.db.migrations.executor import MigrationExecutor
from django.test import Client

from teams import logins
from tests.signin.people import FORGED, ORIGIN, browser, is_in, links, login, sent, sure, with_app

NEW = "ana@new.example"
EMAIL = "/sign-in/email/"


def ask(client: Client, address: str = NEW, **headers: Any) -> Any:
    return client.post(EMAIL, {"action_add": "", "email": address}, **headers)


def link() -> str:
    """Return the path of the link in the last mail that has one to confirm."""
    found = [at for message in mail.outbox for at in links(message.body) if "confirm-email" in at]
    return found[-1].removeprefix(ORIGIN)


def test_an_address_changes_by_a_link_and_the_old_one_is_told(ana: Any) -> None:
    here, there = sure(browser("ana")), browser("ana")
    ask(here, "Ana@New.example", **FORGED)
    message = sent()
    assert (message.to, message.subject) == ([NEW], "Confirm your address")
    assert logins.current().find("ana@people.example") == ana
    assert logins.current().find(NEW) is None
    assert is_in(there)
    path = link()
    mail.outbox.clear()
    Client().get(path)
    assert logins.current().find(NEW) is None
    here.post(path, **FORGED)
    ana.refresh_from_db()
    assert ana.email == NEW
    assert logins.current().find(NEW) == ana
    assert logins.current().find("ana@people.example") is None
    assert (is_in(here), is_in(there)) == (True, False)
    told = sent()
    assert (told.to, told.subject) == (["ana@people.example"], "Your address was changed")
    assert "This link no longer works" in Client().get(path).content.decode()


def test_whoever_has_a_factor_may_change_it_too(ana: Any) -> None:
    with_app(ana)
    client = Client()
    client.force_login(ana)
    ask(sure(client))
    client.post(link())
    assert logins.current().find(NEW) == ana


def test_changing_it_asks_again_who_one_is(ana: Any) -> None:
    client = browser("ana")
    assert ask(client)["Location"].startswith("/sign-in/reauthenticate/")
    assert mail.outbox == []


def test_it_would_not_without_the_setting(ana: Any, settings: Any) -> None:
    settings.ACCOUNT_REAUTHENTICATION_REQUIRED = False
    assert ask(browser("ana"))["Location"] == EMAIL
    assert len(mail.outbox) == 1


def test_an_address_of_another_login_is_asked_the_same_and_never_confirmed(
    ana: Any, bob: Any
) -> None:
    client = sure(browser("ana"))
    free, taken = ask(client), ask(client, "bob@people.example")
    assert (free.status_code, free["Location"]) == (taken.status_code, taken["Location"])
    client.post(link())
    assert logins.current().find("bob@people.example") == bob
    assert logins.current().find("ana@people.example") == ana


def test_nor_one_that_another_login_has_without_having_confirmed_it(ana: Any, bob: Any) -> None:
    EmailAddress.objects.filter(user=bob).delete()
    client = sure(browser("ana"))
    ask(client, "bob@people.example")
    answer = client.post(link(), follow=True)
    assert answer.status_code == 200
    assert "another login has it" in answer.content.decode()
    assert logins.current().find("bob@people.example") is None


@pytest.mark.parametrize(
    "address",
    ["", "x", "mıke@x.example", "mi\u212ae@x.example", "a@b\nBcc: c@d.example", "a@" + "b" * 300],
)
def test_what_is_no_address_is_refused(ana: Any, address: str) -> None:
    answer = ask(sure(browser("ana")), address)
    assert answer.status_code == 200
    assert "errorlist" in answer.content.decode()
    assert mail.outbox == []


def test_the_confirmed_address_is_neither_removed_nor_another_preferred(ana: Any, bob: Any) -> None:
    client = sure(browser("ana"))
    ask(client)
    for address in ("ana@people.example", NEW, "bob@people.example"):
        client.post(EMAIL, {"action_primary": "", "email": address})
    client.post(EMAIL, {"action_remove": "", "email": "ana@people.example"})
    client.post(EMAIL, {"action_remove": "", "email": "bob@people.example"})
    assert logins.current().find("ana@people.example") == ana
    assert logins.current().find("bob@people.example") == bob
    ana.refresh_from_db()
    assert ana.email == "ana@people.example"
    path = link()
    client.post(EMAIL, {"action_remove": "", "email": NEW}, **FORGED)
    assert "This link no longer works" in client.get(path).content.decode()


def test_a_link_of_another_login_signs_nobody_out_by_being_opened(ana: Any, bob: Any) -> None:
    ask(sure(browser("ana")))
    other = browser("bob")
    other.get(link())
    assert is_in(other)


def test_names_bring_no_link_into_a_mail(db: Any) -> None:
    login("eve http://evil.example <b>x</b>")
    client = Client()
    client.force_login(get_user_model()._default_manager.get())
    ask(sure(client))
    [message] = mail.outbox
    assert [at for at in links(message.body) if not at.startswith(ORIGIN)] == []


def test_no_address_is_two_logins_however_it_is_written(ana: Any) -> None:
    people = get_user_model()._default_manager
    for address in ("ana@people.example", "ANA@People.Example"):
        with pytest.raises(IntegrityError), transaction.atomic():
            people.create_user("other", address)
    for name in ("none", "neither"):
        people.create_user(name, "")
    with pytest.raises(IntegrityError), transaction.atomic():
        logins.current().create(
            address="Ana@people.example", username="x", password=None, names=("", "")
        )
    assert not people.filter(username="x").exists()


@pytest.mark.django_db(transaction=True)
def test_the_migration_stops_and_names_the_addresses_that_are_twice() -> None:
    people = get_user_model()._default_manager
    MigrationExecutor(connection).migrate([("config", None)])
    try:
        people.create_user("one", "Same@x.example")
        people.create_user("two", "same@x.example")
        with pytest.raises(CommandError, match=r"more than one login: same@x\.example\."):
            MigrationExecutor(connection).migrate([("config", "0001_one_address_one_login")])
    finally:
        people.all().delete()
        MigrationExecutor(connection).migrate([("config", "0001_one_address_one_login")])
