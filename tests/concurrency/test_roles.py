"""A role that is deleted while somebody is given it: one after the other, and never between.

A few rounds in ``make test``, fifty in ``make races``; and what happens without the lock on the
account where the worst interleaving is forced.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import DatabaseError, connection
from django.db.models.deletion import ProtectedError

from permissions import audit
from permissions.errors import ServiceError
from teams import integrity, services
from teams.factories import RoleFactory
from teams.models import Membership, Role
from tests.concurrency.racing import AMPLE, errors, meet_before, together, without_lock
from tests.services.world import World, world

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]
postgresql = pytest.mark.skipif(
    connection.vendor != "postgresql",
    reason="rows are locked on PostgreSQL only; SQLite has one writer at a time",
)
rounds = pytest.mark.parametrize("rounds", [4, pytest.param(50, marks=pytest.mark.deep)])


def giving(w: World, membership: Membership, role: Role) -> Callable[[], Any]:
    return lambda: services.change_role(actor=w.owner, membership=membership, role=role)


def deleting(w: World, role: Role, replacement: str | None = None) -> Callable[[], Any]:
    return lambda: services.delete_role(actor=w.owner, role=role, replacement=replacement)


@rounds
def test_a_role_is_deleted_or_given_or_its_holder_gets_the_other(
    rounds: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    w = world("sailthru")
    ana = w.member("marketer_limited")
    for number in range(rounds):
        role = RoleFactory(account=w.account, permissions=["access_audience"])
        replacement = "reports_only" if number % 2 else None
        with monkeypatch.context() as patch:
            if number % 3 == 1:  # as they come, and kept for each other
                meet_before(patch, audit, "record", parties=2)
            given, deleted = together(giving(w, ana, role), deleting(w, role, replacement))
        found = errors([given, deleted])
        assert all(isinstance(error, ServiceError) for error in found), found
        codes = [error.code for error in found]  # type: ignore[attr-defined]
        ana.refresh_from_db()
        if isinstance(given, Exception):  # deleted first
            assert (codes, ana.role) == (["NOT_FOUND"], "marketer_limited")
        elif replacement:  # given first, and moved on with the role
            assert (codes, ana.role, ana.custom_role) == ([], "reports_only", None)
        else:
            assert (codes, ana.custom_role) == (["IN_USE"], role)
        assert Role.objects.filter(pk=role.pk).exists() == (codes == ["IN_USE"])
        services.change_role(actor=w.owner, membership=ana, role="account_admin")
        services.change_role(actor=w.owner, membership=ana, role="marketer_limited")
    assert (list(integrity.problems()), list(audit.verify())) == ([], [])


@postgresql
def test_a_role_given_while_it_is_deleted_is_saved_by_the_database_alone_without_the_lock(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    w = world("sailthru")
    ana, role = w.member("reports_only"), RoleFactory(account=w.account)
    without_lock(monkeypatch)
    meet_before(monkeypatch, audit, "record", parties=2, patience=AMPLE)
    results = together(giving(w, ana, role), deleting(w, role))
    # no answer of a service: a foreign key, a deadlock, or what Django finds on the way
    assert [type(e) for e in errors(results) if isinstance(e, DatabaseError | ProtectedError)]
    ana.refresh_from_db()
    assert Role.objects.filter(pk=role.pk).exists() == (ana.custom_role_id == role.pk)
