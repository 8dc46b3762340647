"""The access profile: once per unit of work, never older than the last write."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from permissions import access
from permissions.errors import OutOfScope
from teams import services
from teams.models import Membership
from tests.services.world import World, world

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def w() -> Iterator[World]:
    yield world("emma_hq")
    access.close_unit()


def cost(user: Any, place: Any, permission: str = "send_campaigns") -> tuple[bool, int]:
    """Return the answer and how many queries it took."""
    with CaptureQueriesContext(
        connection,
    ) as queries:
        answer = access.can(user, permission, place).allowed
    return answer, len(queries)


def test_profile_is_one_query_and_is_kept_within_the_unit(w: World) -> None:
    user = w.member("full").user
    with access.unit_of_work():
        assert cost(user, w.north) == (True, 1)
        assert cost(user, w.north) == (True, 0)
        assert cost(user, w.south) == (False, 0)
    assert cost(user, w.north) == (True, 1)
    assert cost(user, w.north) == (True, 1)


def test_profile_is_read_again_after_a_write(w: World) -> None:
    membership = w.member("full")
    with access.unit_of_work():
        assert cost(membership.user, w.north)[0] is True
        services.suspend_member(actor=w.owner, membership=membership)
        assert cost(membership.user, w.north)[0] is False
        assert cost(membership.user, w.north) == (False, 0)


def test_profile_read_in_a_transaction_that_is_rolled_back_is_not_kept(w: World) -> None:
    """Else the wider right that never came to be would go on being believed."""
    membership = w.member("author")
    with access.unit_of_work():
        assert cost(membership.user, w.north)[0] is False
        with transaction.atomic():
            services.change_role(actor=w.owner, membership=membership, role="full")
            assert cost(membership.user, w.north) == (True, 1)
            assert cost(membership.user, w.north) == (True, 1)
            transaction.set_rollback(True)
        assert cost(membership.user, w.north)[0] is False
        assert cost(membership.user, w.north) == (False, 0)


def test_profile_read_in_a_savepoint_that_is_rolled_back_is_not_kept(w: World) -> None:
    membership = w.member("author")
    with access.unit_of_work():
        with transaction.atomic():
            with transaction.atomic():
                services.change_role(actor=w.owner, membership=membership, role="full")
                assert cost(membership.user, w.north)[0] is True
                transaction.set_rollback(True)
            assert cost(membership.user, w.north)[0] is False
        assert cost(membership.user, w.north)[0] is False


def test_profile_is_kept_again_after_the_commit(w: World) -> None:
    membership = w.member("author")
    with access.unit_of_work():
        with transaction.atomic():
            services.change_role(actor=w.owner, membership=membership, role="full")
        assert cost(membership.user, w.north) == (True, 1)
        assert cost(membership.user, w.north) == (True, 0)


def test_refused_change_that_was_judged_after_the_write_leaves_no_profile(w: World) -> None:
    """A service judges by the effect: for a moment the right was there."""
    corporate = world("emma_corporate")
    manager, full = corporate.manager(corporate.north), corporate.member("full")
    with access.unit_of_work():
        assert cost(full.user, corporate.north, "export_contacts")[0] is False
        with pytest.raises(OutOfScope):
            services.change_role(actor=manager.user, membership=full, role="administrator")
        assert cost(full.user, corporate.north, "export_contacts")[0] is False


def test_units_do_not_share_and_nest(w: World) -> None:
    membership = w.member("full")
    with access.unit_of_work():
        assert cost(membership.user, w.north)[1] == 1
        Membership.objects.filter(pk=membership.pk).update(status="suspended")
        with access.unit_of_work():
            assert cost(membership.user, w.north) == (False, 1)
        assert cost(membership.user, w.north) == (True, 0)  # as it was at the start of this one


def test_a_request_is_a_unit(w: World) -> None:
    user = w.member("full").user
    access.open_unit()
    assert [cost(user, w.north)[1] for _ in range(2)] == [1, 0]
    access.close_unit()
    assert [cost(user, w.north)[1] for _ in range(2)] == [1, 1]


def test_a_service_never_decides_by_what_was_kept(w: World) -> None:
    """The actor's right is read behind the lock, not taken from the unit of work."""
    administrator, target = w.member("administrator"), w.member("full")
    with access.unit_of_work():
        assert cost(administrator.user, w.north)[0] is True
        Membership.objects.filter(pk=administrator.pk).update(role="author")  # another process
        with pytest.raises(OutOfScope):
            services.remove_member(actor=administrator.user, membership=target)


def test_profile_costs_one_query_however_much_there_is() -> None:
    w = world("emma_corporate")
    user = w.member("full", toggles=("export_contacts",)).user
    for _ in range(3):
        other = world("emma_hq")
        other.member("full", user=user)
        other.manager(other.north, user=user)
    assert cost(user, w.north) == (True, 1)
