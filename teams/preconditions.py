"""What must be true of an account or subaccount before an act, whoever acts, the owner included.

Asked when the act is done and not when the right is handed on: generating an API key needs a
primary contact (Enterprise) or at least one Administrator (HQ) of that subaccount.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from django.db.models import Q
from django.utils import timezone

from permissions import grants
from permissions.lookups import any_of
from teams import read_only
from teams.editions import get
from teams.editions.spec import HAS_ADMINISTRATOR, HAS_PRIMARY_CONTACT, Edition
from teams.models import Account, Membership, Subaccount

_SENTENCES = {
    HAS_PRIMARY_CONTACT: "{place} has no primary contact. Choose one first.",
    HAS_ADMINISTRATOR: "{place} has no Administrator. Add one first.",
}


#: what a membership in the subaccount must be for the condition to be met
_MET_BY = {
    HAS_PRIMARY_CONTACT: Q(is_primary_contact=True),
    HAS_ADMINISTRATOR: Q(role="administrator"),
}


def unmet_on(permission: str, account: Account, place: Subaccount | None) -> str:
    """Return why what ``permission`` allows on ``place``, or on the account itself, cannot be done
    now although it may be held; empty if it can."""
    if account.read_only_because and permission in read_only.OPENING:
        return read_only.sentence(account.name, account.read_only_because)
    return unmet(permission, place) if place is not None else ""


def unmet(permission: str, subaccount: Subaccount) -> str:
    """Return why the act that ``permission`` allows cannot be done there now; empty if it can."""
    return unmet_in(permission, get(subaccount.account.edition), [subaccount]).get(
        subaccount.pk, ""
    )


def unmet_in(
    permission: str, edition: Edition, subaccounts: Collection[Subaccount]
) -> dict[Any, str]:
    """Return what ``unmet`` says of those of ``subaccounts`` of which it says anything, by key;
    one query."""
    precondition = next((c for p, c in edition.preconditions.items() if p == permission), None)
    if precondition is None:
        return {}
    met = met_in(precondition, [place.pk for place in subaccounts])
    sentence = _SENTENCES[precondition]
    return {
        place.pk: sentence.format(place=place.name) for place in subaccounts if place.pk not in met
    }


def met_in(precondition: str, subaccounts: Collection[Any]) -> set[Any]:
    """Return in which of these subaccounts (keys) ``precondition`` is met now; one query."""
    rows = Membership.objects.filter(
        grants.active(timezone.now()),
        _MET_BY[precondition],
        any_of("subaccount_id", subaccounts),
        status=Membership.Status.ACTIVE,
        user__is_active=True,
    )
    return set(rows.values_list("subaccount_id", flat=True))
