"""What the commands that go through accounts share."""

from __future__ import annotations

from django.core.management.base import CommandParser

from permissions.errors import NotFound
from teams.models import Account


def add_account(parser: CommandParser) -> None:
    """Add which account."""
    parser.add_argument("--account", help="only there: its short name, such as emma-hq")


def find_account(slug: str | None) -> Account | None:
    """Return the account that was named, None for all. Raises NotFound."""
    if slug is None:
        return None
    found = Account.objects.filter(slug=slug).first()
    if found is None:
        raise NotFound(f"There is no account {slug!r}.")
    return found
