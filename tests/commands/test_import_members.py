"""``import_members``: all or nothing, or row by row, going on where it stopped."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core import mail
from django.db import connection
from django.utils import timezone

from permissions import audit
from teams.models import Invitation
from teams.services import newcomer_giving
from tests.commands.helpers import Done, run
from tests.concurrency.racing import AMPLE, errors, meet_before, together, without_lock
from tests.concurrency.test_revocation import url_of_test_database
from tests.console.conftest import World, build
from tests.services.world import stored

pytestmark = pytest.mark.django_db

ROOT = Path(__file__).parents[2]
#: runs the command it is given and is killed once twenty rows are done
KILLED = """
import os
import signal
import sys
import django
django.setup()
from django.core.management import call_command
from teams.services import newcomers

bring_in, done = newcomers.bring_in, []

def carried_out(**asked):
    result = bring_in(**asked)
    done.append(result)
    if len(done) == 20:
        os.kill(os.getpid(), signal.SIGKILL)
    return result

newcomers.bring_in = carried_out
call_command(*sys.argv[1:])
"""
HEAD = "address,role,subaccount,switches\n"
TWO = f"{HEAD}ana@x.example,editor,north,export_contacts\nben@x.example,author,south,\n"


@pytest.fixture
def world() -> World:
    return build()


def file(tmp_path: Path, text: str = TWO) -> Path:
    path = tmp_path / "people.csv"
    path.write_text(text)
    return path


def many(tmp_path: Path, count: int) -> Path:
    return file(tmp_path, HEAD + "".join(f"p{n}@x.example,editor,north,\n" for n in range(count)))


def call(world: World, path: Any, actor: str = "owner", **options: Any) -> Done:
    where = {"actor": world.people[actor].username, "account": world.account.slug}
    return run("import_members", str(path), **where, **options)


def invited() -> set[str]:
    return set(Invitation.objects.values_list("address", flat=True))


def test_everybody_is_invited_once(world: World, tmp_path: Path) -> None:
    done = call(world, file(tmp_path))
    assert (done.code, done.out) == (0, "2 invited, 0 added, 0 unchanged, 0 refused.\n")
    assert invited() == {"ana@x.example", "ben@x.example"}
    for options in ({}, {"skip_refused": True}):
        done = call(world, file(tmp_path), **options)
        assert (done.code, done.out) == (0, "0 invited, 0 added, 2 unchanged, 0 refused.\n")
    assert Invitation.objects.count() == 2


def test_one_refused_row_stops_all_or_is_left_out(world: World, tmp_path: Path) -> None:
    path = file(tmp_path, TWO + "\n=x@x.example,emperor,north,\n")
    before = stored()
    done = call(world, path)
    assert done.code == 1
    assert "5     =x@x.example  refused  UNKNOWN_ROLE" in done.out
    assert "Nothing was changed: it is all or nothing." in done.out
    assert stored() == before
    done = call(world, path, skip_refused=True, format="json")
    assert done.code == 1
    assert {key: done.json[key] for key in ("invited", "refused", "is_done")} == {
        "invited": 2,
        "refused": 1,
        "is_done": True,
    }
    assert [row["line"] for row in done.json["rows"]] == [2, 3, 5]
    assert invited() == {"ana@x.example", "ben@x.example"}
    # a spreadsheet must not run what is written
    done = call(world, path, format="csv")
    assert done.rows[0] == ["line", "address", "kind", "code", "sentence"]
    assert done.rows[3][:4] == ["5", "'=x@x.example", "refused", "UNKNOWN_ROLE"]


def test_missing_permissions_are_named_first(world: World, tmp_path: Path) -> None:
    path = file(tmp_path, "address,role,manages\nana@x.example,manager,all\n")
    done = call(world, path, actor="administrator")
    assert done.code == 1
    assert done.out.startswith("Missing: ")
    assert " in Harbor.\n" in done.out
    done = call(world, path, actor="administrator", format="json")
    assert ("manage_managers", "Harbor") in {
        (one["permission"], one["place"]) for one in done.json["missing"]
    }
    assert not invited()


def test_dry_run_changes_nothing(world: World, tmp_path: Path) -> None:
    before = stored()
    done = call(world, file(tmp_path), dry_run=True)
    assert (done.code, done.out) == (
        0,
        "2 invited, 0 added, 0 unchanged, 0 refused.\nNothing was changed: this was a dry run.\n",
    )
    assert call(world, file(tmp_path, f"{TWO}x,y,z,\n"), dry_run=True).code == 1
    assert stored() == before
    assert not mail.outbox


def test_the_hourly_limit_stops_it_and_later_it_goes_on(
    world: World, tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.INVITATIONS_PER_HOUR = 3
    path = many(tmp_path, 5)
    done = call(world, path)
    assert (done.code, invited()) == (1, set())
    assert "Go on in an hour." in done.out
    done = call(world, path, skip_refused=True)
    assert done.code == 1
    assert done.out.startswith("3 invited, 0 added, 0 unchanged, 0 refused.\nStopped at line 5: ")
    assert "Go on in an hour." in done.out
    assert "Call the same command again" in done.out
    later = timezone.now() + timedelta(hours=1)
    monkeypatch.setattr(timezone, "now", lambda: later)
    done = call(world, path, skip_refused=True, format="json")
    assert done.code == 0
    assert {key: done.json[key] for key in ("invited", "unchanged", "stopped_at_line")} == {
        "invited": 2,
        "unchanged": 3,
        "stopped_at_line": None,
    }
    assert len(invited()) == 5


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("address,role,id\na,b,1\n", "UNKNOWN_COLUMN"),
        ("address,role\n", "EMPTY"),
        ("", "EMPTY"),
        ("address,role\n\x00,b\n", "NOT_CSV"),
    ],
)
def test_files_that_are_none_are_called_wrongly(
    world: World, tmp_path: Path, text: str, code: str
) -> None:
    done = call(world, file(tmp_path, text))
    assert (done.code, done.error.partition(":")[0]) == (2, code)


def test_wrong_people_and_places_are_said(world: World, tmp_path: Path) -> None:
    path = file(tmp_path)
    assert call(world, "/nowhere.csv").code == 2
    done = call(world, path, actor="author")
    assert (done.code, done.error.partition(":")[0]) == (1, "OUT_OF_SCOPE")
    rival = world.rival["account"].slug
    done = run("import_members", str(path), actor=world.people["owner"].username, account=rival)
    assert (done.code, done.error.partition(":")[0]) == (2, "NOT_FOUND")
    done = run("import_members", str(path), actor="nobody", account=world.account.slug)
    assert (done.code, done.error.partition(":")[0]) == (2, "NOT_FOUND")


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_a_killed_run_goes_on_where_it_stopped(tmp_path: Path) -> None:
    world = build()
    path = many(tmp_path, 60)
    command = ["import_members", str(path), "--skip-refused"]
    command += ["--actor", world.people["owner"].username, "--account", world.account.slug]
    env = {
        **os.environ,
        "DATABASE_URL": url_of_test_database(),
        "DJANGO_SETTINGS_MODULE": "config.settings.dev",
        "SECRET_KEY": settings.SECRET_KEY,  # or the record has an end that others signed
    }
    first = subprocess.run(
        [sys.executable, "-c", KILLED, *command],
        cwd=ROOT,
        env=env,
        capture_output=True,
        check=False,
        timeout=120,
    )
    assert first.returncode == -signal.SIGKILL, first.stderr
    done = Invitation.objects.count()
    assert done == 20
    found = call(world, path, skip_refused=True, format="json")
    assert found.code == 0
    assert (found.json["invited"], found.json["unchanged"]) == (60 - done, done)
    assert len(invited()) == Invitation.objects.count() == 60
    assert list(audit.verify()) == []


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("by_row", [True, False])
def test_one_file_imported_by_two_at_once_invites_once(tmp_path: Path, by_row: bool) -> None:
    world = build()
    path = many(tmp_path, 8)
    found = together(*(lambda: call(world, path, skip_refused=by_row, format="json"),) * 2)
    assert errors(found) == []
    assert [one.code for one in found] == [0, 0]
    assert sum(one.json["invited"] for one in found) == 8
    assert sum(one.json["unchanged"] for one in found) == 8
    assert Invitation.objects.count() == len(invited()) == 8


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_the_lock_is_what_keeps_two_imports_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if connection.vendor == "sqlite":
        pytest.skip("SQLite has one writer at a time anyway")
    world = build()
    path = many(tmp_path, 8)
    without_lock(monkeypatch)
    meet_before(monkeypatch, newcomer_giving, "offer", parties=2, patience=AMPLE)
    found = together(*(lambda: call(world, path, skip_refused=True, format="json"),) * 2)
    assert errors(found) == []
    # what the database's own constraint refused is trouble, not a row that is done
    assert [one.code for one in found] != [0, 0]
    assert Invitation.objects.count() == len(invited())
