"""Subaccounts: what the list and the page show to whom, and what archiving and restoring say."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from permissions.models import AuditEvent
from teams import services
from teams.factories import (
    AccountFactory,
    CampaignFactory,
    MailingListFactory,
    MembershipFactory,
    SubaccountFactory,
    UserFactory,
)
from teams.models import Membership, Subaccount
from tests.console.helpers import confirmed

LIST = "/teams/subaccount/"


def at(place: Any, rest: str = "change/") -> str:
    return f"{LIST}{place.pk}/{rest}"


def text(client: Client, url: str, status: int = 200) -> str:
    answer = client.get(url)
    assert answer.status_code == status, url
    return str(answer.content.decode())


def consequences(page: str) -> list[str]:
    """Return the lines under "What happens"."""
    block = page.partition("<h2>What happens</h2>")[2].partition("</div>")[0]
    return re.findall(r"<li>(.*?)</li>", block)


def full_account(**extra: Any) -> tuple[Any, Client, list[Subaccount]]:
    """Return an account of Emma Corporate with ten active subaccounts and its owner's browser."""
    account = AccountFactory(edition="emma_corporate", name="Corbel", **extra)
    places = [SubaccountFactory(account=account) for _ in range(10)]
    client = Client()
    client.force_login(account.owner)
    return account, client, places


# the list


def row(page: str, name: str) -> str:
    start = page.index(f">{name}</a></th>")
    return page[start:].partition("</tr>")[0]


def test_counts_are_shown_where_one_sees_the_people_and_the_lists(world: Any) -> None:
    MailingListFactory(subaccount=world.places["east"])
    ended = MembershipFactory(account=world.account, subaccount=world.places["east"])
    Membership.objects.filter(pk=ended.pk).update(ends_at=timezone.now() - timedelta(days=1))
    services.give_guest_access(
        actor=world.people["owner"],
        user=world.people["administrator"],
        obj=world.places["east"],
        permissions=["access_campaigns"],
    )
    page = text(world.client("administrator"), LIST)
    assert row(page, "East").count("Not shown") == 2
    assert "Not shown" not in row(page, "North")
    assert '#people">5</a>' in row(page, "North")
    assert "South" not in page
    owner = text(world.client("owner"), LIST)
    assert "Not shown" not in row(owner, "East")
    assert '#people">0</a>' in row(owner, "East")  # whose access has ended does not count


def test_of_an_archived_one_the_owner_sees_people_and_nobody_lists(world: Any) -> None:
    services.archive_subaccount(actor=world.people["owner"], subaccount=world.places["north"])
    page = text(world.client("owner"), LIST)
    assert row(page, "North").count("Not shown") == 1
    assert '#people">5</a>' in row(page, "North")
    assert world.client("manager").get(at(world.places["north"])).status_code == 404


@pytest.mark.parametrize("value", ["nonsense", "administrator%00", "1" * 300, "contact"])
def test_an_unknown_lack_finds_nothing(world: Any, value: str) -> None:
    assert "Nothing matches" in text(world.client("owner"), f"{LIST}?lacks={value}")


# the page


def test_settings_are_shown_and_renaming_offered_to_whoever_may(world: Any) -> None:
    north = world.places["north"]
    page = text(world.client("owner"), at(north))
    assert 'id="settings"' in page
    assert "<td>north " in page
    assert at(north, "act/rename/") in page
    administrator = world.client("administrator")
    assert at(north, "act/rename/") in text(administrator, at(north))
    services.archive_subaccount(actor=world.people["owner"], subaccount=north)
    assert at(north, "act/rename/") not in text(world.client("owner"), at(north))
    assert world.client("owner").get(at(north, "act/rename/")).status_code == 403


def test_a_guest_of_the_place_sees_no_people_and_is_offered_nothing(world: Any) -> None:
    east = world.places["east"]
    hidden = UserFactory(first_name="Hidden", last_name="Person")
    MembershipFactory(account=world.account, subaccount=east, user=hidden)
    services.give_guest_access(
        actor=world.people["owner"],
        user=world.people["administrator"],
        obj=east,
        permissions=["access_campaigns"],
    )
    client = world.client("administrator")
    page = text(client, at(east))
    assert "Hidden Person" not in page
    assert "Not shown" in page
    assert "/act/" not in page
    for verb in ("rename", "archive", "add"):
        assert client.get(at(east, f"act/{verb}/")).status_code == 403


# archiving


def test_archiving_names_who_loses_access_and_what_is_not_sent(world: Any) -> None:
    north = world.places["north"]
    CampaignFactory(subaccount=north, name="Harvest letter", status="scheduled")
    guest = UserFactory(first_name="Gina", last_name="Guest")
    MembershipFactory(account=world.account, subaccount=world.places["south"], user=guest)
    services.give_guest_access(
        actor=world.people["owner"],
        user=guest,
        obj=world.rows["mailinglist"],
        permissions=["access_audience"],
    )
    lines = consequences(text(world.client("owner"), at(north, "act/archive/")))
    who, guests, scheduled, *_rest = lines
    for named in ("Full One (Full)", "Tom Becker (Manager)", "Response_Only One (Response only)"):
        assert named in who
    assert guests == "Guest access to it and to what is in it sleeps: Gina Guest."
    assert scheduled == "Scheduled, and not sent while it is archived: Harvest letter."
    assert any("1 mailing list," in line for line in lines)
    assert "Spring sale" not in " ".join(lines)  # a draft
    assert "Xanadu" not in " ".join(lines)


