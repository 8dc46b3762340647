"""Who a refused page says can help: people who really hold what is missing, where it is missing."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import RequestFactory

from permissions.errors import Missing
from teams import services
from teams.admin.desk import Desk
from teams.admin.refusal import helpers
from teams.factories import MembershipFactory, UserFactory
from teams.who import who_can
from tests.services.world import World, world

pytestmark = pytest.mark.django_db


def named(w: World, reader: Any, *permissions: str) -> list[tuple[Any, str, str]]:
    missing = [Missing(permission, permission, "North") for permission in permissions]
    request: Any = RequestFactory().get("/")
    request.user, request.session = reader, {}
    found = helpers(Desk(request), missing)
    return [(helper.person, helper.chip.label, helper.where) for helper in found]


def test_nearest_holders_come_first_and_the_owner_last() -> None:
    w = world("emma_hq")
    reader, full = w.member("author").user, w.member("full")
    w.member("full", w.south)
    w.member("response_only")
    manager = w.manager(w.north)

    assert named(w, reader, "send_campaigns") == [
        (full.user, "Full", "North"),
        (manager.user, "Manager", w.account.name),
        (w.owner, "Owner", w.account.name),
    ]


def test_holders_by_custom_role_and_by_switch_are_named() -> None:
    w = world("sailthru")
    custom = w.custom("access_audience", "delete_lists")
    holder = MembershipFactory(
        account=w.account, subaccount=w.north, user=UserFactory(), role="", custom_role=custom
    )
    reader = w.member("reports_only").user
    assert (holder.user, custom.name, "North") in named(w, reader, "delete_lists")

    w = world("emma_hq")
    switched = w.member("full", toggles=("export_contacts",))
    w.member("full")
    people = [
        person for person, _chip, _where in named(w, w.member("author").user, "export_contacts")
    ]
    assert people == [switched.user, w.owner]


def test_guests_and_the_reader_are_not_named() -> None:
    w = world("emma_hq")
    reader, guest = w.member("full").user, w.member("author", w.south).user
    services.give_guest_access(
        actor=w.owner, user=guest, obj=w.north, permissions=["create_campaigns"]
    )
    assert guest in [one.person for one in who_can("create_campaigns", w.north)]
    assert [person for person, _chip, _where in named(w, reader, "create_campaigns")] == [w.owner]
    assert named(w, w.owner, "create_campaigns") == []
