"""API keys: which there are, what each may do at this moment, and why not more."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.contrib import admin
from django.db.models import Exists, OuterRef, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from permissions import access
from permissions.admin import ScopedFilter
from permissions.audit import label_of
from permissions.profile import Profile
from permissions.resources import registry
from teams import keys, preconditions, provider
from teams.admin import key_verbs, words
from teams.admin.base import ConsoleAdmin
from teams.admin.desk import Desk, desk_of
from teams.admin.persons import people_in
from teams.admin.resources import PlaceFilter
from teams.admin.site import console
from teams.admin.subaccounts import SubaccountAdmin
from teams.catalogue import CATALOGUE, GENERATE_API_KEYS
from teams.models import ApiKey, Subaccount
from teams.services.api_keys import alive

IN_USE, OVER = "in-use", "over"


def keys_in(desk: Desk) -> QuerySet[ApiKey]:
    """Return the keys to those subaccounts of the chosen account where the reader may generate
    keys."""
    scope = desk.profile.scope(desk.account.pk, GENERATE_API_KEYS)
    where = access.within(registry.of(Subaccount), desk.account.pk, scope, "subaccount__")
    return ApiKey.objects.filter(where)


def creators(desk: Desk) -> Mapping[Any, Profile]:
    """Return what the creators of all these keys hold now: there are few, whatever the page."""
    people = keys_in(desk).exclude(created_by=None).order_by().values_list("created_by", flat=True)
    return provider.load_profiles(set(people.distinct()))


def dead_because(desk: Desk, key: ApiKey) -> str:
    """Return why ``key`` opens nothing; empty if it does."""
    return keys.state_of(key, desk.once(creators).get(key.created_by_id))


def state_cell(desk: Desk, key: ApiKey) -> SafeString:
    """Return the state as dot and word; where it takes more than a word, the reason."""
    because = dead_because(desk, key)
    if not because:
        word = "Replaced, ends soon" if key.replaced_by_id else "Active"
        return format_html('<span class="state state--active">{}</span>', word)
    if key.revoked_at is not None:
        because = "Revoked"
    elif key.expires_at is not None and key.expires_at <= timezone.now():
        because = "Expired"
    return format_html('<span class="state state--suspended">{}</span>', because)


def creator_of(key: Any) -> Any:
    """Return who made it, by name to those who see that person elsewhere too."""
    if key.created_by is None:
        return words.none("Nobody any more")
    return label_of(key.created_by) if key.creator_seen else words.none("Somebody you do not see")


class StateFilter(ScopedFilter):
    """Those that may still be used, or those that are over."""

    title = "state"
    parameter_name = "state"

    def lookups(self, request: Any, model_admin: Any) -> list[tuple[str, str]]:
        """Offer both."""
        return [(IN_USE, "In use"), (OVER, "Revoked or expired")]

    def matching(self, request: HttpRequest, queryset: QuerySet[Any], value: str) -> QuerySet[Any]:
        """Return the keys in that state."""
        going = alive(ApiKey.objects.all()).values("pk")
        return queryset.filter(pk__in=going) if value == IN_USE else queryset.exclude(pk__in=going)


@admin.register(ApiKey, site=console)
class ApiKeyAdmin(ConsoleAdmin):
    """The keys of the subaccounts where the reader may generate keys."""

    menu_section = "work"
    menu_order = 60
    menu_icon = "key"
    menu_label = "API keys"
    opened_by = (GENERATE_API_KEYS,)
    page_template = "teams/console/api_key.html"
    empty_text = (
        "There is no API key yet. Create one, and a program of yours works here within its scopes."
    )

    list_filter = (StateFilter, PlaceFilter)
    show_facets = admin.ShowFacets.ALWAYS
    search_fields = ("name", "prefix")
    search_help_text = "Name or prefix"
    ordering = ("-pk",)
    verbs = key_verbs.VERBS

    def scope(self, request: HttpRequest) -> QuerySet[Any]:
        """Return the keys where the reader may generate keys."""
        return keys_in(desk_of(request))

    def may_enter(self, request: HttpRequest) -> bool:
        """Say whether the reader may generate keys anywhere in the chosen account."""
        return desk_of(request).holds(GENERATE_API_KEYS)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Load the names with the list, and whether the reader sees who made each."""
        seen = people_in(desk_of(request)).order_by()
        rows = super().get_queryset(request)
        found: QuerySet[Any] = rows.select_related(
            "subaccount", "account", "created_by", "replaced_by"
        ).annotate(creator_seen=Exists(seen.filter(pk=OuterRef("created_by"))))
        return found

    def get_list_display(self, request: HttpRequest) -> Any:
        """Return the columns, bound to the desk of this request."""
        return desk_of(request).once(columns)

    def get_sortable_by(self, request: HttpRequest) -> Any:
        """Sort by name, and by when it was made, ends and was last used."""
        name, _place, _scopes, _creator, *moments, _state = self.get_list_display(request)
        return name, *moments

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        """Say under the heading what a key is, and where no new ones can be made."""
        context = {"subtitle": " ".join(["What acts through the API.", *lapsed(desk_of(request))])}
        return super().changelist_view(request, context | (extra_context or {}))

    def object_view(
        self, request: HttpRequest, obj: Any, extra_context: dict[str, Any]
    ) -> HttpResponse:
        """Show what it may do now, and what it was given and does not have."""
        desk = desk_of(request)
        because = dead_because(desk, obj)
        profile = desk.once(creators).get(obj.created_by_id)
        now = keys.effective(obj, profile)
        context = {
            "title": obj.name,
            "state": state_cell(desk, obj),
            "because": because,
            "facts": facts(obj),
            "scopes": [
                (CATALOGUE[scope].label if scope in CATALOGUE else scope, scope in now)
                for scope in obj.scopes
            ],
            "held": len(now),
            "unmet": preconditions.unmet(GENERATE_API_KEYS, obj.subaccount),
            "replaced_by": obj.replaced_by,
            "verbs": self.offered(request, obj),
        }
        return self.page(request, obj, context)


