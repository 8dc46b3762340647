"""Grants whose giver no longer holds them: shown where they are, withdrawn one by one or all."""

from __future__ import annotations

from typing import Any

import pytest

from teams import services
from teams.models import Membership, SubaccountUserGrant, TeamMembership
from teams.orphans import orphans_of
from tests.console.test_bulk import PEOPLE, choose, confirm
from tests.console.test_ends import body

PAGE = "/without-giver/"


def lost(world: Any) -> dict[str, Any]:
    """Let the Administrator give a role, a switch and guest access, and become an Author."""
    boss, north = world.people["administrator"], world.places["north"]
    full, author = world.seats["full"], world.seats["author"]
    services.toggle_permission(actor=boss, membership=full, toggle="export_contacts", on=True)
    services.change_role(actor=boss, membership=author, role="editor")
    guest = world.seats["response_only"]
    Membership.objects.filter(pk=guest.pk).update(subaccount=world.places["east"])
    services.give_guest_access(
        actor=boss, user=guest.user, obj=north, permissions=["access_audience"]
    )
    services.change_role(
        actor=world.people["owner"], membership=world.seats["administrator"], role="response_only"
    )
    return {one.kind: one for one in orphans_of(world.account)}


def at(one: Any) -> str:
    return f"{PEOPLE}{one.person}/act/withdraw-grant/{one.key}/"


def test_they_are_listed_and_shown_where_they_are(world: Any) -> None:
    owner, manager = world.client("owner"), world.client("manager")
    assert "Whoever gave what you see still holds it" in body(owner.get(PAGE))
    found = lost(world)
    assert set(found) == {"role", "switch", "guest"}
    for client in (owner, manager):
        shown = body(client.get(PAGE))
        assert "Editor" in shown
        assert "Administrator One Gave it and does not hold" in shown
        offered = client.get(PAGE).content.decode()
        assert {kind for kind, one in found.items() if at(one) in offered} == (
            # of a guest one sees no person's page where one does not see a role of theirs
            {"role", "switch", "guest"} if client is owner else {"role", "switch"}
        )
    assert PAGE in owner.get(PEOPLE).content.decode()
    for one in found.values():
        page = owner.get(f"{PEOPLE}{one.person}/change/")
        assert "Given by Administrator One, who does not hold" in body(page), one.kind
        # a person reads nothing of that on their own page
    own = world.client("full").get("/access/")
    assert "Given by" not in body(own)


def test_who_manages_nobody_finds_no_page(world: Any) -> None:
    found = lost(world)
    for who in ("full", "response_only"):
        client = world.client(who)
        assert client.get(PAGE).status_code == 403
        assert client.get(at(found["switch"])).status_code == 404
        assert PAGE not in client.get("/").content.decode()
    stranger = world.client("owner")
    stranger.force_login(world.rival["owner"])
    assert "Whoever gave what you see still holds it" in body(stranger.get(PAGE))
    assert stranger.get(at(found["switch"])).status_code == 404


def test_one_is_withdrawn_after_a_look_at_what_goes(world: Any) -> None:
    found, client = lost(world), world.client("manager")
    one = found["switch"]
    assert "Given by Administrator One" in body(client.get(at(one)))
    looked = client.post(at(one))
    assert "1 person loses something" in body(looked)
    assert SubaccountUserGrant.objects.filter(membership=one.membership).exists()
    done = client.post(at(one), {"previewed": looked.context["preview"].digest}, follow=True)
    assert "no longer has the Export contacts" in body(done)
    assert not SubaccountUserGrant.objects.filter(membership=one.membership).exists()
    assert client.get(at(one)).status_code == 404
    client = world.client("owner")
    for kind in ("guest", "role"):
        looked = client.post(at(found[kind]))
        client.post(at(found[kind]), {"previewed": looked.context["preview"].digest})
    assert not orphans_of(world.account)
    assert not Membership.objects.filter(pk=found["role"].membership).exists()


def test_many_are_withdrawn_at_once(world: Any) -> None:
    found, client = lost(world), world.client("owner")
    people = [one.person for one in found.values()]
    page = choose(client, "withdraw", *people)
    said = body(page)
    assert "the role Editor" in said
    assert "guest access to North" in said
    done = confirm(client, "withdraw", page)
    assert "Grants without a giver were withdrawn from 3 people" in body(done)
    assert not orphans_of(world.account)
    again = choose(client, "withdraw", world.people["full"].pk)
    assert "Whoever gave what they have still holds it" in body(again)


def test_what_the_services_refuse_is_not_offered(world: Any) -> None:
    Membership.objects.filter(pk__in=[s.pk for s in world.seats.values()]).update(given_by=None)
    client = world.client("administrator")
    shown = client.get(PAGE).content.decode()
    assert world.people["full"].get_full_name() in shown
    assert world.people["manager"].get_full_name() not in shown
    assert f"{PEOPLE}{world.people['administrator'].pk}/act/withdraw-grant" not in shown


def test_a_place_in_a_team_is_withdrawn(sailthru: dict[str, Any], client: Any) -> None:
    row = TeamMembership.objects.create(team=sailthru["team"], user=sailthru["member"])
    client.force_login(sailthru["owner"])
    (one,) = orphans_of(sailthru["account"])
    page = f"{PEOPLE}{sailthru['member'].pk}/change/"
    assert "Whoever gave this is not known any more." in body(client.get(page))
    client.post(at(one))
    assert not TeamMembership.objects.filter(
        pk=row.pk
    ).exists()  # shows nothing: nothing to look at


@pytest.mark.parametrize(
    "key", ["role:1", "role", "guest:teams.mailinglist:1:1:1", "x" * 400, "%00"]
)
def test_what_is_not_listed_is_not_there(world: Any, key: str) -> None:
    lost(world)
    person = world.people["full"].pk
    client = world.client("owner")
    url = f"{PEOPLE}{person}/act/withdraw-grant/{key}/"
    assert client.get(url).status_code == client.post(url).status_code == 404
