"""Each command in a process of its own: DATABASE_URL is honoured, an empty one says so."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from config.environment import BASE_DIR

#: runs each command line of its argument and prints [exit code, what was printed, error]
RUN = """
import io, json, sys
import django
from django.core.management import CommandError, call_command
django.setup()
for line in json.loads(sys.argv[1]):
    out = io.StringIO()
    try:
        call_command(*line, stdout=out)
        done = [0, out.getvalue(), ""]
    except CommandError as error:
        done = [error.returncode, out.getvalue(), str(error)]
    except SystemExit as end:
        done = [end.code, out.getvalue(), ""]
    print(json.dumps(done))
"""
ASK = ["explain_access", "emma_hq.author", "send_campaigns", "teams.subaccount:emma-hq/north"]
COMMANDS = [
    ["seed_demo"],
    ["check_integrity"],
    ["verify_audit"],
    ASK,
    ["access_matrix", "--edition", "emma_hq", "--format", "csv"],
    ["list_permissions", "--format", "json"],
]


def process(*arguments: str, url: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=BASE_DIR,
        env={
            "PATH": os.environ["PATH"],
            "DJANGO_SETTINGS_MODULE": "config.settings.dev",
            "DATABASE_URL": url,
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def results(url: str) -> list[tuple[int, str, str]]:
    done = process("-c", RUN, json.dumps(COMMANDS), url=url)
    assert done.returncode == 0, done.stderr
    return [tuple(json.loads(line)) for line in done.stdout.splitlines()]


def test_database_that_was_never_migrated_gets_a_clear_message(tmp_path: Path) -> None:
    found = dict(
        zip([c[0] for c in COMMANDS], results(f"sqlite:///{tmp_path}/empty.sqlite3"), strict=True)
    )

    assert found.pop("list_permissions")[0] == 0  # needs none
    for name, (code, out, error) in found.items():
        assert (name, code, out) == (name, 2, "")
        assert "migrate" in error, name
        assert "DATABASE_URL" in error, name


def test_exit_code_and_message_of_the_command_line(tmp_path: Path) -> None:
    done = process("manage.py", *ASK, url=f"sqlite:///{tmp_path}/empty.sqlite3")

    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert "has 'migrate' been run?" in done.stderr


def test_database_nobody_listens_on() -> None:
    done = process("manage.py", "verify_audit", url="postgres://a:b@127.0.0.1:9/nothing")

    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert "Is DATABASE_URL right" in done.stderr


@pytest.mark.django_db(transaction=True)
def test_every_command_works_on_the_database_it_is_told(tmp_path: Path) -> None:
    if connection.vendor != "sqlite":
        pytest.skip("copies the test database's file")
    path = tmp_path / "copy.sqlite3"
    with sqlite3.connect(path) as copy:
        connection.ensure_connection()
        source: Any = connection.connection
        source.backup(copy)
    copy.close()
    seeded, sound, intact, denied, matrix, listed = results(f"sqlite:///{path}")

    assert (seeded[0], sound[:2], intact[0]) == (0, (0, "Every invariant holds.\n"), 0)
    assert intact[1].startswith("The audit is intact: ")
    assert (denied[0], denied[1].startswith("DENIED: ")) == (1, True)
    assert (matrix[0], listed[0]) == (0, 0)
    with sqlite3.connect(path) as copy:
        accounts = copy.execute("SELECT count(*) FROM teams_account").fetchone()
    copy.close()
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM teams_account")
        assert (accounts, cursor.fetchone()) == ((10,), (0,))
