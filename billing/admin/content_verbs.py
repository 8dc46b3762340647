"""Buying content off the console's shelf, and fetching again what was bought; and what the shelf's
pages ask for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django import forms
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.translation import gettext_lazy as _

from billing import purchases, selectors, services
from billing.admin.desks import holds
from billing.models import ContentItem, ContentPurchase
from billing.money import shown
from billing.payers import is_direct
from permissions.admin import VerbForm
from permissions.errors import Invalid
from teams.admin.base import ConsoleVerb
from teams.admin.desk import Desk
from teams.admin.site import PAY_PAGE, console
from teams.catalogue import CHANGE_RATE_PLAN, PAY_INVOICES, PURCHASE_CONTENT
from teams.models import MessageTemplate, SavedRow, Subaccount

#: purchases on the page; all of them are on invoices
NEWEST = 50
#: so many subaccounts that have something are named
NAMED = 5
#: what content becomes, in words as well, and what the menu calls the list of that
KEPT_UNDER: dict[str, tuple[Any, str, str]] = {
    ContentItem.Kind.IMAGE: (SavedRow, "a saved row", "Saved rows"),
    ContentItem.Kind.CAMPAIGN: (MessageTemplate, "a template", "Templates"),
}


def places(desk: Desk) -> list[Subaccount]:
    """Return the subaccounts for which the reader may buy, by name: of them all, or the one that
    was chosen in the header."""
    scope = desk.profile.scope(desk.account.pk, PURCHASE_CONTENT)
    rows = Subaccount.objects.filter(account=desk.account, archived_at=None)
    found = [place for place in rows.order_by("name", "pk") if place.pk in scope]
    for place in found:
        place.account = desk.account
    return [p for p in found if desk.place is None or p.pk == desk.place.pk]


def bought(desk: Desk) -> list[ContentPurchase]:
    """Return what was bought for those, the newest first."""
    return list(purchases.bought(desk.account, [place.pk for place in desk.once(places)]))


def newest(desk: Desk) -> list[ContentPurchase]:
    """Return what the page lists of what was bought."""
    return desk.once(bought)[:NEWEST]


def fetchable(desk: Desk) -> set[Any]:
    """Return what of the newest (keys) can be fetched again."""
    return purchases.gone(desk.account, desk.once(newest))


def buyers(desk: Desk) -> dict[Any, list[Subaccount]]:
    """Return for which subaccounts each item (key) was bought, the newest first."""
    found: dict[Any, list[Subaccount]] = {}
    for row in desk.once(bought):
        found.setdefault(row.item_id, []).append(row.subaccount)
    return found


def had_by(desk: Desk, item: ContentItem) -> list[str]:
    """Return for whom it was bought: the newest few by name, and how many others."""
    names = [place.name for place in desk.once(buyers).get(item.pk, ())]
    if len(names) <= NAMED:
        return names
    rest = len(names) - NAMED
    return [*names[:NAMED], f"{rest} other{'' if rest == 1 else 's'}"]


def barred(desk: Desk) -> str:
    """Return why nothing can be bought in the account, or where one has chosen to be; empty if
    something can."""
    if not desk.once(places):
        where = desk.place.name if desk.place else "any subaccount that is there now"
        return f"You cannot buy content for {where}."
    bar = desk.once(_bar)
    return bar.message if bar else ""


def _bar(desk: Desk) -> Invalid | None:
    """Return what of the account keeps everybody from buying, if anything does."""
    try:
        purchases.check_can_buy(desk.account)
    except Invalid as error:
        return error
    return None


def way_out(desk: Desk) -> tuple[str, str]:
    """Return where the reader ends what keeps everybody from buying, and what they do there; empty
    for whoever cannot."""
    bar = desk.once(_bar)
    if bar is None or not desk.once(places):
        return "", ""
    if bar.code == "OVERDUE" and holds(desk, PAY_INVOICES):
        return reverse(f"{console.name}:{PAY_PAGE}"), "Pay under Billing"
    if bar.code == "NO_PLAN" and holds(desk, CHANGE_RATE_PLAN):
        return reverse(f"{console.name}:billing_rateplan_changelist"), "Choose a rate plan"
    return "", ""


def open_places(desk: Desk, item: ContentItem) -> list[Subaccount]:
    """Return those for which the reader may buy ``item`` and nobody has."""
    had = {place.pk for place in desk.once(buyers).get(item.pk, ())}
    return [place for place in desk.once(places) if place.pk not in had]


class BuyForm(VerbForm):
    """The price that was shown: what is confirmed is that one and no other."""

    price = forms.DecimalField(widget=forms.HiddenInput, max_digits=14, decimal_places=3)

    def prepare(self, verb: Any) -> None:
        """Begin with what it costs; whoever sent another price is shown this one."""
        self.sent = self.data.get("price")
        self.fields["price"].initial = verb.obj.price
        if self.is_bound:
            self.data = {"price": verb.obj.price}

    def clean(self) -> dict[str, Any]:
        """Hand over what was sent."""
        return {"price": self.sent}


class Buy(ConsoleVerb):
    """Buy it for one subaccount."""

    name = "buy"
    label = _("Buy…")
    is_primary = True
    needs_recent = True
    choose = True
    form_class = BuyForm
    obj: ContentItem

    def refusal(self) -> str:
        """Refuse what the service would refuse."""
        if self.part is not None:
            try:
                purchases.check_can_have(self.part, self.obj)
            except Invalid as error:
                return error.message
            return ""
        if reason := self.desk.once(barred):
            return reason
        if not self.obj.is_offered:
            return f"{self.obj} is not on offer any more."
        if not open_places(self.desk, self.obj):
            return f"{self.obj} was bought wherever you may buy content."
        return ""

    def options(self) -> Sequence[tuple[str, str, str]]:
        """Offer the subaccounts that do not have it."""
        return [(str(one.pk), one.name, "") for one in open_places(self.desk, self.obj)]

    def find(self, key: str) -> Subaccount | None:
        """Return one for which the reader may buy."""
        return next((p for p in self.desk.once(places) if str(p.pk) == key), None)

    def prompt(self) -> str:
        """Return the heading of the page that asks for which."""
        return f"Buy {self.obj} for which subaccount?"

    def title(self) -> str:
        """Return the heading."""
        return f"Buy {self.obj} for {self.part.name}" if self.part else self.prompt()

    def consequence(self) -> Sequence[str]:
        """Say what it costs, who pays when, and where it will be."""
        month = date_format(selectors.today(), "F Y")
        payer = self.part.name if is_direct(self.part) else self.desk.account.name
        _model, what, _menu = KEPT_UNDER[self.obj.kind]
        return (
            f"It costs {price_of(self.obj)} before tax, once. {payer} pays: it will stand on the "
            f"invoice for {month}.",
            f"{self.part.name} has it at once, as {what} of its own. It cannot be given back.",
        )

    def button(self) -> str:
        """Return what the button says."""
        return f"Buy for {price_of(self.obj)}"

    def run(self, data: Mapping[str, Any]) -> str:
        """Buy it."""
        made = services.purchase_content(
            actor=self.actor, subaccount=self.part, item=self.obj, price=data["price"] or ""
        )
        _model, _what, where = KEPT_UNDER[self.obj.kind]
        return f"{made} was bought for {self.part.name}, and is there under {where}."

    def next_url(self) -> str:
        """Go to the shelf."""
        return self.list_url()


class Fetch(ConsoleVerb):
    """Fetch again what was bought for a subaccount, and removed there since."""

    name = "fetch"
    label = _("Fetch again…")
    is_part = True
    part_type = ContentPurchase
    part: ContentPurchase
    obj: ContentItem

    def find(self, key: str) -> ContentPurchase | None:
        """Return what was bought of it where the reader may buy."""
        mine = (row for row in self.desk.once(bought) if row.item_id == self.obj.pk)
        return next((row for row in mine if str(row.pk) == key), None)

    def refusal(self) -> str:
        """Refuse what is there still."""
        if self.part.pk in self.desk.once(fetchable):
            return ""
        try:
            purchases.check_can_fetch(self.part)
        except Invalid as error:
            return error.message
        return ""

    def title(self) -> str:
        """Return the heading."""
        return f"Fetch {self.obj} again for {self.part.subaccount.name}"

    def consequence(self) -> Sequence[str]:
        """Say what there will be, and that it costs nothing."""
        _model, what, _menu = KEPT_UNDER[self.obj.kind]
        return (
            f"{self.part.subaccount.name} has it again, as {what} of its own, as it was when it "
            "was bought. It was paid for then: this costs nothing.",
        )

    def button(self) -> str:
        """Return what the button says."""
        return "Fetch again"

    def run(self, data: Mapping[str, Any]) -> str:
        """Fetch it."""
        made = services.fetch_content(
            actor=self.actor, subaccount=self.part.subaccount, item=self.obj
        )
        _model, _what, where = KEPT_UNDER[self.obj.kind]
        return f"{self.part.subaccount.name} has {made} again, under {where}."

    def next_url(self) -> str:
        """Go to the shelf."""
        return self.list_url()


def price_of(item: ContentItem) -> str:
    """Return what ``item`` costs, as people read it."""
    return shown(item.price, item.currency)
