"""API keys: how one is made, found again, and what it may do at this moment.

A key is ``sak_<prefix>_<secret>``: the prefix finds it, the secret is 256 random bits of which the
SHA-256 alone is kept. A password hasher would cost half a second a call and add nothing to a
random secret.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from django.utils import timezone
from django.utils.crypto import constant_time_compare

from permissions import access, audit
from permissions.access import Narrowing
from permissions.policy import SWITCHED_OFF, Denial, decide
from permissions.profile import Profile
from teams import provider
from teams.catalogue import CATALOGUE, GENERATE_API_KEYS, PURCHASE_CONTENT
from teams.models import ApiKey, Subaccount

#: what people do in person: no key makes another, or spends money
IN_PERSON = frozenset({GENERATE_API_KEYS, PURCHASE_CONTENT})
#: what every key begins with, so that people and scanners recognise one
MARK = "sak"
_PREFIX_CHARACTERS = "abcdefghijkmnpqrstuvwxyz23456789"  # none that looks like another
_PREFIX_LENGTH = 10


@dataclass(frozen=True, slots=True)
class Issued:
    """A new key: ``text`` is what is shown once; the other two are kept."""

    text: str = field(repr=False)  # which reaches no log and no report of an error
    prefix: str
    digest: str


def issue() -> Issued:
    """Return a new key."""
    prefix = "".join(secrets.choice(_PREFIX_CHARACTERS) for _ in range(_PREFIX_LENGTH))
    secret = secrets.token_urlsafe(32)
    return Issued(f"{MARK}_{prefix}_{secret}", prefix, digest_of(secret))


def digest_of(secret: str) -> str:
    """Return the SHA-256 of ``secret``, hexadecimal."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def find(text: str) -> ApiKey | None:
    """Return the key that ``text`` is, whatever it is worth now; None for anything else.

    An unknown prefix takes as long as a wrong secret.
    """
    mark, _, rest = text.partition("_")
    prefix, _, secret = rest.partition("_")
    key = None
    if mark == MARK and prefix.isascii() and prefix.isalnum() and len(prefix) == _PREFIX_LENGTH:
        rows = ApiKey.objects.select_related("account", "subaccount", "created_by")
        key = rows.filter(prefix=prefix).first()
    known = key.digest if key is not None else digest_of("")
    is_right = constant_time_compare(digest_of(secret), known)
    return key if is_right else None


def scopes_for(user: Any, subaccount: Subaccount) -> list[str]:
    """Return the permissions ``user`` can put into a key there now: what they hold there, but for
    ``IN_PERSON``, in the order of the catalogue."""
    return scopes_in(access.profile_of(user), subaccount)


def scopes_in(profile: Profile, subaccount: Subaccount) -> list[str]:
    """Return what ``scopes_for`` does of whoever has ``profile``."""
    return [
        str(permission)
        for permission in CATALOGUE
        if permission not in IN_PERSON
        and subaccount.pk in profile.scope(subaccount.account_id, permission)
    ]


def switched_off(subaccount: Subaccount) -> str:
    """Return the sentence that says that nobody has the API in ``subaccount``."""
    return f"API and integrations are switched off in {subaccount.name}."


def why_dead(key: ApiKey) -> str:
    """Return why ``key`` opens nothing now, as a sentence; empty if it does. At most two queries.

    Read afresh, whatever was known of its creator before.
    """
    creator = key.created_by_id
    return state_of(key, provider.load_profiles([creator])[creator] if creator else None)


def state_of(key: ApiKey, profile: Profile | None) -> str:
    """Return why ``key`` opens nothing for a creator with ``profile``; empty if it does.

    It is dead when it was revoked or has expired, without its creator, and where the subaccount is
    archived or has no API. It sleeps while its creator may not make keys for want of a second
    factor. That a precondition has lapsed takes nothing from it: only new ones are refused.
    """
    creator = key.created_by
    if key.revoked_at is not None:
        return "This key has been revoked."
    if key.expires_at is not None and key.expires_at <= timezone.now():
        return "This key has expired."
    if key.subaccount.is_archived:
        return "The subaccount of this key is archived."
    if creator is None or not creator.is_active or creator.is_staff or creator.is_superuser:
        return "Whoever created this key has no login any more."
    tenant = profile.tenants.get(key.account_id) if profile is not None else None
    if tenant is None or not any(
        key.subaccount_id in holding.reach and holding.source.kind != "guest"
        for holding in tenant.standing.holdings
    ):
        return "Whoever created this key has no role in its subaccount any more."
    outcome = decide(tenant.standing, tenant.root, GENERATE_API_KEYS, key.subaccount_id)
    if outcome.denial == Denial.SECOND_FACTOR:
        return "This key sleeps until its creator sets up a second factor."
    if outcome.denial == Denial.WITHHELD and outcome.detail == SWITCHED_OFF:
        return switched_off(key.subaccount)
    return ""


def effective(key: ApiKey, profile: Profile | None) -> list[str]:
    """Return what of its scopes ``key`` has for a creator with ``profile``, in the order of the
    catalogue; nothing while it is dead."""
    if profile is None or state_of(key, profile):
        return []
    return [scope for scope in scopes_in(profile, key.subaccount) if scope in key.scopes]


def narrowing_of(key: ApiKey) -> Narrowing:
    """Return what ``key`` leaves of its creator's rights."""
    return Narrowing(
        person=key.created_by_id,
        root=key.account_id,
        place=key.subaccount_id,
        permissions=frozenset(key.scopes) - {GENERATE_API_KEYS},
    )


@contextmanager
def acting(key: ApiKey, *, request_id: str = "") -> Iterator[None]:
    """Act as ``key`` for the length of the block: its creator with its scopes in its subaccount.

    Whatever is recorded says so. Whoever calls has asked ``why_dead`` before.
    """
    with (
        access.narrowed(narrowing_of(key)),
        audit.coming(audit.API, request_id=request_id, via=key),
    ):
        yield
