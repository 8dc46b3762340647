"""What of a holding sleeps: it is recorded, gives nothing now, and may wake by itself."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from functools import lru_cache
from typing import Any

from permissions.policy.terms import Bundle, Holding


class _Same:
    """A bundle as a key: the same object, however much another one is like it.

    Bundles are mappings and cannot be hashed by what they hold; they are built once a process.
    """

    __slots__ = ("bundle",)

    def __init__(self, bundle: Bundle) -> None:
        self.bundle = bundle

    def __hash__(self) -> int:
        return id(self.bundle)

    def __eq__(self, other: Any) -> bool:
        return isinstance(other, _Same) and self.bundle is other.bundle


def part(holding: Holding, sleeping: Collection[str] | None) -> tuple[Holding, Holding | None]:
    """Return what of ``holding`` counts while the permissions ``sleeping`` sleep, and what sleeps.

    None puts all of it to sleep, and its rank too: nobody is managed by somebody asleep. The first
    is never dropped: whoever has it still has a place. The second is None where nothing sleeps.
    """
    whole = sleeping is None
    awake, asleep = _parted(_Same(holding.rights), None if whole else frozenset(sleeping or ()))
    if not any(asleep.values()):
        return (replace(holding, rank=None) if whole else holding), None
    rank = None if whole else holding.rank
    return replace(holding, rights=awake, rank=rank), replace(holding, rights=asleep)


@lru_cache(maxsize=4096)  # bundles of custom roles come and go
def _parted(same: _Same, sleeping: frozenset[str] | None) -> tuple[Bundle, Bundle]:
    """Return what is left of a bundle and what sleeps, the same objects each time."""
    awake: dict[str, dict[str, str]] = {}
    asleep: dict[str, dict[str, str]] = {}
    for kind, held in same.bundle.items():
        awake[kind], asleep[kind] = {}, {}
        for permission, condition in held.items():
            sleeps = sleeping is None or permission in sleeping
            (asleep if sleeps else awake)[kind][permission] = condition
    return awake, asleep
