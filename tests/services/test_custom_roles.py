"""Custom roles: what they may be made of, and that changing one is a grant to whoever has it."""

from __future__ import annotations

import pytest

from teams import services
from teams.catalogue import (
    ACCESS_AUDIENCE,
    ASSIGN_TEAM_RESOURCES,
    DELETE_LISTS,
    MANAGE_MEMBERS,
    MANAGE_ROLES,
    RENAME_LISTS,
)
from teams.models import Membership, Role
from tests.services.world import World, holds, refused, world

pytestmark = pytest.mark.django_db

GIVER = (MANAGE_ROLES, MANAGE_MEMBERS, ASSIGN_TEAM_RESOURCES)


@pytest.fixture
def w() -> World:
    return world("sailthru")


def test_created_edited_deleted(w: World) -> None:
    role = services.create_role(
        actor=w.owner, account=w.account, name=" Lists ",
        permissions=[RENAME_LISTS, ACCESS_AUDIENCE, RENAME_LISTS], description="Tidies up",
    )  # fmt: skip
    assert (role.name, role.permissions) == ("Lists", ["access_audience", "rename_lists"])
    ana = w.member(role).user
    assert holds(ana, RENAME_LISTS, w.north)
    services.edit_role(actor=w.owner, role=role, permissions=[ACCESS_AUDIENCE, DELETE_LISTS])
    assert holds(ana, DELETE_LISTS, w.north)
    assert not holds(ana, RENAME_LISTS, w.north)
    with refused("IN_USE"):
        services.delete_role(actor=w.owner, role=role)
    services.delete_role(actor=w.owner, role=role, replacement="reports_only")
    assert not Role.objects.exists()
    assert Membership.objects.get(user=ana).role == "reports_only"
