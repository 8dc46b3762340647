"""What one access review is about: of all there is, what its starter sees in the place, and of
that, what gives the permission in question. And in which order it is gone through.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone

from permissions.errors import ServiceError
from permissions.policy import TOP, PlaceId, Standing, decide
from permissions.profile import Profile
from teams import provider, selectors
from teams.catalogue import CATALOGUE, GENERATE_API_KEYS, MANAGE_TEAMS
from teams.editions.spec import ALL_SUBACCOUNTS
from teams.models import Membership, ReviewLine, Subaccount
from teams.review_reading import Reading
from teams.reviewed import Rows, Thing, all_rows, in_scope
from teams.services.change import Change
from teams.services.invitation_gates import offered, seat_of

#: whoever has not signed in for so long comes first
STALE = timedelta(days=90)


def things_in(
    change: Change, place: Subaccount | None, permission: str
) -> tuple[list[Thing], bool]:
    """Return what there is to review, in the order of review, and whether that is all there is or
    only what the actor sees."""
    everything = _inside(all_rows(change.account), place)
    reading = Reading(change.account, change.actor)
    is_whole = change.standing.acts_as_owner
    seen = everything if is_whole else _seen(everything, change)
    things, rest = reading.things(seen), []
    if not is_whole:
        known = {thing.key for thing in things}
        rest = [t for t in reading.things(everything) if t.key not in known]
    if permission:
        gives = _Gives(change, place, permission, [*things, *rest])
        things, rest = list(filter(gives, things)), list(filter(gives, rest))
    return in_order(things), not rest


def _inside(rows: Rows, place: Subaccount | None) -> Rows:
    """Return those of ``rows`` that concern ``place``: who works there, wherever they got it."""
    if place is None:
        return rows
    members = rows.memberships.filter(selectors.works_in(place))
    offered_there = rows.invitations.filter(selectors.offered_in(place)).order_by().values("pk")
    return Rows(
        memberships=members,
        switched=members,
        guests=[
            (resource, found.filter(**{f"content_object__{resource.place_path}": place.pk}))
            for resource, found in rows.guests
        ],
        teams=rows.teams.filter(user__in=members.order_by().values("user")),
        invitations=rows.invitations.filter(pk__in=offered_there),
        keys=rows.keys.filter(subaccount=place),
    )


def _seen(rows: Rows, change: Change) -> Rows:
    """Return those of ``rows`` that the actor may know of."""
    user, profile, key = change.actor, change.profile, change.account.pk
    seen = selectors.memberships_of(user).filter(account=key).order_by()
    members: QuerySet[Membership] = rows.memberships.filter(pk__in=seen.values("pk"))
    people = selectors.people_places(profile, key)
    teams = rows.teams if profile.scope(key, MANAGE_TEAMS) else rows.teams.none()
    invited = selectors.invitations_of(user).order_by().values("pk")
    return Rows(
        memberships=members,
        switched=members,
        guests=[
            (resource, found.filter(in_scope(f"content_object__{resource.place_path}", people)))
            for resource, found in rows.guests
        ],
        teams=teams.filter(user__in=seen.values("user")),
        invitations=rows.invitations.filter(pk__in=invited),
        keys=rows.keys.filter(in_scope("subaccount_id", profile.scope(key, GENERATE_API_KEYS))),
    )


class _Gives:
    """Says of a thing whether it is a source of ``permission`` in one of the places, or would be.

    For people it asks what ``teams.who.who_can`` would ask, in all places at once.
    """

    def __init__(
        self, change: Change, place: Subaccount | None, permission: str, things: Iterable[Thing]
    ) -> None:
        self.change, self.permission = change, permission
        at_account = CATALOGUE[permission].level == TOP
        archived = change.root.archived
        every: Collection[PlaceId] = change.universe - archived if place is None else {place.pk}
        self.places: Collection[PlaceId] = {TOP} if at_account else every
        people = {t.person.pk for t in things if t.person is not None and t.person.is_active}
        self.sources = {
            source
            for profile in provider.load_profiles(people).values()
            for source in self._sources(profile)
        }

    def _sources(self, profile: Profile) -> Iterator[tuple[str, str, Any]]:
        tenant = profile.tenants.get(self.change.account.pk)
        if tenant is None:
            return
        for place in self.places:
            outcome = decide(tenant.standing, tenant.root, self.permission, place)
            for source in outcome.sources:
                if source.ref is not None:
                    # a role and its switches point at the same membership
                    toggle = source.name if source.kind == "toggle" else ""
                    yield source.kind, toggle, source.ref[1]

    def __call__(self, thing: Thing) -> bool:
        """Say whether ``thing`` gives it."""
        match thing.kind:
            case ReviewLine.Kind.ROLE:
                return ("role", "", thing.row.pk) in self.sources
            case ReviewLine.Kind.TOGGLE:
                return ("toggle", thing.permission, thing.row.pk) in self.sources
            case ReviewLine.Kind.GUEST:
                return thing.permission == self.permission
            case ReviewLine.Kind.INVITATION:
                return self._would_give(thing.row)
            case ReviewLine.Kind.KEY:
                return self.permission in thing.row.scopes
        return False  # a place in a team gives no permission

    def _would_give(self, invitation: Any) -> bool:
        try:
            seat = seat_of(self.change, invitation)
            holdings = offered(self.change, seat, invitation.toggles)
        except ServiceError:
            return False  # nobody can accept it as things are
        met = frozenset({ALL_SUBACCOUNTS} if seat.all_subaccounts else ())
        standing = Standing(None, tuple(replace(holding, met=met) for holding in holdings))
        return any(
            decide(standing, self.change.root, self.permission, place).allowed
            for place in self.places
        )


def in_order(things: Iterable[Thing]) -> list[Thing]:
    """Return ``things`` in the order of review, each person's together.

    People without recent sign-in come first: those who never signed in, then whoever was away
    longest. Then the others, the most privileged first.
    """
    things = list(things)
    heaviest: dict[Any, int] = {}
    for thing in things:
        who = _who(thing)
        heaviest[who] = max(heaviest.get(who, 0), thing.weight)
    recently = timezone.now() - STALE

    def rank(thing: Thing) -> tuple[Any, ...]:
        last, who = thing.last_sign_in, _who(thing)
        is_stale = thing.person is not None and (last is None or last < recently)
        away = (0, last.timestamp() if last else 0.0) if is_stale else (1, 0.0)
        return (*away, -heaviest[who], thing.label.casefold(), who, -thing.weight, *thing.key)

    return sorted(things, key=rank)


def _who(thing: Thing) -> str:
    return str(thing.person.pk) if thing.person is not None else f"@{thing.label}"
