"""Who had access, where the record was pruned: what a checkpoint sums up, and what it cannot."""

from __future__ import annotations

import io
from datetime import datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from permissions import audit
from permissions.audit.verifying import FORGED_CHECKPOINT
from permissions.errors import Invalid
from permissions.models import AuditCheckpoint, AuditEvent
from teams import replay, services
from teams.factories import UserFactory
from teams.models import Account, Membership, Subaccount
from teams.services.audit_retention import prune_audit
from teams.services.change import root_key
from teams.services.snapshots import snapshot
from tests.commands.helpers import run
from tests.permissions.auditing import unlocked
from tests.services.world import World, world

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


class Kept(io.BytesIO):
    """An archive in memory."""

    is_sealed = False

    def seal(self) -> None:
        """Note that it is complete."""
        self.is_sealed = True


class Clock:
    """The time, which stands still until it is told."""

    def __init__(self) -> None:
        self.at = timezone.now() - 400 * DAY

    def __call__(self) -> datetime:
        """Return the moment it is."""
        return self.at

    def after(self, days: int) -> datetime:
        """Let days pass."""
        self.at += days * DAY
        return self.at


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    found = Clock()
    monkeypatch.setattr(timezone, "now", found)
    return found


def pruned(account: Account, before: datetime) -> Kept:
    archive = Kept()
    prune_audit(reason="Kept for a year", account=account, before=before, archive=archive)
    return archive


def added(w: World, place: Subaccount) -> Membership:
    return services.add_member(
        actor=w.owner,
        account=w.account,
        user=UserFactory(),
        role="full",
        subaccount=place,
        consented=True,
    )


def same(account: Account) -> None:
    """Assert that the record comes to what is stored, and is intact."""
    assert list(replay.state_now(account).unlike(replay.stored(account))) == []
    assert list(audit.verify()) == []
    assert run("check_integrity", format="json").json == []


def test_after_pruning_the_record_comes_to_what_is_stored(clock: Clock) -> None:
    w = world("emma_hq")
    snapshot(w.account)
    clock.after(1)
    ana = added(w, w.north)
    services.toggle_permission(actor=w.owner, membership=ana, toggle="export_contacts", on=True)
    services.rename_subaccount(actor=w.owner, subaccount=w.north, name="East")
    first = clock.after(1)
    was = replay.state_at(w.account, first)
    clock.after(10)
    ben = added(w, w.south)
    second = clock.after(1)
    became = replay.state_at(w.account, second)
    clock.after(40)
    services.suspend_member(actor=w.owner, membership=ben)
    same(w.account)

    assert pruned(w.account, first).is_sealed
    same(w.account)
    assert AuditEvent.objects.filter(action="account.snapshot").count() == 0
    assert replay.state_at(w.account, first) == was
    assert replay.state_at(w.account, second) == became

    clock.after(1)
    assert pruned(w.account, second).is_sealed
    same(w.account)
    assert AuditCheckpoint.objects.count() == 2
    assert replay.state_at(w.account, second) == became
    services.remove_member(actor=w.owner, membership=ana)
    same(w.account)


def test_between_two_checkpoints_nobody_knows_what_was(clock: Clock) -> None:
    """The older one says what was at its own end; what was given after that went with the newer."""
    w = world("emma_hq")
    snapshot(w.account)
    end = clock.after(5)
    ana = added(w, w.north)
    held = clock.after(5)
    clock.after(1)
    services.remove_member(actor=w.owner, membership=ana)
    second = clock.after(5)
    clock.after(40)
    assert ana.pk in replay.state_at(w.account, held).seats
    for before in (end, second):
        pruned(w.account, before)

    with pytest.raises(Invalid, match="and nothing of any moment before that") as caught:
        replay.state_at(w.account, held)
    assert caught.value.code == "NO_RECORD"
    since = replay.beginning_of(w.account)
    assert since == AuditCheckpoint.objects.latest("sequence").last_event_at
    assert ana.pk not in replay.state_at(w.account, since).seats


def test_a_forged_checkpoint_is_found_and_nobody_is_told_what_it_says(clock: Clock) -> None:
    w = world("emma_hq")
    snapshot(w.account)
    end = clock.after(5)
    services.rename_subaccount(actor=w.owner, subaccount=w.north, name="East")
    clock.after(40)
    pruned(w.account, end)
    summed = AuditCheckpoint.objects.get()
    forged = {**summed.state, "account": {**summed.state["account"], "owner": "666"}}
    with unlocked():
        AuditCheckpoint.objects.filter(pk=summed.pk).update(state=forged)

    flaws = [(flaw.sequence, flaw.problem) for flaw in audit.verify(root_key(w.account))]
    assert (summed.sequence, FORGED_CHECKPOINT) in flaws
    for read in (replay.state_now, lambda account: replay.state_at(account, clock())):
        with pytest.raises(Invalid, match="Run verify_audit") as caught:
            read(w.account)
        assert caught.value.code == "RECORD"


