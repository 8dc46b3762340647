"""Pages of the console that are about no single object: home, own access, the matrix."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse

from permissions.admin import site_page
from teams.admin.closed import closed
from teams.admin.desk import desk_of
from teams.admin.home import home_context
from teams.admin.orphaned import page_context
from teams.admin.people import person_context
from teams.admin.people_verbs import manages_people
from teams.admin.roles import roles_context
from teams.admin.site import console
from teams.admin.soon import SOON, ending_rows, extending


def _page(request: HttpRequest, template: str, context: dict[str, Any]) -> HttpResponse:
    return site_page(console, request, template, {"subtitle": None, **context})


def home(request: HttpRequest) -> HttpResponse:
    """Show what waits, what there is, and what the person may do."""
    return _page(request, "teams/console/home.html", home_context(desk_of(request)))


def ending(request: HttpRequest) -> HttpResponse:
    """Show all access that ends soon, as far as the person may see it."""
    desk = desk_of(request)
    rows = ending_rows(desk)
    context = {
        "title": "Access ending soon",
        "subtitle": f"In {desk.account.name}, within {SOON.days} days.",
        "rows": rows,
        **extending(desk, rows),
        "days": SOON.days,
    }
    return _page(request, "teams/console/ending.html", context)


def orphans(request: HttpRequest) -> HttpResponse:
    """Show the grants whose giver no longer holds them, to whoever manages people."""
    desk = desk_of(request)
    if not manages_people(desk):
        raise closed(
            desk, "Grants whose giver no longer holds them", desk.edition.changes_subaccount
        )
    return _page(request, "teams/console/orphans.html", page_context(request))


def my_access(request: HttpRequest) -> HttpResponse:
    """Show everybody their own places, roles and permissions, and where they come from."""
    context = person_context(request, request.user, None)
    return _page(request, "teams/console/person.html", context | {"is_my_access": True})


def roles(request: HttpRequest) -> HttpResponse:
    """Show what each role of the edition may do, or how two of them differ."""
    context = roles_context(desk_of(request), request.GET)
    return _page(request, "teams/console/roles.html", context)


console.add_page("", home, name="index")
console.add_page("ending/", ending, name="ending")
console.add_page("without-giver/", orphans, name="orphans")
console.add_page("access/", my_access, name="my_access")
console.add_page("roles/", roles, name="roles")
