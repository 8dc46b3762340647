"""Pages of the console that are about no single object: home, own access, the matrix."""

from __future__ import annotations

from typing import Any, NamedTuple

from django.db.models import Count, Q
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse

from permissions import access
from permissions.audit import label_of
from permissions.catalogue import Permission
from teams import selectors
from teams.admin import feed, words
from teams.admin.desk import Desk, desk_of
from teams.admin.people import PersonAdmin, person_context
from teams.admin.persons import people_in, seen_memberships, sees_people
from teams.admin.roles import roles_context
from teams.admin.site import console
from teams.admin.subaccounts import SubaccountAdmin, counted, is_entered
from teams.catalogue import (
    ACCESS_AUDIENCE,
    ACCESS_AUTOMATION,
    ACCESS_CAMPAIGNS,
    ACCESS_CONTENT,
    ACCESS_RESPONSE,
    CREATE_CAMPAIGNS,
    EXPORT_CONTACTS,
    MANAGE_MEMBERS,
    SEND_CAMPAIGNS,
    VIEW_CONTACTS,
)
from teams.models import Campaign, Membership, Subaccount

RECENT = 6
SHOWN = 12
#: what the home page answers first: "What you may do here"
HEADLINES = (
    ACCESS_CAMPAIGNS,
    CREATE_CAMPAIGNS,
    SEND_CAMPAIGNS,
    ACCESS_AUTOMATION,
    ACCESS_AUDIENCE,
    VIEW_CONTACTS,
    EXPORT_CONTACTS,
    ACCESS_RESPONSE,
    ACCESS_CONTENT,
    MANAGE_MEMBERS,
)


class Card(NamedTuple):
    """A number that leads to the list it counts."""

    label: str
    value: int
    rest: str
    note: str
    url: str
    share: int | None = None


def _page(request: HttpRequest, template: str, context: dict[str, Any]) -> HttpResponse:
    # Django's own hook for reversing names; its stubs leave it out
    request.current_app = console.name  # type: ignore[attr-defined]
    everything = {**console.each_context(request), "subtitle": None, **context}
    return TemplateResponse(request, template, everything)


def _list(admin_class: Any, model: Any, query: str = "") -> str:
    meta = model._meta
    return reverse(f"{console.name}:{meta.app_label}_{meta.model_name}_changelist") + query


def home(request: HttpRequest) -> HttpResponse:
    """Show the home page: state and lists to whoever runs something, rights to everybody."""
    desk = desk_of(request)
    runs = is_entered(desk)
    context: dict[str, Any] = {
        "title": "Home",
        "subtitle": f"{desk.account.name}, {desk.edition.label}. You are {_you_are(desk)}.",
        "cards": _cards(desk, runs),
        "waiting": _waiting(desk) if desk.works_at_account and sees_people(desk) else [],
        "subaccounts": _subaccounts(desk) if runs else [],
        "archived": [place.name for place in desk.places if place.is_archived] if runs else [],
        "more": max(0, len(desk.active) - SHOWN),
        "recent": feed.recent(desk, RECENT) if desk.is_owner else [],
        "campaigns": [] if runs else _campaigns(desk),
        "shows_campaigns": not runs and desk.holds(ACCESS_CAMPAIGNS),
        "abilities": _abilities(desk),
        "verbs": console._registry[Subaccount].offered(request) if runs else [],  # type: ignore[attr-defined]
        "places_seen": [place.name for place in desk.active],
    }
    return _page(request, "teams/console/home.html", context)


def _you_are(desk: Desk) -> str:
    where = desk.where if len(desk.active) == 1 else desk.where[0].lower() + desk.where[1:]
    return f"{desk.chip.label} of {where}"


def _cards(desk: Desk, runs: bool) -> list[Card]:
    found = []
    if runs:
        own = [place for place in desk.active if not place.is_home]
        limit = desk.edition.max_active_subaccounts if desk.is_owner else None
        left = max(0, limit - len(own)) if limit is not None else 0
        found.append(
            Card(
                "Subaccounts",
                len(own),
                f"of {limit}" if limit is not None else "active",
                f"{left} left in {desk.edition.label}" if limit is not None else _archived(desk),
                _list(SubaccountAdmin, Subaccount, "?state=active"),
                round(100 * len(own) / limit) if limit else None,
            )
        )
    if sees_people(desk):
        found += _people_cards(desk)
    for permission, model, label in (
        (ACCESS_CAMPAIGNS, Campaign, desk.label("campaigns", "Campaigns")),
    ):
        if runs and desk.holds(permission):
            rows = access.visible(model.objects.filter(account=desk.account), desk.user, permission)
            counts = rows.aggregate(
                n=Count("pk"), drafts=Count("pk", filter=Q(status=Campaign.Status.DRAFT))
            )
            found.append(
                Card(label, counts["n"], "", f"{counts['drafts']} in draft", _list(None, model))
            )
    return found


