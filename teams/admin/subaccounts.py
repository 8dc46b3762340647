"""Subaccounts: the list, the page of one, and its verbs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from django.contrib import admin
from django.contrib.auth import get_user_model
from django.db.models import Case, Count, Q, QuerySet, When
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from permissions import access
from permissions.admin import ScopedFilter
from permissions.audit import label_of
from permissions.resources import registry
from teams import selectors
from teams.admin import lacks, words
from teams.admin.access_panel import panel_context
from teams.admin.base import ConsoleAdmin
from teams.admin.crew_verbs import CREW_VERBS
from teams.admin.desk import Desk, desk_of
from teams.admin.end_verbs import ChangeEndHere
from teams.admin.group_filters import SubaccountsInGroup
from teams.admin.guest_verbs import WithdrawHere
from teams.admin.inviting import InviteHere
from teams.admin.past import past_url
from teams.admin.past_form import places
from teams.admin.persons import sees_people
from teams.admin.resource_verbs import GuestHere
from teams.admin.site import console
from teams.admin.subaccount_verbs import SUBACCOUNT_VERBS
from teams.catalogue import (
    ACCESS_AUDIENCE,
    ACCESS_SETTINGS,
    CREATE_SUBACCOUNTS,
    MANAGE_SUBACCOUNT_SETTINGS,
)
from teams.features import FEATURES, off_in
from teams.limits import Countable
from teams.models import MailingList, Membership, Subaccount


class StateFilter(ScopedFilter):
    """Active or archived."""

    title = "state"
    parameter_name = "state"

    def lookups(self, request: Any, model_admin: Any) -> list[tuple[str, str]]:
        """Offer both."""
        return [("active", "Active"), ("archived", "Archived")]

    def matching(self, request: HttpRequest, queryset: QuerySet[Any], value: str) -> QuerySet[Any]:
        """Return the subaccounts in that state."""
        return queryset.filter(archived_at__isnull=value == "active")


class LacksFilter(ScopedFilter):
    """By somebody the edition wants there and who is missing."""

    title = "what is missing"
    parameter_name = "lacks"

    def lookups(self, request: Any, model_admin: Any) -> list[tuple[str, str]]:
        """Offer what a subaccount can lack in this edition."""
        desk = desk_of(request)
        return [(key, label[:1].upper() + label[1:]) for key, label in lacks.kinds(desk)]

    def matching(self, request: HttpRequest, queryset: QuerySet[Any], value: str) -> QuerySet[Any]:
        """Return the subaccounts that lack it."""
        found = lacks.lacking(desk_of(request))
        return queryset.filter(pk__in=[lack.place.pk for lack in found if lack.key == value])


def counted(queryset: QuerySet[Subaccount], desk: Desk) -> QuerySet[Any]:
    """Count who can work in each subaccount by a role there, and the lists the reader may see.

    None where the people, or the lists, are not the reader's to see: no number is not zero.
    """
    key, place = desk.account.pk, registry.of(Subaccount)
    people = access.within(place, key, selectors.people_places(desk.profile, key))
    if desk.acts_as_owner:  # archived ones too
        people = Q(account=key)
    lists = access.within(place, key, desk.profile.scope(key, ACCESS_AUDIENCE))
    seen = access.visible_q(
        registry.of(MailingList), desk.profile, ACCESS_AUDIENCE, prefix="mailinglists__"
    )
    in_use = Q(mailinglists__archived_at=None)
    now = timezone.now()
    active = Q(memberships__status=Membership.Status.ACTIVE) & (
        Q(memberships__ends_at=None) | Q(memberships__ends_at__gt=now)
    )
    everybody = Count("memberships__user", filter=active, distinct=True)
    return queryset.annotate(
        people=Case(When(people, then=everybody), default=None),
        lists=Case(When(lists, then=Count("mailinglists", filter=seen & in_use, distinct=True))),
    )


def is_entered(desk: Desk) -> bool:
    """Say whether subaccounts are this person's business: they run some, or the account."""
    return (
        desk.works_at_account
        or sees_people(desk)
        or any(
            desk.holds(permission)
            for permission in (ACCESS_SETTINGS, MANAGE_SUBACCOUNT_SETTINGS, CREATE_SUBACCOUNTS)
        )
    )


