"""Edition data as the pure policy reads it: what a role, an owner, a toggle amounts to."""

from __future__ import annotations

import json
from collections.abc import Collection
from functools import cache, lru_cache
from typing import Any

from permissions.policy import TOP, Bundle
from permissions.policy.terms import ORDINARY
from teams.catalogue import CATALOGUE
from teams.editions import get
from teams.editions.spec import CustomRoles, Edition, RoleSpec

#: the kind of an account's own workspace
HOME = "home"


def _split(held: dict[str, str], at_home: dict[str, str] | None = None) -> Bundle:
    """Return the bundle of permissions by level; ``at_home`` replaces those of subaccounts."""
    top = {p: c for p, c in held.items() if CATALOGUE[p].level == TOP}
    inside = {p: c for p, c in held.items() if CATALOGUE[p].level != TOP}
    return {TOP: top, ORDINARY: inside, HOME: inside if at_home is None else at_home}


def _cells(role: RoleSpec) -> dict[str, str]:
    held = {str(p): "" for p in role.holds}
    for condition, permissions in role.when.items():
        held.update({str(p): condition for p in permissions})
    return held


@cache
def owner_bundle(edition: str) -> Bundle:
    """Return what the owner holds: everything the edition has."""
    spec = get(edition)
    held = {str(p): "" for p in spec.permissions}
    for condition, permissions in spec.owner_when.items():
        held.update({str(p): condition for p in permissions})
    return _split(held)


@cache
def role_bundle(edition: str, role: str, contact: bool = False) -> Bundle:
    """Return what a built-in role holds by itself, toggles aside.

    ``contact`` adds what being the primary contact of the subaccount gives. Raises KeyError for a
    role the edition does not have.
    """
    spec = get(edition).role(role)
    held = _cells(spec)
    if contact:
        held.update({str(p): "" for p in spec.contact_adds})
    return _split(held, _cells(spec.at_home) if spec.at_home else None)


@lru_cache(maxsize=4096)  # the ticks are text that tenants write: not without end
def custom_bundle(edition: str, ticked: str) -> Bundle:
    """Return what a custom role holds; ``ticked`` is the JSON list stored with it.

    Nothing, where the edition has no custom roles or the list is not one.
    """
    custom = get(edition).custom_roles
    if custom is None:
        return _split({})
    names = json.loads(ticked)
    if not isinstance(names, list):
        return _split({})
    return _split({str(p): "" for p in custom_permissions(custom, names)})


def bundle_of(edition: Edition, membership: Any) -> Bundle:
    """Return what the role of a stored membership holds by itself, toggles aside."""
    if membership.custom_role is not None:
        return custom_bundle(edition.codename, json.dumps(membership.custom_role.permissions))
    contact = membership.is_primary_contact and edition.has_primary_contact
    return role_bundle(edition.codename, membership.role, contact)


def custom_permissions(custom: CustomRoles, ticked: Collection[str]) -> frozenset[str]:
    """Return what ticking ``ticked`` gives: the ticks that count and what follows from them.

    A tick counts when it may be ticked and everything it implies is ticked too (a menu is
    required for what lies under it).
    """
    held = {p for p in custom.tickable if p in ticked} | set(custom.always)
    while drop := {p for p in held if not held.issuperset(p.implies)}:
        held -= drop
    followers = {p for p, leaders in custom.follows.items() if held.issuperset(leaders)}
    return frozenset(held | followers)


@cache
def toggle_bundle(permission: str) -> Bundle:
    """Return what one permission, toggled on, amounts to."""
    return _split({permission: ""})


@cache
def levels(edition: str) -> dict[str, str]:
    """Return the permissions that exist in ``edition``, each with the level it is asked at."""
    return {str(p): p.level for p in get(edition).permissions}


def admits(spec: Edition, role: str, permission: str) -> bool:
    """Say whether ``role`` may have ``permission`` toggled on; custom roles admit no toggle."""
    found = spec.find_role(role)
    return found is not None and found.toggle_of(permission) is not None
