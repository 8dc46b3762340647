"""Contacts from a file: who may, what a row does, all or nothing, undone, and what is not told."""

from __future__ import annotations

import io
from datetime import timedelta
from typing import Any

import pytest
from django.core.files import File
from django.db import connection
from django.utils import timezone

from permissions.errors import Invalid
from permissions.models import AuditEvent
from teams import services
from teams.factories import CampaignFactory, ContactFactory, MailingListFactory
from teams.models import Contact, ContactImport, Delivery, ImportedRow
from teams.models.account import TeamMode
from teams.services import import_undo, import_work, imports, transfers
from teams.services.contacts import CANNOT_ADD
from teams.services.import_rows import guess, targets
from tests.services.moving import (
    addresses,
    bring_in,
    field,
    put_on,
    start,
    undo,
    upload,
)
from tests.services.world import World, refused, world

pytestmark = pytest.mark.django_db

TWO = "Address,First name\nana@example.com,Ana\nben@example.com,Ben\n"


@pytest.fixture
def w() -> World:
    """Return an account without teams."""
    return world("emma_hq")


@pytest.fixture
def full(w: World) -> Any:
    """Return somebody who may add and see contacts in north."""
    return w.member("full").user


def events(action: str) -> list[dict[str, Any]]:
    return [event.data for event in AuditEvent.objects.filter(action=f"contact_import.{action}")]


def limited() -> tuple[World, Any, Any, Any]:
    """Return a world with teams, a limited person, a list they see and one they do not."""
    w = world("sailthru", team_mode=TeamMode.LISTS)
    person = w.member("marketer_limited").user
    shown, hidden = MailingListFactory.create_batch(2, subaccount=w.north, created_by=w.owner)
    services.share_with_team(actor=w.owner, team=w.team(person), obj=shown)
    return w, person, shown, hidden


# what a row does


def test_import_adds_contacts_and_puts_them_on_the_list(w: World, full: Any) -> None:
    found = MailingListFactory(subaccount=w.north)
    job = bring_in(full, found, TWO)
    assert (job.status, job.created, job.updated, job.rejected) == ("done", 2, 0, 0)
    assert {(c.email, c.first_name) for c in found.contacts.all()} == {
        ("ana@example.com", "Ana"),
        ("ben@example.com", "Ben"),
    }
    assert events("done") == [
        {"subaccount": w.north.pk, "created": 2, "updated": 0, "rejected": 0, "left": 0}
    ]


def test_import_changes_what_is_there_and_keeps_what_the_row_leaves_empty(
    w: World, full: Any
) -> None:
    field(w.north, "city")
    ana = ContactFactory(
        subaccount=w.north, email="Ana@Example.com", first_name="A", last_name="Old",
        fields={"city": "Rome", "size": "3"},
    )  # fmt: skip
    text = "Address,First name,Last name,City\nana@example.COM,Ana,,Oslo\n"
    job = bring_in(full, w.north, text, mapping={"City": "custom:city"})
    ana.refresh_from_db()
    assert (job.created, job.updated) == (0, 1)
    assert (ana.email, ana.first_name, ana.last_name) == ("Ana@Example.com", "Ana", "Old")
    assert ana.fields == {"city": "Oslo", "size": "3"}


def test_the_same_file_twice_changes_nothing_the_second_time(w: World, full: Any) -> None:
    bring_in(full, w.north, TWO)
    job = bring_in(full, w.north, TWO)
    assert (job.status, job.created, job.updated) == ("done", 0, 0)
    assert Contact.objects.count() == 2


def test_import_never_subscribes_anybody_again(w: World, full: Any) -> None:
    ana = ContactFactory(
        subaccount=w.north,
        email="ana@example.com",
        status="unsubscribed",
        unsubscribed_at=timezone.now(),
    )
    text = "Address,First name,status,unsubscribed_at\nana@example.com,Anna,subscribed,\n"
    bring_in(full, MailingListFactory(subaccount=w.north), text)
    before = ana.unsubscribed_at
    ana.refresh_from_db()
    assert (ana.first_name, ana.status, ana.unsubscribed_at) == ("Anna", "unsubscribed", before)


