"""What the pages of lists, templates and campaigns share."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from permissions import grants
from permissions.admin import BulkVerb, ScopedFilter, Verb, row_of
from permissions.audit import label_of
from permissions.policy import TOP
from permissions.resources import registry
from teams.admin import words
from teams.admin.access_panel import panel_context
from teams.admin.archive_verbs import ARCHIVE_BULK_VERBS, ARCHIVE_VERBS
from teams.admin.base import ConsoleAdmin
from teams.admin.desk import desk_of
from teams.admin.end_verbs import ChangeEndHere
from teams.admin.group_filters import GroupFilter
from teams.admin.guest_verbs import WithdrawHere
from teams.admin.resource_verbs import GuestHere, Share, Unshare
from teams.catalogue import ASSIGN_TEAM_RESOURCES, CATALOGUE
from teams.models import Team


class PlaceFilter(ScopedFilter):
    """By subaccount: for links to what lies in one. The header's switcher offers them all."""

    title = "subaccount"
    parameter_name = "place"

    def lookups(self, request: Any, model_admin: Any) -> list[tuple[str, str]]:
        """Offer what the address names, if the reader works there: there may be thousands."""
        wanted = request.GET.get(self.parameter_name)
        place = row_of(desk_of(request).find_places(""), wanted) if wanted else None
        return [(str(place.pk), place.name)] if place is not None else []

    def matching(self, request: HttpRequest, queryset: QuerySet[Any], value: str) -> QuerySet[Any]:
        """Return what lies there."""
        return queryset.filter(subaccount=value)


