"""Sessions: seen, ended, and asked again who one is."""

from __future__ import annotations

from typing import Any

import pytest
from allauth.usersessions.models import UserSession
from django.contrib.auth.models import AnonymousUser
from django.contrib.sessions.middleware import SessionMiddleware
from django.http import HttpResponse
from django.test import Client, RequestFactory

from teams import logins
from tests.signin.people import browser, is_in, sign_in, sure

SESSIONS = "/sign-in/sessions/"


def key(client: Client) -> int:
    """Return the number under which a browser's session is listed."""
    return int(UserSession.objects.get(session_key=client.session.session_key).pk)


def test_one_sees_where_one_is_signed_in_and_ends_one_or_all_others(ana: Any, bob: Any) -> None:
    here, there, far, other = browser("ana"), browser("ana"), browser("ana"), browser("bob")
    assert here.get(SESSIONS).content.decode().count("127.0.0.1, since") == 3
    here.post(SESSIONS, {"session": key(there)})
    assert [is_in(c) for c in (here, there, far, other)] == [True, False, True, True]
    here.post(SESSIONS)
    assert [is_in(c) for c in (here, far, other)] == [True, False, True]


@pytest.mark.parametrize("wrong", ["", "x", "-1", "٣", "9" * 30, "0"])
def test_nobody_ends_a_session_of_somebody_else(ana: Any, bob: Any, wrong: str) -> None:
    here, other = browser("ana"), browser("bob")
    for session in (key(other), key(here), wrong):
        assert here.post(SESSIONS, {"session": session}).status_code == 302
    assert is_in(other)
    assert is_in(here)


def test_the_contract_ends_every_session_of_a_login(ana: Any, bob: Any) -> None:
    one, two, other = browser("ana"), browser("ana"), browser("bob")
    logins.current().end_sessions(ana)
    assert [is_in(c) for c in (one, two, other)] == [False, False, True]


def test_the_contract_signs_in_a_new_login_in_a_session_that_can_be_seen(ana: Any) -> None:
    request = RequestFactory().get("/")
    SessionMiddleware(lambda _: HttpResponse()).process_request(request)
    request.user = AnonymousUser()
    logins.current().sign_in(request, ana)
    request.session.save()
    client = Client()
    client.cookies["sessionid"] = request.session.session_key
    assert is_in(client)
    assert key(client)
    assert logins.current().ask_again(request) is None


def asked(client: Client, path: str = "/exports/?x=1") -> Any:
    """Ask the contract in the session of ``client``."""
    request = RequestFactory().get(path)
    request.session = client.session
    [row] = UserSession.objects.filter(session_key=client.session.session_key)
    request.user = row.user
    return logins.current().ask_again(request)


def test_a_recent_sign_in_is_asked_for_again_once_it_is_old(ana: Any, settings: Any) -> None:
    client = browser("ana")
    assert asked(client) is None
    settings.ACCOUNT_REAUTHENTICATION_TIMEOUT = 0
    answer = asked(client)
    assert answer["Location"] == "/sign-in/reauthenticate/?next=%2Fexports%2F%3Fx%3D1"
    settings.ACCOUNT_REAUTHENTICATION_TIMEOUT = 300
    assert asked(sure(client)) is None


def test_a_page_costs_no_write_because_sessions_are_kept(ana: Any) -> None:
    client, _ = sign_in("ana")
    before = UserSession.objects.values().get()
    client.get("/sign-in/email/")
    assert UserSession.objects.values().get() == before
