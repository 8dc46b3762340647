"""The history of an account: who is shown what of it, its filters, pages and files."""

from __future__ import annotations

import csv
import html
import io
import re
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from permissions import audit
from permissions.audit import ref_of, timeline
from permissions.models import AuditEvent
from teams import services
from teams.admin import history
from teams.event_sight import Reader
from teams.factories import UserFactory
from teams.services import audit_export_limits
from teams.services.change import root_key
from tests.console.conftest import MARKER, World

URL = "/history/"
#: what stands in an address where nothing that exists is meant
HOSTILE = ("abc", "0", "-1", "01", "1" * 40, "\u0661", "a\x00b", "<script>alert(1)</script>")


def page(client: Any, query: str = "") -> str:
    """Return a page of the history."""
    answer = client.get(f"{URL}?{query}")
    assert answer.status_code == 200, query
    return html.unescape(answer.content.decode())


def lines(body: str) -> list[str]:
    """Return what the page tells, newest first."""
    rows = re.findall(r"<div>\s*<p>(.*?)</p>", body.partition('class="feed history"')[2])
    return [re.sub(r"<[^>]*>", "", row) for row in rows]


def ours(world: World) -> list[AuditEvent]:
    return list(timeline(root_key(world.account)))


def fill(world: World) -> None:
    """Have something of every kind happen, in two places."""
    owner, north, south = world.people["owner"], world.places["north"], world.places["south"]
    services.suspend_member(actor=owner, membership=world.seats["full"])
    services.reactivate_member(actor=owner, membership=world.seats["full"])
    services.rename_subaccount(actor=owner, subaccount=south, name="Deep south")
    services.rename_subaccount(actor=owner, subaccount=north, name="Far north")
    services.set_address_masking(actor=owner, account=world.account, on=True)
    services.add_member(
        consented=True,
        actor=owner,
        account=world.account,
        user=UserFactory(first_name="Hidden", last_name="Person"),
        role="editor",
        subaccount=south,
    )
    services.invite_member(
        actor=owner,
        account=world.account,
        address="new@south.example",
        role="editor",
        subaccount=south,
    )
    services.rename_list(actor=owner, mailing_list=world.rows["mailinglist"], name="Readers")


def test_each_is_shown_what_they_know_and_no_more(world: World) -> None:
    fill(world)
    for who, person in world.people.items():
        reader = Reader.of(person, world.account)
        known = [event for event in ours(world) if reader.knows(event)]
        shown = lines(page(world.client(who)))
        assert len(shown) == len(known), who
        assert MARKER not in "".join(shown)
    everything = lines(page(world.client("owner")))
    assert len(everything) == len(ours(world))
    told = lines(page(world.client("manager")))
    assert "Maria Lopez suspended Full One." in told
    assert "Maria Lopez renamed North to Far north." in told
    assert lines(page(world.client("full"))) == [
        "Maria Lopez reactivated Full One.",
        "Maria Lopez suspended Full One.",
    ]
    assert lines(page(world.client("author"))) == []


def test_whoever_runs_one_subaccount_reads_nothing_of_another(world: World) -> None:
    fill(world)
    for who in ("manager", "administrator"):
        body = page(world.client(who))
        for hidden in ("south", "Hidden Person"):
            assert hidden not in body, who
    owner = page(world.client("owner"))
    assert "Deep south" in owner
    assert "Hidden Person" in owner
    assert "new@south.example" in owner


def test_the_menu_leads_whoever_sees_people(world: World) -> None:
    link = f'href="{URL}"'
    assert link in world.client("owner").get("/access/").content.decode()
    assert link in world.client("manager").get("/access/").content.decode()
    mine = world.client("author").get("/access/").content.decode()
    assert link not in mine
    assert f'href="{URL}?person={world.people["author"].pk}"' in mine
    assert world.client("author").get(URL).status_code == 200
    north = world.places["north"].pk
    here = world.client("owner").get(f"/teams/subaccount/{north}/change/").content.decode()
    assert f'href="{URL}?place={north}"' in here


def test_filters_find_what_fits(world: World) -> None:
    fill(world)
    client = world.client("owner")
    full, owner = world.people["full"].pk, world.people["owner"].pk
    south = world.places["south"].pk
    today = timezone.localdate()
    assert lines(page(client, f"person={full}")) == [
        "Maria Lopez reactivated Full One.",
        "Maria Lopez suspended Full One.",
    ]
    assert len(lines(page(client, f"person={owner}"))) == len(ours(world))
    assert lines(page(client, f"place={south}&area=settings")) == [
        "Maria Lopez renamed South to Deep south."
    ]
    assert lines(page(client, "area=content")) == [
        "Maria Lopez renamed the mailing list Newsletter to Readers."
    ]
    assert len(lines(page(client, f"since={today}&until={today}"))) == len(ours(world))
    assert lines(page(client, f"until={today - timedelta(days=1)}")) == []
    assert lines(page(client, "channel=api")) == []