def test_more_than_eight_are_counted(world: Any) -> None:
    for number in range(6):
        MembershipFactory(
            account=world.account,
            subaccount=world.places["north"],
            user=UserFactory(first_name="Zoe", last_name=f"Number {number}"),
        )
    who = consequences(text(world.client("owner"), at(world.places["north"], "act/archive/")))[0]
    assert who.endswith("and 4 more can no longer work in it.")  # 5 roles, a manager and 6 more


def test_an_empty_one_loses_nobody(world: Any) -> None:
    lines = consequences(text(world.client("owner"), at(world.places["east"], "act/archive/")))
    assert lines[0] == "Nobody has a role in it, so nobody loses access."


def test_archiving_is_refused_to_whoever_may_not(lasting_world: Any) -> None:
    world = lasting_world
    north = world.places["north"]
    for who in ("manager", "administrator"):
        client = world.client(who)
        assert at(north, "act/archive/") not in text(client, at(north))
        assert client.get(at(north, "act/archive/")).status_code == 403
        assert client.post(at(north, "act/archive/")).status_code == 403
    for who in ("full", "author", "response_only"):
        assert world.client(who).post(at(north, "act/archive/")).status_code == 404
    north.refresh_from_db()
    assert not north.is_archived
    codes = set(AuditEvent.objects.filter(action="write.refused").values_list("data__code"))
    assert codes == {("OUT_OF_SCOPE",)}


# restoring and the limit


def test_restoring_says_who_regains_access_and_what_it_makes(db: Any) -> None:
    account, client, places = full_account()
    person = UserFactory(first_name="Ana", last_name="Ruiz")
    MembershipFactory(account=account, subaccount=places[0], user=person)
    for place in places[:2]:
        services.archive_subaccount(actor=account.owner, subaccount=place)
    assert at(places[0], "act/restore/") in text(client, at(places[0]))
    lines = consequences(text(client, at(places[0], "act/restore/")))
    assert lines[0] == "Ana Ruiz (Full) can work in it again, with the same rights."
    assert lines[-1] == (
        "8 of the 10 subaccounts that Emma Corporate allows are active; this makes 9."
    )
    archiving = consequences(text(client, at(places[5], "act/archive/")))
    assert archiving[-1] == (
        "8 of the 10 subaccounts that Emma Corporate allows are active; this makes 7."
    )
    assert confirmed(client, at(places[0], "act/restore/")).status_code == 302
    places[0].refresh_from_db()
    assert not places[0].is_archived


def test_at_the_limit_nothing_is_offered_that_would_be_refused(db: Any) -> None:
    account, client, places = full_account()
    spare = SubaccountFactory(account=account, archived_at=timezone.now())
    sentence = "Corbel has 10 active subaccounts, as many as Emma Corporate allows."
    page = text(client, at(spare))
    assert at(spare, "act/restore/") not in page
    assert f"It cannot be restored now: {sentence}" in page
    assert "act/create/" not in text(client, LIST)
    assert "act/create/" not in text(client, "/")
    assert sentence in text(client, at(spare, "act/restore/"), 403)
    assert client.get(f"{LIST}act/create/").status_code == 403
    for url, data in ((at(spare, "act/restore/"), {}), (f"{LIST}act/create/", {"name": "More"})):
        answer = client.post(url, data)  # forged: the service says so
        assert (answer.status_code, sentence in answer.content.decode()) == (200, True)
    spare.refresh_from_db()
    assert spare.is_archived
    services.archive_subaccount(actor=account.owner, subaccount=places[0])
    assert at(spare, "act/restore/") in text(client, at(spare))
    assert "act/create/" in text(client, LIST)


def test_an_edition_without_a_limit_has_no_ceiling(world: Any) -> None:
    north = world.places["north"]
    services.archive_subaccount(actor=world.people["owner"], subaccount=north)
    client = world.client("owner")
    page = text(client, at(north))
    assert "cannot be restored" not in page
    lines = consequences(text(client, at(north, "act/restore/")))
    assert lines[-1] == "It counts as an active subaccount again."


def test_somebody_who_may_archive_but_not_see_people_is_told_no_names(db: Any) -> None:
    from teams.admin.archiving import archive_lines
    from teams.admin.desk import Desk

    account = AccountFactory(edition="emma_hq")
    north = SubaccountFactory(account=account, name="North")
    hidden = UserFactory(first_name="Hidden", last_name="Person")
    MembershipFactory(account=account, subaccount=north, user=hidden)
    author = MembershipFactory(account=account, subaccount=north, role="author").user
    client = Client()
    client.force_login(author)
    request = client.get("/").wsgi_request
    lines = archive_lines(Desk(request), north)
    assert lines[0] == "Everybody with a role in it can no longer work in it."
    assert "Hidden" not in " ".join(lines)
    assert "mailing lists, templates" in " ".join(lines)  # no number either


def test_a_manager_of_many_subaccounts_sees_the_numbers_of_all(world: Any) -> None:
    """More places than fit a plain IN: the numbers come from the same statement."""
    many = [SubaccountFactory(account=world.account) for _ in range(25)]
    boss = UserFactory()
    MembershipFactory(account=world.account, user=boss, role="manager", reaching=many)
    MembershipFactory(account=world.account, subaccount=many[3])
    MailingListFactory(subaccount=many[4])
    client = Client()
    client.force_login(boss)
    page = text(client, LIST)
    assert "Not shown" not in page
    assert '#people">1</a>' in row(page, many[3].name)
    assert f'?place={many[4].pk}">1</a>' in row(page, many[4].name)
    assert "North" not in page
