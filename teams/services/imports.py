"""Bringing contacts in from a CSV file: kept, mapped, started, undone; ``import_work`` does it.

See ``import_rows`` for what is never told.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from django.utils import timezone

from permissions.errors import Invalid
from teams.catalogue import ADD_CONTACTS
from teams.csv_files import Record, opened
from teams.models import ContactImport, MailingList
from teams.services import transfers
from teams.services.base import in_person, service
from teams.services.import_rows import clean_mapping, targets
from teams.services.import_work import (
    Progress,
    carry_out_import,
    count_bad,
    reading,
    silent,
    watch_import,
    working,
)
from teams.services.inputs import clean_text
from teams.services.items import at_work
from teams.services.transfers import aim, own, target_of

Status = ContactImport.Status
PREVIEWED = 5


class Preview(NamedTuple):
    """What a file begins with."""

    headings: list[str]
    rows: list[Record]


@service
def _ask(*, actor: Any, target: Any) -> None:
    with working(actor, target):
        pass


# keeping a file


def upload_import(
    *,
    actor: Any,
    subaccount: Any,
    file: Any,
    name: Any,
    mailing_list: Any = None,
    encoding: str = "",
) -> ContactImport:
    """Keep a CSV file (binary, able to seek) to be imported, having read it to its end.

    Nobody's contacts change. Raises Refused, NotFound, Invalid: what ``csv_files.opened`` raises,
    LIST_NEEDED, NO_SPACE.
    """
    target = aim(subaccount, mailing_list)
    _ask(actor=actor, target=target)  # before anything is read
    if not (hasattr(file, "seek") and isinstance(file.read(0), bytes)):
        raise Invalid("The file must be open for reading bytes.", code="WRONG_TYPE")
    with opened(file, encoding) as sheet:
        rows = sum(1 for _record in sheet.rows)
    if not rows:
        raise Invalid("The file has a heading line and nothing below it.", code="EMPTY")
    kept = transfers.keep(ContactImport, file)
    try:
        return _keep(actor=actor, target=target, file=kept, name=name, rows=rows, encoding=encoding)
    except BaseException:
        transfers.drop(kept)
        raise


@service
def _keep(
    *, actor: Any, target: Any, file: str, name: Any, rows: int, encoding: str
) -> ContactImport:
    with working(actor, target) as work:
        to = work.obj if isinstance(work.obj, MailingList) else None
        job = ContactImport.objects.create(
            account=work.account,
            subaccount=work.subaccount,
            mailing_list=to,
            is_whole=to is None,
            created_by=work.actor,
            status=Status.PREVIEW,
            file=file,
            original_name=clean_text(name, "The file name", limit=200),
            encoding=encoding,
            rows_total=rows,
        )
        work.record("contact_import.uploaded", job, rows=rows)
    return job


def preview(job: ContactImport) -> Preview:
    """Return the headings and first rows of the kept file. Raises Invalid if it has gone."""
    with reading(job) as sheet:
        return Preview(sheet.headings, list(itertools.islice(sheet.rows, PREVIEWED)))


@service
def discard_import(*, actor: Any, contact_import: Any) -> None:
    """Forget an upload that was not carried out. Raises NotFound, Invalid (ALREADY_SO)."""
    found = own(actor, contact_import, ContactImport)
    in_person("discard this upload", found.account)
    transfers.refuse_read_only(found, "discard this upload")
    rows = ContactImport.objects.select_for_update().filter(pk=found.pk)
    if not rows.filter(status__in=(Status.PREVIEW, Status.FAILED), rows_done=0).exists():
        raise Invalid("It was carried out. Undo it instead.", code="ALREADY_SO")
    rows.get().delete()


# carrying it out


def check_import(
    *, actor: Any, contact_import: Any, mapping: Any, progress: Progress = silent
) -> ContactImport:
    """Return an upload with what is bad about it under ``mapping``; it stays as it is stored.

    ``progress`` is told after each batch. Raises Refused, NotFound, Invalid: MAPPING, ALREADY_SO,
    GONE.
    """
    found = own(actor, contact_import, ContactImport)
    _ask(actor=actor, target=target_of(found))  # before anything is read
    _refuse_started(found)
    found.mapping = clean_mapping(mapping, preview(found).headings, targets(found.subaccount))
    found.rejected, found.errors = 0, []  # of an earlier start
    count_bad(found, progress)
    return found


def start_import(
    *, actor: Any, contact_import: Any, mapping: Any, skips_errors: bool = False
) -> ContactImport:
    """Have an upload carried out in the background under ``mapping`` ({heading: target or ""}).

    One that stopped before it wrote anything may be started again. With ``skips_errors`` bad rows
    are left out, otherwise one of them stops all. Raises Refused, NotFound, Invalid: MAPPING,
    ALREADY_SO, GONE.
    """
    found = own(actor, contact_import, ContactImport)
    if not isinstance(skips_errors, bool):
        raise Invalid("Bad rows are left out or not: true or false.", code="WRONG_TYPE")
    _ask(actor=actor, target=target_of(found))  # before anything is read
    _refuse_started(found)
    headings = preview(found).headings  # no lock is held while a file is read
    return _start(
        actor=actor, found=found, headings=headings, mapping=mapping, skips_errors=skips_errors
    )


def _refuse_started(job: ContactImport) -> None:
    if job.status not in (Status.PREVIEW, Status.FAILED) or job.rows_done:
        raise Invalid("It was started already.", code="ALREADY_SO")


@service
def _start(
    *,
    actor: Any,
    found: ContactImport,
    headings: Sequence[str],
    mapping: Any,
    skips_errors: bool,
) -> ContactImport:
    with working(actor, target_of(found)) as work:
        job = ContactImport.objects.select_for_update().get(pk=found.pk)
        _refuse_started(job)
        job.mapping = clean_mapping(mapping, headings, targets(work.subaccount))
        job.skips_errors = skips_errors
        job.status, job.problem, job.finished_at = Status.WAITING, "", None
        job.rejected, job.errors, job.attempts, job.alive_at = 0, [], 0, None
        job.save()
        work.record("contact_import.started", job, skips_errors=job.skips_errors)
        transfers.enqueue(carry_out_import, watch_import, job.pk)
    return job


def undoable_until(job: ContactImport) -> datetime:
    """Return until when an import can be undone.

    Undoing removes for good and asks for no more than adding did: it is for what went wrong just
    now, and not a way to purge.
    """
    return (job.finished_at or job.created_at) + transfers.KEPT


@service
def undo_import(*, actor: Any, contact_import: Any) -> ContactImport:
    """Have what an import did undone: what it added removed, what it changed put back.

    What was changed since is left as it is, and counted. Raises Refused, NotFound, Invalid:
    ALREADY_SO, TOO_LATE after ``undoable_until``.
    """
    found = own(actor, contact_import, ContactImport)
    with at_work(
        actor, found.mailing_list or found.subaccount, ADD_CONTACTS, act="undo an import"
    ) as work:
        job = ContactImport.objects.select_for_update().get(pk=found.pk)
        if job.status not in (Status.DONE, Status.FAILED) or not (job.created or job.updated):
            raise Invalid("There is nothing to undo.", code="ALREADY_SO")
        if undoable_until(job) < timezone.now():
            raise Invalid(
                f"An import can be undone for {transfers.KEPT.days} days after it finished. "
                "Archive its contacts instead.",
                code="TOO_LATE",
            )
        job.status, job.problem, job.finished_at = Status.UNDOING, "", None
        job.attempts, job.alive_at = 0, None
        job.save()
        work.record("contact_import.undo_started", job)
        transfers.enqueue(carry_out_import, watch_import, job.pk)
    return job


@service
def continue_import(*, actor: Any, contact_import: Any) -> ContactImport:
    """Have an import taken up again whose worker died. Raises NotFound, Invalid (ALREADY_SO)."""
    job = own(actor, contact_import, ContactImport)
    in_person("have this import carried on with", job.account)
    transfers.refuse_read_only(job, "have this import carried on with")
    if not transfers.is_stale(job):
        raise Invalid("It is being carried out.", code="ALREADY_SO")
    transfers.enqueue(carry_out_import, watch_import, job.pk)
    return job
