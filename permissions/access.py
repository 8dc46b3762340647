"""The two questions everything asks: may this person do that here, and where may they at all.

``can`` decides about one object, ``visible`` filters a queryset; both answer from the same access
profile, so they agree. A profile is loaded once per unit of work (a request, a batch of a job);
outside of one nothing is kept, and within a transaction that changed rights nothing is kept either.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from django.core.exceptions import ImproperlyConfigured
from django.db import connection, models, transaction
from django.db.models import Q, QuerySet

from permissions.lookups import NEVER, any_of
from permissions.policy import TOP, Denial, Scope, Source
from permissions.profile import Profile, narrow_profile
from permissions.resources import Resource, registry

M = TypeVar("M", bound=models.Model)


#: what each denial depends on: what would have to be otherwise
DEPENDS: Mapping[str, str] = {
    Denial.UNKNOWN: "catalogue",
    Denial.INACTIVE: "login",
    Denial.STRANGER: "membership",
    Denial.ABSENT: "edition",
    Denial.WITHHELD: "ceiling",
    Denial.ARCHIVED: "ceiling",
    Denial.WRONG_LEVEL: "level",
    Denial.SECOND_FACTOR: "second factor",
    Denial.CONDITION: "condition",
    Denial.NOT_HELD: "role",
    Denial.NOT_VISIBLE: "team",
}


@dataclass(frozen=True, slots=True)
class Lack:
    """A missing piece: the ``permission``, the ``root`` and ``place`` (keys) where it is missing,
    and what that depends on (a value of ``DEPENDS``). ``detail`` is the unmet condition, or what a
    ceiling is called."""

    permission: str
    root: Any
    place: Any
    depends: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Decision:
    """An answer with its witness; ``teams.witness`` checks it.

    ``reason`` is ``"allowed"`` or a ``Denial`` code; ``sources`` are all grants that justify the
    right, each pointing at its row; ``missing`` is what would have to be there.
    """

    allowed: bool
    reason: str
    sources: tuple[Source, ...] = ()
    missing: tuple[Lack, ...] = ()
    detail: str = ""

    def __bool__(self) -> bool:
        return self.allowed


@dataclass(slots=True)
class _Unit:
    profiles: dict[Any, Profile] = field(default_factory=dict)
    is_dirty: bool = False


_unit: ContextVar[_Unit | None] = ContextVar("permissions_unit", default=None)


class Facts(Protocol):
    """What the application above hands over: who belongs where is its business alone."""

    def load_profile(self, user: Any) -> Profile:
        """Return everything the rules need to know about ``user``."""

    def candidates(self, obj: models.Model) -> QuerySet[Any]:
        """Return the logins that could hold anything at all on ``obj``."""


#: the one source of facts, put here when the application above starts
_sources: list[Facts] = []


def use(facts: Facts) -> None:
    """Name where the facts come from; ``teams`` does when it starts. The last one named counts."""
    _sources[:] = [facts]


def _source_of_facts() -> Facts:
    if not _sources:
        raise ImproperlyConfigured("Nobody hands over facts; add 'teams' to INSTALLED_APPS.")
    return _sources[0]


def candidates(obj: models.Model) -> QuerySet[Any]:
    """Return the logins that could hold anything on ``obj``: to be asked one by one."""
    return _source_of_facts().candidates(obj)


def open_unit(**_: Any) -> None:
    """Begin a unit of work; connected to ``request_started``."""
    _unit.set(_Unit())


def close_unit(**_: Any) -> None:
    """Forget everything; connected to ``request_finished``."""
    _unit.set(None)


@contextmanager
def unit_of_work() -> Iterator[None]:
    """Keep profiles for the length of the block: one batch of a job, one command."""
    token = _unit.set(_Unit())
    try:
        yield
    finally:
        _unit.reset(token)


def forget() -> None:
    """Drop what is kept, because rights have just been written.

    Until the transaction ends nothing is stored again: a rollback would leave a profile wider
    than the truth.
    """
    unit = _unit.get()
    if unit is not None:
        unit.profiles.clear()
        if connection.in_atomic_block:
            unit.is_dirty = True
            transaction.on_commit(_clean)


def _clean() -> None:
    unit = _unit.get()
    if unit is not None:
        unit.profiles.clear()
        unit.is_dirty = False


@dataclass(frozen=True, slots=True)
class Narrowing:
    """What is left of one person's rights for whoever acts with them: ``permissions``, in the one
    ``place`` of ``root``, as far as the person holds them."""

    person: Any
    root: Any
    place: Any
    permissions: frozenset[str]


_narrowing: ContextVar[Narrowing | None] = ContextVar("permissions_narrowing", default=None)


@contextmanager
def narrowed(narrowing: Narrowing) -> Iterator[None]:
    """Leave ``narrowing.person`` no more than that for the length of the block, whoever asks and
    whatever service is called: ``can``, ``visible`` and delegation alike.

    For what acts on somebody's behalf, such as an API key. A unit of work of its own.
    """
    token = _narrowing.set(narrowing)
    try:
        with unit_of_work():
            yield
    finally:
        _narrowing.reset(token)


def narrowing() -> Narrowing | None:
    """Return what somebody's rights are narrowed to at present; None where people act themselves.

    For what asks who somebody is and not what they hold: that is nobody's to do on their behalf.
    """
    return _narrowing.get()


def _load(user: Any) -> Profile:
    """Return what is known of ``user``, narrowed where their rights are."""
    profile = _source_of_facts().load_profile(user)
    narrowing = _narrowing.get()
    if narrowing is None or narrowing.person != user.pk:
        return profile
    return narrow_profile(profile, narrowing.root, narrowing.place, narrowing.permissions)


def profile_of(user: Any, *, fresh: bool = False) -> Profile:
    """Return the access profile of ``user``; ``fresh`` reads it anew and keeps nothing.

    An anonymous or inactive user has an empty one.
    """
    if not getattr(user, "is_active", False) or (person := user.pk) is None:
        return Profile(person=None, tenants={})
    unit = _unit.get()
    if unit is not None and unit.is_dirty and not connection.in_atomic_block:
        unit.is_dirty = False  # a transaction that was rolled back never told
    if unit is None or unit.is_dirty or fresh:
        return _load(user)
    profile = unit.profiles.get(person)
    if profile is None:
        profile = unit.profiles[person] = _load(user)
    return profile


def can(user: Any, permission: str, obj: models.Model) -> Decision:
    """Say whether ``user`` may do what ``permission`` names with ``obj``, and why.

    Being a superuser plays no part. Unknown permissions and unguarded objects are denied.
    """
    resource = registry.find(type(obj))
    if registry.catalogue is None or permission not in registry.catalogue or resource is None:
        lack = Lack(permission, None, None, DEPENDS[Denial.UNKNOWN])
        return Decision(False, Denial.UNKNOWN, missing=(lack,))
    if not getattr(user, "is_active", False):
        denial, detail = Denial.INACTIVE, ""
    else:
        outcome = profile_of(user).decide(permission, resource, obj)
        if outcome.denial is None:
            return Decision(True, "allowed", sources=outcome.sources)
        denial, detail = outcome.denial, outcome.detail
    lack = Lack(permission, *resource.locate(obj), DEPENDS[denial], detail)
    return Decision(False, denial, missing=(lack,), detail=detail)


def allows(user: Any, permission: str, obj: models.Model) -> bool:
    """Answer ``can`` with yes or no only; the quickest way to ask.

    It takes two microseconds: a permission that the catalogue does not have is held by nobody, so
    nobody need look for it there.
    """
    resource = registry.find(type(obj))
    return resource is not None and profile_of(user).allows(permission, resource, obj)


def visible(queryset: models.QuerySet[M], user: Any, permission: str) -> models.QuerySet[M]:
    """Return the objects of ``queryset`` on which ``user`` holds ``permission``.

    Exactly those for which ``can`` says yes. The filter holds literal identifiers only, so that
    the database plans it like one written by hand. Raises KeyError for an unguarded model.
    """
    resource = registry.of(queryset.model)
    return queryset.filter(visible_q(resource, profile_of(user), permission))


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


__all__ = [
    "DEPENDS",
    "TOP",
    "Decision",
    "Lack",
    "Narrowing",
    "allows",
    "can",
    "forget",
    "narrowed",
    "narrowing",
    "profile_of",
    "reachable_places",
    "unit_of_work",
    "use",
    "visible",
    "visible_q",
]
