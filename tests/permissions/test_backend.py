"""``user.has_perm`` answers with the effective right; ``can`` never minds a superuser."""

from __future__ import annotations

from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth import authenticate
from django.contrib.auth.models import AnonymousUser, Permission
from django.http import HttpRequest

from permissions import access
from permissions.backend import PermissionBackend
from teams.factories import CampaignFactory, UserFactory
from tests.services.world import world

pytestmark = pytest.mark.django_db


def test_has_perm_answers_with_the_effective_right() -> None:
    w = world("emma_hq")
    author, campaign = w.member("author").user, CampaignFactory(subaccount=w.north)

    assert author.has_perm("teams.create_campaigns", campaign)
    assert not author.has_perm("teams.send_campaigns", campaign)
    assert w.owner.has_perm("teams.create_subaccounts", w.account)
    assert not author.has_perm("teams.create_campaigns", CampaignFactory(subaccount=w.south))
    assert author.has_perms(["teams.create_campaigns", "teams.test_campaigns"], campaign)
    assert not author.has_perms(["teams.create_campaigns", "teams.send_campaigns"], campaign)


@pytest.mark.parametrize(
    "perm",
    [
        "teams.no_such_permission",
        "auth.create_campaigns",
        "create_campaigns",
        "teams.",
        ".create_campaigns",
        "teams.CREATE_CAMPAIGNS",
        "teams.create_campaigns\x00",
        "",
    ],
)
def test_has_perm_of_what_the_catalogue_does_not_know(perm: str) -> None:
    w = world("emma_hq")
    assert not w.owner.has_perm(perm, w.north)
    assert PermissionBackend().has_perm(w.owner, perm, w.north) is False


def test_has_perm_without_an_object_is_nobodys() -> None:
    w = world("emma_hq")
    assert not w.owner.has_perm("teams.create_campaigns")
    assert not w.owner.has_perm("teams.create_subaccounts")


def test_recorded_model_level_permission_gives_nothing() -> None:
    """A catalogued permission denied by us ends the search: ModelBackend is never asked."""
    w = world("emma_hq")
    stranger = UserFactory()
    stranger.user_permissions.add(*Permission.objects.filter(codename="access_campaigns"))
    for obj in (None, w.north, CampaignFactory(subaccount=w.north)):
        assert not stranger.has_perm("teams.access_campaigns", obj)


def test_permissions_of_others_are_left_to_other_backends() -> None:
    staff = UserFactory()
    staff.user_permissions.add(Permission.objects.get(codename="change_account"))

    assert staff.has_perm("teams.change_account")


def test_inactive_and_anonymous_people_hold_nothing() -> None:
    w = world("emma_hq")
    member = w.member("full").user
    assert member.has_perm("teams.send_campaigns", w.north)
    member.is_active = False
    member.save()
    for user in (member, AnonymousUser()):
        # False and not PermissionDenied: other backends may know such people
        assert PermissionBackend().has_perm(user, "teams.send_campaigns", w.north) is False
        assert not user.has_perm("teams.send_campaigns", w.north)
        assert not access.can(user, "send_campaigns", w.north).allowed
        assert not access.visible(type(w.north).objects.all(), user, "send_campaigns").exists()
    assert access.can(member, "send_campaigns", w.north).reason == "inactive_login"


@pytest.mark.parametrize("flags", [{"is_superuser": True}, {"is_staff": True}])
def test_can_ignores_staff_and_superusers(flags: dict[str, bool]) -> None:
    """Django itself answers True for a superuser; so ``can`` is what our pages ask."""
    w = world("emma_hq")
    operator = UserFactory(**flags)

    assert operator.has_perm("teams.send_campaigns", w.north) is flags.get("is_superuser", False)
    assert not access.can(operator, "send_campaigns", w.north).allowed
    assert not access.visible(type(w.north).objects.all(), operator, "send_campaigns").exists()


def test_unguarded_objects_are_denied() -> None:
    w = world("emma_hq")
    for obj in (w.owner, object(), w.member("full"), "north"):
        assert not access.can(w.owner, "send_campaigns", obj).allowed  # type: ignore[arg-type]
        assert not w.owner.has_perm("teams.send_campaigns", obj)


def test_ahas_perm_agrees() -> None:
    w = world("emma_hq")
    user = w.member("author").user
    backend = PermissionBackend()

    async def ask(perm: str) -> Any:
        return await user.ahas_perm(perm, w.north)

    assert async_to_sync(ask)("teams.create_campaigns") is True
    assert async_to_sync(ask)("teams.send_campaigns") is False
    assert async_to_sync(backend.ahas_perm)(user, "teams.unknown_thing", w.north) is False


def test_backend_signs_nobody_in() -> None:
    user = UserFactory()
    assert PermissionBackend().authenticate(None, username=user.username, password="demo") is None
    found = authenticate(HttpRequest(), username=user.username, password="demo")
    assert found is not None
    assert found.backend == "config.backends.SignInBackend"  # type: ignore[attr-defined]
