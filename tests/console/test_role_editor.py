"""Custom roles on the console: their pages, the table of ticks, the preview, and who may not."""

from __future__ import annotations

import re
from dataclasses import dataclass
from html import unescape
from typing import Any

import pytest
from django.test import Client

from permissions.models import AuditEvent
from teams import services
from teams.admin import holders, ticks
from teams.catalogue import CATALOGUE
from teams.editions import get
from teams.factories import (
    AccountFactory,
    InvitationFactory,
    MembershipFactory,
    RoleFactory,
    SubaccountFactory,
    UserFactory,
)
from teams.models import Account, Invitation, Membership, Role
from tests.console.conftest import MARKER

pytestmark = [pytest.mark.django_db, pytest.mark.once]

HELPER = ["access_audience", "access_campaigns", "rename_lists"]


@dataclass
class Roles:
    """An account with two roles of its own, their holders, and a rival with one."""

    account: Account
    people: dict[str, Any]
    helper: Role
    keeper: Role
    foreign: Role

    def client(self, who: str) -> Client:
        client = Client()
        client.force_login(self.people[who])
        return client

    def at(self, rest: str = "change/", role: Role | None = None) -> str:
        return f"/teams/role/{(role or self.helper).pk}/{rest}"

    def invite(self) -> Invitation:
        """Offer the role to somebody in north."""
        where = {"account": self.account, "subaccount": self.account.subaccounts.get(name="North")}
        by = self.people["owner"]
        found: Invitation = InvitationFactory(
            custom_role=self.helper, role="", invited_by=by, **where
        )
        return found

    def edit(self, client: Client, *ticked: str, **more: Any) -> Any:
        data = {"name": "Helper", "description": "", "compare": "", "permissions": ticked}
        return client.post(self.at("act/edit/"), data | more)


@pytest.fixture
def w(db: Any) -> Roles:
    owner = UserFactory(username="boss", first_name="Maria", last_name="Lopez")
    account = AccountFactory(edition="sailthru", owner=owner, name="Harbor")
    north, south = (
        SubaccountFactory(account=account, slug=name.lower(), name=name)
        for name in ("North", "South")
    )
    helper = RoleFactory(account=account, name="Helper", permissions=HELPER)
    keeper = RoleFactory(
        account=account, name="Keeper", permissions=["access_audience", "rename_lists"]
    )
    people = {"owner": owner}

    def add(who: str, place: Any, *roles: Any) -> None:
        first, _, last = who.partition("_")
        people[who] = UserFactory(
            username=who, first_name=first.title(), last_name=last.title() or "One"
        )
        for role in roles:
            named = {"custom_role": role, "role": ""} if isinstance(role, Role) else {"role": role}
            MembershipFactory(
                account=account, subaccount=place, user=people[who], exclusive=False, **named
            )

    add("ana", north, helper)
    add("ben", north, helper, keeper)
    add("cleo_south", south, helper)
    add("admin_north", north, "account_admin")
    add("marketer", north, "marketer_admin")
    rival = AccountFactory(edition="sailthru", name=f"{MARKER} Ltd")
    foreign = RoleFactory(account=rival, name=f"{MARKER} role", permissions=["access_campaigns"])
    return Roles(account, people, helper, keeper, foreign)


def text(answer: Any) -> str:
    """Return what a page says, without mark-up."""
    body = re.sub(r"<(script|style|svg|symbol).*?</\1>", "", answer.content.decode(), flags=re.S)
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", "", body)))


def box(answer: Any, permission: str) -> str:
    """Return the mark-up of one box of the editor."""
    found = re.search(rf'<input[^>]* id="tick-{permission}"[^>]*>', answer.content.decode())
    assert found, f"there is no box for {permission}"
    return found[0]


def digest(answer: Any) -> str:
    found = re.search(r'name="previewed" value="(\w+)"', answer.content.decode())
    return found[1] if found else ""


def last_event() -> str:
    event = AuditEvent.objects.order_by("-pk").first()
    assert event is not None
    return event.action