def test_a_value_that_makes_no_sense_changes_nothing(world: World) -> None:
    """And a foreign key is answered as a missing one, byte by byte."""
    fill(world)
    rival = world.rival
    cases = {
        "person": [rival["owner"].pk, rival["user"].pk, 987654321, *HOSTILE],
        "place": [rival["subaccount"].pk, 987654321, *HOSTILE],
        "area": ["nowhere", *HOSTILE],
        "channel": ["pigeon", *HOSTILE],
        "since": ["2026-13-45", "0001-01-01", "9999-12-31", *HOSTILE],
        "until": ["tomorrow", "9999-12-31", *HOSTILE],
        "request": ["a b", "x" * 65, "a\x00b"],
        "before": ["f" * 64, timeline(root_key(rival["account"])).count(), *HOSTILE],
    }
    for who in ("owner", "manager"):
        client = world.client(who)
        plain = lines(page(client))
        for name, values in cases.items():
            bodies = set()
            for value in values:
                answer = client.get(URL, {name: value})
                assert answer.status_code == 200, (name, value)
                body = html.unescape(answer.content.decode())
                assert lines(body) == plain, (name, value)
                assert 'role="alert"' in body, (name, value)
                bodies.add(re.sub(r'value="[^"]{43,}"', "", body))
            assert len(bodies) == 1, name
    both = page(world.client("owner"), "since=2026-05-02&until=2026-05-01")
    assert "The first day is after the last one" in both
    assert lines(both) == lines(page(world.client("owner")))


def test_people_and_places_out_of_sight_are_as_if_they_were_not(world: World) -> None:
    fill(world)
    client = world.client("manager")
    hidden = AuditEvent.objects.get(action="member.added").data["user"]
    south = world.places["south"].pk
    for name, key in (("person", hidden), ("place", south)):
        found, missing = page(client, f"{name}={key}"), page(client, f"{name}=987654321")
        strip = re.compile(r'value="[^"]{43,}"')
        assert strip.sub("", found) == strip.sub("", missing)


def test_who_has_left_is_found_by_the_owner(world: World) -> None:
    gone, owner = world.people["editor"], world.people["owner"]
    services.remove_member(actor=owner, membership=world.seats["editor"])
    assert lines(page(world.client("owner"), f"person={gone.pk}")) == [
        "Maria Lopez removed Editor One from North."
    ]
    body = page(world.client("manager"), f"person={gone.pk}")
    assert "There is no such person" in body


def test_hidden_events_leave_no_trace_on_a_page(world: World, monkeypatch: Any) -> None:
    """Neither a count, nor a page more, nor an address tells of what one may not know."""
    monkeypatch.setattr(history, "ROWS", 3)
    owner, seat = world.people["owner"], world.seats["full"]
    client = world.client("manager")

    def come_and_go() -> None:
        services.suspend_member(actor=owner, membership=seat)
        services.reactivate_member(actor=owner, membership=seat)

    def clean(body: str) -> str:
        return re.sub(r'value="[^"]{43,}"', "", body)

    come_and_go()
    come_and_go()
    before = clean(page(client))
    second = re.search(r'href="(/history/\?[^"]*before=[^"]*)"', before)
    assert second is not None
    older = clean(html.unescape(client.get(second[1]).content.decode()))
    for name in ("One", "Two", "Three"):
        services.rename_subaccount(actor=owner, subaccount=world.places["south"], name=name)
    assert clean(page(client)) == before
    assert clean(html.unescape(client.get(second[1]).content.decode())) == older
    assert "of the record" not in before
    assert "of the record" in page(world.client("owner"))


def test_all_pages_together_show_each_event_once(world: World, monkeypatch: Any) -> None:
    monkeypatch.setattr(history, "ROWS", 4)
    monkeypatch.setattr(history, "CHUNK", 3)
    fill(world)
    for who in ("owner", "manager"):
        client, url, seen = world.client(who), URL, []
        while url:
            body = html.unescape(client.get(url).content.decode())
            found = lines(body)
            assert len(found) <= 4
            seen += found
            older = re.search(r'class="panel-foot"><a href="([^"]*)"', body)
            url = older[1] if older else ""
        reader = Reader.of(world.people[who], world.account)
        assert len(seen) == sum(map(reader.knows, ours(world)))


def test_looking_is_bounded(world: World, monkeypatch: Any) -> None:
    monkeypatch.setattr(history, "CHUNK", 2)
    monkeypatch.setattr(history, "LOOKED_AT", 4)
    owner, client = world.people["owner"], world.client("manager")
    services.rename_subaccount(actor=owner, subaccount=world.places["north"], name="Known")
    for name in "abcdef":
        services.rename_subaccount(actor=owner, subaccount=world.places["south"], name=name)
    body = page(client)
    assert lines(body) == []
    assert "Look further back" in body
    url = re.search(r'class="panel-foot"><a href="([^"]*)"', body)
    assert url is not None
    assert lines(html.unescape(client.get(url[1]).content.decode())) == [
        "Maria Lopez renamed North to Known."
    ]