class ArchiveFilter(ScopedFilter):
    """What is in use, or what was put away: nothing shows both."""

    title = "archive"
    parameter_name = "archived"

    def lookups(self, request: Any, model_admin: Any) -> list[tuple[str, str]]:
        """Offer the archive; without it the list shows what is in use."""
        return [("yes", "Archived")]

    def choices(self, changelist: Any) -> Iterator[Any]:
        """Call what is shown without it by its name, and count nothing: every list has this filter,
        and a count would cost each of them a query."""
        for value, label in ((None, "In use"), *self.lookup_choices):
            yield {
                "selected": self.value() == value,
                "query_string": changelist.get_query_string({self.parameter_name: value}),
                "display": label,
            }

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Leave out what was put away, unless it is asked for."""
        if self.value() is None:
            return queryset.filter(archived_at=None)
        return super().queryset(request, queryset)

    def matching(self, request: HttpRequest, queryset: QuerySet[Any], value: str) -> QuerySet[Any]:
        """Return what was put away."""
        return queryset.filter(archived_at__isnull=False)


class ResourceAdmin(ConsoleAdmin):
    """Something in a subaccount, read-only."""

    menu_section = "work"
    menu_area = ""
    page_template = "teams/console/resource.html"

    # annotated, for subclasses show more columns than three
    list_display: Any = ("name_cell", "place_cell", "created_cell")
    list_filter: ClassVar[Any] = (PlaceFilter, GroupFilter, ArchiveFilter)
    show_facets = admin.ShowFacets.ALWAYS
    search_fields = ("name",)
    search_help_text = "Name"
    ordering: ClassVar[Any] = ("name", "pk")
    sortable_by = ("name_cell", "created_cell")
    verbs: tuple[type[Verb], ...] = (
        *ARCHIVE_VERBS,
        Share,
        Unshare,
        GuestHere,
        WithdrawHere,
        ChangeEndHere,
    )
    bulk_verbs: tuple[type[BulkVerb], ...] = ARCHIVE_BULK_VERBS

    def menu_name(self, request: HttpRequest) -> str:
        """Return the edition's word for the area, if it has one."""
        return desk_of(request).label(self.menu_area, self.menu_label)

    def scope(self, request: HttpRequest) -> QuerySet[Any]:
        """Return what may be seen in the chosen account."""
        return super().scope(request).filter(account=desk_of(request).account)

    def may_enter(self, request: HttpRequest) -> bool:
        """Say whether the reader may see any of it in the chosen account."""
        desk = desk_of(request)
        label = registry.of(self.model).label
        return desk.holds(self.view_permission) or desk.profile.is_guest(
            desk.account.pk, self.view_permission, label
        )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Load the subaccount's name with the list."""
        return super().get_queryset(request).select_related("subaccount", "created_by")

    @property
    def has_archive(self) -> bool:
        """Say whether the list leaves out what was put away."""
        return ArchiveFilter in self.list_filter

    def shown(self, request: HttpRequest) -> QuerySet[Any]:
        """Return what the list shows as one opens it."""
        rows = super().shown(request)
        return rows.filter(archived_at=None) if self.has_archive else rows

    def related_rows(self, request: HttpRequest) -> QuerySet[Any]:
        """Offer nothing that was put away."""
        rows = super().related_rows(request)
        return rows.filter(archived_at=None) if self.has_archive else rows

    @admin.display(description="Name", ordering="name")
    def name_cell(self, obj: Any) -> str:
        """Return the name, and that it was put away if it was."""
        return format_html("{}{}", obj.name, words.put_away(obj)) if self.has_archive else obj.name

    @admin.display(description="Subaccount")
    def place_cell(self, obj: Any) -> str:
        """Return where it is."""
        return str(obj.subaccount.name)

    @admin.display(description="Created", ordering="created_at")
    def created_cell(self, obj: Any) -> SafeString:
        """Return when it was made."""
        return format_html('<span class="nowrap-cell">{}</span>', words.when(obj.created_at))

    def facts(self, obj: Any) -> list[tuple[str, Any]]:
        """Return what the page says about it."""
        made = label_of(obj.created_by) if obj.created_by else words.none("Not known")
        found = [
            ("Subaccount", obj.subaccount.name),
            ("Created", words.when(obj.created_at)),
            ("Created by", made),
        ]
        if self.has_archive and obj.is_archived:
            found.insert(0, ("Archived", words.when(obj.archived_at)))
        return found

    def facts_for(self, request: HttpRequest, obj: Any) -> list[tuple[str, Any]]:
        """Return the facts as this reader may know them."""
        return self.facts(obj)

    def more(self, request: HttpRequest, obj: Any) -> dict[str, Any]:
        """Return what the page of this kind of thing shows besides."""
        return {}

    def links(self, request: HttpRequest, obj: Any) -> list[tuple[str, str]]:
        """Return (address, label) of pages that belong to it."""
        return []

    def object_view(
        self, request: HttpRequest, obj: Any, extra_context: dict[str, Any]
    ) -> HttpResponse:
        """Show it, with the teams that see it and what the reader may do with it."""
        desk = desk_of(request)
        resource = registry.of(self.model)
        teams: list[tuple[Team, Any]] = []
        shows_teams = desk.edition.has_teams and bool(resource.limited)
        if shows_teams and desk.holds(ASSIGN_TEAM_RESOURCES, obj.subaccount_id):
            groups = grants.groups_on(obj).values("group_id")
            found = Team.objects.filter(account=desk.account, group__in=groups).order_by("name")
            teams = [(team, self.offered(request, obj, team)) for team in found]
        else:
            shows_teams = False
        area = CATALOGUE[self.view_permission].area
        lines = [
            (permission, desk.profile.decide(permission, resource, obj).allowed)
            for permission in area.permissions
            if permission in desk.edition.permissions and permission.level != TOP
        ]
        offered = self.offered(request, obj)
        grouped: dict[str, list[Verb]] = {}
        for verb in offered:
            grouped.setdefault(getattr(verb, "group", ""), []).append(verb)
        context = {
            "title": obj.name,
            "facts": self.facts_for(request, obj),
            "shows_teams": shows_teams,
            "teams": teams,
            "lines": lines,
            "links": self.links(request, obj),
            "verbs": grouped.pop("", []),
            "grouped": grouped,
            **self.more(request, obj),
            **panel_context(self, request, obj),
        }
        return self.page(request, obj, context)
