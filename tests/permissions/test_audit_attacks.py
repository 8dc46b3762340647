"""Whoever can write the database, but has not the secret key, is found out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction
from django.test import override_settings

from permissions import audit
from permissions.audit.verifying import FORGED, UNSIGNED
from permissions.models import AuditEvent, AuditHead
from tests.commands.helpers import run
from tests.permissions.auditing import ROOT, append, events, flaws, problems, raw, recompute
from tests.permissions.auditing import unlocked as lifted

pytestmark = pytest.mark.django_db

OTHER_KEY = "another-key-that-somebody-made-up"


@pytest.fixture
def unlocked() -> Iterator[None]:
    """Lift the triggers, as somebody with the database's own password could."""
    with lifted():
        yield


def rows(*sequences: int) -> Any:
    return AuditEvent.objects.filter(root=ROOT, sequence__in=sequences)


def _swap() -> None:
    second, third = events()[1:3]
    AuditEvent.objects.filter(pk=second.pk).update(sequence=99)
    AuditEvent.objects.filter(pk=third.pk).update(sequence=2)
    AuditEvent.objects.filter(pk=second.pk).update(sequence=3)


def _insert() -> None:
    AuditEvent.objects.filter(root=ROOT, sequence=4).update(sequence=5)
    copy = events()[2]
    copy.pk, copy.sequence, copy.action = None, 4, "never.happened"
    copy.save(force_insert=True)


def _append_forged() -> None:
    copy = events()[-1]
    copy.pk, copy.sequence, copy.action = None, 5, "never.happened"
    copy.save(force_insert=True)


#: what is done to four events before everything is computed anew
ATTACKS: dict[str, Callable[[], object]] = {
    "edit": lambda: rows(2).update(action="other.done"),
    "delete between": lambda: rows(2).delete(),
    "cut the beginning": lambda: rows(1, 2).delete(),
    "cut the end": lambda: rows(4).delete(),
    "cut everything": lambda: rows(1, 2, 3, 4).delete(),
    "swap": _swap,
    "insert": _insert,
    "append": _append_forged,
}


#: what stands as the signature then: the old one, none, or one by another key
SIGNATURES: dict[str, Callable[[AuditHead], str]] = {
    "old": lambda head: head.signature,
    "none": lambda head: "",
    "other key": lambda head: _signed_with(OTHER_KEY, head),
}


def _signed_with(key: str, head: AuditHead) -> str:
    with override_settings(SECRET_KEY=key):
        return audit.sign(head)


@pytest.mark.parametrize("signature", SIGNATURES)
@pytest.mark.parametrize("how", ATTACKS)
def test_recomputing_the_chain_does_not_help(unlocked: None, how: str, signature: str) -> None:
    append(count=4)
    ATTACKS[how]()
    recompute()
    if how == "cut the beginning":  # numbered from 1 again, as if it had begun there
        for number, event in enumerate(events(), start=1):
            AuditEvent.objects.filter(pk=event.pk).update(sequence=number)
        recompute()
    head = AuditHead.objects.get(root=ROOT)
    AuditHead.objects.update(signature=SIGNATURES[signature](head))

    expected = UNSIGNED if signature == "none" else FORGED
    assert problems() == [(head.sequence, expected)]


def test_next_event_does_not_vouch_for_a_chain_that_was_cut(unlocked: None) -> None:
    append(count=4)
    rows(3, 4).delete()
    recompute()
    append(count=2)

    assert problems() == [(4, UNSIGNED)]


def test_end_of_another_chain_is_no_end_of_this_one(unlocked: None) -> None:
    append("test:1", 2)
    append("test:2", 2)
    other = AuditHead.objects.get(root="test:2")
    AuditHead.objects.filter(root="test:1").update(signature=other.signature)

    assert problems() == [(2, FORGED)]


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM permissions_audithead",
        "UPDATE permissions_audithead SET sequence = 1",
        "UPDATE permissions_audithead SET root = 'test:9'",
        "TRUNCATE permissions_audithead",
    ],
)
def test_end_of_a_chain_only_moves_forward(statement: str) -> None:
    if connection.vendor == "sqlite" and statement.startswith("TRUNCATE"):
        pytest.skip("SQLite has no TRUNCATE")
    append(count=2)
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        raw(statement)

    assert flaws() == []


# the secret key changes


def test_signatures_of_former_keys_count_and_are_made_anew() -> None:
    append(count=2)
    old = AuditHead.objects.get().signature
    with override_settings(SECRET_KEY=OTHER_KEY):
        assert problems() == [(2, FORGED)]
        with override_settings(SECRET_KEY_FALLBACKS=["insecure-test-key"]):
            assert flaws() == []
            done = run("verify_audit", "--sign-anew")
            assert (done.code, done.out) == (0, "Signed anew: 1 heads and checkpoints.\n")
        assert flaws() == []
        append(count=1)
        assert flaws() == []
    assert AuditHead.objects.get().signature != old


