"""The pages of single roles: an account's own, with what may be done to them, and built-in ones."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html

from permissions.admin import site_page
from permissions.errors import Refused
from teams import selectors
from teams.admin import holders, matrix, ticks, words
from teams.admin.base import ConsoleAdmin
from teams.admin.closed import absent
from teams.admin.desk import Desk, desk_of
from teams.admin.matrix import Head
from teams.admin.role_verbs import ROLE_VERBS, CreateRole, people, role_url
from teams.admin.site import console
from teams.models import Role

TEMPLATE = "teams/console/role.html"


def head_url(head: Head) -> str:
    """Return the address of a role's page."""
    if head.custom is not None:
        return role_url(head.custom)
    return reverse("console:role", args=[head.key])


def creating(request: HttpRequest) -> CreateRole:
    """Return the verb that makes a role, for whoever asks."""
    model_admin: Any = console._registry[Role]
    return CreateRole(model_admin, request)


def role_context(request: HttpRequest, head: Head) -> dict[str, Any]:
    """Return what the page of any role reads."""
    desk = desk_of(request)
    edition = desk.edition
    heads = matrix.heads(edition, selectors.custom_roles_of(desk.account))
    asked = request.GET.get("compare", "")
    beside = next((one for one in heads if one.key == asked != head.key), None)
    copy = creating(request)
    may_copy = edition.custom_roles is not None and not copy.closed_because()
    count = holders.count(desk, head)
    kind = f"Built in, {head.note}" if head.note else "Built in"
    if head.custom is not None:
        kind = f"Custom role of {desk.account.name}"
    return {
        "title": head.label,
        "subtitle": None,
        "about": f"{kind}. Edition {edition.label}.",
        "description": head.custom.description if head.custom else "",
        "count": None if count is None else people(count),
        "copy_url": f"{copy.url}?copy={head.key}" if may_copy else "",
        "heads": [one for one in heads if one.key != head.key],
        "beside": beside,
        "unknown": bool(asked) and beside is None,
        "areas": ticks.lines(edition, head, beside),
        **holders.context(desk, head, request.GET.get("p", "")),
    }


def built_in(request: HttpRequest, key: str) -> HttpResponse:
    """Show what a built-in role may do, and who holds it; read-only."""
    heads = matrix.heads(desk_of(request).edition)
    head = next((one for one in heads if one.key == key), None)
    if head is None:
        raise Http404
    return site_page(console, request, TEMPLATE, role_context(request, head))


def columns(desk: Desk) -> tuple[Any, ...]:
    """Return the columns of the list of custom roles."""

    @admin.display(description="Description")
    def said(obj: Any) -> Any:
        return obj.description or words.none("Not set")

    @admin.display(description="Held by")
    def held(obj: Any) -> Any:
        count = holders.count(desk, matrix.head_of(obj))
        if count is None:
            return words.none("Not shown")
        return format_html('<a href="{}#holders">{}</a>', role_url(obj), people(count))

    return "name_cell", said, held


@admin.register(Role, site=console)
class RoleAdmin(ConsoleAdmin):
    """The roles an account made for itself. Whoever works in it may know what they give."""

    menu_label = "Custom roles"
    page_template = TEMPLATE
    empty_text = "There is no custom role yet. Whoever manages roles makes one."
    verbs = ROLE_VERBS

    list_display: Any = ("name_cell", "description")
    search_fields = ("name", "description")
    search_help_text = "Name or description"
    ordering: ClassVar[Any] = ("name", "pk")
    sortable_by = ("name_cell",)

    def scope(self, request: HttpRequest) -> QuerySet[Any]:
        """Return the roles of the chosen account."""
        return selectors.custom_roles_of(desk_of(request).account)

    def may_enter(self, request: HttpRequest) -> bool:
        """Say whether the edition knows such roles."""
        return desk_of(request).edition.custom_roles is not None

    def closed(self, request: HttpRequest) -> Refused:
        """Say that the edition has built-in roles only."""
        return absent(desk_of(request), "Custom roles", "has built-in roles only")

    def narrow(self, request: HttpRequest, queryset: QuerySet[Any], place: int) -> QuerySet[Any]:
        """Roles are the account's, whatever subaccount is looked at."""
        return queryset

    @admin.display(description="Role", ordering="name")
    def name_cell(self, obj: Any) -> str:
        """Return the name."""
        return str(obj.name)

    def get_list_display(self, request: HttpRequest) -> Any:
        """Return the columns, bound to the desk of this request."""
        return desk_of(request).once(columns)

    def object_view(
        self, request: HttpRequest, obj: Any, extra_context: dict[str, Any]
    ) -> HttpResponse:
        """Show what it gives, who holds it, and what may be done with it."""
        context = role_context(request, matrix.head_of(obj))
        return self.page(request, obj, {**context, "verbs": self.offered(request, obj)})


console.add_page("roles/<str:key>/", built_in, name="role")