@pytest.mark.once
def test_a_page_costs_the_same_with_one_event_and_with_many(world: World) -> None:
    owner = world.people["owner"]

    def cost(who: str) -> int:
        client = world.client(who)
        client.get(URL)
        with CaptureQueriesContext(connection) as queries:
            page(client)
        return len(queries)

    def work() -> None:
        services.change_role(actor=owner, membership=world.seats["full"], role="editor")
        services.change_role(actor=owner, membership=world.seats["full"], role="full")
        services.rename_subaccount(actor=owner, subaccount=world.places["north"], name="N")
        services.rename_subaccount(actor=owner, subaccount=world.places["north"], name="North")

    work()
    before = {who: cost(who) for who in ("owner", "manager", "full")}
    for _ in range(4):
        work()
    assert {who: cost(who) for who in before} == before
    assert max(before.values()) <= 16


def test_events_of_one_request_are_found_together(world: World) -> None:
    owner, seat = world.people["owner"], world.seats["full"]
    with audit.coming(audit.API, request_id="r-1"):
        services.suspend_member(actor=owner, membership=seat)
    services.reactivate_member(actor=owner, membership=seat)
    body = page(world.client("owner"))
    assert "through the API" in body
    assert 'href="/history/?request=r-1"' in body
    assert lines(page(world.client("owner"), "request=r-1")) == ["Maria Lopez suspended Full One."]


def test_what_acted_is_named_to_the_owner_alone(world: World) -> None:
    owner, seat = world.people["owner"], world.seats["full"]
    with audit.coming(audit.API, via=world.rows["mailinglist"]):
        services.suspend_member(actor=owner, membership=seat)
    event = timeline(root_key(world.account))[0]
    assert event.via_ref == ref_of(world.rows["mailinglist"])
    assert lines(page(world.client("owner"))) == [
        "Maria Lopez through Newsletter suspended Full One."
    ]
    body = page(world.client("manager"))
    assert "Newsletter" not in body
    assert "through something that acts for them" in body


# the file


def test_the_owner_takes_out_what_fits(world: World) -> None:
    fill(world)
    client = world.client("owner")
    answer = client.post(f"{URL}export/", {"format": "csv", "area": "content"})
    assert answer.status_code == 200
    assert answer["Content-Type"].startswith("text/csv")
    rows = b"".join(answer.streaming_content).decode().strip().splitlines()
    assert len(rows) == 2
    assert "mailinglist.renamed" in rows[1]
    assert lines(page(client))[0] == "Maria Lopez exported the history of Harbor."
    refused = client.post(f"{URL}export/", {"format": "csv", "area": "nowhere"}, follow=True)
    assert "Nothing was exported" in refused.content.decode()
    assert client.post(f"{URL}export/", {"format": "exe"}).status_code == 302
    assert client.get(f"{URL}export/").status_code == 405
    assert timeline(root_key(world.account)).filter(action="audit.exported").count() == 1


def test_others_take_out_what_the_page_tells_them(world: World) -> None:
    fill(world)
    for who in ("manager", "administrator", "full", "author"):
        client = world.client(who)
        shown = page(client)
        assert "All that you may know, as a file" in shown
        answer = client.post(f"{URL}export/", {"format": "csv"})
        assert answer.status_code == 200
        body = b"".join(answer.streaming_content).decode().removeprefix("\ufeff")
        heading, *rows = csv.reader(io.StringIO(body))
        assert heading == ["at", "actor", "in_words", "channel"]
        assert [f"{row[1]} {row[2]}" for row in rows] == lines(shown)[::-1], who
        for hidden in ("south", "Hidden Person", MARKER):
            assert hidden not in body, who
    assert lines(page(world.client("full"))), "or nothing is proved"
    assert AuditEvent.objects.filter(action="audit.exported").count() == 4
    taken = client.post(f"{URL}export/", {"format": "csv", "place": world.places["south"].pk})
    assert taken.status_code == 302


def test_whoever_has_had_enough_files_is_offered_none_and_told_when_again(
    world: World, monkeypatch: Any
) -> None:
    monkeypatch.setattr(audit_export_limits, "PER_HOUR", 1)
    client, form = world.client("author"), 'aria-label="Export"'
    assert form in page(client)
    assert client.post(f"{URL}export/", {"format": "csv"}).status_code == 200
    body = page(client)
    assert form not in body
    assert re.search(r"You can again in \d+ minutes\.", body)
    refused = client.post(f"{URL}export/", {"format": "csv"}, follow=True)
    assert "No file was written. You can again in " in refused.content.decode()
    assert AuditEvent.objects.filter(action="audit.exported").count() == 1
    assert form in page(world.client("owner")), "nobody keeps anybody else from their file"
