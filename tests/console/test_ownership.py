"""Handing an account over at the console: offered, looked at, accepted or declined."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from permissions.models import AuditEvent
from teams import services
from teams.factories import AccountFactory, MembershipFactory
from teams.models import Account, Membership, OwnershipTransfer
from tests.console.conftest import World, build
from tests.console.test_recent import be_recent, is_asked
from tests.hostile.arena import undone
from tests.signing_in import GroupLogins, signing_in_with

pytestmark = [pytest.mark.django_db, pytest.mark.once]

PAGE = "/ownership/"
Status = OwnershipTransfer.Status


@pytest.fixture(scope="module")
def shared(django_db_setup: Any, django_db_blocker: Any) -> Iterator[World]:
    """Return a world for all tests of the module, each of which is undone."""
    with django_db_blocker.unblock(), undone():
        yield build()


@pytest.fixture
def world(shared: World, db: Any) -> World:
    """Return the shared world inside a transaction of the test's own."""
    return shared


def account_url(world: World, verb: str = "") -> str:
    rest = f"act/{verb}/" if verb else "change/"
    return f"/teams/account/{world.account.pk}/{rest}"


def offered(world: World, heir: str = "author", **how: Any) -> OwnershipTransfer:
    return services.offer_ownership(
        actor=world.people["owner"], account=world.account, heir=world.people[heir], **how
    )


def owner_of(world: World) -> Any:
    return Account.objects.get(pk=world.account.pk).owner


def digest_in(text: str) -> str:
    (found,) = re.findall(r'name="previewed" value="(\w+)"', text)
    return str(found)


def status() -> str:
    return OwnershipTransfer.objects.latest("pk").status


def test_offered_after_a_preview_and_taken_back(world: World) -> None:
    client, heir = world.client("owner"), world.people["author"]
    url = account_url(world, "transfer")
    assert url in client.get(account_url(world)).content.decode()
    asked = client.get(url).content.decode()
    assert "Author One, Author of North" in asked
    assert asked.index("Tom Becker, Manager") < asked.index("Administrator One")
    assert "Xanadu" not in asked
    assert "Stay as Manager of all current and future subaccounts" in asked
    data = {"heir": heir.pk, "leaves": "stay", "confirm": "Harbour"}
    wrong = client.post(url, data)
    assert "Type Harbor to confirm." in wrong.content.decode()
    data["confirm"] = "Harbor"
    before = AuditEvent.objects.count()
    shown = client.post(url, data).content.decode()
    assert "When Author One accepts" in shown
    assert "Nothing changes before that." in shown
    assert shown.count("Pay invoices") == 2  # gained by one, lost by the other
    assert (OwnershipTransfer.objects.count(), AuditEvent.objects.count()) == (0, before)
    done = client.post(url, data | {"previewed": digest_in(shown)}, follow=True).content.decode()
    assert "Harbor is offered to Author One. You own it until they accept." in done
    assert "Offered to Author One" in done
    assert (owner_of(world), status()) == (world.people["owner"], Status.PENDING)
    assert client.get(url).status_code == 403  # one at a time
    back = account_url(world, "withdraw-transfer")
    assert "Author One can no longer accept it." in client.get(back).content.decode()
    assert "is withdrawn" in client.post(back, follow=True).content.decode()
    assert status() == Status.WITHDRAWN
    assert client.get(back).status_code == 403
    home = client.get("/").content.decode()
    assert "offered Harbor to Author One." in home
    assert "withdrew the offer of Harbor to Author One." in home


def test_only_the_owner_offers_and_only_to_people_who_work_there(world: World) -> None:
    url = account_url(world, "transfer")
    for who in ("manager", "administrator", "author"):
        client = world.client(who)
        assert client.get(url).status_code in (403, 404)
        asked = {"heir": world.people["editor"].pk, "leaves": "stay", "confirm": "Harbor"}
        assert client.post(url, asked).status_code in (403, 404)
    client = world.client("owner")
    Membership.objects.filter(user=world.people["full"]).update(status="suspended")
    suspended, owner, foreign = world.people["full"], world.people["owner"], world.rival["user"]
    for key in (foreign.pk, suspended.pk, owner.pk, 987654321, "x"):
        asked = {"heir": key, "leaves": "stay", "confirm": "Harbor"}
        answer = client.post(url, asked)
        assert answer.status_code == 200
        assert "Nobody like that works in Harbor." in answer.content.decode()
    assert not OwnershipTransfer.objects.exists()


