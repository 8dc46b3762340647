"""What stands in a campaign's headers: plain lines, and addresses as mail programs take them."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import validate_email

from permissions.errors import Invalid
from teams.addresses import in_ascii
from teams.services.inputs import clean_text

SUBJECT_LIMIT = 200
SENDER_LIMIT = 120
ADDRESS_LIMIT = 254


def clean_line(value: Any, what: str, limit: int) -> str:
    """Return one line of plain text, or "" for nothing. Raises Invalid as ``clean_text`` does."""
    if isinstance(value, str) and not value.strip():
        return ""
    return clean_text(value, what, limit=limit)


def clean_address(value: Any, what: str) -> str:
    """Return an address that can stand in a header, its domain in ASCII (IDNA), or "" for nothing.

    Raises Invalid: NOT_AN_ADDRESS, and what ``clean_line`` raises.
    """
    text = clean_line(value, what, ADDRESS_LIMIT)
    if not text:
        return ""
    try:
        validate_email(text)
        written = in_ascii(text)
        written.encode("ascii")  # two letters beyond it pass as s and k, and no server takes them
        validate_email(written)
    except (ValidationError, UnicodeError):
        raise Invalid(
            f"{what} is not one to which mail can be sent. Write it like name@example.com.",
            code="NOT_AN_ADDRESS",
        ) from None
    if len(written) > ADDRESS_LIMIT:
        raise Invalid(
            f"{what} is longer than {ADDRESS_LIMIT} characters, written as mail programs do.",
            code="TOO_LONG",
        )
    return written
