"""The record of what happened: written with the change, chained, append-only, and checked."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from permissions import audit
from permissions.audit import Flaw
from permissions.errors import NotFound, OutOfScope, RankTooHigh, Refused
from permissions.models import AuditEvent, AuditHead
from teams import services
from teams.factories import UserFactory
from teams.models import Account, Subaccount
from tests.permissions.auditing import append, flaws, raw
from tests.permissions.auditing import unlocked as lifted
from tests.services.world import World, world

pytestmark = pytest.mark.django_db


def chain(root: Any = "test:1") -> list[tuple[int, str, str]]:
    if not isinstance(root, str):
        root = audit.ref_of(root)
    events = AuditEvent.objects.filter(root=root).order_by("sequence")
    return list(events.values_list("sequence", "previous", "digest"))


@pytest.fixture
def unlocked() -> Iterator[None]:
    """Lift the triggers, as somebody with the database's own password could."""
    with lifted():
        yield


# append


def test_events_form_a_chain_per_root() -> None:
    append("test:1", 3)
    append("test:2", 1)

    first, second, third = chain("test:1")
    assert (first[:2], second[:2], third[:2]) == ((1, ""), (2, first[2]), (3, second[2]))
    assert chain("test:2")[0][:2] == (1, "")
    assert len({first[2], second[2], third[2], chain("test:2")[0][2]}) == 4
    heads = AuditHead.objects.values_list("root", "sequence", "digest")
    assert set(heads) == {("test:1", 3, third[2]), ("test:2", 1, chain("test:2")[0][2])}
    assert flaws() == []


def test_event_keeps_who_and_what_as_values() -> None:
    actor = UserFactory(first_name="Ana", last_name="Ruiz")
    event = audit.record(root="test:1", actor=actor, action="x.done", subject=actor, data={"a": 1})
    system = audit.record(root="test:1", actor=None, action="x.done", subject=actor)

    event.refresh_from_db()
    assert (event.actor_ref, event.actor_label) == (f"auth.user:{actor.pk}", "Ana Ruiz")
    assert (event.subject_ref, event.data) == (f"auth.user:{actor.pk}", {"a": 1})
    assert (system.actor_ref, system.actor_label) == ("system", "System")


def test_deleting_a_login_keeps_its_history_and_the_chain() -> None:
    w = world("emma_hq")
    membership = services.add_member(
        consented=True,
        actor=w.owner,
        account=w.account,
        user=UserFactory(),
        role="full",
        subaccount=w.north,
    )
    name = membership.user.get_full_name()
    before = chain(w.account)

    membership.user.delete()

    assert chain(w.account) == before
    assert AuditEvent.objects.get(root=audit.ref_of(w.account)).data["person"] == name
    assert flaws() == []


def test_labels_are_one_line_and_bounded() -> None:
    event = append(count=1)[0]
    long = UserFactory(first_name="a\nb\x1b", last_name="x" * 149)
    said = audit.record(root="test:1", actor=long, action="x.done", subject=long)

    assert event.actor_label
    assert "\n" not in said.actor_label
    assert "\x1b" not in said.actor_label
    assert len(said.actor_label) <= 200
    assert flaws() == []


def test_what_is_hashed_is_what_is_read_back() -> None:
    """Dates, keys that are numbers and non-Latin text survive the way through the database."""
    now = timezone.now()
    append(
        data={
            "at": now,
            "list": (1, 2),
            "text": "Ünïcødé 日本",
            "none": None,
            "deep": {"1": [True]},
        }
    )

    assert flaws() == []


# verify


