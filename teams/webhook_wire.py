"""Which addresses webhooks may call, with which secret, and whether this installation can at all.

How they are called is in ``teams.webhook_call``, which needs packages of the extra ``webhooks``.
"""

from __future__ import annotations

import base64
import ipaddress
import re
import socket
from contextlib import suppress
from importlib.util import find_spec
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.utils.crypto import salted_hmac

from permissions.errors import Invalid
from teams.models import Webhook

NEEDED = ("requests_hardened", "standardwebhooks")
URL_LIMIT = 500
_SALT = "teams.webhook"
_LABEL = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
_NAME = re.compile(rf"(?=.{{1,253}}\Z){_LABEL}(\.{_LABEL})*")
_PLAIN = re.compile(r"[!-~]+")


def why_not() -> str:
    """Return why this installation can send nothing; empty if it can."""
    if all(find_spec(name) for name in NEEDED):
        return ""
    return (
        "This installation cannot send webhooks: the packages of the extra webhooks are missing. "
        "Whoever runs it can install django-subaccounts[webhooks]."
    )


# addresses


def clean_url(url: Any) -> str:
    """Return ``url`` if it may be called, as far as one sees without asking for the name.

    Raises Invalid: WRONG_TYPE, TOO_LONG, NOT_A_URL, NOT_HTTPS, CREDENTIALS, PORT, PRIVATE_ADDRESS.
    """
    if not isinstance(url, str):
        raise Invalid(f"The address must be text, not {type(url).__name__}.", code="WRONG_TYPE")
    text = url.strip()
    if len(text) > URL_LIMIT:
        raise Invalid(
            f"The address has {len(text)} characters; at most {URL_LIMIT} are allowed.",
            code="TOO_LONG",
        )
    try:
        parts = urlsplit(text)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise _no_url() from None
    if not _PLAIN.fullmatch(text) or "\\" in text or "#" in text or not host:
        raise _no_url()
    if parts.scheme != "https" and not (parts.scheme == "http" and settings.DEBUG):
        raise Invalid(
            "The address must begin with https://, so that nobody reads along.", code="NOT_HTTPS"
        )
    if "@" in parts.netloc:
        raise Invalid(
            "The address holds a user name or password. Take it out: the signature tells your "
            "system who calls.",
            code="CREDENTIALS",
        )
    if port is not None and port != 443 and port < 1024:
        raise Invalid(f"Port {port} is not called; choose 443, or 1024 or above.", code="PORT")
    _check_host(host)
    return text


def _no_url() -> Invalid:
    return Invalid(
        "This is no address of a web server. Write it like https://example.com/hooks/access; names "
        "with other letters as their ASCII form (xn--…).",
        code="NOT_A_URL",
    )


def _check_host(host: str) -> None:
    """Refuse what is no public host, in whichever way it is written. Raises Invalid."""
    literal = _literal(host)
    if literal is not None:
        if literal.is_global and not literal.is_multicast:
            return
        if literal.is_loopback and allows_loopback():
            return
    elif not _NAME.fullmatch(host.lower()):
        raise _no_url()
    elif "." in host or allows_loopback():
        return
    raise Invalid(
        f"{host} is not on the public internet; only what is can be called.",
        code="PRIVATE_ADDRESS",
    )


def allows_loopback() -> bool:
    """Say whether this machine may be called too: for tests and development."""
    return bool(getattr(settings, "WEBHOOK_ALLOW_LOOPBACK", False))


def _literal(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """Return the address of numbers that ``host`` is, however it is written; None for a name."""
    with suppress(ValueError):
        found = ipaddress.ip_address(host)
        return getattr(found, "ipv4_mapped", None) or found
    with suppress(OSError):  # 2130706433, 0x7f.1 and 127.1 are addresses as well
        return ipaddress.IPv4Address(socket.inet_aton(host))
    return None


# signatures


def secret_of(webhook: Webhook) -> str:
    """Return the secret that the receiver checks signatures with: "whsec_…"."""
    return f"whsec_{base64.b64encode(_secret(webhook, settings.SECRET_KEY)).decode()}"


def secrets_of(webhook: Webhook) -> list[bytes]:
    """Return the secret made with each key of the project: one of them is the one that the receiver
    was given, also while the project's key is being changed."""
    return [_secret(webhook, k) for k in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)]


def _secret(webhook: Webhook, key: Any) -> bytes:
    named = f"{webhook.account_id}.{webhook.pk}.{webhook.version}"
    return salted_hmac(_SALT, named, secret=key, algorithm="sha256").digest()


__all__ = ["allows_loopback", "clean_url", "secret_of", "secrets_of", "why_not"]
