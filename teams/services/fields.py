"""The fields that a subaccount's contacts have: which there are, and what may stand in them.

Forms, imports and segments all clean values here, each kind written one way, so that what is
stored can be compared as text.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from permissions.errors import Invalid
from teams.models import CustomField, Subaccount

#: one value of a custom field as it is stored
Value = str | bool

VALUE_LIMIT = 500
#: digits before and after the point: together no more than every database compares exactly
WHOLE, FRACTION = 11, 4
NUMBER = rf"^-?[0-9]{{1,{WHOLE}}}(\.[0-9]{{1,{FRACTION}}})?$"
IS_NUMBER = re.compile(NUMBER.replace("$", r"\Z"))
FIRST_YEAR, LAST_YEAR = 1000, 3000
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}\Z")
_YES = frozenset({"yes", "y", "true", "1"})
_NO = frozenset({"no", "n", "false", "0"})
#: control characters, lone surrogates and code points without a character
_NOT_TEXT = frozenset({"Cc", "Cn", "Co", "Cs", "Zl", "Zp"})


def fields_of(subaccount: Subaccount) -> dict[str, CustomField]:
    """Return the custom fields of ``subaccount`` by codename, in the order of their names."""
    rows = CustomField.objects.filter(subaccount=subaccount).order_by("label", "pk")
    return {field.codename: field for field in rows}


def clean_line(value: Any, what: str, *, limit: int) -> str:
    """Return ``value`` trimmed, which may be empty. Raises Invalid if it is not one line of text.

    Codes: WRONG_TYPE, NOT_TEXT, TOO_LONG.
    """
    if not isinstance(value, str):
        raise Invalid(f"{what} must be text, not {type(value).__name__}.", code="WRONG_TYPE")
    if len(value) > 4 * limit:  # normalising megabytes takes seconds
        raise Invalid(f"{what} is too long: at most {limit} characters fit.", code="TOO_LONG")
    text = unicodedata.normalize("NFC", value).strip()
    if any(unicodedata.category(c) in _NOT_TEXT for c in text):
        raise Invalid(
            f"{what} has control characters or line breaks in it. Type it again.", code="NOT_TEXT"
        )
    if len(text) > limit:
        raise Invalid(
            f"{what} has {len(text)} characters; at most {limit} are allowed.", code="TOO_LONG"
        )
    return text


def clean_value(kind: str, value: Any, what: str = "The value") -> Value | None:
    """Return ``value`` (text, or true or false) as a field of ``kind`` stores it; None for none.

    A number has no zeros to spare ("12.5"), a date is "2026-11-22", yes or no is true or false.
    ``what`` begins the sentence of an error. Raises Invalid: WRONG_TYPE, NOT_TEXT, TOO_LONG,
    NOT_A_NUMBER, NOT_A_DATE, NOT_YES_OR_NO.
    """
    if value is None:
        return None
    if isinstance(value, bool) and kind == CustomField.Kind.YES_NO:
        return value
    text = clean_line(value, what, limit=VALUE_LIMIT)
    if not text:
        return None
    match kind:
        case CustomField.Kind.NUMBER:
            return _number(text, what)
        case CustomField.Kind.DATE:
            return _date(text, what)
        case CustomField.Kind.YES_NO:
            return _yes_no(text, what)
        case _:
            return text


def _number(text: str, what: str) -> str:
    if not IS_NUMBER.match(text):
        raise Invalid(
            f"{what} must be a number such as 12 or 12.5, with at most {WHOLE} digits before the "
            f"point and {FRACTION} after it.",
            code="NOT_A_NUMBER",
        )
    plain = f"{Decimal(text):f}"
    if "." in plain:
        plain = plain.rstrip("0").rstrip(".")
    return "0" if plain in ("-0", "") else plain


def _date(text: str, what: str) -> str:
    try:
        if _DATE.match(text) and FIRST_YEAR <= date.fromisoformat(text).year < LAST_YEAR:
            return text
    except ValueError:
        pass
    raise Invalid(
        f"{what} must be a date written as year, month and day, such as 2026-11-22.",
        code="NOT_A_DATE",
    )


def _yes_no(text: str, what: str) -> bool:
    word = text.casefold()
    if word in _YES or word in _NO:
        return word in _YES
    raise Invalid(f"{what} must be yes or no.", code="NOT_YES_OR_NO")


def clean_fields(known: Mapping[str, CustomField], values: Any) -> dict[str, Value]:
    """Return ``values`` by codename as ``Contact.fields`` stores them, empty ones left out.

    ``known`` is what ``fields_of`` returns. Raises Invalid: UNKNOWN_FIELD, WRONG_TYPE
    and what ``clean_value`` raises, naming the field.
    """
    if not isinstance(values, Mapping):
        raise Invalid("The fields must be given by their short names.", code="WRONG_TYPE")
    found = {}
    for codename, value in values.items():
        field = known.get(codename)
        if field is None:
            raise Invalid(
                "There is no such field in this subaccount. Create it first.", code="UNKNOWN_FIELD"
            )
        clean = clean_value(field.kind, value, field.label)
        if clean is not None:
            found[codename] = clean
    return found


def as_text(value: Any) -> str:
    """Return a stored value as people write it, and as ``clean_value`` reads it back."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "" if value is None else str(value)
