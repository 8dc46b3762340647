"""How often a key may call: counted in the database, for all processes together.

Counted per key and per account, never by address: no header changes who is counted. A key that
sleeps is counted like one that works. What opens nothing stands for no row to count in; each such
text is counted by each process for itself, in memory: a program that goes on with a revoked key
costs the database nothing after a while, and nobody's key is kept out by what others try. Trying
out ever new texts is not slowed down: a look-up by an index is all that costs, and 256 random bits
are not guessed.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Case, F, Q, Sum, Value, When
from django.utils import timezone

from teams.api.problems import Wrong
from teams.keys import digest_of
from teams.models import ApiKey

PER_MINUTE = 120
#: so many times what one key may is what all keys of an account may together
ACCOUNT_FACTOR = 5
#: ``last_used_at`` is no more exact than that
USED = timedelta(minutes=1)
#: a minute so far ahead was written by a clock that was wrong, and not by one that is a bit fast
FAST = timedelta(minutes=2)
#: so many texts that open nothing are counted at once, in each process
MOST_TEXTS = 10_000


def per_minute() -> int:
    """Return how many calls a key may make within a minute: API_CALLS_PER_MINUTE, or 120."""
    return int(getattr(settings, "API_CALLS_PER_MINUTE", PER_MINUTE))


@dataclass(frozen=True, slots=True)
class Counted:
    """What is left of a minute after a call: ``left`` calls, for ``wait`` seconds.

    ``refusal`` is why this call was one too many; empty if it was not.
    """

    limit: int
    left: int
    wait: int
    refusal: str = ""

    def headers(self) -> dict[str, str]:
        """Return what every answer says of it."""
        return {
            "RateLimit-Limit": str(self.limit),
            "RateLimit-Remaining": str(self.left),
            "RateLimit-Reset": str(self.wait),
        }

    def refuse(self) -> None:
        """Raise 429 if the call was one too many."""
        if self.refusal:
            raise Wrong(
                429, "TOO_MANY_CALLS", f"{self.refusal} Wait {self.wait} seconds.", wait=self.wait
            )


def count_call(key: ApiKey) -> Counted:
    """Count one call of ``key``, note that it was used, and return what is left.

    One statement asks and counts, so that two calls at once are two; the account's sum is read
    after one's own call stands in it, so that it is never undercounted. The minute never goes back,
    whatever the clocks of several machines say: else each would begin anew for the other.
    """
    now = timezone.now()
    minute = _minute_of(now)
    limit, wait = per_minute(), 60 - now.second
    is_new = Q(minute=None) | Q(minute__lt=minute) | Q(minute__gt=minute + FAST)
    counted = ApiKey.objects.filter(is_new | Q(calls__lt=limit), pk=key.pk).update(
        calls=Case(When(is_new, then=Value(1)), default=F("calls") + 1),
        minute=Case(When(is_new, then=Value(minute)), default=F("minute")),
        last_used_at=Case(
            When(last_used_at__gt=now - USED, then=F("last_used_at")), default=Value(now)
        ),
    )
    if not counted:
        return Counted(limit, 0, wait, f"This key has made its {limit} calls of this minute.")
    calls = ApiKey.objects.filter(
        account=key.account_id, minute__range=(minute, minute + FAST)
    ).aggregate(all=Sum("calls"), own=Sum("calls", filter=Q(pk=key.pk)))
    left = min(limit - (calls["own"] or 0), limit * ACCOUNT_FACTOR - (calls["all"] or 0))
    if left < 0:
        refusal = "The keys of this account have made all their calls of this minute."
        return Counted(limit, 0, wait, refusal)
    return Counted(limit, left, wait)


class _Unknown:
    """Counts texts that open nothing, for this process and this minute."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._minute: datetime | None = None
        self._counts: dict[str, int] = {}

    def count(self, digest: str, now: datetime) -> int:
        """Return how often ``digest`` came within the minute, this time not counted: a text is
        none until it has been looked up. Forgets what was before."""
        with self._lock:
            if self._minute != _minute_of(now):
                self._minute, self._counts = _minute_of(now), {}
            return self._counts.get(digest, 0)

    def add(self, digest: str) -> None:
        """Count ``digest`` once more; while too many are counted, new ones are not."""
        with self._lock:
            if digest in self._counts or len(self._counts) < MOST_TEXTS:
                self._counts[digest] = self._counts.get(digest, 0) + 1


_unknown = _Unknown()


def refuse_often(text: str) -> None:
    """Raise 429 for a text that opened nothing as often within this minute as a key may call.

    Asked before it is looked up: what once opened nothing never opens anything.
    """
    now = timezone.now()
    limit = per_minute()
    if _unknown.count(digest_of(text), now) >= limit:
        refusal = f"What was sent as a key opened nothing {limit} times in this minute."
        Counted(limit, 0, 60 - now.second, refusal).refuse()


def count_unknown(text: str) -> None:
    """Count that ``text`` opened nothing. No process keeps it: its SHA-256 alone is counted."""
    _unknown.add(digest_of(text))


def _minute_of(now: datetime) -> datetime:
    return now.replace(second=0, microsecond=0)
