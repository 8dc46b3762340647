"""What the demo has to show of keys, webhooks and reviews: some of each, and history by the API."""

from __future__ import annotations

from datetime import timedelta

from django.utils import timezone

from permissions import access
from teams import keys, services, webhook_wire
from teams.catalogue import ACCESS_AUDIENCE, ADD_CONTACTS, GENERATE_API_KEYS, VIEW_CONTACTS
from teams.models import ApiKey, Subaccount

#: what the shop's key may do, and what it wrote; the other key is over
SHOP, OLD_SHOP = "Online shop", "Old online shop"
SHOP_SCOPES = (ACCESS_AUDIENCE, VIEW_CONTACTS, ADD_CONTACTS)
#: what the shop learned of the first contact
LEARNED = {"city": "Oslo"}
REVIEW, HOOK = "Autumn review", "Security log"
#: reserved for examples, and switched off: nothing is ever sent there
HOOK_URL = "https://hooks.example.com/access"


def add_access_work(north: Subaccount) -> None:
    """Give the account of ``north`` a key that works and one that is revoked, a webhook that is
    switched off, and a review of which one line is decided."""
    _add_keys(north)
    owner, account = north.account.owner, north.account
    if not webhook_wire.why_not():
        hook = services.create_webhook(actor=owner, account=account, name=HOOK, url=HOOK_URL)
        services.switch_webhook(actor=owner, webhook=hook, on=False)
    review = services.start_review(
        actor=owner,
        account=account,
        name=REVIEW,
        due_at=timezone.now() + timedelta(days=12),
        subaccount=north,
    )
    services.confirm_line(
        actor=owner, line=review.lines.order_by("position")[0], reason="Still works there"
    )


def _add_keys(north: Subaccount) -> None:
    """Make the shop's keys where keys can be made, and change a contact through the living one."""
    owner = north.account.owner
    if services.api_keys.why_not(north) or not access.can(owner, GENERATE_API_KEYS, north):
        return
    old = services.create_api_key(actor=owner, subaccount=north, name=OLD_SHOP, scopes=SHOP_SCOPES)
    made = services.create_api_key(
        actor=owner,
        subaccount=north,
        name=SHOP,
        scopes=SHOP_SCOPES,
        expires_at=timezone.now() + timedelta(days=180),
    )
    services.revoke_api_key(actor=owner, key=old.key)
    with keys.acting(made.key):
        contact = north.contacts.earliest("pk")
        services.edit_contact(actor=owner, contact=contact, fields=LEARNED)
    ApiKey.objects.filter(pk=made.key.pk).update(last_used_at=timezone.now())
