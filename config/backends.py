"""Signs people in by user name or confirmed address, with the same work for everybody."""

from __future__ import annotations

from typing import Any

from allauth.account.models import EmailAddress
from django.contrib.auth import get_user_model
from django.contrib.auth.backends import ModelBackend
from django.http import HttpRequest


class SignInBackend(ModelBackend):
    """Compares one password with one hash, whether or not there is a login of that name.

    allauth's own backend compares once more for a known address than for an unknown one, and takes
    addresses that nobody has confirmed.
    """

    def authenticate(
        self,
        request: HttpRequest | None,
        username: str | None = None,
        password: str | None = None,
        **_: Any,
    ) -> Any:
        """Return the active login named ``username``, which may be its address, or None."""
        if not username or password is None:
            return None
        user = find(username)
        if user is None:
            get_user_model()().set_password(password)
            return None
        right = user.check_password(password)
        return user if right and self.user_can_authenticate(user) else None


def find(typed: str) -> Any:
    """Return the login of this user name or confirmed address, or None.

    An address is first of all its owner's, even where it is somebody's user name.
    """
    address = EmailAddress.objects.filter(
        verified=True, email=typed.lower() if typed.isascii() else ""
    ).select_related("user")
    named = get_user_model()._default_manager.filter(username=typed)
    # Both are always asked for, so that neither answer takes longer.
    owner, namesake = address.first(), named.first()
    return owner.user if owner is not None else namesake
