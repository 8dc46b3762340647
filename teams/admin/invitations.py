"""Invitations: who was asked to come, as what, and what became of it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Any

from django.contrib import admin
from django.db.models import Count, Exists, OuterRef, Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

from permissions.admin import ScopedFilter, site_page
from permissions.audit import label_of
from permissions.errors import ServiceError
from permissions.policy import TOP, Standing
from permissions.profile import Tenant
from teams import effective, selectors
from teams.admin import invitation_verbs, words
from teams.admin.base import ConsoleAdmin
from teams.admin.desk import Desk, desk_of
from teams.admin.inviting import Invite
from teams.admin.people_filters import CUSTOM
from teams.admin.person_access import TABS
from teams.admin.persons import changes_people, people_in
from teams.admin.site import console
from teams.editions.spec import ALL_SUBACCOUNTS
from teams.models import Invitation, Role
from teams.services.invitation_gates import offered, seat_of
from teams.services.invitation_mail import link_of

PENDING, EXPIRED = Invitation.Status.PENDING.value, "expired"
#: state -> the shape of its dot, and the word
STATES = {
    PENDING: ("invited", "Pending"),
    EXPIRED: ("suspended", "Expired"),
    Invitation.Status.ACCEPTED.value: ("active", "Accepted"),
    Invitation.Status.WITHDRAWN.value: ("draft", "Withdrawn"),
    Invitation.Status.VOID.value: ("suspended", "Void"),
}


def in_state(state: str) -> Q:
    """Return the condition on invitations that are in ``state``."""
    now = timezone.now()
    if state == EXPIRED:
        return Q(status=PENDING, expires_at__lte=now)
    return Q(status=state, expires_at__gt=now) if state == PENDING else Q(status=state)


def state_of(invitation: Invitation) -> str:
    """Return the state: as stored, or that it has expired."""
    if invitation.status == PENDING and not invitation.is_open:
        return EXPIRED
    return str(invitation.status)


def pending_in(desk: Desk) -> QuerySet[Invitation]:
    """Return the invitations of the chosen account that can still be accepted, as the list shows
    them when it is opened from elsewhere."""
    model_admin: Any = console._registry[Invitation]
    found: QuerySet[Invitation] = model_admin.shown(desk.request)
    return found.filter(in_state(PENDING))


def pending_counts(desk: Desk) -> tuple[int, int]:
    """Return how many invitations are pending, and how many mails of those could not be sent."""
    if not changes_people(desk):
        return 0, 0
    unsent = Count("pk", filter=Q(sent_at=None))
    counts = pending_in(desk).order_by().aggregate(n=Count("pk"), unsent=unsent)
    return counts["n"], counts["unsent"]


def pending_url() -> str:
    """Return the address of the list of those that are pending."""
    return reverse(f"{console.name}:teams_invitation_changelist") + f"?state={PENDING}"


def pending_note(desk: Desk) -> SafeString:
    """Return how many invitations are pending as a sentence with a link; nothing for none."""
    count, unsent = desk.once(pending_counts)
    if not count:
        return mark_safe("")
    said = "1 invitation is pending" if count == 1 else f"{count} invitations are pending"
    more = f"; {unsent} could not be sent" if unsent else ""
    return format_html(' <a href="{}">{}</a>{}.', pending_url(), said, more)


class StateFilter(ScopedFilter):
    """By what became of it."""

    title = "state"
    parameter_name = "state"

    def lookups(self, request: Any, model_admin: Any) -> list[tuple[str, str]]:
        """Offer the states."""
        return [(state, word) for state, (_kind, word) in STATES.items()]

    def matching(self, request: HttpRequest, queryset: QuerySet[Any], value: str) -> QuerySet[Any]:
        """Return the invitations in that state."""
        return queryset.filter(in_state(value))


class RoleFilter(ScopedFilter):
    """By the role that is offered."""

    title = "role"
    parameter_name = "role"

    def lookups(self, request: Any, model_admin: Any) -> list[tuple[str, str]]:
        """Offer the roles of the edition, and custom ones that were offered."""
        desk = desk_of(request)
        found = [(role.codename, str(role.label)) for role in desk.edition.roles]
        if desk.edition.custom_roles is not None:
            used = model_admin.scope(request).order_by().values("custom_role")
            custom = Role.objects.filter(account=desk.account, pk__in=used).order_by("name")
            found += [(f"{CUSTOM}{pk}", name) for pk, name in custom.values_list("pk", "name")]
        return found

    def matching(self, request: HttpRequest, queryset: QuerySet[Any], value: str) -> QuerySet[Any]:
        """Return the invitations to that role."""
        if value.startswith(CUSTOM):
            return queryset.filter(custom_role=value.removeprefix(CUSTOM))
        return queryset.filter(role=value)


@admin.register(Invitation, site=console)
class InvitationAdmin(ConsoleAdmin):
    """The invitations to roles whose holders the reader may change."""

    menu_section = "people"
    menu_order = 51
    menu_icon = "mail"
    menu_label = "Invitations"
    page_template = "teams/console/invitation.html"
    empty_text = "Nobody has been invited yet. Invite people, and they are listed here."

    list_filter = (StateFilter, RoleFilter)
    show_facets = admin.ShowFacets.ALWAYS
    search_fields = ("address",)
    search_help_text = "Address"
    ordering = ("-invited_at", "-pk")
    verbs = (Invite, *invitation_verbs.VERBS)
    bulk_verbs = invitation_verbs.BULK_VERBS

    def scope(self, request: HttpRequest) -> QuerySet[Any]:
        """Return the invitations of the chosen account that the reader could withdraw."""
        desk = desk_of(request)
        if not changes_people(desk):
            return Invitation.objects.none()
        return selectors.invitations_of(desk.user).filter(account=desk.account)

    def narrow(self, request: HttpRequest, queryset: QuerySet[Any], place: int) -> QuerySet[Any]:
        """Keep the offers of a role there, or of one that reaches it."""
        return queryset.filter(selectors.offered_in(place))

    def needed(self, desk: Desk) -> Collection[str]:
        """Return what changing people's roles in a subaccount takes."""
        return desk.edition.changes_subaccount

    def may_enter(self, request: HttpRequest) -> bool:
        """Say whether the reader changes anybody's roles."""
        return changes_people(desk_of(request))

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Load the names with the list, and whether the reader sees the people behind them."""
        seen = people_in(desk_of(request)).order_by()
        rows: QuerySet[Any] = super().get_queryset(request)
        found: QuerySet[Any] = (
            rows.select_related("subaccount", "custom_role", "invited_by", "accepted_by")
            .prefetch_related("reach")
            .annotate(
                inviter_seen=Exists(seen.filter(pk=OuterRef("invited_by"))),
                taker_seen=Exists(seen.filter(pk=OuterRef("accepted_by"))),
            )
        )
        return found

    def get_list_display(self, request: HttpRequest) -> Any:
        """Return the columns, bound to the desk of this request."""
        return desk_of(request).once(columns)

    def get_sortable_by(self, request: HttpRequest) -> Any:
        """Sort by address and by when it was sent."""
        address, _place, _inviter, sent, *_rest = self.get_list_display(request)
        return address, sent

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        """Say under the heading whom the list is about."""
        context = {"subtitle": "Who was asked to come, as what, and what became of it."}
        return super().changelist_view(request, context | (extra_context or {}))

    def object_view(
        self, request: HttpRequest, obj: Any, extra_context: dict[str, Any]
    ) -> HttpResponse:
        """Show all that it offers, and what may be done about it."""
        desk = desk_of(request)
        context = {
            "title": str(obj),
            "state": state_cell(obj),
            "facts": facts(desk, obj),
            "verbs": self.offered(request, obj),
            "link_url": reverse(LINK, args=[obj.pk]) if obj.is_open else "",
            "is_unsent": obj.is_open and obj.sent_at is None,
            "switches": [
                str(toggle.label)
                for toggle in desk.edition.toggles
                if toggle.codename in obj.toggles
            ],
            "teams": list(obj.teams.order_by("name").values_list("name", flat=True)),
            **(given(desk, obj, request.GET.get("place", "")) if obj.status == PENDING else {}),
        }
        return self.page(request, obj, context)

    def get_urls(self) -> list[URLPattern]:
        """Add the page that shows the link."""
        view = self.admin_site.admin_view(self.link_view)
        name = LINK.rpartition(":")[2]
        return [path("<str:object_id>/link/", view, name=name), *super().get_urls()]

    def link_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Show the link that may be copied: it opens the invitation and proves nothing."""
        obj = self.object_or_404(request, object_id)
        if not obj.is_open or request.method not in ("GET", "HEAD"):
            raise Http404
        context = {
            "title": f"Link of the invitation of {obj}",
            "opts": self.opts,
            "original": obj,
            "list_label": self.menu_name(request),
            "link": link_of(obj),
        }
        return site_page(self.admin_site, request, "teams/console/invitation_link.html", context)


