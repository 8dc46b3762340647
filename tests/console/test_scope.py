"""The scope switcher narrows every list, and gives nothing."""

from __future__ import annotations

from typing import Any

import pytest

from teams.factories import AccountFactory, MailingListFactory, MembershipFactory, SubaccountFactory
from tests.console.conftest import MARKER, World


def chosen(world: World, who: str, place: str) -> Any:
    client = world.client(who)
    answer = client.post("/scope/", {"place": world.places[place].pk, "next": "/teams/campaign/"})
    assert (answer.status_code, answer["Location"]) == (302, "/teams/campaign/")
    return client


def test_a_chosen_subaccount_narrows_every_list(world: World) -> None:
    MailingListFactory(subaccount=world.places["south"], name="Sunday paper")
    client = chosen(world, "owner", "south")
    listed = client.get("/teams/mailinglist/").content.decode()
    assert "Sunday paper" in listed
    assert "Newsletter" not in listed
    people = client.get("/auth/user/").content.decode()
    assert "Full One" not in people  # works in North only
    assert "Maria Lopez" in people
    assert "There is nothing in South" in client.get("/teams/campaign/").content.decode()
    client.post("/scope/", {"place": ""})
    assert "Newsletter" in client.get("/teams/mailinglist/").content.decode()


def test_pages_of_single_things_stay_where_they_are(world: World) -> None:
    client = chosen(world, "owner", "south")
    url = f"/teams/mailinglist/{world.rows['mailinglist'].pk}/change/"
    assert client.get(url).status_code == 200


def test_the_chip_says_the_role_in_the_chosen_subaccount(world: World) -> None:
    MembershipFactory(
        account=world.account,
        subaccount=world.places["south"],
        user=world.people["full"],
        role="author",
    )
    for place, label in (("north", "Full"), ("south", "Author")):
        page = chosen(world, "full", place).get("/").content.decode()
        assert f'<span class="role role--plain">{label}</span>' in page


def test_type_ahead_finds_ones_own_only(world: World) -> None:
    client = world.client("manager")  # of North only
    assert "North" in client.get("/scope/", {"part": "1", "q": "nor"}).content.decode()
    for text in ("south", MARKER[1:5], "zzz"):
        found = client.get("/scope/", {"part": "1", "q": text}).content.decode()
        assert "No subaccount of yours is called that." in found
        assert "<button" not in found


def test_a_place_out_of_reach_narrows_nothing_any_more(world: World) -> None:
    client = chosen(world, "manager", "north")
    world.seats["manager"].reach.update(subaccount=world.places["east"])
    page = client.get("/teams/subaccount/").content.decode()
    assert "East" in page
    assert "North" not in page
    assert client.get("/teams/mailinglist/").status_code == 200


def test_an_archived_place_cannot_be_chosen(world: World) -> None:
    place = world.places["east"]
    place.archived_at = place.created_at
    place.save()
    client = world.client("owner")
    assert client.post("/scope/", {"place": place.pk}).status_code == 404
    assert "East" not in client.get("/scope/").content.decode()


@pytest.mark.parametrize("next_", ["//evil.example", "https://evil.example", "x", "javascript:y"])
def test_next_leads_nowhere_else(world: World, next_: str) -> None:
    answer = world.client("owner").post("/scope/", {"place": "", "next": next_})
    assert answer["Location"] == "/"


def test_another_account_of_ones_own_can_be_chosen(world: World) -> None:
    other = AccountFactory(edition="emma_hq", owner=world.people["owner"], name="Second house")
    SubaccountFactory(account=other, name="Only here")
    client = chosen(world, "owner", "north")
    assert client.post("/scope/", {"account": other.pk})["Location"] == "/"
    listed = client.get("/teams/subaccount/").content.decode()
    assert "Only here" in listed
    assert "North" not in listed


def test_one_place_needs_no_switcher(world: World) -> None:
    page = world.client("author").get("/").content.decode()
    assert 'class="menu scope"' not in page
    assert "North" in page


def test_many_places_are_found_by_typing(world: World) -> None:
    for number in range(25):
        SubaccountFactory(account=world.account, name=f"Branch {number:02}")
    client = world.client("owner")
    first = client.get("/scope/").content.decode()
    assert "Type a part of the name" in first
    assert first.count('name="place"') == 20 + 1 + 1  # with "All mine", here and in the header
    assert "Branch 24" in client.get("/scope/", {"q": "h 24"}).content.decode()
