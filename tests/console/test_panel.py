"""The panel "Who can do what here, and why": exact, and no word of what the reader may not know."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from permissions import grants
from permissions.audit import label_of
from permissions.models import AuditEvent
from teams import services, who
from teams.factories import MailingListFactory, MembershipFactory, UserFactory
from teams.models import MailingListUserGrant, Subaccount
from tests.console.conftest import MARKER, build
from tests.console.helpers import confirmed

pytestmark = pytest.mark.once

HEADING = "Who can do what here, and why"


def urls(world: Any) -> dict[str, str]:
    rows = {f"teams/{name}": row.pk for name, row in world.rows.items()}
    rows["teams/subaccount"] = world.places["north"].pk
    return {model: f"/{model}/{pk}/change/" for model, pk in rows.items()}


def panel(client: Any, url: str) -> str:
    """Return the part of the page that is the panel; empty without one."""
    answer = client.get(url)
    assert answer.status_code == 200, url
    found = re.search(r'<section[^>]*aria-labelledby="access">.*?</section>', answer.text, re.S)
    return found[0] if found else ""


def names(html: str) -> list[str]:
    found = re.findall(r'class="person-name">(?:<a [^>]*>)?([^<]+)<', html)
    return [name.strip() for name in found]


def guest_of(world: Any, obj: Any, *permissions: str, **extra: Any) -> Any:
    """Make a member of south a guest of ``obj``."""
    person = UserFactory(first_name="Nora", last_name="Quinn")
    MembershipFactory(
        account=world.account, subaccount=world.places["south"], user=person, role="author"
    )
    services.give_guest_access(
        actor=world.people["owner"], user=person, obj=obj, permissions=permissions, **extra
    )
    return person


def test_the_owner_sees_everybody_in_order(world: Any) -> None:
    guest_of(world, world.rows["mailinglist"], "access_audience")
    html = panel(world.client("owner"), urls(world)["teams/mailinglist"])
    assert names(html) == [
        "Maria Lopez",
        "Tom Becker",
        "Administrator One",
        "Full One",
        "Editor One",
        "Nora Quinn",
    ]
    assert "15 of 15" in html
    assert "Role Editor" in html


@pytest.mark.parametrize("who_asks", ["author", "editor", "full", "response_only"])
def test_readers_who_see_no_people_get_no_panel_and_no_hint(world: Any, who_asks: str) -> None:
    client = world.client(who_asks)
    for url in urls(world).values():
        for query in ("", "?permission=access_audience", "?permission=nonsense&page=2"):
            answer = client.get(url + query)
            assert answer.status_code in {200, 404}
            assert HEADING not in answer.text
            assert 'id="access"' not in answer.text


def test_the_panel_of_each_kind_asks_what_fits_it(world: Any) -> None:
    client = world.client("owner")
    found = {
        model: set(re.findall(r'<optgroup label="([^"]+)">', panel(client, url)))
        for model, url in urls(world).items()
    }
    assert found["teams/mailinglist"] == {"Audience"}
    assert found["teams/messagetemplate"] == {"Content"}
    assert found["teams/campaign"] == {"Campaigns", "Response"}
    assert found["teams/subaccount"] > {"Audience", "Campaigns", "Content", "Response", "People"}


def test_narrowed_to_a_permission_it_names_who_holds_it_and_why(world: Any) -> None:
    services.toggle_permission(
        actor=world.people["owner"],
        membership=world.seats["editor"],
        toggle="export_contacts",
        on=True,
    )
    url = urls(world)["teams/mailinglist"] + "?permission=export_contacts"
    html = panel(world.client("owner"), url)
    held = [label_of(one.person) for one in who.who_can("export_contacts", world.places["north"])]
    assert names(html) == held
    assert "Editor One" in held
    assert "Author One" not in held
    assert "4 people hold <b>Export contacts</b> here." in html
    assert "Switched on: Export contacts" in html
    assert '<option value="export_contacts" selected>' in html


@pytest.mark.parametrize(
    "value",
    ["nonsense", "send_campaigns", "create_subaccounts", "%00", "9" * 400, "a&permission=b", "<b>"],
)
def test_unknown_permissions_are_ignored_with_a_sentence(world: Any, value: str) -> None:
    html = panel(world.client("owner"), urls(world)["teams/mailinglist"] + f"?permission={value}")
    assert "There is no such permission to ask about here, so everybody is shown." in html
    assert "Full One" in html
    assert "<b></option>" not in html


@pytest.mark.parametrize("page", ["0", "-1", "abc", "%00", "9" * 5000, "2"])
def test_pages_that_do_not_exist_show_one_that_does(world: Any, page: str) -> None:
    html = panel(world.client("owner"), urls(world)["teams/mailinglist"] + f"?page={page}")
    assert "Full One" in html


def test_many_people_are_shown_page_by_page(world: Any) -> None:
    for number in range(50):
        person = UserFactory(first_name="Extra", last_name=f"{number:02}")
        MembershipFactory(
            account=world.account, subaccount=world.places["north"], user=person, role="editor"
        )
    url = urls(world)["teams/mailinglist"]
    client = world.client("owner")
    first, second = panel(client, url), panel(client, f"{url}?page=2")
    assert (len(names(first)), len(names(second))) == (50, 5)
    assert not set(names(first)) & set(names(second))
    assert "1 to 50 of 55 people." in first
    assert "page=2#access" in first


# nothing of what the reader may not know


def test_an_administrator_sees_nobody_at_account_level(world: Any) -> None:
    client = world.client("administrator")
    for url in urls(world).values():
        html = panel(client, url)
        assert html
        for hidden in ("Maria Lopez", "Tom Becker", "Manager", "Owner", "Harbor"):
            assert hidden not in html, (url, hidden)
        assert "Administrator One" in html
    html = panel(client, urls(world)["teams/mailinglist"] + "?permission=manage_audience_sharing")
    assert names(html) == []
    assert "Nobody you see here holds <b>Manage audience sharing</b> here." in html


def test_a_role_that_is_not_seen_adds_nothing(world: Any) -> None:
    author = world.people["author"]
    MembershipFactory(
        account=world.account, user=author, role="manager", reaching=[world.places["north"]]
    )
    url = urls(world)["teams/subaccount"] + "?permission=manage_members"
    assert "Author One" in names(panel(world.client("owner"), url))
    assert "Author One" not in names(panel(world.client("administrator"), url))
    html = panel(world.client("administrator"), urls(world)["teams/subaccount"])
    assert "Author One" in names(html)
    assert "Role Manager" not in html


def test_a_guest_is_named_and_their_own_places_are_not(world: Any) -> None:
    guest = guest_of(world, world.rows["mailinglist"], "access_audience", "view_contacts")
    for reader in ("administrator", "manager"):
        html = panel(world.client(reader), urls(world)["teams/mailinglist"])
        assert "Nora Quinn" in html
        assert "Of Newsletter" in html
        assert f"/auth/user/{guest.pk}/" not in html  # their page is not open to this reader
        for elsewhere in ("South", "East", guest.email, guest.username):
            assert elsewhere not in html, elsewhere
        assert "Nora Quinn" not in panel(world.client(reader), urls(world)["teams/campaign"])
    assert f"/auth/user/{guest.pk}/" in panel(
        world.client("owner"), urls(world)["teams/mailinglist"]
    )


def test_people_of_other_places_are_nobody(world: Any) -> None:
    person = UserFactory(first_name="Sidney", last_name="South")
    MembershipFactory(
        account=world.account, subaccount=world.places["south"], user=person, role="full"
    )
    MembershipFactory(
        account=world.account,
        user=UserFactory(first_name="Mona", last_name="East"),
        role="manager",
        reaching=[world.places["east"]],
    )
    for reader in ("owner", "manager", "administrator"):
        for url in urls(world).values():
            html = panel(world.client(reader), url)
            assert "Sidney" not in html
            assert "Mona" not in html


@pytest.mark.parametrize("reader", ["owner", "manager", "administrator"])
def test_nothing_of_a_rival_appears(world: Any, reader: str) -> None:
    rival = world.rival["user"]
    newsletter = world.rows["mailinglist"]
    for permission in ("access_audience", "view_contacts"):  # as no service would store it
        grants.give(permission=permission, obj=newsletter, user=rival)
    grants.give(permission="access_audience", obj=world.places["north"], user=rival)
    client = world.client(reader)
    for url in urls(world).values():
        for query in ("", "?permission=access_audience", f"?permission={MARKER}&page={MARKER}"):
            assert MARKER not in client.get(url + query).text
        assert client.get(url.replace("change", f"act/withdraw/{rival.pk}")).status_code == 404
    for model, name in (("mailinglist", "mailinglist"), ("subaccount", "subaccount")):
        pk = world.rival[name].pk
        assert client.get(f"/teams/{model}/{pk}/change/").status_code == 404


def test_people_who_hold_nothing_now_are_not_shown(world: Any) -> None:
    owner = world.people["owner"]
    services.suspend_member(actor=owner, membership=world.seats["full"])
    type(world.people["editor"]).objects.filter(pk=world.people["editor"].pk).update(
        is_active=False
    )
    html = panel(world.client("owner"), urls(world)["teams/mailinglist"])
    assert names(html) == ["Maria Lopez", "Tom Becker", "Administrator One"]


def test_an_archived_subaccount_has_no_panel(world: Any) -> None:
    services.archive_subaccount(actor=world.people["owner"], subaccount=world.places["north"])
    assert panel(world.client("owner"), urls(world)["teams/subaccount"]) == ""
    answer = world.client("owner").get(f"/teams/subaccount/{world.places['north'].pk}/act/guest/")
    assert answer.status_code == 403


# teams


def test_it_says_who_sees_it_through_a_team(sailthru: Any) -> None:
    limited = UserFactory(first_name="Lena", last_name="Limited")
    for person in (limited, UserFactory(first_name="Udo", last_name="Unseen")):
        MembershipFactory(
            account=sailthru["account"],
            subaccount=sailthru["place"],
            user=person,
            role="marketer_limited",
            exclusive=False,
        )
    sailthru["team"].memberships.create(user=limited)
    services.share_with_team(
        actor=sailthru["owner"], team=sailthru["team"], obj=sailthru["mailinglist"]
    )
    services.share_with_team(
        actor=sailthru["owner"], team=sailthru["team"], obj=sailthru["messagetemplate"]
    )
    client = world_client(sailthru["owner"])
    for model in ("mailinglist", "messagetemplate", "campaign"):
        html = panel(client, f"/teams/{model}/{sailthru[model].pk}/change/")
        assert "Sees it through the team Loyalty" in html
        assert "Lena Limited" in html
        assert "Udo Unseen" not in html


def world_client(person: Any) -> Any:
    from django.test import Client

    client = Client()
    client.force_login(person)
    return client


# guest access is given and withdrawn on the page


def test_guest_access_to_a_subaccount_is_given_on_its_page(world: Any) -> None:
    person = UserFactory(first_name="Nora", last_name="Quinn")
    MembershipFactory(
        account=world.account, subaccount=world.places["south"], user=person, role="author"
    )
    north = world.places["north"]
    client = world.client("owner")
    assert (
        f"/teams/subaccount/{north.pk}/act/guest/"
        in client.get(urls(world)["teams/subaccount"]).text
    )
    answer = confirmed(
        client,
        f"/teams/subaccount/{north.pk}/act/guest/",
        {"person": person.pk, "permissions": ["access_campaigns"], "ends_at": ""},
    )
    assert answer.status_code == 302
    html = panel(client, urls(world)["teams/subaccount"])
    assert "Nora Quinn" in html
    assert "Of North" in html


@pytest.mark.parametrize("model", ["mailinglist", "messagetemplate", "campaign", "subaccount"])
def test_guest_access_is_withdrawn_on_the_page_of_the_object(world: Any, model: str) -> None:
    obj = world.places["north"] if model == "subaccount" else world.rows[model]
    permission = {
        "mailinglist": "access_audience",
        "messagetemplate": "access_content",
        "campaign": "access_campaigns",
        "subaccount": "access_response",
    }[model]
    guest = guest_of(world, obj, permission)
    client = world.client("administrator")
    url = f"/teams/{model}/{obj.pk}/act/withdraw/{guest.pk}/"
    assert url in panel(client, f"/teams/{model}/{obj.pk}/change/")
    page = client.get(url).text
    assert "no longer holds" in page
    assert f"Withdraw guest access to {obj} from Nora Quinn" in page
    assert confirmed(client, url).status_code == 302
    assert "Nora Quinn" not in panel(client, f"/teams/{model}/{obj.pk}/change/")
    assert AuditEvent.objects.filter(action="guest.withdrawn").count() == 1
    assert client.get(url).status_code == 404


def test_withdrawing_knows_the_guests_of_this_object_only(world: Any) -> None:
    guest = guest_of(world, world.rows["mailinglist"], "access_audience")
    other = MailingListFactory(subaccount=world.places["north"])
    client = world.client("owner")
    parts = (guest.pk, world.people["full"].pk, world.rival["user"].pk, 987654, "abc", "%00")
    for part in parts:
        for method in (client.get, client.post):
            assert method(f"/teams/mailinglist/{other.pk}/act/withdraw/{part}/").status_code == 404
    assert MailingListUserGrant.objects.filter(user=guest).exists()


@pytest.mark.parametrize("reader", ["full", "author", "editor", "response_only"])
def test_nobody_withdraws_without_managing_people_there(world: Any, reader: str) -> None:
    guest = guest_of(world, world.rows["mailinglist"], "access_audience")
    url = f"/teams/mailinglist/{world.rows['mailinglist'].pk}/act/withdraw/{guest.pk}/"
    for method in (world.client(reader).get, world.client(reader).post):
        assert method(url).status_code in {403, 404}
    assert MailingListUserGrant.objects.filter(user=guest).exists()


def test_toggles_of_members_are_no_guest_access(world: Any) -> None:
    services.toggle_permission(
        actor=world.people["owner"],
        membership=world.seats["editor"],
        toggle="export_contacts",
        on=True,
    )
    north = world.places["north"].pk
    url = f"/teams/subaccount/{north}/act/withdraw/{world.people['editor'].pk}/"
    assert world.client("owner").get(url).status_code == 404


# it is cheap, and offers nothing that is refused


@pytest.mark.parametrize("edition", ["emma_hq", "emma_enterprise"])
@pytest.mark.parametrize("query", ["", "?permission=access_audience"])
def test_queries_are_the_same_with_one_person_and_with_three(
    db: Any, edition: str, query: str
) -> None:
    world = build(edition)
    client = world.client("owner")
    url = urls(world)["teams/mailinglist"] + query
    costs = []
    for more in (1, 2):
        for _ in range(more):
            person = guest_of(world, world.rows["mailinglist"], "access_audience")
            MembershipFactory(
                account=world.account,
                subaccount=world.places["north"],
                user=UserFactory(),
                role="editor",
            )
            services.give_guest_access(
                actor=world.people["owner"],
                user=person,
                obj=world.places["north"],
                permissions=["access_content"],
            )
        client.get(url)
        with CaptureQueriesContext(connection) as queries:
            assert client.get(url).status_code == 200
        costs.append(len(queries))
    assert costs[0] == costs[1] <= 20


@pytest.mark.once
@pytest.mark.parametrize("reader", ["owner", "manager", "administrator"])
def test_every_link_of_the_panel_opens(world: Any, reader: str) -> None:
    guest_of(world, world.rows["mailinglist"], "access_audience")
    guest_of(world, world.places["north"], "access_audience")
    client = world.client(reader)
    for url in urls(world).values():
        for link in re.findall(r'href="(/[^"]+)"', panel(client, url)):
            assert client.get(link).status_code == 200, link
    assert Subaccount.objects.filter(pk=world.places["north"].pk).exists()