def test_roles_lead_to_their_pages_and_their_holders(w: Roles) -> None:
    client = w.client("owner")
    body = client.get("/roles/").content.decode()
    assert f'<a href="{w.at()}">Helper</a>' in body
    assert f'<a class="held" href="{w.at()}#holders" aria-label="3 people with Helper' in body
    assert '<a class="held" href="/roles/marketer_admin/#holders" ' in body
    assert '<a class="held" href="/roles/owner/#holders" ' in body
    assert 'href="/teams/role/act/create/" class="addlink">New role</a>' in body
    listed = text(client.get("/teams/role/"))
    assert "HelperNot set3 people" in listed
    assert "KeeperNot set1 person" in listed
    assert MARKER not in body + listed
    # who sees people in north alone counts those; who sees nobody is told no numbers
    local = w.client("admin_north").get("/roles/").content.decode()
    assert f'<a class="held" href="{w.at()}#holders" aria-label="2 people with Helper' in local
    assert 'class="held"' not in w.client("marketer").get("/roles/").content.decode()


def test_the_page_of_a_role_says_what_it_gives_and_who_holds_it(w: Roles) -> None:
    InvitationFactory(
        account=w.account, custom_role=w.helper, role="", invited_by=w.people["owner"]
    )
    page = w.client("owner").get(w.at("change/?compare=marketer_admin"))
    said = text(page)
    assert "Custom role of Harbor. Edition Sailthru. Held by 3 people." in said
    assert "1 pending invitation" in said
    lines = {str(row.permission): row for area in page.context["areas"] for row in area.rows}
    assert {p for p, row in lines.items() if row.cell == "yes"} == {
        *HELPER,
        *("access_insights", "access_response", "view_deep_reports"),
        *("create_campaigns", "test_campaigns", "access_automation"),
        *("create_automations", "change_automations"),
        *("view_contacts", "add_contacts", "export_contacts"),
    }
    assert lines["view_contacts"].notes == ("Comes with Audience.",)
    assert lines["send_campaigns"].compared == "yes"
    held = [(one.name, one.place) for one in page.context["holders"]]
    assert held == [("Ana One", "North"), ("Ben One", "North"), ("Cleo South", "South")]
    # only those one sees
    local = w.client("admin_north").get(w.at())
    assert [one.name for one in local.context["holders"]] == ["Ana One", "Ben One"]
    blind = w.client("marketer").get(w.at())
    assert "Who holds it" not in text(blind)
    assert "Ana One" not in text(blind)
    wrong = w.client("owner").get(w.at(f"change/?compare=custom:{w.foreign.pk}"))
    assert "There is no such role to compare with." in text(wrong)


def test_holders_come_in_pages(w: Roles, monkeypatch: Any) -> None:
    monkeypatch.setattr(holders, "PER_PAGE", 2)
    client = w.client("owner")
    first, second = client.get(w.at("change/?p=1")), client.get(w.at("change/?p=2"))
    assert [len(page.context["holders"]) for page in (first, second)] == [2, 1]
    assert "Page 1 of 2" in text(first)
    assert b'href="?p=2#holders"' in first.content
    assert client.get(w.at("change/?p=x")).context["page"].number == 1


def test_built_in_roles_are_read_only_and_can_be_copied(w: Roles) -> None:
    client = w.client("owner")
    page = client.get("/roles/marketer_admin/")
    assert "Built in. Edition Sailthru. Held by 1 person." in text(page)
    assert b'href="/teams/role/act/create/?copy=marketer_admin"' in page.content
    assert b'method="post" action="/roles' not in page.content
    assert b"/act/edit/" not in page.content
    editor = client.get("/teams/role/act/create/?copy=marketer_admin")
    ticked = {p for p in map(str, CATALOGUE) if f'id="tick-{p}"' in editor.content.decode()}
    ticked = {p for p in ticked if " checked" in box(editor, p)}
    marketing = get("sailthru").role("marketer_admin").holds
    custom = get("sailthru").custom_roles
    assert custom is not None
    assert ticked == {str(p) for p in (custom.tickable | custom.always) & marketing}
    for key in ("nothing", f"custom:{w.foreign.pk}", f"custom:{w.helper.pk}", "..."):
        assert client.get(f"/roles/{key}/").status_code == 404, key
    # where the edition has built-in roles only there is nothing to copy
    emma = AccountFactory(edition="emma_hq", owner=UserFactory())
    other = Client()
    other.force_login(emma.owner)
    page = other.get("/roles/full/")
    assert "Built in. Edition" in text(page)
    assert b"Copy to a new role" not in page.content
    assert other.get("/teams/role/").status_code == 403
    assert other.get("/teams/role/act/create/").status_code == 403
    assert other.get(w.at()).status_code == 404


