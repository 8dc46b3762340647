"""A profile as conditions of the database: where a permission reaches, in literal identifiers."""

from __future__ import annotations

from typing import Any

from django.db.models import Q

from permissions.lookups import NEVER, any_of
from permissions.policy import Scope
from permissions.profile import Profile
from permissions.resources import Resource, registry


def visible_q(resource: Resource, profile: Profile, permission: str, prefix: str = "") -> Q:
    """Return the condition ``visible`` filters by; ``prefix`` leads to the model ("lists__")."""
    if registry.catalogue is None or permission not in registry.catalogue:
        return NEVER
    branches: list[Q] = []
    for key in profile.tenants:
        branches += _branches(resource, profile, key, permission, prefix)
    branches += _guest_branches(resource, profile, permission, prefix)
    if not branches:
        return NEVER
    condition = branches[0]
    for branch in branches[1:]:
        condition |= branch
    return condition


def _branches(
    resource: Resource, profile: Profile, key: Any, permission: str, prefix: str
) -> list[Q]:
    scope = profile.scope(key, permission)
    if resource.place_path is None:
        return [Q(**{f"{prefix}pk": key})] if scope.top else []
    if not (scope.everywhere or scope.places):
        return []
    limited = _limits(resource, profile, key)
    if not limited:
        return [within(resource, key, scope, prefix)]
    free = profile.scope(key, limited[0][1].unlimited_by)
    branches = []
    if unrestricted := intersection(scope, free):
        branches.append(within(resource, key, unrestricted, prefix))
    if restricted := intersection(scope, complement(free)):
        condition = within(resource, key, restricted, prefix)
        for path, target in limited:
            condition &= _shown(resource, path, profile.shared(target), prefix)
        branches.append(condition)
    return branches


def _shown(resource: Resource, path: str, keys: frozenset[Any], prefix: str) -> Q:
    """Return the condition that what ``path`` leads to is among ``keys``, or leads nowhere."""
    if path == resource.through:
        return Q(**{f"{prefix}pk__in": resource.link.owners(keys)})
    found = any_of(f"{prefix}{path}", keys)
    return found if path == "pk" else found | Q(**{f"{prefix}{path}__isnull": True})


def _limits(resource: Resource, profile: Profile, key: Any) -> list[tuple[str, Resource]]:
    """Return the fields of ``resource`` that teams limit in this root, with what they lead to."""
    limits = profile.tenants[key].limits
    parts = list(registry.limitable(resource))
    if resource.through:
        parts.append((resource.through, resource.link.resource))
    return [(path, part) for path, part in parts if part.limited in limits]


def _guest_branches(resource: Resource, profile: Profile, permission: str, prefix: str) -> list[Q]:
    if not profile.guests or resource.place_path is None:
        return []
    conditions = []
    if keys := profile.guests_of(resource, permission):
        conditions.append(any_of(f"{prefix}pk", keys))
    if resource.through:
        link = resource.link
        if carriers := profile.guests_of(link.resource, permission):
            conditions.append(Q(**{f"{prefix}pk__in": link.owners(carriers)}))
    if not conditions:
        return []
    live = Q()
    for root, tenant in profile.tenants.items():
        asleep = tenant.root.withheld.keys() | tenant.standing.sleeping
        if permission in tenant.root.levels and permission not in asleep:
            live |= within(
                resource, root, Scope(everywhere=True, places=tenant.root.shut(permission)), prefix
            )
    return [condition & live for condition in conditions] if live else []


def within(resource: Resource, root: Any, scope: Scope, prefix: str = "") -> Q:
    """Return the condition that an object of ``resource`` lies in ``scope`` of ``root``."""
    place_path = f"{prefix}{resource.place_path}"
    if not scope.everywhere:
        return any_of(place_path, scope.places)
    condition = Q(**{f"{prefix}{resource.root_path}": root})
    return condition & ~any_of(place_path, scope.places) if scope.places else condition


def complement(scope: Scope) -> Scope:
    """Return every place that is not in ``scope``."""
    return Scope(everywhere=not scope.everywhere, places=scope.places)


def intersection(one: Scope, other: Scope) -> Scope:
    """Return the places in both; the top plays no part."""
    if one.everywhere and other.everywhere:
        return Scope(everywhere=True, places=one.places | other.places)
    if one.everywhere:
        return Scope(places=other.places - one.places)
    if other.everywhere:
        return Scope(places=one.places - other.places)
    return Scope(places=one.places & other.places)


def reachable_places(profile: Profile) -> Q:
    """Return the condition on the place model for those where the person holds anything."""
    resource = registry.places
    condition = NEVER
    for key, tenant in profile.tenants.items():
        for holding in tenant.standing.holdings:
            reach = holding.reach.places
            scope = (
                Scope(everywhere=True, places=tenant.root.archived)
                if reach is None
                else Scope(places=reach - tenant.root.archived)
            )
            condition |= within(resource, key, scope)
    return condition
