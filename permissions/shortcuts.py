"""django-guardian's questions, with *effective* answers.

The signatures are guardian's, so that code written for it moves over with the import. Stock
guardian calls show recorded grants only; these add what roles, toggles and ownership give, and take
away what ceilings and teams do.
"""

from __future__ import annotations

from typing import Any

from django.contrib.auth import get_user_model
from django.db import models
from django.db.models import QuerySet

from permissions import access
from permissions.resources import registry


def _codename(permission: str) -> str:
    return permission.partition(".")[2] or permission


def get_perms(user: Any, obj: models.Model) -> list[str]:
    """Return the codenames of everything ``user`` may do with ``obj``, in catalogue order."""
    if registry.catalogue is None or type(obj) not in registry:
        return []
    profile, resource = access.profile_of(user), registry.of(obj)
    return [str(p) for p in registry.catalogue if profile.allows(p, resource, obj)]


def get_objects_for_user(
    user: Any,
    perms: str | list[str],
    klass: type[models.Model] | QuerySet[Any],
    *,
    any_perm: bool = False,
) -> QuerySet[Any]:
    """Return the objects of ``klass`` on which ``user`` holds all of ``perms`` (or any of them).

    ``perms`` are codenames, with or without the label. Raises KeyError for an unguarded model.
    """
    queryset = klass if isinstance(klass, QuerySet) else klass._default_manager.all()
    names = [_codename(p) for p in ([perms] if isinstance(perms, str) else perms)]
    if not names:
        return queryset.none()
    resource, profile = registry.of(queryset.model), access.profile_of(user)
    conditions = [access.visible_q(resource, profile, name) for name in names]
    combined = conditions[0]
    for condition in conditions[1:]:
        combined = combined | condition if any_perm else combined & condition
    return queryset.filter(combined)


def get_users_with_perms(
    obj: models.Model,
    attach_perms: bool = False,
    *,
    only_with_perms_in: list[str] | None = None,
) -> QuerySet[Any] | dict[Any, list[str]]:
    """Return the people who may do anything (or something of ``only_with_perms_in``) with ``obj``.

    With ``attach_perms`` a dictionary from each of them to the codenames. Reads one profile a
    candidate: meant for the people of one object, not for a whole platform.
    """
    wanted = None if only_with_perms_in is None else {_codename(p) for p in only_with_perms_in}
    found: dict[Any, list[str]] = {}
    for person in access.candidates(obj):
        held = get_perms(person, obj)
        if wanted is not None:
            held = [name for name in held if name in wanted]
        if held:
            found[person] = held
    if attach_perms:
        return found
    return get_user_model()._default_manager.filter(pk__in=[person.pk for person in found])


__all__ = ["get_objects_for_user", "get_perms", "get_users_with_perms"]
