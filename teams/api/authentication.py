"""Who calls: an API key in the Authorization header, and nothing else.

No cookie and no session ever authenticates here, so that there is nothing a foreign page could
have a browser send. A key that stands anywhere else, in an address or in a body, has been written
into logs already: it is refused, whatever it is worth.
"""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import unquote_plus

from django.utils import timezone
from django.views.decorators.debug import sensitive_variables
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed, NotAuthenticated

from permissions.errors import Refused
from teams import keys
from teams.api.parsing import body_of
from teams.api.problems import Wrong
from teams.api.throttling import count_call, count_unknown, refuse_often
from teams.models import ApiKey

SCHEME = "Bearer"
#: the one answer for an unknown, malformed, revoked and expired key: there is nothing to try out
NOT_A_KEY = "This is no key that opens anything. Make a new one in the console."
NO_KEY = "Call with a key: Authorization: Bearer sak_…"
_KEY = re.compile(rf"{keys.MARK}_[a-z0-9]{{10}}_")
_LONGEST = 200
#: headers that are written into logs, or kept; a gateway may repeat the key in one of its own
_KEPT_HEADERS = ("HTTP_IDEMPOTENCY_KEY", "HTTP_REFERER", "HTTP_USER_AGENT")


class KeyAuthentication(BaseAuthentication):
    """Finds the key that calls; the caller is whoever created it, narrowed to the key."""

    @sensitive_variables()  # of whatever is called from here too: it takes the key apart
    def authenticate(self, request: Any) -> tuple[Any, ApiKey]:
        """Return (creator, key), the call counted. Raises 401 for what is no key now, 429 for a
        call too many, 403 for one that sleeps, whose creator has lost their place, or whose
        subaccount is archived."""
        header = take_header(request._request)
        if not header:
            raise NotAuthenticated(NO_KEY)
        scheme, _, text = header.partition(" ")
        if scheme.lower() != SCHEME.lower():
            raise AuthenticationFailed(NOT_A_KEY)
        text = text.strip()
        refuse_often(text)
        key = keys.find(text)
        if key is None or _is_over(key):
            count_unknown(text)
            raise AuthenticationFailed(NOT_A_KEY)
        request.counted = count_call(key)
        request.counted.refuse()
        if why := keys.why_dead(key):
            raise Refused(why, code="KEY_ASLEEP")
        return key.created_by, key

    def authenticate_header(self, request: Any) -> str:
        """Return what a 401 asks for."""
        return SCHEME


def _is_over(key: ApiKey) -> bool:
    return key.revoked_at is not None or (
        key.expires_at is not None and key.expires_at <= timezone.now()
    )


@sensitive_variables("header")
def take_header(request: Any) -> str:
    """Return what stands in the Authorization header, and take it out of the request: no report of
    a later error can hold it."""
    header: str = request.META.pop("HTTP_AUTHORIZATION", "")
    request.__dict__.pop("headers", None)  # a copy that some middleware may have asked for
    return header if len(header) <= _LONGEST else "-"


def refuse_elsewhere(request: Any) -> None:
    """Refuse a key in the address, in another header or in the body. Raises 400, not repeating it,
    and 413 for a body that is too large."""
    if _KEY.search(unquote_plus(request.META.get("QUERY_STRING", "") + " " + request.path)):
        raise Wrong(400, "KEY_IN_ADDRESS", _ELSEWHERE.format("address"))
    if any(_KEY.search(str(request.META.get(name, ""))) for name in _KEPT_HEADERS):
        raise Wrong(400, "KEY_IN_HEADER", _ELSEWHERE.format("another header"))
    # last, for reading it may fail, and what is said of that names the address
    if _KEY.search(body_of(request).decode("utf-8", "replace")):
        raise Wrong(400, "KEY_IN_BODY", _ELSEWHERE.format("body"))


_ELSEWHERE = (
    "There is a key in the {} of this call, where it is written into logs or kept. Revoke it, make "
    "another one, and send it as a header: Authorization: Bearer sak_…"
)
