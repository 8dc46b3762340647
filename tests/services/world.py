"""An account of one edition, its people, and what the tables hold: shared by tests of services.

People and places are built as stored rows, no rights checked, so that a test says in one line who
is there. Toggles, teams and guests are given by the owner through the services.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from permissions import access
from permissions.errors import Missing, ServiceError
from teams import services
from teams.editions import get
from teams.editions.spec import Edition
from teams.factories import (
    AccountFactory,
    MembershipFactory,
    RoleFactory,
    SubaccountFactory,
    TeamFactory,
    UserFactory,
)
from teams.models import Account, Membership, Role, Subaccount, Team
from teams.models.account import TeamMode

#: how a refusal calls a place that the actor neither works in nor named
ELSEWHERE = "another subaccount"
EDITIONS = ("constant_contact", "emma_corporate", "emma_enterprise", "emma_hq", "sailthru")
EMMA = ("emma_corporate", "emma_enterprise", "emma_hq")


@dataclass(slots=True)
class World:
    """One account with two active subaccounts, an archived one, and its own workspace if any."""

    account: Account
    north: Subaccount
    south: Subaccount
    west: Subaccount
    home: Subaccount | None

    @property
    def owner(self) -> Any:
        """Return the owner's login."""
        return self.account.owner

    @property
    def edition(self) -> Edition:
        """Return the edition's data."""
        return get(self.account.edition)

    def member(
        self,
        role: str | Role,
        at: Subaccount | None = None,
        *,
        toggles: tuple[str, ...] = (),
        user: Any = None,
        **extra: Any,
    ) -> Membership:
        """Return a new person's role in one subaccount (north unless told otherwise)."""
        return self._add(role, toggles, user, subaccount=at or self.north, **extra)

    def manager(
        self,
        *reach: Subaccount,
        role: str | Role = "manager",
        toggles: tuple[str, ...] = (),
        user: Any = None,
        **extra: Any,
    ) -> Membership:
        """Return a new person's role at account level, reaching ``reach`` or else everything."""
        return self._add(
            role, toggles, user, subaccount=None, all_subaccounts=not reach, reaching=reach, **extra
        )

    def _add(
        self, role: str | Role, toggles: tuple[str, ...], user: Any, **extra: Any
    ) -> Membership:
        which = {"custom_role": role, "role": ""} if isinstance(role, Role) else {"role": role}
        membership = MembershipFactory(
            account=self.account, user=user or UserFactory(), **which, **extra
        )
        for toggle in toggles:
            services.toggle_permission(
                actor=self.owner, membership=membership, toggle=toggle, on=True
            )
        return membership

    def custom(self, *permissions: str) -> Role:
        """Return a custom role with ``permissions`` ticked."""
        return RoleFactory(account=self.account, permissions=[str(p) for p in permissions])

    def team(self, *people: Any) -> Team:
        """Return a new team with ``people`` in it."""
        team = TeamFactory(account=self.account)
        for person in people:
            team.memberships.create(user=person, added_by=self.owner)
        return team


def world(edition: str, **extra: Any) -> World:
    """Return a new account of ``edition``; teams are on where it knows them."""
    data = get(edition)
    mode = TeamMode.LISTS_AND_TEMPLATES if data.has_teams else TeamMode.OFF
    account = AccountFactory(**{"edition": edition, "team_mode": mode, **extra})
    return World(
        account=account,
        north=SubaccountFactory(account=account, slug="north", name="North"),
        south=SubaccountFactory(account=account, slug="south", name="South"),
        west=SubaccountFactory(
            account=account, slug="west", name="West", archived_at=timezone.now()
        ),
        home=SubaccountFactory(account=account, slug="partner", name="Partner", is_home=True)
        if data.has_home
        else None,
    )


def stored() -> dict[str, list[tuple[Any, ...]]]:
    """Return every row of every table a service writes to: what a refusal must leave alone."""
    if connection.vendor == "postgresql":
        return _stored_at_once()
    found = {}
    with connection.cursor() as cursor:
        for name in _tables():
            cursor.execute(f"SELECT * FROM {connection.ops.quote_name(name)}")
            found[name] = sorted(cursor.fetchall(), key=repr)
    return found


def _stored_at_once() -> dict[str, list[tuple[Any, ...]]]:
    """Return the same, each row as text, on one way to the server and back instead of forty."""
    found: dict[str, list[tuple[Any, ...]]] = {name: [] for name in _tables()}
    parts = (f"SELECT '{n}', t::text FROM {connection.ops.quote_name(n)} AS t" for n in found)
    with connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join(parts))
        for name, row in cursor.fetchall():
            found[name].append((row,))
    return {name: sorted(rows) for name, rows in found.items()}


@cache
def _tables() -> tuple[str, ...]:
    ours = ("teams_", "billing_", "guardian_", "auth_group", "auth_user_", "permissions_")
    return tuple(n for n in connection.introspection.table_names() if n.startswith(ours))


@contextmanager
def refused(code: str) -> Iterator[pytest.ExceptionInfo[ServiceError]]:
    """Expect a service to refuse with ``code`` and a sentence, and to leave nothing behind."""
    before = stored()
    with pytest.raises(ServiceError) as caught:
        yield caught
    assert caught.value.code == code, caught.value.message
    assert is_sentence(caught.value.message), caught.value.message
    assert stored() == before


def is_sentence(text: str) -> bool:
    """Say whether ``text`` is something one may show to a person."""
    return len(text.split()) > 3 and text.endswith(".") and text.isprintable()


def missing(caught: pytest.ExceptionInfo[ServiceError]) -> set[tuple[str, str]]:
    """Return (permission, place) of everything a refusal names as missing."""
    lacking: tuple[Missing, ...] = caught.value.missing  # type: ignore[attr-defined]
    return {(m.permission, m.place) for m in lacking}


def holds(user: Any, permission: str, obj: Any) -> bool:
    """Say whether ``user`` effectively holds ``permission`` on ``obj`` now."""
    return access.can(user, permission, obj).allowed
