"""Answers Django's ``user.has_perm("teams.send_campaigns", campaign)`` with the effective right."""

from __future__ import annotations

from typing import Any

from asgiref.sync import sync_to_async
from django.core.exceptions import PermissionDenied

from permissions.access import allows
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
        label, _, codename = perm.partition(".")
        catalogue = registry.catalogue
        if catalogue is None or label != catalogue.app_label or codename not in catalogue:
            return False
        if not user.is_active:
            return False
        if obj is not None and allows(user, codename, obj):
            return True
        raise PermissionDenied

    async def ahas_perm(self, user: Any, perm: str, obj: Any = None) -> bool:
        """Answer ``has_perm`` from asynchronous code."""
        return await sync_to_async(self.has_perm)(user, perm, obj)
