"""Addresses: how they are written, and whether one can be read from other text."""

from __future__ import annotations

import html
import re
import unicodedata
from typing import Final
from urllib.parse import unquote

from django.utils.encoding import punycode

#: what stands in place of text that holds an address
LEFT_OUT: Final = "(address left out)"
#: finds all that may hold one, and little else; for the database, which cannot undo every writing
MAY_HOLD: Final = r"[@＠﹫]|[%％﹪&＆﹠]\S"
_ADDRESS = re.compile(r"[^\s@]+@[^\s@]+\.[^\s@]", re.IGNORECASE)


def _plain(text: str) -> str:
    """Return ``text`` in narrow small letters, without what links and HTML write instead."""
    for _layer in range(3):  # one may be wrapped in another
        text = unicodedata.normalize("NFKC", html.unescape(unquote(text)))
    return "".join(char for char in text if unicodedata.category(char) != "Cf").lower()


def in_ascii(address: str) -> str:
    """Return ``address`` with its domain in small letters and ASCII (IDNA), as mail is sent to it.

    Raises UnicodeError for a domain that cannot be written so.
    """
    local, _, domain = address.rpartition("@")
    return f"{local}@{punycode(domain).lower()}"


def holds_address(text: str, *addresses: str) -> bool:
    """Say whether an address can be read from ``text``: any at all, or one of ``addresses``.

    Also in wide letters, and as it is written in links and in HTML.
    """
    plain = _plain(text)
    bare = "".join(plain.split())
    return bool(_ADDRESS.search(plain)) or any(a.strip().lower() in bare for a in addresses)


def reaches_for_address(text: str) -> bool:
    """Say whether whoever looks for ``text`` may look for an address, however it is written."""
    return "@" in _plain(text)
