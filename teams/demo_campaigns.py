"""The campaigns of the demo data: one that was sent, a draft, and one that is scheduled."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from datetime import timedelta

from django.utils import timezone

from teams import services
from teams.factories import CampaignFactory
from teams.models import Campaign, Contact, Delivery, MailingList, MessageTemplate, Subaccount

CAMPAIGNS = {
    "spring-sale": ("Spring sale", "newsletter", "monthly", Campaign.Status.SENT),
    "welcome": ("Welcome aboard", "customers", "announcement", Campaign.Status.DRAFT),
    "autumn-news": ("Autumn news", "newsletter", "monthly", Campaign.Status.SCHEDULED),
}
SENT_AGO, SENT_AHEAD = timedelta(days=3), timedelta(days=5)
#: the subaccount in which one is scheduled; elsewhere it is a draft still
SCHEDULES = "north"
#: what became of the first messages of the one that was sent; of the others, that they were sent
FATES = (
    (Delivery.Status.FAILED, "The server refused it (550)."),
    (Delivery.Status.SKIPPED, "Unsubscribed before it was sent."),
)


def add_campaigns(
    subaccount: Subaccount,
    lists: Mapping[str, MailingList],
    templates: Mapping[str, MessageTemplate],
) -> None:
    """Add the campaigns of one subaccount, once it has its contacts."""
    owner = subaccount.account.owner
    for slug, (name, list_slug, template_slug, status) in CAMPAIGNS.items():
        is_sent = status == Campaign.Status.SENT
        template = templates[template_slug]
        campaign = CampaignFactory(
            subaccount=subaccount,
            created_by=owner,
            slug=slug,
            name=name,
            subject=f"{name} at {subaccount.name}",
            sender_name=subaccount.name,
            sender_email=f"news@{subaccount.slug}.{subaccount.account.slug}.example",
            status=Campaign.Status.SENT if is_sent else Campaign.Status.DRAFT,
            scheduled_by=owner if is_sent else None,
            sent_at=timezone.now() - SENT_AGO if is_sent else None,
            mailing_list=lists[list_slug],
            template=template,
            rows=template.rows,
            text=template.text,
        )
        if is_sent:
            _deliver(campaign)
        elif status == Campaign.Status.SCHEDULED and subaccount.slug == SCHEDULES:
            at = timezone.now() + SENT_AHEAD
            services.schedule_campaign(actor=owner, campaign=campaign, at=at)


def _deliver(campaign: Campaign) -> None:
    contacts = Contact.objects.filter(lists=campaign.mailing_list).order_by("pk")
    fates = itertools.chain(FATES, itertools.repeat((Delivery.Status.SENT, "")))
    Delivery.objects.bulk_create(
        Delivery(
            subaccount=campaign.subaccount,
            campaign=campaign,
            contact=contact,
            email=contact.email,
            values={"first_name": contact.first_name},
            status=status,
            note=note,
            tries=1,
            at=campaign.sent_at,
        )
        for contact, (status, note) in zip(contacts, fates, strict=False)
    )
