"""Which editions know the single bill, and what follows for who pays."""

from __future__ import annotations

from functools import cache

from django.db.models import Q

from teams.editions import get
from teams.editions.spec import SINGLE_BILL
from teams.models import Account


@cache
def has_single_bill(edition: str) -> bool:
    """Say whether accounts of ``edition`` choose who is billed by "single bill"."""
    roles = get(edition).roles
    bundles = [role.when for role in roles] + [r.at_home.when for r in roles if r.at_home]
    return any(SINGLE_BILL in when for when in bundles)


def answered_for(account: Account) -> Q:
    """Return the condition that an invoice is one ``account`` answers for.

    Its own; where the edition has no single bill also those of subaccounts that pay for themselves,
    for there the account alone has chosen that they do, and could choose it to be left in peace.
    """
    return Q(subaccount=None) if has_single_bill(account.edition) else Q()
