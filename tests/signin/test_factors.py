"""Second factors: set up, asked for, lost, taken away."""

from __future__ import annotations

from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from django.contrib.auth import get_user_model
from django.core import mail

from teams import logins
from tests.signin.people import FORGED, browser, code, factors, is_in, sent, sign_in, sure, with_app

ACTIVATE = "/sign-in/2fa/totp/activate/"
DEACTIVATE = "/sign-in/2fa/totp/deactivate/"
AUTHENTICATE = "/sign-in/2fa/authenticate/"


@pytest.fixture
def committed(django_capture_on_commit_callbacks: Any) -> Any:
    """Return what makes allauth's notices on commit happen."""
    return lambda: django_capture_on_commit_callbacks(execute=True)


def passkey(user: Any) -> Authenticator:
    """Return a passkey of ``user``, of which nothing but its being there matters."""
    return Authenticator.objects.create(
        user=user, type=Authenticator.Type.WEBAUTHN, data={"name": "Key", "credential": {}}
    )


def test_an_app_is_set_up_with_recovery_codes_and_asked_for(ana: Any, committed: Any) -> None:
    here, there = sure(browser("ana")), browser("ana")
    page = here.get(ACTIVATE).content.decode()
    assert "<svg" in page
    assert "data:image" not in page
    secret = here.session["mfa.totp.secret"]
    with committed():
        answer = here.post(ACTIVATE, {"code": code(secret)}, **FORGED)
    assert answer["Location"] == "/sign-in/2fa/recovery-codes/"
    assert factors(ana) == {"totp", "recovery_codes"}
    assert (is_in(here), is_in(there)) == (True, False)
    assert sent().subject == "An authenticator app was set up"
    client, answer = sign_in("ana", next="/roles/")
    assert answer["Location"] == AUTHENTICATE
    assert not is_in(client)
    assert client.post(AUTHENTICATE, {"code": "000000"}).status_code == 200
    assert not is_in(client)


def test_a_code_signs_in_once_and_so_does_a_recovery_code(ana: Any) -> None:
    secret = with_app(ana)
    client, _ = sign_in("ana", next="/roles/")
    now = code(secret)
    assert client.post(AUTHENTICATE, {"code": now})["Location"] == "/roles/"
    assert is_in(client)
    again, _ = sign_in("ana")
    again.post(AUTHENTICATE, {"code": now})
    assert not is_in(again)
    spare = RecoveryCodes.activate(ana).get_unused_codes()[0]
    for works in (True, False):
        client, _ = sign_in("ana")
        client.post(AUTHENTICATE, {"code": spare})
        assert is_in(client) is works


def test_setting_up_and_removing_asks_again_who_one_is(ana: Any) -> None:
    client = browser("ana")
    for url in (ACTIVATE, "/sign-in/2fa/webauthn/add/", "/sign-in/2fa/recovery-codes/generate/"):
        assert client.get(url)["Location"].startswith("/sign-in/reauthenticate/")
        assert client.post(url)["Location"].startswith("/sign-in/reauthenticate/")
    with_app(ana)
    passed = client.post(DEACTIVATE)
    assert passed["Location"].startswith("/sign-in/reauthenticate/")
    assert factors(ana) == {"totp"}


def test_removing_an_app_ends_other_sessions_and_takes_the_codes_along(
    ana: Any, bob: Any, committed: Any
) -> None:
    here, there, other = sure(browser("ana")), browser("ana"), browser("bob")
    with_app(ana)
    RecoveryCodes.activate(ana)
    with committed():
        here.post(DEACTIVATE, **FORGED)
    assert factors(ana) == set()
    assert (is_in(here), is_in(there), is_in(other)) == (True, False, True)
    assert sent().subject == "An authenticator app was removed"


def test_removing_a_passkey_ends_other_sessions_and_nobody_removes_another_s(
    ana: Any, bob: Any
) -> None:
    here, there = sure(browser("ana")), browser("ana")
    mine, foreign = passkey(ana), passkey(bob)
    remove = "/sign-in/2fa/webauthn/keys/{}/{}/"
    for act in ("remove", "edit"):
        for pk in (foreign.pk, 999_999):
            assert here.get(remove.format(pk, act)).status_code == 404
            assert here.post(remove.format(pk, act), {"name": "x"}).status_code == 404
    here.post(remove.format(mine.pk, "remove"), **FORGED)
    assert (is_in(here), is_in(there)) == (True, False)
    assert factors(bob) == {"webauthn"}
    assert sent().subject == "A passkey was removed"


def test_new_recovery_codes_end_other_sessions_and_the_old_codes(ana: Any, committed: Any) -> None:
    here, there = sure(browser("ana")), browser("ana")
    with_app(ana)
    old = RecoveryCodes.activate(ana).get_unused_codes()
    with committed():
        here.post("/sign-in/2fa/recovery-codes/generate/", **FORGED)
    assert (is_in(here), is_in(there)) == (True, False)
    assert sent().subject == "New recovery codes"
    page = here.get("/sign-in/2fa/recovery-codes/").content.decode()
    assert "10 of 10 are left" in page
    assert not any(spare in page for spare in old)


@pytest.mark.parametrize(
    "credential", ["", "x", "[]", "[1]", "{}", '"x"', "null", "1", '{"id": "x", "response": {}}']
)
def test_a_broken_passkey_is_a_refusal(ana: Any, credential: str) -> None:
    client = sure(browser("ana"))
    client.get("/sign-in/2fa/webauthn/add/")
    data = {"name": "Key", "credential": credential}
    assert client.post("/sign-in/2fa/webauthn/add/", data).status_code == 200
    assert factors(ana) == set()
    assert mail.outbox == []


@pytest.mark.parametrize("credential", ["", "x", "{}", '{"response": {"userHandle": "MQ"}}'])
def test_a_broken_passkey_signs_nobody_in(ana: Any, credential: str) -> None:
    client = sign_in("ana", "wrong")[0]
    client.get("/sign-in/2fa/webauthn/login/", HTTP_ACCEPT="application/json")
    answer = client.post("/sign-in/2fa/webauthn/login/", {"credential": credential})
    assert answer["Location"] == "/sign-in/login/"
    assert not is_in(client)


def test_the_contract_counts_apps_and_passkeys_and_no_recovery_codes(ana: Any, bob: Any) -> None:
    asked = logins.current().having_factor()
    having = get_user_model()._default_manager.annotate(has=asked).filter(has=True)
    RecoveryCodes.activate(ana)
    assert set(having.all()) == set()
    with_app(ana)
    assert set(having.all()) == {ana}
    passkey(bob)
    assert set(having.all()) == {ana, bob}
