"""Sessions end before the next response when a way to sign in has changed.

The browser in which it was changed stays signed in; after a reset, which happens signed out, none
does.
"""

from __future__ import annotations

from typing import Any

from allauth.account.signals import email_changed, password_changed, password_reset, password_set
from allauth.core.internal import ratelimit
from allauth.mfa.signals import authenticator_added, authenticator_removed, authenticator_reset
from allauth.usersessions.adapter import get_adapter
from allauth.usersessions.models import UserSession
from axes.handlers.proxy import AxesProxyHandler
from django.http import HttpRequest

CHANGES = (
    password_changed,
    password_set,
    password_reset,
    authenticator_added,
    authenticator_removed,
    authenticator_reset,
    email_changed,
)


def watch() -> None:
    """End sessions at every change from now on."""
    for change in CHANGES:
        change.connect(on_change, dispatch_uid="config.sessions")
    password_reset.connect(on_reset, dispatch_uid="config.lockout")


def on_reset(sender: Any, *, request: HttpRequest, user: Any, **_: Any) -> None:
    """End the lock on a login whose owner has just shown that its mail is theirs, and the limit
    that counts from everywhere: allauth ends that of the address only."""
    for name in (user.get_username().lower(), user.email.lower()):
        AxesProxyHandler.reset_attempts(username=name)
        ratelimit.clear(request, app="allauth.account", action="login_failed", key=name)


def on_change(sender: Any, *, request: HttpRequest, user: Any, **_: Any) -> None:
    """End every session of ``user`` but the one that asks."""
    end_sessions(user, keep=request.session.session_key)


def end_sessions(user: Any, *, keep: str | None = None) -> None:
    """End every session of ``user`` but the one with the key ``keep``."""
    get_adapter().end_sessions(
        UserSession.objects.filter(user_id=user.pk).exclude(session_key=keep)
    )


def end_session(user: Any, pk: int, *, keep: str | None = None) -> None:
    """End the session with the key ``pk`` if it is one of ``user`` and not the one to ``keep``."""
    mine = UserSession.objects.filter(user_id=user.pk, pk=pk).exclude(session_key=keep)
    get_adapter().end_sessions(mine)
