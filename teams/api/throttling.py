"""How often a key may call: counted in the database, for all processes together.

Counted per key and per account, never by address: no header changes who is counted. Calls without
a key are not counted; a lookup by an index is all they cost, and 256 random bits are not guessed.
"""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.db.models import Case, F, Q, Sum, Value, When
from django.utils import timezone

from teams.api.problems import Wrong
from teams.models import ApiKey

PER_MINUTE = 120
#: so many times what one key may is what all keys of an account may together
ACCOUNT_FACTOR = 5
#: ``last_used_at`` is no more exact than that
USED = timedelta(minutes=1)


def per_minute() -> int:
    """Return how many calls a key may make within a minute: API_CALLS_PER_MINUTE, or 120."""
    return int(getattr(settings, "API_CALLS_PER_MINUTE", PER_MINUTE))


def count_call(key: ApiKey) -> None:
    """Count one call of ``key`` and note that it was used. Raises 429 if that is one too many.

    One statement asks and counts, so that two calls at once are two; the account's sum is read
    after one's own call stands in it, so that it is never undercounted.
    """
    now = timezone.now()
    minute = now.replace(second=0, microsecond=0)
    limit = per_minute()
    counted = ApiKey.objects.filter(Q(pk=key.pk), ~Q(minute=minute) | Q(calls__lt=limit)).update(
        calls=Case(When(minute=minute, then=F("calls") + 1), default=Value(1)),
        minute=minute,
        last_used_at=Case(
            When(last_used_at__gt=now - USED, then=F("last_used_at")), default=Value(now)
        ),
    )
    wait = 60 - now.second
    if not counted:
        raise Wrong(
            429,
            "TOO_MANY_CALLS",
            f"This key has made its {limit} calls of this minute. Wait {wait} seconds.",
            wait=wait,
        )
    calls = ApiKey.objects.filter(account=key.account_id, minute=minute).aggregate(n=Sum("calls"))
    if (calls["n"] or 0) > limit * ACCOUNT_FACTOR:
        raise Wrong(
            429,
            "TOO_MANY_CALLS",
            "The keys of this account have made all their calls of this minute. "
            f"Wait {wait} seconds.",
            wait=wait,
        )
