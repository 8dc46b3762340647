"""Start-up of the teams app: hands permissions the facts and the guarded models."""

from __future__ import annotations

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class TeamsConfig(AppConfig):
    """Registers our own models with the calls a host uses for its own."""

    name = "teams"
    verbose_name = _("Teams")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Declare tenancy, catalogue and resources, let finished reviews stay as they are, and tell
        webhooks what happens."""
        from permissions import access, audit, locks  # models must be loaded first
        from permissions.resources import registry
        from teams import guarded, integrity, provider, replay, review_checks, review_locks
        from teams.services import webhook_delivery

        guarded.register(registry)
        access.use(provider)
        integrity.register(
            replay.record_says_what_is_stored, review_checks.finished_reviews_are_as_recorded
        )
        locks.register(review_locks.lock_down, review_locks.unlock)
        audit.listen(webhook_delivery.listener)
        audit.sum_up_with(replay.sum_up)
