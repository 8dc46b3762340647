"""The rows of an import: what each would do, and doing it.

By the rule of ``contacts.add_contact``, a row about a contact that the actor does not see is a bad
one, whose error tells that the address is known here and nothing else. One that they see and may
not change comes onto the list as it is. Where addresses are masked nobody who sees the mask
imports at all: which of their own rows turned up as new ones would tell them which were there.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db.models.functions import Lower

from permissions import access
from permissions.errors import Invalid
from permissions.profile import Profile
from permissions.resources import registry
from teams.catalogue import ADD_CONTACTS, VIEW_CONTACTS
from teams.csv_files import Record, unguarded
from teams.models import (
    Contact,
    ContactImport,
    CustomField,
    ImportedRow,
    ListMembership,
    MailingList,
)
from teams.services.contacts import CANNOT_ADD, NAME_LIMIT, NAMES, clean_address
from teams.services.fields import clean_line, clean_value, fields_of
from teams.services.items import Work
from teams.services.suppression import state_of, suppressed

ADDRESS = "email"
CUSTOM = "custom:"
#: the one thing an import does that no column names: it brings back what was put away
ARCHIVED = "archived_at"
#: what a contact that is there gets from a row
WRITTEN = ("first_name", "last_name", "fields", ARCHIVED)
#: how many errors are kept; all are counted
ERRORS_KEPT = 100
LABELS = {name: label.removeprefix("The ").capitalize() for name, label in NAMES.items()}
_HASH = re.compile(r"[0-9a-fA-F]{32}\Z")


def targets(subaccount: Any) -> dict[str, str]:
    """Return what a column may become, with its label: ``Contact`` fields and custom ones."""
    custom = {f"{CUSTOM}{key}": row.label for key, row in fields_of(subaccount).items()}
    return {ADDRESS: "Address", **LABELS, **custom}


_USUAL = {
    ADDRESS: ("address", "email", "emailaddress", "mail", "mailaddress"),
    "first_name": ("firstname", "givenname", "forename"),
    "last_name": ("lastname", "surname", "familyname"),
}


def guess(headings: Sequence[str], known: Mapping[str, str]) -> dict[str, str]:
    """Return the likely mapping of ``headings``: each target once, "" for unknown columns."""
    names = {usual: target for target, names in _USUAL.items() for usual in names}
    for target, label in known.items():
        names.setdefault(_bare(label), target)
        names.setdefault(_bare(target.removeprefix(CUSTOM)), target)
    found: dict[str, str] = {}
    for heading in headings:
        target = names.get(_bare(heading), "")
        found[heading] = "" if target in found.values() else target
    return found


def _bare(text: str) -> str:
    return "".join(char for char in text.casefold() if char.isalnum())


def clean_mapping(
    mapping: Any, headings: Sequence[str], known: Mapping[str, str]
) -> dict[str, str]:
    """Return ``mapping`` of exactly ``headings``. Raises Invalid (MAPPING) saying what is wrong."""
    if not isinstance(mapping, Mapping) or set(mapping) != set(headings):
        raise Invalid("Say for every column of the file what it is.", code="MAPPING")
    found = {heading: mapping[heading] for heading in headings}
    used = [target for target in found.values() if target]
    if any(not isinstance(target, str) or target not in known for target in used):
        raise Invalid("There is no such field in this subaccount.", code="MAPPING")
    twice = next((target for target in used if used.count(target) > 1), None)
    if twice is not None:
        raise Invalid(
            f"Two columns are chosen for {known[twice]}. Leave one of them out.", code="MAPPING"
        )
    if ADDRESS not in used:
        raise Invalid("Choose the column that holds the addresses.", code="MAPPING")
    return found


@dataclass(slots=True)
class Row:
    """One good row: its line, what it sets, and the contact that has the address, if any.

    ``is_fixed`` says that the actor sees that contact and may not change it.
    """

    line: int
    values: dict[str, Any]
    contact: Contact | None = None
    is_fixed: bool = False

    @property
    def key(self) -> str:
        """Return what makes two addresses the same."""
        return str(self.values[ADDRESS]).lower()


@dataclass(slots=True)
class Batch:
    """Some rows, read: the good ones, and (line, sentence) for each bad one."""

    size: int
    rows: list[Row] = field(default_factory=list)
    errors: list[tuple[int, str]] = field(default_factory=list)


@dataclass
class Reader:
    """Reads the rows of one file under one mapping; remembers which addresses it has met."""

    job: ContactImport
    headings: Sequence[str]
    custom: Mapping[str, CustomField]
    seen: dict[str, int] = field(default_factory=dict)

    def read(self, records: Sequence[Record]) -> Batch:
        """Return ``records`` checked by themselves: nothing is asked of the database."""
        batch = Batch(len(records))
        for record in records:
            try:
                row = Row(record.line, self._values(record))
                first = self.seen.setdefault(row.key, record.line)
                if first != record.line:
                    raise Invalid(f"The same address is in line {first}.", code="TWICE")
                batch.rows.append(row)
            except Invalid as error:
                batch.errors.append((record.line, error.message))
        return batch

    def _values(self, record: Record) -> dict[str, Any]:
        """Return what the row says, without what it leaves empty."""
        if len(record.cells) != len(self.headings):
            raise Invalid(
                f"The row has {len(record.cells)} cells; the heading line has "
                f"{len(self.headings)}.",
                code="COLUMNS",
            )
        found: dict[str, Any] = {}
        for heading, cell in zip(self.headings, record.cells, strict=True):
            target = self.job.mapping.get(heading, "")
            text = unguarded(cell).strip()
            if target == ADDRESS:
                found[target] = _address(text)
            elif target in NAMES:
                found[target] = clean_line(text, NAMES[target], limit=NAME_LIMIT)
            elif target:
                kind = self.custom.get(target.removeprefix(CUSTOM))
                if kind is None:
                    raise Invalid("A chosen field is not there any more.", code="UNKNOWN_FIELD")
                found[target] = clean_value(kind.kind, text, kind.label)
        return {key: value for key, value in found.items() if value not in (None, "")}


def _address(text: str) -> str:
    if _HASH.match(text):  # what an export without addresses holds
        raise Invalid("The address is a hash of one. Addresses are needed.", code="NOT_AN_ADDRESS")
    return clean_address(text)


def look_up(work: Work[Any], batch: Batch) -> None:
    """Find out which rows are about contacts that are there, and which the actor may change.

    Rows about contacts that the actor does not see become errors.
    """
    there = Contact.objects.annotate(key=Lower("email")).filter(
        subaccount=work.subaccount, key__in=[row.key for row in batch.rows]
    )
    found = {contact.email.lower(): contact for contact in there}
    keys = {contact.pk for contact in found.values()}
    seen = reached(work.profile, keys, VIEW_CONTACTS)
    mine = reached(work.profile, seen, ADD_CONTACTS)
    rows, batch.rows = batch.rows, []
    for row in rows:
        row.contact = found.get(row.key)
        if row.contact is not None and row.contact.pk not in seen:
            batch.errors.append((row.line, CANNOT_ADD))
            continue
        row.is_fixed = row.contact is not None and row.contact.pk not in mine
        batch.rows.append(row)
    batch.errors.sort()


def reached(profile: Profile, keys: Iterable[int], *permissions: str) -> set[int]:
    """Return those of the contacts ``keys`` on which the person holds all of ``permissions``."""
    resource = registry.of(Contact)
    rows = Contact.objects.filter(pk__in=list(keys))
    for permission in permissions:
        rows = rows.filter(access.visible_q(resource, profile, permission))
    return set(rows.values_list("pk", flat=True))


@dataclass(slots=True)
class Figures:
    """What a batch did."""

    created: int = 0
    updated: int = 0


def write(work: Work[Any], job: ContactImport, batch: Batch, to: MailingList | None) -> Figures:
    """Carry out the rows of ``batch``. Raises Invalid (SIGHT) if one went out of the actor's reach.

    A contact that is there keeps what the row leaves empty, and its state: an import never
    subscribes anybody again, nor who unsubscribed and was purged. One that was archived is brought
    back.
    """
    new = [row for row in batch.rows if row.contact is None]
    left = suppressed(work.subaccount, [row.key for row in new])
    contacts = Contact.objects.bulk_create(
        [_contact(job, row.values, **state_of(left.get(row.key))) for row in new]
    )
    notes = [
        ImportedRow(
            contact=contact,
            created=True,
            changes={key: [None, value] for key, value in row.values.items()},
        )
        for contact, row in zip(contacts, new, strict=True)
    ]
    for row in batch.rows:
        if row.contact is not None:
            changes = _change(row.contact, {} if row.is_fixed else row.values)
            notes.append(ImportedRow(contact=row.contact, changes=changes))
    changed = [note.contact for note in notes if note.changes and not note.created]
    Contact.objects.bulk_update(changed, WRITTEN, batch_size=200)
    if to is not None:
        _join(to, notes)
    notes = [note for note in notes if note.created or note.changes or note.joined]
    for note in notes:
        note.subaccount, note.contact_import = work.subaccount, job
    ImportedRow.objects.bulk_create(notes)
    _judge(work, notes)
    return Figures(created=len(new), updated=len(notes) - len(new))


def _contact(job: ContactImport, values: Mapping[str, Any], **state: Any) -> Contact:
    return Contact(
        account_id=job.account_id,
        subaccount_id=job.subaccount_id,
        email=values[ADDRESS],
        first_name=values.get("first_name", ""),
        last_name=values.get("last_name", ""),
        fields=_custom(values),
        imported_by=job,
        **state,
    )


def _custom(values: Mapping[str, Any]) -> dict[str, Any]:
    return {k.removeprefix(CUSTOM): v for k, v in values.items() if k.startswith(CUSTOM)}


def _change(contact: Contact, values: Mapping[str, Any]) -> dict[str, list[Any]]:
    """Set what differs, and return it as before and after; the address stays as it is written."""
    changes: dict[str, list[Any]] = {}
    for target, value in values.items():
        before = value_of(contact, target)
        if target != ADDRESS and before != value:
            changes[target] = [before, value]
            set_value(contact, target, value)
    if contact.archived_at is not None:
        changes[ARCHIVED] = [value_of(contact, ARCHIVED), None]
        contact.archived_at = None
    return changes


def value_of(contact: Contact, target: str) -> Any:
    """Return what ``contact`` has there; None for nothing."""
    if target.startswith(CUSTOM):
        return contact.fields.get(target.removeprefix(CUSTOM))
    value = getattr(contact, target) or None
    return value.isoformat() if isinstance(value, datetime) else value


def set_value(contact: Contact, target: str, value: Any) -> None:
    """Give ``contact`` a value there; None for none."""
    if target == ARCHIVED:
        contact.archived_at = None if value is None else datetime.fromisoformat(value)
    elif not target.startswith(CUSTOM):
        setattr(contact, target, value or "")
    elif value is None:
        contact.fields.pop(target.removeprefix(CUSTOM), None)
    else:
        contact.fields[target.removeprefix(CUSTOM)] = value


def _join(to: MailingList, notes: Sequence[ImportedRow]) -> None:
    keys = [note.contact_id for note in notes if not note.created]
    there = ListMembership.objects.filter(mailing_list=to, contact__in=keys)
    on_list = set(there.values_list("contact_id", flat=True))
    for note in notes:
        note.joined = note.contact_id not in on_list
    ListMembership.objects.bulk_create(
        ListMembership(subaccount_id=to.subaccount_id, contact_id=note.contact_id, mailing_list=to)
        for note in notes
        if note.joined
    )


def _judge(work: Work[Any], notes: Sequence[ImportedRow]) -> None:
    """Refuse, and so roll back, if the batch touched a contact that is not the actor's to touch."""
    keys = {note.contact_id for note in notes}
    if reached(work.profile, keys, ADD_CONTACTS) != keys:
        raise Invalid(
            "A contact went out of your reach while it was imported. Begin anew.", code="SIGHT"
        )
