"""Contacts to a file: whose, hashes or addresses, formulas, and who may fetch it when."""

from __future__ import annotations

import csv
import io
import re
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from django.core.files.storage import FileSystemStorage
from django_tasks_db.models import DBTaskResult
from hypothesis import given
from hypothesis import strategies as st

from permissions.models import AuditEvent
from teams import services
from teams.csv_files import guarded, opened, unguarded, written
from teams.factories import ContactFactory, MailingListFactory
from teams.models import Contact, ContactExport, Segment
from teams.models.account import TeamMode
from teams.services import export_rows, exports, transfers
from tests.services.moving import bring_in, field, put_on, upload
from tests.services.world import World, refused, world


@pytest.fixture
def w(db: Any) -> World:
    """Return an account without teams."""
    return world("emma_hq")


def table(content: bytes | None) -> list[list[str]]:
    assert content is not None
    return list(csv.reader(io.StringIO(content.decode("utf-8-sig"))))


def taken_out(actor: Any, where: Any, **more: Any) -> list[list[str]]:
    return table(exports.export_contacts(actor=actor, subaccount=where, **more).content)


def people(rows: list[list[str]]) -> set[str]:
    return {row[0] for row in rows[1:]}


def big(monkeypatch: pytest.MonkeyPatch, actor: Any, where: Any, **more: Any) -> ContactExport:
    """Ask for an export that is written in the background, and have it written."""
    monkeypatch.setattr(exports, "SMALL", -1)
    job = exports.export_contacts(actor=actor, subaccount=where, **more).job
    exports.run_export(job.pk)
    job.refresh_from_db()
    return job


def fetch(actor: Any, job: ContactExport) -> list[list[str]]:
    with exports.open_export(actor=actor, contact_export=job).open("rb") as file:
        return table(file.read())


# whose, and what of them


def test_export_holds_the_contacts_of_the_subaccount_and_no_others(w: World) -> None:
    field(w.north, "city")
    ana = ContactFactory(subaccount=w.north, email="ana@x.example", fields={"city": "Oslo"})
    ContactFactory(subaccount=w.north, archived_at=ana.created_at)
    ContactFactory(subaccount=w.south)
    ContactFactory(subaccount=world("emma_hq").north)
    rows = taken_out(w.member("administrator").user, w.north)
    added = f"{ana.created_at:%Y-%m-%d %H:%M}"
    assert rows == [
        ["Address", "First name", "Last name", "State", "Unsubscribed", "Added", "City"],
        ["ana@x.example", "Robin", ana.last_name, "Subscribed", "", added, "Oslo"],
    ]
    [event] = AuditEvent.objects.filter(action="contact_export.done")
    assert event.data == {"subaccount": w.north.pk, "rows": 1, "is_hashed": False}


def test_export_of_a_list_and_of_a_segment(w: World) -> None:
    found = MailingListFactory(subaccount=w.north)
    ana, ben, _cem = (
        ContactFactory(subaccount=w.north, first_name=name) for name in ("Ana", "Ben", "Cem")
    )
    put_on(found, ana, ben)
    segment = Segment.objects.create(
        account=w.account,
        subaccount=w.north,
        name="A",
        slug="a",
        mailing_list=found,
        rules={"match": "all", "rules": [{"field": "first_name", "test": "is", "value": "Ana"}]},
    )
    assert people(taken_out(w.owner, w.north, mailing_list=found)) == {ana.email, ben.email}
    assert people(taken_out(w.owner, w.north, segment=segment)) == {ana.email}


def test_export_needs_the_right_there(w: World) -> None:
    full = w.member("full").user
    with refused("OUT_OF_SCOPE"):
        exports.export_contacts(actor=full, subaccount=w.north)
    switched = w.member("full", toggles=("export_contacts",)).user
    with refused("NOT_FOUND"):
        exports.export_contacts(actor=switched, subaccount=w.south)
    elsewhere = MailingListFactory(subaccount=w.south)
    with refused("NOT_FOUND"):
        exports.export_contacts(actor=switched, subaccount=w.north, mailing_list=elsewhere)
    assert taken_out(switched, w.north)


