"""Buy content for a subaccount in somebody's name, or fetch again what was bought."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from billing import purchases, services
from billing.models import ContentItem
from billing.money import rounded, shown
from permissions.errors import Invalid, NotFound
from permissions.management.base import UsageError
from teams.explain import is_text
from teams.management.acts import ActCommand, Doer, Outcome, add_account, already
from teams.models import Account, Subaccount


class Command(ActCommand):
    """The service of the console, for whoever ``--actor`` names."""

    help = (
        "Buy ITEM off the platform's shelf for a subaccount, at the price that is named. Exits "
        "with 0 if it was bought before. --again fetches what was bought and removed since, for "
        "nothing. --dry-run tries it. The platform buys nothing for anybody."
    )

    formats = ("text", "json")

    def add_arguments(self, parser: CommandParser) -> None:
        """Add what, for whom, and the price one agrees to."""
        parser.add_argument("item", help="the short name of the content")
        add_account(parser)
        parser.add_argument("--subaccount", required=True, help="its short name")
        way = parser.add_mutually_exclusive_group(required=True)
        way.add_argument("--price", help="what it costs, before tax: 12.50")
        way.add_argument("--again", action="store_true", help="fetch what was bought before")
        super().add_arguments(parser)

    def act(self, doer: Doer, options: dict[str, Any]) -> Outcome:
        """Buy it, or find it bought; or fetch it, or find it there."""
        if doer.is_platform:
            raise UsageError("The platform buys nothing: name who does with --actor.")
        account = doer.account(options["account"])
        place = doer.subaccount(account, options["subaccount"])
        item = _item(account, options["item"])
        if options["again"]:
            return _fetched(doer, account, place, item)
        try:
            made = services.purchase_content(
                actor=doer.actor, subaccount=place, item=item, price=options["price"]
            )
        except Invalid as error:
            if error.code != "ALREADY_BOUGHT":
                raise
            return already(error.message, account)
        price = shown(made.price, made.currency)
        return Outcome(
            "buy",
            "Bought",
            f"{item} for {place.name}, at {price} before tax",
            account,
            (),
            {
                "item": item.code,
                "price": str(rounded(made.price, made.currency)),
                "currency": made.currency,
            },
        )


def _fetched(doer: Doer, account: Account, place: Subaccount, item: ContentItem) -> Outcome:
    try:
        made = services.fetch_content(actor=doer.actor, subaccount=place, item=item)
    except Invalid as error:
        if error.code != "ALREADY_THERE":
            raise
        return already(error.message, account)
    told = {"item": item.code, "copy": made.slug}
    return Outcome("fetch", "Fetched", f"{made} for {place.name} again", account, (), told)


def _item(account: Account, code: str) -> ContentItem:
    """Return the content with that short name; one that is not on offer is found as well, so that
    the service says why it cannot be bought."""
    found = ContentItem.objects.filter(code=code).first() if is_text(code) else None
    if found is None:
        known = ", ".join(purchases.shelf(account).values_list("code", flat=True)) or "nothing"
        raise NotFound(f"There is no content {code!r}. On offer: {known}.")
    return found
