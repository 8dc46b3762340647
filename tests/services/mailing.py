"""A campaign that lacks nothing, and the contacts it goes to: shared by tests of sending."""

from __future__ import annotations

from typing import Any

from teams.factories import CampaignFactory, ContactFactory, MailingListFactory
from teams.models import Campaign, Contact, Delivery, ListMembership, MailingList, Subaccount
from teams.services.content import new_row

SENDER = "news@north.example"


def mailing_list(subaccount: Subaccount, **extra: Any) -> MailingList:
    """Return an empty list."""
    found: MailingList = MailingListFactory(subaccount=subaccount, **extra)
    return found


def subscriber(on: MailingList, **extra: Any) -> Contact:
    """Return a new contact on a list."""
    contact: Contact = ContactFactory(subaccount=on.subaccount, **extra)
    join(contact, on)
    return contact


def join(contact: Contact, on: MailingList) -> None:
    """Put a contact on a list, as an import would."""
    ListMembership.objects.create(subaccount=on.subaccount, contact=contact, mailing_list=on)


def ready(subaccount: Subaccount, count: int = 3, **extra: Any) -> Campaign:
    """Return a draft that could be sent, with ``count`` contacts on its list."""
    on = extra.pop("mailing_list", None) or mailing_list(subaccount)
    for _ in range(count):
        subscriber(on)
    values = {
        "subject": "News for {{first_name|you}}",
        "sender_name": "Northwind Coffee",
        "sender_email": SENDER,
        "rows": [new_row("<p>Dear {{first_name|reader}}, fresh beans are in.</p>")],
    }
    found: Campaign = CampaignFactory(subaccount=subaccount, mailing_list=on, **{**values, **extra})
    return found


def states(campaign: Campaign) -> dict[str, int]:
    """Return how many deliveries are in which state."""
    found: dict[str, int] = {}
    for status in Delivery.objects.filter(campaign=campaign).values_list("status", flat=True):
        found[status] = found.get(status, 0) + 1
    return found


def now(campaign: Campaign) -> Campaign:
    """Return the campaign as it is stored now."""
    return Campaign.objects.get(pk=campaign.pk)
