"""Imports and exports whose worker is killed, or that two workers meet at: nothing twice."""

from __future__ import annotations

import csv
import io
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core import signing
from django.db import connection

from permissions import audit
from teams.factories import ContactFactory
from teams.models import Contact, ContactExport, ContactImport, ImportedRow
from teams.services import exports, import_undo, import_work, imports, leaving, transfers
from teams.services.leaving import Leaver
from teams.services.letters import UNSUBSCRIBE_SALT
from tests.concurrency.racing import PATIENCE, errors, together
from tests.concurrency.test_revocation import url_of_test_database
from tests.services.moving import addresses, start, upload
from tests.services.world import World, world

ROOT = Path(__file__).parents[2]
#: more than one batch of an import, and of an export
MANY = 2_500

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]


def rows(count: int) -> str:
    lines = (f"reader{n}@x.example,Reader {n}\n" for n in range(count))
    return "Address,First name\n" + "".join(lines)


def begun(count: int = MANY) -> tuple[World, ContactImport]:
    w = world("emma_hq")
    return w, start(w.owner, upload(w.owner, w.north, rows(count)), skips_errors=True)


#: a worker that is killed with its first batch behind it, and gets no further however late one
#: would have seen that
KILLED = """
import os
import signal
from functools import partial
import django
django.setup()
from django.core.management import call_command
from teams.services import exports, import_work

def die(job):
    if job.rows_done:
        os.kill(os.getpid(), signal.SIGKILL)

exports.run_export = partial(exports.run_export, progress=die)
import_work.run_import = partial(import_work.run_import, progress=die)
call_command("db_worker", "--no-reload", "--no-startup-delay", "--batch")
"""
WORKER = ("manage.py", "db_worker", "--no-reload", "--no-startup-delay", "--batch")


def work(*command: str) -> int:
    """Let a worker carry out what is queued; return how it ended."""
    env = {
        **os.environ,
        "DATABASE_URL": url_of_test_database(),
        "DJANGO_SETTINGS_MODULE": "config.settings.dev",
        "SECRET_KEY": settings.SECRET_KEY,  # or the record has an end that others signed
        "FILES_DIR": str(settings.MEDIA_ROOT),
    }
    done = subprocess.run(
        [sys.executable, *command], cwd=ROOT, env=env, capture_output=True, check=False, timeout=240
    )
    return done.returncode


def stand_still(model: Any, job: Any) -> None:
    """Let as much time pass as makes others look after it."""
    model.objects.filter(pk=job.pk).update(alive_at=job.created_at - transfers.STALE)
    from django_tasks_db.models import DBTaskResult

    DBTaskResult.objects.filter(status="READY").update(run_after=job.created_at)


def test_an_import_whose_worker_is_killed_goes_on_and_adds_nothing_twice() -> None:
    w, job = begun()
    assert work("-c", KILLED) == -signal.SIGKILL
    job.refresh_from_db()
    assert job.status == "running"
    assert 0 < job.rows_done < MANY
    assert Contact.objects.count() == job.rows_done == job.created

    stand_still(ContactImport, job)
    assert work(*WORKER) == 0
    job.refresh_from_db()
    assert (job.status, job.created, job.rows_done, job.rejected) == ("done", MANY, MANY, 0)
    assert len(addresses(w.north)) == Contact.objects.count() == MANY
    assert ImportedRow.objects.count() == MANY
    assert list(audit.verify()) == []


def test_two_workers_at_one_import_add_nothing_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(import_work, "BATCH", 50)
    _w, job = begun(1000)
    # somebody believes that the other has died
    monkeypatch.setattr(transfers, "STALE", transfers.STALE * 0)
    found = together(*(lambda: import_work.run_import(job.pk) for _ in range(3)))
    assert errors(found) == []
    while transfers.is_unfinished(ContactImport, job.pk):
        import_work.run_import(job.pk)
    job.refresh_from_db()
    assert (job.status, job.created, job.updated, job.rows_done) == ("done", 1000, 0, 1000)
    assert Contact.objects.count() == ImportedRow.objects.count() == 1000


