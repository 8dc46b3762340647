"""What an exported file holds.

Without Export PII in the subaccount that is MD5 hashes in place of addresses, and no address in
any other cell.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from typing import Any

from django.utils import timezone

from teams.addresses import LEFT_OUT, holds_address
from teams.csv_files import written
from teams.models import Contact, ContactExport, CustomField
from teams.services.fields import as_text

ENCODING = "utf-8-sig"  # with a mark, or spreadsheets take it for something else


def hashed(address: str) -> str:
    """Return what stands for an address: the MD5 of it trimmed and in small letters, in hex."""
    return hashlib.md5(address.strip().lower().encode(), usedforsecurity=False).hexdigest()


def lines(
    contacts: Iterable[Any], fields: dict[str, CustomField], *, is_hashed: bool
) -> Iterator[str]:
    """Yield the file: the heading line, then one line a contact.

    ``contacts`` are rows of ``COLUMNS``; ``fields`` are the custom fields by codename.
    """

    def shown(text: str, *addresses: str) -> str:
        return LEFT_OUT if is_hashed and holds_address(text, *addresses) else text

    labels = [shown(field.label) for field in fields.values()]
    yield written(["Address (MD5)" if is_hashed else "Address", *_HEADINGS, *labels])
    for email, first, last, status, unsubscribed_at, created_at, values in contacts:
        names = (shown(text, email) for text in (first, last))
        custom = (shown(as_text(values.get(codename)), email) for codename in fields)
        moments = (_moment(unsubscribed_at), _moment(created_at))
        who = hashed(email) if is_hashed else email
        yield written([who, *names, _STATES.get(status, status), *moments, *custom])


COLUMNS = (
    "email",
    "first_name",
    "last_name",
    "status",
    "unsubscribed_at",
    "created_at",
    "fields",
)
_HEADINGS = ("First name", "Last name", "State", "Unsubscribed", "Added")
_STATES = {value: str(label) for value, label in Contact.Status.choices}


def _moment(moment: Any) -> str:
    return "" if moment is None else timezone.localtime(moment).strftime("%Y-%m-%d %H:%M")


def file_name(job: ContactExport) -> str:
    """Return what the file is called when it is handed out: nothing that anybody typed."""
    return f"contacts-{job.created_at:%Y-%m-%d}-{job.pk}.csv"