def test_a_role_is_created_with_what_its_ticks_need(w: Roles) -> None:
    client = w.client("owner")
    data = {"name": "Cleaner", "description": "Tidies up.", "permissions": ["delete_lists"]}
    done = client.post("/teams/role/act/create/", data, follow=True)
    made = Role.objects.get(account=w.account, name="Cleaner")
    assert (made.description, made.permissions) == (
        "Tidies up.",
        ["access_audience", "delete_lists"],
    )
    assert done.redirect_chain[-1][0] == w.at(role=made)
    assert "Cleaner was created. Audience is ticked along: Delete lists needs it." in text(done)
    # what is wrong stands beside the field, and nothing is lost
    for name, why in (
        ("", "This field is required."),
        ("Helper", "There is a role Helper already"),
    ):
        again = client.post("/teams/role/act/create/", data | {"name": name})
        assert again.status_code == 200
        assert why in text(again)
        assert " checked" in box(again, "delete_lists")
    assert Role.objects.filter(account=w.account).count() == 3


def test_a_copy_leaves_out_what_one_may_not_put_in(w: Roles) -> None:
    page = w.client("admin_north").get("/teams/role/act/create/?copy=account_admin")
    assert "Left out, for you do not hold it: Meter usage." in text(page)
    meter = box(page, "view_meter_usage")
    assert " checked" not in meter
    assert " disabled" in meter
    assert "You do not hold Meter usage" in text(page)
    assert "Ask Maria Lopez (Owner)." in text(page)
    client = w.client("owner")
    missing = client.get("/teams/role/act/create/?copy=custom:987654321")
    for key in (f"custom:{w.foreign.pk}", "custom:abc", "nothing", "custom:"):
        answer = client.get(f"/teams/role/act/create/?copy={key}")
        assert answer.status_code == missing.status_code == 404, key


def test_a_change_is_shown_before_it_is_saved(w: Roles) -> None:
    client = w.client("owner")
    ticked = ("access_audience", "delete_lists")
    first = w.edit(client, *ticked)
    assert Role.objects.get(pk=w.helper.pk).permissions == HELPER
    said = text(first)
    assert "Nothing is saved yet." in said
    assert "Gains: Delete lists" in said
    assert "Loses: Campaigns" in said
    assert "Save and apply to 3 people" in said
    # Ben has it from Keeper too
    lost = next(x for x in first.context["preview"].lines if x.heading == "Loses: Rename lists")
    assert [person.name for person in lost.people] == ["Ana One", "Cleo South"]
    (kept,) = first.context["preview"].kept
    assert ([person.name for person in kept.people], kept.count) == (["Ben One"], 1)
    assert "1 keeps it through another role: Ben One" in said
    row = {str(x.permission): x.change for area in first.context["form"].areas for x in area.rows}
    assert {p: change for p, change in row.items() if change} == {
        "access_campaigns": ticks.REMOVED,
        "rename_lists": ticks.REMOVED,
        "delete_lists": ticks.ADDED,
    }
    done = w.edit(client, *ticked, previewed=digest(first))
    assert (done.status_code, done["Location"]) == (302, w.at())
    assert Role.objects.get(pk=w.helper.pk).permissions == list(ticked)
    assert last_event() == "role.edited"


def test_what_was_shown_for_another_change_saves_nothing(w: Roles) -> None:
    client = w.client("owner")
    old = digest(w.edit(client, "access_audience"))
    again = w.edit(client, "access_audience", "delete_lists", previewed=old)
    assert (again.status_code, digest(again) not in {"", old}) == (200, True)
    assert Role.objects.get(pk=w.helper.pk).permissions == HELPER
    # nor once somebody else came to hold it
    first = digest(w.edit(client, "access_audience"))
    Membership.objects.filter(user=w.people["marketer"]).update(role="", custom_role=w.helper)
    late = w.edit(client, "access_audience", previewed=first)
    assert (late.status_code, digest(late) not in {"", first}) == (200, True)
    assert "Marketer One" in text(late)