def test_the_same_file_imported_by_two_at_once_is_there_once() -> None:
    w = world("emma_hq")
    people = (w.owner, w.member("administrator").user)
    jobs = [start(one, upload(one, w.north, rows(500)), skips_errors=True) for one in people]
    found = together(*(lambda job=job: import_work.run_import(job.pk) for job in jobs))
    assert errors(found) == []
    done = ContactImport.objects.values_list("status", flat=True)
    assert set(done) == {"done"}
    assert sum(ContactImport.objects.values_list("created", flat=True)) == 500
    assert Contact.objects.count() == 500


def test_nobody_who_unsubscribes_while_an_import_is_undone_is_forgotten(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    w, job = begun(2)
    import_work.run_import(job.pk)
    imports.undo_import(actor=w.owner, contact_import=job)
    token = signing.dumps((w.north.contacts.first().pk, 0), salt=UNSUBSCRIBE_SALT)
    read, left = threading.Event(), threading.Event()

    def unsubscribe() -> Leaver | None:
        read.wait(20)
        leaver = leaving.unsubscribe(token)
        left.set()
        return leaver

    counts = import_undo._lists

    def meanwhile(keys: Any) -> Any:
        read.set()
        left.wait(PATIENCE)
        return counts(keys)

    monkeypatch.setattr(import_undo, "_lists", meanwhile)
    found = together(lambda: import_work.run_import(job.pk), unsubscribe)
    assert errors(found) == []
    was_told = found[1] is not None
    assert w.north.contacts.count() == was_told


def test_an_export_whose_worker_is_killed_is_written_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exports, "SMALL", -1)
    w = world("emma_hq")
    some = ContactFactory.build(subaccount=w.north, account=w.account)
    Contact.objects.bulk_create(
        Contact(
            account=w.account,
            subaccount=w.north,
            email=f"r{n}@x.example",
            first_name=some.first_name,
        )
        for n in range(MANY)
    )
    job = exports.export_contacts(actor=w.owner, subaccount=w.north).job
    assert work("-c", KILLED) == -signal.SIGKILL
    job.refresh_from_db()
    assert (job.status, bool(job.file)) == ("running", False)

    stand_still(ContactExport, job)
    assert work(*WORKER) == 0
    with exports.open_export(actor=w.owner, contact_export=job).open("rb") as file:
        found = list(csv.reader(io.TextIOWrapper(file, "utf-8-sig")))[1:]
    assert len(found) == len({row[0] for row in found}) == MANY


def test_an_export_is_one_snapshot_while_others_write(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exports, "SMALL", -1)
    monkeypatch.setattr(exports, "BATCH", 100)
    w = world("emma_hq")
    Contact.objects.bulk_create(
        Contact(account=w.account, subaccount=w.north, email=f"r{n}@x.example", first_name="Old")
        for n in range(500)
    )
    job = exports.export_contacts(actor=w.owner, subaccount=w.north).job

    def meddle(_job: ContactExport) -> None:
        def write() -> None:
            Contact.objects.update(first_name="New")
            Contact.objects.filter(email="r400@x.example").delete()

        assert errors(together(write)) == []

    exports.run_export(job.pk, progress=meddle)
    with exports.open_export(actor=w.owner, contact_export=job).open("rb") as file:
        found = list(csv.reader(io.TextIOWrapper(file, "utf-8-sig")))[1:]
    assert {row[1] for row in found} == {"Old"}
    assert len(found) == 500


def test_who_is_held_up_while_they_take_a_job_does_not_go_on_as_another() -> None:
    _w, job = begun(3)
    others: list[Any] = []

    def take_meanwhile(execute: Any, sql: str, *rest: Any) -> Any:
        found = execute(sql, *rest)
        if not others and sql.startswith("UPDATE"):
            others.append(None)  # what follows is the other's own
            stand_still(ContactImport, job)
            others.append(transfers.claim(ContactImport, job.pk))
        return found

    with connection.execute_wrapper(take_meanwhile):
        assert transfers.claim(ContactImport, job.pk) is None
    job.refresh_from_db()
    assert others[1].worker == job.worker
    transfers.beat(others[1])
