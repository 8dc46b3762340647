"""The mails about invoices and what comes of not paying them.

Each is enqueued in the transaction of what it tells, and says what is so when it is written: nobody
is reminded of what has been paid meanwhile. They hold no key to anything: whoever wants to see or
pay an invoice signs in.
"""

from __future__ import annotations

import enum
import logging
from datetime import timedelta
from typing import Any, NamedTuple

from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string
from django.urls import NoReverseMatch, reverse
from django.utils import timezone

from billing import money, overdue
from billing.models import BillingDetails, DunningStep, Invoice
from permissions.audit import label_of
from teams import background, logins
from teams.background import task
from teams.models import Account
from teams.services.invitation_mail import console_origin, plain_name
from teams.services.posting import Fate, mailer, post

log = logging.getLogger("teams.mail")

#: a server that puts a mail off is asked again after this, then after twice as long, and so on
PAUSE = timedelta(minutes=10)
MOST_ATTEMPTS = 8


class Kind(enum.StrEnum):
    """What a mail tells."""

    ISSUED = "issued"
    REMINDER = "reminder"
    LAST_REMINDER = "last_reminder"
    READ_ONLY = "read_only"
    WRITABLE = "writable"


#: what concerns the whole account is told its owner too, whoever is written to about billing
OWNERS_TOO = frozenset({Kind.LAST_REMINDER, Kind.READ_ONLY, Kind.WRITABLE})

SUBJECTS: dict[Kind, str] = {
    Kind.ISSUED: "Invoice {label} of {account}",
    Kind.REMINDER: "Invoice {label} of {account} is overdue",
    Kind.LAST_REMINDER: "Last reminder: invoice {label} of {account} is overdue",
    Kind.READ_ONLY: "{account} is read-only until its invoices are paid",
    Kind.WRITABLE: "{account} can be changed again",
}


class Recipient(NamedTuple):
    """Who is written to."""

    name: str
    address: str


def tell_issued(invoice: Invoice) -> None:
    """Have the payer of ``invoice`` told of it, by a worker, once the transaction is over."""
    _tell(Kind.ISSUED, invoice.pk)


def tell_reminder(invoice: Invoice, step: DunningStep.Step) -> None:
    """Have the payer of ``invoice`` reminded of it, for the first time or the last."""
    kind = Kind(step)
    _tell(kind, invoice.pk)
    if kind in OWNERS_TOO and overdue.enforces(invoice):
        _tell(kind, invoice.pk, is_for_owner=True)


def tell_standing(account: Account, *, is_read_only: bool) -> None:
    """Have those who can pay told that ``account`` is read-only, or not any more."""
    kind = Kind.READ_ONLY if is_read_only else Kind.WRITABLE
    _tell(kind, account.pk)
    _tell(kind, account.pk, is_for_owner=True)


def _tell(kind: Kind, key: int, *, is_for_owner: bool = False) -> None:
    background.enqueue(post_notice, str(kind), key, is_for_owner)


@task()
def post_notice(kind: str, key: int, is_for_owner: bool = False, attempt: int = 1) -> None:
    """Send the mail, if it is still so and there is somebody to send it to.

    ``key`` is that of the invoice, or of the account for READ_ONLY and WRITABLE. What the server
    certainly did not take is tried again later, as far as the queue can wait.
    """
    message = message_of(Kind(kind), key, is_for_owner=is_for_owner)
    if message is None:
        return
    connection = mailer()
    try:
        connection.open()
        fate, _note = post(connection, message)
    except OSError:
        fate = Fate.LATER
    finally:
        connection.close()
    if fate is Fate.LATER and attempt < MOST_ATTEMPTS and post_notice.get_backend().supports_defer:
        at = timezone.now() + PAUSE * 2 ** (attempt - 1)
        post_notice.using(run_after=at).enqueue(kind, key, is_for_owner, attempt + 1)
    elif fate is not Fate.SENT:  # the console says it all the same
        log.warning("mail %s about %s: %s", kind, key, fate.value)


