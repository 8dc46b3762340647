"""Files of contacts in the console: from the upload to the undoing, and who may fetch what."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone

from teams import services, uploads
from teams.admin import words
from teams.catalogue import EXPORT_CONTACTS, EXPORT_PII
from teams.factories import ContactFactory, MailingListFactory
from teams.models import Contact, ContactExport, ContactImport
from teams.models.account import TeamMode
from teams.services import export_rows, exports, import_work, transfers
from tests.console.conftest import World
from tests.console.truth_stage import Person, person_columns
from tests.engine.truth import EDITIONS
from tests.engine.truth import World as TruthWorld
from tests.services.moving import put_on
from tests.services.world import world as account_of

pytestmark = pytest.mark.django_db

IMPORTS, EXPORTS = "/teams/contactimport/", "/teams/contactexport/"
TWO = "Address,First name,id\nana@x.example,Ana,7\nben@x.example,Ben,8\n"


def file(text: str | bytes = TWO, name: str = "people.csv") -> Any:
    raw = text.encode() if isinstance(text, str) else text
    return SimpleUploadedFile(name, raw, "text/csv")


def uploaded(client: Client, place: Any, **data: Any) -> Any:
    url = f"{IMPORTS}act/upload/{place.pk}/"
    return client.post(url, {"file": file(), **data})


def the_import() -> ContactImport:
    return ContactImport.objects.latest("pk")


def test_import_from_upload_to_undo(world: World) -> None:
    client, place = world.client("full"), world.places["north"]
    answer = uploaded(client, place, mailing_list=world.rows["mailinglist"].pk)
    assert answer.status_code == 302
    page = client.get(answer["Location"]).content.decode()
    assert "Not known here, and left out: id." in page
    assert "ana@x.example" in page
    columns = {"column_0": "email", "column_1": "first_name"}
    answer = client.post(answer["Location"], columns, follow=True)
    assert "0 of 2 done" in answer.content.decode()
    import_work.run_import(the_import().pk)
    page = client.get(f"{IMPORTS}{the_import().pk}/change/").content.decode()
    assert "Undo…" in page
    assert world.rows["mailinglist"].contacts.count() == 2
    client.post(f"{IMPORTS}{the_import().pk}/act/undo/")
    import_work.run_import(the_import().pk)
    assert the_import().status == "undone"
    assert not Contact.objects.filter(email="ana@x.example").exists()


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        ({"file": file(b"PK\x03\x04rest")}, "is a workbook or an archive, not CSV"),
        ({"file": file(b"a\0b\n")}, "not text"),
        ({"file": file("Åse\n".encode("cp1252"))}, "choose Western European"),
        ({"file": file(b"")}, "The file is empty."),
        ({"file": ""}, "Choose a CSV file of at most 64 MB."),
        ({"file": file("Address\n")}, "nothing below it"),
        ({"file": file(name="a" * 201 + ".csv")}, "at most 200 characters"),
        ({"encoding": "utf-7"}, "There is no such encoding."),
        ({"mailing_list": "987654321"}, "There is no such mailing list"),
        ({"mailing_list": "\0"}, "There is no such mailing list"),
    ],
)
def test_bad_uploads_are_answered_on_the_form(
    world: World, sent: dict[str, Any], said: str
) -> None:
    answer = uploaded(world.client("full"), world.places["north"], **sent)
    assert answer.status_code == 200
    assert said in answer.content.decode()
    assert not ContactImport.objects.exists()


def test_list_of_the_rival_or_of_another_place_is_missing(world: World) -> None:
    client, north = world.client("owner"), world.places["north"]
    elsewhere = MailingListFactory(subaccount=world.places["south"], name="Hidden there")
    bodies = set()
    for key in (world.rival["mailinglist"].pk, elsewhere.pk, 987654321):
        answer = uploaded(client, north, mailing_list=key)
        assert answer.status_code == 200
        assert "There is no such mailing list" in answer.content.decode()
        bodies.add(answer.content.count(b"errornote"))
    assert bodies == {1}


def test_too_large_is_dropped_while_it_arrives(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploads, "BYTES_LIMIT", 100_000)
    large = file(b"Address\n" + b"x" * 200_000)
    answer = uploaded(world.client("full"), world.places["north"], file=large)
    assert "Choose a CSV file of at most 64 MB." in answer.content.decode()


def test_columns_that_are_not_offered_are_refused(world: World) -> None:
    client = world.client("full")
    start = uploaded(client, world.places["north"])["Location"]
    for wrong in ("subaccount", "id", "account_id", "custom:nothing", "status", "\0"):
        answer = client.post(start, {"column_0": "email", "column_2": wrong})
        assert "There is no such field in this subaccount." in answer.content.decode()
    answer = client.post(start, {"column_0": "email", "bad_rows": "ignore"})
    assert answer.status_code == 200
    assert the_import().status == "preview"


def test_upload_whose_file_has_gone_says_so(world: World) -> None:
    client = world.client("full")
    start = uploaded(client, world.places["north"])["Location"]
    transfers.drop(str(the_import().file.name))
    assert client.get(start).status_code == 403
    assert "not there any more" in client.post(start, {}).content.decode()


def test_imports_and_exports_of_others_are_not_there(world: World) -> None:
    uploaded(world.client("administrator"), world.places["north"])
    key = the_import().pk
    job = ContactExport.objects.create(
        account=world.account,
        subaccount=world.places["north"],
        created_by=world.people["administrator"],
        status="done",
        file=transfers.keep(ContactExport, io.BytesIO(b"secret")),
    )
    missing = 987654321
    for who in ("owner", "manager"):
        client = world.client(who)
        for base, own in ((IMPORTS, key), (EXPORTS, job.pk)):
            assert f"/{own}/change/" not in client.get(base).content.decode()
        for address in (
            f"{IMPORTS}%s/change/",
            f"{IMPORTS}%s/act/start/",
            f"{EXPORTS}%s/download/",
        ):
            own = job.pk if "export" in address else key
            found, none = client.get(address % own), client.get(address % missing)
            assert (found.status_code, none.status_code) == (404, 404)
            bodies = {
                answer.content.replace((address % one_key).encode(), b"#")
                for answer, one_key in ((found, own), (none, missing))
            }
            assert len(bodies) == 1
    answer = world.client("administrator").get(f"{EXPORTS}{job.pk}/download/")
    assert (answer.status_code, answer.getvalue()) == (200, b"secret")


def table(answer: Any) -> list[list[str]]:
    raw = answer.getvalue() if answer.streaming else answer.content
    return list(csv.reader(io.StringIO(raw.decode("utf-8-sig"))))


def test_small_export_is_the_answer_and_nobody_keeps_it(world: World) -> None:
    contact = ContactFactory(subaccount=world.places["north"])
    url = f"{EXPORTS}act/export/{world.places['north'].pk}/"
    answer = world.client("administrator").post(url, {"what": ""})
    assert [row[0] for row in table(answer)] == ["Address", contact.email]
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    assert "no-store, private" in answer["Cache-Control"]
    name = export_rows.file_name(ContactExport.objects.get())
    assert answer["Content-Disposition"] == f'attachment; filename="{name}"'


def test_large_export_is_fetched_when_it_is_written(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exports, "SMALL", -1)
    client = world.client("administrator")
    url = f"{EXPORTS}act/export/{world.places['north'].pk}/"
    key = f"list:{world.rows['mailinglist'].pk}"
    page = client.post(url, {"what": key}, follow=True)
    assert "being written" in page.content.decode()
    job = ContactExport.objects.get()
    address = f"{EXPORTS}{job.pk}/download/"
    assert address not in page.content.decode()
    assert client.get(address).status_code == 302
    exports.run_export(job.pk)
    assert address in client.get(f"{EXPORTS}{job.pk}/change/").content.decode()
    answer = client.get(address)
    assert "no-store, private" in answer["Cache-Control"]
    assert len(table(answer)) == 1
    seat = world.seats["administrator"]
    seat.role = "author"
    seat.save()
    assert client.get(address).status_code in (403, 404)


@pytest.mark.parametrize("what", ["list:987654321", "segment:1", "x", "list:", "list:\0"])
def test_what_is_not_offered_is_not_exported(world: World, what: str) -> None:
    url = f"{EXPORTS}act/export/{world.places['north'].pk}/"
    answer = world.client("administrator").post(url, {"what": what})
    assert (answer.status_code, ContactExport.objects.count()) == (200, 0)


def test_page_names_the_permission_that_keeps_addresses_back() -> None:
    w = account_of("sailthru", team_mode=TeamMode.OFF)
    client = Client()
    client.force_login(w.member("marketer_admin").user)
    page = client.get(f"{EXPORTS}act/export/{w.north.pk}/").content.decode()
    assert "You do not hold Addresses in exports in North" in page


def test_a_job_that_stands_still_is_continued(world: World) -> None:
    client = world.client("full")
    start = uploaded(client, world.places["north"])["Location"]
    client.post(start, {"column_0": "email"})
    job = the_import()
    address = f"{IMPORTS}{job.pk}/act/continue/"
    assert address not in client.get(f"{IMPORTS}{job.pk}/change/").content.decode()
    assert client.get(address).status_code == 403
    past = job.created_at - transfers.STALE
    ContactImport.objects.update(status="running", worker="gone", alive_at=past)
    assert address in client.get(f"{IMPORTS}{job.pk}/change/").content.decode()
    assert client.post(address).status_code == 302
    import_work.run_import(job.pk)
    assert the_import().status == "done"


def test_undo_says_until_when_and_is_not_offered_after(world: World) -> None:
    client = world.client("full")
    uploaded(client, world.places["north"])
    page, undo = (f"{IMPORTS}{the_import().pk}/{end}/" for end in ("change", "act/undo"))
    now = timezone.now()
    ContactImport.objects.update(status="done", created=1, finished_at=now)
    assert undo in client.get(page).content.decode()
    until = words.short_date(now + transfers.KEPT)
    assert f"You can undo it until {until}." in client.get(undo).content.decode()
    ContactImport.objects.update(finished_at=now - transfers.KEPT - timedelta(minutes=1))
    assert undo not in client.get(page).content.decode()
    answer = client.get(undo)
    assert answer.status_code == 403
    assert "It finished more than 7 days ago" in answer.content.decode()


def test_page_says_what_a_stopped_import_left(world: World) -> None:
    client = world.client("full")
    uploaded(client, world.places["north"])
    address = f"{IMPORTS}{the_import().pk}/change/"
    for left in (0, 3):
        ContactImport.objects.update(status="failed", left=left)
        assert ("Left as they are" in client.get(address).content.decode()) is bool(left)


def test_guest_of_a_list_imports_into_it(world: World) -> None:
    shared = world.rows["mailinglist"]
    guest = account_person(world)
    services.give_guest_access(
        actor=world.people["owner"],
        user=guest,
        obj=shared,
        permissions=["access_audience", "add_contacts"],
    )
    client = Client()
    client.force_login(guest)
    answer = client.post(f"/teams/mailinglist/{shared.pk}/act/import/", {"file": file()})
    assert answer.status_code == 302
    assert client.get(answer["Location"]).status_code == 200
    assert client.get(IMPORTS).status_code == 200


def account_person(world: World) -> Any:
    """Return somebody who writes in south and has nothing in north."""
    from teams.factories import MembershipFactory, UserFactory

    user = UserFactory()
    MembershipFactory(
        account=world.account, subaccount=world.places["south"], user=user, role="author"
    )
    return user


def columns() -> Iterator[tuple[str, str]]:
    for edition in EDITIONS:
        for column in person_columns(edition):
            yield edition, column


@pytest.mark.once
@pytest.mark.parametrize(("edition", "column"), list(columns()))
def test_addresses_leave_as_the_tables_say(edition: str, column: str) -> None:
    found = TruthWorld(edition)
    person = Person(found, column)
    for place in (found.north, found.south):
        contact = ContactFactory(subaccount=place, email="ana@x.example")
        # of the person's own, so that no team hides it from them
        put_on(MailingListFactory(subaccount=place, created_by=person.user), contact)
        answer = person.client.post(f"{EXPORTS}act/export/{place.pk}/", {"what": ""})
        is_csv = answer["Content-Type"].startswith("text/csv")
        assert is_csv is person.holds(EXPORT_CONTACTS, place)
        if is_csv:
            shows = contact.email.encode() in answer.content
            assert shows is person.holds(EXPORT_PII, place)
            assert (export_rows.hashed(contact.email).encode() in answer.content) is not shows
