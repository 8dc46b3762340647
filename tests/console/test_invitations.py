"""Invitations at the console: the list, the page of one, and the verbs."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.core import mail
from django.test import Client
from django.utils import timezone

from permissions.audit import label_of
from teams import effective, services
from teams.editions import get
from teams.factories import InvitationFactory, TeamFactory, UserFactory
from teams.models import Account, Invitation
from teams.services import invitation_mail
from tests.console.conftest import World, build
from tests.hostile.arena import undone

LIST = "/teams/invitation/"
ADDRESS = "ana@new.example"
ROW = '<th class="field-address">'

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


def offer(world: World, **asked: Any) -> Invitation:
    asked = {"account": world.account, "subaccount": world.places["north"]} | asked
    asked.setdefault("invited_by", world.people["owner"])
    made: Invitation = InvitationFactory(**asked)
    return made


def page_of(invitation: Invitation, rest: str = "change/") -> str:
    return f"{LIST}{invitation.pk}/{rest}"


def body(world: World, who: str, url: str, **data: Any) -> str:
    answer = world.client(who).get(url, data)
    assert answer.status_code == 200, answer.status_code
    return str(answer.content.decode())


# the list


def test_the_list_says_whom_where_as_what_by_whom_and_how_far(world: World) -> None:
    offer(world, address=ADDRESS)
    offer(world, address="leo@new.example", sent_at=None, role="author")
    rows = body(world, "owner", LIST)
    for word in (ADDRESS, "North", "Editor", "Maria Lopez", "Pending", "Not sent", "Author"):
        assert word in rows
    assert 'href="/teams/invitation/"' in body(world, "owner", "/")


@pytest.mark.parametrize(
    ("who", "seen"),
    [
        ("owner", {"editor", "administrator", "south", "boss"}),
        ("manager", {"editor", "administrator"}),
        ("administrator", {"editor", "administrator"}),
        ("full", set()),
        ("author", set()),
    ],
)
def test_everybody_sees_the_invitations_to_roles_they_manage(
    world: World, who: str, seen: set[str]
) -> None:
    offer(world, address="editor@new.example")
    offer(world, address="administrator@new.example", role="administrator")
    offer(world, address="south@new.example", subaccount=world.places["south"])
    offer(world, address="boss@new.example", subaccount=None, role="manager")
    answer = world.client(who).get(LIST)
    if not seen:
        assert answer.status_code == 403
        assert LIST not in body(world, who, "/")
        return
    found = {row.address.partition("@")[0] for row in answer.context["cl"].result_list}
    assert found == seen
    assert not {f"{name}@new" for name in {"editor", "south", "boss"} - seen} & set(
        answer.content.decode().split()
    )


def test_the_list_is_filtered_by_state_and_role_and_searched_by_address(world: World) -> None:
    past = timezone.now() - timedelta(minutes=1)
    offer(world, address="p@new.example")
    offer(world, address="e@new.example", expires_at=past)
    for status in ("accepted", "withdrawn", "void"):
        offer(world, address=f"{status[0]}@new.example", status=status, role="author")
    client = world.client("owner")

    def found(query: str) -> set[str]:
        rows = client.get(f"{LIST}?{query}").context["cl"].result_list
        return {row.address.partition("@")[0] for row in rows}

    assert found("") == {"p", "e", "a", "w", "v"}
    assert found("state=pending") == {"p"}
    assert found("state=expired") == {"e"}
    assert found("state=accepted") == {"a"}
    assert found("state=withdrawn") == {"w"}
    assert found("state=void") == {"v"}
    assert found("state=nonsense") == set()
    assert found("role=author") == {"a", "w", "v"}
    assert found("q=p@new") == {"p"}


def test_the_list_follows_the_scope_switcher(world: World) -> None:
    offer(world, address="north@new.example")
    offer(world, address="south@new.example", subaccount=world.places["south"])
    offer(
        world,
        address="boss@new.example",
        subaccount=None,
        role="manager",
        reaching=[world.places["south"]],
    )
    offer(world, address="all@new.example", subaccount=None, role="manager", all_subaccounts=True)
    client = world.client("owner")
    client.post("/scope/", {"place": world.places["south"].pk})
    found = [row.address for row in client.get(LIST).context["cl"].result_list]
    assert sorted(found) == ["all@new.example", "boss@new.example", "south@new.example"]


def test_who_invited_is_named_only_to_those_who_see_that_person(world: World) -> None:
    made = offer(world, invited_by=world.people["owner"])
    assert "Maria Lopez" in body(world, "owner", page_of(made))
    assert "Maria Lopez" not in body(world, "administrator", page_of(made))
    assert "Somebody you do not see" in body(world, "administrator", LIST)


def test_the_list_costs_the_same_with_one_and_with_three(
    world: World, django_assert_num_queries: Any
) -> None:
    for count in (1, 2):
        for _ in range(count):
            offer(world, subaccount=None, role="manager", reaching=[world.places["north"]])
        client = world.client("owner")
        client.get(LIST)
        with django_assert_num_queries(11):
            client.get(LIST)


# the page of one


def test_the_page_says_all_it_offers_and_what_it_would_give(world: World) -> None:
    made = offer(world, address=ADDRESS, toggles=["export_contacts"])
    page = world.client("owner").get(page_of(made))
    lines = {
        line.permission: line.allowed for group in page.context["groups"] for line in group.lines
    }
    accepted = services.add_member(
        actor=world.people["owner"],
        account=world.account,
        user=UserFactory(email=ADDRESS),
        role="editor",
        subaccount=world.places["north"],
        consented=True,
    )
    services.set_toggles(
        actor=world.people["owner"], membership=accepted, switches={"export_contacts": True}
    )
    held = effective.effective(accepted.user, world.account, world.places["north"].pk)
    assert lines == {line.permission: line.allowed for group in held for line in group.lines}
    assert lines["export_contacts"]
    assert not lines["manage_members"]
    text = page.content.decode()
    assert "Switched on: Export contacts" in text
    assert "Role Editor" in text


def test_the_page_of_a_settled_one_offers_nothing(world: World) -> None:
    made = offer(
        world, status="accepted", accepted_by=world.people["full"], settled_at=timezone.now()
    )
    page = world.client("owner").get(page_of(made))
    text = page.content.decode()
    assert "Accepted" in text
    assert label_of(world.people["full"]) in text
    assert page.context["verbs"] == []
    assert "What it would give" not in text
    assert world.client("owner").get(page_of(made, "link/")).status_code == 404


def test_an_unsent_mail_is_said_on_the_page(world: World) -> None:
    assert "could not be sent" in body(world, "owner", page_of(offer(world, sent_at=None)))
    assert "could not be sent" not in body(world, "owner", page_of(offer(world)))


def test_the_link_is_shown_without_script_and_opens_a_copied_invitation(world: World) -> None:
    made = offer(world, address=ADDRESS)
    before = Invitation.objects.filter(pk=made.pk).values().get()
    text = body(world, "administrator", page_of(made, "link/"))
    link = text.partition('id="link" class="vTextField" value="')[2].partition('"')[0]
    token = link.rstrip("/").rpartition("/")[2]
    assert invitation_mail.read(token) == (made.pk, made.nonce)
    assert not invitation_mail.is_mailed(token)
    assert Invitation.objects.filter(pk=made.pk).values().get() == before
    assert ADDRESS not in world.client("owner").get(link).content.decode()
    assert world.client("owner").post(page_of(made, "link/")).status_code == 404


# the verbs


def test_resend_makes_a_new_link_in_the_actors_name(world: World) -> None:
    made = offer(world, sent_at=None)
    assert page_of(made, "act/resend/") in body(world, "manager", page_of(made))
    answer = world.client("manager").post(page_of(made, "act/resend/"), follow=True)
    assert "A new mail is on its way" in answer.content.decode()
    now = Invitation.objects.get(pk=made.pk)
    assert now.nonce != made.nonce
    assert now.invited_by == world.people["manager"]
    # it went out a moment ago: sending it again leads nowhere, so it is not offered
    assert page_of(made, "act/resend/") not in body(world, "manager", page_of(made))


def test_withdraw_settles_it(world: World) -> None:
    made = offer(world)
    assert page_of(made, "act/withdraw/") in body(world, "administrator", page_of(made))
    world.client("administrator").post(page_of(made, "act/withdraw/"))
    assert Invitation.objects.get(pk=made.pk).status == "withdrawn"
    again = world.client("administrator").post(page_of(made, "act/withdraw/"))
    assert "is withdrawn already" in again.content.decode()


def test_verbs_change_nothing_when_they_are_only_looked_at(world: World) -> None:
    made = offer(world, sent_at=None)
    before = Invitation.objects.filter(pk=made.pk).values().get()
    for verb in ("resend", "withdraw"):
        assert world.client("owner").get(page_of(made, f"act/{verb}/")).status_code == 200
    assert Invitation.objects.filter(pk=made.pk).values().get() == before


@pytest.mark.parametrize(("verb", "shown"), [("resend", "sent again"), ("withdraw", "withdrawn")])
def test_many_at_once(world: World, verb: str, shown: str) -> None:
    rows = [offer(world, sent_at=None) for _ in range(2)]
    client = world.client("owner")
    keys = [row.pk for row in rows]
    asked = client.post(LIST, {"action": verb, "_selected_action": keys})
    fields = {"_selected_action": keys, "shown": asked.context["shown"], "confirm": "1"}
    done = client.post(
        f"{LIST}bulk/{verb}/", fields | {"token": asked.context["token"]}, follow=True
    )
    assert f"2 invitations were {shown}." in done.content.decode()
    now = Invitation.objects.filter(pk__in=keys)
    if verb == "withdraw":
        assert set(now.values_list("status", flat=True)) == {"withdrawn"}
    else:
        assert not {row.nonce for row in rows} & set(now.values_list("nonce", flat=True))


# inviting


def invite(world: World, who: str, place: Any = None, **data: Any) -> Any:
    place = place or world.places["north"]
    url = f"/teams/subaccount/{place.pk}/act/invite/"
    return world.client(who).post(url, {"address": ADDRESS, "role": "editor"} | data, follow=True)


def test_invite_from_the_subaccount_and_from_people(world: World) -> None:
    north = world.places["north"]
    assert f"/teams/subaccount/{north.pk}/act/invite/" in body(
        world, "administrator", f"/teams/subaccount/{north.pk}/change/"
    )
    answer = invite(world, "administrator", toggles=["export_contacts"], ends_at="2999-01-31")
    assert f"An invitation is on its way to {ADDRESS}." in answer.content.decode()
    made = Invitation.objects.get(address=ADDRESS)
    assert (made.role, made.subaccount, made.toggles) == ("editor", north, ["export_contacts"])
    assert made.ends_at is not None
    assert made.invited_by == world.people["administrator"]

    assert "/auth/user/act/invite/" in body(world, "owner", "/auth/user/")
    choose = body(world, "owner", "/auth/user/act/invite/")
    assert "/auth/user/act/invite/account/" in choose
    manager = {
        "address": "tom@new.example",
        "role": "manager",
        "reach": "some",
        "managed": [north.pk],
    }
    world.client("owner").post("/auth/user/act/invite/account/", manager)
    made = Invitation.objects.get(address="tom@new.example")
    assert made.is_account_level
    assert list(made.managed.all()) == [north]


def test_the_mail_goes_out_with_a_link_that_leads_in(world: World) -> None:
    invite(world, "owner")
    made = Invitation.objects.get(address=ADDRESS)
    invitation_mail.post_invitation.call(made.pk, made.nonce)
    (message,) = mail.outbox
    assert message.to == [ADDRESS]
    link = next(line for line in str(message.body).splitlines() if "/invitation/" in line)
    assert "Create my login" in Client().get(link).content.decode()


def test_who_may_not_invite_is_told_in_the_form_and_nothing_is_written(world: World) -> None:
    data = {"address": ADDRESS, "role": "manager", "reach": "all"}
    answer = world.client("administrator").post("/auth/user/act/invite/account/", data)
    assert answer.status_code == 200
    assert "You cannot invite ana@new.example: it needs" in answer.content.decode()
    assert not Invitation.objects.exists()


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({"address": "nonsense"}, "not one to which mail can be sent"),
        ({"address": "p.full@people.example"}, "has a role in North already"),
        ({"role": "nonsense"}, "has no role"),
        ({"role": "manager"}, "held on the whole account only"),
        ({"role": "response_only", "toggles": ["nonsense"]}, "has no toggle"),
        ({"ends_at": "2001-01-01"}, "lies in the past"),
    ],
)
def test_what_is_refused_is_said_in_the_form(world: World, data: dict[str, Any], said: str) -> None:
    answer = invite(world, "administrator", **data)
    assert answer.status_code == 200
    text = answer.content.decode()
    assert said in text
    assert 'class="errornote"' in text
    assert data.get("address", ADDRESS) in text, "what was typed is kept"
    assert not Invitation.objects.exists()


def test_the_form_offers_the_roles_and_switches_that_may_be_given(world: World) -> None:
    url = f"/teams/subaccount/{world.places['north'].pk}/act/invite/"
    form = world.client("administrator").get(url).context["form"]
    roles = [value for value, _label in form.fields["role"].choices if value]
    assert roles == ["administrator", "full", "editor", "author", "response_only"]
    assert "reach" not in form.fields
    assert "teams" not in form.fields
    for who in ("full", "author"):
        assert world.client(who).get(url).status_code in (403, 404)


@pytest.mark.parametrize("who", ["owner", "manager", "administrator"])
def test_every_role_and_switch_that_is_offered_can_be_given(world: World, who: str) -> None:
    url = f"/teams/subaccount/{world.places['north'].pk}/act/invite/"
    client = world.client(who)
    form = client.get(url).context["form"]
    specs = {role.codename: role for role in get(world.account.edition).roles}
    tried = 0
    for role, _label in form.fields["role"].choices:
        if not role:
            continue
        admitted = [
            toggle
            for toggle, _label in form.fields["toggles"].choices
            if toggle in specs[role].optional
        ]
        data = {"address": f"{role}@new.example", "role": role, "toggles": admitted}
        answer = client.post(url, data, follow=True)
        assert "is on its way" in answer.content.decode(), (role, admitted)
        tried += 1 + len(admitted)
    assert tried > 4


def test_seats_are_said_and_without_one_nobody_can_be_invited(world: World) -> None:
    url = f"/teams/subaccount/{world.places['north'].pk}/act/invite/"
    Account.objects.filter(pk=world.account.pk).update(seat_limit=9)
    said = "2 seats are left of the 9 that the agreement with the platform allows"
    assert said in body(world, "owner", url)
    Account.objects.filter(pk=world.account.pk).update(seat_limit=7)
    answer = world.client("owner").get(url)
    assert answer.status_code == 403
    assert (
        "Harbor has 7 seats taken, pending invitations counted, as many as"
        in answer.content.decode()
    )
    assert url not in body(world, "owner", f"/teams/subaccount/{world.places['north'].pk}/change/")
    # whoever is invited already takes a seat: one more place for them needs none
    Account.objects.filter(pk=world.account.pk).update(seat_limit=8)
    offer(world, address=ADDRESS, subaccount=world.places["south"])
    assert "only somebody who is invited already" in body(world, "owner", url)
    assert "is on its way" in invite(world, "owner").content.decode()


def test_teams_are_offered_where_there_are_any(sailthru: dict[str, Any], client: Any) -> None:
    client.force_login(sailthru["owner"])
    url = f"/teams/subaccount/{sailthru['place'].pk}/act/invite/"
    team = sailthru["team"]
    foreign = TeamFactory(name="Foreign")
    assert client.get(url).context["form"].fields["teams"].choices == [(str(team.pk), "Loyalty")]
    data = {"address": ADDRESS, "role": "marketer_limited", "teams": [foreign.pk]}
    assert "There is no such team" in client.post(url, data).content.decode()
    client.post(url, data | {"teams": [team.pk]})
    made = Invitation.objects.get()
    assert list(made.teams.all()) == [team]
    assert "Loyalty" in client.get(page_of(made)).content.decode()
    assert get_user_model().objects.filter(email=ADDRESS).count() == 0