def message_of(
    kind: Kind, key: int, *, is_for_owner: bool = False
) -> EmailMultiAlternatives | None:
    """Return the mail as things are now; None if there is nothing to tell, or nobody to be told."""
    if kind in (Kind.READ_ONLY, Kind.WRITABLE):
        return _about_account(kind, key, is_for_owner)
    return _about_invoice(kind, key, is_for_owner)


def _about_invoice(kind: Kind, key: int, is_for_owner: bool) -> EmailMultiAlternatives | None:
    rows = Invoice.objects.select_related("account__owner", "subaccount").filter(pk=key)
    invoice = rows.exclude(status__in=[Invoice.Status.DRAFT, Invoice.Status.CREDITED]).first()
    if invoice is None or (kind != Kind.ISSUED and not invoice.owed):
        return None
    words = {
        "label": plain_name(invoice.label),
        "payer": plain_name(invoice.subaccount or invoice.account.name),
        "month": invoice.month,
        "total": money.shown(invoice.total, invoice.currency),
        "owed": money.shown(invoice.owed, invoice.currency),
        "is_owed": bool(invoice.owed),
        "due_on": invoice.due_on,
        "read_only_on": overdue.read_only_on(invoice) if overdue.enforces(invoice) else None,
        "link": link("console:billing_invoice_change", invoice.pk),
    }
    who = _recipient(invoice.account, invoice.subaccount_id, is_for_owner)
    return _message(kind, "invoice", invoice.account, who, words)


def _about_account(kind: Kind, key: int, is_for_owner: bool) -> EmailMultiAlternatives | None:
    account = Account.objects.select_related("owner").filter(pk=key).first()
    if account is None or bool(account.read_only_because) is not (kind == Kind.READ_ONLY):
        return None
    now = overdue.standing(account)
    words = {
        "invoices": [plain_name(invoice.label) for invoice in now.invoices],
        "owed": money.shown(now.owed, now.currency) if now.invoices else "",
        "link": link("console:billing_invoice_changelist"),
    }
    return _message(kind, "account", account, _recipient(account, None, is_for_owner), words)


def _recipient(account: Account, subaccount: int | None, is_for_owner: bool) -> Recipient | None:
    """Return who is written to: the billing contact of the payer, or else the owner.

    For the owner, who is told besides: nobody if the other mail goes to the same address.
    """
    owner = Recipient(label_of(account.owner), logins.address_of(account.owner))
    details = BillingDetails.objects.filter(account=account, subaccount=subaccount).first()
    contact = owner
    if details is not None and details.contact_address:
        contact = Recipient(details.contact_name or details.name, details.contact_address)
    if not is_for_owner:
        return contact if contact.address else None
    is_same = contact.address.casefold() == owner.address.casefold()
    return owner if owner.address and not is_same else None


def _message(
    kind: Kind, template: str, account: Account, who: Recipient | None, words: dict[str, Any]
) -> EmailMultiAlternatives | None:
    if who is None:
        return None
    words |= {
        "kind": kind.value,
        "person": plain_name(who.name),
        "account": plain_name(account.name),
    }
    words["subject"] = SUBJECTS[kind].format(**{"label": "", **words})
    message = EmailMultiAlternatives(
        words["subject"], render_to_string(f"billing/mail/{template}.txt", words), to=[who.address]
    )
    html = render_to_string(f"billing/mail/{template}.html", words)
    message.attach_alternative(html, "text/html")
    # answering is for people: no out-of-office note is wanted
    message.extra_headers["Auto-Submitted"] = "auto-generated"
    return message


def link(name: str, *arguments: Any) -> str:
    """Return the address of a page of the console, below the configured origin; empty where the
    project has no console: what is owed is told all the same."""
    try:
        path = reverse(name, args=arguments)
    except NoReverseMatch:
        return ""
    return f"{console_origin()}{path}"
