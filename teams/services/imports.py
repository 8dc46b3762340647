"""Bringing contacts in from a CSV file: kept, mapped, carried out in batches, undone.

All or nothing is kept by checking every row before the first one is written, and by taking back
what was written if it still cannot be finished. See ``import_rows`` for what is never told.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any, NamedTuple

from django.db import transaction
from django.utils import timezone

from permissions.errors import Invalid, Refused
from permissions.resources import registry
from teams.background import task
from teams.catalogue import ADD_CONTACTS
from teams.csv_files import Record, Sheet, opened
from teams.models import ContactImport, ImportedRow, MailingList
from teams.services import transfers
from teams.services.base import service
from teams.services.fields import fields_of
from teams.services.import_rows import (
    ERRORS_KEPT,
    Batch,
    Reader,
    clean_mapping,
    look_up,
    targets,
    write,
)
from teams.services.import_undo import undo_batch
from teams.services.inputs import clean_text
from teams.services.items import Work, at_work
from teams.services.masking import require_addresses
from teams.services.transfers import Taken, aim, beat, claim, own, target_of

Status = ContactImport.Status
BATCH = 1000
PREVIEWED = 5
_ACT = "import contacts"
Progress = Callable[[ContactImport], None]


class Preview(NamedTuple):
    """What a file begins with."""

    headings: list[str]
    rows: list[Record]


def _silent(job: ContactImport) -> None:
    """Tell nobody."""


@contextmanager
def _working(actor: Any, target: Any) -> Iterator[Work[Any]]:
    """Lock and ask whether ``actor`` may import into ``target``, now."""
    with at_work(actor, target, ADD_CONTACTS, act=_ACT) as work:
        require_addresses(work)
        lists = registry.of(MailingList)
        is_limited = work.profile.is_limited(lists, work.account.pk, work.subaccount.pk)
        if is_limited and not isinstance(work.obj, MailingList):
            raise Invalid(
                "Choose a mailing list: your teams let you see contacts on lists only.",
                code="LIST_NEEDED",
            )
        yield work


@service
def _ask(*, actor: Any, target: Any) -> None:
    with _working(actor, target):
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
    with _working(actor, target) as work:
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
    with _opened(job) as sheet:
        return Preview(sheet.headings, list(itertools.islice(sheet.rows, PREVIEWED)))


@contextmanager
def _opened(job: ContactImport) -> Iterator[Sheet]:
    try:
        with job.file.open("rb") as raw, opened(raw, job.encoding) as sheet:
            yield sheet
    except (OSError, ValueError) as error:
        if isinstance(error, Invalid):
            raise
        raise Invalid("The file is not there any more. Upload it again.", code="GONE") from error


@service
def discard_import(*, actor: Any, contact_import: Any) -> None:
    """Forget an upload that was not carried out. Raises NotFound, Invalid (ALREADY_SO)."""
    found = own(actor, contact_import, ContactImport)
    rows = ContactImport.objects.select_for_update().filter(pk=found.pk)
    if not rows.filter(status__in=(Status.PREVIEW, Status.FAILED), rows_done=0).exists():
        raise Invalid("It was carried out. Undo it instead.", code="ALREADY_SO")
    rows.get().delete()


# carrying it out


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
    with _working(actor, target_of(found)) as work:
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


@service
def undo_import(*, actor: Any, contact_import: Any) -> ContactImport:
    """Have what an import did undone: what it added removed, what it changed put back.

    What was changed since is left as it is, and counted. Raises Refused, NotFound, Invalid
    (ALREADY_SO).
    """
    found = own(actor, contact_import, ContactImport)
    with at_work(
        actor, found.mailing_list or found.subaccount, ADD_CONTACTS, act="undo an import"
    ) as work:
        job = ContactImport.objects.select_for_update().get(pk=found.pk)
        if job.status not in (Status.DONE, Status.FAILED) or not (job.created or job.updated):
            raise Invalid("There is nothing to undo.", code="ALREADY_SO")
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
    if not transfers.is_stale(job):
        raise Invalid("It is being carried out.", code="ALREADY_SO")
    transfers.enqueue(carry_out_import, watch_import, job.pk)
    return job


@task()  # type: ignore[untyped-decorator]
def carry_out_import(key: int) -> None:
    """Carry the import out, in a worker."""
    run_import(key)


@task()  # type: ignore[untyped-decorator]
def watch_import(key: int) -> None:
    """Take the import up if whoever carried it out has died; look again until it is over."""
    if transfers.is_unfinished(ContactImport, key):
        transfers.look_again(watch_import, key)
        run_import(key)


def run_import(key: int, *, progress: Progress = _silent) -> None:
    """Carry out, or undo, the import with that key, unless somebody else does already.

    Ends when it is over, also when it stops: see its state. ``progress`` is told after each batch.
    """
    transfers.prune()
    job = claim(ContactImport, key)
    if job is None:
        return
    with transfers.held(job), suppress(Taken):
        try:
            if gave_up := transfers.too_often(job):
                raise gave_up
            if job.status == Status.UNDOING:
                _undo(job, progress)
            else:
                _carry_out(job, progress)
        except (Refused, Invalid) as error:
            _stop(job, error.message, progress)


def _carry_out(job: ContactImport, progress: Progress) -> None:
    beat(job, status=Status.RUNNING)
    if not job.rows_done:
        beat(job, rejected=0, errors=[])  # of somebody who died while checking
    if not job.skips_errors and not job.rows_done:
        _go_through(job, partial(_check, job=job), progress)
        if job.rejected:
            _end(job, Status.FAILED, problem=_nothing_done(job.rejected))
            return
    _go_through(job, partial(_write, job=job), progress)
    if job.rejected and not job.skips_errors:  # archived since it was checked
        raise Invalid(_nothing_done(job.rejected), code="ERRORS")
    _end(job, Status.DONE)


def _nothing_done(count: int) -> str:
    rows = "1 row is bad" if count == 1 else f"{count:,} rows are bad"
    return f"{rows}, and it is all or nothing. Nothing was imported."


def _go_through(job: ContactImport, act: Callable[..., None], progress: Progress) -> None:
    """Give the rows that are not done yet to ``act``, batch by batch."""
    done = job.rows_done
    with _opened(job) as sheet:
        reader = Reader(job, sheet.headings, fields_of(job.subaccount))
        for records in _batches(sheet):
            before, rest = records[:done], records[done:]
            done -= len(before)
            reader.read(before)  # for addresses met twice
            if rest:
                act(actor=job.created_by, reader=reader, records=rest)
                progress(job)


def _batches(sheet: Sheet) -> Iterator[Sequence[Record]]:
    while records := list(itertools.islice(sheet.rows, BATCH)):
        yield records


@service
def _check(*, actor: Any, job: ContactImport, reader: Reader, records: Sequence[Record]) -> None:
    """Ask for the rights and count what is bad; write no contact."""
    with _working(actor, target_of(job)) as work:
        batch = _read(work, reader, records)
        look_up(work, batch)
        beat(job, **_bad(job, batch))


@service
def _write(*, actor: Any, job: ContactImport, reader: Reader, records: Sequence[Record]) -> None:
    """Ask for the rights, write one batch, and note that it is done: all of it or none."""
    with _working(actor, target_of(job)) as work:
        beat(job)  # first, so that two workers meet at this row and not at a contact
        batch = _read(work, reader, records)
        look_up(work, batch)
        to = work.obj if isinstance(work.obj, MailingList) else None
        done = write(work, job, batch, to)
        beat(
            job,
            rows_done=job.rows_done + batch.size,
            created=job.created + done.created,
            updated=job.updated + done.updated,
            **_bad(job, batch),
        )


def _read(work: Work[Any], reader: Reader, records: Sequence[Record]) -> Batch:
    """Read ``records`` by the fields as they are under the lock: one may have gone since."""
    reader.custom = fields_of(work.subaccount)
    return reader.read(records)


def _bad(job: ContactImport, batch: Batch) -> dict[str, Any]:
    kept = [*job.errors, *([line, text] for line, text in batch.errors)]
    return {"rejected": job.rejected + len(batch.errors), "errors": kept[:ERRORS_KEPT]}


def _undo(job: ContactImport, progress: Progress) -> None:
    judged = not job.problem  # else it is taken back because it could not be finished
    actor = job.created_by
    while undo_batch(actor=actor, job=job, judged=judged):
        progress(job)
    if not judged:
        beat(job, created=0, updated=0)
    _end(job, Status.UNDONE if judged else Status.FAILED, problem=job.problem)


def _stop(job: ContactImport, problem: str, progress: Progress) -> None:
    """End a job that cannot go on; all or nothing, if that was the choice."""
    undoing = job.status == Status.UNDOING
    if undoing or job.skips_errors or not ImportedRow.objects.filter(contact_import=job).exists():
        _end(job, Status.FAILED, problem=problem)
        return
    beat(job, status=Status.UNDOING, problem=f"{problem} Nothing was imported.")
    _undo(job, progress)


def _end(job: ContactImport, status: str, *, problem: str = "") -> None:
    done = status in (Status.DONE, Status.UNDONE)
    with transaction.atomic():
        beat(job, status=status, problem=problem, finished_at=timezone.now(), worker="")
        transfers.record(
            job,
            f"contact_import.{status}",
            created=job.created,
            updated=job.updated,
            rejected=job.rejected,
            left=job.left,
        )
        if done and job.file:
            name = str(job.file.name)
            ContactImport.objects.filter(pk=job.pk).update(file="")
            transaction.on_commit(partial(transfers.drop, name))