def _archived(desk: Desk) -> str:
    count = sum(place.is_archived for place in desk.places)
    return f"{count} archived"


def _people_cards(desk: Desk) -> list[Card]:
    model = people_in(desk).model
    counts = seen_memberships(desk).aggregate(
        people=Count("user", distinct=True),
        managers=Count("user", distinct=True, filter=Q(subaccount=None)),
        suspended=Count("user", distinct=True, filter=Q(status=Membership.Status.SUSPENDED)),
    )
    total = people_in(desk).count()
    managers = counts["managers"]
    note = f"{managers} with a role on the account" if managers else "All of them in subaccounts"
    return [
        Card("People", total, "", note, _list(PersonAdmin, model)),
        Card(
            "Suspended",
            counts["suspended"],
            "",
            "Cannot work until reactivated" if counts["suspended"] else "Everybody can work",
            _list(PersonAdmin, model, "?status=suspended"),
        ),
    ]


def _waiting(desk: Desk) -> list[dict[str, str]]:
    """Return the subaccounts that lack somebody the edition wants there."""
    keys = [place.pk for place in desk.active if not place.is_home]
    rows = Membership.objects.filter(
        subaccount__in=keys, status=Membership.Status.ACTIVE
    ).values_list("subaccount_id", "role", "is_primary_contact")
    admins = {pk for pk, role, _contact in rows if role == "administrator"}
    contacts = {pk for pk, _role, contact in rows if contact}
    roles = {role.codename for role in desk.edition.roles}
    found = []
    for place in desk.active:
        if place.is_home:
            continue
        meta = Subaccount._meta
        url = reverse(f"{console.name}:{meta.app_label}_{meta.model_name}_change", args=[place.pk])
        if "administrator" in roles and place.pk not in admins:
            found.append({"name": place.name, "lacks": "no Administrator", "url": url})
        if desk.edition.has_primary_contact and place.pk not in contacts:
            found.append({"name": place.name, "lacks": "no primary contact", "url": url})
    return found[:5]


def _subaccounts(desk: Desk) -> list[dict[str, Any]]:
    keys = [place.pk for place in desk.active[:SHOWN]]
    own = selectors.subaccounts_of(desk.user).filter(pk__in=keys)
    rows = counted(own, desk.user).order_by("name")
    shown = sees_people(desk)
    top: dict[int, list[str]] = {}
    if shown:
        highest = max(
            (role for role in desk.edition.roles if role.subaccount_level),
            key=lambda role: role.rank or 0,
        )
        leading = seen_memberships(desk).filter(
            subaccount__in=keys, role=highest.codename, status=Membership.Status.ACTIVE
        )
        for membership in leading:
            top.setdefault(membership.subaccount_id or 0, []).append(label_of(membership.user))
    campaigns = dict(
        access.visible(
            Campaign.objects.filter(account=desk.account, subaccount__in=keys),
            desk.user,
            ACCESS_CAMPAIGNS,
        )
        .order_by()
        .values_list("subaccount")
        .annotate(n=Count("pk"))
    )
    return [
        {
            "obj": row,
            "top": words.listed(top.get(row.pk, [])[:2]),
            "people": row.people if shown else None,
            "lists": row.lists,
            "campaigns": campaigns.get(row.pk, 0),
        }
        for row in rows
    ]


def _campaigns(desk: Desk) -> list[dict[str, Any]]:
    rows = access.visible(
        Campaign.objects.filter(account=desk.account), desk.user, ACCESS_CAMPAIGNS
    ).select_related("subaccount")
    campaign_admin: Any = console._registry[Campaign]
    return [
        {
            "obj": row,
            "state": campaign_admin.state_cell(row),
            "place": row.subaccount.name,
            "when": words.when(row.created_at),
        }
        for row in rows.order_by("-created_at")[:8]
    ]


class Ability(NamedTuple):
    """One headline permission, and in how many places it is held."""

    permission: Permission
    held: bool
    where: str


def _abilities(desk: Desk) -> list[Ability]:
    places = desk.active
    found = []
    for permission in HEADLINES:
        if permission not in desk.edition.permissions:
            continue
        held = [place.name for place in places if desk.holds(permission, place.pk)]
        where = ""
        if held and len(held) < len(places):
            where = words.listed(held) if len(held) < 3 else f"{len(held)} of {len(places)}"
        found.append(Ability(permission, bool(held), where))
    return found


def my_access(request: HttpRequest) -> HttpResponse:
    """Show everybody their own places, roles and permissions, and where they come from."""
    context = person_context(request, request.user, None)
    return _page(request, "teams/console/person.html", context | {"is_my_access": True})


def roles(request: HttpRequest) -> HttpResponse:
    """Show what each role of the edition may do, or how two of them differ."""
    context = roles_context(desk_of(request), request.GET)
    return _page(request, "teams/console/roles.html", context)


console.add_page("", home, name="index")
console.add_page("access/", my_access, name="my_access")
console.add_page("roles/", roles, name="roles")