def test_nothing_is_signed_anew_while_there_is_a_flaw(unlocked: None) -> None:
    append("test:1", 2)
    append("test:2", 2)
    before = list(AuditHead.objects.order_by("root").values_list("signature", flat=True))
    AuditEvent.objects.filter(root="test:2", sequence=1).update(action="other.done")

    done = run("verify_audit", "--sign-anew")

    assert (done.code, done.error) == (
        1,
        "test:2 #1 was edited: its content does not match its hash. Nothing was signed.",
    )
    assert list(AuditHead.objects.order_by("root").values_list("signature", flat=True)) == before


def test_lost_key_is_vouched_for_by_hand_and_for_signatures_alone(unlocked: None) -> None:
    append(count=3)
    with override_settings(SECRET_KEY=OTHER_KEY):
        refused = run("verify_audit", "--sign-anew")
        assert (refused.code, refused.error.endswith("Nothing was signed.")) == (1, True)
        assert run("verify_audit", "--sign-anew", "--old-key-is-lost").code == 0
        assert flaws() == []
        rows(2).update(action="other.done")
        assert run("verify_audit", "--sign-anew", "--old-key-is-lost").code == 1


def test_old_key_is_lost_means_nothing_without_signing() -> None:
    assert run("verify_audit", "--old-key-is-lost").code == 2


# seals, kept elsewhere


def test_seals_find_what_no_signature_can(unlocked: None, tmp_path: Path) -> None:
    """A chain put back to an earlier day, with the head it had then, or removed with all of it."""
    seals = str(tmp_path / "seals.json")
    append("test:1", 2)
    append("test:2", 2)
    earlier = AuditHead.objects.get(root="test:1")
    append("test:1", 1)
    assert run("verify_audit", "--keep-seals", seals).code == 0
    append("test:1", 1)
    assert run("verify_audit", "--against", seals).code == 0

    AuditEvent.objects.filter(root="test:1", sequence__gt=2).delete()
    earlier.save()
    AuditEvent.objects.filter(root="test:2").delete()
    AuditHead.objects.filter(root="test:2").delete()
    assert flaws() == []
    found = run("verify_audit", "--against", seals, "--format", "csv")

    assert (found.code, found.rows[1:]) == (
        1,
        [
            ["test:1", "2", "was wound back: it had 3 events"],
            ["test:2", "2", "is gone: there was a chain with an end here"],
        ],
    )


def test_seals_find_a_chain_that_went_on_differently(unlocked: None, tmp_path: Path) -> None:
    seals = str(tmp_path / "seals.json")
    append(count=2)
    earlier = AuditHead.objects.get()
    append(count=1)
    assert run("verify_audit", "--keep-seals", seals).code == 0
    AuditEvent.objects.filter(sequence=3).delete()
    earlier.save()
    append(count=2)
    assert flaws() == []

    found = run("verify_audit", "--against", seals, "--format", "csv")

    assert found.rows[1:] == [[ROOT, "3", "was written anew: another event stood here"]]


def test_seals_find_a_backup_that_was_put_back_and_grew_past_them(
    unlocked: None, tmp_path: Path
) -> None:
    """Consistent, signed by us, and longer than what was sealed: another event stands there."""
    seals = str(tmp_path / "seals.json")
    append("test:1", 3)
    append("test:2", 1)
    backup = events("test:1")[:2], AuditHead.objects.get(root="test:1")
    assert run("verify_audit", "--keep-seals", seals).code == 0
    assert run("verify_audit", "--against", seals).out.endswith(f"hold: 2, of {seals}.\n")
    rows, head = backup
    AuditEvent.objects.filter(root="test:1", sequence__gt=2).delete()
    head.sequence, head.digest = 2, rows[-1].digest
    head.signature = audit.sign(head)
    head.save()
    append("test:1", 4)

    assert flaws() == []
    found = run("verify_audit", "--against", seals, "--format", "csv")
    assert found.rows[1:] == [["test:1", "3", "was written anew: another event stood here"]]


@pytest.mark.parametrize(
    "said",
    ['[{"root": "test:1", "sequence": "3", "digest": "x"}]', '[{"root": 1, "sequence": 3, "digest"'
     ': "x"}]', '[{"root": "test:1", "sequence": 3, "digest": null}]', "[1]", "{}x"],
)  # fmt: skip
def test_what_is_no_seal_is_said_so(tmp_path: Path, said: str) -> None:
    append("test:1")
    file = tmp_path / "seals.json"
    file.write_text(said)
    assert run("verify_audit", "--against", str(file)).code == 2


def test_seals_overwrite_nothing_and_must_be_some(tmp_path: Path) -> None:
    there = tmp_path / "there"
    there.write_text("mine")

    assert run("verify_audit", "--keep-seals", str(there)).code == 1
    assert there.read_text() == "mine"
    assert run("verify_audit", "--against", str(there)).code == 2
    assert run("verify_audit", "--against", str(tmp_path / "none")).code == 2
