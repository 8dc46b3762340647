"""What has been kept long enough goes, to an archive that proves itself; nothing else does."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction
from django.test import override_settings
from django.utils import timezone

from permissions import audit
from permissions.audit.verifying import FORGED_CHECKPOINT
from permissions.models import AuditCheckpoint, AuditEvent, AuditHead
from tests.commands.helpers import run
from tests.permissions.auditing import (
    ROOT,
    append,
    append_at,
    events,
    flaws,
    old_and_new,
    problems,
    raw,
    recompute,
    unlocked,
)

pytestmark = pytest.mark.django_db


class Kept(io.BytesIO):
    """An archive in memory, which knows what was there when it was sealed."""

    sealed: list[int]

    def __init__(self) -> None:
        super().__init__()
        self.sealed = []

    def seal(self) -> None:
        """Note how many events there are still."""
        self.sealed.append(AuditEvent.objects.filter(root=ROOT).count())


class Broken(Kept):
    """An archive that cannot be finished."""

    def seal(self) -> None:
        """Fail as a disk does."""
        raise OSError("No space left on device")


def retain(before: Any, **extra: Any) -> tuple[Kept, Any]:
    archive = Kept()
    return archive, audit.retain(ROOT, before, archive, **extra)


def numbers(root: str = ROOT) -> list[int]:
    return [event.sequence for event in events(root)]


def test_what_is_old_goes_and_the_rest_verifies() -> None:
    before = old_and_new(3, 2)
    append("test:2", 1)
    third = events()[2]

    archive, found = retain(before)

    assert (numbers(), numbers("test:2"), flaws()) == ([4, 5], [1], [])
    assert archive.sealed == [5], "the archive is complete before anything goes"
    checkpoint = AuditCheckpoint.objects.get()
    assert (found.checkpoint, found.events) == (checkpoint, 3)
    assert (checkpoint.root, checkpoint.sequence, checkpoint.digest) == (ROOT, 3, third.digest)
    assert (checkpoint.last_event_at, checkpoint.state) == (third.at, {})
    append()
    assert flaws() == []


def test_archive_is_verified_by_hashing_its_lines() -> None:
    before = old_and_new(3, 1)
    kept = [event.digest for event in events()][:3]

    archive, found = retain(before)

    lines = archive.getvalue().splitlines()
    hashes = [hashlib.sha256(line).hexdigest() for line in lines]
    assert hashes == kept
    assert [json.loads(line)["previous"] for line in lines] == ["", *hashes[:2]]
    assert found.checkpoint.digest == hashes[-1]
    assert found.checkpoint.archive_digest == hashlib.sha256(archive.getvalue()).hexdigest()


def test_one_archive_follows_the_other() -> None:
    year = timezone.now() - timedelta(days=365)
    append_at(year, 2)
    append_at(year + timedelta(days=100), 2)
    append(count=1)
    first, _ = retain(year + timedelta(days=50))
    second, found = retain(year + timedelta(days=150))

    assert (found.events, found.checkpoint.sequence, numbers(), flaws()) == (2, 4, [5], [])
    last = hashlib.sha256(first.getvalue().splitlines()[-1]).hexdigest()
    assert json.loads(second.getvalue().splitlines()[0])["previous"] == last


def test_everything_may_go() -> None:
    before = old_and_new(2, 0)
    retain(before)

    assert (numbers(), flaws()) == ([], [])
    append()
    assert (numbers(), flaws()) == ([3], [])


def test_nothing_old_means_nothing_written() -> None:
    append(count=2)
    archive, found = retain(timezone.now() - timedelta(days=1))

    assert (found, archive.getvalue(), archive.sealed) == (None, b"", [])
    assert (numbers(), AuditCheckpoint.objects.count()) == ([1, 2], 0)


def test_state_is_what_the_application_says_and_signed(monkeypatch: pytest.MonkeyPatch) -> None:
    before = old_and_new(2, 1)
    asked = []

    def state(root: str, sequence: int) -> dict[str, Any]:
        asked.append((root, sequence, numbers()))
        return {"roles": {"7": ["ana"]}, "at": timezone.now()}

    monkeypatch.setattr("permissions.audit.retention._summing", [])
    audit.sum_up_with(state)
    _, found = retain(before)

    assert asked == [(ROOT, 2, [1, 2, 3])], "while all of it is there"
    assert found.checkpoint.state["roles"] == {"7": ["ana"]}
    assert flaws() == []
    with unlocked():
        AuditCheckpoint.objects.update(state={"roles": {"7": ["eve"]}})
    assert (2, FORGED_CHECKPOINT) in problems()


@pytest.mark.parametrize("days", [None, -1])
def test_moment_must_lie_in_the_past_with_its_zone(days: int | None) -> None:
    append()
    now = timezone.now()
    before = now.replace(tzinfo=None) if days is None else now - timedelta(days=days)
    with pytest.raises(ValueError, match="in the past"):
        retain(before)


# what may go wrong


def test_nothing_goes_if_the_archive_cannot_be_finished() -> None:
    before = old_and_new(2, 1)
    with pytest.raises(OSError, match="No space"):
        audit.retain(ROOT, before, Broken())

    assert (numbers(), AuditCheckpoint.objects.count(), flaws()) == ([1, 2, 3], 0, [])


def test_checkpoint_and_deletion_are_one() -> None:
    before = old_and_new(2, 1)

    def die(found: object) -> None:
        raise RuntimeError

    with pytest.raises(RuntimeError), transaction.atomic():
        retain(before, then=die)

    assert (numbers(), AuditCheckpoint.objects.count(), flaws()) == ([1, 2, 3], 0, [])
    retain(before)
    assert (numbers(), flaws()) == ([3], [])


def test_two_at_once_archive_once() -> None:
    before = old_and_new(2, 1)

    class Racing(Kept):
        def seal(self) -> None:
            retain(before)

    with pytest.raises(audit.Flawed, match="by somebody else meanwhile"):
        audit.retain(ROOT, before, Racing())

    assert (numbers(), AuditCheckpoint.objects.count(), flaws()) == ([3], 1, [])


def test_taking_out_while_somebody_verifies_is_no_flaw() -> None:
    """The checkpoint comes after the checkpoints were read, the deletion before the events are."""
    before = old_and_new(2, 1)
    raced: list[int] = []

    def race(execute: Any, sql: str, *rest: Any) -> Any:
        if sql.startswith("SELECT") and 'FROM "permissions_auditevent"' in sql and not raced:
            raced.append(1)
            retain(before)
        return execute(sql, *rest)

    with connection.execute_wrapper(race):
        found = list(audit.verify(ROOT))

    assert (raced, numbers(), found) == ([1], [3], [])


def test_flawed_chain_is_not_signed_over() -> None:
    before = old_and_new(3, 1)
    with unlocked():
        AuditEvent.objects.filter(sequence=2).update(action="other.done")
    with pytest.raises(audit.Flawed, match=r"test:1 #2 was edited"):
        retain(before)

    assert (len(events()), AuditCheckpoint.objects.count()) == (4, 0)


def covered_and_still_there() -> Any:
    """Return a moment before which three events are covered by a checkpoint and not deleted."""
    before = old_and_new(3, 2)
    copies = events()[:3]
    retain(before)
    AuditEvent.objects.bulk_create(copies)
    assert numbers() == [1, 2, 3, 4, 5]
    return before


def test_what_is_covered_may_be_there_still_and_goes_with_the_next_run() -> None:
    before = covered_and_still_there()
    assert flaws() == []
    archive, found = retain(before)

    assert (found, archive.getvalue(), numbers(), flaws()) == (None, b"", [4, 5], [])


def test_what_is_covered_and_still_there_is_verified_too() -> None:
    covered_and_still_there()
    with unlocked():
        AuditEvent.objects.filter(sequence=2).update(action="other.done")
        assert [number for number, _ in problems()] == [2]
        recompute()
        AuditHead.objects.update(sequence=5)
    found = dict(problems())

    assert found[3] == "is not the event that the checkpoint ends with"


# attacks


def _forge(sequence: int, signature: str = "x" * 43) -> None:
    AuditCheckpoint.objects.create(
        root=ROOT,
        sequence=sequence,
        digest=events()[sequence - 1].digest,
        at=timezone.now(),
        last_event_at=timezone.now(),
        archive_digest="0" * 64,
        signature=signature,
    )


def test_forged_checkpoint_opens_the_triggers_and_is_found() -> None:
    append(count=4)
    _forge(2)
    raw("DELETE FROM permissions_auditevent WHERE sequence <= 2")

    assert problems() == [(2, FORGED_CHECKPOINT), (1, "missing: the next event has number 3")]


def test_checkpoint_of_another_chain_covers_nothing_here() -> None:
    before = old_and_new(2, 1, "test:2")
    append(count=3)
    audit.retain("test:2", before, Kept())
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        raw("DELETE FROM permissions_auditevent WHERE root = 'test:1' AND sequence = 1")
    stolen = AuditCheckpoint.objects.get()
    stolen.pk, stolen.root = None, ROOT
    stolen.save(force_insert=True)
    raw("DELETE FROM permissions_auditevent WHERE root = 'test:1' AND sequence <= 2")

    assert problems(ROOT) == [(2, FORGED_CHECKPOINT), (1, "missing: the next event has number 3")]


CHANGES: dict[str, dict[str, Any]] = {
    "digest": {"digest": "0" * 64},
    "archive": {"archive_digest": "1" * 64},
    "further": {"sequence": 4},
    "moment": {"last_event_at": timezone.now()},
    "state": {"state": {"a": 1}},
    "unsigned": {"signature": ""},
}


@pytest.mark.parametrize("what", CHANGES)
def test_changed_checkpoint_is_found(what: str) -> None:
    retain(old_and_new(2, 3))
    with unlocked():
        AuditCheckpoint.objects.update(**CHANGES[what])

    assert FORGED_CHECKPOINT in dict(problems()).values()


def test_removed_checkpoint_is_found() -> None:
    retain(old_and_new(2, 1))
    with unlocked():
        AuditCheckpoint.objects.all().delete()

    assert problems() == [(1, "missing: the next event has number 3")]


def test_events_put_back_before_a_checkpoint_are_found() -> None:
    """What was taken out cannot come back as something else."""
    retain(old_and_new(3, 1))
    copy = events()[0]
    for number in (1, 2):
        copy.pk, copy.sequence, copy.action = None, number, "never.happened"
        copy.save(force_insert=True)

    assert problems()


def test_head_before_a_checkpoint_is_found() -> None:
    append_at(timezone.now() - timedelta(days=365), 2)
    early = AuditHead.objects.get()
    append_at(timezone.now() - timedelta(days=365), 2)
    retain(timezone.now() - timedelta(days=100))
    with unlocked():
        early.save()

    assert problems() == [(4, "was cut off: the head says 2 events")]


REFUSED: dict[str, Callable[[], object]] = {
    "delete what is not covered": lambda: AuditEvent.objects.filter(sequence=3).delete(),
    "update what is covered": lambda: AuditEvent.objects.update(action="other.done"),
    "delete a checkpoint": lambda: AuditCheckpoint.objects.all().delete(),
    "update a checkpoint": lambda: AuditCheckpoint.objects.update(sequence=9),
    "change its state": lambda: AuditCheckpoint.objects.update(state={"a": 1}),
    "move it": lambda: AuditCheckpoint.objects.update(root="test:9"),
    "truncate": lambda: raw("TRUNCATE permissions_auditcheckpoint"),
    "truncate events": lambda: raw("TRUNCATE permissions_auditevent"),
}


@pytest.mark.parametrize("how", REFUSED)
def test_database_refuses(how: str) -> None:
    if connection.vendor == "sqlite" and how.startswith("truncate"):
        pytest.skip("SQLite has no TRUNCATE")
    retain(old_and_new(2, 2))
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        REFUSED[how]()

    assert (numbers(), flaws()) == ([3, 4], [])


def test_checkpoints_are_signed_anew_with_the_heads() -> None:
    retain(old_and_new(2, 1))
    with override_settings(SECRET_KEY="new", SECRET_KEY_FALLBACKS=["insecure-test-key"]):
        done = run("verify_audit", "--sign-anew")
        assert (done.code, done.out) == (0, "Signed anew: 2 heads and checkpoints.\n")
    with override_settings(SECRET_KEY="new"):
        assert flaws() == []
    assert (2, FORGED_CHECKPOINT) in problems()
