"""Start-up of the permissions app."""

from __future__ import annotations

from typing import Any

from django.apps import AppConfig
from django.core.signals import request_finished, request_started
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _


class PermissionsConfig(AppConfig):
    """Connects what must happen at Django's own moments; none of our apps signals another."""

    name = "permissions"
    verbose_name = _("Permissions")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Open a unit of work per request, and finish the database after migrations."""
        # not above: both import models, which are loaded by now; checks register themselves
        from permissions import access, checks  # noqa: F401

        request_started.connect(access.open_unit, dispatch_uid="permissions.open_unit")
        request_finished.connect(access.close_unit, dispatch_uid="permissions.close_unit")
        post_migrate.connect(_finish, sender=self, dispatch_uid="permissions.finish")


def _finish(using: str, **_: Any) -> None:
    from django.db import connections  # at run time: apps are loading above

    from permissions import audit, grants

    tables = connections[using].introspection.table_names()
    if "auth_permission" in tables and "django_content_type" in tables:
        grants.create_permission_rows(using)
    audit.lock_down(using)
