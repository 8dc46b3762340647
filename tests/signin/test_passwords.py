"""Passwords: set anew by mail, changed, and what ends with that."""

from __future__ import annotations

from typing import Any

from allauth.account.forms import default_token_generator
from allauth.account.models import EmailAddress
from allauth.account.utils import user_pk_to_url_str
from django.core import mail
from django.core.mail.backends.locmem import EmailBackend
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django_tasks_db.models import DBTaskResult

from tests.mailing import deliver_by
from tests.signin.people import (
    FORGED,
    ORIGIN,
    OTHER,
    PASSWORD,
    browser,
    code,
    factors,
    is_in,
    links,
    login,
    plain,
    sent,
    sign_in,
    with_app,
)

NEW = "quite another battery"
EVERYBODY = ("known", "inactive", "passwordless", "unknown")


class DownServer(EmailBackend):
    """A mail server that does not answer."""

    def send_messages(self, messages: Any) -> int:
        raise ConnectionRefusedError


def ask(address: Any, client: Client | None = None, **headers: Any) -> Any:
    """Ask for a link to a new password."""
    return (client or Client()).post("/sign-in/password/reset/", {"email": address}, **headers)


def new_password(user: Any, password: str, client: Client | None = None) -> Any:
    """Set a new password by a link; return the answer."""
    user.refresh_from_db()
    key = f"{user_pk_to_url_str(user)}-{default_token_generator.make_token(user)}"
    answer = open_link(f"/sign-in/password/reset/key/{key}/", password, client or Client())
    assert "The new password is set" in answer.content.decode()
    return answer


def open_link(path: str, password: str, client: Client) -> Any:
    form = client.get(path)
    if form.status_code != 302:
        return form
    data = {"password1": password, "password2": password}
    return client.post(form["Location"], data, follow=True)


def test_a_link_in_a_mail_sets_a_new_password_once(ana: Any, at_once: None) -> None:
    assert ask("Ana@people.example").status_code == 302
    message = sent()
    assert (message.to, message.subject) == (["ana@people.example"], "Set a new password")
    assert "ana" in message.body
    [link] = links(message.body)
    path = link.removeprefix(ORIGIN)
    assert "The new password is set" in open_link(path, NEW, Client()).content.decode()
    assert not is_in(sign_in("ana")[0])
    assert is_in(sign_in("ana", NEW)[0])
    again = open_link(path, OTHER, Client()).content.decode()
    assert "This link no longer works" in again
    assert mail.outbox[-1].subject == "Your password was changed"


def test_the_links_lead_to_the_console_whatever_host_was_asked(ana: Any, at_once: None) -> None:
    ask("ana@people.example", **FORGED)
    assert links(sent().body)[0].startswith(f"{ORIGIN}/sign-in/password/reset/key/")


def test_the_answer_and_the_work_are_the_same_for_everybody(db: Any) -> None:
    login("known")
    login("inactive", is_active=False)
    login("passwordless", password=None)
    seen, tasks = set(), []
    for name in EVERYBODY:
        with CaptureQueriesContext(connection) as queries:
            answer = ask(f"{name}@people.example", Client(REMOTE_ADDR=f"10.0.0.{len(tasks)}"))
        tasks.append(DBTaskResult.objects.latest("enqueued_at").args_kwargs["args"])
        page = plain(Client().get(answer["Location"]))
        seen.add((answer.status_code, answer["Location"], page, len(queries)))
    assert len(seen) == 1
    assert tasks == [[f"{name}@people.example"] for name in EVERYBODY]
    assert mail.outbox == []


def test_only_active_logins_get_a_mail_also_without_a_password(db: Any, at_once: None) -> None:
    login("known")
    login("inactive", is_active=False)
    login("passwordless", password=None)
    for name in EVERYBODY:
        ask(f"{name}@people.example")
    assert [m.to for m in mail.outbox] == [[f"{n}@people.example"] for n in EVERYBODY[::2]]


def test_an_address_that_is_not_confirmed_gets_nothing(ana: Any, at_once: None) -> None:
    EmailAddress.objects.filter(user=ana).update(verified=False)
    ask("ana@people.example")
    assert mail.outbox == []