def test_what_everybody_keeps_is_shown_too(w: Roles) -> None:
    Membership.objects.filter(custom_role=w.helper).exclude(user=w.people["ben"]).delete()
    page = w.edit(w.client("owner"), "access_audience", "access_campaigns")
    assert "Rename lists: 1 keeps it through another role: Ben One" in text(page)
    assert Role.objects.get(pk=w.helper.pk).permissions == HELPER


def test_comparing_keeps_what_was_ticked_and_saves_nothing(w: Roles) -> None:
    client = w.client("owner")
    more = {"show_compared": "1", "compare": "reports_only"}
    page = w.edit(client, "access_audience", **more)
    assert (page.status_code, digest(page)) == (200, "")
    assert "Reports Only" in text(page)
    assert "Removed" in text(page)
    created = client.post(
        "/teams/role/act/create/", {"name": "New", "permissions": ["save_rows"], **more}
    )
    assert " checked" in box(created, "save_rows")
    assert not Role.objects.filter(name="New").exists()
    wrong = w.edit(client, *HELPER, compare=f"custom:{w.foreign.pk}")
    assert "There is no such role in this account." in text(wrong)


def test_a_locked_tick_that_is_forged_is_refused(w: Roles) -> None:
    Membership.objects.filter(user=w.people["cleo_south"]).delete()
    client = w.client("admin_north")
    page = client.get(w.at("act/edit/"))
    assert " disabled" in box(page, "view_meter_usage")
    assert " disabled" not in box(page, "delete_lists")
    for url, name in ((w.at("act/edit/"), "Helper"), ("/teams/role/act/create/", "Mine")):
        data = {"name": name, "permissions": [*HELPER, "view_meter_usage"]}
        answer = client.post(url, data)
        assert answer.status_code == 403
        assert "Meter usage" in text(answer)
    assert Role.objects.get(pk=w.helper.pk).permissions == HELPER
    assert not Role.objects.filter(name="Mine").exists()
    nonsense = w.edit(client, *HELPER, "no_such_thing")
    assert "A role cannot be given &#x27;no_such_thing&#x27;" in nonsense.content.decode()


def test_ones_own_role_can_be_described_and_not_changed(w: Roles) -> None:
    own = RoleFactory(account=w.account, name="Own", permissions=["access_audience"])
    admin = w.people["admin_north"]
    MembershipFactory(
        account=w.account,
        subaccount=Membership.objects.get(user=admin).subaccount,
        user=admin,
        role="",
        custom_role=own,
        exclusive=False,
    )
    client = w.client("admin_north")
    page = client.get(w.at("act/edit/", own))
    assert "nobody changes their own rights" in text(page)
    assert " disabled" in box(page, "delete_lists")
    assert " checked" in box(page, "access_audience")
    client.post(w.at("act/edit/", own), {"name": "Own", "description": "Mine."})
    own.refresh_from_db()
    assert (own.description, own.permissions) == ("Mine.", ["access_audience"])
    data = {"name": "Own", "permissions": ["access_audience", "delete_lists"]}
    assert client.post(w.at("act/edit/", own), data).status_code == 403


def test_a_role_in_use_is_deleted_once_another_takes_its_place(w: Roles) -> None:
    offered = w.invite()
    client, url = w.client("owner"), w.at("act/delete/")
    assert "3 people hold it" in text(client.get(url))
    empty = client.post(url, {"replacement": ""})
    assert "Helper is in use. Choose the role that takes its place." in text(empty)
    shown = client.post(url, {"replacement": f"custom:{w.keeper.pk}"})
    assert "Loses: Campaigns" in text(shown)
    assert "Give 3 people another role and delete Helper" in text(shown)
    assert Role.objects.filter(pk=w.helper.pk).exists()
    data = {"replacement": f"custom:{w.keeper.pk}", "previewed": digest(shown)}
    done = client.post(url, data, follow=True)
    assert "Helper was deleted. 3 people have Keeper now." in text(done)
    assert not Role.objects.filter(pk=w.helper.pk).exists()
    assert Membership.objects.filter(custom_role=w.keeper).count() == 3
    assert Invitation.objects.get(pk=offered.pk).custom_role == w.keeper
    # a role of somebody else's is none
    forged = client.post(w.at("act/delete/", w.keeper), {"replacement": f"custom:{w.foreign.pk}"})
    assert "There is no such role in this account." in text(forged)
    # what nobody holds goes at once
    Membership.objects.filter(custom_role=w.keeper).delete()
    Invitation.objects.all().delete()
    done = client.post(w.at("act/delete/", w.keeper), follow=True)
    assert "Keeper was deleted." in text(done)
    assert not Role.objects.filter(account=w.account).exists()


