"""Buying content for one subaccount: an image or a plus campaign off the platform's shelf.

It is there at once, as a copy that belongs to the subaccount, and is a line of the invoice for the
month (``billing.purchases``). Nobody pays another price than the one they were shown, nor twice:
once the copy was removed for good, another is fetched for nothing.
"""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from itertools import chain, count
from typing import Any

from billing import purchases, selectors
from billing.models import ContentItem, ContentPurchase
from billing.money import rounded, shown
from billing.services.shelf import locked_content
from permissions.audit import ref_of
from permissions.errors import Invalid
from teams.catalogue import PURCHASE_CONTENT
from teams.models import MessageTemplate, SavedRow, Subaccount
from teams.services.base import in_person, service
from teams.services.content import new_row
from teams.services.inputs import expect, same_name
from teams.services.items import Work, at_work
from teams.services.rows import put_saved_row
from teams.services.templates import put_template


@service
def purchase_content(
    *, actor: Any, subaccount: Subaccount, item: ContentItem, price: Any
) -> ContentPurchase:
    """Buy ``item`` for ``subaccount`` at ``price``, which has to be what it costs, before tax.

    Needs ``purchase_content`` there (Constant Contact, row 17). A plus campaign becomes a template,
    an image a saved row. No API key buys anything. Raises Refused (IN_PERSON for a key), NotFound,
    or Invalid: WRONG_TYPE, NOT_A_PRICE, ARCHIVED, ALREADY_BOUGHT, NO_PLAN, OVERDUE, RETIRED,
    CURRENCY, PRICE_CHANGED.
    """
    subaccount = expect(subaccount, Subaccount, "The subaccount")
    act = "buy content"
    with at_work(actor, subaccount, PURCHASE_CONTENT, act=act) as work:
        in_person(act, work.account)
        wanted = locked_content(item)
        own = Subaccount.objects.select_related("account").get(pk=work.subaccount.pk)
        purchases.check_can_have(own, wanted)
        if _clean_price(price) != wanted.price:
            raise Invalid(
                f"{wanted} costs {shown(wanted.price, wanted.currency)} now. Nothing was bought: "
                "look at the price, and buy it again if you agree.",
                code="PRICE_CHANGED",
            )
        bought = ContentPurchase.objects.create(
            account=work.account,
            subaccount=work.subaccount,
            item=wanted,
            price=wanted.price,
            currency=wanted.currency,
            bought_on=selectors.today(),
            bought_by=work.actor,
        )
        copy = _hand_over(work, wanted)
        work.record(
            "content.purchased",
            bought,
            kind=wanted.kind,
            price=str(rounded(wanted.price, wanted.currency)),
            currency=wanted.currency,
            copy=ref_of(copy),
        )
    return bought


@service
def fetch_content(
    *, actor: Any, subaccount: Subaccount, item: ContentItem
) -> MessageTemplate | SavedRow:
    """Put ``item``, bought for ``subaccount`` and removed there since, into it again for nothing.

    Needs what buying it needs; an overdue invoice, or that it is not on offer any more, is no
    matter: it was bought. Raises Refused (IN_PERSON for a key), NotFound, or Invalid: WRONG_TYPE,
    ARCHIVED, NOT_BOUGHT, ALREADY_THERE.
    """
    subaccount = expect(subaccount, Subaccount, "The subaccount")
    act = "fetch bought content again"
    with at_work(actor, subaccount, PURCHASE_CONTENT, act=act) as work:
        in_person(act, work.account)
        wanted = expect(item, ContentItem, "The content")
        bought = ContentPurchase.objects.filter(subaccount=work.subaccount, item=wanted).first()
        if bought is None:
            raise Invalid(
                f"{wanted} was not bought for {work.subaccount.name}, so that there is nothing to "
                "fetch. Buy it first.",
                code="NOT_BOUGHT",
            )
        purchases.check_can_fetch(bought)
        copy = _hand_over(work, wanted)
        work.record("content.fetched", bought, kind=wanted.kind, copy=ref_of(copy))
    return copy


def _clean_price(value: Any) -> Decimal:
    try:
        if isinstance(value, bool) or not isinstance(value, Decimal | int | str):
            raise InvalidOperation
        price = Decimal(value)
        if not price.is_finite():
            raise InvalidOperation
    except InvalidOperation:
        raise Invalid(
            f"{value!r:.40} is no price. Write the one that is shown, like 12.50.",
            code="NOT_A_PRICE",
        ) from None
    return price


def _hand_over(work: Work[Subaccount], item: ContentItem) -> MessageTemplate | SavedRow:
    """Put a copy of ``item`` into the subaccount."""
    if item.kind == ContentItem.Kind.CAMPAIGN:
        rows = [new_row(html) for html in item.rows]
        return put_template(work, _free_name(work, MessageTemplate, item.name), rows)
    return put_saved_row(work, _free_name(work, SavedRow, item.name), "".join(item.rows))


def _free_name(work: Work[Any], model: Any, name: str) -> str:
    """Return ``name``, or "name 2" and so on where something of ``model`` there has it already."""
    taken = list(model.objects.filter(subaccount=work.subaccount).values_list("name", flat=True))
    names = chain([name], (f"{name} {n}" for n in count(2)))
    return next(one for one in names if not any(same_name(one, other) for other in taken))
