"""What tax a payer pays: the platform's to say."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Any

from django.db import transaction

from billing.models import BillingDetails
from billing.payers import details_of
from billing.services.details import new_details
from billing.services.operating import by_platform
from permissions import access
from permissions.errors import Invalid, NotFound
from teams.models import Account, Subaccount
from teams.services.inputs import expect
from teams.services.senders import clean_line

TAX_LABEL_LIMIT = 40
MOST_TAX = Decimal(100)
#: tax rates have at most so many decimals: 7.75 %
TAX_DECIMALS = 2


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
            row = stored or new_details(entry.account, own)
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
