"""Verbs do what they say; forged ones are refused and recorded."""

from __future__ import annotations

from typing import Any

import pytest

from permissions.models import AuditEvent
from teams.models import Membership, Subaccount, SubaccountUserGrant
from tests.console.helpers import confirmed

pytestmark = pytest.mark.once


def act(client: Any, url: str, **data: Any) -> Any:
    """Open the verb's page, then do it."""
    page = client.get(url)
    assert page.status_code == 200, url
    return confirmed(client, url, data, follow=True)


def seat(world: Any, who: str, verb: str) -> str:
    return f"/auth/user/{world.people[who].pk}/act/{verb}/{world.seats[who].pk}/"


def test_change_role(world: Any) -> None:
    answer = act(world.client("manager"), seat(world, "full", "role"), role="author")
    assert "Full One is Author of North now." in answer.content.decode()
    world.seats["full"].refresh_from_db()
    assert world.seats["full"].role == "author"


def test_suspend_and_reactivate(world: Any) -> None:
    client = world.client("administrator")
    act(client, seat(world, "author", "suspend"))
    world.seats["author"].refresh_from_db()
    assert world.seats["author"].status == "suspended"
    assert client.get(seat(world, "author", "suspend")).status_code == 403
    act(client, seat(world, "author", "reactivate"))
    world.seats["author"].refresh_from_db()
    assert world.seats["author"].status == "active"


def test_remove_leads_back_to_the_list_when_nobody_is_left_to_see(world: Any) -> None:
    answer = act(world.client("manager"), seat(world, "editor", "remove"))
    assert answer.redirect_chain[-1][0] == "/auth/user/"
    assert not Membership.objects.filter(pk=world.seats["editor"].pk).exists()


def test_add_to_a_place_and_to_the_account(world: Any) -> None:
    client, person = world.client("owner"), world.people["full"]
    url = f"/auth/user/{person.pk}/act/add/"
    assert "South" in client.get(url).content.decode()
    act(client, f"{url}{world.places['south'].pk}/", role="editor", ends_at="2999-12-31")
    added = Membership.objects.get(user=person, subaccount=world.places["south"])
    assert (added.role, added.ends_at.year) == ("editor", 2999)
    east = str(world.places["east"].pk)
    act(client, f"{url}account/", role="manager", reach="some", managed=[east])
    manager = Membership.objects.get(user=person, subaccount=None)
    assert list(manager.managed.all()) == [world.places["east"]]
    reach = f"/auth/user/{person.pk}/act/reach/{manager.pk}/"
    act(client, reach, reach="all")
    manager.refresh_from_db()
    assert manager.all_subaccounts


def test_switches(world: Any) -> None:
    client = world.client("administrator")
    url = seat(world, "full", "switch")
    act(client, url, shown=["export_contacts", "billing_page"], on=["export_contacts"])
    rows = SubaccountUserGrant.objects.filter(membership=world.seats["full"])
    assert set(rows.values_list("permission__codename", flat=True)) == {
        "export_contacts",
        "export_pii",
        "run_partner_exports",
    }
    page = client.get(f"/auth/user/{world.people['full'].pk}/change/").content.decode()
    assert 'role="switch"' in page
    act(client, url, shown=["export_contacts", "billing_page"])
    assert not rows.exists()


def test_guest_access_is_given_and_withdrawn(world: Any) -> None:
    client, person = world.client("owner"), world.people["full"]
    url = f"/auth/user/{person.pk}/act/guest/{world.places['south'].pk}/"
    act(client, url, permissions=["access_campaigns"])
    assert "Guest access" in client.get(f"/auth/user/{person.pk}/change/").content.decode()
    key = f"teams.subaccount:{world.places['south'].pk}"
    act(client, f"/auth/user/{person.pk}/act/withdraw/{key}/")
    assert not SubaccountUserGrant.objects.exists()


def test_guest_access_to_one_list(world: Any) -> None:
    person = world.people["full"]
    world.seats["full"].delete()
    from teams.factories import MembershipFactory

    MembershipFactory(account=world.account, subaccount=world.places["south"], user=person)
    url = f"/teams/mailinglist/{world.rows['mailinglist'].pk}/act/guest/"
    answer = act(world.client("owner"), url, person=person.pk, permissions=["access_audience"])
    assert "is a guest of Newsletter now" in answer.content.decode()
    listed = world.client("full").get("/teams/mailinglist/").content.decode()
    assert "Newsletter" in listed


