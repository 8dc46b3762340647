"""Start-up of the billing app."""

from __future__ import annotations

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class BillingConfig(AppConfig):
    """Sits above teams and registers what it knows downwards, never the reverse."""

    name = "billing"
    verbose_name = _("Billing")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Let the limits of rate plans count, what was used be kept until it is metered, what was
        issued stay as it is, and the books be checked."""
        # models must be loaded first
        from billing import (
            ceilings,
            checks,
            event_words,
            immutable,
            integrity,
            surfaces,
            unmetered,
        )
        from permissions import locks
        from teams import (
            event_areas,
            event_changes,
            event_sentences,
            features,
            keeping,
            limits,
            replay,
        )
        from teams import integrity as teams_integrity
        from teams import surfaces as teams_surfaces

        checks.install()
        limits.register(ceilings.limit_of)
        teams_integrity.register(*integrity.CHECKS)
        teams_surfaces.register(surfaces.ASKED)
        event_areas.register(*event_words.AREA)
        event_sentences.register(event_words.SENTENCES)
        event_changes.register(single=event_words.SINGLE, said=event_words.SAID)
        keeping.register(unmetered.needed)
        features.register(surfaces.PURCHASES)
        replay.leave_alone(*event_words.HARMLESS)
        locks.register(immutable.lock_down, immutable.unlock)