@admin.register(Subaccount, site=console)
class SubaccountAdmin(ConsoleAdmin):
    """The subaccounts one runs, and archived ones one may restore."""

    menu_section = "work"
    menu_order = 10
    menu_icon = "building"
    menu_label = "Subaccounts"
    opened_by = (ACCESS_SETTINGS, MANAGE_SUBACCOUNT_SETTINGS, CREATE_SUBACCOUNTS)
    page_template = "teams/console/subaccount.html"
    #: what apps above add to the page of a subaccount: (address, label), None for nothing
    page_links: ClassVar[list[Callable[[HttpRequest, Subaccount], tuple[str, str] | None]]] = []

    list_display = ("name_cell", "state_cell", "people_cell", "lists_cell", "created_cell")
    list_display_links = ("name_cell",)
    list_filter = (StateFilter, SubaccountsInGroup, LacksFilter)
    show_facets = admin.ShowFacets.ALWAYS
    search_fields = ("name",)
    search_help_text = "Name"
    ordering = ("name", "pk")
    sortable_by = ("name_cell", "created_cell")
    verbs = (
        *CREW_VERBS,
        InviteHere,
        GuestHere,
        WithdrawHere,
        ChangeEndHere,
        *SUBACCOUNT_VERBS,
    )

    def scope(self, request: HttpRequest) -> QuerySet[Any]:
        """Return the subaccounts of the chosen account that the reader works in."""
        desk = desk_of(request)
        if not is_entered(desk):
            return Subaccount.objects.none()
        return selectors.subaccounts_of(desk.user).filter(account=desk.account)

    def narrow(self, request: HttpRequest, queryset: QuerySet[Any], place: int) -> QuerySet[Any]:
        """Keep all: this is the list from which one is chosen."""
        return queryset

    def may_enter(self, request: HttpRequest) -> bool:
        """Say whether the reader runs anything."""
        return is_entered(desk_of(request))

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Count people and lists with the list."""
        return counted(super().get_queryset(request), desk_of(request)).select_related("account")

    @admin.display(description="Name", ordering="name")
    def name_cell(self, obj: Any) -> str:
        """Return the name."""
        return str(obj.name)

    @admin.display(description="State")
    def state_cell(self, obj: Any) -> SafeString:
        """Return active, archived or the account's own."""
        if obj.is_archived:
            return format_html('<span class="state state--suspended">{}</span>', "Archived")
        return format_html(
            '<span class="state state--active">{}</span>',
            "Own workspace" if obj.is_home else "Active",
        )

    @admin.display(description="People")
    def people_cell(self, obj: Any) -> Any:
        """Return how many have a role in it."""
        if obj.people is None:
            return words.none("Not shown")
        name = f"{self.admin_site.name}:teams_subaccount_change"
        return format_html('<a href="{}#people">{}</a>', reverse(name, args=[obj.pk]), obj.people)

    @admin.display(description="Mailing lists")
    def lists_cell(self, obj: Any) -> Any:
        """Return how many lists it has."""
        if obj.lists is None:
            return words.none("Not shown")
        url = reverse(f"{self.admin_site.name}:teams_mailinglist_changelist")
        return format_html('<a href="{}?place={}">{}</a>', url, obj.pk, obj.lists)

    @admin.display(description="Created", ordering="created_at")
    def created_cell(self, obj: Any) -> SafeString:
        """Return when it was made."""
        return format_html('<span class="nowrap-cell">{}</span>', words.when(obj.created_at))

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        """Say under the heading how many there are of how many."""
        context = {"subtitle": limit_sentence(desk_of(request))}
        return super().changelist_view(request, context | (extra_context or {}))

    def object_view(
        self, request: HttpRequest, obj: Any, extra_context: dict[str, Any]
    ) -> HttpResponse:
        """Show the subaccount and the people in it."""
        desk = desk_of(request)
        shown = obj.people is not None
        offered = self.offered(request, obj)
        ceiling = ""
        if obj.is_archived and desk.offers.may_archive(obj):
            ceiling = desk.offers.ceiling()
        context = {
            "title": obj.name,
            "state": self.state_cell(obj),
            "facts": [
                ("People with a role in it", self.people_cell(obj)),
                ("Mailing lists", self.lists_cell(obj)),
                ("Created", words.when(obj.created_at)),
                *([("Archived", words.when(obj.archived_at))] if obj.is_archived else []),
            ],
            "ceiling": ceiling,
            "shows_people": shown,
            "people": people_rows(desk, obj) if shown else [],
            "has_contact": desk.edition.has_primary_contact,
            "off": [FEATURES[name].label for name in off_in(obj)],
            "features": next((verb for verb in offered if verb.name == "features"), None),
            "verbs": [verb for verb in offered if verb.name not in ("rename", "features")],
            "links": [found for link in self.page_links if (found := link(request, obj))],
            "rename": next((verb for verb in offered if verb.name == "rename"), None),
            "people_open": sees_people(desk),
            "history_url": _history_url(desk, obj),
            "past_url": _past_url(desk, obj),
            "person_url": person_url(),
            **panel_context(self, request, obj),
        }
        return self.page(request, obj, context)


