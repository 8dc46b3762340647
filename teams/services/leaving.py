"""How a contact unsubscribes, and comes back: by a signed link in a message, without a login.

There is no actor: the link is the right. A link that is wrong, too old, or of a contact that is
gone says nothing, and always the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from django.core import signing
from django.db import transaction
from django.utils import timezone

from teams.models import Campaign, Contact, Delivery
from teams.services.letters import UNSUBSCRIBE_SALT

#: the law asks for weeks; people look through old mail
VALID = timedelta(days=400)
TOKEN_LIMIT = 300


@dataclass(frozen=True, slots=True)
class Leaver:
    """A contact at the door: its key, that of the campaign, and who sent that."""

    contact: int
    campaign: int
    sender: str


def leaver_of(token: str) -> Leaver | None:
    """Return whom ``token`` lets out; None for any token that lets nobody out."""
    if len(token) > TOKEN_LIMIT:
        return None
    try:
        contact, campaign = signing.loads(token, salt=UNSUBSCRIBE_SALT, max_age=VALID)
    except (signing.BadSignature, ValueError, TypeError):
        return None
    if not Contact.objects.filter(pk=_key(contact)).exists():
        return None
    sender = (
        Campaign.objects.filter(pk=_key(campaign)).values_list("sender_name", flat=True).first()
    )
    return Leaver(contact, campaign, sender or "this sender")


def subscribe_again(token: str) -> Leaver | None:
    """Subscribe whom ``token`` let out again: only they have it. None for one that does nothing.

    That they once left through a message stays with its figures.
    """
    leaver = leaver_of(token)
    if leaver is not None:
        rows = Contact.objects.filter(pk=leaver.contact, status=Contact.Status.UNSUBSCRIBED)
        rows.update(status=Contact.Status.SUBSCRIBED, unsubscribed_at=None)
    return leaver


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
    return leaver
