"""What a payer says of themselves: the account or, billed directly, a subaccount.

It needs ``change_billing_details`` on the account, and the details of a subaccount that pays for
itself need ``view_subaccount_billing`` there besides.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from billing.countries import countries
from billing.models import BillingDetails
from billing.payers import details_of, pays_for_itself
from permissions.errors import Invalid
from permissions.policy import TOP
from teams.catalogue import CHANGE_BILLING_DETAILS, VIEW_SUBACCOUNT_BILLING
from teams.models import Account, Subaccount
from teams.services.base import changing, service
from teams.services.change import Change
from teams.services.gates import own_subaccount
from teams.services.senders import clean_address, clean_line


def _country(value: Any, what: str) -> str:
    text = clean_line(value, what, 60)
    if text and text not in countries():
        raise Invalid(
            f"There is no country {text!r}. Use its two capital letters, such as ES.",
            code="UNKNOWN_COUNTRY",
        )
    return text


def _text(limit: int) -> Callable[[Any, str], str]:
    return partial(clean_line, limit=limit)


#: what payers fill in: what it is called in a sentence, and what makes a clean value of it
FIELDS: Mapping[str, tuple[str, Callable[[Any, str], str]]] = {
    "name": ("The company", _text(120)),
    "contact_name": ("The name of the billing contact", _text(120)),
    "contact_address": ("The address of the billing contact", clean_address),
    "street": ("The street", _text(200)),
    "postal_code": ("The postal code", _text(20)),
    "city": ("The city", _text(100)),
    "country": ("The country", _country),
    "tax_id": ("The tax number", _text(40)),
}


@service
def change_details(
    *, actor: Any, account: Account, subaccount: Subaccount | None = None, **fields: Any
) -> BillingDetails:
    """Change what is known of who pays; of ``FIELDS``, only those that are named.

    Needs ``change_billing_details``; for a subaccount, which must pay for itself,
    ``view_subaccount_billing`` there too. Raises Refused, NotFound, or Invalid: NOT_DIRECT,
    UNKNOWN_FIELD, NOT_AN_ADDRESS, UNKNOWN_COUNTRY, EMPTY (no company), TOO_LONG, NOT_TEXT,
    WRONG_TYPE, ALREADY_SO.
    """
    act = "change billing details"
    with changing(actor, account, act=act, while_read_only=True) as change:
        change.require(CHANGE_BILLING_DETAILS, frozenset({TOP}), act)
        own = None if subaccount is None else _direct_payer(change, subaccount, act)
        given = _clean(fields)
        row = details_of(change.account, own) or new_details(change.account, own)
        changed = [name for name, value in given.items() if getattr(row, name) != value]
        if not changed:
            raise Invalid("The billing details are so already. Change some.", code="ALREADY_SO")
        for name in changed:
            setattr(row, name, given[name])
        row.save()
        # which, not what: names and addresses of people have no place in the record
        change.record("billing_details.changed", own or change.account, changed=changed)
    return row


def _direct_payer(change: Change, subaccount: Any, act: str) -> Subaccount:
    """Return the subaccount as stored, if it pays for itself and the actor sees its billing."""
    own = own_subaccount(change, subaccount)
    change.require(VIEW_SUBACCOUNT_BILLING, frozenset({own.pk}), act)
    if not pays_for_itself(change.account, own):
        raise Invalid(
            f"{own.name} is on the bill of {change.account.name}. Bill it directly first.",
            code="NOT_DIRECT",
        )
    return own


def new_details(account: Account, subaccount: Subaccount | None) -> BillingDetails:
    """Return details of that payer that are not stored yet."""
    # no tax: that of the account counts, as it is when it is asked for
    return BillingDetails(account=account, subaccount=subaccount, name=(subaccount or account).name)


def _clean(fields: Mapping[str, Any]) -> dict[str, str]:
    """Return what may be stored. Raises Invalid."""
    for name in fields:
        if name not in FIELDS:
            raise Invalid(
                f"There is no billing detail {name!r} to change; there are {', '.join(FIELDS)}.",
                code="UNKNOWN_FIELD",
            )
    found = {name: FIELDS[name][1](value, FIELDS[name][0]) for name, value in fields.items()}
    if found.get("name") == "":
        raise Invalid("The company is empty. Say whom the invoices are addressed to.", code="EMPTY")
    return found
