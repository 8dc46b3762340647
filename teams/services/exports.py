"""Taking contacts out as CSV: those, and only those, on which the person holds Export contacts.

What a file may hold is settled when it is written, and asked again when it is handed out; see
``export_rows`` for what that is without Export PII.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from contextvars import copy_context
from functools import partial
from typing import Any, NamedTuple, TypeVar

from django.db import connection, connections
from django.db.models import QuerySet
from django.utils import timezone

from permissions import access
from permissions.errors import Invalid, OutOfScope, Refused
from permissions.resources import registry
from teams.background import task
from teams.catalogue import EXPORT_CONTACTS, EXPORT_PII
from teams.models import (
    Contact,
    ContactExport,
    ListMembership,
    MailingList,
    Segment,
    Subaccount,
)
from teams.services import transfers
from teams.services.base import in_person, service
from teams.services.export_rows import COLUMNS, ENCODING, lines
from teams.services.fields import fields_of
from teams.services.items import Work, at_work
from teams.services.segments import matching, tells_addresses, told
from teams.services.transfers import Taken, aim, beat, claim, own, target_of

T = TypeVar("T")
Status = ContactExport.Status
#: so many contacts are handed out at once; more are written in the background
SMALL = 2000
BATCH = 2000
_ACT = "export contacts"
Progress = Callable[[ContactExport], None]


class Sight(NamedTuple):
    """What rights decide about a file: hashes or addresses, and the lists that teams leave."""

    is_hashed: bool
    lists: list[int] | None


class Export(NamedTuple):
    """An export that was asked for; ``content`` is the file, if it was small enough."""

    job: ContactExport
    content: bytes | None


def _silent(job: ContactExport) -> None:
    """Tell nobody."""


@contextmanager
def _working(actor: Any, target: Any) -> Iterator[tuple[Work[Any], Sight]]:
    """Lock and ask whether ``actor`` may export ``target`` now, and what they may see of it."""
    with at_work(actor, target, EXPORT_CONTACTS, act=_ACT) as work:
        if isinstance(work.obj, Segment) and tells_addresses(work.account, work.profile, work.obj):
            raise work.refusal(
                EXPORT_PII,
                "its rules look at addresses, which are masked here. It needs {label} in {place}, "
                "which you do not hold there",
            )
        lists = registry.of(MailingList)
        is_limited = work.profile.is_limited(lists, work.account.pk, work.subaccount.pk)
        yield (
            work,
            Sight(
                is_hashed=not work.allows(EXPORT_PII, work.subaccount),
                lists=sorted(work.profile.shared(lists)) if is_limited else None,
            ),
        )


def _contacts(work: Work[Any]) -> QuerySet[Contact]:
    """Return the contacts that the export is about, as far as the actor may take them out."""
    allowed = access.visible_q(registry.of(Contact), work.profile, EXPORT_CONTACTS)
    rows = Contact.objects.filter(allowed, subaccount=work.subaccount, archived_at=None)
    match work.obj:
        case MailingList():
            there = ListMembership.objects.filter(mailing_list=work.obj)
            rows = rows.filter(pk__in=there.values("contact_id"))
        case Segment():
            found = matching(work.obj, rows)
            rows = told(work.account, work.profile, work.obj, found)
    return rows.order_by("pk")


# asking for it


@service
def export_contacts(
    *, actor: Any, subaccount: Any, mailing_list: Any = None, segment: Any = None
) -> Export:
    """Take out the contacts of a subaccount, a list or a segment.

    Up to ``SMALL`` of them are in the answer; more are written in the background, to be fetched
    with ``open_export``. Raises Refused, NotFound, Invalid.
    """
    target = aim(subaccount, mailing_list, segment)
    with _working(actor, target) as (work, sight):
        rows = _contacts(work)
        count = rows.count()
        is_small = count <= SMALL
        job = ContactExport.objects.create(
            account=work.account,
            subaccount=work.subaccount,
            mailing_list=work.obj if isinstance(work.obj, MailingList) else None,
            segment=work.obj if isinstance(work.obj, Segment) else None,
            is_whole=isinstance(work.obj, Subaccount),
            created_by=work.actor,
            status=Status.DONE if is_small else Status.WAITING,
            finished_at=timezone.now() if is_small else None,
            is_hashed=sight.is_hashed,
            lists_seen=sight.lists,
            rows_total=count,
            rows_done=count if is_small else 0,
        )
        work.record(
            "contact_export.done" if is_small else "contact_export.started",
            job,
            rows=count,
            is_hashed=sight.is_hashed,
        )
        if not is_small:
            transfers.enqueue(carry_out_export, watch_export, job.pk)
            return Export(job, None)
        found = lines(
            rows.values_list(*COLUMNS), fields_of(work.subaccount), is_hashed=sight.is_hashed
        )
        return Export(job, "".join(found).encode(ENCODING))


@service
def open_export(*, actor: Any, contact_export: Any) -> Any:
    """Return the finished file of an export, to be opened, if the actor still may have it.

    Raises NotFound for anybody but who asked for it, Refused without the rights it was made with,
    Invalid (GONE) if there is no file.
    """
    found = own(actor, contact_export, ContactExport)
    with _working(actor, target_of(found)) as (work, sight):
        if not found.is_hashed:
            work.require(EXPORT_PII, work.subaccount)
        if _sees_less(sight, found):
            raise OutOfScope(
                f"You cannot {_ACT} that your teams do not see any more. Ask for a new file.",
                code="SIGHT",
            )
        is_there = (
            found.file
            and not transfers.is_expired(found)
            and transfers.storage().exists(str(found.file.name))
        )
        if found.status != Status.DONE or not is_there:
            raise Invalid("There is no file to download. Ask for a new one.", code="GONE")
        work.record("contact_export.downloaded", found, is_hashed=found.is_hashed)
    return found.file


def _sees_less(sight: Sight, job: ContactExport) -> bool:
    """Say whether teams hide lists now whose contacts may be in the file."""
    if sight.lists is None:
        return False
    return job.lists_seen is None or not set(job.lists_seen) <= set(sight.lists)


@service
def discard_export(*, actor: Any, contact_export: Any) -> None:
    """Remove an export and its file. Raises NotFound, Invalid (ALREADY_SO) while it is written."""
    found = own(actor, contact_export, ContactExport)
    in_person("remove this export", found.account)
    transfers.refuse_read_only(found, "remove this export")
    if found.status in ContactExport.UNFINISHED:
        raise Invalid("It is being written. Wait until it is done.", code="ALREADY_SO")
    found.delete()


@service
def continue_export(*, actor: Any, contact_export: Any) -> ContactExport:
    """Have an export taken up again whose worker died. Raises NotFound, Invalid (ALREADY_SO)."""
    job = own(actor, contact_export, ContactExport)
    in_person("have this export carried on with", job.account)
    transfers.refuse_read_only(job, "have this export carried on with")
    if not transfers.is_stale(job):
        raise Invalid("It is being written.", code="ALREADY_SO")
    transfers.enqueue(carry_out_export, watch_export, job.pk)
    return job


# writing it in the background


@task()
def carry_out_export(key: int) -> None:
    """Write the export, in a worker."""
    run_export(key)


@task()
def watch_export(key: int) -> None:
    """Take the export up if whoever wrote it has died; look again until it is over."""
    if transfers.is_unfinished(ContactExport, key):
        transfers.look_again(watch_export, key)
        run_export(key)


def run_export(key: int, *, progress: Progress = _silent) -> None:
    """Write the export with that key, unless somebody else does already. See its state."""
    transfers.prune()
    job = claim(ContactExport, key)
    if job is None:
        return
    with transfers.held(job), suppress(Taken):
        try:
            if gave_up := transfers.too_often(job):
                raise gave_up
            _write(job, progress)
        except (Refused, Invalid) as error:
            beat(job, status=Status.FAILED, problem=error.message, finished_at=timezone.now())
        except OSError as error:
            problem = transfers.no_space(error).message
            beat(job, status=Status.FAILED, problem=problem, finished_at=timezone.now())


def _write(job: ContactExport, progress: Progress) -> None:
    """Write all of it or nothing: the file is the job's only when it is complete."""
    rows, sight = _begin(actor=job.created_by, job=job)
    with tempfile.TemporaryFile() as file:
        _fill(file, job, rows, sight, progress)
        name = transfers.keep(ContactExport, file)
    try:
        _finish(actor=job.created_by, job=job, name=name, sight=sight)
    except BaseException:
        transfers.drop(name)
        raise


