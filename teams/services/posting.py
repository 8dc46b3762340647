"""Handing one message to the mail server, and what became of it."""

from __future__ import annotations

import enum
from contextlib import suppress
from smtplib import (
    SMTPException,
    SMTPNotSupportedError,
    SMTPRecipientsRefused,
    SMTPResponseException,
)
from typing import Any

from django.core import mail
from django.core.mail import EmailMessage


class Fate(enum.Enum):
    """What became of a message."""

    SENT = "sent"
    #: the server said so; it is certain that it did not take the message
    LATER = "later"
    REFUSED = "refused"
    #: the server was not heard after the message was begun: it may or may not have taken it
    UNKNOWN = "unknown"


def mailer() -> Any:
    """Return a connection to the mail server, not open yet, of either Django's making."""
    if hasattr(mail, "mailers"):  # from Django 6.1 on
        return mail.mailers.default
    return mail.get_connection()


def post_one(message: EmailMessage) -> Fate:
    """Hand one ``message`` over on a connection of its own, and return its fate."""
    connection = mailer()
    try:
        connection.open()
        return post(connection, message)[0]
    except OSError:
        return Fate.LATER
    finally:
        connection.close()


def post(connection: Any, message: EmailMessage) -> tuple[Fate, str]:
    """Hand ``message`` over on an open ``connection``; return its fate and a note without data.

    A server's own words stay out of the note: they repeat the address.
    """
    try:
        count = connection.send_messages([message])
    except SMTPRecipientsRefused as error:
        return _refused(connection, max(code for code, _words in error.recipients.values()))
    except SMTPResponseException as error:
        return _refused(connection, error.smtp_code)
    except (ValueError, UnicodeError, SMTPNotSupportedError):
        # said before anything was sent, of an address or header that cannot be written
        return Fate.REFUSED, "The message could not be written to this address."
    except (SMTPException, OSError):
        _hang_up(connection)
        return Fate.UNKNOWN, "The connection was lost while it was being sent."
    if not count:
        return Fate.REFUSED, "The mail system did not take it."
    return Fate.SENT, ""


def _refused(connection: Any, code: int) -> tuple[Fate, str]:
    if 400 <= code < 500:
        if code == 421:  # the server hangs up after this
            _hang_up(connection)
        return Fate.LATER, f"The server put it off ({code})."
    return Fate.REFUSED, f"The server refused it ({code})."


def _hang_up(connection: Any) -> None:
    """Close a connection that may be gone; the next message opens another."""
    with suppress(SMTPException, OSError):
        connection.close()
