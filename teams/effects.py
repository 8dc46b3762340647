"""Who gains and who loses by a change: everybody's effective rights, before and after.

Nothing here guesses what a change will do. It is carried out and taken back, and what people hold
is compared; so whatever the services do, the preview says it. What is found is the whole truth:
whoever shows it leaves out the people and things that the reader may not know.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Hashable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.db import models, transaction

from permissions import access
from permissions.policy import PlaceId, Scope, Standing
from permissions.policy.compare import Shift, shift, without
from permissions.profile import Profile, Tenant
from permissions.resources import Resource, registry
from teams import provider
from teams.background import only_tried
from teams.differences import Difference, OnObject, Preview
from teams.models import Account, Invitation, Membership


@dataclass(slots=True)
class _Picture:
    """What people effectively hold in one account at one moment, everything of it read."""

    account: Account
    profiles: Mapping[Any, Profile]
    offered: Mapping[Any, str]

    def tenant(self, person: Any) -> Tenant | None:
        profile = self.profiles.get(person)
        return profile.tenants.get(self.account.pk) if profile else None


def people_in(account: Account) -> set[Any]:
    """Return the keys of everybody who may hold anything in ``account``."""
    rows = Membership.objects.filter(account=account, status=Membership.Status.ACTIVE)
    return {account.owner_id, *rows.values_list("user_id", flat=True)}


def _picture(account: Account, people: Collection[Any]) -> _Picture:
    profiles = provider.load_profiles(people)
    for profile in profiles.values():
        tenant = profile.tenants.get(account.pk)
        if tenant is not None and tenant.limits:
            for resource in _limited():
                profile.shared(resource)  # now: later it would say what is so later
    pending = Invitation.objects.filter(account=account, status=Invitation.Status.PENDING)
    pairs = pending.exclude(custom_role=None).values_list("pk", "custom_role__permissions")
    offered = {pk: repr(ticks) for pk, ticks in pairs}
    into = pending.exclude(into=None).order_by("pk", "into__team")
    for pk, team in into.values_list("pk", "into__team"):
        offered[pk] = f"{offered.get(pk, '')} and team {team}"
    return _Picture(account, profiles, offered)


def _limited() -> Iterator[Resource]:
    return (resource for resource in registry if resource.limited)


def trial(
    account: Account, act: Callable[[], Any], *, people: Collection[Any] | None = None
) -> Preview:
    """Carry ``act`` out, take it back, and return what it does to ``people`` (keys; None:
    everybody in the account, before or after).

    Raises whatever ``act`` raises: a change that is refused has no preview. Nothing is written,
    no mail is sent, and no refusal recorded.
    """
    try:
        with transaction.atomic():
            locked = Account.objects.select_for_update(no_key=True).get(pk=account.pk)
            before = _picture(locked, people_in(locked) if people is None else set(people))
            access.forget()
            with only_tried():
                act()
            now = Account.objects.get(pk=account.pk)
            everybody = {*before.profiles, *(people_in(now) if people is None else people)}
            after = _picture(now, everybody)
            found = _compared(before, after)
            transaction.set_rollback(True)
    finally:
        access.forget()
    return found


def _compared(before: _Picture, after: _Picture) -> Preview:
    places = _Objects(before.account)
    shifts: dict[Any, Shift] = {}
    differences: dict[Any, Difference] = {}
    for person in after.profiles:
        was, becomes = before.tenant(person), after.tenant(person)
        key = (_signature(was), _signature(becomes))
        if key not in shifts:
            shifts[key] = _shift(was, becomes)
        gained, lost = _on_objects(
            places,
            key,
            shifts[key],
            (before.profiles.get(person), was),
            (after.profiles[person], becomes),
        )
        found = Difference(shifts[key], gained, lost)
        if found:
            differences[person] = found
    offered = {
        pk: (before.offered.get(pk), after.offered.get(pk))
        for pk in before.offered.keys() | after.offered.keys()
        if before.offered.get(pk) != after.offered.get(pk)
    }
    return Preview(before.account, differences, looked_at=len(after.profiles), offered=offered)


def _signature(tenant: Tenant | None) -> Any:
    """Return what decides what somebody holds at places: many people have the same.

    Bundles are the same objects for everybody who has them (see ``teams.rights``).
    """
    if tenant is None:
        return None
    return tuple((id(h.rights), h.reach, h.met) for h in tenant.standing.holdings)


def _shift(was: Tenant | None, becomes: Tenant | None) -> Shift:
    root = becomes.root if becomes else was.root if was else None
    if root is None:
        return Shift()
    nothing = Standing(None)
    return shift(
        was.standing if was else nothing,
        was.root if was else root,
        becomes.standing if becomes else nothing,
        root,
    )


# what is seen through teams or as a guest


class _Objects:
    """Where the objects of an account are, read when they are asked for."""

    def __init__(self, account: Account) -> None:
        self.account = account
        self._places: dict[str, dict[Any, PlaceId]] = {}
        self._at: dict[str, dict[PlaceId, set[Any]]] = {}
        #: where things may be seen both before and after, and where teams limit which; for people
        #: who hold the same
        self.limits: dict[Hashable, tuple[Scope, ...]] = {}

    def places(self, resource: Resource) -> Mapping[Any, PlaceId]:
        """Return the place of each object of ``resource``, by key."""
        found = self._places.get(resource.label)
        if found is None:
            rows = resource.model._default_manager.filter(
                **{str(resource.root_path): self.account.pk}
            )
            found = dict(rows.values_list("pk", str(resource.place_path)))
            self._places[resource.label] = found
        return found

    def at(self, resource: Resource) -> Mapping[PlaceId, set[Any]]:
        """Return the keys of the objects of ``resource`` at each place."""
        found = self._at.get(resource.label)
        if found is None:
            found = defaultdict(set)
            for key, place in self.places(resource).items():
                found[place].add(key)
            self._at[resource.label] = found
        return found


Known = tuple[Profile | None, Tenant | None]


def _on_objects(
    objects: _Objects, alike: Hashable, at: Shift, before: Known, after: Known
) -> tuple[frozenset[OnObject], frozenset[OnObject]]:
    """Return what somebody gains and loses on single objects; people for whom ``alike`` is the
    same hold the same at places."""
    gained: set[OnObject] = set()
    lost: set[OnObject] = set()
    for resource in _limited():
        more, less = _sight(objects, resource, alike, before, after)
        view = str(resource.actions["view"])
        gained |= {(view, (resource.label, str(key))) for key in more}
        lost |= {(view, (resource.label, str(key))) for key in less}
    if any(profile and profile.guests for profile, _tenant in (before, after)):
        more_given, less_given = _as_guest(objects, at, before, after)
        gained |= more_given
        lost |= less_given
    return frozenset(gained), frozenset(lost)


def _sight(
    objects: _Objects, resource: Resource, alike: Hashable, before: Known, after: Known
) -> tuple[set[Any], set[Any]]:
    """Return the keys of what teams come to show and to hide, where such things may be seen both
    before and after."""
    (was, had), (becomes, has) = before, after
    if was is None or becomes is None or had is None or has is None:
        return set(), set()
    if resource.limited not in had.limits | has.limits:
        return set(), set()
    key = (resource.label, alike, had.limits, has.limits)
    if key not in objects.limits:
        root, view, free = objects.account.pk, resource.actions["view"], resource.unlimited_by
        both = access.intersection(was.scope(root, view), becomes.scope(root, view))
        objects.limits[key] = (
            both,
            *(
                without(both, profile.scope(root, free))
                if resource.limited in tenant.limits
                else Scope()
                for profile, tenant in ((was, had), (becomes, has))
            ),
        )
    both, *limited = objects.limits[key]
    seen = [
        profile.shared(resource) if resource.limited in tenant.limits else frozenset()
        for profile, tenant in ((was, had), (becomes, has))
    ]
    where = objects.places(resource) if seen[0] != seen[1] else {}
    asked = {(key, where[key]) for key in seen[0] ^ seen[1] if key in where}
    if seen[0] == seen[1] and limited[0] == limited[1]:
        return set(), set()
    if limited[0] != limited[1]:
        for place, keys in objects.at(resource).items():
            if (place in limited[0]) != (place in limited[1]):
                asked |= {(key, place) for key in keys}
    gained: set[Any] = set()
    lost: set[Any] = set()
    for key, place in asked:
        saw, sees = (place in both and (place not in limited[n] or key in seen[n]) for n in (0, 1))
        if saw != sees:
            (gained if sees else lost).add(key)
    return gained, lost


def _as_guest(
    objects: _Objects, at: Shift, before: Known, after: Known
) -> tuple[set[OnObject], set[OnObject]]:
    """Return what guest access to single objects comes to give and to give no more."""
    gained: set[OnObject] = set()
    lost: set[OnObject] = set()
    for resource in registry:
        given: dict[str, set[str]] = defaultdict(set)
        for profile, _tenant in (before, after):
            for (label, pk), permissions in (profile.guests if profile else {}).items():
                if label == resource.label:
                    given[pk] |= permissions.keys()
        if not given:
            continue
        rows: models.QuerySet[Any] = resource.model._default_manager.filter(
            pk__in=list(given), **{str(resource.root_path): objects.account.pk}
        )
        for obj in rows:
            _root, place = resource.locate(obj)
            key = (resource.label, str(obj.pk))
            for permission in given[str(obj.pk)]:
                was, becomes = (
                    profile is not None and profile.decide(permission, resource, obj).allowed
                    for profile, _tenant in (before, after)
                )
                if becomes and not was and place not in at.gained.get(permission, Scope()):
                    gained.add((permission, key))
                if was and not becomes and place not in at.lost.get(permission, Scope()):
                    lost.add((permission, key))
    return gained, lost
