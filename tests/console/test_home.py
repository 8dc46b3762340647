"""The home page by role: what each sees, what ends soon, and nothing from out of reach."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from teams import services
from teams.endings import SOON, endings
from teams.factories import (
    AccountFactory,
    CampaignFactory,
    MailingListFactory,
    MembershipFactory,
    RoleFactory,
    SubaccountFactory,
    TeamMembershipFactory,
    UserFactory,
)
from teams.models import Campaign, Membership, SubaccountUserGrant
from tests.console.conftest import MARKER

pytestmark = pytest.mark.once

DAY = timedelta(days=1)
RUNS = ("owner", "manager", "administrator")
MEMBERS = ("full", "editor", "author")


def text(client: Client, url: str = "/") -> str:
    answer = client.get(url)
    assert answer.status_code == 200, url
    return str(answer.content.decode())


def main(page: str) -> str:
    """Return what stands in the page itself, without the frame around it."""
    return page.partition('id="content-main"')[2]


def cards(page: str) -> dict[str, tuple[str, str]]:
    """Return the cards of a page: label to (number, address)."""
    found = re.findall(
        r'<li class="card"><a href="([^"]+)">\s*<span class="card-label">([^<]+)</span>\s*'
        r'<span class="card-value">(\d+)',
        page,
    )
    return {label: (number, url) for url, label, number in found}


def south(world: Any) -> Any:
    """Put people, lists, campaigns and endings where a manager of north has no business."""
    place, person = world.places["south"], UserFactory(first_name="Secret", last_name="Agent")
    soon = timezone.now() + DAY
    MembershipFactory(account=world.account, subaccount=place, user=person, ends_at=soon)
    MailingListFactory(subaccount=place, name="Secret list")
    CampaignFactory(subaccount=place, name="Secret campaign", status=Campaign.Status.SENT)
    services.rename_subaccount(actor=world.people["owner"], subaccount=place, name="Secret place")
    return person


# who sees which parts


@pytest.mark.parametrize("who", RUNS)
def test_who_runs_something_sees_numbers_that_lead_to_their_lists(world: Any, who: str) -> None:
    client = world.client(who)
    page = text(client)
    found = cards(page)
    assert {"Subaccounts", "People", "Suspended", "Access ending", "Campaigns"} <= set(found)
    for number, url in found.values():
        listed = text(client, url)
        if url == "/ending/":
            continue
        counted = re.search(r"(\d+) in this list", listed)
        assert (counted[1] if counted else "0") == number, url
    assert "What you may do here" not in main(page)


def test_numbers_follow_the_subaccount_chosen_in_the_header(world: Any) -> None:
    person = south(world)
    world.seats["full"].ends_at = timezone.now() + DAY
    world.seats["full"].save()
    client = world.client("owner")
    assert client.post("/scope/", {"place": world.places["south"].pk}).status_code == 302
    page = text(client)
    found = cards(page)
    assert (found["Campaigns"][0], found["People"][0], found["Access ending"][0]) == ("1", "2", "1")
    assert "Secret Agent" in main(page)
    assert "Full One" not in main(page).partition("Recent changes")[0]
    for label in ("Campaigns", "People"):
        number, url = found[label]
        assert f"{number} in this list" in text(client, url)
    assert person.get_full_name() in text(client, "/ending/")


@pytest.mark.parametrize("who", [*RUNS, *MEMBERS, "response_only"])
def test_every_link_of_the_page_leads_somewhere(world: Any, who: str) -> None:
    south(world)
    client = world.client(who)
    links = set(re.findall(r'href="(/[^"#]*)', text(client)))
    links = {link for link in links if not link.startswith("/static/")}
    answers = {link: client.get(link, follow=True).status_code for link in links}
    assert answers == dict.fromkeys(links, 200)


@pytest.mark.parametrize("who", MEMBERS)
def test_a_member_sees_their_own_work(world: Any, who: str) -> None:
    south(world)
    page = main(text(world.client(who)))
    assert "Newest campaigns" in page
    assert "Spring sale" in page
    assert "What you may do here" in page
    for absent in ("Recent changes", "Waiting for you", "Led by", "Secret", MARKER):
        assert absent not in page
    assert cards(page) == {}


def test_who_reads_results_only_sees_the_newest_of_them(world: Any) -> None:
    south(world)
    page = main(text(world.client("response_only")))
    assert "Newest results" in page
    assert "Winter news" in page
    assert "You see results only. For anything else ask Maria Lopez (Owner)." in page
    for absent in ("Spring sale", "Newest campaigns", "Secret", MARKER):
        assert absent not in page


def test_a_manager_sees_nothing_from_out_of_reach(world: Any) -> None:
    person = south(world)
    page = text(world.client("manager"))
    assert "Secret" not in page
    assert person.username not in page
    assert cards(page)["Access ending"][0] == "0"
    seen_by_owner = text(world.client("owner"))
    for shown in ("Secret place", "Secret Agent"):
        assert shown in seen_by_owner


def test_numbers_of_what_one_may_not_see_are_not_shown(world: Any) -> None:
    guest_at = SubaccountFactory(account=world.account, name="Guesthouse")
    MembershipFactory(account=world.account, subaccount=guest_at, user=UserFactory())
    services.give_guest_access(
        actor=world.people["owner"],
        user=world.people["administrator"],
        obj=guest_at,
        permissions=["access_campaigns"],
    )
    page = main(text(world.client("administrator")))
    row = page[page.index("Guesthouse") :].partition("</tr>")[0]
    assert row.count("Not shown") == 3  # who leads it, people, lists
    assert "0<span" in row  # the campaigns they may see


def test_empty_pages_say_what_would_be_there(db: Any) -> None:
    account = AccountFactory(name="Empty")
    client = Client()
    client.force_login(account.owner)
    page = main(text(client))
    assert "No active subaccounts." in page
    assert "access ends within 14 days." in page
    assert "No access ends within 14 days." in text(client, "/ending/")
    member = MembershipFactory(account=account, subaccount=SubaccountFactory(account=account))
    client.force_login(member.user)
    assert "No campaigns yet." in text(client)
    member.role = "response_only"
    member.save()
    assert "Nothing was sent yet." in text(client)


def test_what_waits_is_listed_and_counted(world: Any) -> None:
    page = text(world.client("owner"))
    assert cards(page)["Waiting for you"] == ("2", "/teams/subaccount/?lacks=administrator")
    assert main(page).count("has no Administrator.") == 2  # east and south
    assert "has no Administrator." not in main(text(world.client("manager")))
    ended = world.seats["administrator"]
    ended.ends_at = timezone.now() - DAY
    ended.save()
    assert "<b>North</b> has no Administrator." in text(world.client("manager"))
    listed = text(world.client("owner"), "/teams/subaccount/?lacks=nonsense")
    assert "Nothing matches" in listed


def test_enterprise_waits_for_primary_contacts(enterprise: Any) -> None:
    page = text(enterprise.client("owner"))
    assert cards(page)["Waiting for you"] == ("3", "/teams/subaccount/?lacks=contact")


# what ends soon


@pytest.mark.parametrize(
    ("when", "is_soon"),
    [
        (timedelta(seconds=-1), False),
        (timedelta(hours=1), True),
        (SOON - timedelta(minutes=1), True),
        (SOON + timedelta(minutes=1), False),
    ],
)
def test_the_two_weeks_begin_now_and_end_in_fourteen_days(
    world: Any, when: timedelta, is_soon: bool
) -> None:
    seat = world.seats["full"]
    seat.ends_at = timezone.now() + when
    seat.save()
    found = endings(world.people["owner"], world.account)
    assert [e.person for e in found] == ([seat.user] if is_soon else [])


def test_roles_switches_guests_and_teams_end(sailthru: dict[str, Any]) -> None:
    soon = timezone.now() + DAY
    Membership.objects.filter(pk=sailthru["seat"].pk).update(ends_at=soon)
    TeamMembershipFactory(team=sailthru["team"], user=sailthru["member"], ends_at=soon)
    found = endings(sailthru["owner"], sailthru["account"])
    assert {e.kind for e in found} == {"role", "team"}
    client = Client()
    client.force_login(sailthru["owner"])
    page = text(client, "/ending/")
    for shown in ("Ana Ruiz", "the role Marketer", "a place in the team", "Loyalty"):
        assert shown in page


def test_who_manages_no_teams_sees_their_own_place_in_one_only(sailthru: dict[str, Any]) -> None:
    soon = timezone.now() + DAY
    people = [
        MembershipFactory(
            account=sailthru["account"],
            subaccount=sailthru["place"],
            role="marketer_limited",
            exclusive=False,
        ).user
        for _ in range(2)
    ]
    for person in (*people, sailthru["member"]):
        TeamMembershipFactory(team=sailthru["team"], user=person, ends_at=soon)
    assert [e.person for e in endings(people[0], sailthru["account"])] == [people[0]]
    assert len(endings(sailthru["owner"], sailthru["account"])) == 3
    sailthru["account"].team_mode = "off"
    sailthru["account"].save()
    assert endings(sailthru["owner"], sailthru["account"]) == []


def test_an_object_that_teams_hide_is_not_named(sailthru: dict[str, Any]) -> None:
    """Somebody manages the people of a place and does not see all of its lists."""
    account, north = sailthru["account"], sailthru["place"]
    hidden = MailingListFactory(subaccount=north, name="Hidden list")
    guest = MembershipFactory(
        account=account,
        subaccount=SubaccountFactory(account=account),
        user=UserFactory(first_name="Gina", last_name="Guest"),
        role="marketer_limited",
        exclusive=False,
    ).user
    services.give_guest_access(
        actor=sailthru["owner"],
        user=guest,
        obj=hidden,
        permissions=["access_audience"],
        ends_at=timezone.now() + DAY,
    )
    role = RoleFactory(account=account, permissions=["access_settings", "manage_members"])
    reader = MembershipFactory(
        account=account, subaccount=north, role="", custom_role=role, exclusive=False
    ).user
    client = Client()
    client.force_login(sailthru["owner"])
    assert "Hidden list in North" in text(client, "/ending/")
    client.force_login(reader)
    page = text(client, "/ending/")
    assert "Gina Guest" in page
    assert "A mailing list you do not see in North" in page
    assert "Hidden list" not in page


def test_switches_and_guests_end(world: Any) -> None:
    owner, soon = world.people["owner"], timezone.now() + DAY
    services.toggle_permission(
        actor=owner,
        membership=world.seats["full"],
        toggle="export_contacts",
        on=True,
        ends_at=soon,
    )
    services.give_guest_access(
        actor=owner,
        user=world.people["author"],
        obj=world.places["south"],
        permissions=["access_campaigns", "access_content"],
        ends_at=soon,
    )
    found = endings(owner, world.account)
    assert {(e.kind, e.person.username) for e in found} == {
        ("switch", "p.full"),
        ("guest", "p.author"),
    }
    assert len(found) == 2  # three permissions share the switch, two the guest's place
    # who sees north only: the switch; the guest themselves: their own
    seen = endings(world.people["manager"], world.account)
    assert [(e.kind, e.person.username) for e in seen] == [("switch", "p.full")]
    own = main(text(world.client("author")))
    assert "You</b></a> lose guest access" in own
    assert "Full One" not in own


def test_what_does_not_count_does_not_end(world: Any) -> None:
    owner, soon = world.people["owner"], timezone.now() + DAY
    for who in ("full", "editor", "author"):
        Membership.objects.filter(pk=world.seats[who].pk).update(ends_at=soon)
    services.suspend_member(actor=owner, membership=world.seats["full"])
    world.people["editor"].is_active = False
    world.people["editor"].save()
    assert [e.person.username for e in endings(owner, world.account)] == ["p.author"]
    services.archive_subaccount(actor=owner, subaccount=world.places["north"])
    assert endings(owner, world.account) == []


def test_a_guest_the_reader_cannot_open_is_named_without_a_link(world: Any) -> None:
    person = UserFactory(first_name="Nina", last_name="Far")
    MembershipFactory(account=world.account, subaccount=world.places["south"], user=person)
    services.give_guest_access(
        actor=world.people["owner"],
        user=person,
        obj=world.rows["campaign"],
        permissions=["access_campaigns"],
        ends_at=timezone.now() + DAY,
    )
    page = main(text(world.client("manager")))
    assert "Nina Far" in page
    assert f"/auth/user/{person.pk}/" not in page
    assert f"/auth/user/{person.pk}/" in main(text(world.client("owner")))


def test_the_rivals_endings_are_nobody_elses(world: Any) -> None:
    soon = timezone.now() + DAY
    Membership.objects.filter(account=world.rival["account"]).update(ends_at=soon)
    SubaccountUserGrant.objects.update(ends_at=soon)
    for who in ("owner", "manager", "author"):
        assert MARKER not in text(world.client(who), "/ending/")
    assert len(endings(world.rival["owner"], world.rival["account"])) == 1


def test_somebody_of_two_accounts_sees_the_endings_of_the_chosen_one(world: Any) -> None:
    """A manager here who is a guest's manager elsewhere: the accounts do not mix."""
    MembershipFactory(
        account=world.rival["account"],
        user=world.people["owner"],
        role="manager",
        all_subaccounts=True,
    )
    Membership.objects.filter(pk=world.rival["membership"].pk).update(ends_at=timezone.now() + DAY)
    assert endings(world.people["owner"], world.account) == []
    assert len(endings(world.people["owner"], world.rival["account"])) == 1


