"""Whether Stripe is set up here. Known without its package, which is an extra."""

from __future__ import annotations

import importlib.util
from functools import cache

from django.conf import settings


def is_set_up() -> bool:
    """Say whether Stripe can be used here: both keys are set, and the package is there."""
    return all(keys()) and is_installed()


def keys() -> tuple[str, str]:
    """Return the secret key and the secret of the webhook, empty where they are not set."""
    return (
        getattr(settings, "STRIPE_SECRET_KEY", ""),
        getattr(settings, "STRIPE_WEBHOOK_SECRET", ""),
    )


@cache
def is_installed() -> bool:
    """Say whether the ``stripe`` package is there."""
    return importlib.util.find_spec("stripe") is not None
