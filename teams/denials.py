"""Why a right is not held, as a sentence without its full stop."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from permissions.policy import SWITCHED_OFF, TOP, Denial, Outcome
from teams.editions.spec import Edition
from teams.models import Account

_CONDITIONS = {
    "single_bill": "Only while billed on the account's single bill",
    "reseller": "Only for reseller partners",
    "all_subaccounts": "Only for managers who reach all subaccounts",
}
#: the same, after the roles that hold something on that condition
_WHILE = {
    "single_bill": "while billed on the account's single bill",
    "reseller": "of a reseller partner",
    "all_subaccounts": "of all subaccounts",
}
_OF_ACCOUNT = "This is about the account as a whole, not about one subaccount"
_OF_SUBACCOUNT = "This is about single subaccounts, not about the account as a whole"


def denial_text(edition: Edition, outcome: Outcome, permission: str) -> str:
    """Return why a right is not held, in words."""
    match outcome.denial:
        case Denial.STRANGER:
            return "No active place in this account"
        case Denial.ABSENT:
            return f"{edition.label} does not have this"
        case Denial.WITHHELD if outcome.detail == SWITCHED_OFF:
            return "Switched off in this subaccount"
        case Denial.WITHHELD if outcome.detail in Account.ReadOnly.values:
            reason = str(Account.ReadOnly(outcome.detail).label)
            return f"The account is read-only: {reason[0].lower()}{reason[1:]}"
        case Denial.WITHHELD:
            return "Teams are switched off in this account"
        case Denial.WRONG_LEVEL:
            return _OF_ACCOUNT if outcome.detail == TOP else _OF_SUBACCOUNT
        case Denial.ARCHIVED:
            return "The subaccount is archived"
        case Denial.SECOND_FACTOR:
            return "Sleeps until a second factor is set up"
        case Denial.CONDITION:
            return _CONDITIONS.get(outcome.detail, outcome.detail)
        case Denial.NOT_VISIBLE:
            return "Shared only with other teams, or with none"
        case Denial.INACTIVE:
            return "The login is switched off"
        case _:
            return _needs(edition, permission)


def _needs(edition: Edition, permission: str) -> str:
    """Return every role by which somebody could hold ``permission``, and on what condition."""
    ways = list(_ways(edition, permission))
    toggles = [role.label for role in edition.roles if role.toggle_of(permission)]
    if toggles and not ways:
        return f"Can be switched on for {_or(toggles)}"
    if toggles:
        ways.append(f"{_or(toggles)} with it switched on")
    return f"Needs {', or '.join(ways)}" if ways else f"Only the {edition.owner_label} holds it"


def _ways(edition: Edition, permission: str) -> Iterator[str]:
    """Yield what gives it without a switch: roles, alike ones together, and custom roles."""
    if holders := [role.label for role in edition.roles if permission in role.holds]:
        yield _or(holders)
    if contacts := [role.label for role in edition.roles if permission in role.contact_adds]:
        yield f"{_or(contacts)} as primary contact"
    for condition, words in _WHILE.items():
        roles = [r.label for r in edition.roles if permission in r.when.get(condition, ())]
        if roles:
            yield f"{_or(roles)} {words}"
    custom = edition.custom_roles
    if custom is not None and permission in {*custom.tickable, *custom.always, *custom.follows}:
        yield "a custom role with it"


def _or(labels: list[Any]) -> str:
    names = [str(label) for label in labels]
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} or {names[-1]}"


__all__ = ["denial_text"]
