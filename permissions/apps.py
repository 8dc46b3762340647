"""Start-up of the permissions app."""

from __future__ import annotations

from typing import Any

from django.apps import AppConfig
from django.core.signals import request_finished, request_started
from django.db.backends.signals import connection_created
from django.db.models.signals import post_migrate, pre_migrate
from django.utils.translation import gettext_lazy as _


class PermissionsConfig(AppConfig):
    """Connects what must happen at Django's own moments; none of our apps signals another."""

    name = "permissions"
    verbose_name = _("Permissions")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Open a unit of work per request, and finish the database after migrations."""
        # not above: they import models, which are loaded by now
        from permissions import access, audit, checks, locks

        checks.install()
        locks.register(audit.lock_down, audit.unlock)
        connection_created.connect(locks.arm, dispatch_uid="permissions.arm")
        request_started.connect(access.open_unit, dispatch_uid="permissions.open_unit")
        request_finished.connect(access.close_unit, dispatch_uid="permissions.close_unit")
        pre_migrate.connect(_lift, sender=self, dispatch_uid="permissions.lift")
        post_migrate.connect(_finish, sender=self, dispatch_uid="permissions.finish")


def _lift(using: str, plan: Any, **_: Any) -> None:
    """Drop the triggers while SQLite's tables are rebuilt; they come back after the migrations.

    A trigger that looks at another table stops SQLite from putting a rebuilt one in its place.
    """
    from django.db import connections  # at run time: apps are loading above

    from permissions import locks

    if plan and connections[using].vendor == "sqlite":
        locks.unlock(using)


def _finish(using: str, **_: Any) -> None:
    from django.db import connections  # at run time: apps are loading above

    from permissions import grants, locks

    tables = connections[using].introspection.table_names()
    if "auth_permission" in tables and "django_content_type" in tables:
        grants.create_permission_rows(using)
    locks.lock_down(using)
