"""What every admin of the console shares: the desk, its place in the menu, the record."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest
from django.template.response import TemplateResponse

from permissions.admin import ScopedModelAdmin, Verb, site_page
from permissions.errors import Refused
from teams.admin.closed import closed, nearest
from teams.admin.desk import Desk, desk_of
from teams.services.base import record_refused


class ConsoleVerb(Verb):
    """A verb that knows the desk.

    ``group`` names the part of the object's page that offers it; without, the head of the page.
    ``while_read_only`` says that it is there in an account that is read-only too, for paying.
    """

    group = ""
    while_read_only = False

    @property
    def desk(self) -> Desk:
        """Return the desk of the person who acts."""
        return desk_of(self.request)


class ConsoleAdmin(ScopedModelAdmin):
    """A scoped admin on the console."""

    menu_section = ""
    menu_order = 50
    menu_icon = "dot"
    menu_label: Any = ""
    #: what opens the area, any of these, the plainest first, where it is not ``view_permission``
    opened_by: tuple[str, ...] = ()
    page_template = ""
    #: what an empty list says: what would be here, and what to do
    empty_text = "There is nothing here that you may see."

    def menu_name(self, request: HttpRequest) -> str:
        """Return what the sidebar calls this area; an edition may have a word of its own."""
        return str(self.menu_label)

    def list_scope(self, request: HttpRequest) -> QuerySet[Any]:
        """Narrow the list to the subaccount chosen in the header, if there is one."""
        place = desk_of(request).place
        queryset = super().list_scope(request)
        return queryset if place is None else self.narrow(request, queryset, place.pk)

    def shown(self, request: HttpRequest) -> QuerySet[Any]:
        """Return what the list shows as one opens it, without a filter."""
        return self.list_scope(request)

    def narrow(self, request: HttpRequest, queryset: QuerySet[Any], place: int) -> QuerySet[Any]:
        """Return the rows of ``queryset`` that lie in ``place``."""
        return queryset.filter(subaccount=place)

    def needed(self, desk: Desk) -> Collection[str]:
        """Return the permissions that would open the area, all of them."""
        return nearest(desk, self.opened_by or (self.view_permission,))

    def closed(self, request: HttpRequest) -> Refused:
        """Return the refusal of an area, with what would open it where one works."""
        desk = desk_of(request)
        return closed(desk, self.menu_name(request), self.needed(desk))

    def on_refused(self, request: HttpRequest, refusal: Refused, act: str) -> None:
        """Record the refused write in the account of whoever tried."""
        refusal.account = desk_of(request).account
        record_refused(request.user, refusal, verb=f"{act} {self.opts.model_name}")

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        """Show the list under the name the sidebar has for it."""
        context = {"title": self.menu_name(request), **(extra_context or {})}
        return super().changelist_view(request, context)

    def page(self, request: HttpRequest, obj: Any, context: dict[str, Any]) -> TemplateResponse:
        """Return a page of our own about ``obj``, in the frame of the site."""
        frame = {"opts": self.opts, "original": obj, "list_label": self.menu_name(request)}
        return site_page(self.admin_site, request, self.page_template, {**frame, **context})
