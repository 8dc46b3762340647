"""Of whom an account may ask a second factor, and what sleeps until they have set one up.

An account keeps a list of classes (``Account.second_factor``). Without a second factor, all that
the roles a class names give somebody sleeps, and so do the permissions it names, whatever gives
them. Where the project's sign-in knows no second factor, nothing sleeps.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from permissions.catalogue import Label
from permissions.policy import TOP, Holding, Root, Standing, part
from teams.catalogue import (
    BILLING,
    EXPORT_CONTACTS,
    EXPORT_PII,
    GENERATE_API_KEYS,
    RUN_PARTNER_EXPORTS,
)
from teams.logins import current


@dataclass(frozen=True, slots=True)
class FactorClass:
    """Whom it asks: everybody, the owner, roles held on the whole account, roles by codename,
    or whoever holds one of ``permissions``."""

    codename: str
    label: Label
    everybody: bool = False
    owner: bool = False
    at_account: bool = False
    roles: frozenset[str] = frozenset()
    permissions: frozenset[str] = frozenset()


_DECLARED = (
    FactorClass("everybody", _("Everybody: all they may do"), everybody=True),
    FactorClass("owners", _("The owner: all an owner may do"), owner=True),
    FactorClass(
        "managers", _("Managers: all that a role on the whole account gives"), at_account=True
    ),
    FactorClass(
        "administrators",
        _("Administrators: all that their role gives"),
        roles=frozenset({"administrator", "account_admin"}),
    ),
    FactorClass(
        "export",
        _("Whoever may export: exporting, and addresses in files"),
        permissions=frozenset({EXPORT_CONTACTS, EXPORT_PII, RUN_PARTNER_EXPORTS}),
    ),
    FactorClass(
        "keys",
        _("Whoever may generate API keys: generating them"),
        permissions=frozenset({GENERATE_API_KEYS}),
    ),
    FactorClass(
        "billing",
        _("Whoever sees or changes billing: all of billing"),
        permissions=frozenset(BILLING.permissions),
    ),
)
#: the classes by codename, in the order of the page that lists them
CLASSES: Mapping[str, FactorClass] = {one.codename: one for one in _DECLARED}
#: what a new account asks
DEFAULT = tuple(codename for codename in CLASSES if codename != "everybody")


def has_factors() -> bool:
    """Say whether anybody can set up a second factor in this project."""
    return current().having_factor() is not None


def starting_classes() -> list[str]:
    """Return the classes a new account begins with: none where there are no second factors, so
    that nothing falls asleep on the day the project gets them."""
    return list(DEFAULT) if has_factors() else []


def demand(codenames: Iterable[str]) -> FactorClass | None:
    """Return what the classes ``codenames`` ask together, as one; None for nothing, which is also
    what unknown ones ask."""
    found = [CLASSES[name] for name in codenames if name in CLASSES]
    if not found:
        return None
    return FactorClass(
        codename="",
        label="",
        everybody=any(one.everybody for one in found),
        owner=any(one.owner for one in found),
        at_account=any(one.at_account for one in found),
        roles=frozenset().union(*(one.roles for one in found)),
        permissions=frozenset().union(*(one.permissions for one in found)),
    )


@lru_cache(maxsize=1024)  # of seven classes, but the text is what somebody stored
def demand_of(stored: str) -> FactorClass | None:
    """Return what ``Account.second_factor``, as the text that is stored, asks."""
    names = json.loads(stored)
    return demand(str(name) for name in names) if isinstance(names, list) else None


def asked_of(people: QuerySet[Any], codenames: Iterable[str]) -> FactorClass:
    """Return what the classes ``codenames`` ask of the one login in ``people``: a class that names
    nothing, where it has a second factor or nobody can have one."""
    has = current().having_factor()
    lacks = has is not None and not people.filter(has).exists()
    return (demand(codenames) if lacks else None) or FactorClass("", "")


def put_to_sleep(standing: Standing, asked: FactorClass, root: Root) -> Standing:
    """Return what somebody without a second factor has, where ``asked`` is asked."""
    roles = {h.source.ref: h.source.name for h in standing.holdings if h.source.kind == "role"}
    holdings: list[Holding] = []
    asleep: list[Holding] = []
    for holding in standing.holdings:
        whole = _names(asked, holding, roles.get(holding.source.ref, ""))
        awake, sleeps = part(holding, None if whole else asked.permissions)
        holdings.append(awake)
        asleep += [sleeps] if sleeps is not None else []
    return replace(
        standing,
        holdings=tuple(holdings),
        asleep=tuple(asleep),
        sleeping=frozenset(root.levels) if asked.everybody else asked.permissions,
        owner_sleeps=standing.is_owner and (asked.everybody or asked.owner),
    )


def _names(asked: FactorClass, holding: Holding, role: str) -> bool:
    """Say whether ``asked`` names what gives ``holding``; ``role`` is that of its membership."""
    if asked.everybody:
        return True
    match holding.source.kind:
        case "owner":
            return asked.owner
        case "role" | "toggle":  # a toggle belongs to the role it was switched on for
            return role in asked.roles or (asked.at_account and TOP in holding.reach)
        case _:
            return False