# recent changes


def test_changes_name_people_by_name(world: Any) -> None:
    owner = world.people["owner"]
    services.suspend_member(actor=owner, membership=world.seats["full"])
    services.reactivate_member(actor=owner, membership=world.seats["full"])
    services.toggle_permission(
        actor=owner, membership=world.seats["editor"], toggle="export_contacts", on=True
    )
    page = main(text(world.client("owner")))
    for shown in ("suspended Full One", "reactivated Full One", "for Editor One"):
        assert shown in page
    assert "p.full" not in page


def test_a_manager_sees_changes_of_their_places_only(world: Any) -> None:
    owner = world.people["owner"]
    person = UserFactory(first_name="Secret", last_name="Agent")
    services.add_member(
        consented=True,
        actor=owner,
        account=world.account,
        user=person,
        role="author",
        subaccount=world.places["south"],
    )
    services.add_member(
        consented=True,
        actor=owner,
        account=world.account,
        user=UserFactory(first_name="Boss", last_name="Two"),
        role="manager",
        managed=[world.places["south"]],
    )
    services.suspend_member(actor=owner, membership=world.seats["full"])
    services.rename_subaccount(actor=owner, subaccount=world.places["north"], name="Northern")
    page = main(text(world.client("manager")))
    assert "suspended Full One" in page
    assert "renamed North to Northern" in page
    for absent in ("Secret", "Boss Two"):
        assert absent not in page
    assert "Recent changes" not in main(text(world.client("administrator")))


def test_a_manager_of_everything_is_not_shown_what_is_about_no_place(world: Any) -> None:
    owner = world.people["owner"]
    Membership.objects.filter(pk=world.seats["manager"].pk).update(all_subaccounts=True)
    world.seats["manager"].reach.all().delete()
    services.set_accent(actor=owner, account=world.account, accent="#7a00cc")
    services.rename_subaccount(actor=owner, subaccount=world.places["south"], name="Southern")
    page = main(text(world.client("manager")))
    assert "renamed South to Southern" in page
    assert "changed the colour" not in page