def _history_url(desk: Desk, subaccount: Subaccount) -> str:
    """Return where one reads what happened in ``subaccount``; empty for who sees nobody."""
    if not (desk.acts_as_owner or sees_people(desk)):
        return ""
    return f"{reverse(f'{console.name}:history')}?place={subaccount.pk}"


def _past_url(desk: Desk, subaccount: Subaccount) -> str:
    """Return where one reads who had access to ``subaccount``; empty for who sees nobody there."""
    is_open = any(place.pk == subaccount.pk for place in places(desk))
    return past_url(desk, place=subaccount.pk) if is_open else ""


def person_url() -> str:
    """Return the name of a person's page; the model of logins is the project's own."""
    meta = get_user_model()._meta
    return f"{console.name}:{meta.app_label}_{meta.model_name}_change"


def limit_sentence(desk: Desk) -> str:
    """Return how many active subaccounts there are, and how many there may be."""
    own = [place for place in desk.active if not place.is_home]
    limit = desk.offers.limit(Countable.SUBACCOUNTS) if desk.acts_as_owner else None
    if limit is not None:
        whence = f"{limit.value} that {limit.because} allows"
        return f"{len(own)} active subaccounts of the {whence}. Archived ones do not count."
    noun = "subaccount" if len(own) == 1 else "subaccounts"
    return f"{len(own)} active {noun} in {desk.account.name}."


def people_rows(desk: Desk, subaccount: Subaccount) -> list[dict[str, Any]]:
    """Return who works in the subaccount as what; managers only to those who see them."""
    sees_managers = selectors.sees_account_people(desk.profile, desk.account.pk)
    where = selectors.works_in(subaccount) if sees_managers else Q(subaccount=subaccount)
    rows = (
        Membership.objects.filter(where, account=desk.account)
        .select_related("user", "custom_role", "subaccount")
        .order_by(*words.by_name("user__"))
    )
    found = [
        {
            "person": row.user,
            "avatar": words.avatar(row.user),
            "name": label_of(row.user),
            "mail": row.user.email or row.user.get_username(),
            "chip": words.role_chip(desk, row),
            "level": "The account" if row.is_account_level else "This subaccount",
            "state": words.state_chip(words.state(row.user, [row], desk.account)),
            "is_contact": row.is_primary_contact,
            "ends": words.when(row.ends_at, "No end"),
        }
        for row in rows
    ]
    order = {role.codename: -(role.rank or 0) for role in desk.edition.roles}
    paired = sorted(zip(rows, found, strict=True), key=lambda pair: order.get(pair[0].role, 0))
    return [row for _membership, row in paired]
