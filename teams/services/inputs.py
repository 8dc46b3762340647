"""What a service makes of what it is given: the stored row, plain text, or a clear refusal."""

from __future__ import annotations

import unicodedata
from typing import Any, TypeVar

from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.db import models

from permissions import audit
from permissions.errors import Invalid, NotFound

M = TypeVar("M", bound=models.Model)


def expect(value: Any, model: type[M], what: str, *follow: str) -> M:
    """Return ``value`` as it is stored now. Raises Invalid or NotFound naming what is wrong.

    What the caller holds may be stale, half loaded or gone; only its key is believed. What it
    points at by the names ``follow`` comes with it, in the same look: at a second one it may be
    gone.
    """
    if not isinstance(value, model) or value.pk is None:
        raise Invalid(
            f"{what} must be a stored {model._meta.verbose_name}, not {type(value).__name__}.",
            code="WRONG_TYPE",
        )
    found = stored(model, value.pk, *follow)
    if found is None:
        raise NotFound(f"{what} is not there any more.")
    return found


def stored(model: type[M], key: Any, *follow: str) -> M | None:
    """Return the row of ``model`` with that key, or None; a key out of range is nobody's."""
    try:
        clean = model._meta.pk.clean(key, None)
    except ValidationError:
        return None
    rows = model._default_manager.filter(pk=clean)
    return (rows.select_related(*follow) if follow else rows).first()


def expect_user(value: Any, what: str) -> Any:
    """Return ``value`` if it is a stored, active login. Raises Invalid otherwise."""
    user = expect(value, get_user_model(), what)
    if not user.is_active:
        raise Invalid(f"The login of {audit.label_of(user)} is switched off.", code="INACTIVE")
    if user.is_staff or user.is_superuser:
        raise Invalid(
            f"{what} is a login of the platform's staff, who have no place inside an account.",
            code="OPERATOR",
        )
    return user


def clean_text(value: Any, what: str, *, limit: int) -> str:
    """Return ``value`` trimmed. Raises Invalid if it is empty, too long, or not plain text."""
    if not isinstance(value, str):
        raise Invalid(f"{what} must be text, not {type(value).__name__}.", code="WRONG_TYPE")
    text = unicodedata.normalize("NFC", value.strip())
    if not text:
        raise Invalid(f"{what} is empty. Give it a name.", code="EMPTY")
    if any(unicodedata.category(c) in _NOT_TEXT and c not in _JOINERS for c in text):
        raise Invalid(f"{what} has control characters in it. Type it again.", code="NOT_TEXT")
    if len(text) > limit:
        raise Invalid(
            f"{what} has {len(text)} characters; at most {limit} are allowed.", code="TOO_LONG"
        )
    return text


def same_name(one: str, other: str) -> bool:
    """Say whether two names differ in case at most; the same on every database."""
    return one.casefold() == other.casefold()


# control, format and private characters, lone surrogates, separators of lines; what joins an
# emoji or the letters of a script is text
_NOT_TEXT = frozenset({"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"})
_JOINERS = "\u200c\u200d"