LINK = f"{console.name}:teams_invitation_link"


def state_cell(obj: Invitation) -> SafeString:
    """Return the state as dot and word."""
    kind, word = STATES[state_of(obj)]
    return format_html('<span class="state state--{}">{}</span>', kind, word)


def sent_cell(obj: Invitation) -> SafeString:
    """Return when the mail went out; that it could not stands out, and says so."""
    if obj.sent_at is None:
        return format_html('<span class="nowrap-cell is-warn">{}</span>', "Not sent")
    return format_html('<span class="nowrap-cell">{}</span>', words.when(obj.sent_at))


def inviter_of(obj: Any) -> Any:
    """Return who offers it, by name to those who see that person elsewhere too."""
    if obj.invited_by is None:
        return words.none("Nobody any more")
    return label_of(obj.invited_by) if obj.inviter_seen else words.none("Somebody you do not see")


def columns(desk: Desk) -> tuple[Any, ...]:
    """Return the columns of the list as functions of an invitation."""

    @admin.display(description="Address", ordering="address")
    def address(obj: Any) -> str:
        return str(obj.address)

    @admin.display(description="Place and role")
    def place(obj: Any) -> SafeString:
        pair = (words.place_label(desk, obj), words.role_label(desk, obj))
        return words.chips([pair], "")

    @admin.display(description="Invited by")
    def inviter(obj: Any) -> Any:
        return inviter_of(obj)

    @admin.display(description="Sent", ordering="sent_at")
    def sent(obj: Any) -> SafeString:
        return sent_cell(obj)

    @admin.display(description="State")
    def state(obj: Any) -> SafeString:
        return state_cell(obj)

    @admin.display(description="Expires")
    def expires(obj: Any) -> SafeString:
        if obj.status != PENDING:
            return words.none("Settled")
        return words.ending(obj.expires_at)

    return address, place, inviter, sent, state, expires


