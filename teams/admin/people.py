"""People: the logins of the account, one row a person."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.auth import get_user_model
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

from permissions.audit import label_of
from teams import selectors
from teams.admin import words
from teams.admin.access_verbs import ACCESS_VERBS
from teams.admin.activity import activity
from teams.admin.base import ConsoleAdmin
from teams.admin.desk import Desk, desk_of
from teams.admin.end_verbs import END_VERBS
from teams.admin.extending import ExtendPeople
from teams.admin.group_filters import PeopleInGroup
from teams.admin.invitations import pending_note
from teams.admin.inviting import Invite
from teams.admin.member_verbs import MEMBER_VERBS
from teams.admin.newcomer_verbs import NEWCOMER_VERBS
from teams.admin.orphaned import Mark, WithdrawOrphan, WithdrawOrphans, marks, orphans_note
from teams.admin.past import past_url
from teams.admin.people_filters import PEOPLE_FILTERS
from teams.admin.people_verbs import PEOPLE_VERBS
from teams.admin.person_access import Guest, effective_context, guest_rows, sleeps_here, team_rows
from teams.admin.person_seats import Seat, seats, toggles_on, with_toggles
from teams.admin.persons import people_in, seen_memberships, sees_people, with_places
from teams.admin.place_verbs import PLACE_VERBS
from teams.admin.site import console
from teams.admin.why import why_context
from teams.logins import name_fields
from teams.models import Membership


@admin.register(get_user_model(), site=console)
class PersonAdmin(ConsoleAdmin):
    """The people one may see. Nothing of a login can be edited here: it belongs to its user."""

    menu_section = "people"
    menu_icon = "users"
    menu_label = "People"
    opened_by = selectors.SEES_PEOPLE
    page_template = "teams/console/person.html"

    list_filter = (*PEOPLE_FILTERS, PeopleInGroup)
    show_facets = admin.ShowFacets.ALWAYS
    search_fields = words.search_fields()
    search_help_text = "Name, login or address"
    ordering = words.by_name()
    verbs = (
        *PLACE_VERBS,
        Invite,
        *NEWCOMER_VERBS,
        *MEMBER_VERBS,
        *ACCESS_VERBS,
        *END_VERBS,
        WithdrawOrphan,
    )
    bulk_verbs = (*PEOPLE_VERBS, ExtendPeople, WithdrawOrphans)

    def scope(self, request: HttpRequest) -> QuerySet[Any]:
        """Return the people of the chosen account that the reader sees."""
        desk = desk_of(request)
        if not sees_people(desk):
            return people_in(desk).none()
        return people_in(desk)

    def narrow(self, request: HttpRequest, queryset: QuerySet[Any], place: int) -> QuerySet[Any]:
        """Keep who has a role there, or manages it, and the owner."""
        desk = desk_of(request)
        found = seen_memberships(desk).order_by().filter(selectors.works_in(place))
        return queryset.filter(Q(pk__in=found.values("user_id")) | Q(pk=desk.account.owner_id))

    def may_enter(self, request: HttpRequest) -> bool:
        """Say whether the reader sees anybody but themselves."""
        return sees_people(desk_of(request))

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Load each person's places with the list."""
        return with_places(desk_of(request), super().get_queryset(request))

    def get_list_display(self, request: HttpRequest) -> Any:
        """Return the columns, bound to the desk of this request."""
        return desk_of(request).once(columns)

    @admin.display(description=mark_safe('<input type="checkbox" id="action-toggle">'))
    def action_checkbox(self, obj: Any) -> SafeString:
        """Return the box that chooses a person, named as people know them."""
        return format_html(
            '<input type="checkbox" name="{}" value="{}" class="action-select" '
            'aria-label="Choose {}">',
            ACTION_CHECKBOX_NAME,
            obj.pk,
            label_of(obj),
        )

    def get_sortable_by(self, request: HttpRequest) -> Any:
        """Sort by name and by last sign-in."""
        person, _places, _optional, signed_in, _ends = self.get_list_display(request)
        return person, signed_in

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        """Say under the heading whose people these are."""
        desk = desk_of(request)
        said = f"Who works in {desk.account.name}, where, and as what."
        context = {"subtitle": format_html("{}{}{}", said, pending_note(desk), orphans_note(desk))}
        return super().changelist_view(request, context | (extra_context or {}))

    def object_view(
        self, request: HttpRequest, obj: Any, extra_context: dict[str, Any]
    ) -> HttpResponse:
        """Show the person."""
        context = person_context(request, obj, self if obj.pk != request.user.pk else None)
        return self.page(request, obj, context)


