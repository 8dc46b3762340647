"""What need not be looked up twice while one account is locked: nobody else changes it meanwhile.

Kept for the length of one change and never beyond: what a change rolled back is kept by nobody.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, TypeVar

T = TypeVar("T")


@dataclass(slots=True)
class _Kept:
    account: Any
    found: dict[str, Any] = field(default_factory=dict)


_kept: ContextVar[_Kept | None] = ContextVar("teams_kept", default=None)


@contextmanager
def keeping(account: Any) -> Iterator[None]:
    """Keep what ``once`` finds for the account of that key, which is locked, for this block.

    What a block around it had kept is dropped: this one may have changed it, or taken it back.
    """
    outer = _kept.get()
    token = _kept.set(_Kept(account))
    try:
        yield
    finally:
        _kept.reset(token)
        if outer is not None:
            outer.found.clear()


def once(account: Any, name: str, load: Callable[[], T]) -> T:
    """Return what ``load`` returns, called once while that account is locked; else each time."""
    kept = _kept.get()
    if kept is None or kept.account != account:
        return load()
    if name not in kept.found:
        kept.found[name] = load()
    found: T = kept.found[name]
    return found
