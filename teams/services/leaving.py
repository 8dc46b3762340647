"""How a contact unsubscribes, and subscribes again: by a signed link in a message, without a login.

There is no actor: the link is the right. A link that is wrong, too old, or of a contact that is
gone says nothing, and always the same. The way back is open to whoever holds the link to a message
that went to the address the contact has now: it is theirs, and not that of an earlier one.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from django.core import signing
from django.db import transaction
from django.utils import timezone

from teams.models import Campaign, Contact, Delivery
from teams.services.letters import UNSUBSCRIBE_SALT
from teams.services.suppression import release

#: the law asks for weeks; people look through old mail
VALID = timedelta(days=400)
TOKEN_LIMIT = 300


@dataclass(frozen=True, slots=True)
class Leaver:
    """A contact at the door: its key, that of the campaign, and who sent that.

    ``is_out`` says that they unsubscribed, ``may_return`` that this link lets them in again.
    """

    contact: int
    campaign: int
    sender: str
    is_out: bool
    may_return: bool


def leaver_of(token: str) -> Leaver | None:
    """Return whom ``token`` lets out; None for any token that lets nobody out."""
    if len(token) > TOKEN_LIMIT:
        return None
    try:
        contact_key, campaign = signing.loads(token, salt=UNSUBSCRIBE_SALT, max_age=VALID)
    except (signing.BadSignature, ValueError, TypeError):
        return None
    contact = Contact.objects.filter(pk=_key(contact_key)).first()
    if contact is None:
        return None
    sender = (
        Campaign.objects.filter(pk=_key(campaign)).values_list("sender_name", flat=True).first()
    )
    letters = Delivery.objects.filter(contact=contact, campaign=_key(campaign))
    went_to = letters.values_list("email", flat=True).first() or ""
    is_out = contact.status == Contact.Status.UNSUBSCRIBED
    return Leaver(
        contact=contact.pk,
        campaign=_key(campaign),
        sender=sender or "this sender",
        is_out=is_out,
        may_return=is_out and went_to.lower() == contact.email.lower(),
    )


def _key(value: object) -> int:
    """Return a key as the database takes it; 0 is nobody's."""
    return value if type(value) is int and 0 < value < 2**63 else 0


def unsubscribe(token: str) -> Leaver | None:
    """Unsubscribe whom ``token`` lets out, now or already; None for a token that does nothing."""
    leaver = leaver_of(token)
    if leaver is None:
        return None
    now = timezone.now()
    with transaction.atomic():
        rows = Contact.objects.filter(pk=leaver.contact, status=Contact.Status.SUBSCRIBED)
        if rows.update(status=Contact.Status.UNSUBSCRIBED, unsubscribed_at=now):
            letter = Delivery.objects.filter(campaign=leaver.campaign, contact=leaver.contact)
            letter.update(unsubscribed_at=now)
    return leaver_of(token)


def subscribe_again(token: str) -> Leaver | None:
    """Subscribe whom ``token`` lets in again, and return how they stand now.

    None for a token that does nothing.
    """
    with transaction.atomic():
        leaver = leaver_of(token)
        if leaver is not None and leaver.may_return:
            contact = Contact.objects.select_for_update().get(pk=leaver.contact)
            leaver = leaver_of(token)  # it may have got another address meanwhile
            if leaver is not None and leaver.may_return:
                contact.status, contact.unsubscribed_at = Contact.Status.SUBSCRIBED, None
                contact.save(update_fields=["status", "unsubscribed_at"])
                release(contact)
                leaver = leaver_of(token)
    return leaver