def test_foreign_missing_and_malformed_keys_are_one_404(w: Roles) -> None:
    client = w.client("owner")
    for rest in ("change/", "act/edit/", "act/delete/", "delete/", "history/"):
        bodies = set()
        for key in (w.foreign.pk, 987654321, "abc", f"00{w.helper.pk}"):
            for answer in (client.get(f"/teams/role/{key}/{rest}"),
                           client.post(f"/teams/role/{key}/{rest}", {"name": "x"})):  # fmt: skip
                assert answer.status_code == 404, (key, rest)
                bodies.add(answer.content.decode().replace(str(key), "#"))
        assert len(bodies) == 1, rest


def test_without_manage_roles_there_is_no_control_and_no_way(w: Roles) -> None:
    for who in ("marketer", "ana"):
        client = w.client(who)
        for page in ("/roles/", "/teams/role/", w.at(), "/roles/marketer_admin/"):
            body = client.get(page).content.decode()
            assert "/act/" not in body, (who, page)
        for url in (w.at("act/edit/"), w.at("act/delete/"), "/teams/role/act/create/"):
            data = {"name": "Mine", "permissions": HELPER, "replacement": "account_admin"}
            assert client.get(url).status_code == 403, (who, url)
            assert client.post(url, data).status_code == 403, (who, url)
    assert {role.name for role in Role.objects.filter(account=w.account)} == {"Helper", "Keeper"}
    # nobody who manages north alone changes what somebody in south has
    page = w.client("admin_north").get(w.at())
    assert b"/act/" not in page.content.replace(b"/teams/role/act/create/", b"")
    assert w.edit(w.client("admin_north"), "access_audience").status_code == 403


def test_every_tick_says_what_comes_with_it() -> None:
    custom = get("sailthru").custom_roles
    assert custom is not None
    said = ticks.notes("sailthru")
    assert said["rename_lists"] == ("Needs Audience",)
    assert "With Add and edit people also gives: Edit other Administrators" in said["manage_roles"]
    for follower, leaders in custom.follows.items():
        label = str(CATALOGUE[follower].label)
        assert any(label in note for leader in leaders for note in said[leader]), label


def test_services_are_the_judge(w: Roles) -> None:
    """The console sends what was ticked, and what it needs, to the service and nothing else."""
    made = services.create_role(
        actor=w.people["owner"], account=w.account, name="Bare", permissions=[]
    )
    page = w.client("owner").get(w.at("act/edit/", made))
    assert "Save role" in text(page)
    insights = box(page, "access_insights")
    assert " checked" in insights
    assert " disabled" in insights
    assert "name=" not in insights


def test_a_bad_form_is_shown_to_nobody_who_would_not_get_one(w: Roles) -> None:
    new = "/teams/role/act/create/"
    for who in ("ana", "marketer"):
        client = w.client(who)
        for url in (w.at("act/edit/"), new, f"{new}?copy=custom:{w.helper.pk}"):
            for data in ({"name": ""}, {"name": "x", "show_compared": "1"}):
                assert client.post(url, data).status_code == 403, (who, url, data)
    bad = w.client("owner").post(w.at("act/edit/"), {"name": ""})
    assert (bad.status_code, "This field is required" in text(bad)) == (200, True)


def test_a_role_that_needs_teams_takes_no_place_while_they_are_off(w: Roles) -> None:
    client = w.client("owner")
    for mode, is_offered in (("off", False), ("lists", True)):
        Account.objects.filter(pk=w.account.pk).update(team_mode=mode)
        asked = client.get(w.at("act/delete/")).content.decode()
        assert ('value="reports_only"' in asked, 'value="marketer_limited"' in asked) == (
            True,
            is_offered,
        )