def test_team_limited_person_takes_out_what_they_see(db: Any) -> None:
    w = world("sailthru", team_mode=TeamMode.LISTS)
    person = w.member("marketer_limited").user
    shown, hidden = MailingListFactory.create_batch(2, subaccount=w.north, created_by=w.owner)
    services.share_with_team(actor=w.owner, team=w.team(person), obj=shown)
    ana, ben = ContactFactory.create_batch(2, subaccount=w.north)
    put_on(shown, ana)
    put_on(hidden, ben)
    with refused("NOT_FOUND"):
        exports.export_contacts(actor=person, subaccount=w.north, mailing_list=hidden)
    assert people(taken_out(person, w.north)) == {export_rows.hashed(ana.email)}
    assert people(taken_out(w.owner, w.north)) == {ana.email, ben.email}


# hashes in place of addresses


def test_without_export_pii_there_is_no_address_anywhere_in_the_file(db: Any) -> None:
    w = world("sailthru", team_mode=TeamMode.OFF)
    person = w.member("marketer_admin").user
    field(w.north, "note", label="Call boss@x.example")
    for value in (
        "write to Ana@X.example today",
        "https://x.example/?to=ana%40x.example",
        "https://x.example/?to=ana%2540x.example",
        "ana&#64;x.example",
        "ana＠x.example",
        "a\u200bna@x.example",
        "A N A @ X . E X A M P L E",
        "boss@elsewhere.example",
        "fine",
    ):
        Contact.objects.all().delete()
        ContactFactory(
            subaccount=w.north, email="Ana@x.example", first_name=value, fields={"note": value}
        )
        heading, [who, first, *_rest, note] = taken_out(person, w.north)
        assert who == export_rows.hashed(" ANA@X.example ")
        assert (first, note) == (("fine",) * 2 if value == "fine" else (export_rows.LEFT_OUT,) * 2)
        assert (heading[0], heading[-1]) == ("Address (MD5)", export_rows.LEFT_OUT)


def test_hash_is_md5_of_the_trimmed_address_in_small_letters() -> None:
    # md5sum <<< of "ana@example.com" without a line break
    assert export_rows.hashed("  Ana@Example.COM ") == "cdb9d6a1dddc375a09cc83e3001598dc"


def test_name_of_the_file_holds_nothing_that_was_typed(w: World) -> None:
    found = MailingListFactory(subaccount=w.north, name="ana@x.example\r\nX: ../..")
    job = exports.export_contacts(actor=w.owner, subaccount=w.north, mailing_list=found).job
    assert re.fullmatch(r"contacts-\d{4}-\d\d-\d\d-\d+\.csv", export_rows.file_name(job))


# formulas


@pytest.mark.parametrize(
    "text",
    [
        "=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\rx", "\nx", " =1", '"=1"', "'=1", "“=1",
        "\u200b=1",        "\ufeff=1", "＝1", "＠x", "\u22121", " \t ' \" =cmd|' /C calc'!A0",
    ],
)  # fmt: skip
def test_a_cell_that_could_be_a_formula_begins_with_a_single_quote(text: str) -> None:
    assert guarded(text) == f"'{text}"
    assert written([text]).startswith("\"'")


@pytest.mark.parametrize("text", ["", "a=1", "1-2", "ana@x.example", "'quoted'", "O'Neil", "1,2"])
def test_other_cells_are_left_alone(text: str) -> None:
    assert guarded(text) == text


@given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0")), min_size=1))
def test_what_is_written_is_read_back(cells: list[str]) -> None:
    [back] = csv.reader(io.StringIO(written(cells), newline=""))
    assert [unguarded(cell) for cell in back] == cells


def test_every_text_cell_and_heading_is_guarded(w: World) -> None:
    field(w.north, "note", label="=HYPERLINK(1)")
    ContactFactory(
        subaccount=w.north,
        email="+ana@x.example",
        first_name="=1",
        last_name="@x",
        fields={"note": "-1"},
    )
    heading, row = taken_out(w.owner, w.north)
    assert heading[-1] == "'=HYPERLINK(1)"
    assert [row[0], row[1], row[2], row[-1]] == ["'+ana@x.example", "'=1", "'@x", "'-1"]