def test_the_heir_finds_it_looks_at_it_and_accepts(world: World) -> None:
    offered(world)
    client = world.client("author")
    home = client.get("/").content.decode()
    assert "Maria Lopez</b> offers you the ownership of Harbor." in home
    assert PAGE in home
    page = client.get(PAGE).content.decode()
    assert "If you accept" in page
    assert "Maria Lopez stays as Manager of all current and future subaccounts" in page
    before = AuditEvent.objects.count()
    for data in ({}, {"answer": "accept"}, {"answer": "accept", "previewed": "x"}, {"answer": "?"}):
        assert "If you accept" in client.post(PAGE, data).content.decode()
    assert (owner_of(world), AuditEvent.objects.count()) == (world.people["owner"], before)
    answer = {"answer": "accept", "previewed": digest_in(page)}
    done = client.post(PAGE, answer, follow=True).content.decode()
    assert "You own Harbor now." in done
    assert "took Harbor over from Maria Lopez." in done
    assert "gave up a role of North for the whole account." in done
    assert owner_of(world) == world.people["author"]
    assert client.get(PAGE).status_code == 404
    assert world.client("owner").get("/").context["desk"].chip.label == "Manager"


def test_whoever_left_is_out_and_others_see_nothing_of_it(world: World) -> None:
    offered(world, owner_leaves=True)
    for who in ("owner", "administrator", "editor"):
        client = world.client(who)
        assert (client.get(PAGE).status_code, client.post(PAGE).status_code) == (404, 404)
        assert "offers you" not in client.get("/").content.decode()
    # an account of another, of whom the owner who leaves keeps the session
    other = AccountFactory(edition="emma_hq", name="Quay", owner=world.people["owner"])
    owner = world.client("owner")
    client = world.client("author")
    page = client.get(PAGE).content.decode()
    assert "Maria Lopez leaves Harbor." in page
    client.post(PAGE, {"answer": "accept", "previewed": digest_in(page)})
    assert owner.get("/").context["desk"].accounts == [other]


def test_declined(world: World) -> None:
    offered(world)
    client = world.client("author")
    done = client.post(PAGE, {"answer": "decline"}, follow=True).content.decode()
    assert "You declined to own Harbor. Nothing has changed." in done
    assert (status(), owner_of(world)) == (Status.DECLINED, world.people["owner"])
    assert "offers you" not in client.get("/").content.decode()


def test_a_reader_who_looks_at_another_account_is_led_there(world: World) -> None:
    other = AccountFactory(edition="emma_hq", name="Aardvark")
    MembershipFactory(account=other, user=world.people["author"], role="manager")
    offered(world)
    client = world.client("author")
    page = client.get(PAGE).content.decode()
    assert "Go to Harbor" in page
    assert client.post(PAGE, {"answer": "accept"}).status_code == 404
    client.post("/scope/", {"account": world.account.pk})
    assert "If you accept" in client.get(PAGE).content.decode()


def test_what_stands_in_the_way_is_said_and_declining_stays(world: World) -> None:
    offered(world)
    people = type(world.people["owner"]).objects.filter(pk=world.people["owner"].pk)
    people.update(is_active=False)
    page = world.client("author").get(PAGE).content.decode()
    assert "is switched off" in page
    assert 'value="accept"' not in page
    assert 'value="decline"' in page


def test_a_recent_sign_in_is_asked_of_both(world: World) -> None:
    with signing_in_with(GroupLogins()):
        client, url = world.client("owner"), account_url(world, "transfer")
        asked = {"heir": world.people["author"].pk, "leaves": "stay", "confirm": "Harbor"}
        assert is_asked(client.get(url))
        assert is_asked(client.post(url, asked))
        assert not OwnershipTransfer.objects.exists()
        be_recent(client)
        assert client.get(url).status_code == 200
        offered(world)
        heir = world.client("author")
        assert is_asked(heir.get(PAGE))
        for answer in ("accept", "decline"):
            assert is_asked(heir.post(PAGE, {"answer": answer}))
        assert status() == Status.PENDING
        be_recent(heir)
        assert heir.get(PAGE).status_code == 200


def test_an_answer_to_something_else_says_that_nothing_was_done(world: World) -> None:
    offered(world)
    client = world.client("author")
    assert "Nothing was done" not in client.get(PAGE).content.decode()
    stale = client.post(PAGE, {"answer": "accept", "previewed": "0" * 64})
    assert (stale.status_code, "Nothing was done: somebody" in stale.content.decode()) == (
        200,
        True,
    )
    assert owner_of(world) == world.people["owner"]
