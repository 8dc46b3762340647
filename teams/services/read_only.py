"""Making an account read-only, and writable again: the system's, never a person's act."""

from __future__ import annotations

from django.db.transaction import on_commit
from django.utils import timezone

from permissions.errors import Invalid
from teams.models import Account
from teams.services import delivery
from teams.services.change import Entry


def set_read_only(account: Account, because: str) -> bool:
    """Let nobody change anything in ``account``, because of that; with "" let everybody again.

    Called within the account's lock. Returns whether that changed anything. Campaigns wait
    meanwhile; those whose time has come are taken up again afterwards. Raises Invalid
    (UNKNOWN_REASON).
    """
    if because not in ("", *Account.ReadOnly.values):
        known = ", ".join(Account.ReadOnly.values)
        raise Invalid(
            f"{because!r} is no reason to make an account read-only; choose one of {known}.",
            code="UNKNOWN_REASON",
        )
    before = Account.objects.values_list("read_only_because", flat=True).get(pk=account.pk)
    account.read_only_because = because
    if because == before:
        return False
    account.save(update_fields=["read_only_because"])
    action = "account.read_only" if because else "account.writable"
    Entry(None, account).record(action, account, before=before, after=because)
    if not because:
        on_commit(lambda: _take_up(account))
    return True


def _take_up(account: Account) -> None:
    """Have campaigns carried on with that waited."""
    for campaign in delivery.due().filter(account=account):
        delivery.enqueue(campaign.pk, at=timezone.now())


__all__ = ["set_read_only"]
