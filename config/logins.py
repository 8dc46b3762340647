"""What teams asks of the sign-in, answered from django-allauth."""

from __future__ import annotations

import time
from collections.abc import Collection
from typing import Any

from allauth.account.adapter import get_adapter
from allauth.account.internal.flows.login import get_authentication_records, record_authentication
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib.admin import AdminSite
from django.contrib.auth import login
from django.db import transaction
from django.db.models import Exists, OuterRef
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.http import urlencode

from config import sessions
from teams.admin.site import is_tenant
from teams.logins import Logins, same_address

#: what counts as a second factor; recovery codes alone do not
FACTORS = (Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN)


class ConsoleLogins(Logins):
    """Confirmed addresses, second factors and sessions of django-allauth."""

    def having_factor(self) -> Exists:
        """Ask for an authenticator app or a passkey."""
        factors = Authenticator.objects.filter(user_id=OuterRef("pk"), type__in=FACTORS)
        return Exists(factors)

    def owns(self, user: Any, address: str) -> bool:
        """Say whether ``address`` is confirmed to be of ``user``."""
        found = self._confirmed(address)
        return bool(user.is_active) and found is not None and found.user_id == user.pk

    def owned_among(self, addresses: Collection[str], people: Collection[Any]) -> set[str]:
        """Ask for all confirmed addresses at once."""
        rows = EmailAddress.objects.filter(verified=True, user__is_active=True, email__in=addresses)
        return {own for own, key in rows.values_list("email", "user_id") if key in people}

    def find(self, address: str) -> Any:
        """Return the active login whose confirmed address this is, or None."""
        found = self._confirmed(address)
        return found.user if found is not None and found.user.is_active else None

    def _confirmed(self, address: str) -> Any:
        rows = EmailAddress.objects.filter(verified=True, email=address.lower())
        found = rows.select_related("user").first()
        return found if found is not None and same_address(found.email, address) else None

    @transaction.atomic
    def create(
        self, *, address: str, username: str, password: str | None, names: tuple[str, str]
    ) -> Any:
        """Create a login with a confirmed address.

        Raises IntegrityError if the user name or the address is another login's.
        """
        address = address.lower()
        user = super().create(address=address, username=username, password=password, names=names)
        EmailAddress.objects.create(user=user, email=address, verified=True, primary=True)
        return user

    def confirm(self, user: Any, address: str) -> None:
        """Confirm it, as the link in allauth's own mail would."""
        found, _created = EmailAddress.objects.get_or_create(user=user, email=address.lower())
        if not found.verified:
            found.verified = True
            found.save(update_fields=["verified"])
            if not EmailAddress.objects.filter(user=user, primary=True).exists():
                found.set_as_primary()

    def sign_in(self, request: HttpRequest, user: Any) -> None:
        """Sign ``user`` in, in a session that they see among theirs."""
        login(request, user, backend="config.backends.SignInBackend")
        record_authentication(request, user, "password")
        UserSession.objects.create_from_request(request)

    def end_sessions(self, user: Any) -> None:
        """End every session of ``user``; their next click leads to the sign-in."""
        sessions.end_sessions(user)

    def ask_again(self, request: HttpRequest) -> HttpResponse | None:
        """Return allauth's page that asks again, if the last sign-in is not recent.

        It leads back here; what was typed here is not kept.
        """
        records = get_authentication_records(request, request.user)
        recent = time.time() - settings.ACCOUNT_REAUTHENTICATION_TIMEOUT
        if records and records[-1]["at"] > recent:
            return None
        ways = get_adapter().get_reauthentication_methods(request.user)
        to = ways[0]["url"] if ways else reverse("account_set_password")
        return HttpResponseRedirect(f"{to}?{urlencode({'next': request.get_full_path()})}")

    def at_the_door(self, request: HttpRequest, site: AdminSite) -> HttpResponse:
        """Lead to the sign-in, in, or say that there is nothing here for this login."""
        to = request.GET.get("next", "")
        if not get_adapter().is_safe_url(to):
            to = reverse(f"{site.name}:index")
        if not request.user.is_authenticated:
            return HttpResponseRedirect(f"{reverse('account_login')}?{urlencode({'next': to})}")
        if site.has_permission(request):
            return HttpResponseRedirect(to)
        places = {"in_console": is_tenant(request.user), "in_operator": request.user.is_staff}
        return render(request, "account/no_place.html", places, status=403)

    def factor_url(self) -> str:
        """Return the page where one sets up an authenticator app or a passkey."""
        return reverse("mfa_index")

    def own_page(self) -> str:
        """Return the page of one's login."""
        return reverse("your_login")
