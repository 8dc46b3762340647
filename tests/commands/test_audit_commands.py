"""``export_audit`` and ``prune_audit``: what they write, whom they refuse, and what is left."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from permissions import audit
from permissions.models import AuditCheckpoint, AuditEvent
from teams import services
from teams.factories import UserFactory
from teams.services import audit_export_limits
from tests.commands.helpers import Done, run
from tests.permissions.auditing import append_at, unlocked
from tests.services.world import World, world

pytestmark = pytest.mark.django_db
WHY = ("--as-platform", "--reason", "Kept for a year")
YEAR = timedelta(days=365)


@pytest.fixture
def w(db: Any) -> World:
    found = world("emma_hq", slug="harbor", name="Harbor")
    append_at(timezone.now() - YEAR, 3, audit.ref_of(found.account))
    services.rename_subaccount(actor=found.owner, subaccount=found.north, name="East")
    return found


def prune(file: Path, *arguments: str, before: datetime | None = None) -> Done:
    day = before or timezone.now() - timedelta(days=100)
    named = ("--account", "harbor", "--before", f"{day:%Y-%m-%d}", "--file", str(file))
    return run("prune_audit", *named, *(arguments or WHY))


def record(w: World) -> list[tuple[int, str]]:
    events = audit.timeline(audit.ref_of(w.account)).order_by("sequence")
    return list(events.values_list("sequence", "action"))


BEFORE = [(1, "thing.done"), (2, "thing.done"), (3, "thing.done"), (4, "subaccount.renamed")]

# prune_audit


def test_prune_leaves_the_file_the_checkpoint_and_a_record_of_it(w: World, tmp_path: Path) -> None:
    file = tmp_path / "harbor.jsonl"
    done = prune(file)

    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    assert (done.code, done.out) == (
        0,
        f"Took out 3 events, up to #3. SHA-256 of {file}: {digest}\n",
    )
    assert record(w) == [(4, "subaccount.renamed"), (5, "audit.pruned")]
    event = AuditEvent.objects.get(action="audit.pruned")
    last = AuditCheckpoint.objects.get().last_event_at
    assert (event.actor_ref, event.channel) == (audit.PLATFORM.ref, audit.COMMAND)
    assert {**event.data, "last_event_at": ""} == {
        "events": 3,
        "up_to": 3,
        "last_event_at": "",
        "archive_digest": digest,
        "as_platform": True,
        "reason": "Kept for a year",
    }
    assert json.loads(file.read_text().splitlines()[-1])["at"] == last.isoformat(
        timespec="microseconds"
    )
    assert list(audit.verify()) == []
    assert os.listdir(tmp_path) == ["harbor.jsonl"]
    assert file.stat().st_mode & 0o077 == 0, "readable for its owner alone"


def test_prune_never_overwrites(w: World, tmp_path: Path) -> None:
    file = tmp_path / "harbor.jsonl"
    file.write_text("mine")
    done = prune(file)

    assert (done.code, "stays as it is" in done.error) == (1, True)
    assert (file.read_text(), record(w)) == ("mine", BEFORE)


def test_prune_never_overwrites_what_came_meanwhile(
    w: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "harbor.jsonl"
    plain = os.fsync

    def meanwhile(handle: int) -> None:
        file.write_text("mine")
        plain(handle)

    monkeypatch.setattr(os, "fsync", meanwhile)
    done = prune(file)

    assert (done.code, file.read_text(), record(w)) == (1, "mine", BEFORE)
    assert os.listdir(tmp_path) == ["harbor.jsonl"]


@pytest.mark.parametrize("moment", ["fsync", "link", "sign_checkpoint", "record"])
def test_death_at_any_moment_loses_nothing(
    w: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    """Killed while it writes, while it seals, and within the transaction; then run again."""

    def die(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    target = {
        "fsync": "os.fsync",
        "link": "os.link",
        "sign_checkpoint": "permissions.audit.retention.sign_checkpoint",
        "record": "permissions.audit.record",
    }[moment]
    with monkeypatch.context() as patch:
        patch.setattr(target, die)
        with pytest.raises(KeyboardInterrupt):
            prune(tmp_path / "first.jsonl")

    assert (record(w), AuditCheckpoint.objects.count()) == (BEFORE, 0)
    assert list(audit.verify()) == []
    second = tmp_path / "second.jsonl"
    assert prune(second).code == 0
    assert len(second.read_bytes().splitlines()) == 3
    if moment in {"sign_checkpoint", "record"}:  # complete by then
        assert (tmp_path / "first.jsonl").read_bytes() == second.read_bytes()


def test_prune_of_nothing_writes_no_file(w: World, tmp_path: Path) -> None:
    done = prune(tmp_path / "x", before=timezone.now() - 2 * YEAR)

    assert (done.code, done.out) == (0, "There is nothing so old. No file was written.\n")
    assert (os.listdir(tmp_path), record(w)) == ([], BEFORE)


def test_dry_run_counts(w: World, tmp_path: Path) -> None:
    done = prune(tmp_path / "x", *WHY, "--dry-run")

    assert (done.code, done.out) == (0, "Would take out 3 events. Nothing was written.\n")
    assert (os.listdir(tmp_path), record(w)) == ([], BEFORE)


def test_flawed_record_is_not_pruned(w: World, tmp_path: Path) -> None:
    with unlocked():
        AuditEvent.objects.filter(sequence=2).update(action="other.done")
    done = prune(tmp_path / "x")

    assert (done.code, "AUDIT_FLAWED" in done.error) == (2, True)
    assert (os.listdir(tmp_path), len(record(w))) == ([], 4)


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("--actor", "OWNER"), 1, "ONLY_FOR_PLATFORM"),
        (("--as-platform",), 2, "Add --reason"),
        ((*WHY, "--before", "2999-01-01"), 2, "TOO_RECENT"),
        ((*WHY, "--before", "yesterday"), 2, "is no time"),
        ((*WHY, "--account", "nowhere"), 2, "There is no account"),
        ((*WHY, "--file", "/nowhere/x"), 1, "could not be written"),
    ],
)
def test_prune_refuses(
    w: World, tmp_path: Path, arguments: tuple[str, ...], code: int, said: str
) -> None:
    given = [w.owner.get_username() if one == "OWNER" else one for one in arguments]
    done = prune(tmp_path / "x", *given)

    assert said in done.error
    assert (done.code, record(w)) == (code, BEFORE)
    assert os.listdir(tmp_path) == []


# export_audit


def export(*arguments: str, fmt: str = "jsonl") -> Done:
    return run("export_audit", "--account", "harbor", *arguments, "--format", fmt)


def test_export_of_the_owner_and_of_the_platform(w: World, tmp_path: Path) -> None:
    own = export("--actor", w.owner.get_username())
    assert own.code == 0, own.error
    assert [json.loads(line)["number"] for line in own.out.splitlines()] == [1, 2, 3, 4]

    file = tmp_path / "harbor.csv"
    assert export(*WHY, "--file", str(file), fmt="csv").code == 0
    rows = list(csv.DictReader(io.StringIO(file.read_text("utf-8-sig"))))
    assert [row["action"] for row in rows] == [action for _, action in BEFORE] + ["audit.exported"]
    assert record(w)[4:] == [(5, "audit.exported"), (6, "audit.exported")]
    event = AuditEvent.objects.get(sequence=6)
    assert (event.actor_ref, event.data["reason"]) == (audit.PLATFORM.ref, "Kept for a year")


def test_export_is_refused_whoever_has_had_enough_and_leaves_the_file_alone(
    w: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit_export_limits, "PER_HOUR", 1)
    file = tmp_path / "harbor.jsonl"
    by_owner = ("--actor", w.owner.get_username(), "--file", str(file))
    assert export(*by_owner).code == 0
    kept = file.read_bytes()
    done = export(*by_owner)

    assert (done.code, done.error.partition(":")[0]) == (2, "TOO_MANY")
    assert (file.read_bytes(), len(record(w))) == (kept, 5)
    assert export(*WHY).code == 0, "the platform says why, and works where the record is stored"


def test_export_takes_filters_by_name(w: World) -> None:
    name = w.owner.get_username()
    asked = (
        *("--actor", name, "--person", name, "--subaccount", "north", "--action", "subaccount."),
        *("--since", "2001-01-01", "--until", "2999-01-01"),
    )
    assert [json.loads(line)["number"] for line in export(*asked).out.splitlines()] == [4]
    assert AuditEvent.objects.get(sequence=5).data["chosen"]["subaccount"] == w.north.pk


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--channel", "telepathy"), "CHANNEL"),
        (("--since", "soon"), "is no time"),
        (("--person", "nobody-there"), "nobody called"),
        (("--subaccount", "nowhere"), "There is no subaccount"),
        (("--since", "2020-01-01", "--until", "2019-01-01"), "DATES"),
    ],
)
def test_export_refuses_nonsense(w: World, arguments: tuple[str, ...], said: str) -> None:
    done = export("--actor", w.owner.get_username(), *arguments)

    assert said in done.error
    assert (done.code, record(w)) == (2, BEFORE)


def test_export_finds_no_account_for_a_stranger(w: World) -> None:
    done = export("--actor", UserFactory().get_username())

    assert (done.error, record(w)) == ("NOT_FOUND: There is no account 'harbor'.", BEFORE)
