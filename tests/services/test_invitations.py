"""Invitations: offered by whoever may give, taken by whoever the address belongs to."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.core import mail
from django.utils import timezone

from permissions.access import can
from permissions.errors import AlreadyUsed, Invalid, LimitReached, NotFound, OutOfScope, RankTooHigh
from permissions.models import AuditEvent
from teams import services
from teams.factories import MembershipFactory, TeamFactory, UserFactory
from teams.models import Account, Invitation, Membership
from teams.services import invitation_mail, joining
from tests.console.conftest import World, build

pytestmark = pytest.mark.django_db

Status = Invitation.Status
ADDRESS = "ana@new.example"


@pytest.fixture
def world() -> World:
    return build()


def invite(world: World, actor: str = "owner", **asked: Any) -> Invitation:
    """Invite ``ADDRESS`` to be an Editor in north, unless told otherwise."""
    asked = {"address": ADDRESS, "role": "editor", "subaccount": world.places["north"]} | asked
    return services.invite_member(actor=world.people[actor], account=world.account, **asked)


def mailed(invitation: Invitation) -> str:
    return invitation_mail.token_of(invitation, mailed=True)


def newcomer(address: str = ADDRESS) -> Any:
    return UserFactory(username=f"login-of-{address}", email=address)


def test_invited_newcomer_creates_a_login_and_holds_what_was_offered(world: World) -> None:
    invitation = invite(world, toggles=["export_contacts"], address="Ana@New.Example")
    assert invitation.address == ADDRESS
    membership = services.join(
        token=mailed(invitation), first_name="Ana", last_name="Ruiz", password="a long enough one"
    )
    ana = membership.user
    assert (ana.email, ana.get_full_name()) == (ADDRESS, "Ana Ruiz")
    assert ana.check_password("a long enough one")
    north = world.places["north"]
    assert can(ana, "export_contacts", north)
    assert can(ana, "access_campaigns", north)
    assert not can(ana, "access_campaigns", world.places["south"])
    assert membership.added_by == world.people["owner"]
    invitation.refresh_from_db()
    assert (invitation.status, invitation.accepted_by) == (Status.ACCEPTED, ana)
    actions = AuditEvent.objects.order_by("sequence").values_list("action", "actor_label")
    assert list(actions) == [
        ("invitation.sent", "Maria Lopez"),
        ("member.added", "Maria Lopez"),
        ("permission.toggled", "Maria Lopez"),
        ("invitation.accepted", "Ana Ruiz"),
    ]