EVENT = "permissions_auditevent"
#: what somebody with the database's own password might do to the second of four events
TAMPER: dict[str, tuple[str, ...]] = {
    "edited action": (f"UPDATE {EVENT} SET action = 'other' WHERE sequence = 2",),
    "edited data": (f"UPDATE {EVENT} SET data = '{{\"a\": 2}}' WHERE sequence = 2",),
    "edited actor": (f"UPDATE {EVENT} SET actor_label = 'Somebody' WHERE sequence = 2",),
    "edited subject": (f"UPDATE {EVENT} SET subject_ref = 'auth.user:0' WHERE sequence = 2",),
    "edited time": (f"UPDATE {EVENT} SET at = '2001-01-01 00:00:00' WHERE sequence = 2",),
    "edited digest": (f"UPDATE {EVENT} SET digest = 'x' WHERE sequence = 2",),
    "moved to another root": (f"UPDATE {EVENT} SET root = 'test:9' WHERE sequence = 2",),
    "deleted first": (f"DELETE FROM {EVENT} WHERE sequence = 1",),
    "deleted between": (f"DELETE FROM {EVENT} WHERE sequence = 2",),
    "deleted last": (f"DELETE FROM {EVENT} WHERE sequence = 4",),
    "deleted all": (f"DELETE FROM {EVENT}",),
    "deleted head": ("DELETE FROM permissions_audithead",),
    "wound back": (
        f"DELETE FROM {EVENT} WHERE sequence = 4",
        "UPDATE permissions_audithead SET sequence = 3",
    ),
    "swapped": (
        f"UPDATE {EVENT} SET sequence = 99 WHERE sequence = 2",
        f"UPDATE {EVENT} SET sequence = 2 WHERE sequence = 3",
        f"UPDATE {EVENT} SET sequence = 3 WHERE sequence = 99",
    ),
    "inserted": (
        f"INSERT INTO {EVENT} (root, sequence, at, actor_ref, actor_label, action, subject_ref,"
        " subject_label, data, channel, request_id, via_ref, via_label, previous, digest)"
        " SELECT root, 5, at, actor_ref, actor_label, action, subject_ref, subject_label, data,"
        f" channel, request_id, via_ref, via_label, digest, digest FROM {EVENT}"
        " WHERE sequence = 4",
    ),
}


def tamper(how: str) -> None:
    for statement in TAMPER[how]:
        raw(statement)


@pytest.mark.parametrize("how", TAMPER)
def test_verify_finds_what_was_tampered_with(unlocked: None, how: str) -> None:
    append("test:1", 4, data={"a": 1})
    assert flaws() == []

    tamper(how)

    assert "test:1" in {flaw.root for flaw in flaws()}


@pytest.mark.parametrize(
    ("how", "sequence", "problem"),
    [
        ("edited data", 2, "was edited: its content does not match its hash"),
        ("deleted between", 2, "missing: the next event has number 3"),
        ("deleted last", 3, "was cut off: the head says 4 events"),
        ("deleted all", 0, "was cut off: the head says 4 events"),
        ("deleted head", 4, "has no head: the end of the chain is unknown"),
    ],
)
def test_verify_says_what_and_where(unlocked: None, how: str, sequence: int, problem: str) -> None:
    append("test:1", 4, data={"a": 1})
    tamper(how)

    assert flaws() == [Flaw("test:1", sequence, problem)]


def test_verify_of_one_root_sees_that_root_only(unlocked: None) -> None:
    append("test:1", 2)
    append("test:2", 2)
    raw("DELETE FROM permissions_auditevent WHERE root = 'test:1' AND sequence = 1")

    assert flaws("test:2") == []
    assert {flaw.root for flaw in flaws()} == {"test:1"}


def test_verify_of_one_root_that_lost_its_head(unlocked: None) -> None:
    append("test:1", 2)
    raw("DELETE FROM permissions_audithead")

    assert {flaw.root for flaw in flaws("test:1")} == {"test:1"}


# triggers


STATEMENTS = [
    "UPDATE permissions_auditevent SET action = 'other'",
    "DELETE FROM permissions_auditevent",
    "TRUNCATE permissions_auditevent",
]


@pytest.mark.parametrize("statement", STATEMENTS, ids=lambda s: s.split()[0])
def test_database_refuses_to_rewrite_history(statement: str) -> None:
    if connection.vendor == "sqlite" and statement.startswith("TRUNCATE"):
        pytest.skip("SQLite has no TRUNCATE")
    append()
    with pytest.raises(DatabaseError, match="the audit is append-only"), transaction.atomic():
        raw(statement)
    assert flaws() == []


def test_orm_is_refused_too() -> None:
    event = append()[0]
    for act in (
        lambda: AuditEvent.objects.update(action="other"),
        lambda: AuditEvent.objects.all().delete(),
        event.save,
        event.delete,
    ):
        with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
            act()
    assert len(chain()) == 1


def test_locking_down_again_changes_nothing() -> None:
    append()
    audit.lock_down("default")
    audit.lock_down("default")
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        raw(STATEMENTS[0])


# refusals


def refuse(w: World, actor: Any, place: Subaccount | None = None) -> None:
    with pytest.raises(Refused):
        services.rename_subaccount(actor=actor, subaccount=place or w.north, name="Mine")


