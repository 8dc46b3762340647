"""The two admin sites, and who may enter which."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from django.contrib.admin import AdminSite
from django.contrib.auth.forms import AuthenticationForm
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.urls import path, reverse
from django.utils.translation import gettext_lazy as _

from permissions.access import profile_of
from permissions.admin import site_page
from permissions.errors import Refused
from teams import logins, read_only
from teams.admin.desk import TOP, Desk, desk_of
from teams.admin.menu import MenuEntry, as_app_list
from teams.admin.refusal import refusal_context
from teams.admin.scope import PART, choices, choose
from teams.catalogue import PAY_INVOICES

#: the name of the page where whoever may pays, if somebody adds one: this app knows no billing
PAY_PAGE = "billing"


def is_tenant(user: Any) -> bool:
    """Say whether this person belongs to an account; staff of the platform never does."""
    return bool(
        user.is_active
        and not user.is_staff
        and not user.is_superuser
        and any(t.standing.holdings for t in profile_of(user).tenants.values())
    )


class ConsoleSignIn(AuthenticationForm):
    """Says at the door, to somebody with the right password, why they cannot enter."""

    def confirm_login_allowed(self, user: Any) -> None:
        """Refuse logins that have no place in any account."""
        super().confirm_login_allowed(user)
        if not is_tenant(user):
            raise ValidationError(
                _(
                    "This login has no active place in any account. "
                    "Ask the owner of your account to add you."
                ),
                code="no_account",
            )


class OurSite(AdminSite):
    """An admin site that leaves signing in to the project, where that has pages of its own."""

    def login(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """Lead to the project's sign-in, or show Django's form."""
        answer = logins.current().at_the_door(request, self)
        return answer or super().login(request, extra_context)

    def password_change(self, request: HttpRequest, extra_context: Any = None) -> Any:
        """Lead to where people look after their login, or show Django's form."""
        page = logins.current().own_page()
        return redirect(page) if page else super().password_change(request, extra_context)


class ConsoleSite(OurSite):
    """For tenants: people who own an account or have an active membership, and nobody else."""

    faces_tenants = True
    site_title = _("Console")
    site_header = _("Console")
    index_title = _("Home")
    site_url = None
    login_form = ConsoleSignIn
    final_catch_all_view = False
    enable_nav_sidebar = True

    def __init__(self, name: str = "console") -> None:
        super().__init__(name)
        self.own_pages: dict[str, tuple[str, Callable[..., HttpResponseBase]]] = {}
        self.entries: dict[str, MenuEntry] = {}

    def has_permission(self, request: Any) -> bool:
        """Say whether this person is a tenant."""
        return is_tenant(request.user)

    def each_context(self, request: Any) -> dict[str, Any]:
        """Add the desk: account, role and place of the person, for the frame."""
        context = super().each_context(request)
        if context["has_permission"]:
            desk = context["desk"] = desk_of(request)
            if because := desk.account.read_only_because:
                context["read_only"] = self.read_only(desk, because)
        return context

    def read_only(self, desk: Desk, because: str) -> dict[str, str]:
        """Return what every page of an account says that is read-only, and where one may pay."""
        may_pay = desk.holds(PAY_INVOICES, TOP) and PAY_PAGE in self.own_pages
        return {
            "sentence": read_only.sentence(desk.account.name, because),
            "remedy": read_only.remedy(because),
            "url": reverse(f"{self.name}:{PAY_PAGE}") if may_pay else "",
        }

    def get_app_list(self, request: Any, app_label: str | None = None) -> list[dict[str, Any]]:
        """Return the sidebar."""
        return as_app_list(self, request) if self.has_permission(request) else []

    def app_index(self, request: HttpRequest, app_label: str, extra_context: Any = None) -> Any:
        """Answer that there is none: areas are in the sidebar, not by Django application."""
        raise Http404

    def admin_view(self, view: Callable[..., Any], cacheable: bool = False) -> Any:
        """Show every refusal as a page that says what is missing and who can help."""

        @functools.wraps(view)
        def shown(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
            try:
                return view(request, *args, **kwargs)
            except PermissionDenied as refusal:
                return self.refused(request, refusal)

        return super().admin_view(shown, cacheable)

    def refused(self, request: HttpRequest, refusal: PermissionDenied) -> HttpResponse:
        """Return the page of a refusal."""
        context = refusal_context(desk_of(request), refusal)
        return site_page(self, request, "teams/console/refused.html", context, status=403)

    def ask_again(self, request: HttpRequest) -> HttpResponse | None:
        """Return the page that asks to sign in again before a grave act; None if it was recent."""
        return logins.current().ask_again(request)

    def bar(self, request: Any, kind: Any = None) -> Refused | None:
        """Return why nothing is written in the chosen account while it is read-only, but by the
        ``kind`` of verb that says it may."""
        if getattr(kind, "while_read_only", False):
            return None
        return read_only.refusal(desk_of(request).account, "do this")

    # pages of the site itself

    def add_page(
        self,
        route: str,
        view: Callable[..., HttpResponseBase],
        *,
        name: str,
        entry: MenuEntry | None = None,
    ) -> None:
        """Add a page of our own; ``name`` "index" replaces the home page. With an ``entry`` it
        stands in the sidebar; the page itself still refuses whoever may not see it."""
        self.own_pages[name] = (route, view)
        if entry is not None:
            self.entries[name] = entry

    def get_urls(self) -> list[Any]:
        """Add our pages; leave out view-on-site, which leads to any object."""
        own = [
            path(route, self.page(view), name=name)
            for name, (route, view) in {
                "scope": ("scope/", self.scope),
                **self.own_pages,
            }.items()
        ]
        stock = [p for p in super().get_urls() if getattr(p, "name", "") != "view_on_site"]
        return own + stock

    def page(self, view: Callable[..., HttpResponseBase]) -> Any:
        """Return ``view`` behind the door of this site."""
        return self.admin_view(view)

    def scope(self, request: HttpRequest) -> HttpResponse:
        """Show where one may look, or remember what was chosen; anything else is not there."""
        if request.method == "POST":
            return choose(request, home=reverse(f"{self.name}:index"))
        is_part = PART in request.GET
        template = "teams/console/scope_list.html" if is_part else "teams/console/scope.html"
        return site_page(self, request, template, choices(request))


class OperatorSite(OurSite):
    """For the platform's own staff. It can give nobody access inside a tenant."""

    site_title = _("Operator")
    site_header = _("Operator")
    index_title = _("Operator")
    site_url = None
    final_catch_all_view = False

    def get_urls(self) -> list[Any]:
        """Leave out view-on-site."""
        return [p for p in super().get_urls() if getattr(p, "name", "") != "view_on_site"]


console = ConsoleSite(name="console")
operator = OperatorSite(name="operator")
operator.disable_action("delete_selected")
