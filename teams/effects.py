"""Who gains and who loses by a change: everybody's effective rights, before and after.

Nothing here guesses what a change will do. It is carried out and taken back, and what people hold
is compared; so whatever the services do, the preview says it. What is found is the whole truth:
whoever shows it leaves out the people and things that the reader may not know.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Collection, Hashable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from django.db import models, transaction

from permissions import access
from permissions.catalogue import Permission
from permissions.policy import PlaceId, Scope, Standing
from permissions.policy.compare import Shift, shift, without
from permissions.profile import ObjectKey, Profile, Tenant
from permissions.resources import Resource, registry
from teams import catalogue, provider
from teams.background import only_tried
from teams.catalogue import (
    APPROVE_CAMPAIGNS,
    CATALOGUE,
    CHANGE_AUTOMATION_STATUS,
    CHANGE_OVERLAY_STATUS,
    EXPORT_CONTACTS,
    EXPORT_PII,
    GENERATE_API_KEYS,
    PUBLISH_LANDING_PAGES,
    PUBLISH_SOCIAL_POSTS,
    PURCHASE_CONTENT,
    RUN_PARTNER_EXPORTS,
    SEND_CAMPAIGNS,
)
from teams.models import Account, Invitation, Membership

#: what a reader should see first: what carries addresses out, sends, spends, or makes people
SENSITIVE: tuple[frozenset[str], ...] = (
    frozenset({EXPORT_CONTACTS, EXPORT_PII, RUN_PARTNER_EXPORTS}),
    frozenset(
        {
            SEND_CAMPAIGNS,
            APPROVE_CAMPAIGNS,
            CHANGE_AUTOMATION_STATUS,
            CHANGE_OVERLAY_STATUS,
            PUBLISH_LANDING_PAGES,
            PUBLISH_SOCIAL_POSTS,
        }
    ),
    frozenset({*catalogue.BILLING.permissions, PURCHASE_CONTENT}),
    frozenset({*catalogue.PEOPLE.permissions, GENERATE_API_KEYS}),
)

#: a permission on one object
OnObject = tuple[str, ObjectKey]


@dataclass(frozen=True, slots=True)
class Difference:
    """What one person gains and loses: at places, and on single objects.

    Objects are those that teams show or hide, where the person may see such things anyway, and
    those somebody is a guest of.
    """

    at: Shift = field(default_factory=Shift)
    gained_on: frozenset[OnObject] = frozenset()
    lost_on: frozenset[OnObject] = frozenset()

    @property
    def gains(self) -> bool:
        """Say whether anything is gained."""
        return bool(self.at.gained or self.gained_on)

    @property
    def loses(self) -> bool:
        """Say whether anything is lost."""
        return bool(self.at.lost or self.lost_on)

    def __bool__(self) -> bool:
        return self.gains or self.loses


@dataclass(frozen=True, slots=True)
class Line:
    """One permission that people gain, or lose; ``places`` and ``objects`` are where, of any of
    them. ``people`` are keys, in the order of the keys."""

    permission: Permission
    is_gain: bool
    people: tuple[Any, ...]
    places: Scope
    objects: frozenset[ObjectKey]

    @property
    def is_sensitive(self) -> bool:
        """Say whether it carries addresses out, sends, spends, or is about people."""
        return _urgency(self.permission) < len(SENSITIVE)


def _urgency(permission: str) -> int:
    return next((n for n, some in enumerate(SENSITIVE) if permission in some), len(SENSITIVE))


_ORDER = {str(permission): n for n, permission in enumerate(CATALOGUE)}


@dataclass(frozen=True)
class Preview:
    """Who gains and who loses which permission where, in one account.

    ``differences`` has those for whom anything changes, by key; ``looked_at`` is how many people
    could have been. ``offered`` has what pending invitations offered and come to offer instead, by
    key. It names nobody and nothing: see ``teams.disclosure`` for what a reader may know of it.
    """

    account: Account
    differences: Mapping[Any, Difference]
    looked_at: int
    offered: Mapping[Any, tuple[str | None, str | None]]

    @property
    def offers(self) -> int:
        """Return how many pending invitations come to offer something else."""
        return len(self.offered)

    @cached_property
    def gaining(self) -> frozenset[Any]:
        """Return the keys of the people who gain anything."""
        return frozenset(key for key, found in self.differences.items() if found.gains)

    @cached_property
    def losing(self) -> frozenset[Any]:
        """Return the keys of the people who lose anything."""
        return frozenset(key for key, found in self.differences.items() if found.loses)

    @property
    def unchanged(self) -> int:
        """Return how many people stay exactly as they are."""
        return self.looked_at - len(self.differences)

    def __bool__(self) -> bool:
        return bool(self.differences or self.offers)

    def only(self, people: Collection[Any]) -> Preview:
        """Return the part about ``people`` (keys)."""
        known = {key: found for key, found in self.differences.items() if key in people}
        return Preview(self.account, known, len(people), self.offered)

    @cached_property
    def mentioned(self) -> frozenset[ObjectKey]:
        """Return the single objects on which anything changes for anybody."""
        every = (one.gained_on | one.lost_on for one in self.differences.values())
        return frozenset(key for some in every for _permission, key in some)

    @cached_property
    def lines(self) -> tuple[Line, ...]:
        """Return each permission gained, then lost, what is sensitive first."""
        found: dict[tuple[bool, str], _Tally] = defaultdict(_Tally)
        for key, difference in self.differences.items():
            for is_gain, scopes, on in (
                (True, difference.at.gained, difference.gained_on),
                (False, difference.at.lost, difference.lost_on),
            ):
                for permission, scope in scopes.items():
                    found[is_gain, permission].add(key, scope)
                for permission, obj in on:
                    tally = found[is_gain, permission]
                    tally.people.add(key)
                    tally.objects.add(obj)
        lines = [
            Line(
                CATALOGUE[permission],
                is_gain,
                tuple(sorted(tally.people)),
                tally.scope(),
                frozenset(tally.objects),
            )
            for (is_gain, permission), tally in found.items()
            if permission in CATALOGUE
        ]
        return tuple(
            sorted(
                lines,
                key=lambda one: (
                    _urgency(one.permission),
                    not one.is_gain,
                    _ORDER[str(one.permission)],
                ),
            )
        )

    @cached_property
    def digest(self) -> str:
        """Return a text that differs for every other preview of the same account."""
        found = sorted(
            (str(key), _written(one.at.gained), _written(one.at.lost), sorted(one.gained_on),
             sorted(one.lost_on))
            for key, one in self.differences.items()
        )  # fmt: skip
        offered = sorted(self.offered.items())
        return hashlib.sha256(repr((self.account.pk, offered, found)).encode()).hexdigest()


def _written(scopes: Mapping[str, Scope]) -> list[Any]:
    return sorted(
        (permission, scope.top, scope.everywhere, sorted(map(str, scope.places)))
        for permission, scope in scopes.items()
    )


@dataclass(slots=True)
class _Tally:
    """Who gains or loses one permission, and where any of them does."""

    people: set[Any] = field(default_factory=set)
    scopes: set[Scope] = field(default_factory=set)
    objects: set[ObjectKey] = field(default_factory=set)

    def add(self, person: Any, scope: Scope) -> None:
        self.people.add(person)
        self.scopes.add(scope)

    def scope(self) -> Scope:
        """Return every place in any of the scopes."""
        top = any(scope.top for scope in self.scopes)
        everywhere = [scope.places for scope in self.scopes if scope.everywhere]
        named = {p for scope in self.scopes if not scope.everywhere for p in scope.places}
        if everywhere:
            return Scope(top, everywhere=True, places=frozenset.intersection(*everywhere) - named)
        return Scope(top, places=frozenset(named))


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
