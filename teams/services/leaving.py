"""How a contact unsubscribes, and subscribes again: by a signed link in a message, without a login.

There is no actor: the link is the right. A link that is wrong or too old, or whose subaccount is
gone, says nothing, and always the same. The link of a contact that is gone lets out whoever has the
address it went to, and keeps the address out if nobody has. The way back is open to whoever holds
the link to a message that went to the address the contact has now: it is theirs, and not that of
an earlier one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta

from django.core import signing
from django.db import transaction
from django.utils import timezone

from teams.models import Account, Campaign, Contact, Delivery, Subaccount, Suppression
from teams.services.letters import UNSUBSCRIBE_SALT
from teams.services.suppression import contact_with, digest_of, release, suppress_address

#: the law asks for weeks; people look through old mail
VALID = timedelta(days=400)
TOKEN_LIMIT = 300
DIGEST = re.compile("[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Leaver:
    """Somebody at the door: the contact, None if nobody has the address any more; what the link
    names; and who sent that.

    ``is_out`` says that they unsubscribed, ``may_return`` that this link lets them in again.
    """

    contact: Contact | None
    campaign: int
    subaccount: Subaccount
    digest: str
    sender: str
    is_out: bool
    may_return: bool


def leaver_of(token: str) -> Leaver | None:
    """Return whom ``token`` lets out; None for any token that lets nobody out."""
    if len(token) > TOKEN_LIMIT:
        return None
    try:
        key, campaign, place, digest = signing.loads(token, salt=UNSUBSCRIBE_SALT, max_age=VALID)
    except (signing.BadSignature, ValueError, TypeError):
        return None
    subaccount = Subaccount.objects.filter(pk=_key(place)).first()
    if subaccount is None or not isinstance(digest, str) or not DIGEST.fullmatch(digest):
        return None
    rows = Contact.objects.filter(pk=_key(key), subaccount=subaccount)
    contact = rows.first() or contact_with(digest, subaccount)
    if contact is None:
        is_out = Suppression.objects.filter(subaccount=subaccount, digest=digest).exists()
    else:
        is_out = contact.status == Contact.Status.UNSUBSCRIBED
    names = Campaign.objects.filter(pk=_key(campaign)).values_list("sender_name", flat=True)
    return Leaver(
        contact=contact,
        campaign=_key(campaign),
        subaccount=subaccount,
        digest=digest,
        sender=names.first() or "this sender",
        is_out=is_out,
        may_return=is_out and contact is not None and digest_of(contact.email) == digest,
    )


def _key(value: object) -> int:
    """Return a key as the database takes it; 0 is nobody's."""
    return value if type(value) is int and 0 < value < 2**63 else 0


def unsubscribe(token: str) -> Leaver | None:
    """Unsubscribe whom ``token`` lets out, now or already; None for a token that does nothing."""
    leaver = leaver_of(token)
    if leaver is None:
        return None
    with transaction.atomic():
        # nobody is removed or added meanwhile: whoever does that holds the same lock
        Account.objects.select_for_update(no_key=True).get(pk=leaver.subaccount.account_id)
        leaver = leaver_of(token)
        if leaver is None or leaver.is_out:
            return leaver
        if leaver.contact is None:
            suppress_address(leaver.subaccount, leaver.digest)
        else:
            _let_out(leaver.contact, leaver.campaign)
        return leaver_of(token)


def _let_out(contact: Contact, campaign: int) -> None:
    now = timezone.now()
    rows = Contact.objects.filter(pk=contact.pk, status=Contact.Status.SUBSCRIBED)
    if rows.update(status=Contact.Status.UNSUBSCRIBED, unsubscribed_at=now):
        letter = Delivery.objects.filter(campaign=campaign, contact=contact)
        letter.update(unsubscribed_at=now)


def subscribe_again(token: str) -> Leaver | None:
    """Subscribe whom ``token`` lets in again, and return how they stand now.

    None for a token that does nothing.
    """
    with transaction.atomic():
        leaver = leaver_of(token)
        if leaver is not None and leaver.contact is not None and leaver.may_return:
            contact = Contact.objects.select_for_update().filter(pk=leaver.contact.pk).first()
            leaver = leaver_of(token)  # it may be gone or have got another address meanwhile
            if contact is not None and leaver is not None and leaver.may_return:
                contact.status, contact.unsubscribed_at = Contact.Status.SUBSCRIBED, None
                contact.save(update_fields=["status", "unsubscribed_at"])
                release(contact)
                leaver = leaver_of(token)
    return leaver