def test_an_export_is_imported_again_as_it_was(w: World) -> None:
    field(w.north, "note", label="=Note")
    odd = {"first_name": "=1+1", "last_name": "'@x", "fields": {"note": 'say "-1", ok'}}
    ContactFactory(subaccount=w.north, email="+ana@x.example", **odd)
    exported = exports.export_contacts(actor=w.owner, subaccount=w.north).content
    assert exported is not None
    job = bring_in(w.owner, w.north, exported, mapping={"=Note": "custom:note"})
    assert (job.status, job.created, job.updated) == ("done", 0, 0)
    field(w.south, "note", label="=Note")
    bring_in(w.owner, w.south, exported, mapping={"=Note": "custom:note"})
    copy = w.south.contacts.get()
    assert {name: getattr(copy, name) for name in odd} == odd


# in the background


def test_large_export_is_written_by_a_worker_and_fetched(
    w: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    contacts = ContactFactory.create_batch(5, subaccount=w.north)
    monkeypatch.setattr(exports, "BATCH", 2)
    job = big(monkeypatch, w.owner, w.north)
    assert (job.status, job.rows_done, job.is_hashed) == ("done", 5, False)
    assert people(fetch(w.owner, job)) == {c.email for c in contacts}


def test_export_is_fetched_by_nobody_else(w: World, monkeypatch: pytest.MonkeyPatch) -> None:
    admin = w.member("administrator").user
    job = big(monkeypatch, admin, w.north)
    for other in (w.owner, w.member("administrator").user, world("emma_hq").owner):
        with refused("NOT_FOUND"):
            exports.open_export(actor=other, contact_export=job)
        with refused("NOT_FOUND"):
            exports.discard_export(actor=other, contact_export=job)


def test_rights_are_asked_again_when_it_is_fetched(
    w: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    seat = w.member("administrator")
    job = big(monkeypatch, seat.user, w.north)
    assert fetch(seat.user, job)
    seat.role = "author"
    seat.save()
    with refused("OUT_OF_SCOPE"):
        exports.open_export(actor=seat.user, contact_export=job)


def test_file_with_addresses_is_refused_once_export_pii_is_lost(
    db: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    w = world("sailthru", team_mode=TeamMode.OFF)
    seat = w.member(w.custom("access_audience", "export_pii"))
    plain = big(monkeypatch, seat.user, w.north)
    assert not plain.is_hashed
    seat.custom_role.permissions = ["access_audience"]
    seat.custom_role.save()
    with refused("OUT_OF_SCOPE"):
        exports.open_export(actor=seat.user, contact_export=plain)
    assert fetch(seat.user, big(monkeypatch, seat.user, w.north))


def test_file_with_contacts_that_teams_hide_by_now_is_refused(
    db: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    w = world("sailthru", team_mode=TeamMode.LISTS)
    person = w.member("marketer_limited").user
    one, two = MailingListFactory.create_batch(2, subaccount=w.north, created_by=w.owner)
    team = w.team(person)
    for found in (one, two):
        services.share_with_team(actor=w.owner, team=team, obj=found)
    job = big(monkeypatch, person, w.north)
    assert fetch(person, job)
    services.unshare_with_team(actor=w.owner, team=team, obj=two)
    with refused("SIGHT"):
        exports.open_export(actor=person, contact_export=job)


def test_export_stops_when_rights_change_while_it_is_written(
    w: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    ContactFactory.create_batch(5, subaccount=w.north)
    monkeypatch.setattr(exports, "SMALL", -1)
    monkeypatch.setattr(exports, "BATCH", 2)
    seat = w.member("administrator")
    job = exports.export_contacts(actor=seat.user, subaccount=w.north).job

    def revoke(_job: ContactExport) -> None:
        seat.role = "author"
        seat.save()

    before = kept()
    exports.run_export(job.pk, progress=revoke)
    job.refresh_from_db()
    assert (job.status, bool(job.file)) == ("failed", False)
    assert "Export contacts" in job.problem
    assert kept() == before


def test_export_that_breaks_at_the_same_row_each_time_is_given_up(
    w: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    ContactFactory.create_batch(5, subaccount=w.north)
    monkeypatch.setattr(exports, "SMALL", -1)
    monkeypatch.setattr(exports, "BATCH", 2)
    job = exports.export_contacts(actor=w.owner, subaccount=w.north).job
    broke = []

    def breaks(job: ContactExport) -> None:
        if job.rows_done == 4:
            broke.append(job.attempts)
            raise RuntimeError

    for _ in range(3 * transfers.ATTEMPTS):
        with suppress(RuntimeError):
            exports.run_export(job.pk, progress=breaks)
    job.refresh_from_db()
    assert broke == [1, 2, 3]
    assert (job.status, bool(job.file)) == ("failed", False)
    assert job.problem.startswith("It was begun several times")


@pytest.mark.parametrize("what", ["list", "segment"])
def test_export_of_what_is_gone_is_not_one_of_everything(
    w: World, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    monkeypatch.setattr(exports, "SMALL", -1)
    ContactFactory(subaccount=w.north)
    found = MailingListFactory(subaccount=w.north)
    segment = Segment.objects.create(
        account=w.account, subaccount=w.north, name="A", slug="a", mailing_list=found
    )
    which: dict[str, Any] = {"list": {"mailing_list": found}, "segment": {"segment": segment}}
    job = exports.export_contacts(actor=w.owner, subaccount=w.north, **which[what]).job
    (found if what == "list" else segment).delete()
    exports.run_export(job.pk)
    job.refresh_from_db()
    assert (job.status, bool(job.file)) == ("failed", False)


def kept() -> set[str]:
    """Return the files there are."""
    try:
        return set(transfers.storage().listdir("contactexport")[1])
    except FileNotFoundError:
        return set()


class FullDisk(FileSystemStorage):
    """Keeps the first bytes of a file, and then there is no room left."""

    def _save(self, name: str, content: Any) -> str:
        content.seek(0)
        super()._save(name, type(content)(io.BytesIO(content.read(10))))
        with open("/dev/full", "wb", buffering=0) as full:
            full.write(b"x")
        return name


def test_full_disk_stops_an_export_and_leaves_no_half_file(
    w: World, monkeypatch: pytest.MonkeyPatch, settings: Any, tmp_path: Any
) -> None:
    disk = FullDisk(location=tmp_path)
    monkeypatch.setattr(transfers, "storage", lambda: disk)
    ContactFactory(subaccount=w.north)
    job = big(monkeypatch, w.owner, w.north)
    assert (job.status, bool(job.file)) == ("failed", False)
    assert "No space left on device" in job.problem
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_full_disk_refuses_an_upload(
    w: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    monkeypatch.setattr(transfers, "storage", lambda: FullDisk(location=tmp_path))
    with refused("NO_SPACE"):
        bring_in(w.owner, w.north, "Address\nana@x.example\n")
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_old_files_are_removed(w: World, monkeypatch: pytest.MonkeyPatch) -> None:
    job = big(monkeypatch, w.owner, w.north)
    name = job.file.name
    ContactExport.objects.update(created_at=job.created_at - transfers.KEPT * 2)
    transfers.prune()
    job.refresh_from_db()
    assert not transfers.storage().exists(name)
    with refused("GONE"):
        exports.open_export(actor=w.owner, contact_export=job)


def test_file_is_not_handed_out_once_it_is_old_though_nobody_removed_it(
    w: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = big(monkeypatch, w.owner, w.north)
    age = job.created_at - transfers.KEPT
    ContactExport.objects.update(created_at=age + timedelta(minutes=1))
    assert fetch(w.owner, job)
    ContactExport.objects.update(created_at=age - timedelta(minutes=1))
    with refused("GONE"):
        exports.open_export(actor=w.owner, contact_export=job)


def test_every_file_is_removed_in_time_though_nothing_else_is_asked_for(
    w: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = big(monkeypatch, w.owner, w.north)
    upload(w.owner, w.north, "Address\nana@example.com\n")
    planned = DBTaskResult.objects.filter(task_path=transfers.prune_later.module_path)
    assert planned.count() == 2
    assert min(planned.values_list("run_after", flat=True)) > job.created_at + transfers.KEPT
    ContactExport.objects.update(created_at=job.created_at - transfers.KEPT * 2)
    transfers.prune_later.call()
    assert not transfers.storage().exists(job.file.name)


def test_file_of_a_sheet_can_be_read(w: World) -> None:
    ContactFactory(subaccount=w.north, email="ana@x.example")
    content = exports.export_contacts(actor=w.owner, subaccount=w.north).content
    assert content is not None
    with opened(io.BytesIO(content)) as sheet:
        assert sheet.headings[0] == "Address"
        assert [record.cells[0] for record in sheet.rows] == ["ana@x.example"]
