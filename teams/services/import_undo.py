"""Undoing an import: what it added goes, what it changed comes back, unless changed since.

Contacts that the person does not see any more leave the list they were put on, and are put away
again if the import had brought them back; what else it changed about them stays.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from permissions.profile import Profile
from teams.catalogue import ADD_CONTACTS, VIEW_CONTACTS
from teams.models import Account, Contact, ContactImport, Delivery, ImportedRow, ListMembership
from teams.services.base import service
from teams.services.fields import fields_of
from teams.services.import_rows import ARCHIVED, CUSTOM, WRITTEN, reached, set_value, value_of
from teams.services.items import at_work
from teams.services.suppression import suppressed
from teams.services.transfers import beat

BATCH = 500


@service
def undo_batch(*, actor: Any, job: ContactImport, judged: bool = True) -> bool:
    """Undo some rows of ``job`` and forget them; return whether there were any.

    Without ``judged`` nobody's rights are asked: the import is taken back because it could not be
    finished. Raises Refused, Invalid, Taken.
    """
    with _locked(actor, job, judged=judged) as profile:
        # whoever unsubscribes does not wait for the account
        rows = list(
            ImportedRow.objects.filter(contact_import=job)
            .select_related("contact")
            .select_for_update(of=("contact",))
            .order_by("contact_id")[:BATCH]
        )
        if rows:
            left = _undo(job, rows, profile)
            ImportedRow.objects.filter(pk__in=[row.pk for row in rows]).delete()
            beat(job, left=job.left + left, attempts=0)
    return bool(rows)


@contextmanager
def _locked(actor: Any, job: ContactImport, *, judged: bool) -> Iterator[Profile | None]:
    if not judged:
        Account.objects.select_for_update(no_key=True).get(pk=job.account_id)
        yield None
        return
    target: Any = job.mailing_list or job.subaccount
    with at_work(actor, target, ADD_CONTACTS, act="undo an import") as work:
        yield work.profile


def _undo(job: ContactImport, rows: Sequence[ImportedRow], profile: Profile | None) -> int:
    """Undo ``rows``; return how many contacts were left, wholly or in part."""
    keys = [row.contact_id for row in rows]
    addable, seen = set(keys), set(keys)
    if profile is not None:
        addable = reached(profile, keys, ADD_CONTACTS)
        seen = reached(profile, addable, VIEW_CONTACTS)
    _pass_over_gone(rows, fields_of(job.subaccount))
    lists, mailed = _lists(keys), _mailed(keys)
    kept = suppressed(job.subaccount_id, [row.contact.email for row in rows])
    gone: list[int] = []
    restored: list[Contact] = []
    leaving: list[int] = []
    left = 0
    for row in rows:
        contact, key = row.contact, row.contact_id
        if row.created and key not in addable:
            left += 1
        elif row.created:
            expected = {job.mailing_list_id} if row.joined and job.mailing_list_id else set()
            if _is_untouched(row, kept) and lists[key] <= expected and key not in mailed:
                gone.append(key)
            else:
                left += 1
        else:
            same = [
                field
                for field, (_was, now) in row.changes.items()
                if value_of(contact, field) == now and (key in seen or field == ARCHIVED)
            ]
            for field in same:
                set_value(contact, field, row.changes[field][0])
            restored.append(contact)
            left += len(same) < len(row.changes)
            if row.joined:
                leaving.append(key)
    Contact.objects.bulk_update(restored, WRITTEN, batch_size=200)
    ListMembership.objects.filter(mailing_list=job.mailing_list_id, contact__in=leaving).delete()
    Contact.objects.filter(pk__in=gone).delete()
    return left


def _pass_over_gone(rows: Sequence[ImportedRow], known: Collection[str]) -> None:
    """Drop what the rows wrote to custom fields that are not there any more: it went with them."""
    for row in rows:
        row.changes = {
            field: values
            for field, values in row.changes.items()
            if not field.startswith(CUSTOM) or field.removeprefix(CUSTOM) in known
        }


def _is_untouched(row: ImportedRow, kept: Collection[str]) -> bool:
    """Say whether a contact that was added is as it was added.

    One who unsubscribed is not, unless that is among the ``kept``: their wish would be forgotten
    with them.
    """
    contact = row.contact
    wrote = {field: now for field, (_was, now) in row.changes.items()}
    names = ("email", "first_name", "last_name")
    custom = {k.removeprefix(CUSTOM): v for k, v in wrote.items() if k.startswith(CUSTOM)}
    return (
        (contact.status == Contact.Status.SUBSCRIBED or contact.email.lower() in kept)
        and not contact.is_archived
        and all((getattr(contact, name) or None) == wrote.get(name) for name in names)
        and contact.fields == custom
    )


def _lists(keys: Sequence[int]) -> dict[int, set[int]]:
    found: dict[int, set[int]] = defaultdict(set)
    rows = ListMembership.objects.filter(contact__in=keys)
    for contact, mailing_list in rows.values_list("contact_id", "mailing_list_id"):
        found[contact].add(mailing_list)
    return found


def _mailed(keys: Sequence[int]) -> set[int]:
    return set(Delivery.objects.filter(contact__in=keys).values_list("contact_id", flat=True))
