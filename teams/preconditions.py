"""What must be true of a subaccount before an act, whoever acts, the owner included.

Asked when the act is done and not when the right is handed on: generating an API key needs a
primary contact (Enterprise) or at least one Administrator (HQ) of that subaccount.
"""

from __future__ import annotations

from django.utils import timezone

from permissions import grants
from teams.editions import get
from teams.editions.spec import HAS_ADMINISTRATOR, HAS_PRIMARY_CONTACT
from teams.models import Membership, Subaccount

_SENTENCES = {
    HAS_PRIMARY_CONTACT: "{place} has no primary contact. Choose one first.",
    HAS_ADMINISTRATOR: "{place} has no Administrator. Add one first.",
}


def unmet(permission: str, subaccount: Subaccount) -> str:
    """Return why the act that ``permission`` allows cannot be done there now; empty if it can."""
    edition = get(subaccount.account.edition)
    precondition = next((c for p, c in edition.preconditions.items() if p == permission), None)
    if precondition is None:
        return ""
    people = Membership.objects.filter(
        grants.active(timezone.now()),
        subaccount=subaccount,
        status=Membership.Status.ACTIVE,
        user__is_active=True,
    )
    if precondition == HAS_PRIMARY_CONTACT:
        met = people.filter(is_primary_contact=True).exists()
    else:
        met = people.filter(role="administrator").exists()
    return "" if met else _SENTENCES[precondition].format(place=subaccount.name)
