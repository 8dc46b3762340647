"""The console's shelf of content: what it costs, for which subaccounts one may buy it, and what was
bought for them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from billing import purchases
from billing.admin.content_verbs import (
    KEPT_UNDER,
    Buy,
    Fetch,
    barred,
    buyers,
    fetchable,
    had_by,
    newest,
    price_of,
    way_out,
)
from billing.admin.desks import no_lookups
from billing.models import ContentItem, ContentPurchase
from billing.money import shown
from permissions.admin import site_page
from teams.admin.base import ConsoleAdmin
from teams.admin.content import preview
from teams.admin.desk import desk_of
from teams.admin.site import console
from teams.catalogue import PURCHASE_CONTENT


def _kept_under(request: HttpRequest, row: ContentPurchase) -> tuple[str, str]:
    """Return under what the subaccount has what was bought, and where the reader finds that list;
    no address for whoever may not open it."""
    model, _what, label = KEPT_UNDER[row.item.kind]
    model_admin: Any = console._registry[model]
    if not model_admin.may_enter(request):
        return label, ""
    url = reverse(f"{console.name}:{model._meta.app_label}_{model._meta.model_name}_changelist")
    return label, f"{url}?place={row.subaccount_id}"


@admin.register(ContentItem, site=console)
class ContentItemAdmin(ConsoleAdmin):
    """What can be bought for the subaccounts of the account."""

    menu_section = "billing"
    menu_icon = "image"
    menu_label = _("Buy content")
    menu_order = 44
    view_permission = PURCHASE_CONTENT
    page_template = "billing/console/content_item.html"
    ordering = ("name",)
    verbs = (Buy, Fetch)

    def may_enter(self, request: HttpRequest) -> bool:
        """Say whether the reader may buy for any subaccount."""
        desk = desk_of(request)
        return bool(desk.profile.scope(desk.account.pk, PURCHASE_CONTENT))

    def scope(self, request: HttpRequest) -> QuerySet[Any]:
        """Return what is on offer to the account, and what was bought where the reader may buy."""
        if not self.may_enter(request):
            return ContentItem.objects.none()
        desk = desk_of(request)
        had = desk.once(buyers).keys()
        return ContentItem.objects.filter(
            Q(pk__in=purchases.shelf(desk.account).values("pk")) | Q(pk__in=had)
        )

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """Show what is on offer, and what was bought."""
        if not self.may_enter(request):
            raise self.closed(request)
        no_lookups(request)
        desk = desk_of(request)
        context = {
            "title": "Buy content",
            "opts": self.opts,
            "barred": desk.once(barred),
            "way_out": way_out(desk),
            "offers": [
                {
                    "item": item,
                    "price": price_of(item),
                    "had": had_by(desk, item),
                    "verbs": self.offered(request, item),
                }
                for item in purchases.shelf(desk.account)
            ],
            "bought": [
                (row, shown(row.price, row.currency), *_kept_under(request, row), verbs)
                for row, verbs in self._bought(request)
            ],
        }
        return site_page(self.admin_site, request, "billing/console/content.html", context)

    def _bought(self, request: HttpRequest) -> Iterator[tuple[ContentPurchase, list[Any]]]:
        """Yield what was bought, the newest first, each with what may be done about it."""
        desk = desk_of(request)
        for row in desk.once(newest):
            lost = row.pk in desk.once(fetchable)
            yield row, self.offered(request, row.item, row) if lost else []

    def object_view(
        self, request: HttpRequest, obj: Any, extra_context: dict[str, Any]
    ) -> HttpResponse:
        """Show what it is made of."""
        context = {
            "title": obj.name,
            "subtitle": f"{obj.get_kind_display()}, {price_of(obj)} before tax",
            "previews": [preview(html) for html in obj.rows],
            "had": had_by(desk_of(request), obj),
            "verbs": self.offered(request, obj),
        }
        return self.page(request, obj, context)
