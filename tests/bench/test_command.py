"""``manage.py bench``: runs where nobody's data is, says what it promises, refuses the rest."""

from __future__ import annotations

import io
import json
import os
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from config.environment import BASE_DIR
from tests.bench.management.commands.bench import Command
from tests.bench.run import NotEmpty, require_empty
from tests.bench.scratch import Unavailable, fresh, server
from tests.bench.targets import judge

pytestmark = pytest.mark.once


def started(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run Python with ``arguments`` as somebody at a shell would."""
    inherited = {
        name: value
        for name, value in os.environ.items()
        if name not in ("DATABASE_URL", "DJANGO_SETTINGS_MODULE")
    }
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=BASE_DIR,
        env={**inherited, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def run() -> dict[str, Any]:
    """Return what a run at the smallest size prints."""
    done = started(
        "manage.py", "bench", "--size", "tiny", "--rounds", "1", "--seconds", "0.1",
        "--format", "json",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.slow
def test_a_run_says_what_it_ran_on_measured_and_missed(run: dict[str, Any]) -> None:
    """One test, so that one worker carries out the run."""
    says_what_it_ran_on(run)
    judges_every_row_of_the_targets_or_says_why_not(run)
    measures_everybody(run)
    tells_what_was_missed_from_what_was_met(run)


def says_what_it_ran_on(run: dict[str, Any]) -> None:
    assert run["run"] | {"size": "tiny", "database": "sqlite", "rounds": 1} == run["run"]
    assert run["run"]["lists"] == 2_000
    assert run["run"]["measured"] == "processor time"


def judges_every_row_of_the_targets_or_says_why_not(run: dict[str, Any]) -> None:
    judged = {target["name"].split()[0] for target in run["targets"]}
    left_out = {name.split()[0] for name in run["not_measured"]}

    assert judged | left_out == {str(n) for n in range(1, 13)}
    assert not judged & left_out
    assert all(
        set(target) == {"name", "value", "target", "met", "worst"} for target in run["targets"]
    )
    assert all(isinstance(target["met"], bool) for target in run["targets"])


def measures_everybody(run: dict[str, Any]) -> None:
    measures = run["measures"]

    assert set(measures) == {
        "reading", "decisions", "changelist", "writes", "storage", "stock", "report",
    }  # fmt: skip
    assert len({row["persona"] for row in measures["reading"]}) == 12
    assert all(row["page"]["ours_ms"] > 0 for row in measures["reading"])
    assert {row["persona"] for row in measures["stock"]["reading"]} >= {"owner", "stranger"}


def tells_what_was_missed_from_what_was_met(run: dict[str, Any]) -> None:
    measures = json.loads(json.dumps(run["measures"]))
    measures["decisions"][0]["has_perm_to_always_yes"] = 99.0
    measures["growth"] = [{"persona": "owner", "small": 1.0, "large": 1.1, "growth": 1.1}]

    judged = {target["name"]: target for target in judge(measures, "sqlite")}

    missed = judged["4 warm user.has_perm against a backend that says yes"]
    assert (missed["value"], missed["met"], missed["worst"]) == (99.0, False, "owner")
    assert judged["12 growth of the total ratio from small to large"]["met"]
    few, many = ({**measures["report"], "database_ms": 60.0, "rows": n} for n in (21_000, 70_000))
    for found, value in ((few, 100.0), (many, 30.0)):
        row = next(
            t for t in judge({**measures, "report": found}, "sqlite") if t["name"][:2] == "10"
        )
        assert (row["value"], row["met"]) == (value, True)
    queries = [target for name, target in judged.items() if name.startswith("3 queries")]
    assert [(target["value"], target["met"]) for target in queries] == [(5, True), (1, True)]


@pytest.mark.django_db
def test_a_database_with_tables_is_refused() -> None:
    with pytest.raises(NotEmpty, match="is not empty"):
        require_empty()


def test_a_run_in_a_database_with_data_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "mine.sqlite3"
    with sqlite3.connect(path) as mine:
        mine.execute("CREATE TABLE dear_to_me (name text)")
    before = path.read_bytes()

    done = started("-m", "tests.bench", "tiny", "1", "0.1", DATABASE_URL=f"sqlite:///{path}")

    assert done.returncode == 2
    assert "is not empty: it has 1 table" in done.stderr
    with sqlite3.connect(path) as mine:
        assert mine.execute("SELECT name FROM sqlite_master").fetchall() == [("dear_to_me",)]
    assert len(path.read_bytes()) == len(before)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--size", "huge"], "invalid choice: 'huge'"),
        (["--database", "oracle"], "invalid choice: 'oracle'"),
        (["--rounds", "many"], "invalid int value"),
        (["--rounds", "0"], "--rounds takes a number from 1 to 1000."),
        (["--rounds", "99999999999999999999"], "--rounds takes a number from 1 to 1000."),
        (["--seconds", "nan"], "--seconds takes a number above 0"),
        (["--seconds", "-1"], "--seconds takes a number above 0"),
        (["--format", "xml"], "invalid choice: 'xml'"),
    ],
)
def test_bad_arguments_are_refused_before_anything_is_made(arguments: list[str], said: str) -> None:
    with pytest.raises(CommandError, match=said):
        call_command(Command(), *arguments, stdout=io.StringIO())


@pytest.mark.parametrize("option", ["size", "database"])
def test_a_call_from_code_is_checked_too(option: str) -> None:
    with pytest.raises(CommandError, match=f"--{option} takes one of"):
        call_command(Command(), **{option: "huge\x00"}, stdout=io.StringIO())


def test_a_database_of_ones_own_is_gone_afterwards() -> None:
    with server("sqlite", {"DATABASE_URL": "sqlite:///db.sqlite3"}) as address:
        with fresh(address) as url:
            path = Path(url.removeprefix("sqlite:///"))
            sqlite3.connect(path).execute("CREATE TABLE t (x)")
            assert path.exists()
        assert not path.exists()
    assert not path.parent.exists()


def test_a_server_that_does_not_answer_is_named() -> None:
    address = "postgres://nobody@127.0.0.1:9/none"

    with (
        pytest.raises(Unavailable, match="let no database be made"),
        server("postgres", {"DATABASE_URL": address}) as given,
        fresh(given),
    ):
        pass