def test_a_mail_server_that_is_down_changes_nothing_of_the_answer(
    ana: Any, at_once: None, settings: Any, caplog: Any
) -> None:
    fine = ask("nobody@people.example")
    deliver_by(settings, f"{__name__}.DownServer")
    broken = ask("ana@people.example")
    assert (broken.status_code, broken["Location"]) == (fine.status_code, fine["Location"])
    assert "could not be sent" in caplog.text


def test_asking_is_limited_by_client_and_by_address(ana: Any) -> None:
    answers = [
        ask("ana@people.example", Client(REMOTE_ADDR=f"10.0.0.{n}")).status_code for n in range(6)
    ]
    assert answers == [302] * 5 + [429]
    spread = [ask(f"n{n}@x.example").status_code for n in range(21)]
    assert spread[-1] == 429


def test_a_reset_leaves_the_second_factor_and_signs_nobody_in(ana: Any) -> None:
    with_app(ana)
    client = Client()
    new_password(ana, NEW, client)
    assert not is_in(client)
    assert factors(ana) == {"totp"}
    client, answer = sign_in("ana", NEW)
    assert answer["Location"] == "/sign-in/2fa/authenticate/"
    assert not is_in(client)


def test_a_reset_ends_every_session(ana: Any, bob: Any) -> None:
    one, two, other = browser("ana"), browser("ana"), browser("bob")
    new_password(ana, NEW)
    assert (is_in(one), is_in(two), is_in(other)) == (False, False, True)
    assert other.session.get("_auth_user_id") == str(bob.pk)


def change(client: Client, old: str = PASSWORD, new: str = NEW, **headers: Any) -> Any:
    data = {"oldpassword": old, "password1": new, "password2": new}
    return client.post("/sign-in/password/change/", data, **headers)


def test_a_change_ends_the_other_sessions_and_is_told(ana: Any, bob: Any) -> None:
    here, there, other = browser("ana"), browser("ana"), browser("bob")
    assert change(here, **FORGED).status_code == 302
    assert (is_in(here), is_in(there), is_in(other)) == (True, False, True)
    assert not there.session.session_key or not there.session.exists(there.session.session_key)
    message = sent()
    assert (message.to, message.subject) == (["ana@people.example"], "Your password was changed")


def test_a_session_made_otherwise_may_change_it_too(ana: Any) -> None:
    client = Client()
    client.force_login(ana)
    assert change(client).status_code == 302
    assert is_in(client)


def test_a_change_needs_the_old_password_and_a_good_new_one(ana: Any) -> None:
    client = browser("ana")
    for old, new in ((OTHER, NEW), (PASSWORD, "short"), (PASSWORD, "12345678901"), ("", NEW)):
        assert change(client, old, new).status_code == 200
    assert mail.outbox == []
    ana.refresh_from_db()
    assert ana.check_password(PASSWORD)


def test_a_sign_in_that_waits_for_its_code_dies_with_the_password(ana: Any) -> None:
    secret = with_app(ana)
    thief, answer = sign_in("ana")
    assert answer["Location"] == "/sign-in/2fa/authenticate/"
    new_password(ana, NEW)
    thief.post("/sign-in/2fa/authenticate/", {"code": code(secret)})
    assert not is_in(thief)


def test_a_link_of_another_login_signs_nobody_out_by_being_opened(ana: Any, bob: Any) -> None:
    client = browser("ana")
    key = f"{user_pk_to_url_str(bob)}-{default_token_generator.make_token(bob)}"
    client.get(f"/sign-in/password/reset/key/{key}/", follow=True)
    assert is_in(client)


def test_a_first_password_needs_a_recent_sign_in(db: Any) -> None:
    user = login("new", password=None)
    secret = with_app(user)
    client = Client()
    client.force_login(user)
    data = {"password1": NEW, "password2": NEW}
    answer = client.post("/sign-in/password/set/", data)
    assert answer["Location"].startswith("/sign-in/2fa/reauthenticate/")
    user.refresh_from_db()
    assert not user.has_usable_password()
    client.post("/sign-in/2fa/reauthenticate/", {"code": code(secret)})
    client.post("/sign-in/password/set/", data)
    assert sent().subject == "Your login has a password"
    assert is_in(client)
