"""Where allauth asks this project: what it sends, where it leads, what it says."""

from __future__ import annotations

import logging
import re
from typing import Any
from urllib.parse import quote, urlsplit

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.models import EmailAddress
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from axes.handlers.proxy import AxesProxyHandler
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import get_user_model
from django.core.mail import EmailMessage
from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponseRedirect
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.crypto import constant_time_compare
from django.utils.html import format_html
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext_lazy as _

from config.lockout import typed_name

log = logging.getLogger(__name__)

#: where the session keeps which password a sign-in began with, until it is complete
BEGUN_WITH = "sign_in_begun_with"
#: the picture of a code: squares on one path
DRAWN = re.compile(
    r'<svg width="(\w+)" height="(\w+)"[^>]* viewBox="([0-9 ]+)"[^>]*><path d="([0-9MHVz,]+)"'
)


class AccountAdapter(DefaultAccountAdapter):
    """Signing in by invitation only, with links from CONSOLE_ORIGIN only."""

    error_messages = {
        **DefaultAccountAdapter.error_messages,
        "duplicate_email": _("This is your address already."),
        "email_password_mismatch": _("There is no login with this name and password."),
        "enter_current_password": _("This is not your password."),
        "incorrect_code": _("This code is not right. Wait for the next one and try again."),
        "incorrect_password": _("This is not your password."),
        "rate_limited": _("There were too many tries. Wait an hour, then try again."),
        "too_many_login_attempts": _("There were too many tries. Wait an hour, then try again."),
        "username_password_mismatch": _("There is no login with this name and password."),
    }

    # who may come in

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Let nobody sign up: logins come by invitation."""
        return False

    def is_ajax(self, request: HttpRequest) -> bool:
        """Answer in JSON only where the script of passkeys asks."""
        return request.path == reverse("mfa_login_webauthn") and super().is_ajax(request)

    def pre_authenticate(self, request: HttpRequest, **credentials: Any) -> None:
        """Turn away whoever is locked out before their try counts against the login elsewhere."""
        if settings.AXES_ENABLED and not AxesProxyHandler.is_allowed(request, credentials):
            marked: Any = request  # axes' middleware answers a request that is marked so
            marked.axes_locked_out, marked.axes_credentials = True, credentials
            raise self.validation_error("too_many_login_attempts")
        super().pre_authenticate(request, **credentials)

    def _get_login_attempts_cache_key(self, request: HttpRequest, **credentials: Any) -> str:
        """Count by what was typed; allauth adds the Host, with which anybody starts anew."""
        return typed_name(request, {"username": credentials.get("email"), **credentials})

    def pre_login(self, request: HttpRequest, user: Any, **rest: Any) -> Any:
        """Remember the password that a sign-in of several steps began with."""
        request.session[BEGUN_WITH] = user.get_session_auth_hash()
        return super().pre_login(request, user, **rest)

    def login(self, request: HttpRequest, user: Any) -> None:
        """Sign in, unless the password has changed since the first step."""
        begun = request.session.pop(BEGUN_WITH, "")
        if not constant_time_compare(begun, user.get_session_auth_hash()):
            raise ImmediateHttpResponse(HttpResponseRedirect(reverse("account_login")))
        super().login(request, user)

    # where it leads

    def is_safe_url(self, url: str) -> bool:
        """Say whether ``url`` stays here; allauth also takes every host of ALLOWED_HOSTS."""
        return url_has_allowed_host_and_scheme(url, allowed_hosts=None)

    def get_login_redirect_url(self, request: HttpRequest) -> str:
        """Return where one's work is: the operator site for staff, the console for others."""
        return reverse("operator:index" if request.user.is_staff else "console:index")

    def get_password_change_redirect_url(self, request: HttpRequest) -> str:
        """Return the page of one's login."""
        return reverse("your_login")

    def get_email_verification_redirect_url(self, email_address: EmailAddress) -> str:
        """Return the page of one's login, or the sign-in."""
        signed_in = self.request.user.is_authenticated
        return reverse("your_login" if signed_in else "account_login")

    def get_reset_password_from_key_url(self, key: str) -> str:
        """Return the link to a new password."""
        path = reverse("account_reset_password_from_key", kwargs={"uidb36": "UID", "key": "KEY"})
        return f"{settings.CONSOLE_ORIGIN}{path.replace('UID-KEY', quote(key))}"

    def get_email_confirmation_url(self, request: HttpRequest, emailconfirmation: Any) -> str:
        """Return the link that confirms an address."""
        path = reverse("account_confirm_email", args=[emailconfirmation.key])
        return f"{settings.CONSOLE_ORIGIN}{path}"

    # what changes

    def can_delete_email(self, email_address: EmailAddress) -> bool:
        """Let people give up an address only while it is not confirmed: it is their way back in."""
        return not email_address.verified

    def confirm_email(self, request: HttpRequest, email_address: EmailAddress) -> bool:
        """Confirm an address, unless it has become another login's meanwhile."""
        people = get_user_model()._default_manager.exclude(pk=email_address.user_id)
        try:
            if not people.filter(email__iexact=email_address.email).exists():
                with transaction.atomic():
                    return super().confirm_email(request, email_address)
        except IntegrityError:
            pass  # somebody else confirmed it at the same moment
        self.add_message(request, messages.ERROR, "account/messages/email_confirmation_failed.txt")
        return False

    # what is sent

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """Send a mail in plain text; if that fails, log it and go on.

        What it tells of has happened, and an error would say that there is such a login.
        """
        words = {**context, "email": email, "origin": settings.CONSOLE_ORIGIN}
        subject = render_to_string(f"{template_prefix}_subject.txt", words)
        body = render_to_string(f"{template_prefix}_message.txt", words)
        mail = EmailMessage(" ".join(subject.split()), body.strip() + "\n", to=[email])
        try:
            mail.send()
        except Exception:
            log.exception("A mail about a login could not be sent: %s", template_prefix)


class FactorAdapter(DefaultMFAAdapter):
    """Second factors of the console, wherever the request came in."""

    error_messages = {
        **DefaultMFAAdapter.error_messages,
        "incorrect_code": _("This code is not right. Wait for the next one and try again."),
    }

    def get_totp_issuer(self) -> str:
        """Return the name under which an app shows the code."""
        return self._get_site_name()

    def build_totp_svg(self, url: str) -> str:
        """Return the picture to stand in the page itself: the policy forbids data addresses."""
        found = DRAWN.search(super().build_totp_svg(url))
        if found is None:
            raise ValueError("the picture of the code is not drawn as squares on one path")
        return format_html(
            '<svg width="{}" height="{}" viewBox="{}"><path d="{}" fill="#000"/></svg>',
            *found.groups(),
        )

    def generate_authenticator_name(self, user: Any, type: str) -> str:
        """Return what a passkey is called until its owner knows better."""
        return f"Passkey {Authenticator.objects.filter(user=user, type=type).count() + 1}"

    def get_public_key_credential_rp_entity(self) -> dict[str, str]:
        """Return whom a passkey is for."""
        name = self._get_site_name()
        return {"id": name, "name": name}

    def _get_site_name(self) -> str:
        return urlsplit(settings.CONSOLE_ORIGIN).hostname or ""