def test_import_knows_an_address_whichever_way_its_domain_is_written(w: World, full: Any) -> None:
    known = services.add_contact(actor=w.owner, where=w.north, email="ana@bücher.example")
    ContactFactory(
        subaccount=w.north,
        email="ben@bücher.example",
        status="unsubscribed",
        archived_at=timezone.now(),
    )
    gone = Contact.objects.get(email="ben@bücher.example")
    services.purge_item(actor=w.owner, obj=gone, confirm=str(gone))
    text = "Address,First name\nANA@xn--bcher-kva.example,Anna\nben@xn--bcher-kva.example,Ben\n"
    bring_in(full, w.north, text)
    known.refresh_from_db()
    assert known.first_name == "Anna"
    assert {c.email: c.status for c in Contact.objects.exclude(pk=known.pk)} == {
        "ben@xn--bcher-kva.example": "unsubscribed"
    }
    twice = "Address\nleo@bücher.example\nleo@xn--bcher-kva.example\n"
    assert bring_in(full, w.north, twice, skips_errors=True).rejected == 1


def test_import_subscribes_nobody_who_unsubscribed_and_was_purged(w: World, full: Any) -> None:
    gone = ContactFactory(
        subaccount=w.north,
        email="Ana@example.com",
        status="unsubscribed",
        archived_at=timezone.now(),
    )
    services.purge_item(actor=w.owner, obj=gone, confirm=str(gone))
    job = bring_in(full, w.north, TWO)
    assert {c.email: c.status for c in Contact.objects.all()} == {
        "ana@example.com": "unsubscribed",
        "ben@example.com": "subscribed",
    }
    assert undo(full, job).left == 0
    assert not Contact.objects.exists()
    bring_in(full, w.north, TWO)
    assert Contact.objects.get(email="ana@example.com").status == "unsubscribed"


@pytest.mark.parametrize("name", ["id", "pk", "subaccount", "account", "owner", "role", "lists"])
def test_columns_named_as_ours_are_unknown_and_set_nothing(w: World, full: Any, name: str) -> None:
    other = world("emma_hq")
    victim = ContactFactory(subaccount=other.north)
    headings = ["Address", name]
    assert guess(headings, targets(w.north)) == {"Address": "email", name: ""}
    job = upload(full, w.north, f"Address,{name}\nana@example.com,{victim.pk}\n")
    with refused("MAPPING"):
        start(full, job, mapping={name: name})
    start(full, job)
    import_work.run_import(job.pk)
    ana = Contact.objects.get(email="ana@example.com")
    assert ana.pk != victim.pk
    assert (ana.subaccount, ana.account) == (w.north, w.account)
    assert addresses(other.north) == {victim.email}


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("nobody,x,1", "must be an e-mail address"),
        (",x,1", "must be an e-mail address"),
        ("d41d8cd98f00b204e9800998ecf8427e,x,1", "is a hash of one"),
        ("ſam@example.com,x,1", "must be an e-mail address"),
        (f"{'a' * 250}@example.com,x,1", "at most 254"),
        (f"eve@example.com,{'x' * 81},1", "at most 80"),
        ("eve@example.com,x\u202ey\x7f".replace("\x7f", "\u0085"), "The row has 2 cells"),
        ('eve@example.com,"x\ny",1', "line breaks"),
        ("eve@example.com,x,many", "must be a number"),
        ("eve@example.com,x", "The row has 2 cells; the heading line has 3"),
        ("eve@example.com,x,1,2", "The row has 4 cells"),
        ("ANA@example.com,x,1", "The same address is in line 2"),
    ],
)
def test_bad_rows_are_named_by_line_and_left_out_by_choice(
    w: World, full: Any, row: str, said: str
) -> None:
    field(w.north, "size", "number")
    text = f"Address,First name,Size\nana@example.com,Ana,2\n{row}\nben@example.com,Ben,\n"
    mapping = {"Size": "custom:size"}
    stopped = bring_in(full, w.north, text, mapping=mapping)
    assert (stopped.status, stopped.rejected, stopped.rows_done) == ("failed", 1, 0)
    assert addresses(w.north) == set()
    [[line, sentence]] = stopped.errors
    assert line == 3
    assert said in sentence

    again = start(full, stopped, mapping=mapping, skips_errors=True)
    import_work.run_import(again.pk)
    again.refresh_from_db()
    assert (again.status, again.created, again.rejected) == ("done", 2, 1)
    assert addresses(w.north) == {"ana@example.com", "ben@example.com"}


