"""How a test sets up mail, whichever Django runs it: 6.1 has other names for the settings."""

from __future__ import annotations

from typing import Any

import django

#: what the tests deliver by, unless they say otherwise: into ``mail.outbox``
OUTBOX = "django.core.mail.backends.locmem.EmailBackend"
#: who is told of errors; from 6.0 on an address alone, which 5.2 does not take
ADMINS = ["ops@example.com"] if django.VERSION >= (6, 0) else [("Ops", "ops@example.com")]


def deliver_by(settings: Any, backend: str) -> None:
    """Have mail sent by the class at the dotted path ``backend``."""
    if django.VERSION >= (6, 1):
        settings.MAILERS = {"default": {"BACKEND": backend}}
    else:
        settings.EMAIL_BACKEND = backend
