"""Imports and exports of contacts: each person sees their own, and nobody else's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import FileResponse, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from permissions import access
from permissions.admin import Verb
from permissions.errors import Invalid, NotFound
from permissions.resources import registry
from teams import services
from teams.admin import export_verbs, import_verbs, words
from teams.admin.base import ConsoleAdmin
from teams.admin.desk import desk_of
from teams.admin.resources import PlaceFilter
from teams.admin.site import console
from teams.catalogue import ADD_CONTACTS, EXPORT_CONTACTS
from teams.models import ContactExport, ContactImport, MailingList
from teams.services.export_rows import file_name

_KINDS = {
    "preview": "draft",
    "waiting": "invited",
    "running": "invited",
    "done": "active",
    "failed": "suspended",
    "undoing": "invited",
    "undone": "draft",
}


class TransferAdmin(ConsoleAdmin):
    """Jobs that the reader asked for."""

    menu_section = "work"
    menu_order = 55
    page_template = "teams/console/transfer.html"

    list_filter: ClassVar[Any] = (PlaceFilter,)
    show_facets = admin.ShowFacets.ALWAYS
    ordering: ClassVar[Any] = ("-pk",)
    #: what a job is called, on its page as in the list
    title_cell: Callable[[Any], str]

    def scope(self, request: HttpRequest) -> QuerySet[Any]:
        """Return what the reader asked for in the chosen account, where they still may."""
        desk = desk_of(request)
        may = access.visible_q(registry.of(self.model), desk.profile, self.view_permission)
        # guests of a list work on that list alone
        may |= access.visible_q(
            registry.of(MailingList), desk.profile, self.view_permission, prefix="mailing_list__"
        )
        own = self.model._default_manager.filter(created_by=request.user, account=desk.account)
        found: QuerySet[Any] = own.filter(may)
        return found

    def may_enter(self, request: HttpRequest) -> bool:
        """Say whether the reader may carry contacts anywhere in the chosen account."""
        desk = desk_of(request)
        return desk.holds(self.view_permission) or desk.profile.is_guest(
            desk.account.pk, self.view_permission
        )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Load the names with the list."""
        rows = super().get_queryset(request)
        return rows.select_related("subaccount", "mailing_list", "account")

    @admin.display(description="Subaccount")
    def place_cell(self, obj: Any) -> str:
        """Return where it is."""
        return str(obj.subaccount.name)

    @admin.display(description="State")
    def state_cell(self, obj: Any) -> SafeString:
        """Return the state as dot and word."""
        label = obj.get_status_display()
        return format_html('<span class="state state--{}">{}</span>', _KINDS[obj.status], label)

    @admin.display(description="Asked for")
    def created_cell(self, obj: Any) -> SafeString:
        """Return when it was asked for."""
        return format_html('<span class="nowrap-cell">{}</span>', words.when(obj.created_at))

    def facts(self, request: HttpRequest, obj: Any) -> list[tuple[str, Any]]:
        """Return what the page says about it."""
        return [
            ("State", self.state_cell(obj)),
            ("Subaccount", obj.subaccount.name),
            ("Asked for", words.when(obj.created_at)),
            ("Finished", words.when(obj.finished_at, "Not yet")),
        ]

    def download_url(self, obj: Any) -> str:
        """Return where the file is to be had; empty if there is none."""
        return ""

    def object_view(
        self, request: HttpRequest, obj: Any, extra_context: dict[str, Any]
    ) -> HttpResponse:
        """Show how far it has come and what came of it."""
        context = {
            "title": self.title_cell(obj),
            "facts": self.facts(request, obj),
            "verbs": self.offered(request, obj),
            "download_url": self.download_url(obj),
            "is_unfinished": obj.status in obj.UNFINISHED,
        }
        return self.page(request, obj, context)


@admin.register(ContactImport, site=console)
class ContactImportAdmin(TransferAdmin):
    """Imports, from the upload to the undoing."""

    view_permission = ADD_CONTACTS
    menu_label = "Imports"
    menu_icon = "in"
    empty_text = "You have imported no contacts yet. An import begins with a CSV file."

    list_display: Any = ("title_cell", "place_cell", "state_cell", "rows_cell", "created_cell")
    verbs: tuple[type[Verb], ...] = import_verbs.VERBS

    @admin.display(description="File")
    def title_cell(self, obj: Any) -> str:
        """Return the name of the file."""
        return str(obj.original_name)

    @admin.display(description="Rows")
    def rows_cell(self, obj: Any) -> str:
        """Return how many rows there are."""
        return f"{obj.rows_total:,}"

    def facts(self, request: HttpRequest, obj: Any) -> list[tuple[str, Any]]:
        """Say what was done."""
        to = obj.mailing_list.name if obj.mailing_list else words.none("No list")
        found = [*super().facts(request, obj)]
        found[2:2] = [
            ("Mailing list", to),
            ("Rows", f"{obj.rows_done:,} of {obj.rows_total:,} done"),
            ("Added", f"{obj.created:,}"),
            ("Changed", f"{obj.updated:,}"),
            ("Bad rows", f"{obj.rejected:,}"),
        ]
        if obj.left or obj.status == ContactImport.Status.UNDONE:
            found.append(("Left as they are", f"{obj.left:,}"))
        return found


@admin.register(ContactExport, site=console)
class ContactExportAdmin(TransferAdmin):
    """Exports, and the files that are ready."""

    view_permission = EXPORT_CONTACTS
    menu_order = 56
    menu_label = "Exports"
    menu_icon = "out"
    empty_text = "You have exported no contacts yet. What you export is listed here."

    list_display: Any = ("title_cell", "place_cell", "state_cell", "rows_cell", "created_cell")
    verbs: tuple[type[Verb], ...] = export_verbs.VERBS

    @admin.display(description="Export")
    def title_cell(self, obj: Any) -> str:
        """Return what the file is called."""
        return file_name(obj)

    @admin.display(description="Contacts")
    def rows_cell(self, obj: Any) -> str:
        """Return how many contacts there are."""
        return f"{obj.rows_total:,}"

    def facts(self, request: HttpRequest, obj: Any) -> list[tuple[str, Any]]:
        """Say what is in it."""
        found = [*super().facts(request, obj)]
        found[2:2] = [
            ("Contacts", f"{obj.rows_done:,} of {obj.rows_total:,} written"),
            ("Addresses", "MD5 hashes in their place" if obj.is_hashed else "In the file"),
        ]
        return found

    def download_url(self, obj: Any) -> str:
        """Return where the file is to be had."""
        if not obj.file or obj.status != ContactExport.Status.DONE:
            return ""
        return reverse(f"{self.admin_site.name}:teams_contactexport_download", args=[obj.pk])

    def get_urls(self) -> list[URLPattern]:
        """Add the address of the file."""
        view = self.admin_site.admin_view(self.download_view)
        route = path("<str:object_id>/download/", view, name="teams_contactexport_download")
        return [route, *super().get_urls()]

    def download_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Hand the file out to who asked for it, while they may have it; one with addresses after
        a recent sign-in only."""
        obj = self.object_or_404(request, object_id)
        if not obj.is_hashed and (asked := console.ask_again(request)):
            return asked
        try:
            file = services.open_export(actor=request.user, contact_export=obj)
        except NotFound:
            raise
        except Invalid as error:
            messages.error(request, error.message)
            return HttpResponseRedirect("../change/")
        response: HttpResponse = export_verbs.export_response(FileResponse(file.open("rb")), obj)
        return response
