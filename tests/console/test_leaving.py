"""Leaving by oneself, at the console; and what home and People say of invitations."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from teams import services
from teams.factories import AccountFactory, InvitationFactory, MembershipFactory, SubaccountFactory
from teams.models import Membership
from tests.console.conftest import World, build
from tests.hostile.arena import undone

LEAVE = "/access/leave/"

pytestmark = [pytest.mark.django_db, pytest.mark.once]


@pytest.fixture(scope="module")
def shared(django_db_setup: Any, django_db_blocker: Any) -> Iterator[World]:
    """Return a world for all tests of the module, each of which is undone."""
    with django_db_blocker.unblock(), undone():
        yield build()


@pytest.fixture
def world(shared: World, db: Any) -> World:
    """Return the shared world inside a transaction of the test's own."""
    return shared


def seats(world: World, who: str) -> set[Any]:
    found = Membership.objects.filter(user=world.people[who])
    return set(found.values_list("subaccount__slug", flat=True))


def test_one_leaves_a_role_and_keeps_the_others(world: World) -> None:
    second = MembershipFactory(
        account=world.account,
        subaccount=world.places["south"],
        user=world.people["editor"],
        role="author",
    )
    client = world.client("editor")
    url = f"{LEAVE}?what={second.pk}"
    assert url in client.get("/access/").content.decode()
    asked = client.get(url).content.decode()
    assert "You are no longer Author of South." in asked
    assert "You have no other place" not in asked
    assert "Only somebody else can bring you back: ask Maria Lopez (Owner)." in asked
    assert seats(world, "editor") == {"north", "south"}
    done = client.post(LEAVE, {"what": second.pk}, follow=True)
    assert "You left South." in done.content.decode()
    assert seats(world, "editor") == {"north"}
    assert "left South." in world.client("owner").get("/").content.decode()


def test_one_leaves_the_account_and_is_signed_out(world: World) -> None:
    seat = world.seats["full"]
    services.set_toggles(
        actor=world.people["owner"], membership=seat, switches={"export_contacts": True}
    )
    client = world.client("full")
    asked = client.get(f"{LEAVE}?what=account").content.decode()
    assert "You are no longer Full of North, with Export contacts." in asked
    assert "invitations you sent that are still pending are withdrawn" in asked
    client.post(LEAVE, {"what": "account"})
    assert seats(world, "full") == set()
    assert "_auth_user_id" not in client.session
    home = client.get("/", follow=True)
    assert "desk" not in home.context


def test_whoever_has_another_account_stays_signed_in(world: World) -> None:
    other = SubaccountFactory(account=AccountFactory(edition="emma_hq", name="Other"))
    MembershipFactory(
        account=other.account, subaccount=other, user=world.people["author"], role="author"
    )
    client = world.client("author")
    client.post("/scope/", {"account": world.account.pk})
    done = client.post(LEAVE, {"what": "account"}, follow=True)
    assert done.context["desk"].account == other.account
    assert "You left Harbor." in done.content.decode()


def test_the_owner_is_told_to_hand_over_first(world: World) -> None:
    client = world.client("owner")
    own = client.get("/access/").content.decode()
    assert LEAVE not in own
    assert "hand it over to somebody else before you leave" in own
    for answer in (client.get(f"{LEAVE}?what=account"), client.post(LEAVE, {"what": "account"})):
        assert answer.status_code == 403
        assert "Hand it over to somebody else" in answer.content.decode()


def test_without_a_name_the_account_is_asked_about_and_nothing_is_left(world: World) -> None:
    client = world.client("editor")
    assert client.get(LEAVE).context["title"] == "Leave Harbor"
    assert client.post(LEAVE).status_code == 404
    assert seats(world, "editor") == {"north"}


@pytest.mark.parametrize("key", ["nonsense", "0", "987654321", "foreign", "others"])
def test_only_ones_own_roles_are_left(world: World, key: str) -> None:
    keys = {"foreign": world.rival["membership"].pk, "others": world.seats["author"].pk}
    before = Membership.objects.count()
    client = world.client("administrator")
    for answer in (
        client.get(LEAVE, {"what": keys.get(key, key)}),
        client.post(LEAVE, {"what": keys.get(key, key)}),
    ):
        assert answer.status_code == 404
    assert Membership.objects.count() == before


# what home and People say


def test_home_and_people_say_what_is_pending_and_what_was_not_sent(world: World) -> None:
    for sent in ({}, {"sent_at": None}, {"status": "withdrawn"}):
        InvitationFactory(account=world.account, subaccount=world.places["north"], **sent)
    InvitationFactory(
        account=world.account,
        subaccount=world.places["south"],
        address="far@new.example",
        sent_at=None,
    )
    url = "/teams/invitation/?state=pending"
    home = world.client("administrator").get("/").content.decode()
    assert "1 could not be sent" in home
    assert "could not be sent.<span>" in home
    assert url in home
    assert "far@new.example" not in home
    people = world.client("administrator").get("/auth/user/").content.decode()
    assert f'<a href="{url}">2 invitations are pending</a>; 1 could not be sent.' in people
    assert "3 invitations are pending" in world.client("owner").get("/auth/user/").content.decode()
    assert url not in world.client("author").get("/").content.decode()
