"""Start-up of the teams app: hands permissions the facts and the guarded models."""

from __future__ import annotations

from typing import Any

from django.apps import AppConfig
from django.db.models.signals import pre_migrate
from django.utils.translation import gettext_lazy as _


class TeamsConfig(AppConfig):
    """Registers our own models with the calls a host uses for its own."""

    name = "teams"
    verbose_name = _("Teams")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Declare tenancy, catalogue and resources, and let finished reviews stay as they are."""
        from permissions import access, locks  # models must be loaded first
        from permissions.resources import registry
        from teams import guarded, provider, review_locks

        guarded.register(registry)
        access.use(provider)
        locks.register(review_locks.lock_down, review_locks.unlock)
        pre_migrate.connect(_lift, sender=self, dispatch_uid="teams.lift")


def _lift(using: str, plan: Any, **_: Any) -> None:
    """Drop the triggers while SQLite's tables are rebuilt; they come back after the migrations.

    A trigger that looks at another table stops SQLite from putting a rebuilt one in its place.
    """
    from django.db import connections

    from teams import review_locks

    if plan and connections[using].vendor == "sqlite":
        review_locks.unlock(using)