def refusals(account: Account) -> list[tuple[str, str]]:
    events = AuditEvent.objects.filter(root=audit.ref_of(account), action=audit.REFUSED)
    return [(e.actor_ref, e.data["code"]) for e in events.order_by("sequence")]


@pytest.mark.django_db(transaction=True)
def test_refusal_is_recorded_after_the_rollback_once_a_minute() -> None:
    w = world("emma_hq")
    one, two, admin = w.member("full").user, w.member("full").user, w.member("administrator")
    for _ in range(3):
        refuse(w, one)
    refuse(w, two)
    with pytest.raises(OutOfScope):
        services.create_subaccount(actor=one, account=w.account, name="x")
    above = w.manager(w.north)
    inside = w.member("full", user=above.user)
    for _ in range(2):
        with pytest.raises(RankTooHigh):
            services.remove_member(actor=admin.user, membership=inside)

    assert refusals(w.account) == [
        (audit.ref_of(one), "OUT_OF_SCOPE"),
        (audit.ref_of(two), "OUT_OF_SCOPE"),
        (audit.ref_of(admin.user), "RANK_TOO_HIGH"),
    ]
    event = AuditEvent.objects.filter(action=audit.REFUSED).order_by("sequence")[0]
    assert (event.data["verb"], event.subject_ref) == (
        "rename_subaccount",
        audit.ref_of(w.account),
    )
    assert event.data["message"].startswith("You cannot rename North: it needs ")
    assert flaws() == []


@pytest.mark.django_db(transaction=True)
def test_refusal_a_minute_later_is_recorded_again(monkeypatch: pytest.MonkeyPatch) -> None:
    w = world("emma_hq")
    actor = w.member("full").user
    refuse(w, actor)
    now = timezone.now()
    monkeypatch.setattr(timezone, "now", lambda: now + timedelta(seconds=61))
    refuse(w, actor)

    assert refusals(w.account) == [(audit.ref_of(actor), "OUT_OF_SCOPE")] * 2


@pytest.mark.django_db(transaction=True)
def test_a_clock_that_was_ahead_does_not_silence_the_record(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    w = world("emma_hq")
    actor = w.member("full").user
    now = timezone.now()
    monkeypatch.setattr(timezone, "now", lambda: now + timedelta(days=365))
    refuse(w, actor)
    monkeypatch.setattr(timezone, "now", lambda: now)
    refuse(w, actor)

    assert refusals(w.account) == [(audit.ref_of(actor), "OUT_OF_SCOPE")] * 2


@pytest.mark.django_db(transaction=True)
def test_attack_on_another_account_never_shows_in_the_victims_record(
    caplog: pytest.LogCaptureFixture,
) -> None:
    w, victim = world("emma_hq"), world("emma_hq")
    stranger = UserFactory()
    before = chain(victim.account)
    with caplog.at_level(logging.WARNING):
        for actor in (w.owner, w.member("full").user, stranger):
            with pytest.raises(NotFound):
                services.rename_subaccount(actor=actor, subaccount=victim.north, name="Mine")
            with pytest.raises(NotFound):
                services.create_subaccount(actor=actor, account=victim.account, name="Mine")

    assert chain(victim.account) == before
    assert refusals(w.account) == []


@pytest.mark.django_db(transaction=True)
def test_member_of_two_accounts_is_recorded_where_they_tried() -> None:
    one, two = world("emma_hq"), world("emma_hq")
    both = one.member("full").user
    two.member("full", user=both)
    refuse(two, both)

    assert refusals(one.account) == []
    assert refusals(two.account) == [(audit.ref_of(both), "OUT_OF_SCOPE")]


@pytest.mark.django_db(transaction=True)
def test_refusal_inside_a_callers_transaction_is_left_to_the_caller() -> None:
    w = world("emma_hq")
    actor = w.member("full").user
    with transaction.atomic():
        refuse(w, actor)

    assert refusals(w.account) == []


@pytest.mark.django_db(transaction=True)
def test_change_and_event_are_written_together_or_not_at_all(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    w = world("emma_hq")

    def fail(**_: Any) -> None:
        raise RuntimeError

    monkeypatch.setattr(audit, "record", fail)
    with pytest.raises(RuntimeError):
        services.create_subaccount(actor=w.owner, account=w.account, name="East")

    assert not Subaccount.objects.filter(name="East").exists()
