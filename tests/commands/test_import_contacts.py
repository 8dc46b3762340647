"""``import_contacts``: the services of the console, with figures, errors by line and exit codes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from teams.factories import MailingListFactory
from teams.models import Contact, ContactImport
from teams.services import import_work, transfers
from tests.commands.helpers import Done, run
from tests.concurrency.test_revocation import url_of_test_database
from tests.services.moving import addresses, field
from tests.services.world import World, world

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def own_files(settings: Any, tmp_path: Path) -> None:
    """Keep files where nobody else does, so that what is left over shows."""
    settings.MEDIA_ROOT = str(tmp_path)


def stored() -> list[str]:
    """Return the files that are kept."""
    storage = transfers.storage()
    return storage.listdir("contactimport")[1] if storage.exists("contactimport") else []


ROOT = Path(__file__).parents[2]
TWO = "E-mail,Given name\nana@x.example,Ana\nben@x.example,Ben\n"


@pytest.fixture
def w() -> World:
    return world("emma_hq")


def call(w: World, path: Any, **options: Any) -> Done:
    where = {
        "actor": w.owner.username,
        "account": w.account.slug,
        "subaccount": "north",
    }
    return run("import_contacts", str(path), **{**where, **options})


def file(tmp_path: Path, text: str = TWO) -> Path:
    path = tmp_path / "people.csv"
    path.write_text(text)
    return path


def test_imports_into_a_list_and_keeps_no_file(w: World, tmp_path: Path) -> None:
    found = MailingListFactory(subaccount=w.north)
    done = call(w, file(tmp_path), list=found.slug)
    assert (done.code, done.out) == (0, "2 added, 0 changed, 0 bad.\n")
    assert found.contacts.count() == 2
    assert not ContactImport.objects.exclude(file="").exists()
    assert not stored()


def test_bad_rows_stop_it_or_are_left_out(w: World, tmp_path: Path) -> None:
    path = file(tmp_path, TWO + "nobody,x\n")
    done = call(w, path)
    assert done.code == 1
    assert done.out.startswith("line 4: The address must be an e-mail address")
    assert "Nothing was imported." in done.out
    assert addresses(w.north) == set()
    done = call(w, path, skip_errors=True, format="json")
    assert done.code == 1  # not all of it was imported
    assert {k: done.json[k] for k in ("status", "added", "bad")} == {
        "status": "done",
        "added": 2,
        "bad": 1,
    }


def test_columns_are_named_by_hand(w: World, tmp_path: Path) -> None:
    field(w.north, "city")
    path = file(tmp_path, "Who,Where,Email\nana@x.example,Oslo,none\n")
    done = call(w, path, map=["Who=email", "Where=custom:city"])
    assert done.code == 0
    ana = Contact.objects.get()
    assert (ana.email, ana.fields) == ("ana@x.example", {"city": "Oslo"})
    for wrong in (["Nobody=email"], ["Who"]):
        assert call(w, path, map=wrong).code == 2
    done = call(w, path, map=["Who=subaccount"])
    assert (done.code, done.error.partition(":")[0]) == (2, "MAPPING")
    assert not ContactImport.objects.filter(status="preview").exists()


def test_dry_run_says_what_would_happen_and_leaves_nothing(w: World, tmp_path: Path) -> None:
    done = call(w, file(tmp_path), dry_run=True)
    assert (done.code, done.out) == (
        0,
        "2 good, 0 bad. Nothing was imported: this was a dry run.\n",
    )
    bad = file(tmp_path, TWO + "nobody,x\n")
    done = call(w, bad, dry_run=True)
    assert done.code == 1
    assert done.out.startswith("line 4: The address must be an e-mail address")
    assert "2 good, 1 bad." in done.out
    done = call(w, bad, dry_run=True, format="json", skip_errors=True)
    assert done.code == 1
    assert [done.json[key] for key in ("good", "bad", "dry_run")] == [2, 1, True]
    assert [line for line, _sentence in done.json["errors"]] == [4]
    assert call(w, bad, dry_run=True, map=["Given name=subaccount"]).code == 2
    assert not Contact.objects.exists()
    assert not ContactImport.objects.exists()
    assert not stored()


def test_dry_run_asks_for_the_rights_in_every_batch_and_leaves_nothing(
    w: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(import_work, "BATCH", 1)
    seat = w.member("full")
    looks_up = import_work.look_up

    def revoke(*args: Any) -> None:
        looks_up(*args)
        type(seat).objects.filter(pk=seat.pk).update(role="author")

    monkeypatch.setattr(import_work, "look_up", revoke)
    done = call(w, file(tmp_path), dry_run=True, actor=seat.user.username)
    assert (done.code, done.error.partition(":")[0]) == (1, "OUT_OF_SCOPE")
    assert not ContactImport.objects.exists()
    assert not stored()


@pytest.mark.django_db(transaction=True)
def test_dry_run_holds_no_lock_between_batches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(import_work, "BATCH", 1)
    read, locked = import_work._batches, []

    def watched(sheet: Any) -> Any:
        for records in read(sheet):
            locked.append(connection.in_atomic_block)
            yield records

    monkeypatch.setattr(import_work, "_batches", watched)
    assert call(world("emma_hq"), file(tmp_path), dry_run=True).code == 0
    assert locked == [False, False]


def test_whoever_may_not_is_refused(w: World, tmp_path: Path) -> None:
    author = w.member("author").user
    done = call(w, file(tmp_path), actor=author.username)
    assert (done.code, done.error.partition(":")[0]) == (1, "OUT_OF_SCOPE")
    stranger = world("emma_hq").owner
    done = call(w, file(tmp_path), actor=stranger.username)
    assert (done.code, done.error.partition(":")[0]) == (2, "NOT_FOUND")


@pytest.mark.parametrize("path", ["/nowhere.csv", "/tmp", "/dev/null"])
def test_what_cannot_be_read_is_said(w: World, path: str) -> None:
    done = call(w, path)
    assert done.code == 2
    assert len(done.error.split()) > 3


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_a_line_of_500_megabytes_through_a_pipe_is_refused_in_bounded_memory(w: World) -> None:
    child = (
        "import resource, sys; limit = 512 << 20; "
        "resource.setrlimit(resource.RLIMIT_AS, (limit, limit)); "
        "from django.core.management import execute_from_command_line as run; run(sys.argv)"
    )
    arguments = (
        f"import_contacts - --actor {w.owner.username} "
        f"--account {w.account.slug} --subaccount north"
    )
    endless = subprocess.Popen(["head", "-c", str(500 << 20), "/dev/zero"], stdout=subprocess.PIPE)
    letters = subprocess.Popen(["tr", "\\0", "x"], stdin=endless.stdout, stdout=subprocess.PIPE)
    found = subprocess.run(
        [sys.executable, "-c", child, *arguments.split()],
        stdin=letters.stdout,
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={
            "PATH": "/usr/bin:/bin",
            "DATABASE_URL": url_of_test_database(),
            "DJANGO_SETTINGS_MODULE": "config.settings.dev",
        },
        timeout=120,
        check=False,
    )
    for process in (letters, endless):
        assert process.stdout is not None
        process.stdout.close()
    assert [process.wait(timeout=60) != 0 for process in (letters, endless)] == [True, True]
    assert (found.returncode, found.stdout) == (2, "")
    assert "TOO_LARGE: The file has more than 64 MB." in found.stderr
