"""What must not be removed for good yet, for the sake of whoever registers more.

``billing`` keeps what was used on a day that has not been metered; a host may register reasons of
its own. Like ``teams.limits``, it points upwards and asks.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

#: returns why an object (a contact, a campaign, …) is still needed, as a sentence that says what to
#: do; empty if it is not. Asked within the account's lock
Source = Callable[[Any], str]

_sources: list[Source] = []


def register(source: Source) -> None:
    """Ask ``source`` too, from now on; called once, in ``AppConfig.ready``. Repeating is harmless:
    Django runs ``ready`` again where a test changes the installed apps."""
    if source not in _sources:
        _sources.append(source)


def because(obj: Any) -> str:
    """Return why ``obj`` must be kept for now; empty if it may go."""
    return next(filter(None, (source(obj) for source in _sources)), "")
