"""How often one person takes the record out: what is refused, whom, and when they can again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from permissions import audit
from permissions.errors import Invalid
from permissions.models import AuditEvent
from teams.event_filters import EventFilters
from teams.services import audit_export_limits as limits
from teams.services.audit_export import export, export_as_platform
from tests.services.world import World, world

pytestmark = pytest.mark.django_db
EVERYTHING = EventFilters()


@pytest.fixture
def w(db: Any, monkeypatch: pytest.MonkeyPatch) -> World:
    """Return a world where three are enough and no time passes: minutes are counted here."""
    monkeypatch.setattr(limits, "PER_HOUR", 3)
    found, moment = world("emma_hq"), timezone.now()
    monkeypatch.setattr(timezone, "now", lambda: moment)
    return found


@contextmanager
def at(moment: datetime) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(timezone, "now", lambda: moment)
        yield


def take(w: World, actor: Any, *, ago: timedelta = timedelta()) -> None:
    """Take the record out, as if that long ago."""
    with at(timezone.now() - ago):
        export(actor=actor, account=w.account, filters=EVERYTHING, fmt="jsonl")


def taken(w: World) -> int:
    return audit.timeline(audit.ref_of(w.account)).filter(action=limits.EXPORTED).count()


def refused(w: World, actor: Any) -> str:
    """Return the sentence of the refusal, which leaves no trace."""
    before = list(AuditEvent.objects.values_list("digest", flat=True))
    with pytest.raises(Invalid) as refusal:
        take(w, actor)
    assert refusal.value.code == "TOO_MANY"
    assert list(AuditEvent.objects.values_list("digest", flat=True)) == before
    return refusal.value.message


def test_the_record_grows_by_so_many_exports_of_one_person_and_no_more(w: World) -> None:
    for _ in range(3):
        assert limits.minutes_to_wait(w.owner, w.account) == 0
        take(w, w.owner)

    assert refused(w, w.owner) == (
        f"You have exported the history of {w.account.name} 3 times within an hour, as often as "
        "one person can. No file was written. You can again in 60 minutes."
    )
    assert limits.minutes_to_wait(w.owner, w.account) == 60
    assert list(audit.verify(audit.ref_of(w.account))) == []


def test_each_person_and_each_account_is_counted_alone(w: World) -> None:
    author, other = w.member("author").user, world("emma_hq")
    for _ in range(3):
        take(w, author)
    refused(w, author)

    take(w, w.owner)
    take(other, other.owner)
    assert (taken(w), taken(other)) == (4, 1)


def test_one_can_again_an_hour_after_the_first_of_them(w: World) -> None:
    for minutes in (61, 58, 30, 1):
        take(w, w.owner, ago=timedelta(minutes=minutes, seconds=30))
    said = refused(w, w.owner)

    # of the last three the first was 58 and a half minutes ago
    assert said.endswith("You can again in 2 minutes.")
    with at(timezone.now() + timedelta(minutes=2)):
        assert limits.minutes_to_wait(w.owner, w.account) == 0
        take(w, w.owner)


def test_a_clock_that_was_ahead_once_keeps_nobody_out(w: World) -> None:
    for _ in range(3):
        take(w, w.owner, ago=-timedelta(days=365))

    take(w, w.owner)
    assert taken(w) == 4


def test_the_platform_is_not_counted_and_counts_for_nobody(w: World) -> None:
    for _ in range(4):
        export_as_platform(
            reason="Asked for by the court", account=w.account, filters=EVERYTHING, fmt="csv"
        )
    take(w, w.owner)
    assert taken(w) == 5


def test_minutes_are_said_in_words() -> None:
    assert (limits.in_minutes(1), limits.in_minutes(2)) == ("a minute", "2 minutes")
