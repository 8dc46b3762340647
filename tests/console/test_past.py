"""The pages about who had access: what they tell to whom, bad input, files, and what they cost."""

from __future__ import annotations

import csv
import html
import io
import json
import re
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from permissions.models import AuditEvent
from teams import services
from teams.admin import past
from teams.catalogue import CATALOGUE
from teams.csv_files import unguarded
from teams.factories import MembershipFactory, SubaccountFactory, UserFactory
from teams.services.snapshots import snapshot
from tests.commands.helpers import run
from tests.console.conftest import MARKER, World

URL, FILE = "/history/access/", "/history/access/file/"
HOSTILE = ("abc", "0", "-1", "01", "1" * 40, "\u0661", "a\x00b", "<script>alert(1)</script>")
#: what differs between two answers that say the same
_TOKENS = re.compile(r'value="[^"]{43,}"|at=[^"&]*')


@pytest.fixture
def begun(world: World) -> World:
    """Return the account with a record that begins."""
    snapshot(world.account)
    snapshot(world.rival["account"])
    return world


def page(client: Any, **query: Any) -> str:
    answer = client.get(URL, query)
    assert answer.status_code == 200, query
    return html.unescape(answer.content.decode())


def people(body: str) -> list[str]:
    """Return who is on the page."""
    return [re.sub(r"<[^>]*>", "", one) for one in re.findall(r"<h3>(.*?)</h3>", body)]


def sentences(body: str) -> list[str]:
    """Return what is said of them, without what is folded away."""
    shown = re.sub(r"(?s)<details>.*?</details>", "", body.partition('class="feed history"')[2])
    found = re.findall(r"<p>(.*?)</p>", shown.partition("</ul>")[0])
    return [re.sub(r"<[^>]*>", "", one) for one in found]


def file_of(client: Any, **query: Any) -> Any:
    answer = client.get(FILE, query)
    assert answer.status_code == 200, query
    return b"".join(answer.streaming_content).decode()


def test_page_and_file_say_what_the_command_prints(begun: World) -> None:
    slug, owner = begun.account.slug, begun.people["owner"]
    since = timezone.now()
    services.suspend_member(actor=owner, membership=begun.seats["full"])
    services.change_role(actor=owner, membership=begun.seats["editor"], role="author")
    at = timezone.now().isoformat()
    narrowed = {"place": begun.places["north"].pk, "permission": "send_campaigns"}
    same = {"subaccount": "north", "permission": "send_campaigns"}
    for who in ("owner", "manager"):
        client = begun.client(who)
        for query, options in (
            ({}, {}),
            (narrowed, same),
            ({"since": since.isoformat()}, {"since": since.isoformat()}),
        ):
            asked = {"at": at, **query}
            known = {"as_of": at, "account": slug, "actor": begun.people[who].username, **options}
            printed = run("who_had_access", **known, format="csv").rows
            found = file_of(client, **asked, format="csv")
            assert found.startswith("\ufeff")
            rows = csv.reader(io.StringIO(found.removeprefix("\ufeff")))
            assert [[unguarded(cell) for cell in row] for row in rows] == printed
            told = json.loads(file_of(client, **asked, format="json"))
            assert told == run("who_had_access", **known, format="json").json
            names = {row[printed[0].index("person")] for row in printed[1:]}
            assert set(people(page(client, **asked))) == names
            assert names


def test_sentences_come_first_and_say_it_shortly(begun: World) -> None:
    owner, full = begun.people["owner"], begun.people["full"]
    since = timezone.now().isoformat()
    client = begun.client("owner")
    services.toggle_permission(
        actor=owner, membership=begun.seats["full"], toggle="export_contacts", on=True
    )
    services.add_member(
        consented=True,
        actor=owner,
        account=begun.account,
        user=full,
        role="full",
        subaccount=begun.places["south"],
    )
    services.suspend_member(actor=owner, membership=begun.seats["author"])
    body = page(client, since=since)
    assert people(body) == ["Author One", "Full One"]
    lost, *gained = sentences(body)
    assert re.fullmatch(r"Lost in North: \d+ permissions, through the role Author\.", lost)
    assert gained[0] == (
        "Gained in North: Export contacts, Addresses in exports and Partner exports, through "
        "the optional permission Export contacts."
    )
    assert re.fullmatch(r"Gained in South: \d+ permissions, through the role Full\.", gained[1])
    assert len(gained) == 2
    now = page(client, person=full.pk, permission="access_campaigns")
    (said,) = sentences(now)
    label = CATALOGUE["access_campaigns"].label
    assert said == f"In North and South: {label}, through the role Full."
    assert "What Full One could do in Harbor, as of now." in now
    assert people(page(client, at=since, person=begun.people["author"].pk)) == ["Author One"]
    assert people(page(client, person=begun.people["author"].pk)) == []