def columns(desk: Desk) -> tuple[Any, ...]:
    """Return the columns of the list as functions of a key."""

    @admin.display(description="Name", ordering="name")
    def name(obj: Any) -> str:
        return str(obj)

    @admin.display(description="Subaccount")
    def place(obj: Any) -> str:
        return str(obj.subaccount.name)

    @admin.display(description="Scopes")
    def scopes(obj: Any) -> int:
        return len(obj.scopes)

    @admin.display(description="Created by")
    def creator(obj: Any) -> Any:
        return creator_of(obj)

    @admin.display(description="Created", ordering="created_at")
    def created(obj: Any) -> SafeString:
        return format_html('<span class="nowrap-cell">{}</span>', words.when(obj.created_at))

    @admin.display(description="Expires", ordering="expires_at")
    def expires(obj: Any) -> SafeString:
        return format_html(
            '<span class="nowrap-cell">{}</span>', words.when(obj.expires_at, "Never")
        )

    @admin.display(description="Last used", ordering="last_used_at")
    def used(obj: Any) -> SafeString:
        return format_html('<span class="nowrap-cell">{}</span>', words.when(obj.last_used_at))

    @admin.display(description="State")
    def state(obj: Any) -> SafeString:
        return state_cell(desk, obj)

    return name, place, scopes, creator, created, expires, used, state


def facts(key: Any) -> list[tuple[str, Any]]:
    """Return what the page says about it first."""
    return [
        ("Begins with", f"{keys.MARK}_{key.prefix}_"),
        ("Subaccount", key.subaccount.name),
        ("Created by", creator_of(key)),
        ("Created", words.when(key.created_at)),
        ("Expires", words.when(key.expires_at, "Never")),
        ("Last used", words.when(key.last_used_at)),
        *([("Revoked", words.when(key.revoked_at))] if key.revoked_at else []),
    ]


def lapsed(desk: Desk) -> list[str]:
    """Say what is the matter where no new key can be made now, if lists show one subaccount."""
    reach = desk.reach
    only = desk.place.pk if desk.place else next(iter(reach)) if reach and len(reach) == 1 else None
    reason = desk.once(key_verbs.closed).get(only, "")
    return [f"{reason} Existing keys keep working; new ones are refused."] if reason else []


def link_on_page(request: HttpRequest, subaccount: Subaccount) -> tuple[str, str] | None:
    """Return where the page of ``subaccount`` leads to its keys; None for whoever may not."""
    desk = desk_of(request)
    if not desk.holds(GENERATE_API_KEYS, subaccount.pk):
        return None
    count = alive(keys_in(desk).filter(subaccount=subaccount)).count()
    url = reverse(f"{console.name}:teams_apikey_changelist")
    return f"{url}?place={subaccount.pk}", f"API keys ({count})"


SubaccountAdmin.page_links.append(link_on_page)
