"""Grants whose giver does not hold any more what they gave: they last until they are withdrawn.

Losing a right does not undo what one gave before. What somebody gave and could not give now is
listed here: roles, optional permissions, guest access and places in teams that count today, held
against what the giver holds today, compared as every grant is (``permissions.policy.covers``).

What sleeps for want of a second factor is not lost: its holder wakes it. Whoever is suspended, has
a login that is switched off or has no place any more holds nothing. The owner holds everything.
Suspended and ended roles are left out: waking them is judged as a grant.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from django.contrib.auth import get_user_model
from django.db.models import Q, QuerySet
from django.utils import timezone

from permissions import access, grants
from permissions.lookups import NEVER, any_of
from permissions.policy import Atoms, PlaceId, Reach, Scope
from permissions.resources import Resource, registry
from teams import selectors
from teams.catalogue import MANAGE_TEAMS
from teams.editions import get
from teams.editions.spec import Edition
from teams.models import (
    Account,
    AccountUserGrant,
    Membership,
    SubaccountUserGrant,
    Team,
    TeamMembership,
)
from teams.models.account import TeamMode
from teams.rights import custom_bundle, role_bundle, toggle_bundle
from teams.vouching import Givers


@dataclass(frozen=True, slots=True)
class Orphan:
    """One grant that its giver could not make now.

    ``kind`` is role, switch, guest or team; ``key`` names it for as long as it lasts.
    ``membership`` belongs to the first two, ``codename`` is the toggle of a switch; ``obj`` is
    what a guest was let into, of the model ``target``, or the team. ``missing`` is what of it the
    giver does not hold where. ``giver`` is None for nobody on record, and ``is_gone`` says that
    they hold nothing here at all. All rows are keys until ``loaded``.
    """

    key: str
    kind: str
    person: Any
    giver: Any
    at: datetime | None
    missing: Atoms
    is_gone: bool
    membership: Any = None
    codename: str = ""
    obj: Any = None
    target: str = ""
    place: PlaceId | None = None

    @property
    def permissions(self) -> tuple[str, ...]:
        """Return what the giver lacks, by codename."""
        return tuple(sorted({permission for permission, _condition in self.missing}))


@dataclass(frozen=True, slots=True)
class _Grant:
    """One recorded grant, by keys, and what it gives."""

    orphan: Orphan
    wanted: Atoms
    at_account: bool = False


@dataclass(slots=True)
class _Search:
    """One question about ``account``: of one ``person`` (a key) or all; with ``seen`` only what
    hangs on these memberships, guests at places in ``scope``, and teams if ``teams``."""

    account: Account
    person: Any = None
    seen: QuerySet[Membership] | None = None
    scope: Scope | None = None
    teams: bool = True
    now: datetime = field(default_factory=timezone.now)
    edition: Edition = field(init=False)
    givers: Givers = field(init=False)

    def __post_init__(self) -> None:
        self.edition = get(self.account.edition)
        self.givers = Givers(self.account)

    def lasting(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        """Return the rows that have not ended, of whom is asked."""
        found = rows.filter(grants.active(self.now))
        return found if self.person is None else found.filter(user=self.person)

    def of_others(self, rows: QuerySet[Any], giver: str, *, kept: Q = NEVER) -> QuerySet[Any]:
        """Return the rows of ``lasting`` that the owner did not give, and those ``kept``."""
        owned = Q(**{giver: self.account.owner_id})
        return self.lasting(rows).filter(kept | ~owned | Q(**{f"{giver}__isnull": True}))

    def working(self) -> QuerySet[Membership]:
        """Return the memberships that count now and may be known."""
        rows = Membership.objects.filter(
            grants.active(self.now), account=self.account, status=Membership.Status.ACTIVE
        )
        if self.seen is not None:
            rows = rows.filter(pk__in=self.seen.order_by().values("pk"))
        return rows


def orphans_of(account: Account, *, person: Any = None) -> list[Orphan]:
    """Return every grant in ``account`` whose giver could not make it now; of one ``person`` if
    given. The number of queries does not depend on how many there are."""
    return _found(_Search(account, getattr(person, "pk", None)))


def orphans_seen(user: Any, account: Account, *, person: Any = None) -> list[Orphan]:
    """Return those of ``orphans_of`` about people and places that ``user`` sees.

    Not what ``user`` was given themselves: about that somebody else decides.
    """
    profile = access.profile_of(user)
    search = _Search(
        account,
        getattr(person, "pk", None),
        seen=selectors.memberships_of(user).filter(account=account),
        scope=selectors.people_places(profile, account.pk),
        teams=bool(profile.scope(account.pk, MANAGE_TEAMS)),
    )
    return [found for found in _found(search) if found.person != user.pk]


def _found(search: _Search) -> list[Orphan]:
    """Return the grants found, those to members first, oldest first."""
    givers = search.givers
    given = [*_roles(search), *_switches(search), *_guests(search)]
    teams = list(_teams(search))
    added = givers.added({g.orphan.membership for g in given if g.at_account})
    givers.look_up(
        {grant.orphan.giver for grant in (*given, *teams)}
        | {giver for places in added.values() for giver in places.values()}
    )
    found: dict[str, Orphan] = {}
    for grant in given:
        one = grant.orphan
        if places := added.get(one.membership):
            who, missing = givers.lacks_by_reach(one.giver, grant.wanted, places)
        else:
            who, missing = one.giver, givers.lacks(one.giver, grant.wanted)
        if missing:
            earlier = found.get(one.key)
            both = missing if earlier is None else {**earlier.missing, **missing}
            found[one.key] = replace(one, giver=who, missing=both, is_gone=givers.is_gone(who))
    shown = _shown_to_teams(search, teams)
    for grant in teams:
        one = grant.orphan
        missing = _unseen(search, one.giver, shown.get(one.codename, ()))
        if missing or givers.is_gone(one.giver):
            found[one.key] = replace(
                one, missing=missing, codename="", is_gone=givers.is_gone(one.giver)
            )
    return list(found.values())


def _roles(search: _Search) -> Iterator[_Grant]:
    # the reach of a role on the account may have been widened by others than gave it
    rows = search.of_others(search.working(), "given_by", kept=Q(subaccount=None))
    for pk, person, giver, at, place, every, role, custom, ticks in rows.order_by(
        "added_at", "pk"
    ).values_list(
        "pk", "user_id", "given_by_id", "added_at", "subaccount_id", "all_subaccounts", "role",
        "custom_role_id", "custom_role__permissions",
    ):  # fmt: skip
        name = search.edition.codename
        if custom is not None:
            rights = custom_bundle(name, json.dumps(ticks))
        elif search.edition.find_role(role) is not None:
            rights = role_bundle(name, role)
        else:
            continue  # a role the edition does not have gives nothing
        wanted = search.givers.gives(rights, search.givers.extent(pk, place, every))
        one = Orphan(f"role:{pk}", "role", person, giver, at, {}, False, membership=pk, place=place)
        yield _Grant(one, wanted, at_account=place is None)


def _switches(search: _Search) -> Iterator[_Grant]:
    if not search.edition.toggles:
        return
    working = search.working().values("pk")
    for table in (AccountUserGrant, SubaccountUserGrant):
        rows = search.of_others(
            table._default_manager.filter(membership__in=working),
            "granted_by",
            kept=Q(membership__subaccount=None),
        ).order_by("granted_at", "pk")
        for key, person, giver, at, permission, role, place, every in rows.values_list(
            "membership_id", "user_id", "granted_by_id", "granted_at", "permission__codename",
            "membership__role", "membership__subaccount_id", "membership__all_subaccounts",
        ):  # fmt: skip
            spec = search.edition.find_role(role)
            toggle = spec.toggle_of(permission) if spec is not None else None
            if toggle is None:
                continue
            extent = search.givers.extent(key, place, every)
            one = Orphan(
                f"switch:{key}:{toggle}", "switch", person, giver, at, {}, False,
                membership=key, codename=toggle, place=place,
            )  # fmt: skip
            wanted = search.givers.gives(toggle_bundle(permission), extent)
            yield _Grant(one, wanted, at_account=place is None)


def _guests(search: _Search) -> Iterator[_Grant]:
    for resource, given in selectors.guest_grants():
        rows = search.of_others(
            given.filter(**{f"content_object__{resource.root_path}": search.account.pk}),
            "granted_by",
        ).order_by("granted_at", "pk")
        for person, giver, at, permission, obj, place in rows.values_list(
            "user_id", "granted_by_id", "granted_at", "permission__codename",
            "content_object_id", f"content_object__{resource.place_path}",
        ):  # fmt: skip
            if permission not in resource.guest:
                continue
            if search.scope is not None and place not in search.scope:
                continue
            reach = Reach(top=False, places=frozenset({place}))
            key = f"guest:{resource.label}:{obj}:{person}:{giver or 0}"
            one = Orphan(
                key, "guest", person, giver, at, {}, False,
                obj=obj, target=resource.label, place=place,
            )  # fmt: skip
            yield _Grant(one, search.givers.gives(toggle_bundle(permission), reach))


# teams give no permission of their own: they show what is shared with them


def _teams(search: _Search) -> Iterator[_Grant]:
    account = search.account
    off = account.team_mode == TeamMode.OFF or not search.edition.has_teams
    if off or not search.teams:
        return
    rows = search.of_others(TeamMembership.objects.filter(team__account=account), "added_by")
    if search.seen is not None:
        rows = rows.filter(user__in=search.seen.order_by().values("user"))
    for pk, person, giver, at, team, group in rows.order_by("added_at", "pk").values_list(
        "pk", "user_id", "added_by_id", "added_at", "team_id", "team__group_id"
    ):
        one = Orphan(
            f"team:{pk}", "team", person, giver, at, {}, False, obj=team, codename=str(group),
            target=Team._meta.label_lower,
        )  # fmt: skip
        yield _Grant(one, {})


_Shared = tuple[Resource, Any, PlaceId]


def _shown_to_teams(search: _Search, found: Iterable[_Grant]) -> dict[str, list[_Shared]]:
    """Return what each group of a team shows: the resource, the key and the place of it."""
    groups = {int(grant.orphan.codename) for grant in found}
    shown: dict[str, list[_Shared]] = defaultdict(list)
    for resource in registry if groups else ():
        if not resource.limited:
            continue
        given = list(grants.shares(resource.model, groups))
        rows = resource.model._default_manager.filter(any_of("pk", {key for _group, key in given}))
        where = dict(rows.values_list("pk", str(resource.place_path)))
        for group, key in given:
            if key in where:
                shown[str(group)].append((resource, key, where[key]))
    return shown


def _unseen(search: _Search, giver: Any, shown: Iterable[_Shared]) -> Atoms:
    """Return what somebody would have to hold to see all that a team shows, and does not."""
    held, profile = search.givers.held(giver), search.givers.profiles.get(giver)
    tenant = profile.tenants.get(search.account.pk) if profile else None
    missing: dict[tuple[str, str], set[PlaceId]] = defaultdict(set)
    for resource, key, place in shown:
        view = (str(resource.actions["view"]), "")
        free = place in held.get((str(resource.unlimited_by), ""), ())
        limited = tenant is not None and resource.limited in tenant.limits and not free
        hidden = limited and profile is not None and key not in profile.shared(resource)
        if place not in held.get(view, ()) or hidden:
            missing[view].add(place)
    return {key: frozenset(places) for key, places in missing.items()}


def loaded(found: Iterable[Orphan]) -> list[Orphan]:
    """Return ``found`` with the rows in place of their keys, a few queries for all of them."""
    found = list(found)
    people = _rows(get_user_model(), {key for o in found for key in (o.person, o.giver)})
    memberships = _rows(
        Membership.objects.select_related(
            "user", "account", "subaccount", "custom_role"
        ).prefetch_related("reach"),
        {o.membership for o in found},
    )
    keys: dict[str, set[Any]] = defaultdict(set)
    for one in found:
        if one.target:
            keys[one.target].add(one.obj)
    models: dict[str, Any] = {resource.label: resource.model for resource in registry}
    models[Team._meta.label_lower] = Team
    objects = {label: _rows(models[label], wanted) for label, wanted in keys.items()}
    return [
        replace(
            one,
            person=people[one.person],
            giver=people.get(one.giver),
            membership=memberships.get(one.membership),
            obj=objects[one.target][one.obj] if one.target else None,
        )
        for one in found
    ]


def _rows(source: Any, keys: set[Any]) -> dict[Any, Any]:
    keys.discard(None)
    rows = source if isinstance(source, QuerySet) else source._default_manager.all()
    return {row.pk: row for row in rows.filter(any_of("pk", keys))} if keys else {}


__all__ = ["Orphan", "loaded", "orphans_of", "orphans_seen"]
