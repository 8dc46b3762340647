"""Rows by the key that an address or a form names, and the judgement of stored ones."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeVar

from django.core.exceptions import ValidationError
from django.db.models import Model, QuerySet
from django.utils.translation import gettext as _

from permissions import access
from permissions.errors import Missing, OutOfScope
from permissions.resources import registry

M = TypeVar("M", bound=Model)


def key_of(model: type[Model], text: str) -> Any:
    """Return the key that ``text`` writes, or None if it is not how a key is written.

    A row has one address: "01", "+1" and digits of other scripts name nothing.
    """
    pk: Any = model._meta.pk
    try:
        key = pk.to_python(text)
    except ValidationError:
        return None
    fits = not isinstance(key, int) or abs(key) < 2**63
    return key if str(key) == text and fits else None


def row_of(rows: QuerySet[M], text: str) -> M | None:
    """Return the row of ``rows`` whose key is written ``text``, or None."""
    key = key_of(rows.model, text)
    return None if key is None else rows.filter(pk=key).first()


def rows_of(rows: QuerySet[M], texts: Iterable[str]) -> list[M] | None:
    """Return the rows of ``rows`` whose keys are written so, or None if one is not there."""
    keys = {text: key_of(rows.model, text) for text in texts}
    if None in keys.values():
        return None
    found = list(rows.filter(pk__in=keys.values()))
    return found if len(found) == len(keys) else None


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
