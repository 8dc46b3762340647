"""Results: the campaigns that were sent, for whoever may read what came of them."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import Case, F, QuerySet, When
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from permissions import access
from permissions.admin import Verb
from permissions.resources import registry
from teams.admin import mailing, words
from teams.admin.desk import desk_of
from teams.admin.resources import PlaceFilter, ResourceAdmin
from teams.admin.site import console
from teams.catalogue import ACCESS_CAMPAIGNS, ACCESS_RESPONSE
from teams.models import Campaign, MailingList, Result


@admin.register(Result, site=console)
class ResultAdmin(ResourceAdmin):
    """What was sent, where, to which list, when, and how many got it."""

    view_permission = ACCESS_RESPONSE
    menu_area = "response"
    menu_label = "Response"
    menu_icon = "chart"
    menu_order = 60
    page_template = "teams/console/result.html"
    empty_text = (
        "Nothing was sent yet where you may see results. A campaign is listed here once it is sent."
    )

    list_display: Any = ("name_cell", "place_cell", "list_cell", "sent_cell")
    list_filter: ClassVar[Any] = (PlaceFilter,)
    ordering: ClassVar[Any] = (F("sent_at").desc(nulls_last=True), "-pk")
    sortable_by = ("name_cell", "sent_cell")
    verbs: tuple[type[Verb], ...] = ()
    bulk_verbs = ()

    def scope(self, request: HttpRequest) -> QuerySet[Any]:
        """Return what was sent, of what the reader may read about."""
        return super().scope(request).filter(status=Campaign.Status.SENT)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Load the name of the list, unless teams hide that list from the reader."""
        named = access.visible_q(
            registry.of(MailingList),
            desk_of(request).profile,
            ACCESS_RESPONSE,
            prefix="mailing_list__",
        )
        shown = Case(When(named, then=F("mailing_list__name")), default=None)
        found: QuerySet[Any] = super().get_queryset(request).annotate(list_name=shown)
        return found

    @admin.display(description="Mailing list")
    def list_cell(self, obj: Any) -> Any:
        """Return the list it went to."""
        if obj.list_name is not None:
            return obj.list_name
        return words.none("None" if obj.mailing_list_id is None else "Not shown")

    @admin.display(description="Sent", ordering=F("sent_at").asc(nulls_first=True))
    def sent_cell(self, obj: Any) -> SafeString:
        """Return when it was sent."""
        moment = words.when(obj.sent_at, "Not recorded")
        return format_html('<span class="nowrap-cell">{}</span>', moment)

    def facts(self, obj: Any) -> list[tuple[str, Any]]:
        """Return what is known of it."""
        return [
            ("Sent", words.when(obj.sent_at, "Not recorded")),
            ("Subaccount", obj.subaccount.name),
            ("Mailing list", self.list_cell(obj)),
            ("Subject", obj.subject or words.none("Not set")),
        ]

    def more(self, request: HttpRequest, obj: Any) -> dict[str, Any]:
        """Count what was delivered, and who left through it."""
        return {"progress": mailing.progress(obj)}

    def links(self, request: HttpRequest, obj: Any) -> list[tuple[str, str]]:
        """Lead to the campaign itself, where the reader may open it."""
        if not access.allows(request.user, ACCESS_CAMPAIGNS, obj):
            return []
        meta = Campaign._meta
        name = f"{self.admin_site.name}:{meta.app_label}_{meta.model_name}_change"
        return [(reverse(name, args=[obj.pk]), "Open the campaign")]
