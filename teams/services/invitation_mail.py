"""The mail of an invitation, and the links that lead to it.

A link is the invitation's key and nonce under the project's signature. Two kinds are signed apart:
a *mailed* link has gone to the address and nowhere else, so whoever has it reads that mail; a
*copied* one was shown to the inviter and shows nothing about who has it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core import signing
from django.core.exceptions import ImproperlyConfigured
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string
from django.urls import NoReverseMatch, reverse
from django.utils import timezone

from permissions.audit import label_of
from permissions.errors import NotFound
from teams import background
from teams.background import task
from teams.catalogue import CATALOGUE
from teams.editions import EDITIONS
from teams.models import Invitation, Role
from teams.services.posting import Fate, mailer, post

MAILED = "teams.invitation.mailed"
COPIED = "teams.invitation.copied"
TOKEN_LIMIT = 400
NAME_LIMIT = 80
#: more areas than this are not listed in one line
AREAS_SHOWN = 6
#: what mail programs make a link of: an address of a page, or anything with a dot inside
_LINKED = re.compile(r"[:/\\@<>\[\]]+|(?<=\S)\.(?=\S)")
_held: ContextVar[list[Invitation] | None] = ContextVar("teams_held_mails", default=None)


def token_of(invitation: Invitation, *, mailed: bool) -> str:
    """Return what stands in a link: key and nonce, signed."""
    return signing.dumps([invitation.pk, invitation.nonce], salt=MAILED if mailed else COPIED)


def read(token: str) -> tuple[int, str]:
    """Return key and nonce of a link of either kind. Raises NotFound for anything else."""
    found = _signed(token, MAILED) or _signed(token, COPIED)
    if found is None:
        raise NotFound("This link opens no invitation. Look whether all of it was copied.")
    return found


def is_mailed(token: str) -> bool:
    """Say whether ``token`` was in a mail: whoever has it reads what is sent to the address."""
    return _signed(token, MAILED) is not None


def _signed(token: Any, salt: str) -> tuple[int, str] | None:
    if not isinstance(token, str) or len(token) > TOKEN_LIMIT:
        return None
    try:
        key, nonce = signing.loads(token, salt=salt)
    except (signing.BadSignature, ValueError):
        return None
    return int(key), str(nonce)


def link_of(invitation: Invitation, *, mailed: bool = False) -> str:
    """Return the address that opens ``invitation``, below the configured origin.

    Raises ImproperlyConfigured if the project has no origin or does not include our addresses.
    """
    origin = console_origin()
    try:
        path = reverse("teams:invitation", args=[token_of(invitation, mailed=mailed)])
    except NoReverseMatch:
        raise ImproperlyConfigured(
            'Add path("", include("teams.urls")) to the addresses: invitations lead there.'
        ) from None
    return f"{origin}{path}"


def console_origin() -> str:
    """Return where people reach the console, as links in mail begin. Raises
    ImproperlyConfigured."""
    parts = urlsplit(getattr(settings, "CONSOLE_ORIGIN", ""))
    if not (parts.scheme and parts.netloc):
        raise ImproperlyConfigured(
            "CONSOLE_ORIGIN must say where people reach the console, such as "
            "https://console.example.com: links in mail begin with it."
        )
    return f"{parts.scheme}://{parts.netloc}"


def plain_name(text: object) -> str:
    """Return a name that somebody chose for a mail to others: one short line that no mail program
    makes a link of."""
    line = "".join(char if char.isprintable() else " " for char in str(text))
    return " ".join(_LINKED.sub(" ", line).split())[:NAME_LIMIT] or "somebody"


def role_of(invitation: Invitation) -> str:
    """Return what the role is called."""
    spec = EDITIONS[invitation.account.edition].find_role(invitation.role)
    return str(spec.label if spec else invitation.custom_role or invitation.role)


def work_of(invitation: Invitation) -> str:
    """Return what one works with in the role, as a list in words; empty if that would be long."""
    edition = EDITIONS[invitation.account.edition]
    spec = edition.find_role(invitation.role)
    held = spec.holds if spec else frozenset((invitation.custom_role or Role()).permissions)
    areas = [
        str(edition.area_labels.get(area.codename, area.label))
        for area in CATALOGUE.areas
        if held & frozenset(area.permissions)
    ]
    if not 0 < len(areas) <= AREAS_SHOWN:
        return ""
    *rest, last = areas
    return f"{', '.join(rest)} and {last}" if rest else last


def message_of(invitation: Invitation) -> EmailMultiAlternatives:
    """Return the mail of ``invitation``."""
    account = plain_name(invitation.account.name)
    place = account if invitation.subaccount is None else plain_name(invitation.subaccount.name)
    words: dict[str, Any] = {
        "account": account,
        "inviter": plain_name(label_of(invitation.invited_by)) if invitation.invited_by else "",
        "role": plain_name(role_of(invitation)),
        "work": work_of(invitation),
        "place": place,
        "ends_at": invitation.ends_at,
        "expires_at": invitation.expires_at,
        "link": link_of(invitation, mailed=True),
    }
    subject = " ".join(render_to_string("teams/mail/invitation_subject.txt", words).split())
    message = EmailMultiAlternatives(
        subject, render_to_string("teams/mail/invitation.txt", words), to=[invitation.address]
    )
    message.attach_alternative(render_to_string("teams/mail/invitation.html", words), "text/html")
    # answering is for people: no out-of-office note is wanted
    message.extra_headers["Auto-Submitted"] = "auto-generated"
    return message


@contextmanager
def held_back() -> Iterator[list[Invitation]]:
    """Keep back the mails of the block, which may yet be taken back; yields whose they are.

    No task is left behind, whatever the project's task backend does with one.
    """
    waiting: list[Invitation] = []
    token = _held.set(waiting)
    try:
        yield waiting
    finally:
        _held.reset(token)


def enqueue(invitation: Invitation) -> None:
    """Have the mail sent by a worker, once the transaction is over: within it, so neither is
    without the other."""
    waiting = _held.get()
    if waiting is not None:
        waiting.append(invitation)
        return
    background.enqueue(post_invitation, invitation.pk, invitation.nonce)


@task()
def post_invitation(key: int, nonce: str) -> None:
    """Send the mail, unless the invitation is settled or was sent anew; say so if it cannot be.

    The list of pending invitations shows one that could not be sent.
    """
    rows = Invitation.objects.select_related("account", "subaccount", "custom_role", "invited_by")
    invitation = rows.filter(pk=key, nonce=nonce, expires_at__gt=timezone.now()).first()
    if invitation is None or invitation.status != Invitation.Status.PENDING:
        return
    connection = mailer()
    try:
        connection.open()
        fate, _note = post(connection, message_of(invitation))
    except OSError:
        fate = Fate.LATER
    finally:
        connection.close()
    if fate is not Fate.SENT:
        Invitation.objects.filter(pk=key, nonce=nonce).update(sent_at=None)
