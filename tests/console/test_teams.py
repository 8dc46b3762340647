"""Teams in the console: the list, the page of one, its verbs, and what teams limit."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client

from permissions import grants
from teams.factories import MailingListFactory, MessageTemplateFactory
from teams.models import Team
from tests.services.world import World, holds, world

pytestmark = pytest.mark.django_db

TEAMS = ("access_settings", "manage_members", "manage_teams")
LIST = "/teams/team/"


def client(user: Any) -> Client:
    found = Client()
    found.force_login(user)
    return found


def confirmed(browser: Client, url: str, data: dict[str, Any]) -> Any:
    """Post twice: what is shown first is confirmed. Return both answers."""
    shown = browser.post(url, data)
    assert shown.status_code == 200, shown
    digest = re.search(r'name="previewed" value="(\w+)"', shown.content.decode())
    assert digest, "no preview was shown"
    return shown, browser.post(url, {**data, "previewed": digest[1]})


@pytest.fixture
def w() -> World:
    return world("sailthru")


def page(team: Team, tail: str = "change/") -> str:
    return f"{LIST}{team.pk}/{tail}"


def test_the_list_counts_people_and_what_the_reader_sees(w: World) -> None:
    north, south = MailingListFactory(subaccount=w.north), MailingListFactory(subaccount=w.south)
    ana = w.member("marketer_limited")
    team, gone = w.team(ana.user, w.member("reports_only", w.south).user), w.team()
    for obj in (north, south):
        grants.give(permission="access_audience", obj=obj, group=team.group)
    grants.give(
        permission="access_content",
        obj=MessageTemplateFactory(subaccount=w.north),
        group=team.group,
    )
    browser = client(w.owner)
    browser.post(page(gone, "act/archive/"), {"replacement": ""})
    for user, lists in ((w.owner, 2), (w.member("marketer_admin").user, 1)):
        found = client(user).get(LIST).content.decode()
        numbers = re.findall(rf'href="{page(team)}#(\w+)">([^<]+)<', found)
        said = "1 list" if lists == 1 else f"{lists} lists"
        assert numbers == [
            ("people", "2 people"),
            ("mailinglist", said),
            ("messagetemplate", "1 template"),
        ]
        assert gone.name not in found
    assert gone.name in browser.get(f"{LIST}?archived=yes").content.decode()


def test_the_page_names_only_what_the_reader_may_know(w: World) -> None:
    shown = MailingListFactory(subaccount=w.north, name="Shown")
    hidden = MailingListFactory(subaccount=w.south, name="Zanzibar")
    here, there = w.member("reports_only").user, w.member("reports_only", w.south).user
    team = w.team(here, there)
    for obj in (shown, hidden):
        grants.give(permission="access_audience", obj=obj, group=team.group)
    reader = w.member(w.custom(*TEAMS, "assign_team_resources", "access_audience"))

    found = client(reader.user).get(page(team)).content.decode()

    assert here.get_username() in found or here.get_full_name() in found
    assert f"/auth/user/{there.pk}/" not in found
    assert "1 more person is in it who is not shown here." in found
    assert "Shown" in found
    assert "Zanzibar" not in found
    row = team.memberships.get(user=there)
    browser = client(reader.user)
    for tail in (f"take-out/{row.pk}/", f"take/mailinglist-{hidden.pk}/", "take/mailinglist-x/"):
        assert browser.get(page(team, f"act/{tail}")).status_code == 404


def test_who_has_nothing_to_do_with_teams_does_not_enter(w: World) -> None:
    team, rival = w.team(), world("sailthru")
    limited = client(w.member("marketer_limited").user)
    assert limited.get(LIST).status_code == 403
    assert "/teams/team/" not in limited.get("/").content.decode()
    owner = client(w.owner)
    assert LIST in owner.get("/").content.decode()
    answers = {
        owner.get(f"{LIST}{key}/change/").status_code for key in (rival.team().pk, 10**9, "x")
    }
    assert answers == {404}
    assert limited.get(page(team)).status_code == 404
    other = world("emma_hq")
    assert client(other.owner).get(LIST).status_code == 403


def test_create_and_rename(w: World) -> None:
    browser = client(w.owner)
    browser.post(f"{LIST}act/create/", {"name": "Spring"})
    team = Team.objects.get(account=w.account)
    browser.post(page(team, "act/rename/"), {"name": "Summer"})
    team.refresh_from_db()
    assert team.name == "Summer"
    taken = browser.post(f"{LIST}act/create/", {"name": "summer"})
    assert "There is a team summer already" in taken.content.decode()


def test_several_people_and_things_are_added_at_once(w: World) -> None:
    ana, ben = (w.member("marketer_limited").user for _ in range(2))
    team, browser = w.team(), client(w.owner)
    mailing_list = MailingListFactory(subaccount=w.north, name="Readers")
    template = MessageTemplateFactory(subaccount=w.north)

    browser.post(page(team, "act/add-people/"), {"people": [ana.pk, ben.pk]})
    assert team.memberships.count() == 2
    things = [f"mailinglist-{mailing_list.pk}", f"messagetemplate-{template.pk}"]
    shown, _done = confirmed(browser, page(team, "act/give/"), {"things": things})
    assert "Readers" in shown.content.decode()
    assert holds(ana, "access_audience", mailing_list)
    assert holds(ben, "access_content", template)

    confirmed(browser, page(team, f"act/take/{things[0]}/"), {})
    assert not holds(ana, "access_audience", mailing_list)
    row = team.memberships.get(user=ana)
    confirmed(browser, page(team, f"act/take-out/{row.pk}/"), {})
    assert not holds(ana, "access_content", template)
    assert holds(ben, "access_content", template)


def test_adding_several_is_all_or_nothing(w: World) -> None:
    modest, strong = w.member("reports_only").user, w.member("marketer_limited").user
    actor, team = w.member(w.custom(*TEAMS)).user, w.team()
    url = page(team, "act/add-people/")
    offered = client(actor).get(url).content.decode()
    assert f'value="{modest.pk}"' in offered
    assert f'value="{strong.pk}"' not in offered
    assert client(actor).post(url, {"people": [modest.pk, strong.pk]}).status_code == 403
    assert client(actor).post(url, {"people": [actor.pk]}).status_code == 403
    assert not team.memberships.exists()


def test_archiving_shows_who_gains_and_loses_first(w: World) -> None:
    ana, ben = (w.member("marketer_limited").user for _ in range(2))
    team, into = w.team(ana), w.team(ben)
    mailing_list = MailingListFactory(subaccount=w.north, name="Readers")
    grants.give(permission="access_audience", obj=mailing_list, group=team.group)
    browser, url = client(w.owner), page(team, "act/archive/")

    shown = browser.post(url, {"replacement": into.pk}).content.decode()
    assert "Readers" in shown
    assert f"/auth/user/{ben.pk}/" in shown
    team.refresh_from_db()
    assert team.archived_at is None
    confirmed(browser, url, {"replacement": into.pk})

    team.refresh_from_db()
    assert team.archived_at is not None
    assert holds(ben, "access_audience", mailing_list)
    found = browser.get(page(team)).content.decode()
    assert "empty for good" in found
    assert "/act/" not in found
    joining = browser.get(f"/auth/user/{ben.pk}/act/join/")
    assert f'value="{team.pk}"' not in joining.content.decode()
    assert f'value="{team.pk}"' not in browser.get(page(into, "act/archive/")).content.decode()


def test_what_teams_limit_is_set_on_the_account_page(w: World) -> None:
    reader = w.member(w.custom("access_audience")).user
    mailing_list = MailingListFactory(subaccount=w.north)
    browser, url = client(w.owner), f"/teams/account/{w.account.pk}/act/teams/"

    shown, _done = confirmed(browser, url, {"mode": "off"})
    assert f"/auth/user/{reader.pk}/" in shown.content.decode()
    assert holds(reader, "access_audience", mailing_list)
    assert "switched off" in browser.get(page(w.team())).content.decode()
    assert browser.get(f"{LIST}act/create/").status_code == 403
    confirmed(browser, url, {"mode": "lists"})
    assert not holds(reader, "access_audience", mailing_list)

    w.member("marketer_limited")
    assert "1 person has it" in browser.get(url).content.decode()
    refused = browser.post(url, {"mode": "off"})
    assert "exists only while teams are switched on" in refused.content.decode()
    w.account.refresh_from_db()
    assert w.account.team_mode == "lists"
    other = world("emma_hq")
    page_of = f"/teams/account/{other.account.pk}/act/teams/"
    assert client(other.owner).get(page_of).status_code == 403