def test_a_hundred_errors_are_kept_and_all_are_counted(w: World, full: Any) -> None:
    text = "Address\n" + "nobody\n" * 1500
    job = bring_in(full, w.north, text, skips_errors=True)
    assert (job.rejected, len(job.errors), job.created) == (1500, 100, 0)
    assert job.errors[-1][0] == 101


# who may


def test_import_needs_add_contacts_at_every_step(w: World) -> None:
    nobody = w.member("author").user
    with refused("OUT_OF_SCOPE"):
        upload(nobody, w.north, TWO)
    full = w.member("full")
    job = upload(full.user, w.north, TWO)
    full.delete()
    with refused("NOT_FOUND"):
        start(full.user, job)


def test_import_of_somebody_else_is_not_there(w: World, full: Any) -> None:
    job = upload(w.owner, w.north, TWO)
    with refused("NOT_FOUND"):
        start(full, job)
    with refused("NOT_FOUND"):
        imports.discard_import(actor=full, contact_import=job)
    with refused("NOT_FOUND"):
        imports.undo_import(actor=full, contact_import=job)


def test_list_of_another_place_is_not_there(w: World, full: Any) -> None:
    elsewhere = MailingListFactory(subaccount=w.south)
    with refused("NOT_FOUND"):
        upload(full, w.north, TWO, mailing_list=elsewhere)
    foreign = MailingListFactory()
    with refused("NOT_FOUND"):
        upload(full, foreign, TWO)


def test_rights_are_asked_again_in_every_batch(w: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(import_work, "BATCH", 1)
    seat = w.member("full")
    job = start(seat.user, upload(seat.user, w.north, TWO), skips_errors=True)

    def revoke(_job: ContactImport) -> None:
        seat.role = "author"
        seat.save()

    import_work.run_import(job.pk, progress=revoke)
    job.refresh_from_db()
    assert (job.status, job.created, job.rows_done) == ("failed", 1, 1)
    assert "it needs Add contacts in North" in job.problem
    assert addresses(w.north) == {"ana@example.com"}


def test_all_or_nothing_takes_back_what_was_written_when_it_cannot_go_on(
    w: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(import_work, "BATCH", 1)
    seat = w.member("full")
    ben = ContactFactory(subaccount=w.north, email="ben@example.com", first_name="B")
    job = start(seat.user, upload(seat.user, w.north, TWO + "cem@example.com,Cem\n"))

    def revoke(job: ContactImport) -> None:
        if job.rows_done == 2 and job.status == "running":
            assert addresses(w.north) == {"ana@example.com", "ben@example.com"}
            seat.delete()

    import_work.run_import(job.pk, progress=revoke)
    job.refresh_from_db()
    ben.refresh_from_db()
    assert job.status == "failed"
    assert job.problem.endswith("Nothing was imported.")
    assert (addresses(w.north), ben.first_name) == ({"ben@example.com"}, "B")


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), ValueError("x")])
def test_trouble_with_anything_but_the_file_is_not_a_file_that_has_gone(
    w: World, full: Any, error: Exception
) -> None:
    job = start(full, upload(full, w.north, TWO))

    def breaks(_job: ContactImport) -> None:
        raise error

    with pytest.raises(type(error)):
        import_work.run_import(job.pk, progress=breaks)
    import_work.run_import(job.pk)
    job.refresh_from_db()
    assert (job.status, job.created) == ("done", 2)