@service
def _begin(*, actor: Any, job: ContactExport) -> tuple[QuerySet[Contact], Sight]:
    with _working(actor, target_of(job)) as (work, sight):
        rows = _contacts(work)
        beat(
            job,
            status=Status.RUNNING,
            is_hashed=sight.is_hashed,
            lists_seen=sight.lists,
            rows_total=rows.count(),
            rows_done=0,
        )
    return rows, sight


def _fill(
    file: Any, job: ContactExport, rows: QuerySet[Contact], sight: Sight, progress: Progress
) -> None:
    """Write one snapshot, asking for the rights again after every batch."""
    # one statement is one snapshot on either database; the rest is asked beside it
    contacts = rows.values_list(*COLUMNS).iterator(chunk_size=BATCH)
    found = lines(contacts, fields_of(job.subaccount), is_hashed=sight.is_hashed)
    with beside() as ask:
        for number, line in enumerate(found):
            file.write(line.encode(ENCODING if number == 0 else "utf-8"))
            if number and number % BATCH == 0:
                ask(partial(_still, actor=job.created_by, job=job, sight=sight, done=number))
                progress(job)
    job.rows_done = number


@contextmanager
def beside() -> Iterator[Callable[[Callable[[], T]], T]]:
    """Yield what calls a function on a connection of its own, while this one reads.

    SQLite lets no connection write that still reads what has been changed by another since.
    Inside a transaction there is nothing to be had beside it: the function is called right here.
    """
    if connection.in_atomic_block:
        yield lambda function: function()
        return
    with ThreadPoolExecutor(1) as pool:
        try:
            # whoever acts by a key does so there too
            yield lambda function: pool.submit(copy_context().run, function).result()
        finally:
            pool.submit(connections.close_all).result()


@service
def _still(*, actor: Any, job: ContactExport, sight: Sight, done: int) -> None:
    """Refuse to go on if the rights are not what they were when it was begun."""
    with _working(actor, target_of(job)) as (_work, now):
        if now != sight:
            raise Invalid("Your access changed while it was written. Begin anew.", code="SIGHT")
        beat(job, rows_done=done)


@service
def _finish(*, actor: Any, job: ContactExport, name: str, sight: Sight) -> None:
    _still(actor=actor, job=job, sight=sight, done=job.rows_done)
    beat(job, status=Status.DONE, file=name, finished_at=timezone.now(), rows_total=job.rows_done)
    transfers.record(job, "contact_export.done", rows=job.rows_done, is_hashed=sight.is_hashed)