def test_one_that_was_pruned_before_it_began_can_begin_all_the_same(clock: Clock) -> None:
    w = world("emma_hq")
    services.rename_subaccount(actor=w.owner, subaccount=w.north, name="East")
    end = clock.after(1)
    services.rename_subaccount(actor=w.owner, subaccount=w.north, name="North")
    clock.after(40)
    pruned(w.account, end)

    assert AuditCheckpoint.objects.get().state == {}
    assert not replay.state_now(w.account).began
    with pytest.raises(Invalid, match="does not begin at the beginning") as caught:
        replay.state_at(w.account, clock())
    assert caught.value.code == "NO_RECORD"
    assert run("check_integrity", format="json").json == []
    assert snapshot(w.account)
    same(w.account)


def test_a_record_that_cannot_be_summed_up_keeps_its_events_and_writes_no_file(
    clock: Clock,
) -> None:
    w = world("emma_hq")
    snapshot(w.account)
    audit.record(root=root_key(w.account), actor=None, action="moon.landed", subject=w.account)
    end = clock.after(1)
    clock.after(40)
    archive = Kept()
    with pytest.raises(Invalid, match=r"moon\.landed, is not known"):
        prune_audit(reason="Kept for a year", account=w.account, before=end, archive=archive)
    assert (archive.is_sealed, archive.getvalue()) == (False, b"")
    assert AuditCheckpoint.objects.count() == 0


def test_an_event_taken_out_of_the_middle_is_missed_also_just_before_a_later_one(
    clock: Clock,
) -> None:
    w = world("emma_hq")
    snapshot(w.account)
    clock.after(1)
    ana = added(w, w.north)
    asked = clock.after(1)
    clock.after(1)
    services.suspend_member(actor=w.owner, membership=ana)
    with unlocked():
        AuditEvent.objects.filter(root=root_key(w.account), action="member.added").delete()
    with pytest.raises(Invalid, match="what lies between is not there"):
        replay.state_at(w.account, asked)


def test_all_of_one_moment_counts_at_that_moment(clock: Clock) -> None:
    w = world("emma_hq")
    snapshot(w.account)
    clock.after(1)
    rows = [added(w, w.north), added(w, w.south)]
    services.suspend_member(actor=w.owner, membership=rows[0])
    found = replay.state_at(w.account, clock())
    assert [found.seats[row.pk].active for row in rows] == [False, True]
    before = replay.state_at(w.account, clock() - timedelta(microseconds=1))
    assert before.seats.keys() & {row.pk for row in rows} == set()


def test_a_clock_that_was_ahead_once_hides_nothing_that_followed(clock: Clock) -> None:
    """The event it wrote says next year: it happened when the one after it did."""
    w = world("emma_hq")
    snapshot(w.account)
    early = clock.after(1)
    before = added(w, w.north).pk
    begun = clock.after(1)
    clock.after(365)
    untimely = added(w, w.north).pk
    clock.at = clock.after(-364)
    after = added(w, w.south).pk

    def seats(at: datetime) -> set[int]:
        return replay.state_at(w.account, at).seats.keys() & {before, untimely, after}

    now = clock()
    assert seats(now) == {before, untimely, after}
    assert seats(begun) == {before}
    assert seats(early - DAY / 2) == set()
    untimely_too = clock.after(365) and added(w, w.south).pk
    clock.at = now
    assert untimely_too in replay.state_at(w.account, now).seats, "nothing came after it"
    clock.after(2)
    assert untimely_too in replay.state_at(w.account, clock()).seats
    assert untimely_too not in replay.state_at(w.account, clock() - DAY).seats, "nor was it there"


def test_a_long_record_is_read_a_batch_at_a_time(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    w = world("emma_hq")
    snapshot(w.account)
    for number in range(9):
        services.rename_subaccount(actor=w.owner, subaccount=w.north, name=f"North {number}")
    monkeypatch.setattr("teams.replay.record.BATCH", 4)
    with CaptureQueriesContext(connection) as asked:
        replay.state_at(w.account, clock.after(1))
    batches = [one for one in asked.captured_queries if "LIMIT 4" in one["sql"]]
    assert len(batches) == 4, "ten events, and that there are no more"
