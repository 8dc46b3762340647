"""Who sees the addresses of contacts, in an account that masks them on pages.

One question, ``masks``, decides for every list, page, message, search, filter and segment. Where
addresses are masked nothing may be asked of them either: whoever could search, sort, filter or
count by an address, or hear that it is taken, would learn it letter by letter. An address that
stands in a name or another field is one as well.
"""

from __future__ import annotations

from typing import Any

from django.db.models import Case, F, Q, Value, When
from django.db.models.lookups import Regex

from permissions import access
from permissions.errors import Invalid
from permissions.lookups import NEVER
from permissions.policy import TOP, PlaceId
from permissions.profile import Profile
from permissions.resources import registry
from teams.addresses import LEFT_OUT, MAY_HOLD, holds_address, reaches_for_address
from teams.catalogue import EXPORT_PII, MANAGE_ACCOUNT_SETTINGS
from teams.models import Account, Contact
from teams.services.base import changing, service
from teams.services.fields import as_text
from teams.services.items import Work

NAMES = ("first_name", "last_name")
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


def hides(account: Account, profile: Profile, contact: Contact, value: Any) -> bool:
    """Say whether a name or value of ``contact`` is kept from the person: it holds an address."""
    text = as_text(value)
    return holds_address(text, contact.email) and masks(account, profile, contact.subaccount_id)


def shown_value(account: Account, profile: Profile, contact: Contact, value: Any) -> str:
    """Return a name or value of ``contact`` as the person may see it, as text."""
    return LEFT_OUT if hides(account, profile, contact, value) else as_text(value)


def found_by(account: Account, profile: Profile, word: str) -> Q:
    """Return the condition on contacts of ``account`` that the person finds by ``word``.

    By a name, or by an address that they may see; where addresses are masked neither by part of
    one nor in a name that may hold one.
    """
    seen = open_addresses(account, profile)
    name = Q(first_name__icontains=word) | Q(last_name__icontains=word)
    found = seen & (name | Q(email__icontains=word))
    return found if reaches_for_address(word) or not seen else found | (name & _plain(*NAMES))


def order_of_names(account: Account, profile: Profile) -> Any:
    """Return what contacts of ``account`` are put in order by, by last name: where addresses are
    masked a name that may hold one comes first, for the order would tell of it."""
    seen = open_addresses(account, profile)
    if not seen:
        return F("last_name")
    return Case(When(seen | _plain("last_name"), then=F("last_name")), default=Value(""))


def _plain(*names: str) -> Q:
    """Return the condition on contacts that none of the fields ``names`` holds an address."""
    found = Q()
    for name in names:
        found &= ~Q(Regex(F(name), MAY_HOLD))
    return found


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
