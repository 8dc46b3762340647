"""A project's sign-in with second factors and a recent sign-in, as an adapter of its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.db.models import Exists, OuterRef
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect

from teams import logins

FACTOR = "has a second factor"
RECENT = "signed_in_recently"
SET_UP = "/sign-in/second-factor/"
AGAIN = "/sign-in/again/"


class GroupLogins(logins.Logins):
    """Whoever is in one group has a second factor; a session says whether its sign-in is recent."""

    def having_factor(self) -> Any:
        """Ask the table of that group, with the login as the outer row."""
        rows = get_user_model().groups.through._default_manager
        return Exists(rows.filter(user=OuterRef("pk"), group__name=FACTOR))

    def factor_url(self) -> str:
        """Return a page of the project."""
        return SET_UP

    def ask_again(self, request: HttpRequest) -> HttpResponse | None:
        """Lead to a page of the project, unless the session is fresh."""
        return None if request.session.get(RECENT) else HttpResponseRedirect(AGAIN)


@contextmanager
def signing_in_with(found: logins.Logins) -> Iterator[None]:
    """Let ``found`` answer for the project's sign-in for the length of the block."""
    before = logins.current()
    logins.use(found)
    try:
        yield
    finally:
        logins.use(before)


def enrol(user: Any) -> Any:
    """Give ``user`` a second factor."""
    user.groups.add(Group.objects.get_or_create(name=FACTOR)[0])
    return user
