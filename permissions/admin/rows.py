"""The judgement of stored rows, which the forms and inlines share."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.db.models import Model
from django.utils.translation import gettext as _

from permissions import access
from permissions.errors import Missing, OutOfScope
from permissions.resources import registry


def require_rows(user: Any, model: type[Model], permission: str, keys: Iterable[Any]) -> None:
    """Raise OutOfScope unless ``user`` holds ``permission`` on all stored rows ``keys``.

    Asked of the database, not of the objects in hand: they hold what was posted.
    """
    wanted = set(keys)
    if not wanted:
        return
    rows = model._default_manager.filter(pk__in=wanted)
    held = access.visible(rows, user, permission).count() if permission else 0
    if held == len(wanted):
        return
    catalogue = registry.catalogue
    label = str(catalogue[permission].label) if catalogue and permission else _("this")
    kind = str(model._meta.verbose_name_plural)
    raise OutOfScope(
        f"You cannot write these {kind}: it needs {label} there, which you do not hold.",
        missing=[Missing(permission, label, kind)] if permission else (),
    )
