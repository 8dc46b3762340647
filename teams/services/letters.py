"""What one contact gets: a message made of a campaign's rows, subject and sender.

Merge fields are written ``{{first_name}}``, or ``{{first_name|there}}`` with what stands there for
contacts who have none. Only text is merged, never a tag, and every value is escaped: a contact's
name can be anything.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from email.utils import formataddr
from html import escape, unescape
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core import signing
from django.core.exceptions import ImproperlyConfigured
from django.core.mail import EmailMultiAlternatives
from django.urls import NoReverseMatch, reverse
from django.utils.html import strip_tags

from teams.models import Campaign, Contact

MERGE = re.compile(r"\{\{\s*([a-z_]+(?::[-\w]+)?)\s*(?:\|([^{}]*))?\}\}")
_TAG = re.compile(r"(<[^>]*>)")
_BLOCK_END = re.compile(r"(?i)<br\s*/?>|</(?:p|div|h[1-6]|li|tr|table|ul|ol|blockquote)>")
_LINK = re.compile(r'(?is)<a\b[^>]*?\bhref="([^"]*)"[^>]*>(.*?)</a>')
CUSTOM = "custom:"
#: the fields of every contact that may be merged; an address is not among them
PLAIN = ("first_name", "last_name")
VALUE_LIMIT = 200

UNSUBSCRIBE_SALT = "teams.unsubscribe"
#: stands where a link of somebody's own would, in previews and tests
NOBODYS_TOKEN = "example"  # noqa: S105


def fields_used(campaign: Campaign) -> set[str]:
    """Return the names of the merge fields that subject, rows and text of ``campaign`` use."""
    parts = [campaign.subject, campaign.text, *(_html_of(row) for row in campaign.rows)]
    return {match[1] for part in parts for match in MERGE.finditer(part)}


def values_of(contact: Contact, names: Iterable[str]) -> dict[str, str]:
    """Return what ``contact`` has in the fields ``names``, each as one short line of text."""
    found = {}
    for name in names:
        if name in PLAIN:
            found[name] = _line(getattr(contact, name))
        elif name.startswith(CUSTOM):
            found[name] = _line(contact.fields.get(name.removeprefix(CUSTOM), ""))
    return {name: value for name, value in found.items() if value}


def sample_values(names: Iterable[str]) -> dict[str, str]:
    """Return values to show where no contact was chosen."""
    known = {"first_name": "Robin", "last_name": "Reader"}
    return {name: known.get(name, name.removeprefix(CUSTOM).replace("_", " ")) for name in names}


def _line(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = "".join(c if c.isprintable() else " " for c in str(value or ""))
    return text.strip()[:VALUE_LIMIT]


def merge(text: str, values: Mapping[str, str]) -> str:
    """Return plain ``text`` with its merge fields filled in."""
    return MERGE.sub(lambda m: values.get(m[1]) or (m[2] or "").strip(), text)


def merge_html(html: str, values: Mapping[str, str]) -> str:
    """Return ``html`` with the merge fields of its text filled in, escaped; tags stay as is."""

    def filled(match: re.Match[str]) -> str:
        value = values.get(match[1])
        # what stands for a missing value is part of the sanitised HTML already
        return escape(value) if value else (match[2] or "").strip()

    parts = _TAG.split(html)
    return "".join(p if p.startswith("<") else MERGE.sub(filled, p) for p in parts)


def _html_of(row: Any) -> str:
    return str(row.get("html", "")) if isinstance(row, Mapping) else ""


def as_text(html: str) -> str:
    """Return sanitised ``html`` as plain text; links are followed by their address."""
    lines = _LINK.sub(lambda m: f"{m[2]} ({m[1]})" if m[1] else m[2], html)
    lines = strip_tags(_BLOCK_END.sub("\n", lines))
    kept = [" ".join(line.split()) for line in unescape(lines).splitlines()]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(kept)).strip()


def body_html(campaign: Campaign, values: Mapping[str, str]) -> str:
    """Return the rows of ``campaign``, one below the other, with ``values`` filled in."""
    return "\n".join(merge_html(_html_of(row), values) for row in campaign.rows)


def body_text(campaign: Campaign, values: Mapping[str, str]) -> str:
    """Return the plain part: what was written as such, or else what the rows say."""
    if campaign.text.strip():
        return merge(campaign.text, values)
    return as_text(body_html(campaign, values))


# the way out


def unsubscribe_token(campaign: Campaign, contact_id: Any) -> str:
    """Return the signed text by which a contact leaves; it names keys and nothing else."""
    return signing.dumps([contact_id, campaign.pk], salt=UNSUBSCRIBE_SALT)


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
<html lang="en">
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


def page(campaign: Campaign, values: Mapping[str, str], token: str = NOBODYS_TOKEN) -> str:
    """Return the message as the HTML document that a contact gets."""
    return _PAGE.format(
        subject=escape(merge(campaign.subject, values)),
        body=body_html(campaign, values),
        sender=escape(campaign.sender_name),
        url=escape(unsubscribe_url(token)),
    )


def plain(campaign: Campaign, values: Mapping[str, str], token: str = NOBODYS_TOKEN) -> str:
    """Return the message as the plain text that a contact gets."""
    body, url = body_text(campaign, values), unsubscribe_url(token)
    return _PLAIN.format(body=body, sender=campaign.sender_name, url=url)


def letter(
    campaign: Campaign,
    *,
    to: str,
    values: Mapping[str, str],
    token: str = NOBODYS_TOKEN,
    mark: str = "",
    key: str = "",
    connection: Any = None,
) -> EmailMultiAlternatives:
    """Return the message to one address.

    ``mark`` stands before the subject (a test says so); ``key`` makes the Message-ID, the same
    however often it is made. Unsubscribing takes one click in mail programs (RFC 8058).
    """
    host = urlsplit(settings.CONSOLE_ORIGIN).hostname or "localhost"
    headers = {
        "List-Unsubscribe": f"<{unsubscribe_url(token)}>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
        "Precedence": "bulk",
    }
    if key:
        headers["Message-ID"] = f"<campaign.{key}@{host}>"
    message = EmailMultiAlternatives(
        subject=f"{mark}{_line(merge(campaign.subject, values))}",
        body=plain(campaign, values, token),
        from_email=formataddr((campaign.sender_name, campaign.sender_email)),
        to=[to],
        reply_to=[campaign.reply_to] if campaign.reply_to else [],
        headers=headers,
        connection=connection,
    )
    message.attach_alternative(page(campaign, values, token), "text/html")
    return message
