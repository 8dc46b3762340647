"""The five published role systems, as data of one machine."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from teams.editions import (
    constant_contact,
    emma_corporate,
    emma_enterprise,
    emma_hq,
    sailthru,
)
from teams.editions.spec import Edition

EDITIONS: Mapping[str, Edition] = MappingProxyType(
    {
        module.EDITION.codename: module.EDITION
        for module in (
            constant_contact,
            emma_corporate,
            emma_enterprise,
            emma_hq,
            sailthru,
        )
    }
)


def get(codename: str) -> Edition:
    """Return the edition ``codename``. Raises KeyError naming the editions there are."""
    try:
        return EDITIONS[codename]
    except KeyError:
        raise KeyError(f"no edition {codename!r}; there are {', '.join(EDITIONS)}") from None


__all__ = ["EDITIONS", "get"]
