"""Everything the rules need to know about one person, loaded once per unit of work."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from permissions.policy import (
    Denial,
    Outcome,
    PlaceId,
    Root,
    Scope,
    Source,
    Standing,
    decide,
    held_at,
    narrow,
)
from permissions.resources import Resource, registry

ObjectKey = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Tenant:
    """One person's standing in one root, and which team modes limit what they see there.

    ``details`` of the root and ``labels`` of the places where the person was given something are
    for showing only; no rule reads them.
    """

    root: Root
    standing: Standing
    limits: frozenset[str] = frozenset()
    details: Mapping[str, Any] = field(default_factory=dict)
    labels: Mapping[PlaceId, str] = field(default_factory=dict)


@dataclass(slots=True)
class Profile:
    """One person's facts in every root they belong to.

    ``guests`` maps (model label, primary key as text) to the permissions given on that one
    object. ``groups`` are the groups of the person's teams. ``load_shared`` returns the keys of a
    model's objects that are shared with such groups or were created by the person; it is asked at
    most once per model.
    """

    person: Hashable
    tenants: Mapping[Hashable, Tenant]
    guests: Mapping[ObjectKey, Mapping[str, Source]] = field(default_factory=dict)
    groups: frozenset[int] = frozenset()
    load_shared: Callable[[Resource, Profile], frozenset[Any]] | None = None
    _scopes: dict[tuple[Hashable, str], Scope] = field(default_factory=dict)
    _shared: dict[str, frozenset[Any]] = field(default_factory=dict)
    _limited: dict[tuple[str, Hashable, PlaceId], bool] = field(default_factory=dict)
    _held: dict[tuple[Hashable, PlaceId, str], bool] = field(default_factory=dict)

    def scope(self, root: Hashable, permission: str) -> Scope:
        """Return every place of ``root`` where the person holds ``permission``."""
        key = (root, permission)
        found = self._scopes.get(key)
        if found is None:
            tenant = self.tenants.get(root)
            found = held_at(tenant.standing, tenant.root, permission) if tenant else Scope()
            self._scopes[key] = found
        return found

    def shared(self, resource: Resource) -> frozenset[Any]:
        """Return the keys of the objects of ``resource`` that teams or authorship make visible."""
        found = self._shared.get(resource.label)
        if found is None:
            found = self.load_shared(resource, self) if self.load_shared else frozenset()
            self._shared[resource.label] = found
        return found

    def is_limited(self, resource: Resource, root: Hashable, place: PlaceId) -> bool:
        """Say whether teams limit which objects of ``resource`` the person sees at ``place``."""
        key = (resource.label, root, place)
        found = self._limited.get(key)
        if found is None:
            tenant = self.tenants.get(root)
            found = self._limited[key] = (
                tenant is not None
                and bool(resource.limited)
                and resource.limited in tenant.limits
                and place not in self.scope(root, resource.unlimited_by)
            )
        return found

    def sees(self, resource: Resource, obj: Any, root: Hashable, place: PlaceId) -> bool:
        """Say whether teams leave ``obj`` visible, and everything it follows.

        What is found through others (``Resource.through``) is visible if one of them is.
        """
        if resource.through:
            link = resource.link
            if self.is_limited(link.resource, root, place):
                return not self.shared(link.resource).isdisjoint(link.linked(obj))
        for name, part in registry.limitable(resource):
            if self.is_limited(part, root, place):
                key = getattr(obj, name)
                if key is not None and key not in self.shared(part):
                    return False
        return True

    def given_on(self, resource: Resource, obj: Any, permission: str) -> tuple[Source, ...]:
        """Return the guest access that gives ``permission`` on ``obj``, or on what leads to it."""
        if not self.guests:
            return ()
        keys = [(resource.label, str(obj.pk))]
        if resource.through and (carriers := self.guests_of(resource.link.resource, permission)):
            label = resource.link.resource.label
            keys += sorted((label, str(pk)) for pk in resource.link.linked(obj) & carriers)
        found = (self.guests.get(key, {}).get(permission) for key in keys)
        return tuple(source for source in found if source is not None)

    def guests_of(self, resource: Resource, permission: str) -> frozenset[Any]:
        """Return the keys of the objects of ``resource`` on which the person has ``permission`` as
        a guest."""
        to_key = resource.model._meta.pk.to_python
        return frozenset(
            to_key(pk)
            for (label, pk), given in self.guests.items()
            if label == resource.label and permission in given
        )

    def is_guest(self, root: Hashable, permission: str, label: str = "") -> bool:
        """Say whether the person was given ``permission`` on single objects, of the model
        ``label`` or any, that does not sleep in ``root``."""
        tenant = self.tenants.get(root)
        if tenant is None or permission in tenant.standing.sleeping:
            return False
        given_on = self.guests.items()
        return any(permission in given and label in ("", kind) for (kind, _pk), given in given_on)

    def decide(self, permission: str, resource: Resource, obj: Any) -> Outcome:
        """Say whether the person holds ``permission`` on ``obj``, and from where."""
        root_key, place = resource.locate(obj)
        tenant = self.tenants.get(root_key)
        if tenant is None:
            return Outcome(denial=Denial.STRANGER)
        outcome = decide(tenant.standing, tenant.root, permission, place)
        if outcome.denial in (None, Denial.NOT_HELD, Denial.CONDITION, Denial.SECOND_FACTOR):
            given = self.given_on(resource, obj, permission)
            if given and permission in tenant.standing.sleeping:
                return Outcome(denial=Denial.SECOND_FACTOR)
            if given:
                return Outcome(sources=(*outcome.sources, *given))
        if outcome.allowed and not self.sees(resource, obj, root_key, place):
            return Outcome(denial=Denial.NOT_VISIBLE)
        return outcome

    def allows(self, permission: str, resource: Resource, obj: Any) -> bool:
        """Answer ``decide`` with yes or no, from what is remembered where possible."""
        root, place = resource.locate(obj)
        key = (root, place, permission)
        plain = self._held.get(key)  # held, and teams limit nothing
        if plain is None and place in self.scope(root, permission):
            plain = self._held[key] = not self.tenants[root].limits
        if plain or (plain is False and self.sees(resource, obj, root, place)):
            return True
        return bool(self.guests) and self.decide(permission, resource, obj).allowed


def narrow_profile(
    profile: Profile, root: Hashable, place: PlaceId, permissions: frozenset[str]
) -> Profile:
    """Return what ``profile`` leaves whoever acts with ``permissions`` of it at ``place`` of
    ``root`` alone. Guest access to single objects is not among it."""
    tenant = profile.tenants.get(root)
    tenants: dict[Hashable, Tenant] = {}
    if tenant is not None:
        standing = narrow(tenant.standing, place, permissions)
        if standing.holdings:
            tenants[root] = replace(tenant, standing=standing)
    return Profile(
        person=profile.person,
        tenants=tenants,
        groups=profile.groups,
        load_shared=profile.load_shared,
    )
