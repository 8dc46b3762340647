"""What the commands about API keys share."""

from __future__ import annotations

from typing import Any

from permissions.errors import NotFound
from teams import selectors
from teams.explain import is_text
from teams.management.doers import Doer
from teams.models import Account, ApiKey
from teams.services.api_keys import CreatedKey


def find_key(doer: Doer, account: Account, prefix: str) -> ApiKey:
    """Return the key of ``account`` with that prefix, if the doer sees it. Raises NotFound."""
    rows = ApiKey.objects.all() if doer.is_platform else selectors.api_keys_of(doer.actor)
    named = prefix if is_text(prefix) else ""
    found = rows.filter(account=account, prefix=named).select_related("subaccount").first()
    if found is None:
        raise NotFound(f"There is no API key {prefix!r} in {account.name}.")
    return found


def told(made: CreatedKey, options: dict[str, Any]) -> tuple[str, ...]:
    """Return the key itself, to stand on a line of its own; nothing in a dry run, whose key is
    never one."""
    return () if options["dry_run"] else (made.text,)


def data_of(made: CreatedKey, options: dict[str, Any]) -> dict[str, Any]:
    """Return what programs read of a new key."""
    key = made.key
    found = {
        "account": key.account.slug,
        "subaccount": key.subaccount.slug,
        "name": key.name,
        "prefix": key.prefix,
        "scopes": key.scopes,
        "expires_at": key.expires_at,
    }
    return found if options["dry_run"] else {**found, "key": made.text}
