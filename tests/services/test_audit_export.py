"""The record as a file: whose view of it, which events, in what form, and that it was taken out."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from permissions import access, audit
from permissions.errors import Invalid, NotFound
from permissions.models import AuditEvent
from teams import services
from teams.event_filters import EventFilters
from teams.event_sight import Reader
from teams.factories import UserFactory
from teams.models import Membership
from teams.services import audit_export
from teams.services.audit_export import FORMATS, export, export_as_platform
from teams.services.audit_export_limits import EXPORTED
from tests.services.world import World, world

pytestmark = pytest.mark.django_db
EVERYTHING = EventFilters()


@pytest.fixture
def w(db: Any) -> World:
    return world("emma_hq")


def added(w: World, place: Any, **person: Any) -> Membership:
    """Return a role that the owner gave, which stands in the record."""
    return services.add_member(
        consented=True,
        actor=w.owner,
        account=w.account,
        user=UserFactory(**person),
        role="full",
        subaccount=place,
    )


def taken(w: World, actor: Any, filters: EventFilters = EVERYTHING) -> list[dict[str, Any]]:
    """Return the lines in the file of ``actor``."""
    lines = export(actor=actor, account=w.account, filters=filters, fmt="jsonl")
    return [json.loads(line) for line in lines]


def record(w: World) -> list[AuditEvent]:
    return list(audit.timeline(audit.ref_of(w.account)).order_by("sequence"))


def whole(lines: Iterator[str]) -> str:
    return "".join(lines)


# whose view


def test_owner_takes_out_everything_and_each_other_what_they_know(w: World) -> None:
    manager, author = w.manager(w.north).user, w.member("author").user
    north, south = added(w, w.north), added(w, w.south)
    services.remove_member(actor=w.owner, membership=north)
    everything = record(w)
    last = everything[-1].at.isoformat()

    for actor in (w.owner, manager, author, south.user):
        access.forget()
        reader = Reader.of(actor, w.account)
        known = [event.at.isoformat() for event in everything if reader.knows(event)]
        lines = taken(w, actor)
        assert [line["at"] for line in lines if line["at"] <= last] == known
    hidden = next(e for e in everything if e.subject_ref == audit.ref_of(south))
    assert hidden.at.isoformat() not in {line["at"] for line in taken(w, manager)}
    assert taken(w, south.user) != []


def test_owner_alone_gets_what_is_stored(w: World) -> None:
    """In words others read of what is theirs to know; keys, numbers and hashes say more."""
    manager = w.manager(w.north).user
    added(w, w.south)
    added(w, w.north)
    whole_ones, told = taken(w, w.owner), taken(w, manager)

    assert {tuple(line) for line in whole_ones} == {(*audit_export.COLUMNS, "in_words")}
    assert {tuple(line) for line in told} == {audit_export.TOLD}
    assert [line["in_words"].endswith(" Full of North.") for line in told] == [True]
    assert "South" in json.dumps(whole_ones)
    for fmt in FORMATS:
        text = whole(export(actor=manager, account=w.account, filters=EVERYTHING, fmt=fmt))
        for event in record(w):
            assert event.digest not in text
        assert w.south.name not in text


@pytest.mark.parametrize("fmt", ["json", "jsonl"])
def test_whoever_has_the_file_verifies_it_without_us(w: World, fmt: str) -> None:
    """Each line hashes to its digest, and follows the one before it."""
    added(w, w.north)
    services.rename_subaccount(actor=w.owner, subaccount=w.north, name="Nördlich")
    text = whole(
        export_as_platform(
            reason="Asked for by court", account=w.account, filters=EVERYTHING, fmt=fmt
        )
    )
    rows = json.loads(text) if fmt == "json" else list(map(json.loads, text.splitlines()))
    previous = ""
    for row in rows:
        came = {
            key: row[name]
            for key, name in (
                ("channel", "channel"),
                ("request_id", "request_id"),
                ("via_label", "via"),
                ("via_ref", "via_ref"),
            )
            if row[name]
        }
        said = {
            "root": row["root"],
            "sequence": row["number"],
            "at": row["at"],
            "actor": [row["actor_ref"], row["actor"]],
            "action": row["action"],
            "subject": [row["subject_ref"], row["subject"]],
            "data": row["data"],
            "previous": row["previous"],
            **({"came": came} if came else {}),
        }
        line = json.dumps(said, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
        assert hashlib.sha256(line.encode()).hexdigest() == row["digest"]
        assert row["previous"] == previous
        previous = row["digest"]
    assert len(rows) >= 2


def test_a_file_that_would_miss_what_went_meanwhile_ends_in_a_refusal(
    w: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Kept(io.BytesIO):
        def seal(self) -> None:
            """It is in memory."""

    monkeypatch.setattr(audit_export, "BATCH", 2)
    for number in range(5):
        services.rename_subaccount(actor=w.owner, subaccount=w.north, name=f"North {number}")
    lines = export(actor=w.owner, account=w.account, filters=EVERYTHING, fmt="jsonl")
    next(lines), next(lines)
    assert audit.retain(audit.ref_of(w.account), record(w)[4].at, Kept())
    with pytest.raises(Invalid, match="taken out while the file was written"):
        next(lines)
    again = export(actor=w.owner, account=w.account, filters=EVERYTHING, fmt="jsonl")
    assert whole(again).count("\n") == len(record(w)) - 1, "all there is but this very export"


def test_who_owns_no_more_gets_nothing_more(w: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file was begun with all that is stored: it does not go on with less, it ends."""
    for _ in range(3):
        added(w, w.north)
    heir = w.member("full").user
    monkeypatch.setattr(audit_export, "BATCH", 2)
    lines = export(actor=w.owner, account=w.account, filters=EVERYTHING, fmt="jsonl")
    first = [next(lines), next(lines)]
    type(w.account).objects.filter(pk=w.account.pk).update(owner=heir)

    assert (len(first), list(lines)) == (2, [])