def test_file_that_cannot_be_opened_or_read_on_has_gone(
    w: World, full: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Torn(io.BytesIO):
        def read1(self, size: int | None = -1) -> bytes:
            if self.tell() > 8:
                raise OSError(5, "Input/output error")
            return super().read1(8)

    gone, torn = (start(full, upload(full, w.north, TWO)) for _ in range(2))
    transfers.drop(str(gone.file.name))
    import_work.run_import(gone.pk)
    raw = Torn(TWO.encode())
    monkeypatch.setattr(transfers.storage(), "open", lambda *_: File(raw))
    import_work.run_import(torn.pk)
    for job in (gone, torn):
        job.refresh_from_db()
        assert job.status == "failed"
        assert job.problem.startswith("The file is not there any more.")


@pytest.mark.parametrize(
    ("count", "said"),
    [(1, "1 contact that was changed meanwhile was left."), (2, "2 contacts that were changed")],
)
def test_all_or_nothing_says_what_it_could_not_take_back(
    w: World, full: Any, monkeypatch: pytest.MonkeyPatch, count: int, said: str
) -> None:
    monkeypatch.setattr(import_work, "BATCH", 2)
    job = start(full, upload(full, w.north, TWO + "cem@example.com,Cem\n"))

    def meddle(job: ContactImport) -> None:
        if job.rows_done == 2 and job.status == "running":
            keys = w.north.contacts.values_list("pk", flat=True)[:count]
            Contact.objects.filter(pk__in=list(keys)).update(last_name="Changed")
            raise Invalid("The rest cannot be read.")

    import_work.run_import(job.pk, progress=meddle)
    job.refresh_from_db()
    assert (job.status, job.left, w.north.contacts.count()) == ("failed", count, count)
    assert job.problem.startswith(f"The rest cannot be read. It was taken back, but {said}")
    assert "Nothing was imported" not in job.problem


@pytest.mark.parametrize(("skips", "left"), [(False, set()), (True, {"ana@example.com"})])
def test_import_that_breaks_at_the_same_row_each_time_is_given_up(
    w: World, full: Any, monkeypatch: pytest.MonkeyPatch, skips: bool, left: set[str]
) -> None:
    monkeypatch.setattr(import_work, "BATCH", 1)
    job = start(full, upload(full, w.north, TWO), skips_errors=skips)
    writes = import_work.write

    def breaks(work: Any, job: Any, batch: Any, to: Any) -> Any:
        if batch.rows[0].key == "ben@example.com":
            raise RuntimeError
        return writes(work, job, batch, to)

    monkeypatch.setattr(import_work, "write", breaks)
    assert begun_again(job) == transfers.ATTEMPTS + 1  # the first got further
    job.refresh_from_db()
    assert (job.status, addresses(w.north)) == ("failed", left)
    assert job.problem.startswith("It was begun several times")
    assert job.problem.endswith("Nothing was imported.") is not skips


def test_check_and_undo_that_break_each_time_are_given_up(
    w: World, full: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = bring_in(full, w.north, TWO)
    imports.undo_import(actor=full, contact_import=done)
    checked = start(full, upload(full, w.north, TWO))

    def breaks(*_args: Any, **_more: Any) -> Any:
        raise RuntimeError

    monkeypatch.setattr(import_work, "look_up", breaks)
    monkeypatch.setattr(import_undo, "suppressed", breaks)
    for job in (checked, done):
        assert begun_again(job) == transfers.ATTEMPTS
        job.refresh_from_db()
        assert (job.status, job.problem[:18]) == ("failed", "It was begun sever")


def begun_again(job: ContactImport) -> int:
    """Carry out ``job`` as often as it breaks, and some; return how often it broke."""
    broke = 0
    for _ in range(3 * transfers.ATTEMPTS):
        try:
            import_work.run_import(job.pk)
        except RuntimeError:
            broke += 1
    return broke


@pytest.mark.parametrize("skips", [True, False])
def test_field_that_goes_while_an_import_runs_is_not_written_any_more(
    w: World, full: Any, monkeypatch: pytest.MonkeyPatch, skips: bool
) -> None:
    monkeypatch.setattr(import_work, "BATCH", 1)
    city = field(w.north, "city")
    text = "Address,City\nana@example.com,Rome\nben@example.com,Oslo\n"
    job = start(
        full, upload(full, w.north, text), mapping={"City": "custom:city"}, skips_errors=skips
    )

    def remove(job: ContactImport) -> None:
        if job.created and city.pk:
            services.delete_field(actor=w.owner, field=city)
            city.pk = None

    import_work.run_import(job.pk, progress=remove)
    job.refresh_from_db()
    assert job.rejected == 1
    if skips:
        assert job.errors == [[3, "A chosen field is not there any more."]]
        assert [(c.email, c.fields) for c in Contact.objects.all()] == [("ana@example.com", {})]
    else:
        assert (job.status, Contact.objects.count()) == ("failed", 0)
        assert job.problem == "1 row is bad, and it is all or nothing. Nothing was imported."


def test_switched_off_login_and_archived_place_stop_an_import(w: World) -> None:
    for stop in ("login", "place", "list"):
        seat = w.member("full")
        to = MailingListFactory(subaccount=w.north)
        job = start(seat.user, upload(seat.user, to, TWO))
        match stop:
            case "login":
                seat.user.is_active = False
                seat.user.save()
            case "place":
                w.north.archived_at = timezone.now()
                w.north.save()
            case _:
                w.north.archived_at = None
                w.north.save()
                to.delete()
        import_work.run_import(job.pk)
        job.refresh_from_db()
        assert (job.status, Contact.objects.count()) == ("failed", 0)
        w.north.archived_at = None
        w.north.save()


def test_guest_of_a_list_imports_into_it_and_nowhere_else(w: World) -> None:
    guest = w.member("author", w.south).user
    shared = MailingListFactory(subaccount=w.north)
    services.give_guest_access(
        actor=w.owner,
        user=guest,
        obj=shared,
        permissions=["access_audience", "view_contacts", "add_contacts"],
    )
    assert bring_in(guest, shared, TWO).created == 2
    with refused("NOT_FOUND"):
        upload(guest, w.north, TWO)
    other = MailingListFactory(subaccount=w.north)
    with refused("NOT_FOUND"):
        upload(guest, other, TWO)


# what is not told


def test_team_limited_person_needs_a_list_they_see() -> None:
    w, person, shown, hidden = limited()
    with refused("LIST_NEEDED"):
        upload(person, w.north, TWO)
    with refused("NOT_FOUND"):
        upload(person, hidden, TWO)
    assert bring_in(person, shown, TWO).created == 2


def test_hidden_contact_is_a_bad_row_that_tells_nothing_but_that_it_is_known() -> None:
    w, person, shown, hidden = limited()
    contact = ContactFactory(subaccount=w.north, email="ana@example.com", first_name="Secret")
    put_on(hidden, contact)
    text = "Address,First name\nana@example.com,Mine\n"
    job = bring_in(person, shown, text)
    assert (job.status, job.created, job.updated, job.rejected) == ("failed", 0, 0, 1)
    assert job.errors == [[2, CANNOT_ADD]]

    job = bring_in(person, shown, text + "zoe@example.com,Zoe\n", skips_errors=True)
    assert (job.status, job.created, job.updated, job.rejected) == ("done", 1, 0, 1)
    contact.refresh_from_db()
    assert (contact.first_name, addresses(w.north)) == (
        "Secret",
        {"ana@example.com", "zoe@example.com"},
    )
    assert [row.email for row in shown.contacts.all()] == ["zoe@example.com"]
    done = undo(person, job)
    assert (done.status, done.left) == ("undone", 0)
    assert addresses(w.north) == {"ana@example.com"}


def test_undoing_tells_no_guest_which_addresses_were_known(w: World) -> None:
    guest = w.member("author", w.south).user
    to = MailingListFactory(subaccount=w.north)
    ContactFactory(subaccount=w.north, email="ana@example.com")
    services.give_guest_access(actor=w.owner, user=guest, obj=to, permissions=["add_contacts"])
    job = bring_in(guest, to, TWO, skips_errors=True)
    assert (job.created, job.rejected) == (1, 1)
    done = undo(guest, job)
    assert (done.status, done.left) == ("undone", 0)
    assert not to.contacts.exists()


def test_contact_that_was_seen_and_put_on_by_who_may_not_change_it_stays_as_it_is(
    w: World,
) -> None:
    guest = w.member("author", w.south).user
    to, other = MailingListFactory.create_batch(2, subaccount=w.north)
    contact = ContactFactory(subaccount=w.north, email="ana@example.com", first_name="A")
    put_on(other, contact)
    for obj, held in ((to, "add_contacts"), (other, "view_contacts")):
        services.give_guest_access(actor=w.owner, user=guest, obj=obj, permissions=[held])
    job = bring_in(guest, to, TWO)
    contact.refresh_from_db()
    assert (job.created, job.updated, contact.first_name) == (1, 1, "A")
    assert contact in to.contacts.all()


def test_undo_takes_off_the_list_whom_the_guest_does_not_see_any_more(w: World) -> None:
    guest = w.member("author", w.south).user
    to, other = MailingListFactory.create_batch(2, subaccount=w.north)
    moment = timezone.now()
    contact = ContactFactory(subaccount=w.north, email="ana@example.com", archived_at=moment)
    put_on(other, contact)
    for obj, held in ((to, "add_contacts"), (other, "view_contacts")):
        services.give_guest_access(actor=w.owner, user=guest, obj=obj, permissions=[held])
    job = bring_in(guest, to, "Address\nana@example.com\n")
    contact.refresh_from_db()
    assert (job.updated, contact.archived_at, to.contacts.count()) == (1, None, 1)
    services.withdraw_guest_access(actor=w.owner, user=guest, obj=other)
    done = undo(guest, job)
    contact.refresh_from_db()
    assert (done.left, contact.archived_at, to.contacts.count()) == (0, moment, 0)


def test_archived_contact_is_brought_back_and_put_away_again(w: World, full: Any) -> None:
    moment = timezone.now()
    contact = ContactFactory(subaccount=w.north, email="ana@example.com", archived_at=moment)
    job = bring_in(full, w.north, "Address\nana@example.com\n")
    contact.refresh_from_db()
    assert (contact.is_archived, job.updated) == (False, 1)
    undo(full, job)
    contact.refresh_from_db()
    assert contact.archived_at == moment


def test_who_adds_without_seeing_adds_nobody_who_is_there() -> None:
    w = world("emma_hq")
    person = w.member("author", w.south).user
    services.give_guest_access(
        actor=w.owner, user=person, obj=w.north, permissions=["add_contacts"]
    )
    contact = ContactFactory(subaccount=w.north, email="ana@example.com", first_name="Secret")
    job = bring_in(person, w.north, TWO, skips_errors=True)
    contact.refresh_from_db()
    assert (job.created, job.updated, contact.first_name) == (1, 0, "Secret")
    assert job.errors == [[2, CANNOT_ADD]]


def test_whoever_sees_masked_addresses_does_not_import() -> None:
    w = world("sailthru", team_mode=TeamMode.OFF, masks_addresses=True)
    person = w.member("marketer_admin").user
    with refused("OUT_OF_SCOPE"):
        upload(person, w.north, TWO)
    assert bring_in(w.owner, w.north, TWO).created == 2


# undone


def test_undo_removes_what_was_added_and_puts_back_what_was_changed(w: World, full: Any) -> None:
    field(w.north, "city")
    to = MailingListFactory(subaccount=w.north)
    ben = ContactFactory(subaccount=w.north, email="ben@example.com", first_name="B")
    text = "Address,First name,City\nana@example.com,Ana,Oslo\nben@example.com,Ben,Bonn\n"
    job = bring_in(full, to, text, mapping={"City": "custom:city"})
    assert (job.created, job.updated, to.contacts.count()) == (1, 1, 2)
    done = undo(full, job)
    ben.refresh_from_db()
    assert (done.status, done.left, done.problem) == ("undone", 0, "")
    assert (ben.first_name, ben.fields, to.contacts.count()) == ("B", {}, 0)
    assert addresses(w.north) == {"ben@example.com"}
    assert not ImportedRow.objects.exists()
    with refused("ALREADY_SO"):
        imports.undo_import(actor=full, contact_import=job)


def test_undo_leaves_what_was_changed_since_and_counts_it(w: World, full: Any) -> None:
    to, other = MailingListFactory.create_batch(2, subaccount=w.north)
    names = ("renamed", "gone", "listed", "mailed", "filed", "kept")
    text = "Address,First name\n" + "".join(f"{n}@example.com,{n}\n" for n in names)
    changed = ContactFactory(subaccount=w.north, email="kept@example.com", first_name="Before")
    job = bring_in(full, to, text)
    by = {c.email.partition("@")[0]: c for c in to.contacts.all()}
    Contact.objects.filter(pk=by["renamed"].pk).update(last_name="New")
    Contact.objects.filter(pk=by["gone"].pk).update(status="unsubscribed")
    Contact.objects.filter(pk=by["filed"].pk).update(archived_at=timezone.now())
    Contact.objects.filter(pk=changed.pk).update(first_name="Since")
    put_on(other, by["listed"])
    campaign = CampaignFactory(subaccount=w.north, mailing_list=to)
    Delivery.objects.create(subaccount=w.north, campaign=campaign, contact=by["mailed"])
    done = undo(full, job)
    assert (done.status, done.left) == ("undone", 6)
    assert addresses(w.north) == {f"{n}@example.com" for n in names}
    changed.refresh_from_db()
    assert changed.first_name == "Since"


def test_undo_asks_for_the_right_again(w: World) -> None:
    seat = w.member("full")
    job = bring_in(seat.user, w.north, TWO)
    seat.role = "author"
    seat.save()
    with refused("OUT_OF_SCOPE"):
        imports.undo_import(actor=seat.user, contact_import=job)


def test_import_is_undone_for_seven_days_and_not_after(w: World, full: Any) -> None:
    job = bring_in(full, w.north, TWO)
    assert job.finished_at is not None
    age = job.finished_at - transfers.KEPT
    ContactImport.objects.update(created_at=age - transfers.KEPT)  # the end counts
    ContactImport.objects.update(finished_at=age - timedelta(minutes=1))
    with refused("TOO_LATE"):
        imports.undo_import(actor=full, contact_import=job)
    assert Contact.objects.count() == 2
    ContactImport.objects.update(finished_at=age + timedelta(minutes=1))
    assert undo(full, job).status == "undone"


def test_discarding_an_upload_removes_its_file(
    w: World, full: Any, django_capture_on_commit_callbacks: Any
) -> None:
    job = upload(full, w.north, TWO)
    name = job.file.name
    assert transfers.storage().exists(name)
    with django_capture_on_commit_callbacks(execute=True):
        imports.discard_import(actor=full, contact_import=job)
    assert not transfers.storage().exists(name)
    done = bring_in(full, w.north, TWO)
    with refused("ALREADY_SO"):
        imports.discard_import(actor=full, contact_import=done)


def test_files_go_with_their_subaccount(
    w: World, full: Any, django_capture_on_commit_callbacks: Any
) -> None:
    job = upload(full, w.north, TWO)
    with django_capture_on_commit_callbacks(execute=True):
        w.north.delete()
    assert not transfers.storage().exists(job.file.name)


def test_started_twice_is_refused(w: World, full: Any) -> None:
    job = start(full, upload(full, w.north, TWO))
    with refused("ALREADY_SO"):
        start(full, job)
    import_work.run_import(job.pk)
    import_work.run_import(job.pk)
    assert Contact.objects.count() == 2


@pytest.mark.django_db(transaction=True)
def test_starting_holds_no_lock_while_the_file_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    w = world("emma_hq")
    job = upload(w.owner, w.north, TWO)
    store, locked = transfers.storage(), []
    opens = store.open

    def watched(*args: Any) -> Any:
        locked.append(connection.in_atomic_block)
        return opens(*args)

    monkeypatch.setattr(store, "open", watched)
    start(w.owner, job)
    assert locked == [False, False]  # the test's look at the headings, and the service's