def facts(desk: Desk, obj: Any) -> list[tuple[str, Any]]:
    """Return what the page says about it first."""
    found = [
        ("Place", words.place_label(desk, obj)),
        ("Role", words.role_label(desk, obj)),
        ("Access ends", words.when(obj.ends_at, "No end")),
        ("Invited by", inviter_of(obj)),
        ("Sent", sent_cell(obj)),
    ]
    if obj.status == PENDING:
        found.append(("Expires", words.ending(obj.expires_at)))
    else:
        found.append((STATES[obj.status][1], words.when(obj.settled_at, "Not recorded")))
    if obj.accepted_by is not None:
        who = label_of(obj.accepted_by) if obj.taker_seen else "Somebody you do not see"
        found.append(("Accepted by", who))
    return found


def given(desk: Desk, obj: Invitation, wanted: str) -> dict[str, Any]:
    """Return what whoever accepts would hold at the chosen place, by area, or why nobody can."""
    change = desk.glance
    try:
        seat = seat_of(change, obj)
    except ServiceError as error:
        return {"obstacle": error.message}
    met = frozenset({ALL_SUBACCOUNTS} if seat.all_subaccounts else ())
    holdings = tuple(replace(h, met=met) for h in offered(change, seat, obj.toggles))
    tenant = Tenant(desk.tenant.root, Standing(None, holdings))
    reach = seat.extent()
    tabs = [(str(place.pk), place.name) for place in desk.active if place.pk in reach]
    tabs += [(TOP, "The account")] if seat.is_account_level else []
    keys = [key for key, _label in tabs]
    if not keys:
        return {}
    chosen = wanted if wanted in keys else keys[0]
    groups = effective.held_by(tenant, desk.edition, TOP if chosen == TOP else int(chosen))
    return {
        "tabs": tabs,
        "use_select": len(tabs) > TABS,
        "chosen": chosen,
        "chosen_label": dict(tabs)[chosen],
        "groups": groups,
        "held": sum(group.held for group in groups),
        "asked": sum(len(group.lines) for group in groups),
    }
