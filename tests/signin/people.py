"""Logins and browsers for tests of signing in, and the attacks they share."""

from __future__ import annotations

import re
from typing import Any

from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import (
    TOTP,
    generate_totp_secret,
    hotp_value,
    yield_hotp_counters_from_time,
)
from django.core import mail
from django.http import HttpResponse
from django.test import Client

from teams import logins

PASSWORD = "correct horse battery"
OTHER = "wrong horse battery"
#: what somebody who wants links in mail to lead elsewhere sends
FORGED = {"HTTP_X_FORWARDED_HOST": "evil.example", "HTTP_HOST": "localhost:6666"}
ORIGIN = "http://127.0.0.1:8000"


def login(name: str, *, password: str | None = PASSWORD, **flags: bool) -> Any:
    """Return a login with the confirmed address ``name@people.example``."""
    user = logins.current().create(
        address=f"{name}@people.example",
        username=name,
        password=password,
        names=(name.title(), "One"),
    )
    for flag, value in flags.items():
        setattr(user, flag, value)
    user.save()
    return user


def sign_in(
    name: str, password: str = PASSWORD, *, client: Client | None = None, **more: Any
) -> tuple[Client, Any]:
    """Return the browser in which ``name`` has tried to sign in, and the answer."""
    client = client or Client()
    headers = {key: more.pop(key) for key in list(more) if key.isupper()}
    data = {"login": name, "password": password, **more}
    return client, client.post("/sign-in/login/", data, **headers)


def browser(name: str) -> Client:
    """Return a browser in which ``name`` is signed in, as people sign in."""
    client, answer = sign_in(name)
    assert answer.status_code == 302, answer.content.decode()
    assert is_in(client)
    return client


def is_in(client: Client) -> bool:
    """Say whether somebody is signed in there."""
    return bool(client.get("/sign-in/").status_code == 200)


def sure(client: Client) -> Client:
    """Answer the question who one is, so that it is not asked for some minutes."""
    answer = client.post("/sign-in/reauthenticate/", {"password": PASSWORD})
    assert answer.status_code == 302
    return client


def with_app(user: Any) -> str:
    """Set up an authenticator app for ``user``; return its secret."""
    secret: str = generate_totp_secret()
    TOTP.activate(user, secret)
    return secret


def code(secret: str) -> str:
    """Return what the app with that secret shows now."""
    counter = next(iter(yield_hotp_counters_from_time()))
    return f"{hotp_value(secret, counter):06}"


def factors(user: Any) -> set[str]:
    """Return the kinds of factors of ``user``."""
    return set(Authenticator.objects.filter(user=user).values_list("type", flat=True))


def links(text: str) -> list[str]:
    """Return every address in a mail."""
    return re.findall(r"\S+://\S+", text)


def sent() -> Any:
    """Return the only mail that was sent, all of whose links lead to the console."""
    [message] = mail.outbox
    for link in links(message.body):
        assert link == ORIGIN or link.startswith(f"{ORIGIN}/"), link
    assert "evil" not in str(message.message())
    assert ":6666" not in str(message.message())
    return message


def plain(answer: HttpResponse) -> str:
    """Return a page without what differs each time."""
    page = re.sub(r'name="csrfmiddlewaretoken" value="\w+"', "", answer.content.decode())
    return re.sub(r'value="[^"]*"', "", page)
