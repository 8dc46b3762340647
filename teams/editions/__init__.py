"""The five published role systems, as data of one machine, and those a host adds."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from django.core.exceptions import ImproperlyConfigured

from teams.editions import (
    constant_contact,
    emma_corporate,
    emma_enterprise,
    emma_hq,
    sailthru,
)
from teams.editions.spec import Edition, flaws

_known: dict[str, Edition] = {
    module.EDITION.codename: module.EDITION
    for module in (
        constant_contact,
        emma_corporate,
        emma_enterprise,
        emma_hq,
        sailthru,
    )
}

#: every edition by codename
EDITIONS: Mapping[str, Edition] = MappingProxyType(_known)


def register(edition: Edition) -> None:
    """Add a host's own edition; called once, in ``AppConfig.ready()``.

    Raises ImproperlyConfigured for what could not work (a second one of that name, a role that
    holds what the edition does not have, …), with the remedy.
    """
    if _known.get(edition.codename, edition) is not edition:
        raise ImproperlyConfigured(
            f"There is an edition {edition.codename!r} already; give this one another codename."
        )
    for flaw in flaws(edition):
        raise ImproperlyConfigured(f"Edition {edition.codename!r}: {flaw}")
    _known[edition.codename] = edition


def get(codename: str) -> Edition:
    """Return the edition ``codename``. Raises KeyError naming the editions there are."""
    try:
        return EDITIONS[codename]
    except KeyError:
        raise KeyError(f"no edition {codename!r}; there are {', '.join(EDITIONS)}") from None


__all__ = ["EDITIONS", "get", "register"]
