"""The two questions: may this person do that with this object, and with which objects at all.

``can`` decides about one, ``visible`` filters a queryset; both answer from the same access profile,
so they agree.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from django.db import models

from permissions.access.conditions import visible_q
from permissions.access.unit import profile_of
from permissions.policy import Denial, Source
from permissions.resources import registry

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
