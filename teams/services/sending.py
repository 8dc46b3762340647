"""Scheduling and sending: the only way out, for whoever holds the right to send.

Here and nowhere else it is settled who gets a campaign. The worker (``delivery``) does what has
been settled and nothing else.
"""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.db.transaction import on_commit
from django.utils import timezone

from permissions.errors import Invalid
from teams import flow
from teams.catalogue import SEND_CAMPAIGNS
from teams.models import Campaign, Contact, Delivery, ListMembership
from teams.services import content, delivery, delivery_gate, letters
from teams.services.base import service
from teams.services.campaigns import refuse_other_list, refuse_telling
from teams.services.inputs import expect
from teams.services.items import Work, at_work
from teams.services.segments import matching

#: nothing is scheduled further ahead: by then nobody remembers it
FURTHEST = timedelta(days=366)
#: what a form without seconds calls now
LENIENCE = timedelta(minutes=1)
BATCH = 1000


def audience(campaign: Campaign) -> QuerySet[Contact]:
    """Return the contacts that ``campaign`` would go to now, whoever asks; none without a list.

    Subscribed and not archived, on its list, and in its segment if it has one.
    """
    if campaign.mailing_list_id is None:
        return Contact.objects.none()
    on_list = ListMembership.objects.filter(
        contact=OuterRef("pk"), mailing_list=campaign.mailing_list_id
    )
    found = Contact.objects.filter(
        Exists(on_list),
        subaccount=campaign.subaccount_id,
        status=Contact.Status.SUBSCRIBED,
        archived_at=None,
    )
    return found if campaign.segment is None else matching(campaign.segment, found)


def obstacles(campaign: Campaign) -> Iterator[Invalid]:
    """Yield everything that is missing before ``campaign`` can go out, the audience's size aside.

    Codes: ARCHIVED, NO_LIST, OTHER_LIST, NO_SUBJECT, NO_SENDER, NO_CONTENT, MASKED, UNKNOWN_FIELD.
    """
    if campaign.mailing_list is None:
        yield Invalid("It has no audience. Choose a mailing list.", code="NO_LIST")
    for part, what in ((campaign.mailing_list, "mailing list"), (campaign.segment, "segment")):
        # not by name: a guest of the campaign does not see them
        if part is not None and part.is_archived:
            yield Invalid(
                f"Its {what} is archived. Restore that, or choose another.", code="ARCHIVED"
            )
    if campaign.mailing_list is not None and campaign.segment is not None:
        try:
            refuse_other_list(campaign.segment, campaign.mailing_list)
        except Invalid as error:
            yield error
    if not campaign.subject.strip():
        yield Invalid("It has no subject. Write one.", code="NO_SUBJECT")
    if not (campaign.sender_name and campaign.sender_email):
        yield Invalid("It has no sender. Say whom it comes from.", code="NO_SENDER")
    if not campaign.rows and not campaign.text.strip():
        yield Invalid("It has no content. Choose a template or write rows.", code="NO_CONTENT")
    in_subject = content.fields_in((), campaign.subject)
    if "email" in in_subject and campaign.account.masks_addresses:
        yield Invalid(
            "Its subject merges addresses, which are masked in this account. Take {{email}} out.",
            code="MASKED",
        )
    unknown = sorted(letters.fields_used(campaign) - letters.fields_known(campaign))
    if unknown:
        yield Invalid(
            f"It merges {{{{{unknown[0]}}}}}, a field that no contact has. Correct its name.",
            code="UNKNOWN_FIELD",
        )


def fingerprint(campaign: Campaign) -> str:
    """Return a mark of what ``campaign`` says, from whom and to whom, for whoever is shown it."""
    segment = campaign.segment
    parts = (
        *(campaign.subject, campaign.sender_name, campaign.sender_email, campaign.reply_to),
        *(campaign.rows, campaign.text, campaign.mailing_list_id),
        *((None, None) if segment is None else (segment.pk, segment.rules)),
    )
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


@service
def schedule_campaign(*, actor: Any, campaign: Any, at: Any, seen: Any = None) -> Campaign:
    """Settle who gets a draft and what it says, and have it sent at ``at`` (with a time zone).

    One that is scheduled already keeps its recipients and gets another time, on behalf of the
    actor. ``seen`` is the ``fingerprint`` of what the actor was shown, if they were shown it.
    Raises Refused, or Invalid: CHANGED if it is no longer that, WRONG_STATE, WRONG_TYPE,
    TIME_PAST, TIME_TOO_FAR, what ``obstacles`` says, EMPTY_AUDIENCE.
    """
    with at_work(actor, _expect(campaign), SEND_CAMPAIGNS, act="schedule this campaign") as work:
        is_draft = work.obj.status == Campaign.Status.DRAFT
        _refuse_unseen(work.obj, seen)
        return _settle(work, "schedule" if is_draft else "reschedule", _clean_time(at))


