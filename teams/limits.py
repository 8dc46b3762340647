"""How many there may be: limits of an edition, of the platform, and of whoever registers more.

``billing`` registers what a rate plan allows; a host may register limits of its own. The lowest
counts, and is named in refusals and on pages.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from enum import StrEnum
from typing import NamedTuple

from teams.editions import get
from teams.models import Account


class Countable(StrEnum):
    """What is limited: active subaccounts; people with a place, pending invitations counted."""

    SUBACCOUNTS = "subaccounts"
    SEATS = "seats"


class Limit(NamedTuple):
    """At most ``value``; ``because`` completes "as many as … allows": "the rate plan".

    Whoever comes up against it is told, so it says nothing that they may not know.
    """

    value: int
    because: str

    def reached(self, counted: str, count: int) -> str:
        """Return how much there is, ``counted`` in words, and what allows no more."""
        if count > self.value:
            return f"{counted}, more than {self.because} allows ({self.value})"
        return f"{counted}, as many as {self.because} allows"


#: returns the limit of an account, None for any number; asked within the account's lock
Source = Callable[[Account, Countable], Limit | None]

_sources: list[Source] = []


def register(source: Source) -> None:
    """Ask ``source`` too, from now on; called once, in ``AppConfig.ready``. Repeating is harmless:
    Django runs ``ready`` again where a test changes the installed apps."""
    if source not in _sources:
        _sources.append(source)


def _known(account: Account, what: Countable) -> Iterator[Limit]:
    edition = get(account.edition)
    if what == Countable.SUBACCOUNTS and edition.max_active_subaccounts is not None:
        yield Limit(edition.max_active_subaccounts, str(edition.label))
    if what == Countable.SEATS and account.seat_limit is not None:
        yield Limit(account.seat_limit, "the agreement with the platform")
    for source in _sources:
        found = source(account, what)
        if found is not None:
            yield found


def limit_of(account: Account, what: Countable) -> Limit | None:
    """Return the lowest limit of ``account``; None if there may be any number."""
    return min(_known(account, what), key=lambda limit: limit.value, default=None)
