"""Who pays: the account or, billed directly, a subaccount; and who is written to about it.

What may be asked of whom: everything here needs ``change_billing_details`` on the account, and the
details of a subaccount that pays for itself need ``view_subaccount_billing`` there besides. What a
payer is taxed is the platform's to say.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from functools import cache, partial
from typing import Any

from babel import Locale
from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import get_language, to_locale

from billing.models import BillingDetails
from billing.services.operating import by_platform
from billing.single_bill import has_single_bill
from permissions import access
from permissions.audit import label_of
from permissions.errors import Invalid, NotFound
from permissions.policy import FUTURE, TOP, Atoms, PlaceId
from teams.catalogue import CATALOGUE, CHANGE_BILLING_DETAILS, VIEW_SUBACCOUNT_BILLING
from teams.editions.spec import SINGLE_BILL
from teams.models import Account, Subaccount
from teams.services.base import Change, changing, service
from teams.services.gates import clean_flag, own_subaccount
from teams.services.inputs import expect
from teams.services.senders import clean_address, clean_line

__all__ = [
    "FIELDS",
    "Payer",
    "change_details",
    "countries",
    "details_of",
    "direct_places",
    "has_single_bill",
    "is_direct",
    "payer_of",
    "set_direct_billing",
    "set_single_bill",
    "set_tax_as_platform",
]

TAX_LABEL_LIMIT = 40
MOST_TAX = Decimal(100)
#: tax rates have at most so many decimals: 7.75 %
TAX_DECIMALS = 2


# who pays


@dataclass(frozen=True, slots=True)
class Payer:
    """Whom an invoice is addressed to, who is written to about it, and what tax they pay.

    ``lines`` are street, town and country as they stand under the name. ``contact_address`` is
    empty only where the owner has none either.
    """

    name: str
    contact_name: str
    contact_address: str
    lines: tuple[str, ...] = ()
    country: str = ""
    tax_id: str = ""
    tax_label: str = ""
    tax_rate: Decimal = Decimal(0)


def _pays_for_itself(account: Account, subaccount: Subaccount) -> bool:
    if subaccount.is_home:
        return False
    every = has_single_bill(account.edition) and not account.single_bill
    return every or subaccount.billed_directly


def is_direct(subaccount: Subaccount) -> bool:
    """Say whether ``subaccount`` pays for itself what is used there."""
    return _pays_for_itself(subaccount.account, subaccount)


def direct_places(account: Account) -> QuerySet[Subaccount]:
    """Return the subaccounts of ``account`` that pay for themselves, archived ones too."""
    rows = Subaccount.objects.filter(account=account, is_home=False)
    every = has_single_bill(account.edition) and not account.single_bill
    return rows if every else rows.filter(billed_directly=True)


def details_of(account: Account, subaccount: Subaccount | None = None) -> BillingDetails | None:
    """Return what is stored of that payer, or None."""
    return BillingDetails.objects.filter(account=account, subaccount=subaccount).first()


def payer_of(account: Account, subaccount: Subaccount | None = None) -> Payer:
    """Return who pays for ``account``, or for ``subaccount`` where that pays for itself.

    What nobody has filled in is the name of the account or subaccount, and the account's owner;
    the tax is the account's until the platform gives the subaccount a rate or a name for it.
    """
    found = details_of(account, subaccount)
    place: Account | Subaccount = subaccount or account
    owner = account.owner
    contact_name, contact_address = label_of(owner), str(getattr(owner, "email", "") or "")
    taxed = found
    if subaccount is not None and not (found and (found.tax_label or found.tax_rate)):
        taxed = details_of(account)
    tax_label = taxed.tax_label if taxed else ""
    tax_rate = taxed.tax_rate if taxed else Decimal(0)
    if found is None:
        return Payer(
            place.name, contact_name, contact_address, tax_label=tax_label, tax_rate=tax_rate
        )
    if found.contact_address:
        contact_name, contact_address = found.contact_name, found.contact_address
    town = " ".join(part for part in (found.postal_code, found.city) if part)
    country = countries().get(found.country, found.country)
    return Payer(
        name=found.name,
        contact_name=contact_name,
        contact_address=contact_address,
        lines=tuple(line for line in (found.street, town, country) if line),
        country=found.country,
        tax_id=found.tax_id,
        tax_label=tax_label,
        tax_rate=tax_rate,
    )


def countries() -> Mapping[str, str]:
    """Return the countries there are, by ISO 3166 code, named in the language of the page."""
    return _countries(to_locale(get_language() or "en"))


#: in Babel's table, but no country that ISO 3166 assigns two letters: the euro zone, "unknown
#: region", and islands that belong to one
_NO_COUNTRY = frozenset(
    ["AC", "CP", "CQ", "DG", "EA", "EU", "EZ", "IC", "QO", "TA", "UN", "XA", "XB", "ZZ"]
)
_TWO_LETTERS = re.compile("[A-Z]{2}")


@cache
def _countries(locale: str) -> Mapping[str, str]:
    named = {str(code): name for code, name in Locale.parse(locale).territories.items()}
    codes = (code for code in named if _TWO_LETTERS.fullmatch(code) and code not in _NO_COUNTRY)
    return dict(sorted(((c, named[c]) for c in codes), key=lambda pair: pair[1].casefold()))


# what a payer says of themselves


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
        row = details_of(change.account, own) or _new(change.account, own)
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
    if not _pays_for_itself(change.account, own):
        raise Invalid(
            f"{own.name} is on the bill of {change.account.name}. Bill it directly first.",
            code="NOT_DIRECT",
        )
    return own


def _new(account: Account, subaccount: Subaccount | None) -> BillingDetails:
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


# on whose bill


@service
def set_single_bill(*, actor: Any, account: Account, on: bool) -> Account:
    """Bill all client accounts on the one bill of ``account``, but those billed directly; or each
    by itself.

    Needs ``change_billing_details``. While it is on, some roles see billing that they do not see
    otherwise ("managers see billing only while the account is on Single Bill"): switching it on
    gives them that, so the actor must hold it. What is invoiced already stays with whom it was
    invoiced to; the month that runs is billed as things stand when it is invoiced. Raises Refused,
    or Invalid: NOT_IN_EDITION, WRONG_TYPE, ALREADY_SO.
    """
    act = "change who is billed"
    with changing(actor, account, act=act, while_read_only=True) as change:
        change.require(CHANGE_BILLING_DETAILS, frozenset({TOP}), act)
        wanted = clean_flag(on, "Single bill")
        if not has_single_bill(change.edition.codename):
            raise Invalid(f"{change.edition.label} has no single bill.", code="NOT_IN_EDITION")
        if change.account.single_bill == wanted:
            state = "on" if wanted else "off"
            raise Invalid(f"Single bill is {state} already.", code="ALREADY_SO")
        if wanted:
            change.judge_atoms(_given_by_single_bill(change, change.universe | {FUTURE}), act)
        change.account.single_bill = wanted
        change.account.save(update_fields=["single_bill"])
        change.record("account.single_bill_set", change.account, before=not wanted, after=wanted)
    return change.account


@service
def set_direct_billing(*, actor: Any, subaccount: Subaccount, on: bool) -> Subaccount:
    """Bill ``subaccount`` by itself, or on the bill of its account.

    Needs ``change_billing_details``, and ``view_subaccount_billing`` there. Where roles see billing
    under single bill only, taking it back onto the account's bill gives them that. The account's
    own workspace is always on the account's bill. Raises Refused, or Invalid: HOME, WRONG_TYPE,
    ALREADY_SO.
    """
    subaccount = expect(subaccount, Subaccount, "The subaccount")
    act = f"change who pays for {subaccount.name}"
    with changing(actor, subaccount.account, act=act, while_read_only=True) as change:
        change.require(CHANGE_BILLING_DETAILS, frozenset({TOP}), act)
        own = own_subaccount(change, subaccount)
        change.require(VIEW_SUBACCOUNT_BILLING, frozenset({own.pk}), act)
        wanted = clean_flag(on, "Direct billing")
        if own.is_home:
            raise Invalid(
                f"{own.name} is the own workspace of {change.account.name}, which pays for it.",
                code="HOME",
            )
        if own.billed_directly == wanted:
            state = "directly" if wanted else f"on the bill of {change.account.name}"
            raise Invalid(f"{own.name} is billed {state} already.", code="ALREADY_SO")
        if not wanted and change.account.single_bill:
            change.judge_atoms(_given_by_single_bill(change, frozenset({own.pk})), act)
        own.billed_directly = wanted
        own.save(update_fields=["billed_directly"])
        change.record("subaccount.direct_billing_set", own, before=not wanted, after=wanted)
    return own


def _given_by_single_bill(change: Change, places: frozenset[PlaceId]) -> Atoms:
    """Return what some role comes to hold at ``places`` when they come onto the single bill; what
    is held on the account only if all of them do."""
    roles = change.edition.roles
    bundles = [role.when for role in roles] + [r.at_home.when for r in roles if r.at_home]
    given = {str(permission) for when in bundles for permission in when.get(SINGLE_BILL, ())}
    found: dict[tuple[str, str], frozenset[PlaceId]] = {}
    for permission in given:
        if CATALOGUE[permission].level != TOP:
            found[permission, ""] = places
        elif FUTURE in places:
            found[permission, ""] = frozenset({TOP})
    return found


# what the platform says


def set_tax_as_platform(
    *,
    reason: str,
    account: Account,
    subaccount: Subaccount | None = None,
    rate: Decimal | str | int,
    label: str,
    operator: Any = None,
) -> BillingDetails:
    """Say what tax a payer pays from the next invoice on: ``rate`` in percent, under ``label``.

    A rate above zero needs a label: it stands on the invoice. Raises Invalid: TAX_RATE, EMPTY,
    TOO_SHORT and the like (the reason), NOT_AN_OPERATOR, ALREADY_SO; or NotFound.
    """
    try:
        with transaction.atomic():
            entry = by_platform(account, reason, operator)
            own = None
            if subaccount is not None:
                own = expect(subaccount, Subaccount, "The subaccount")
                if own.account_id != entry.account.pk:
                    raise NotFound("There is no such subaccount in this account.")
            percent = _clean_rate(rate)
            name = clean_line(label, "The name of the tax", TAX_LABEL_LIMIT)
            if percent and not name:
                raise Invalid("The name of the tax is empty. Write VAT or the like.", code="EMPTY")
            stored = details_of(entry.account, own)
            row = stored or _new(entry.account, own)
            before = {"rate": str(row.tax_rate), "label": row.tax_label}
            if stored is not None and (row.tax_rate, row.tax_label) == (percent, name):
                raise Invalid("The tax is so already. Change it.", code="ALREADY_SO")
            row.tax_rate, row.tax_label = percent, name
            row.save()
            entry.record(
                "billing_details.taxed",
                own or entry.account,
                before=before,
                after={"rate": str(percent), "label": name},
            )
    finally:
        access.forget()
    return row


def _clean_rate(value: Any) -> Decimal:
    try:
        if isinstance(value, bool | float):
            raise InvalidOperation
        rate = Decimal(value)
        fits = rate.is_finite() and 0 <= rate <= MOST_TAX
        if not fits or rate != round(rate, TAX_DECIMALS):
            raise InvalidOperation
    except (InvalidOperation, TypeError, ValueError):
        raise Invalid(
            "The tax rate must be a number of percent from 0 to 100, with two decimals at most.",
            code="TAX_RATE",
        ) from None
    return round(rate, TAX_DECIMALS)
