"""The platform's shelf of content, as its operators fill it.

What has been written stays as it is but for its price and whether it is on offer: who bought it has
a copy, and what an invoice names is still to be found.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone

from billing.models import ContentItem
from billing.money import check_currency, rounded
from billing.services.offering import (
    clean_code,
    clean_money,
    clean_operator,
    code_taken,
    record_platform,
)
from permissions.errors import Invalid, NotFound
from teams.services.content import ROWS_LIMIT, new_row
from teams.services.gates import clean_flag, clean_list
from teams.services.inputs import clean_text, expect

NAME_LIMIT = 100
#: of clean HTML, where every value stands in double quotes
_IMAGE = re.compile(r'<img [^>]*src="https://')


@transaction.atomic
def create_content(
    *,
    operator: Any,
    code: str,
    name: str,
    kind: str,
    currency: str,
    price: Any,
    rows: Iterable[Any],
) -> ContentItem:
    """Put something on the shelf; ``rows`` are pieces of HTML, one with the image for an image.

    Raises Invalid: NOT_AN_OPERATOR, NOT_A_SLUG, ALREADY_USED, UNKNOWN_FIELD (the kind),
    UNKNOWN_CURRENCY, MONEY, NO_IMAGE, EMPTY, TOO_MANY, and what ``clean_text`` raises.
    """
    staff = clean_operator(operator)
    code, name = clean_code(code, ContentItem), clean_text(name, "The name", limit=NAME_LIMIT)
    if kind not in ContentItem.Kind.values:
        raise Invalid("The kind must be image or campaign.", code="UNKNOWN_FIELD")
    currency = check_currency(currency)
    item = ContentItem(
        code=code,
        name=name,
        kind=kind,
        currency=currency,
        price=_clean_price(price, currency),
        rows=_clean_rows(rows, kind),
    )
    try:
        with transaction.atomic():  # somebody else may have been quicker
            item.save(force_insert=True)
    except IntegrityError:
        raise code_taken(code) from None
    said = {"kind": kind, "price": str(rounded(item.price, currency)), "currency": currency}
    record_platform(staff, "content.created", item, **said)
    return item


@transaction.atomic
def reprice_content(*, operator: Any, item: ContentItem, price: Any) -> ContentItem:
    """Let ``item`` cost ``price`` from now on; what was bought stays. Raises Invalid: MONEY,
    ALREADY_SO, and what ``create_content`` raises of an operator; or NotFound."""
    staff, found = clean_operator(operator), locked_content(item)
    before, found.price = found.price, _clean_price(price, found.currency)
    if before == found.price:
        raise Invalid(f"{found} costs that already. Write another price.", code="ALREADY_SO")
    found.save(update_fields=["price"])
    was, now = (str(rounded(price, found.currency)) for price in (before, found.price))
    record_platform(staff, "content.repriced", found, before=was, after=now)
    return found


@transaction.atomic
def offer_content(*, operator: Any, item: ContentItem, on: bool) -> ContentItem:
    """Offer ``item``, or do so no more: who bought it keeps it. Raises Invalid or NotFound."""
    staff, found, wanted = (
        clean_operator(operator),
        locked_content(item),
        clean_flag(on, "The offer"),
    )
    if found.is_offered == wanted:
        state = "on offer" if wanted else "not on offer"
        raise Invalid(f"{found} is {state} already.", code="ALREADY_SO")
    found.retired_at = None if wanted else timezone.now()
    found.save(update_fields=["retired_at"])
    record_platform(staff, "content.offered" if wanted else "content.withdrawn", found)
    return found


def locked_content(item: Any) -> ContentItem:
    """Return ``item`` as it is stored, and keep it so until the end of the transaction: nobody
    changes its price meanwhile. Raises Invalid (WRONG_TYPE) or NotFound."""
    key = expect(item, ContentItem, "The content").pk
    found = ContentItem.objects.select_for_update(no_key=True).filter(pk=key).first()
    if found is None:
        raise NotFound("The content is not there any more.")
    return found


def _clean_price(value: Any, currency: str) -> Decimal:
    price = clean_money(value, "The price")
    if price != rounded(price, currency) or not price:
        raise Invalid(
            f"The price must be above nothing, in whole smallest units of {currency}.",
            code="MONEY",
        )
    return price


def _clean_rows(rows: Any, kind: str) -> list[str]:
    found = [new_row(html)["html"] for html in clean_list(rows, "rows")]
    if not found:
        raise Invalid("There is nothing in it. Write what it is made of.", code="EMPTY")
    if len(found) > ROWS_LIMIT:
        raise Invalid(f"There are {len(found)} rows; at most {ROWS_LIMIT} fit.", code="TOO_MANY")
    # an image whose address is not whole is cleaned away, and would be sold as nothing
    if kind == ContentItem.Kind.IMAGE and (len(found) > 1 or not _IMAGE.search(found[0])):
        raise Invalid(
            "A stock image is one row with an image, whose address begins with https://.",
            code="NO_IMAGE",
        )
    return found