def test_stranger_finds_no_account_and_nothing_is_recorded(w: World) -> None:
    for actor in (UserFactory(), world("emma_hq").owner):
        with pytest.raises(NotFound):
            taken(w, actor)

    assert record(w) == []


def test_rights_that_end_while_it_is_written_end_in_the_file(
    w: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    manager = w.manager(w.north)
    for _ in range(4):
        added(w, w.north)
    monkeypatch.setattr(audit_export, "BATCH", 2)
    with access.unit_of_work():
        lines = export(actor=manager.user, account=w.account, filters=EVERYTHING, fmt="jsonl")
        first = [next(lines), next(lines)]
        Membership.objects.filter(pk=manager.pk).delete()

        assert (len(first), list(lines)) == (2, [])


# which events


def test_filters_choose_and_add_up(w: World) -> None:
    ana, ben = added(w, w.north), added(w, w.south)
    services.suspend_member(actor=w.owner, membership=ana)
    with audit.coming(audit.COMMAND):
        services.rename_subaccount(actor=w.owner, subaccount=w.south, name="Deep South")
    one, two, three, four = (event.sequence for event in record(w))

    def chosen(**asked: Any) -> list[int]:
        events = EventFilters(**asked).apply(AuditEvent.objects.filter(sequence__lte=four))
        return sorted(events.values_list("sequence", flat=True))

    assert chosen() == [one, two, three, four]
    assert chosen(person=ana.user_id) == [one, three]
    assert chosen(person=w.owner.pk) == [one, two, three, four]
    assert chosen(person=ben.user_id, action="member.") == [two]
    assert chosen(subaccount=w.south.pk) == [two, four]
    assert chosen(subaccount=w.north.pk, action="member.suspended") == [three]
    assert chosen(channel="command") == [four]
    assert chosen(channel="api") == []
    at = record(w)[1].at
    assert chosen(since=at) == [two, three, four]
    assert chosen(until=at) == [one]
    assert chosen(since=at, until=at + timedelta(microseconds=1)) == [two]
    assert (bool(EventFilters()), bool(EventFilters(person=1))) == (False, True)


NONSENSE: list[tuple[dict[str, Any], str]] = [
    ({"since": datetime(2026, 1, 1)}, "NAIVE"),  # noqa: DTZ001  (that is what is refused)
    ({"since": timezone.now(), "until": timezone.now() - timedelta(1)}, "DATES"),
    ({"action": "Role%"}, "ACTION"),
    ({"action": "\0"}, "ACTION"),
    ({"channel": "telepathy"}, "CHANNEL"),
    ({"subaccount": "north"}, "NOT_A_KEY"),
]


@pytest.mark.parametrize(("asked", "code"), NONSENSE, ids=[code for _, code in NONSENSE])
def test_nonsense_is_refused(asked: dict[str, Any], code: str) -> None:
    with pytest.raises(Invalid) as refused:
        EventFilters(**asked)
    assert refused.value.code == code


def test_unknown_format_is_refused_and_not_recorded(w: World) -> None:
    with pytest.raises(Invalid) as refused:
        export(actor=w.owner, account=w.account, filters=EVERYTHING, fmt="xml")
    assert (refused.value.code, record(w)) == ("FORMAT", [])


# in what form


@pytest.mark.parametrize("fmt", FORMATS)
def test_formats_say_the_same(w: World, fmt: str) -> None:
    added(w, w.north, first_name="=cmd()", last_name="Ünïcode")
    event = record(w)[0]
    text = whole(export(actor=w.owner, account=w.account, filters=EVERYTHING, fmt=fmt))

    if fmt == "csv":
        header, row = csv.reader(io.StringIO(text.removeprefix("\ufeff")))
        found = dict(zip(header, row, strict=True))
        found["number"], found["data"] = int(found["number"]), json.loads(found["data"])
    else:
        (found,) = json.loads(text) if fmt == "json" else map(json.loads, text.splitlines())
    assert found["number"] == event.sequence
    assert (found["action"], found["actor"]) == ("member.added", event.actor_label)
    assert (found["data"], found["digest"]) == (event.data, event.digest)
    assert datetime.fromisoformat(found["at"]) == event.at


def test_formula_is_no_formula_in_csv(w: World) -> None:
    w.owner.first_name, w.owner.last_name = "=HYPERLINK(1)", ""
    w.owner.save()
    added(w, w.north)
    text = whole(export(actor=w.owner, account=w.account, filters=EVERYTHING, fmt="csv"))

    assert '"\'=HYPERLINK(1)"' in text
    assert '"=HYPERLINK(1)"' not in text


def test_nothing_to_tell_is_an_empty_file(w: World) -> None:
    texts = {
        fmt: whole(
            export(actor=w.owner, account=w.account, filters=EventFilters(channel="api"), fmt=fmt)
        )
        for fmt in FORMATS
    }
    assert (texts["jsonl"], json.loads(texts["json"]), texts["csv"].count("\r\n")) == ("", [], 1)


def test_it_is_read_as_it_is_written(w: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A batch is asked for when the one before it has been handed out: memory stays as it is."""
    monkeypatch.setattr(audit_export, "BATCH", 3)
    for number in range(7):
        services.rename_subaccount(actor=w.owner, subaccount=w.north, name=f"North {number}")
    lines = export(actor=w.owner, account=w.account, filters=EVERYTHING, fmt="jsonl")
    counts = []
    while True:
        with CaptureQueriesContext(
            connection,
        ) as asked:
            line = next(lines, None)
        counts.append(sum("auditevent" in query["sql"] for query in asked.captured_queries))
        if line is None:
            break

    assert counts == [1, 0, 0, 1, 0, 0, 1, 1]


# that it was taken out


def test_export_stands_in_the_record_before_its_first_line(w: World) -> None:
    added(w, w.north)
    asked = EventFilters(action="member.", channel="")
    lines = export(actor=w.owner, account=w.account, filters=asked, fmt="csv")
    event = record(w)[-1]

    assert (event.action, event.actor_ref) == (EXPORTED, audit.ref_of(w.owner))
    assert event.data == {"format": "csv", "chosen": {"action": "member."}}
    assert "audit.exported" not in whole(lines), "what happens meanwhile is not in it"


def test_platform_takes_out_all_and_the_tenant_reads_why(w: World) -> None:
    added(w, w.north)
    lines = export_as_platform(
        reason="Asked for by the court", account=w.account, filters=EVERYTHING, fmt="jsonl"
    )

    assert [json.loads(line)["action"] for line in lines] == ["member.added"]
    event = record(w)[-1]
    assert (event.action, event.actor_ref) == (EXPORTED, audit.PLATFORM.ref)
    assert event.data == {
        "format": "jsonl",
        "chosen": {},
        "as_platform": True,
        "reason": "Asked for by the court",
    }


def test_platform_needs_a_reason(w: World) -> None:
    with pytest.raises(Invalid) as refused:
        export_as_platform(reason=" ", account=w.account, filters=EVERYTHING, fmt="csv")
    assert (refused.value.code, record(w)) == ("EMPTY", [])
