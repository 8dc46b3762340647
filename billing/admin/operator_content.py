"""The operator site: the shelf of content that accounts can buy for their subaccounts."""

from __future__ import annotations

import re
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import Count, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from billing import services
from billing.admin.written import PlatformForm, WrittenAt
from billing.models import ContentItem
from billing.money import shown
from permissions.errors import Invalid
from teams.admin.site import operator

#: what stands between two rows, on a line of its own
BETWEEN = re.compile(r"^---[ \t]*\r?$", re.MULTILINE)


class ContentForm(PlatformForm):
    """What is put on the shelf; afterwards, only its price."""

    html = forms.CharField(
        label=_("Contents"),
        widget=forms.Textarea(attrs={"rows": 12}),
        help_text=_(
            "HTML that mail programs show. A stock image is one image, whose address begins with "
            "https://. The rows of a plus campaign are parted by lines of three hyphens."
        ),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk is not None:
            del self.fields["html"]


@admin.register(ContentItem, site=operator)
class ContentShelfAdmin(WrittenAt):
    """Content on offer: written once, repriced, withdrawn; never changed."""

    form = ContentForm
    list_display = ("name", "code", "kind", "amount", "is_on_offer", "sold")
    list_filter = ("kind", "currency")
    search_fields = ("name", "code")
    ordering = ("name", "pk")
    actions = ("offer", "withdraw")

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Ask Django's permission."""
        return admin.ModelAdmin.has_add_permission(self, request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Ask Django's permission; what is fixed is read-only on the form."""
        return admin.ModelAdmin.has_change_permission(self, request, obj)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Count how often each was bought."""
        found: QuerySet[Any] = super().get_queryset(request).annotate(times=Count("purchases"))
        return found

    def get_fields(self, request: HttpRequest, obj: Any = None) -> tuple[Any, ...]:
        """Ask what is needed; show what is stored."""
        if obj is None:
            return ("name", "code", "kind", "currency", "price", "html")
        return ("name", "code", "kind", "currency", "price", "contents", "retired_at")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """Fix all of it but the price."""
        return tuple(n for n in self.get_fields(request, obj) if n != "price") if obj else ()

    @admin.display(description=_("Price"), ordering="price")
    def amount(self, obj: Any) -> str:
        """Return the price."""
        return shown(obj.price, obj.currency)

    @admin.display(description=_("On offer"), boolean=True)
    def is_on_offer(self, obj: Any) -> bool:
        """Say whether it can be bought."""
        return bool(obj.is_offered)

    @admin.display(description=_("Sold"), ordering="times")
    def sold(self, obj: Any) -> int:
        """Return how often it was bought."""
        return int(obj.times)

    @admin.display(description=_("Contents"))
    def contents(self, obj: Any) -> str:
        """Return what it is made of, as it was written."""
        return "\n---\n".join(obj.rows)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """Put it on the shelf, or give it another price."""
        data: dict[str, Any] = form.cleaned_data
        by: dict[str, Any] = {"operator": request.user}
        if not change:
            named = {name: data[name] for name in ("code", "name", "kind", "currency", "price")}
            rows = BETWEEN.split(data["html"])
            self.made(form, services.create_content(rows=rows, **named, **by))
            return
        if "price" in form.changed_data:
            services.reprice_content(item=form.instance, price=data["price"], **by)
        self.made(form, form.instance)

    @admin.action(description=_("Offer"), permissions=["change"])
    def offer(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """Offer the chosen content."""
        self._set(request, queryset, on=True)

    @admin.action(description=_("Withdraw from offer"), permissions=["change"])
    def withdraw(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """Offer the chosen content no more; who bought it keeps it."""
        self._set(request, queryset, on=False)

    def _set(self, request: HttpRequest, queryset: QuerySet[Any], *, on: bool) -> None:
        said = "{} is on offer." if on else "{} is not on offer any more. Who bought it keeps it."
        for item in queryset:
            try:
                made = services.offer_content(operator=request.user, item=item, on=on)
            except Invalid as error:
                self.message_user(request, error.message, messages.WARNING)
            else:
                self.message_user(request, said.format(made), messages.SUCCESS)
