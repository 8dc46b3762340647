"""The panel of an object's page that says who can do what with it, and why.

``teams.who`` answers for everybody; what is left of it here is what the reader may know: people at
account level are shown to those who see them elsewhere too, and a right that comes only from a role
the reader does not see is not listed.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.contrib.auth import get_user_model
from django.core.paginator import Paginator
from django.db.models import Model, Q
from django.urls import reverse

from permissions import grants
from permissions.audit import label_of
from permissions.catalogue import Area, Permission
from permissions.policy import TOP
from permissions.resources import registry
from teams import effective, selectors, who
from teams.admin import words
from teams.admin.desk import Chip, Desk, desk_of
from teams.admin.guest_verbs import Visitor, visitors
from teams.admin.known import known_at
from teams.admin.persons import open_people
from teams.admin.site import console
from teams.catalogue import ASSIGN_TEAM_RESOURCES, CATALOGUE, MANAGE_TEAMS
from teams.known import Known
from teams.models import Membership, Subaccount, Team
from teams.who import Access

#: people on one page of the panel
SHOWN = 50

Asked = list[tuple[Area, tuple[Permission, ...]]]


@dataclass(frozen=True, slots=True)
class Count:
    """How much of one area somebody holds."""

    label: str
    names: tuple[str, ...]
    asked: int


@dataclass(frozen=True, slots=True)
class Hold:
    """One thing by which somebody holds something: a role, being the owner, guest access."""

    chip: Chip
    where: str
    ends: Any = ""


@dataclass(frozen=True, slots=True)
class _About:
    """What the panel is about: the object, its subaccount, and what of it the reader knows."""

    desk: Desk
    obj: Any
    place: Any
    asked: Asked
    sees: Known


@dataclass(slots=True)
class PanelRow:
    """One person of the panel."""

    name: str
    avatar: Any
    url: str
    holds: list[Hold]
    counts: list[Count]
    whys: list[str]
    sight: str = ""
    verbs: list[Any] = field(default_factory=list)


def panel_context(model_admin: Any, request: Any, obj: Any) -> dict[str, Any]:
    """Return the panel of ``obj`` for its page; nothing for who does not see people there.

    ``?permission=`` narrows it to the people who hold that one. Nobody holds anything in an
    archived subaccount, so there is no panel in it.
    """
    desk = desk_of(request)
    inside = obj if isinstance(obj, Subaccount) else obj.subaccount
    place = inside.pk
    if inside.is_archived or place not in selectors.people_places(desk.profile, desk.account.pk):
        return {}
    asked = areas_of(desk, obj)
    known = {str(permission) for _area, permissions in asked for permission in permissions}
    wanted = request.GET.get("permission", "")
    chosen = CATALOGUE[wanted] if wanted in known else None
    everybody = who.access_of(obj, known if chosen is None else [chosen])
    sees = known_at(desk, place, [one.person.pk for one in everybody])
    seen = [left for one in everybody if (left := one.known(sees.knows)) is not None]
    about = _About(desk, obj, inside, asked, sees)
    page = Paginator(who.in_order(seen, obj), SHOWN).get_page(request.GET.get("page"))
    panel = {
        "rows": _rows(model_admin, request, list(page), about),
        "page": page,
        "groups": [(desk.label(a.codename, a.label), found) for a, found in asked],
        "chosen": chosen,
        "is_unknown": bool(wanted) and chosen is None,
        "is_place": isinstance(obj, Subaccount),
    }
    return {"panel": panel}


def areas_of(desk: Desk, obj: Model) -> Asked:
    """Return what the panel of such an object is about: each area with what the edition has of it.

    Of a list, template or campaign the areas of what is done with one and may be given on one; of
    a subaccount all.
    """
    resource = registry.of(obj)
    own = {CATALOGUE[p].area for p in (*resource.actions.values(), *resource.guest)}
    found = []
    for area in CATALOGUE.areas:
        if area in own or isinstance(obj, Subaccount):
            permissions = tuple(
                p for p in area.permissions if p.level != TOP and p in desk.edition.permissions
            )
            if permissions:
                found.append((area, permissions))
    return found


def _rows(model_admin: Any, request: Any, people: list[Access], about: _About) -> list[PanelRow]:
    desk, obj = about.desk, about.obj
    around = {} if obj is about.place else visitors(desk, about.place)
    here = visitors(desk, obj)
    named = open_people(desk, [one.person.pk for one in people])
    teams = _teams(desk, obj) if any(one.through_teams for one in people) else None
    meta = get_user_model()._meta
    page = f"{console.name}:{meta.app_label}_{meta.model_name}_change"
    # asked of the guests below, so read for all of them at once
    desk.glance.look_up([one.person.pk for one in people if one.person.pk in here])
    rows = []
    for one in people:
        key = one.person.pk
        guests = [(obj, here.get(key)), (about.place, around.get(key))]
        verbs = model_admin.offered(request, obj, here[key]) if key in here else []
        rows.append(
            PanelRow(
                name=label_of(one.person),
                avatar=words.avatar(one.person),
                url=reverse(page, args=[key]) if key in named else "",
                holds=_holds(desk, one, about.sees.seats, guests),
                counts=_counts(desk, one, about.asked),
                whys=list(dict.fromkeys(effective.source_text(s) for s in one.sources)),
                sight=_sight(one, teams),
                verbs=verbs,
            )
        )
    return rows


def _counts(desk: Desk, one: Access, asked: Asked) -> list[Count]:
    found = []
    for area, permissions in asked:
        names = tuple(str(p.label) for p in permissions if p in one.held)
        if names:
            found.append(Count(desk.label(area.codename, area.label), names, len(permissions)))
    return found


def _holds(
    desk: Desk,
    one: Access,
    seats: Mapping[Any, Membership],
    guests: Collection[tuple[Any, Visitor | None]],
) -> list[Hold]:
    found = []
    kinds = {source.kind for source in one.sources}
    if "owner" in kinds:
        found.append(Hold(Chip(str(desk.edition.owner_label), "owner"), "Owns the account"))
    keys = dict.fromkeys(s.ref[1] for s in one.sources if s.ref and s.ref[0] == "membership")
    for key in keys:
        seat = seats[key]
        if seat.subaccount is not None:
            where = f"In {seat.subaccount.name}"
        else:
            where = "On the account, all subaccounts" if seat.all_subaccounts else "On the account"
        found.append(
            Hold(words.role_chip(desk, seat), where, seat.ends_at and words.when(seat.ends_at))
        )
    tables = {source.ref[0] for source in one.sources if source.kind == "guest" and source.ref}
    for obj, guest in guests:
        if guest is not None and grants.user_table(type(obj))._meta.label_lower in tables:
            found.append(Hold(Chip("Guest", "plain"), f"Of {obj}", _until(guest.ends_at)))
    return found


def _until(moment: datetime | None) -> Any:
    return "" if moment is None else words.when(moment)


def _teams(desk: Desk, obj: Any) -> dict[int, str] | None:
    """Return the names of the teams that see ``obj`` or what it uses, by group; None if the reader
    may not know them."""
    _root, place = registry.of(obj).locate(obj)
    if not (desk.holds(MANAGE_TEAMS) or desk.holds(ASSIGN_TEAM_RESOURCES, place)):
        return None
    condition = Q(pk=None)
    for name, part in registry.limitable(registry.of(obj)):
        key = getattr(obj, name)
        if key is not None:
            groups = grants.groups_on(part.model(pk=key)).values("group_id")
            condition |= Q(group__in=groups)
    found = Team.objects.filter(condition, account=desk.account).order_by("name")
    return dict(found.values_list("group_id", "name"))


def _sight(one: Access, teams: Mapping[int, str] | None) -> str:
    """Return by what somebody sees the object, if their roles alone do not show it to them."""
    if not one.through_teams:
        return ""
    if teams is None:
        return "Sees it only through their teams"
    names = [name for group, name in teams.items() if group in one.profile.groups]
    if not names:
        return "Sees it because they created it"
    return f"Sees it through the team{'' if len(names) == 1 else 's'} {words.listed(names)}"
