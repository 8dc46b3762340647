"""Who pays: the account or, billed directly, a subaccount; and who is written to about it."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from django.db.models import QuerySet

from billing.countries import countries
from billing.models import BillingDetails
from billing.single_bill import has_single_bill
from permissions.audit import label_of
from teams.models import Account, Subaccount


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


def pays_for_itself(account: Account, subaccount: Subaccount) -> bool:
    """Say whether ``subaccount`` pays for itself, as ``account`` stands now."""
    if subaccount.is_home:
        return False
    every = has_single_bill(account.edition) and not account.single_bill
    return every or subaccount.billed_directly


def is_direct(subaccount: Subaccount) -> bool:
    """Say whether ``subaccount`` pays for itself what is used there."""
    return pays_for_itself(subaccount.account, subaccount)


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
