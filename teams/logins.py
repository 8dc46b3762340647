"""What teams asks of the sign-in of the project it is installed in.

Logins, passwords, confirmed addresses and second factors belong to the project. ``Logins`` answers
with what every Django project has; one that knows more (the console of this repository uses
django-allauth) hands over a subclass with ``use`` when it starts.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from django.contrib.admin import AdminSite
from django.contrib.auth import get_user_model, login
from django.core.exceptions import FieldDoesNotExist, ImproperlyConfigured
from django.db.models import Exists
from django.db.models.functions import Lower
from django.http import HttpRequest, HttpResponse


class Logins:
    """A project with Django's own logins: ``email`` is whose address it says, there is no second
    factor, and nobody is asked to sign in again."""

    def having_factor(self) -> Exists | None:
        """Return the expression on the login model that says whether somebody has set up a second
        factor; None where there is none, so that no account can require it.

        It is evaluated in the statement that loads profiles, with the login as the outer row.
        """
        return None

    def factor_url(self) -> str:
        """Return the address of the page where one sets up a second factor; empty for none."""
        return ""

    def owns(self, user: Any, address: str) -> bool:
        """Say whether ``address`` is confirmed to be that of ``user``."""
        return bool(user.is_active) and same_address(address_of(user), address)

    def owned_among(self, addresses: Collection[str], people: Collection[Any]) -> set[str]:
        """Return which of ``addresses``, in small letters, ``owns`` says are of one of the logins
        with the keys ``people``. Both may be thousands: what asks a table in ``owns`` asks it once
        here.
        """
        users = get_user_model()._default_manager.annotate(small=Lower(email_field()))
        found = users.filter(small__in=addresses, pk__in=people)
        # the database takes other letters for ASCII's as well
        return {own for u in found if self.owns(u, own := address_of(u).lower())}

    def find(self, address: str) -> Any:
        """Return the active login whose confirmed address this is, or None if that is nobody's, or
        of several."""
        found = [user for user in having(address) if user.is_active]
        return found[0] if len(found) == 1 else None

    def create(
        self, *, address: str, username: str, password: str | None, names: tuple[str, str]
    ) -> Any:
        """Create a login for whoever has shown that ``address`` is theirs.

        ``names`` are first and last name; without ``password`` nobody can sign in until they have
        set one by way of a mail. Both have been validated. A model that needs more than this calls
        for a subclass.
        """
        model: Any = get_user_model()
        known = {field.name for field in model._meta.fields}
        named = {"first_name": names[0], "last_name": names[1]}
        asked = {name: value for name, value in named.items() if name in known}
        # of two with one name the address counts: a host's people may sign in by it
        user = model(**asked | {model.USERNAME_FIELD: username} | {email_field(): address})
        user.set_password(password)
        user.save(force_insert=True)
        return user

    def confirm(self, user: Any, address: str) -> None:
        """Take note that ``user`` has shown ``address``, which the login has, to be theirs."""

    def sign_in(self, request: HttpRequest, user: Any) -> None:
        """Sign ``user`` in, who has just created the login."""
        login(request, user, backend="django.contrib.auth.backends.ModelBackend")

    def end_sessions(self, user: Any) -> None:
        """End every session of ``user``, who has lost their last place in any account."""

    def ask_again(self, request: HttpRequest) -> HttpResponse | None:
        """Return the page that asks to sign in again, if that was not recent; else None.

        It leads back to this address by GET; ask before a form is shown, and again when it comes
        in.
        """
        return None

    def at_the_door(self, request: HttpRequest, site: AdminSite) -> HttpResponse | None:
        """Answer somebody at the login page of ``site``; None where Django's own form does.

        Somebody who is signed in and may not enter is told so, not led around in a circle.
        """
        return None

    def own_page(self) -> str | None:
        """Return the address where people look after their login; None where Django's own form
        to change the password is all there is."""
        return None


def email_field() -> str:
    """Return the name of the field that holds the address of a login.

    Raises ImproperlyConfigured where there is none: then only a subclass of ``Logins`` can tell.
    """
    model = get_user_model()
    name = model.get_email_field_name()
    try:
        model._meta.get_field(name)
    except FieldDoesNotExist:
        raise ImproperlyConfigured(
            f"{model._meta.label} has no field {name!r} for an address. Name one (EMAIL_FIELD), or "
            "hand over a subclass of teams.logins.Logins that knows whose an address is."
        ) from None
    return name


def name_fields() -> tuple[str, ...]:
    """Return the fields of this project's logins that hold a person's name, or else the login."""
    model = get_user_model()
    known = {field.name for field in model._meta.concrete_fields}
    names = tuple(name for name in ("first_name", "last_name") if name in known)
    return names or (model.USERNAME_FIELD,)


def address_of(user: Any) -> str:
    """Return the address that the login ``user`` says it has."""
    return str(getattr(user, email_field()) or "")


def having(address: str) -> list[Any]:
    """Return the logins, switched off or not, that say this is their address.

    The database folds more letters than ASCII's, so it has only the first word.
    """
    people = get_user_model()._default_manager
    rows = people.filter(**{f"{email_field()}__iexact": address}).order_by("pk")
    return [user for user in rows if same_address(address_of(user), address)]


def same_address(one: str, other: str) -> bool:
    """Say whether two addresses are the same but for the case of ASCII letters.

    No other letters are folded: ``mıke@`` and ``mike@`` are two people's.
    """
    return bool(one) and one.isascii() and other.isascii() and one.lower() == other.lower()


#: what the project handed over, put here when it starts
_logins: list[Logins] = [Logins()]


def use(logins: Logins) -> None:
    """Name what answers for the project's sign-in; the last one named counts."""
    _logins[:] = [logins]


def current() -> Logins:
    """Return what answers for the project's sign-in."""
    return _logins[0]