def test_subaccounts_are_created_renamed_archived_and_restored(world: Any) -> None:
    client = world.client("owner")
    act(client, "/teams/subaccount/act/create/", name="West")
    west = Subaccount.objects.get(name="West")
    act(client, f"/teams/subaccount/{west.pk}/act/rename/", name="Wild West")
    act(client, f"/teams/subaccount/{west.pk}/act/archive/")
    west.refresh_from_db()
    assert (west.name, west.is_archived) == ("Wild West", True)
    act(client, f"/teams/subaccount/{west.pk}/act/restore/")
    west.refresh_from_db()
    assert not west.is_archived


def test_add_a_person_from_the_subaccount(world: Any) -> None:
    url = f"/teams/subaccount/{world.places['south'].pk}/act/add/"
    act(world.client("owner"), url, person=world.people["author"].pk, role="author")
    assert world.places["south"].memberships.get().user == world.people["author"]


def test_primary_contact(enterprise: Any) -> None:
    client = enterprise.client("owner")
    url = f"/teams/subaccount/{enterprise.places['north'].pk}/act/contact/"
    act(client, url, member=enterprise.seats["full"].pk)
    enterprise.seats["full"].refresh_from_db()
    assert enterprise.seats["full"].is_primary_contact
    act(client, url, member="")
    enterprise.seats["full"].refresh_from_db()
    assert not enterprise.seats["full"].is_primary_contact


def test_teams_and_sharing(sailthru: dict[str, Any], client: Any) -> None:
    client.force_login(sailthru["owner"])
    person, team = sailthru["member"], sailthru["team"]
    act(client, f"/auth/user/{person.pk}/act/join/", team=team.pk)
    joined = team.memberships.get()
    url = f"/teams/mailinglist/{sailthru['mailinglist'].pk}/act/"
    act(client, f"{url}share/", team=team.pk)
    assert (
        "Stop sharing"
        in client.get(f"/teams/mailinglist/{sailthru['mailinglist'].pk}/change/").content.decode()
    )
    act(client, f"{url}unshare/{team.pk}/")
    act(client, f"/auth/user/{person.pk}/act/leave/{joined.pk}/")
    assert not team.memberships.exists()


def test_a_wrong_request_is_an_error_on_the_form(world: Any) -> None:
    client = world.client("owner")
    answer = client.post("/teams/subaccount/act/create/", {"name": "north"})
    assert answer.status_code == 200
    assert "There is a subaccount north already" in answer.content.decode()
    answer = client.post(seat(world, "full", "role"), {"role": "nonsense"})
    assert "has no role" in answer.content.decode()
    answer = client.post(seat(world, "full", "role"), {"role": "custom:1"})
    assert "no such role" in answer.content.decode()
    assert client.post("/teams/subaccount/act/create/", {"name": "a\0b"}).status_code == 200


FORGED = [
    ("manager", "/teams/subaccount/act/create/", {"name": "Mine"}, "OUT_OF_SCOPE"),
    ("manager", "/teams/subaccount/{north}/act/archive/", {}, "OUT_OF_SCOPE"),
    ("manager", "/auth/user/{manager}/act/remove/{seat_manager}/", {}, "OUT_OF_SCOPE"),
    (
        "administrator",
        "/auth/user/{administrator}/act/role/{seat_administrator}/",
        {"role": "full"},
        "OWN_RIGHTS",
    ),
    ("manager", "/auth/user/{manager}/act/reach/{seat_manager}/", {"reach": "all"}, "OUT_OF_SCOPE"),
    (
        "manager",
        "/auth/user/{full}/act/add/account/",
        {"role": "manager", "reach": "all"},
        "OUT_OF_SCOPE",
    ),
]


@pytest.mark.parametrize(("who", "url", "data", "code"), FORGED)
def test_forged_verbs_are_refused_and_recorded(
    lasting_world: Any, who: str, url: str, data: dict[str, str], code: str
) -> None:
    world = lasting_world
    keys = {name: person.pk for name, person in world.people.items()}
    keys |= {f"seat_{name}": row.pk for name, row in world.seats.items()}
    keys["north"] = world.places["north"].pk
    before = list(Membership.objects.order_by("pk").values())
    answer = world.client(who).post(url.format(**keys), data)
    assert answer.status_code == 403
    body = answer.content.decode()
    assert "You cannot" in body
    assert "Who can help" in body
    assert list(Membership.objects.order_by("pk").values()) == before
    event = AuditEvent.objects.get(action="write.refused")
    assert event.data["code"] == code
    assert event.actor_label == world.people[who].get_full_name()


def test_verbs_need_the_token(world: Any) -> None:
    from django.test import Client

    client = Client(enforce_csrf_checks=True)
    client.force_login(world.people["owner"])
    answer = client.post(seat(world, "full", "remove"))
    assert answer.status_code == 403
    assert Membership.objects.filter(pk=world.seats["full"].pk).exists()
