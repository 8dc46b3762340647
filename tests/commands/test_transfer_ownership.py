"""``transfer_ownership``: offered, answered by whom it is for, and never by the platform."""

from __future__ import annotations

from typing import Any

import pytest

from permissions.models import AuditEvent
from teams.factories import UserFactory
from teams.models import Account, Membership, OwnershipTransfer
from tests.commands.helpers import Done, run
from tests.services.world import World, stored, world

pytestmark = pytest.mark.django_db

NAME = "transfer_ownership"
Status = OwnershipTransfer.Status


@pytest.fixture
def w() -> World:
    found = world("emma_hq", slug="harbor", name="Harbor")
    ana = UserFactory(username="ana", first_name="Ana", last_name="Ruiz")
    found.member("editor", user=ana)
    found.member("author", user=UserFactory(username="ben"))
    owner = found.owner
    owner.username, owner.first_name, owner.last_name = "maria", "Maria", "Lopez"
    owner.save()
    return found


def call(*arguments: Any, actor: str) -> Done:
    return run(NAME, *arguments, "--account", "harbor", "--actor", actor)


def unchanged(*arguments: Any, actor: str) -> Done:
    """Call it, and see that it wrote nothing."""
    before = stored()
    done = call(*arguments, actor=actor)
    assert stored() == before
    return done


def status() -> str:
    return OwnershipTransfer.objects.latest("pk").status


def test_offered_and_accepted_in_the_name_of_each(w: World) -> None:
    offered = call("ana", actor="maria")
    assert offered.out.splitlines()[0] == "Offered Harbor to Ana Ruiz."
    assert "Once accepted: Maria Lopez becomes Manager of all current" in offered.out
    dry = unchanged("--accept", "--dry-run", actor="ana")
    assert "Would hand Harbor over to Ana Ruiz, who owns it." in dry.out
    assert "member.added, member.removed, ownership.transferred" in dry.out
    done = call("--accept", actor="ana")
    assert done.out.splitlines() == [
        "Handed Harbor over to Ana Ruiz, who owns it.",
        "Maria Lopez becomes Manager of all current and future subaccounts.",
    ]
    assert Account.objects.get(slug="harbor").owner.username == "ana"
    assert Membership.objects.get(user__username="maria").role == "manager"
    assert unchanged("--accept", actor="ana").error == "NOT_FOUND: Harbor is not offered to you."


def test_declined_withdrawn_and_left(w: World) -> None:
    call("ana", actor="maria")
    assert call("--decline", actor="ana").out == (
        "Declined to own Harbor: Maria Lopez stays the owner.\n"
    )
    assert status() == Status.DECLINED
    leaving = call("ana", "--leave", actor="maria")
    assert "Once accepted: Maria Lopez leaves Harbor." in leaving.out
    assert unchanged("ana", actor="maria").error.startswith("ALREADY_USED: ")
    assert call("--withdraw", actor="maria").out == "Withdrew the offer of Harbor to Ana Ruiz.\n"
    assert status() == Status.WITHDRAWN
    assert unchanged("--withdraw", actor="maria").error.startswith("NOT_FOUND: ")
    call("ana", "--leave", actor="maria")
    call("--accept", actor="ana")
    assert not Membership.objects.filter(user__username="maria").exists()


def test_nobody_answers_for_others_and_the_platform_not_at_all(w: World) -> None:
    call("ana", actor="maria")
    for answer in ("--accept", "--decline"):
        for actor in ("ben", "maria"):
            assert unchanged(answer, actor=actor).error.startswith("NOT_FOUND: ")
    assert unchanged("--withdraw", actor="ana").error.startswith("OWNER_REQUIRED: ")
    for wrong in (("ana", "--accept"), ("--decline", "--leave"), ()):
        done = unchanged(*wrong, actor="maria")
        assert (done.code, done.out) == (2, "")
    before = AuditEvent.objects.count()
    for how in (("ana",), ("--accept",), ("--withdraw",)):
        done = run(NAME, *how, "--account", "harbor", "--as-platform", "--reason", "They asked us")
        assert done.error.startswith("NOT_FOR_PLATFORM: ")
    assert AuditEvent.objects.count() == before
    assert status() == Status.PENDING


@pytest.mark.django_db(transaction=True)
def test_a_refusal_is_recorded(w: World) -> None:
    call("--withdraw", actor="ana")
    event = AuditEvent.objects.latest("pk")
    assert (event.action, event.data["code"]) == ("write.refused", "OWNER_REQUIRED")
