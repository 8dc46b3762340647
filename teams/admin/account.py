"""The account's own settings, and the style sheet of its colour."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_safe

from permissions.audit import label_of
from teams.admin import words
from teams.admin.account_verbs import (
    LIMITED,
    STANDARD,
    AskSecondFactor,
    ChangeColour,
    ChangeTeamMode,
    ColourVerb,
    MaskAddresses,
    StandardColour,
)
from teams.admin.base import ConsoleAdmin
from teams.admin.desk import desk_of
from teams.admin.ownership_verbs import (
    OwnershipVerb,
    TransferOwnership,
    WithdrawTransfer,
    becomes,
    open_offer,
)
from teams.admin.site import console
from teams.catalogue import MANAGE_ACCOUNT_SETTINGS, MANAGE_THEME
from teams.colours import LEGIBLE, WHITE, as_hex, contrast, parse, stylesheet, tokens
from teams.factors import CLASSES, has_factors
from teams.models import Account

WEEK = 7 * 24 * 3600


@admin.register(Account, site=console)
class AccountSettingsAdmin(ConsoleAdmin):
    """The chosen account, to whoever may change its settings; there is a page and no list."""

    menu_section = "account"
    menu_icon = "settings"
    menu_label = "Account settings"
    opened_by = (MANAGE_ACCOUNT_SETTINGS, MANAGE_THEME)
    page_template = "teams/console/account.html"
    ordering = ("name",)
    verbs = (
        ChangeColour,
        StandardColour,
        MaskAddresses,
        AskSecondFactor,
        ChangeTeamMode,
        TransferOwnership,
        WithdrawTransfer,
    )

    def scope(self, request: HttpRequest) -> QuerySet[Any]:
        """Return the chosen account."""
        desk = desk_of(request)
        keys = [desk.account.pk] if self.may_enter(request) else []
        return Account.objects.filter(pk__in=keys).select_related("owner")

    def may_enter(self, request: HttpRequest) -> bool:
        """Say whether there is anything to set for the reader."""
        desk = desk_of(request)
        return desk.holds(MANAGE_THEME) or desk.holds(MANAGE_ACCOUNT_SETTINGS)

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        """Lead to the page of the chosen account."""
        if not self.may_enter(request):
            raise self.closed(request)
        name = f"{self.admin_site.name}:teams_account_change"
        return HttpResponseRedirect(reverse(name, args=[desk_of(request).account.pk]))

    def object_view(
        self, request: HttpRequest, obj: Any, extra_context: dict[str, Any]
    ) -> HttpResponse:
        """Show what the account is, and its colour."""
        desk = desk_of(request)
        offered = self.offered(request, obj)
        pending = desk.once(open_offer) if desk.is_owner else None
        context = {
            "title": "Account settings",
            "facts": [
                ("Name", obj.name),
                ("Edition", desk.edition.label),
                (desk.edition.owner_label, label_of(obj.owner)),
                ("Since", words.when(obj.created_at)),
            ],
            "owner": label_of(obj.owner),
            "pending": pending,
            "heir": label_of(pending.heir) if pending else "",
            "becomes": becomes(desk),
            "owner_verbs": [verb for verb in offered if isinstance(verb, OwnershipVerb)],
            "shades": shades(obj),
            "is_standard": not obj.accent,
            "verbs": [verb for verb in offered if isinstance(verb, ColourVerb)],
            "mask_verbs": [verb for verb in offered if isinstance(verb, MaskAddresses)],
            "has_teams": desk.edition.has_teams,
            "limited": dict(LIMITED)[obj.team_mode],
            "team_verbs": [verb for verb in offered if isinstance(verb, ChangeTeamMode)],
            "has_factors": has_factors(),
            "asked": [str(one.label) for n, one in CLASSES.items() if n in obj.second_factor],
            "factor_verbs": [verb for verb in offered if isinstance(verb, AskSecondFactor)],
        }
        return self.page(request, obj, context)


def shades(account: Account) -> list[tuple[str, str, str]]:
    """Return (where, colour, contrast in words) of the accent on light and on dark pages."""
    colour = parse(account.accent or STANDARD) or WHITE
    light, dark = tokens(colour)["accent"]
    on_light, on_dark = tokens(colour)["on-accent"]
    return [
        ("On light pages", as_hex(light), f"{contrast(light, on_light):.1f} to 1"),
        ("On dark pages", as_hex(dark), f"{contrast(dark, on_dark):.1f} to 1"),
    ]


@require_safe
@cache_control(public=True, max_age=WEEK)
def theme(request: HttpRequest, accent: str) -> HttpResponse:
    """Serve the style sheet of one colour, to anybody: it says nothing but what its address says.

    A colour that no account may have is not there, nor is one written in another way.
    """
    colour = parse(accent)
    if colour is None or as_hex(colour) != f"#{accent}" or contrast(colour, WHITE) < LEGIBLE:
        raise Http404
    return HttpResponse(stylesheet(colour), content_type="text/css; charset=utf-8")
