"""What stays of contacts who unsubscribed and are removed, or have another address now.

Whoever adds the address again gets a contact that is unsubscribed: only they themselves end that.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.db.models.functions import SHA256, Lower
from django.utils import timezone

from teams.addresses import in_ascii
from teams.models import Contact, Subaccount, Suppression


def digest_of(address: str) -> str:
    """Return what an address is known by: the same whatever the case of its letters, and whichever
    way its domain is written."""
    with contextlib.suppress(UnicodeError):  # nobody can add what has no such form
        address = in_ascii(address)
    return hashlib.sha256(address.lower().encode()).hexdigest()


class Digest(SHA256):
    """The same by the database, of an address in small letters."""

    def as_postgresql(self, compiler: Any, connection: Any, **extra: Any) -> Any:
        """Take the text as it is: Django's own reads a backslash in it as an escape, and fails."""
        template = "ENCODE(SHA256(CONVERT_TO(%(expressions)s, 'UTF8')), 'hex')"
        return self.as_sql(compiler, connection, template=template, **extra)


def contact_with(digest: str, subaccount: Any) -> Contact | None:
    """Return who has the address of ``digest`` in ``subaccount`` now; None if nobody has."""
    rows = Contact.objects.filter(subaccount=subaccount)
    return rows.alias(digest=Digest(Lower("email"))).filter(digest=digest).first()


def suppress(contact: Contact) -> None:
    """Remember the address of ``contact``, if they unsubscribed.

    Locks them and reads their state anew: who leaves by the link waits for no account's lock.
    """
    locked = Contact.objects.select_for_update()
    contact.refresh_from_db(fields=["status", "unsubscribed_at"], from_queryset=locked)
    if contact.status == Contact.Status.UNSUBSCRIBED:
        suppress_address(contact.subaccount, digest_of(contact.email), contact.unsubscribed_at)


def suppress_address(subaccount: Subaccount, digest: str, moment: datetime | None = None) -> None:
    """Remember the address of ``digest``, which unsubscribed in ``subaccount``: then, or now."""
    Suppression.objects.get_or_create(
        subaccount=subaccount,
        digest=digest,
        defaults={
            "account_id": subaccount.account_id,
            "unsubscribed_at": moment or timezone.now(),
        },
    )


def suppressed(subaccount: Any, addresses: Iterable[str]) -> dict[str, datetime]:
    """Return which of ``addresses`` unsubscribed there, each in small letters, and when."""
    by_digest = {digest_of(address): address.lower() for address in addresses}
    rows = Suppression.objects.filter(subaccount=subaccount, digest__in=by_digest)
    return {by_digest[key]: at for key, at in rows.values_list("digest", "unsubscribed_at")}


def state_of(moment: datetime | None) -> dict[str, Any]:
    """Return the state of a contact whose address unsubscribed at ``moment``, or never (None)."""
    if moment is None:
        return {}
    return {"status": Contact.Status.UNSUBSCRIBED, "unsubscribed_at": moment}


def release(contact: Contact) -> None:
    """Forget the address of ``contact``, who subscribed again themselves."""
    rows = Suppression.objects.filter(subaccount=contact.subaccount_id)
    rows.filter(digest=digest_of(contact.email)).delete()
