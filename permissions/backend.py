"""Answers Django's ``user.has_perm("teams.send_campaigns", campaign)`` with the effective right."""

from __future__ import annotations

from typing import Any

from asgiref.sync import sync_to_async
from django.core.exceptions import PermissionDenied

from permissions.access import profile_of
from permissions.resources import registry


class PermissionBackend:
    """An authentication backend that decides and never signs anybody in.

    List it first and keep ``ModelBackend`` for signing in. A catalogued permission that is not
    held raises PermissionDenied, which ends the search and saves every later backend its queries;
    anything else is left to them. Django answers True for an active superuser before it asks any
    backend; call ``permissions.access.can`` where that must not count.
    """

    def authenticate(self, request: Any, **credentials: Any) -> None:
        """Sign nobody in."""

    async def aauthenticate(self, request: Any, **credentials: Any) -> None:
        """Sign nobody in."""

    def has_perm(self, user: Any, perm: str, obj: Any = None) -> bool:
        """Say whether ``user`` holds ``perm`` ("label.codename") on ``obj``.

        False for unknown permissions, foreign labels and inactive users. Raises PermissionDenied
        for a catalogued permission that is not held; without an object nobody holds one.
        """
        catalogue = registry.catalogue
        codename = catalogue.by_full_name.get(perm) if catalogue is not None else None
        if codename is None or not user.is_active:
            return False
        resource = registry.find(type(obj))
        if resource is not None and profile_of(user).allows(codename, resource, obj):
            return True
        raise PermissionDenied

    async def ahas_perm(self, user: Any, perm: str, obj: Any = None) -> bool:
        """Answer ``has_perm`` from asynchronous code."""
        return await sync_to_async(self.has_perm)(user, perm, obj)
