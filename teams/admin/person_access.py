"""What one person has besides their roles, and what all of it comes to at one place."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils import timezone

from permissions import access, grants
from permissions.policy import TOP
from teams import effective, selectors
from teams.admin import words
from teams.admin.desk import Desk
from teams.admin.known import known_of
from teams.catalogue import CATALOGUE, MANAGE_TEAMS
from teams.models import Membership, TeamMembership

TABS = 8


# guest access and teams


@dataclass(slots=True)
class Guest:
    """What a guest was given on one object."""

    key: str
    obj: Any
    name: str
    kind: str
    labels: list[str]
    ends: Any
    ends_at: datetime | None = None
    place: Any = None


def guest_rows(desk: Desk, person: Any) -> list[Guest]:
    """Return the guest access of ``person`` in subaccounts whose people the reader sees."""
    scope = selectors.people_places(desk.profile, desk.account.pk)
    own = person.pk == desk.user.pk
    found: dict[tuple[str, Any], Guest] = {}
    for resource, given in selectors.guest_grants():
        rows = given.filter(
            grants.active(timezone.now()),
            user=person,
            **{f"content_object__{resource.root_path}": desk.account.pk},
        )
        for row in rows.select_related("content_object", "permission"):
            obj = row.content_object
            _root, place = resource.locate(obj)
            if not own and place not in scope:
                continue
            key = (resource.label, obj.pk)
            if key not in found:
                view = resource.actions.get("view")
                named = own or view is None or access.allows(desk.user, view, obj)
                kind = str(obj._meta.verbose_name)
                name = str(obj) if named else f"A {kind} you do not see"
                ends = words.when(row.ends_at, "No end")
                found[key] = Guest(
                    f"{resource.label}:{obj.pk}", obj, name, kind, [], ends, row.ends_at, place
                )
            if row.permission.codename in resource.guest:
                found[key].labels.append(str(CATALOGUE[row.permission.codename].label))
    return list(found.values())


def team_rows(desk: Desk, person: Any) -> list[TeamMembership]:
    """Return the teams of ``person``, to themselves and to whoever manages teams."""
    if not desk.edition.has_teams:
        return []
    if person.pk != desk.user.pk and not desk.holds(MANAGE_TEAMS):
        return []
    rows = TeamMembership.objects.filter(user=person, team__account=desk.account)
    return list(rows.select_related("team").order_by("team__name"))


def sleeps_here(desk: Desk, person: Any) -> bool:
    """Say whether something of ``person`` sleeps in the account for want of a second factor."""
    tenant = access.profile_of(person).tenants.get(desk.account.pk)
    return tenant is not None and bool(tenant.standing.asleep)


# effective permissions


def tabs(desk: Desk, person: Any, memberships: Iterable[Membership]) -> list[tuple[str, str]]:
    """Return (key, label) of the places where ``person`` may be looked at by the reader."""
    found: dict[str, str] = {}
    at_account = person.pk == desk.account.owner_id
    everywhere = at_account
    own: set[Any] = set()
    for membership in memberships:
        if membership.is_account_level:
            at_account = True
            everywhere = everywhere or membership.all_subaccounts
            own.update(membership.reach_keys)
        else:
            own.add(membership.subaccount_id)
    guests = access.profile_of(person).tenants.get(desk.account.pk)
    if guests is not None:
        for holding in guests.standing.holdings:
            if holding.source.kind == "guest" and holding.reach.places:
                own.update(holding.reach.places)
    for place in desk.active:
        if everywhere or place.pk in own:
            found[str(place.pk)] = place.name
    if at_account:
        found[TOP] = "The account"
    return list(found.items())


def effective_context(
    desk: Desk, person: Any, memberships: Iterable[Membership], wanted: str
) -> dict[str, Any]:
    """Return what ``person`` may do at the chosen place, by area."""
    choices = tabs(desk, person, memberships)
    keys = [key for key, _label in choices]
    chosen = wanted if wanted in keys else (keys[0] if keys else "")
    if not chosen:
        return {"tabs": [], "groups": [], "held": 0, "asked": 0}
    place: Any = TOP if chosen == TOP else int(chosen)
    sees = known_of(desk, person, memberships, place)
    groups = effective.effective(person, desk.account, place, knows=sees.knows)
    return {
        "tabs": choices,
        "use_select": len(choices) > TABS,
        "chosen": chosen,
        "chosen_label": dict(choices)[chosen],
        "groups": groups,
        "held": sum(group.held for group in groups),
        "asked": sum(len(group.lines) for group in groups),
    }
