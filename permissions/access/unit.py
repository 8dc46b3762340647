"""What is known of each person: asked for once per unit of work, narrowed for who acts for them.

A unit is a request, a batch of a job or a command; outside of one nothing is kept, and within a
transaction that changed rights nothing is kept either.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, Protocol

from django.core.exceptions import ImproperlyConfigured
from django.db import connection, models, transaction
from django.db.models import QuerySet

from permissions.profile import Profile, narrow_profile


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