def columns(desk: Desk) -> tuple[Any, ...]:
    """Return the columns of the list as functions of a person."""
    meta = get_user_model()._meta
    link = f"{console.name}:{meta.app_label}_{meta.model_name}_change"

    @admin.display(description="Person", ordering=name_fields()[0])
    def person(obj: Any) -> SafeString:
        state = words.state(obj, obj.seen, desk.account)
        return format_html(
            '<span class="person">{}<span class="person-text"><span class="person-name">{}{}</span>'
            '<span class="person-mail">{}</span></span></span>',
            words.avatar(obj),
            label_of(obj),
            format_html(" {}", words.state_chip(state)) if state != "active" else "",
            obj.email or obj.get_username(),
        )

    @admin.display(description="Places and roles")
    def places(obj: Any) -> SafeString:
        pairs = [(words.place_label(desk, m), words.role_label(desk, m)) for m in obj.seen]
        if obj.pk == desk.account.owner_id:
            pairs.insert(0, words.owner_chip(desk))
        return words.chips(pairs, reverse(link, args=[obj.pk]))

    @admin.display(description="Optional")
    def optional(obj: Any) -> SafeString:
        labels = toggles_on(desk, obj.seen)
        if not labels:
            return words.none()
        tick = words.icon("check")
        rows = format_html_join(
            "", '<li><span class="opt">{}{}</span></li>', ((tick, label) for label in labels)
        )
        return format_html('<ul class="chips chips--column">{}</ul>', rows)

    @admin.display(description="Last sign-in", ordering="last_login")
    def signed_in(obj: Any) -> SafeString:
        return format_html('<span class="nowrap-cell">{}</span>', words.when(obj.last_login))

    @admin.display(description="Ends")
    def ends(obj: Any) -> SafeString:
        return words.ending(min((m.ends_at for m in obj.seen if m.ends_at), default=None))

    return person, places, optional, signed_in, ends


def person_context(request: HttpRequest, person: Any, model_admin: Any) -> dict[str, Any]:
    """Return what a person's page shows; without ``model_admin`` nothing is offered."""
    desk = desk_of(request)
    memberships = list(with_toggles(seen_memberships(desk).filter(user=person)))
    own = person.pk == desk.user.pk
    first_name = "you" if own else (getattr(person, "first_name", "") or label_of(person))
    is_owner = person.pk == desk.account.owner_id
    found = seats(desk, memberships, model_admin, person)
    guests = guest_rows(desk, person)
    teams = team_rows(desk, person)
    shown = effective_context(desk, person, memberships, request.GET.get("place", ""))
    marked = {} if model_admin is None else marks(request, model_admin, person)
    for seat in found:
        _mark(seat, marked)
    offer = model_admin.offered if model_admin is not None else lambda *_: []
    return {
        "title": label_of(person),
        "person": person,
        "avatar": words.avatar(person, " avatar--lg"),
        "state": words.state_chip(words.state(person, memberships, desk.account)),
        "own": own,
        "sleeps": sleeps_here(desk, person),
        "first_name": first_name,
        "is_owner": is_owner,
        "owner_label": desk.edition.owner_label,
        "facts": [
            ("Last sign-in", words.when(person.last_login)),
            ("Member since", words.when(_since(desk, person, memberships), "Not set")),
            ("Access ends", words.when(_ends(memberships), "No end")),
        ],
        "seats": found,
        "has_switches": any(seat.switches for seat in found),
        "guests": [
            (row, offer(request, person, row), marked.get(("guest", *_target(row))))
            for row in guests
        ],
        "teams": [
            (
                row,
                words.ending(row.ends_at),
                offer(request, person, row),
                marked.get(("team", row.team._meta.label_lower, row.team_id)),
            )
            for row in teams
        ],
        "has_teams": desk.edition.has_teams,
        "verbs": offer(request, person),
        "activity": activity(desk, person, memberships),
        "past_url": past_url(desk, person=person.pk),
        "leave_url": reverse(f"{console.name}:leave") if own and not is_owner else "",
        **shown,
        **why_context(desk, person, memberships, shown),
    }


def _mark(seat: Seat, marked: dict[tuple[Any, ...], Mark]) -> None:
    """Say beside a role and its switches if their giver no longer holds them."""
    if found := marked.get(("role", seat.membership.pk, "")):
        seat.note = found.note
    for row in seat.switches:
        if found := marked.get(("switch", seat.membership.pk, row.codename)):
            row.note = f"{row.note} {found.note}"
            row.verbs = [*row.verbs, *found.verbs]


def _target(row: Guest) -> tuple[str, Any]:
    return row.obj._meta.label_lower, row.obj.pk


def _since(desk: Any, person: Any, memberships: list[Membership]) -> Any:
    if person.pk == desk.account.owner_id:
        return desk.account.created_at
    return min((m.added_at for m in memberships), default=None)


def _ends(memberships: list[Membership]) -> Any:
    if any(m.ends_at is None for m in memberships):
        return None
    return max((m.ends_at for m in memberships if m.ends_at is not None), default=None)