def test_who_has_left_is_asked_about_by_the_owner(begun: World) -> None:
    gone, then = begun.people["editor"], timezone.now().isoformat()
    services.remove_member(actor=begun.people["owner"], membership=begun.seats["editor"])
    for query in ({}, {"at": then}):
        body = page(begun.client("owner"), person=gone.pk, **query)
        assert people(body) == ["Editor One"] * len(query)
        assert "What Editor One could do in Harbor" in body
        assert f'<option value="{gone.pk}" selected>Editor One</option>' in body
        assert "There is no such person" in page(begun.client("manager"), person=gone.pk, **query)


def test_who_sees_people_of_one_subaccount_reads_of_these(begun: World) -> None:
    owner, south = begun.people["owner"], begun.places["south"]
    services.add_member(
        consented=True,
        actor=owner,
        account=begun.account,
        user=UserFactory(first_name="Hidden", last_name="Person"),
        role="editor",
        subaccount=south,
    )
    hidden = AuditEvent.objects.get(action="member.added").data["user"]
    assert "Hidden Person" in people(page(begun.client("owner")))
    for who in ("manager", "administrator"):
        client = begun.client(who)
        body = page(client)
        assert "Full One" in people(body)
        for secret in ("Hidden", "South", MARKER):
            assert secret not in body, who
            assert secret not in file_of(client, format="csv"), who
        assert "There may be others." in body
        for name, key in (("person", hidden), ("place", south.pk)):
            found, missing = page(client, **{name: key}), page(client, **{name: 987654321})
            assert _TOKENS.sub("", found) == _TOKENS.sub("", missing)
    assert "There may be others." not in page(begun.client("owner"))


def test_whoever_sees_nobody_is_told_why_and_led_nowhere(begun: World) -> None:
    for who in ("author", "full"):
        client = begun.client(who)
        for url in (URL, FILE):
            answer = client.get(url)
            assert answer.status_code == 403, who
            assert "You cannot see who had access to Harbor" in answer.content.decode()
        for url in ("/history/", "/access/"):
            assert URL not in client.get(url).content.decode(), (who, url)
    for url in (URL, FILE):
        assert begun.client("owner").post(url).status_code == 405


def test_pages_about_people_and_places_lead_there(begun: World) -> None:
    full, north = begun.people["full"].pk, begun.places["north"].pk
    for who in ("owner", "manager"):
        client = begun.client(who)
        for url, link in (
            ("/history/", URL),
            (f"/history/?person={full}", f"{URL}?person={full}"),
            (f"/auth/user/{full}/change/", f"{URL}?person={full}"),
            (f"/teams/subaccount/{north}/change/", f"{URL}?place={north}"),
        ):
            body = client.get(url).content.decode()
            assert f'href="{link}"' in body, (who, url)
            assert 'role="alert"' not in client.get(link).content.decode()


