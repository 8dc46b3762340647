"""Who sees the addresses of contacts, in an account that masks them on pages.

One question, ``masks``, decides for every list, page, message, search, filter and segment. Where
addresses are masked nothing may be asked of them either: whoever could search, sort, filter or
count by an address, or hear that it is taken, would learn it letter by letter.
"""

from __future__ import annotations

from typing import Any

from django.db.models import Q

from permissions import access
from permissions.errors import Invalid
from permissions.lookups import NEVER
from permissions.policy import TOP, PlaceId
from permissions.profile import Profile
from permissions.resources import registry
from teams.catalogue import EXPORT_PII, MANAGE_ACCOUNT_SETTINGS
from teams.models import Account, Contact
from teams.services.base import changing, service
from teams.services.items import Work

DOTS = "•••"


def masks(account: Account, profile: Profile, place: PlaceId) -> bool:
    """Say whether the person sees addresses in the subaccount ``place`` of ``account`` masked.

    So it is where the account masks them and the person may not take them out in files either.
    """
    return bool(account.masks_addresses) and place not in profile.scope(account.pk, EXPORT_PII)


def open_addresses(account: Account, profile: Profile) -> Q:
    """Return the condition on contacts of ``account`` whose address the person may see.

    The same answer as ``masks``, for search over several subaccounts.
    """
    if not account.masks_addresses:
        return Q()
    scope = profile.scope(account.pk, EXPORT_PII)
    if not (scope.everywhere or scope.places):
        return NEVER
    return access.within(registry.of(Contact), account.pk, scope)


def masked(address: str) -> str:
    """Return what is shown of an address that is masked: "j•••@e•••"."""
    local, _, domain = address.partition("@")
    return f"{local[:1]}{DOTS}@{domain[:1]}{DOTS}"


def shown(account: Account, profile: Profile, contact: Contact) -> str:
    """Return the address of ``contact`` as the person may see it."""
    if masks(account, profile, contact.subaccount_id):
        return masked(contact.email)
    return contact.email


def require_addresses(work: Work[Any]) -> None:
    """Refuse what would tell of an address to somebody who sees them masked. Raises OutOfScope."""
    if masks(work.account, work.profile, work.subaccount.pk):
        raise work.refusal(
            EXPORT_PII,
            "addresses are masked here, and the answer would tell of one. It needs {label} in "
            "{place}, which you do not hold there",
        )


@service
def set_address_masking(*, actor: Any, account: Account, on: bool) -> Account:
    """Mask addresses on pages for whoever may not take them out in files, or show them again.

    Needs ``manage_account_settings``. Every role that has it may take addresses out everywhere, so
    nobody lifts a mask from their own eyes. Raises Refused, or Invalid (WRONG_TYPE).
    """
    act = "change what is shown of addresses"
    with changing(actor, account, act=act) as change:
        change.require(MANAGE_ACCOUNT_SETTINGS, frozenset({TOP}), act)
        if not isinstance(on, bool):
            raise Invalid("Masking is either on or off: true or false.", code="WRONG_TYPE")
        before = change.account.masks_addresses
        if on == before:
            return change.account
        change.account.masks_addresses = on
        change.account.save(update_fields=["masks_addresses"])
        change.record("account.masked", change.account, before=before, after=on)
    return change.account
