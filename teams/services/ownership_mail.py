"""The mails about who is to own an account: offered, accepted, declined.

They hold no key to anything: whoever accepts signs in as the heir.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string
from django.urls import NoReverseMatch, reverse

from permissions.audit import label_of
from teams import background, logins
from teams.background import task
from teams.editions import get
from teams.models import OwnershipTransfer
from teams.services.invitation_mail import console_origin, plain_name
from teams.services.posting import Fate, mailer, post

Status = OwnershipTransfer.Status
log = logging.getLogger("teams.mail")

#: what each state is told of: to whom, and under which subject
SUBJECTS: dict[str, str] = {
    Status.PENDING: "{owner} offers you {account}",
    Status.ACCEPTED: "{account} has a new owner",
    Status.DECLINED: "{heir} declined to own {account}",
}


def enqueue(transfer: OwnershipTransfer) -> None:
    """Have whom it concerns told by a worker, within the transaction: neither without the other."""
    background.enqueue(post_transfer, transfer.pk, str(transfer.status))


@task()
def post_transfer(key: int, status: str) -> None:
    """Send the mails about an offer that has come to ``status``, unless it has gone on since."""
    rows = OwnershipTransfer.objects.select_related("account", "owner", "heir")
    transfer = rows.filter(pk=key, status=status).first()
    if transfer is None or (status == Status.PENDING and not transfer.is_open):
        return
    connection = mailer()
    try:
        connection.open()
        fates = [post(connection, message)[0] for message in messages_of(transfer)]
    except OSError:
        fates = [Fate.LATER]
    finally:
        connection.close()
    for fate in fates:
        if fate is not Fate.SENT:  # the console says it all the same, to both
            log.warning("mail about ownership transfer %s: %s", key, fate.value)


def messages_of(transfer: OwnershipTransfer) -> Iterator[EmailMultiAlternatives]:
    """Yield the mails about ``transfer`` as it stands, to those of the two it is news for."""
    people = {
        Status.PENDING: [transfer.heir],
        Status.ACCEPTED: [transfer.heir, transfer.owner],
        Status.DECLINED: [transfer.owner],
    }
    for person in people[Status(transfer.status)]:
        if logins.address_of(person):
            yield _message(transfer, person)


def _message(transfer: OwnershipTransfer, person: Any) -> EmailMultiAlternatives:
    edition = get(transfer.account.edition)
    names = {
        "account": plain_name(transfer.account.name),
        "owner": plain_name(label_of(transfer.owner)),
        "heir": plain_name(label_of(transfer.heir)),
    }
    words = {
        **names,
        "status": transfer.status,
        "person": plain_name(label_of(person)),
        "is_heir": person == transfer.heir,
        "owner_leaves": transfer.owner_leaves,
        "former": edition.role(edition.former_owner).label,
        "expires_at": transfer.expires_at,
        "link": link() if transfer.status == Status.PENDING else "",
    }
    words["subject"] = SUBJECTS[transfer.status].format(**names)
    message = EmailMultiAlternatives(
        words["subject"],
        render_to_string("teams/mail/ownership.txt", words),
        to=[logins.address_of(person)],
    )
    message.attach_alternative(render_to_string("teams/mail/ownership.html", words), "text/html")
    # answering is for people: no out-of-office note is wanted
    message.extra_headers["Auto-Submitted"] = "auto-generated"
    return message


def link() -> str:
    """Return the address of the console's page about the offer, below the configured origin.

    Raises ImproperlyConfigured if the project has no origin or no console.
    """
    origin = console_origin()
    try:
        return f"{origin}{reverse('console:ownership')}"
    except NoReverseMatch:
        raise ImproperlyConfigured(
            "Add the console to the addresses: an offered account is accepted there."
        ) from None
