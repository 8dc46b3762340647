"""What one contact gets: a message made of a campaign's rows, subject and sender.

Merge fields (see ``content``) are a contact's first and last name and address, and the custom
fields of the subaccount by their codenames.
"""

from __future__ import annotations

import email.policy
import inspect
from collections.abc import Iterable, Mapping
from email.utils import formataddr
from html import escape
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core import signing
from django.core.exceptions import ImproperlyConfigured
from django.core.mail import EmailMultiAlternatives
from django.urls import NoReverseMatch, reverse

from teams.models import Campaign, Contact, CustomField, Delivery
from teams.services import content
from teams.services.suppression import digest_of

#: what every contact has that can be merged, each with what a preview shows
PLAIN = {"first_name": "Robin", "last_name": "Reader", "email": "robin@example.com"}
VALUE_LIMIT = 200
SUBJECT_LIMIT = 300
LINE_LIMIT = 990

UNSUBSCRIBE_SALT = "teams.unsubscribe"
#: stands where a link of somebody's own would, in previews and tests
NOBODYS = "example"


def fields_used(campaign: Campaign) -> set[str]:
    """Return the names of the merge fields in subject, rows and text of ``campaign``."""
    return content.fields_in(campaign.rows, f"{campaign.subject}\n{campaign.text}")


def fields_known(campaign: Campaign) -> set[str]:
    """Return the names of the merge fields that contacts of the campaign's subaccount have."""
    rows = CustomField.objects.filter(subaccount=campaign.subaccount_id)
    return {*PLAIN, *rows.values_list("codename", flat=True)}


def values_of(contact: Contact, names: Iterable[str]) -> dict[str, str]:
    """Return what ``contact`` has in the fields ``names``, each as one short line, or ""."""
    return {
        name: line(getattr(contact, name) if name in PLAIN else contact.fields.get(name))
        for name in names
    }


def sample_values(names: Iterable[str]) -> dict[str, str]:
    """Return values to show where no contact was chosen."""
    return {name: PLAIN.get(name) or name.replace("_", " ").capitalize() for name in names}


def line(value: Any) -> str:
    """Return a stored value as one line of text that breaks out of no header."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = "".join(c if c.isprintable() else " " for c in str(value or ""))
    return text.strip()[:VALUE_LIMIT]


# the way out


def unsubscribe_token(row: Delivery) -> str:
    """Return the signed text by which whoever gets a message leaves.

    It names three keys and what the address is known by (``digest_of``): who is removed and added
    again is another contact, and leaves by it as well.
    """
    names = [row.contact_id, row.campaign_id, row.subaccount_id, digest_of(row.email)]
    return signing.dumps(names, salt=UNSUBSCRIBE_SALT)


def unsubscribe_url(token: str) -> str:
    """Return the address at which a contact leaves, at the origin that the settings name.

    Raises ImproperlyConfigured, with the remedy, where a project has no such page: nothing is
    sent without a way out.
    """
    try:
        path = reverse("teams:unsubscribe", args=[token])
        return f"{settings.CONSOLE_ORIGIN.rstrip('/')}{path}"
    except (NoReverseMatch, AttributeError) as error:
        raise ImproperlyConfigured(
            "Campaigns need an address at which contacts unsubscribe: add "
            "path('', include('teams.urls')) to the project's addresses, and CONSOLE_ORIGIN "
            "(scheme, host and port) to its settings."
        ) from error


# messages

_PAGE = """\
<!DOCTYPE html>
<html>
<head><meta charset="utf-8"><title>{subject}</title></head>
<body>
{body}
<p><small>You get this because you are subscribed to mail from {sender}.
<a href="{url}">Unsubscribe</a></small></p>
</body>
</html>
"""
_PLAIN = """\
{body}

--
You get this because you are subscribed to mail from {sender}.
Unsubscribe: {url}
"""


class Letter(EmailMultiAlternatives):
    """A message whose headers are not folded.

    Django 6 folds by the standard library's policy, which encodes what does not fit on a line: an
    address at which to unsubscribe is then none that mail programs read.
    """

    def message(self, **options: Any) -> Any:
        """Return the message with lines as long as the standard (RFC 5322) lets them be."""
        if "policy" in inspect.signature(super().message).parameters:
            policy = options.get("policy", email.policy.default)
            options["policy"] = policy.clone(max_line_length=LINE_LIMIT)
        return super().message(**options)


def subject_of(campaign: Campaign, values: Mapping[str, str]) -> str:
    """Return the subject with ``values`` filled in, on one line."""
    return " ".join(content.fill(campaign.subject, values).split())[:SUBJECT_LIMIT]


def page(campaign: Campaign, values: Mapping[str, str], token: str = NOBODYS) -> str:
    """Return the message as the HTML document that a contact gets."""
    return _PAGE.format(
        subject=escape(subject_of(campaign, values)),
        body=content.as_html(campaign.rows, values),
        sender=escape(campaign.sender_name),
        url=escape(unsubscribe_url(token)),
    )


def plain(campaign: Campaign, values: Mapping[str, str], token: str = NOBODYS) -> str:
    """Return the message as the plain text that a contact gets."""
    body = content.as_text(campaign.rows, campaign.text, values)
    return _PLAIN.format(body=body, sender=campaign.sender_name, url=unsubscribe_url(token))


def letter(
    campaign: Campaign,
    *,
    to: str,
    values: Mapping[str, str],
    token: str = NOBODYS,
    mark: str = "",
    key: str = "",
) -> Letter:
    """Return the message to one address.

    ``mark`` stands before the subject (a test says so); ``key`` makes the Message-ID, the same
    however often it is made. Unsubscribing takes one click in mail programs (RFC 8058). Raises
    ValueError for a sender's address that no header can carry.
    """
    headers = {
        "List-Unsubscribe": f"<{unsubscribe_url(token)}>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
        "Precedence": "bulk",
    }
    if key:
        host = urlsplit(settings.CONSOLE_ORIGIN).hostname or "localhost"
        headers["Message-ID"] = f"<campaign.{key}@{host}>"
    message = Letter(
        subject=f"{mark}{subject_of(campaign, values)}",
        body=plain(campaign, values, token),
        from_email=formataddr((campaign.sender_name, campaign.sender_email)),
        to=[to],
        reply_to=[campaign.reply_to] if campaign.reply_to else [],
        headers=headers,
    )
    if campaign.rows:
        message.attach_alternative(page(campaign, values, token), "text/html")
    return message
