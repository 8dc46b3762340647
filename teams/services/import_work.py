"""Carrying imports out in a worker, and undoing them, batch by batch.

All or nothing is kept by checking every row before the first one is written, and by taking back
what was written if it still cannot be finished.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from typing import Any

from django.db import transaction
from django.utils import timezone

from permissions.errors import Invalid, Refused
from permissions.resources import registry
from teams.background import task
from teams.catalogue import ADD_CONTACTS
from teams.csv_files import Record, Sheet, opened
from teams.models import ContactImport, MailingList
from teams.services import transfers
from teams.services.base import service
from teams.services.fields import fields_of
from teams.services.import_rows import ERRORS_KEPT, Batch, Reader, look_up, write
from teams.services.import_undo import undo_batch
from teams.services.items import Work, at_work
from teams.services.masking import require_addresses
from teams.services.transfers import Taken, beat, claim, target_of

Status = ContactImport.Status
BATCH = 1000
_NOTHING = "Nothing was imported."
Progress = Callable[[ContactImport], None]


def silent(job: ContactImport) -> None:
    """Tell nobody."""


@contextmanager
def working(actor: Any, target: Any) -> Iterator[Work[Any]]:
    """Lock and ask whether ``actor`` may import into ``target``, now."""
    with at_work(actor, target, ADD_CONTACTS, act="import contacts") as work:
        require_addresses(work)
        lists = registry.of(MailingList)
        is_limited = work.profile.is_limited(lists, work.account.pk, work.subaccount.pk)
        if is_limited and not isinstance(work.obj, MailingList):
            raise Invalid(
                "Choose a mailing list: your teams let you see contacts on lists only.",
                code="LIST_NEEDED",
            )
        yield work


@contextmanager
def reading(job: ContactImport) -> Iterator[Sheet]:
    """Open the kept file. Raises Invalid (GONE) if it cannot be opened, or read on."""
    with ExitStack() as stack:
        with _or_gone():
            raw = stack.enter_context(job.file.open("rb"))
            sheet = stack.enter_context(opened(raw, job.encoding))
        yield sheet._replace(rows=_rows(sheet))


def _rows(sheet: Sheet) -> Iterator[Record]:
    with _or_gone():  # what fails while a row is in use is not raised in here
        yield from sheet.rows


@contextmanager
def _or_gone() -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError) as error:
        if isinstance(error, Invalid):
            raise
        raise Invalid("The file is not there any more. Upload it again.", code="GONE") from error


@task()
def carry_out_import(key: int) -> None:
    """Carry the import out, in a worker."""
    run_import(key)


@task()
def watch_import(key: int) -> None:
    """Take the import up if whoever carried it out has died; look again until it is over."""
    if transfers.is_unfinished(ContactImport, key):
        transfers.look_again(watch_import, key)
        run_import(key)


def run_import(key: int, *, progress: Progress = silent) -> None:
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
            _end(job, Status.FAILED, problem=f"{_bad_rows(job.rejected)} {_NOTHING}")
            return
    _go_through(job, partial(_write, job=job), progress)
    if job.rejected and not job.skips_errors:  # archived since it was checked
        raise Invalid(_bad_rows(job.rejected), code="ERRORS")
    _end(job, Status.DONE)


def _bad_rows(count: int) -> str:
    rows = "1 row is bad" if count == 1 else f"{count:,} rows are bad"
    return f"{rows}, and it is all or nothing."


def _go_through(job: ContactImport, act: Callable[..., None], progress: Progress) -> None:
    """Give the rows that are not done yet to ``act``, batch by batch."""
    done = job.rows_done
    with reading(job) as sheet:
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
    with working(actor, target_of(job)) as work:
        batch = _read(work, reader, records)
        look_up(work, batch)
        beat(job, **_bad(job, batch))


def count_bad(job: ContactImport, progress: Progress) -> None:
    """Count what is bad in ``job``, batch by batch, as carrying it out would begin; store nothing.

    Raises Refused, Invalid.
    """
    _go_through(job, partial(_count, job=job), progress)


@service
def _count(*, actor: Any, job: ContactImport, reader: Reader, records: Sequence[Record]) -> None:
    with working(actor, target_of(job)) as work:
        batch = _read(work, reader, records)
        look_up(work, batch)
    job.rows_done += batch.size
    for name, value in _bad(job, batch).items():
        setattr(job, name, value)


@service
def _write(*, actor: Any, job: ContactImport, reader: Reader, records: Sequence[Record]) -> None:
    """Ask for the rights, write one batch, and note that it is done: all of it or none."""
    with working(actor, target_of(job)) as work:
        beat(job)  # first, so that two workers meet at this row and not at a contact
        batch = _read(work, reader, records)
        look_up(work, batch)
        to = work.obj if isinstance(work.obj, MailingList) else None
        done = write(work, job, batch, to)
        beat(
            job,
            attempts=0,
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
    if judged:
        _end(job, Status.UNDONE)
        return
    beat(job, created=0, updated=0)
    _end(job, Status.FAILED, problem=f"{job.problem} {_taken_back(job.left)}")


def _taken_back(left: int) -> str:
    if not left:
        return _NOTHING
    verb = "was" if left == 1 else "were"
    what = "1 contact" if left == 1 else f"{left:,} contacts"
    return f"It was taken back, but {what} that {verb} changed meanwhile {verb} left."


def _stop(job: ContactImport, problem: str, progress: Progress) -> None:
    """End a job that cannot go on; all or nothing, if that was the choice."""
    if job.status == Status.UNDOING or job.skips_errors:
        _end(job, Status.FAILED, problem=problem)
        return
    beat(job, status=Status.UNDOING, problem=problem, attempts=0)
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
