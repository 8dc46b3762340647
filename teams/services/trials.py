"""Test sends: a campaign as its contacts would get it, to whoever asks and nobody else.

Any other address would make the right to test a way to send.
"""

from __future__ import annotations

from datetime import timedelta
from email.utils import parseaddr
from smtplib import SMTPException
from typing import Any

from django.conf import settings
from django.core.mail import EmailMessage
from django.utils import timezone

from permissions import audit
from permissions.errors import Invalid, LimitReached
from permissions.models import AuditEvent
from teams import flow
from teams.catalogue import TEST_CAMPAIGNS
from teams.models import Campaign
from teams.services import letters
from teams.services.base import service
from teams.services.change import root_key
from teams.services.inputs import expect
from teams.services.items import Work, at_work
from teams.services.posting import Fate, mailer, post

#: how many tests one person gets in an account within an hour
HOURLY = 20
MARK = "[Test] "


def send_test(*, actor: Any, campaign: Any) -> str:
    """Send ``campaign`` to the actor's own address, with sample values; return that address.

    Raises Refused, or Invalid: ARCHIVED, NO_SUBJECT, NO_CONTENT, NO_ADDRESS, NOT_AN_ADDRESS,
    LIMIT_REACHED after 20 tests within an hour, NOT_SENT if the mail system does not take it.
    """
    message = _prepare(actor=actor, campaign=campaign)
    # after the transaction: a mail server may take its time, and others wait for the account
    connection = mailer()
    try:
        connection.open()
        fate, note = post(connection, message)
        connection.close()
    except (OSError, SMTPException):
        fate, note = Fate.LATER, "The mail server does not answer."
    if fate is not Fate.SENT:
        raise Invalid(f"The test was not sent. {note} Try again later.", code="NOT_SENT")
    return message.to[0]


@service
def _prepare(*, actor: Any, campaign: Any) -> EmailMessage:
    found = expect(campaign, Campaign, "The campaign")
    with at_work(actor, found, TEST_CAMPAIGNS, act="send a test of this campaign") as work:
        found = work.obj
        flow.refuse_archived(found)
        if not found.subject.strip():
            raise Invalid("It has no subject. Write one.", code="NO_SUBJECT")
        if not found.rows and not found.text.strip():
            raise Invalid("It has no content. Choose a template or write rows.", code="NO_CONTENT")
        address = str(getattr(work.actor, work.actor.get_email_field_name(), "") or "")
        if not address:
            raise Invalid("Your login has no address to send a test to.", code="NO_ADDRESS")
        _refuse_many(work)
        found.sender_name = found.sender_name or found.subaccount.name
        found.sender_email = found.sender_email or parseaddr(settings.DEFAULT_FROM_EMAIL)[1]
        values = letters.sample_values(letters.fields_used(found))
        try:
            message = letters.letter(found, to=address, values=values, mark=MARK)
        except ValueError:
            raise Invalid(
                "No message can carry the sender's address. Write another.", code="NOT_AN_ADDRESS"
            ) from None
        work.record("campaign.tested", found)
        return message


def _refuse_many(work: Work[Campaign]) -> None:
    """Raise LimitReached after as many tests as anybody needs."""
    events = AuditEvent.objects.filter(
        root=root_key(work.account),
        actor_ref=audit.ref_of(work.actor),
        at__gt=timezone.now() - timedelta(hours=1),
        action="campaign.tested",
    )
    if events.count() >= HOURLY:
        raise LimitReached(f"You sent {HOURLY} tests within an hour. Wait before you send more.")
