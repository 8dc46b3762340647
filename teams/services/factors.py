"""Of whom an account asks a second factor."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from permissions.errors import Invalid
from permissions.policy import TOP, atoms
from teams.catalogue import MANAGE_ACCOUNT_SETTINGS
from teams.factors import CLASSES, has_factors
from teams.models import Account
from teams.services.base import changing, service


@service
def set_second_factor(*, actor: Any, account: Account, classes: Iterable[str]) -> Account:
    """Ask a second factor of ``classes`` (codenames of ``teams.factors.CLASSES``) and nobody else.

    Needs ``manage_account_settings``. Whoever has no second factor cannot change what sleeps of
    their own: neither lock themselves out, nor lift what is asked of them. Raises Refused, or
    Invalid: WRONG_TYPE, UNKNOWN_CLASS, DUPLICATE, NO_FACTORS, OWN_FACTOR.
    """
    act = "change whom a second factor is asked of"
    with changing(actor, account, act=act) as change:
        change.require(MANAGE_ACCOUNT_SETTINGS, frozenset({TOP}), act)
        after, before = _clean(classes), change.account.second_factor
        if after == before:
            return change.account
        change.account.second_factor = after
        change.account.save(update_fields=["second_factor"])
        now = change.standing_of(change.actor)
        was, becomes = (
            atoms(standing.asleep, change.root, change.universe)
            for standing in (change.standing, now)
        )
        if was != becomes:
            raise Invalid(
                "Set up your own second factor first: this changes what sleeps of your own rights.",
                code="OWN_FACTOR",
            )
        change.record("second_factor.changed", change.account, before=before, after=after)
    return change.account


def _clean(classes: Any) -> list[str]:
    """Return the codenames in the order of the declaration. Raises Invalid."""
    if not has_factors():
        raise Invalid(
            "Nobody can set up a second factor here, so it cannot be asked of anybody.",
            code="NO_FACTORS",
        )
    if isinstance(classes, str | bytes) or not isinstance(classes, Iterable):
        raise Invalid("Name the classes as a list.", code="WRONG_TYPE")
    named = list(classes)
    if not all(isinstance(name, str) for name in named):
        raise Invalid("Name each class by its codename, as text.", code="WRONG_TYPE")
    if unknown := [name for name in named if name not in CLASSES]:
        raise Invalid(
            f"There is no class {unknown[0]!r}; choose from {', '.join(CLASSES)}.",
            code="UNKNOWN_CLASS",
        )
    if len(set(named)) < len(named):
        raise Invalid("A class is named twice. Name each once.", code="DUPLICATE")
    return [name for name in CLASSES if name in named]
