"""The one hour that tests do not choose: midnight."""

from __future__ import annotations

import time

DAY = 24 * 60 * 60


def let_the_day_be(seconds: float) -> None:
    """Wait for the next day, of UTC as the tests have it, if this one is not that long any more."""
    left = DAY - time.time() % DAY
    if left < seconds:
        time.sleep(left)