def test_a_filter_that_makes_no_sense_changes_nothing(begun: World) -> None:
    """And a foreign key is answered as a missing one, byte by byte."""
    rival = begun.rival
    cases = {
        "person": [rival["owner"].pk, rival["user"].pk, 987654321, *HOSTILE],
        "place": [rival["subaccount"].pk, 987654321, *HOSTILE],
        "permission": ["fly", *HOSTILE],
        "after": [rival["user"].pk, 987654321, *HOSTILE],
    }
    for who in ("owner", "manager"):
        client = begun.client(who)
        plain = people(page(client))
        for name, values in cases.items():
            bodies = set()
            for value in values if who == "owner" else values[:2]:
                body = page(client, **{name: value})
                assert people(body) == plain, (name, value)
                assert 'role="alert"' in body, (name, value)
                bodies.add(_TOKENS.sub("", body))
                if name != "after" and value == values[0]:
                    answer = client.get(FILE, {"format": "csv", name: value}, follow=True)
                    assert "No file was written" in answer.content.decode()
            assert len(bodies) == 1, name


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ({"at": "yesterday"}, "is no date"),
        ({"at": "2026-13-45"}, "is no date"),
        ({"at": "9999-12-31"}, "is no date"),
        ({"at": "0001-01-01T00:00+14:00"}, "is no date"),
        ({"at": "a\x00b"}, "is no date"),
        ({"since": "<script>"}, "is no date"),
        ({"at": "2999-01-01"}, "still to come"),
        ({"at": "2020-01-01"}, "nothing of any moment before that"),
        ({"since": "2020-01-01"}, "nothing of any moment before that"),
        ({"at": "2020-01-01", "since": "2020-01-02"}, "must be before the second"),
    ],
)
def test_a_moment_that_makes_no_sense_is_answered_with_nothing(
    begun: World, query: dict[str, str], said: str
) -> None:
    client = begun.client("owner")
    body = page(client, **query)
    assert said in body
    assert people(body) == []
    assert 'class="feed history"' not in body
    assert FILE not in body
    refused = client.get(FILE, {**query, "format": "csv"}, follow=True)
    assert "No file was written" in refused.content.decode()


def test_a_record_without_a_beginning_says_so(world: World) -> None:
    body = page(world.client("owner"))
    assert "does not begin at the beginning" in body
    assert people(body) == []


def test_a_file_is_written_in_one_of_two_ways(begun: World) -> None:
    client = begun.client("owner")
    answer = client.get(FILE, {"format": "csv"})
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    assert answer["Content-Disposition"].startswith('attachment; filename="who-had-access-harbor-')
    assert "no-store" in answer["Cache-Control"]
    for fmt in ("", "exe"):
        refused = client.get(FILE, {"format": fmt}, follow=True)
        assert "Choose how the file is written." in refused.content.decode()


def test_all_pages_together_show_each_person_once(begun: World, monkeypatch: Any) -> None:
    whole = people(page(begun.client("owner")))
    assert len(whole) == 7
    for limits in ({"ROWS": 2, "CHUNK": 3}, {"LOOKED_AT": 2, "CHUNK": 1}, {"LINES": 1, "CHUNK": 2}):
        with monkeypatch.context() as patched:
            for name, value in limits.items():
                patched.setattr(past, name, value)
            client, url, seen = begun.client("owner"), URL, []
            while url:
                body = html.unescape(client.get(url).content.decode())
                seen += people(body)
                more = re.search(r'class="panel-foot"><a href="([^"]*)"', body)
                url = more[1] if more else ""
            assert seen == whole, limits


@pytest.mark.once
def test_a_page_costs_the_same_with_few_people_and_with_many(begun: World) -> None:
    since = timezone.now().isoformat()

    def cost(who: str, **query: Any) -> int:
        client = begun.client(who)
        page(client, **query)
        with CaptureQueriesContext(connection) as queries:
            page(client, **query)
        return len(queries)

    def grow() -> None:
        place = SubaccountFactory(account=begun.account)
        for inside in (place, begun.places["north"]):
            MembershipFactory(account=begun.account, subaccount=inside, user=UserFactory())
        snapshot(begun.account)

    def costs() -> dict[Any, int]:
        return {
            (who, is_two): cost(who, **({"since": since} if is_two else {}))
            for who in ("owner", "manager")
            for is_two in (False, True)
        }

    grow()
    before = costs()
    for _ in range(4):
        grow()
    assert costs() == before
    assert max(before.values()) <= 26


def test_looking_changes_and_records_nothing(begun: World) -> None:
    count = AuditEvent.objects.count()
    client = begun.client("owner")
    page(client, since=(timezone.now() - timedelta(seconds=1)).isoformat())
    file_of(client, format="json")
    assert AuditEvent.objects.count() == count