@service
def send_campaign(*, actor: Any, campaign: Any, seen: Any = None) -> Campaign:
    """Settle who gets a campaign and what it says, and have it sent now, by the worker.

    Raises what ``schedule_campaign`` raises.
    """
    with at_work(actor, _expect(campaign), SEND_CAMPAIGNS, act="send this campaign") as work:
        _refuse_unseen(work.obj, seen)
        return _settle(work, "send", timezone.now())


@service
def unschedule_campaign(*, actor: Any, campaign: Any) -> Campaign:
    """Make a draft of a scheduled campaign again. Raises Refused, or Invalid (WRONG_STATE)."""
    with at_work(actor, _expect(campaign), SEND_CAMPAIGNS, act="unschedule this campaign") as work:
        return _take_back(work, "unschedule", "unscheduled")


@service
def stop_campaign(*, actor: Any, campaign: Any) -> Campaign:
    """Make a draft of a campaign that is being sent; what has gone out is never sent again.

    One message may be in the air, and goes out still. Raises Refused, or Invalid (WRONG_STATE).
    """
    with at_work(actor, _expect(campaign), SEND_CAMPAIGNS, act="stop this campaign") as work:
        return _take_back(work, "stop", "stopped")


def _take_back(work: Work[Campaign], step: str, done: str) -> Campaign:
    found = work.obj
    flow.take(found, step)
    delivery_gate.forget_waiting(found)
    found.scheduled_at, found.scheduled_by, found.problem = None, None, ""
    found.save(update_fields=["status", "scheduled_at", "scheduled_by", "problem"])
    work.record(f"campaign.{done}", found)
    return found


def _refuse_unseen(campaign: Campaign, seen: Any) -> None:
    """Raise Invalid (CHANGED) if the campaign is not what its sender was shown."""
    if seen is not None and seen != fingerprint(campaign):
        raise Invalid(
            f"Nothing was sent or scheduled: {campaign} was changed since you looked. Look at it "
            "again first.",
            code="CHANGED",
        )


def _settle(work: Work[Campaign], step: str, at: datetime) -> Campaign:
    found = work.obj
    is_new = found.status == Campaign.Status.DRAFT
    flow.take(found, step)
    letters.unsubscribe_url(letters.NOBODYS)  # a project without one sends nothing
    if is_new:
        for obstacle in obstacles(found):
            raise obstacle
        refuse_telling(work, found.segment)
        _settle_recipients(found)
    found.scheduled_at, found.scheduled_by, found.problem = at, work.actor, ""
    found.save(update_fields=["status", "scheduled_at", "scheduled_by", "problem"])
    count = found.deliveries.filter(status=Delivery.Status.WAITING).count()
    done = {"schedule": "scheduled", "reschedule": "rescheduled", "send": "released"}[step]
    work.record(f"campaign.{done}", found, at=at.isoformat(), recipients=count)
    on_commit(lambda: delivery.enqueue(found.pk, at=at))
    return found


def newcomers(campaign: Campaign) -> QuerySet[Contact]:
    """Return who of the audience of a draft would get it: all but those it was tried for before."""
    tried = Delivery.objects.filter(campaign=campaign, contact=OuterRef("pk"))
    return audience(campaign).filter(~Exists(tried.exclude(status=Delivery.Status.WAITING)))


def _settle_recipients(campaign: Campaign) -> None:
    """Write down everybody who gets it, once; whoever got it already does not get it again."""
    delivery_gate.forget_waiting(campaign)
    names = letters.fields_used(campaign)
    contacts = newcomers(campaign).order_by("pk")
    rows = (
        Delivery(
            subaccount_id=campaign.subaccount_id,
            campaign=campaign,
            contact=contact,
            email=contact.email,
            values=letters.values_of(contact, names),
        )
        for contact in contacts.iterator(chunk_size=BATCH)
    )
    while chunk := list(itertools.islice(rows, BATCH)):
        Delivery.objects.bulk_create(chunk)
    waiting = Q(campaign=campaign, status=Delivery.Status.WAITING)
    if not Delivery.objects.filter(waiting).exists():
        raise Invalid(
            "Nobody would get it: no contact of its audience is subscribed, or they all got it.",
            code="EMPTY_AUDIENCE",
        )


def _clean_time(at: Any) -> datetime:
    if not isinstance(at, datetime) or timezone.is_naive(at):
        raise Invalid("The time must be a date and time with a time zone.", code="WRONG_TYPE")
    now = timezone.now()
    if at < now - LENIENCE:
        raise Invalid("That time has passed. Choose a later one.", code="TIME_PAST")
    if at > now + FURTHEST:
        raise Invalid("That is more than a year ahead. Choose another.", code="TIME_TOO_FAR")
    return at


def _expect(campaign: Any) -> Campaign:
    return expect(campaign, Campaign, "The campaign")
