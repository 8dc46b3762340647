"""Pages about one's login that allauth does not have, or has with a hole."""

from __future__ import annotations

from typing import Any

from allauth.account import views as account
from allauth.account.decorators import reauthentication_required
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from allauth.usersessions.views import ListUserSessionsView
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.views.decorators.cache import never_cache

from config import sessions
from config.logins import FACTORS


@never_cache
@login_required
def your_login(request: HttpRequest) -> HttpResponse:
    """Show what one's login is made of, and lead to the pages that change it."""
    mine = Authenticator.objects.filter(user=request.user)
    facts = {
        "factors": [row.get_type_display() for row in mine.filter(type__in=FACTORS)],
        "session_count": len(UserSession.objects.purge_and_list(request.user)),
    }
    return render(request, "account/your_login.html", facts)


class SignedOutByPostOnly:
    """Leaves somebody else signed in who merely opens a link: signing out is a POST."""

    request: HttpRequest

    def logout(self) -> None:
        """Sign out whoever confirms something of another login here."""
        if self.request.method == "POST":
            view: Any = super()  # one of allauth's, which this stands before
            view.logout()


class Address(account.EmailView):
    """Changes the address of a login; it has one, so there is none to prefer."""

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Add, send again or give up; an address becomes the login's by being confirmed only."""
        if "action_primary" in request.POST:
            return HttpResponseRedirect(self.success_url)
        return super().post(request, *args, **kwargs)


class ConfirmAddress(SignedOutByPostOnly, account.ConfirmEmailView):
    """Confirms an address by the link in a mail."""


class NewPassword(SignedOutByPostOnly, account.PasswordResetFromKeyView):
    """Sets a new password by the link in a mail."""


class Sessions(ListUserSessionsView):
    """Shows where one is signed in, and ends one of these or all others."""

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """End the session that is named, if it is one's own, or all others."""
        if "session" not in request.POST:
            return super().post(request, *args, **kwargs)
        key = request.POST["session"]
        if key.isascii() and key.isdigit() and len(key) < 19:
            sessions.end_session(request.user, int(key), keep=request.session.session_key)
        return HttpResponseRedirect(self.get_success_url())


# A session that was left open must not be enough to give a login without password one.
first_password = reauthentication_required(account.password_set)
