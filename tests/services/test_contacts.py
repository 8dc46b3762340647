"""Contacts: who adds, edits, lists and unsubscribes them, and what nobody learns by trying."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from permissions.models import AuditEvent
from teams import services
from teams.factories import ContactFactory, CustomFieldFactory, MailingListFactory
from teams.models import Contact, ListMembership, MailingList, Suppression
from teams.models.account import TeamMode
from teams.services import archive, contacts
from tests.services.world import World, missing, refused, world

pytestmark = pytest.mark.django_db

UNSUBSCRIBED = Contact.Status.UNSUBSCRIBED


def on(contact: Contact, mailing_list: MailingList) -> bool:
    return ListMembership.objects.filter(contact=contact, mailing_list=mailing_list).exists()


def join(contact: Contact, *lists: MailingList) -> Contact:
    for found in lists:
        ListMembership.objects.create(
            subaccount=found.subaccount, contact=contact, mailing_list=found
        )
    return contact


def limited() -> tuple[World, Any, MailingList, MailingList]:
    """Return a world, somebody whom teams show one list of two, and both lists."""
    w = world("sailthru", team_mode=TeamMode.LISTS)
    person = w.member("marketer_limited").user
    shown, hidden = MailingListFactory.create_batch(2, subaccount=w.north, created_by=w.owner)
    services.share_with_team(actor=w.owner, team=w.team(person), obj=shown)
    return w, person, shown, hidden


# adding


def test_a_contact_is_added_with_clean_values() -> None:
    w = world("emma_hq")
    CustomFieldFactory(subaccount=w.north, codename="points", label="Points", kind="number")
    contact = services.add_contact(
        actor=w.member("full").user,
        where=w.north,
        email=" Ana.Ruiz@Example.COM ",
        first_name=" Ana ",
        fields={"points": "007"},
    )
    contact.refresh_from_db()
    assert (contact.email, contact.first_name) == ("Ana.Ruiz@example.com", "Ana")
    assert (contact.fields, contact.status) == ({"points": "7"}, "subscribed")


@pytest.mark.parametrize(
    ("email", "code"),
    [
        ("leo", "NOT_AN_ADDRESS"),
        ("ana@example.com\nbcc: x@y.example", "NOT_TEXT"),
        ("ana@example.com, leo@example.com", "NOT_AN_ADDRESS"),
        ("ana\x00@example.com", "NOT_TEXT"),
        ("a" * 300 + "@example.com", "TOO_LONG"),
        ("", "NOT_AN_ADDRESS"),
        ("ana@-\u00fc.example", "NOT_AN_ADDRESS"),
        (f"ana@{'ü' * 63}.example", "NOT_AN_ADDRESS"),
        (f"ana@{'.'.join(['ü' * 30] * 7)}.example", "TOO_LONG"),
    ],
)
def test_what_is_no_address_is_refused_and_not_repeated(email: str, code: str) -> None:
    w = world("emma_hq")
    with refused(code) as caught:
        services.add_contact(actor=w.owner, where=w.north, email=email)
    assert not email or email not in caught.value.message


@pytest.mark.parametrize("email", ["ana@example.com", "ANA@EXAMPLE.COM"])
def test_an_address_is_there_once_whatever_its_case(email: str) -> None:
    w = world("emma_hq")
    ContactFactory(subaccount=w.north, email="Ana@example.com")
    ContactFactory(subaccount=w.south, email="ana@example.com")
    with refused("ALREADY_USED"):
        services.add_contact(actor=w.owner, where=w.north, email=email)


def test_an_address_is_there_once_whichever_way_its_domain_is_written() -> None:
    w = world("emma_hq")
    known = services.add_contact(actor=w.owner, where=w.north, email="ana@bücher.example")
    assert known.email == "ana@xn--bcher-kva.example"
    for email in ("Ana@BÜCHER.example", "ana@XN--Bcher-KVA.example"):
        with refused("ALREADY_USED"):
            services.add_contact(actor=w.owner, where=w.north, email=email)
    other = ContactFactory(subaccount=w.north)
    with refused("ALREADY_USED"):
        services.edit_contact(actor=w.owner, contact=other, email="ana@bücher.example")


def test_an_address_that_is_there_comes_onto_another_list_as_it_is() -> None:
    w = world("emma_hq")
    mailing_list = MailingListFactory(subaccount=w.north)
    known = ContactFactory(
        subaccount=w.north, email="ana@example.com", first_name="Ana", status=UNSUBSCRIBED
    )
    services.add_contact(
        actor=w.owner, where=mailing_list, email="ANA@example.com", first_name="Other"
    )
    known.refresh_from_db()
    assert on(known, mailing_list)
    assert (known.first_name, known.status) == ("Ana", UNSUBSCRIBED)
    with refused("ALREADY_USED"):
        services.add_contact(actor=w.owner, where=mailing_list, email="ana@example.com")


def test_an_address_that_was_put_away_comes_back() -> None:
    w = world("emma_hq")
    known = ContactFactory(subaccount=w.north, email="ana@example.com")
    services.archive_item(actor=w.owner, obj=known)
    services.add_contact(actor=w.owner, where=w.north, email="ana@example.com")
    known.refresh_from_db()
    assert not known.is_archived
    assert Contact.objects.filter(subaccount=w.north).count() == 1


def test_who_sees_some_lists_only_adds_to_one_of_them() -> None:
    w, person, shown, hidden = limited()
    with refused("LIST_NEEDED"):
        services.add_contact(actor=person, where=w.north, email="new@example.com")
    with refused("NOT_FOUND"):
        services.add_contact(actor=person, where=hidden, email="new@example.com")
    added = services.add_contact(actor=person, where=shown, email="new@example.com")
    assert on(added, shown)


@pytest.mark.parametrize("archived", [False, True])
def test_guessing_an_address_brings_no_contact_in_that_teams_hide(archived: bool) -> None:
    w, person, shown, hidden = limited()
    known = join(
        ContactFactory(
            subaccount=w.north,
            email="known@example.com",
            first_name="Secret",
            archived_at=timezone.now() if archived else None,
        ),
        hidden,
    )
    with refused("CANNOT_ADD") as caught:
        services.add_contact(actor=person, where=shown, email="KNOWN@example.com")
    known.refresh_from_db()
    assert (on(known, shown), on(known, hidden), known.is_archived) == (False, True, archived)
    for word in ("Secret", str(known), hidden.name, "known@"):
        assert word not in caught.value.message
    assert caught.value.account == w.account  # type: ignore[attr-defined]  # where it is recorded
    made = services.add_contact(actor=person, where=shown, email="fresh@example.com")
    assert on(made, shown)


def test_a_guest_of_a_list_brings_no_contact_in_from_elsewhere() -> None:
    w = world("emma_hq")
    guest = w.member("author", w.south).user
    mine, other = MailingListFactory.create_batch(2, subaccount=w.north)
    known = join(ContactFactory(subaccount=w.north, email="known@example.com"), other)
    services.give_guest_access(
        actor=w.owner, user=guest, obj=mine, permissions=["add_contacts", "view_contacts"]
    )
    with refused("CANNOT_ADD"):
        services.add_contact(actor=guest, where=mine, email="known@example.com")
    assert not on(known, mine)
    with refused("NOT_FOUND"):
        services.set_subscription(actor=guest, contact=known, status=UNSUBSCRIBED)


def test_who_adds_without_seeing_brings_nobody_back() -> None:
    w = world("emma_hq")
    guest = w.member("author", w.south).user
    services.give_guest_access(actor=w.owner, user=guest, obj=w.north, permissions=["add_contacts"])
    known = ContactFactory(
        subaccount=w.north, email="known@example.com", archived_at=timezone.now()
    )
    with refused("CANNOT_ADD"):
        services.add_contact(actor=guest, where=w.north, email="known@example.com")
    known.refresh_from_db()
    assert known.is_archived


def test_a_guest_of_a_list_adds_to_that_list_only() -> None:
    w = world("emma_hq")
    guest = w.member("author", w.south).user
    mine, other = MailingListFactory.create_batch(2, subaccount=w.north)
    services.give_guest_access(
        actor=w.owner, user=guest, obj=mine, permissions=["add_contacts", "view_contacts"]
    )
    added = services.add_contact(actor=guest, where=mine, email="new@example.com")
    assert on(added, mine)
    for where in (other, w.north):
        with refused("NOT_FOUND"):
            services.add_contact(actor=guest, where=where, email="more@example.com")


def test_a_list_that_was_put_away_takes_nobody() -> None:
    w = world("emma_hq")
    mailing_list = MailingListFactory(subaccount=w.north, archived_at=w.west.archived_at)
    contact = ContactFactory(subaccount=w.north)
    with refused("ARCHIVED"):
        services.add_contact(actor=w.owner, where=mailing_list, email="new@example.com")
    with refused("ARCHIVED"):
        services.put_on_list(actor=w.owner, contact=contact, mailing_list=mailing_list)


# who unsubscribed and is gone


def purged(w: World, email: str, **more: Any) -> None:
    contact = ContactFactory(
        subaccount=w.north, email=email, archived_at=timezone.now(), first_name="Ana", **more
    )
    services.purge_item(actor=w.owner, obj=contact, confirm=str(contact))


def test_who_unsubscribed_and_was_purged_stays_unsubscribed_when_added_again() -> None:
    w = world("emma_hq")
    moment = timezone.now()
    purged(w, "Ana@example.com", status=UNSUBSCRIBED, unsubscribed_at=moment)
    purged(w, "ben@example.com")
    assert "ana" not in str(Suppression.objects.values()).lower()
    ana = services.add_contact(actor=w.owner, where=w.north, email="ANA@example.com")
    assert (ana.status, ana.unsubscribed_at) == (UNSUBSCRIBED, moment)
    ben = services.add_contact(actor=w.owner, where=w.north, email="ben@example.com")
    assert (ben.status, ben.unsubscribed_at) == ("subscribed", None)
    elsewhere = services.add_contact(actor=w.owner, where=w.south, email="ana@example.com")
    assert elsewhere.status == "subscribed"


def leaving_meanwhile(monkeypatch: pytest.MonkeyPatch, module: Any, name: str) -> None:
    """Let every contact unsubscribe by the link before ``module.name`` is called."""
    original = getattr(module, name)

    def leave_first(*args: Any) -> Any:
        Contact.objects.update(status=UNSUBSCRIBED, unsubscribed_at=timezone.now())
        return original(*args)

    monkeypatch.setattr(module, name, leave_first)


def locks(queries: CaptureQueriesContext) -> bool:
    """Say whether a contact was locked, where the database locks rows."""
    asked = [query["sql"] for query in queries if 'FROM "teams_contact"' in query["sql"]]
    return not connection.features.has_select_for_update or any("FOR UPDATE" in q for q in asked)


def test_who_unsubscribes_while_they_are_purged_stays_unsubscribed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    w = world("emma_hq")
    leaving_meanwhile(monkeypatch, archive, "refuse_used")
    with CaptureQueriesContext(connection) as queries:
        purged(w, "ana@example.com")
    assert locks(queries)
    added = services.add_contact(actor=w.owner, where=w.north, email="ana@example.com")
    assert added.status == UNSUBSCRIBED


def test_who_unsubscribes_while_their_address_is_changed_stays_unsubscribed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    w = world("emma_hq")
    contact = ContactFactory(subaccount=w.north, email="ana@example.com")
    leaving_meanwhile(monkeypatch, contacts, "clean_address")
    with CaptureQueriesContext(connection) as queries:
        made = services.edit_contact(actor=w.owner, contact=contact, email="eva@example.com")
    assert locks(queries)
    assert made.status == UNSUBSCRIBED
    contact.refresh_from_db()
    assert (contact.email, contact.status) == ("eva@example.com", UNSUBSCRIBED)
    monkeypatch.undo()
    added = services.add_contact(actor=w.owner, where=w.north, email="ana@example.com")
    assert added.status == UNSUBSCRIBED


@pytest.mark.parametrize("before", ["ana@bücher.example", "ana@xn--bcher-kva.example"])
@pytest.mark.parametrize("after", ["Ana@BÜCHER.example", "ana@XN--bcher-kva.example"])
def test_who_unsubscribed_and_was_purged_is_known_whichever_way_the_domain_is_written(
    before: str, after: str
) -> None:
    w = world("emma_hq")
    purged(w, before, status=UNSUBSCRIBED, unsubscribed_at=timezone.now())
    added = services.add_contact(actor=w.owner, where=w.north, email=after)
    assert added.status == UNSUBSCRIBED


def test_another_address_takes_its_unsubscription_along_and_leaves_the_old_one_s_behind() -> None:
    w = world("emma_hq")
    purged(w, "ana@example.com", status=UNSUBSCRIBED)
    contact = ContactFactory(subaccount=w.north, email="ben@example.com")
    services.edit_contact(actor=w.owner, contact=contact, email="Ana@example.com")
    contact.refresh_from_db()
    assert contact.status == UNSUBSCRIBED
    services.edit_contact(actor=w.owner, contact=contact, email="cem@example.com")
    contact.refresh_from_db()
    assert (contact.email, contact.status) == ("cem@example.com", UNSUBSCRIBED)
    for email, status in (("ana@example.com", UNSUBSCRIBED), ("ben@example.com", "subscribed")):
        added = services.add_contact(actor=w.owner, where=w.north, email=email)
        assert added.status == status


# editing


def test_editing_leaves_what_is_not_named() -> None:
    w = world("emma_hq")
    for codename in ("city", "shoe"):
        CustomFieldFactory(subaccount=w.north, codename=codename, label=codename)
    contact = ContactFactory(subaccount=w.north, fields={"city": "Rome", "shoe": "39"})
    services.edit_contact(actor=w.owner, contact=contact, last_name="Roe", fields={"shoe": ""})
    contact.refresh_from_db()
    assert (contact.first_name, contact.last_name) == ("Robin", "Roe")
    assert contact.fields == {"city": "Rome"}


def test_another_address_must_be_free_in_the_subaccount() -> None:
    w = world("emma_hq")
    contact = ContactFactory(subaccount=w.north, email="ana@example.com")
    ContactFactory(subaccount=w.north, email="leo@example.com")
    ContactFactory(subaccount=w.south, email="elsewhere@example.com")
    with refused("ALREADY_USED"):
        services.edit_contact(actor=w.owner, contact=contact, email="LEO@example.com")
    for email in ("ANA@example.com", "elsewhere@example.com"):
        services.edit_contact(actor=w.owner, contact=contact, email=email)
        contact.refresh_from_db()
        assert contact.email == email


def test_who_sees_some_contacts_gives_none_another_address() -> None:
    w, person, shown, hidden = limited()
    contact = join(ContactFactory(subaccount=w.north, email="ana@example.com"), shown)
    join(ContactFactory(subaccount=w.north, email="known@example.com"), hidden)
    messages = set()
    for email in ("known@example.com", "fresh@example.com"):
        with refused("OUT_OF_SCOPE") as caught:
            services.edit_contact(actor=person, contact=contact, email=email)
        messages.add(caught.value.message)
        assert missing(caught) == {("assign_team_resources", "North")}
    assert len(messages) == 1
    services.edit_contact(actor=person, contact=contact, first_name="Ana")


def test_what_teams_hide_is_not_there() -> None:
    w, person, shown, hidden = limited()
    contact = join(ContactFactory(subaccount=w.north), hidden)
    both = join(ContactFactory(subaccount=w.north), shown, hidden)
    with refused("NOT_FOUND"):
        services.edit_contact(actor=person, contact=contact, first_name="Mine")
    with refused("NOT_FOUND"):
        services.put_on_list(actor=person, contact=contact, mailing_list=shown)
    for service in (services.put_on_list, services.take_off_list):
        with refused("NOT_FOUND"):
            service(actor=person, contact=both, mailing_list=hidden)
    with refused("NOT_FOUND"):
        services.archive_item(actor=person, obj=contact)


def test_a_guest_who_may_only_look_is_told_what_is_missing() -> None:
    w = world("emma_hq")
    guest = w.member("author", w.south).user
    mine = MailingListFactory(subaccount=w.north)
    contact = join(ContactFactory(subaccount=w.north), mine)
    services.give_guest_access(
        actor=w.owner, user=guest, obj=mine, permissions=["view_contacts", "add_contacts"]
    )
    services.edit_contact(actor=guest, contact=contact, first_name="Ana")
    with refused("OUT_OF_SCOPE") as caught:
        services.archive_item(actor=guest, obj=contact)
    assert missing(caught) == {("delete_contacts", "North")}


# lists and subscription


def test_a_contact_goes_onto_lists_of_its_own_subaccount() -> None:
    w = world("emma_hq")
    contact = ContactFactory(subaccount=w.north)
    here, there = (MailingListFactory(subaccount=place) for place in (w.north, w.south))
    services.put_on_list(actor=w.owner, contact=contact, mailing_list=here)
    assert on(contact, here)
    with refused("ALREADY_SO"):
        services.put_on_list(actor=w.owner, contact=contact, mailing_list=here)
    with refused("NOT_FOUND"):
        services.put_on_list(actor=w.owner, contact=contact, mailing_list=there)
    services.take_off_list(actor=w.owner, contact=contact, mailing_list=here)
    assert not on(contact, here)
    with refused("ALREADY_SO"):
        services.take_off_list(actor=w.owner, contact=contact, mailing_list=here)


def test_staff_unsubscribes_and_only_the_contact_comes_back() -> None:
    w = world("emma_hq")
    contact = ContactFactory(subaccount=w.north)
    with refused("ALREADY_SO"):
        services.set_subscription(actor=w.owner, contact=contact, status="subscribed")
    services.set_subscription(actor=w.owner, contact=contact, status="unsubscribed")
    contact.refresh_from_db()
    assert contact.status == UNSUBSCRIBED
    assert contact.unsubscribed_at is not None
    with refused("ONLY_THE_CONTACT"):
        services.set_subscription(actor=w.owner, contact=contact, status="subscribed")


# what stays on record


def test_the_record_holds_keys_and_names_of_fields_and_nothing_of_the_person() -> None:
    w = world("emma_hq")
    CustomFieldFactory(subaccount=w.north, codename="city", label="City")
    mailing_list = MailingListFactory(subaccount=w.north)
    contact = services.add_contact(
        actor=w.owner,
        where=mailing_list,
        email="secretaddress@example.com",
        first_name="Secretname",
        fields={"city": "Secrettown"},
    )
    services.edit_contact(
        actor=w.owner,
        contact=contact,
        email="secretother@example.com",
        last_name="Secretlast",
        fields={"city": "Secretcity"},
    )
    services.set_subscription(actor=w.owner, contact=contact, status="unsubscribed")
    services.take_off_list(actor=w.owner, contact=contact, mailing_list=mailing_list)
    services.archive_item(actor=w.owner, obj=contact)
    label = str(Contact.objects.get(pk=contact.pk))
    services.purge_item(actor=w.owner, obj=contact, confirm=label)
    events = AuditEvent.objects.filter(subject_ref=f"teams.contact:{contact.pk}")
    assert list(events.order_by("sequence").values_list("action", flat=True)) == [
        "contact.added",
        "contact.listed",
        "contact.edited",
        "contact.unsubscribed",
        "contact.unlisted",
        "contact.archived",
        "contact.purged",
    ]
    told = repr(list(AuditEvent.objects.values()))
    assert "secret" not in told.lower()
    edited = events.get(action="contact.edited")
    assert edited.data["changed"] == ["email", "fields", "last_name"]


def test_a_refusal_on_record_names_nobody() -> None:
    w = world("emma_hq")
    author = w.member("author").user
    contact = ContactFactory(subaccount=w.north, first_name="Secretname")
    with refused("OUT_OF_SCOPE") as caught:
        services.archive_item(actor=author, obj=contact)
    assert "Secretname" not in caught.value.message
