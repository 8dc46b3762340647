"""One message of a campaign: claimed before the mail server hears of it, and settled afterwards."""

from __future__ import annotations

import logging
from typing import Any

from django.utils import timezone

from teams.models import Campaign, Contact, Delivery
from teams.services import letters
from teams.services.posting import Fate, post

Status = Delivery.Status
log = logging.getLogger("teams.delivery")

#: how often a message is tried that the server puts off
TRIES = 4


def send_one(campaign: Campaign, key: int, connection: Any) -> None:
    """Send what waits under ``key``, unless another worker has it; never twice."""
    claim = Delivery.objects.filter(pk=key, status=Status.WAITING)
    if not claim.update(status=Status.SENDING, at=timezone.now()):
        return  # another worker has it
    row = Delivery.objects.select_related("contact").filter(pk=key).first()
    if row is None:
        return  # the contact was purged this very moment
    if reason := _left_out(row):
        _settle(row, Status.SKIPPED, reason)
        return
    try:
        message = letters.letter(
            campaign,
            to=row.email,
            values=row.values,
            token=letters.unsubscribe_token(row),
            key=f"{campaign.pk}.{row.pk}",
        )
    except Exception:  # whatever it is, it must not keep the others from getting theirs
        log.exception("delivery %s cannot be made", row.pk)
        _settle(row, Status.FAILED, "The message could not be made.")
        return
    fate, note = post(connection, message)
    match fate:
        case Fate.SENT:
            _settle(row, Status.SENT, "")
        case Fate.UNKNOWN:
            _settle(row, Status.UNCONFIRMED, note)
        case Fate.LATER if row.tries + 1 < TRIES:
            # only while it is still claimed: what was given up as unconfirmed stays so
            Delivery.objects.filter(pk=row.pk, status=Status.SENDING).update(
                status=Status.WAITING, note=note, at=timezone.now(), tries=row.tries + 1
            )
        case _:
            _settle(row, Status.FAILED, note)


def _settle(row: Delivery, status: str, note: str) -> None:
    mine = Delivery.objects.filter(pk=row.pk, status__in=(Status.SENDING, Status.UNCONFIRMED))
    mine.update(status=status, note=note, at=timezone.now(), tries=row.tries + 1)


def _left_out(row: Delivery) -> str:
    """Return why nothing is sent to this contact after all; empty if it is."""
    contact = row.contact
    if contact.status != Contact.Status.SUBSCRIBED:
        return "Unsubscribed before it was sent."
    if contact.is_archived:
        return "Archived before it was sent."
    if contact.email.lower() != row.email.lower():
        return "The address was changed after the campaign was scheduled."
    return ""
