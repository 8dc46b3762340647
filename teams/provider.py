"""Puts the facts about a person together into an access profile. Nothing decides here."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Hashable, Iterable
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from django.contrib.auth import get_user_model
from django.db import models
from django.db.models import Q, QuerySet
from django.utils import timezone

from permissions import grants
from permissions.policy import TOP, Holding, Reach, Root, Source, Standing
from permissions.profile import Profile, Tenant
from permissions.resources import registry
from teams.editions import EDITIONS, get
from teams.editions.spec import ALL_SUBACCOUNTS, RESELLER, SINGLE_BILL, Edition
from teams.facts import Row, rows_about, rows_of
from teams.models import (
    Account,
    Membership,
    Subaccount,
    SubaccountUserGrant,
)
from teams.models.account import TeamMode
from teams.rights import (
    HOME,
    admits,
    custom_bundle,
    levels,
    owner_bundle,
    role_bundle,
    toggle_bundle,
)
from teams.sight import Sharing, load_shared

TEAMS_OFF = "teams_off"

_LIMITS = {
    TeamMode.OFF: frozenset[str](),
    TeamMode.LISTS: frozenset({"lists"}),
    TeamMode.LISTS_AND_TEMPLATES: frozenset({"lists", "templates"}),
}


@dataclass(slots=True)
class _Sorted:
    """The rows of one person, by what they are about."""

    accounts: dict[int, Row] = field(default_factory=dict)
    memberships: dict[int, list[Row]] = field(default_factory=lambda: defaultdict(list))
    reach: dict[int, set[int]] = field(default_factory=lambda: defaultdict(set))
    toggles: dict[int, list[Row]] = field(default_factory=lambda: defaultdict(list))
    guests: dict[int, list[Row]] = field(default_factory=lambda: defaultdict(list))
    guest_objects: list[Row] = field(default_factory=list)
    places: dict[int, list[Row]] = field(default_factory=lambda: defaultdict(list))
    groups: set[int] = field(default_factory=set)
    labels: dict[Hashable, str] = field(default_factory=dict)


def _sort(rows: Iterable[Row]) -> _Sorted:
    found = _Sorted()
    for row in rows:
        if row.place is not None and row.label is not None:
            found.labels[row.place] = row.label
        match row.kind:
            case "owned":
                found.accounts[row.root] = row
            case "account":  # one per membership; being the owner goes first
                found.accounts.setdefault(row.root, row)
            case "membership":
                found.memberships[row.root].append(row)
            case "reach":
                found.reach[row.ref].add(row.place)
            case "toggle":
                found.toggles[row.ref].append(row)
            case "guest":
                found.guests[row.root].append(row)
            case "guest_object":
                found.guest_objects.append(row)
            case "place":
                found.places[row.root].append(row)
            case "team":
                found.groups.add(row.ref)
    return found


def load_profile(user: Any, *, recorded: bool = False) -> Profile:
    """Return everything the rules need to know about ``user``, with one query.

    ``recorded`` leaves out what suspends a grant: a suspended or ended membership, an end date
    that has passed, a login that is switched off. A change of rights is judged by that too, for
    what sleeps now may wake.
    """
    rows = rows_of(user, timezone.now(), recorded=recorded)
    return _profile(user.pk, _sort(rows), load_shared)


def load_profiles(people: Collection[Any], *, recorded: bool = False) -> dict[Any, Profile]:
    """Return what ``load_profile`` says of each of these keys of people, with one query.

    What teams share is read for all of them at once too, when the first of them is asked.
    """
    if not people:
        return {}
    rows: dict[Any, list[Row]] = {key: [] for key in people}
    places: dict[int, list[Row]] = defaultdict(list)
    for row in rows_about(people, timezone.now(), recorded=recorded):
        if row.kind == "place":
            places[row.root].append(row)
        else:
            rows[row.person].append(row)
    sharing = Sharing()
    for key, about in rows.items():
        found = _sort(about)
        found.places = places
        sharing.profiles[key] = _profile(key, found, sharing.load)
    return sharing.profiles


def _profile(person: Any, found: _Sorted, shared: Any) -> Profile:
    tenants: dict[Hashable, Tenant] = {
        key: _tenant(person, account, found)
        for key, account in found.accounts.items()
        if account.name in EDITIONS
    }
    return Profile(
        person=person,
        tenants=tenants,
        guests=_guests(found.guest_objects) if tenants else {},
        groups=frozenset(found.groups),
        load_shared=shared,
    )


def root_of(account: Row, places: Iterable[Row]) -> Root:
    """Return what is true of an account, whoever asks."""
    edition = get(str(account.name))
    archived = frozenset(row.place for row in places if row.one)
    kinds: dict[Hashable, str] = {row.place: HOME for row in places if row.two}
    direct = frozenset(row.place for row in places if row.three and not row.two)
    conditions = {SINGLE_BILL} if account.one else set()
    if account.two:
        conditions.add(RESELLER)
    withheld = dict.fromkeys(map(str, edition.teams_only), TEAMS_OFF)
    return Root(
        key=account.root,
        levels=levels(edition.codename),
        withheld=withheld if account.text == TeamMode.OFF else {},
        kinds=kinds,
        archived=archived,
        conditions=frozenset(conditions),
        except_at={SINGLE_BILL: direct} if direct else {},
    )


def _tenant(person: Any, account: Row, found: _Sorted) -> Tenant:
    key = account.root
    edition = get(str(account.name))
    holdings: list[Holding] = []
    if account.kind == "owned":
        holdings.append(
            Holding(
                source=Source("owner", edition.owner, str(edition.owner_label), ("account", key)),
                rights=owner_bundle(edition.codename),
                reach=Reach(top=True, places=None),
                key=("owner", key),
            )
        )
    for row in found.memberships.get(key, ()):
        holdings += membership_holdings(
            edition, row, found.reach.get(row.ref or 0, set()), found.toggles.get(row.ref or 0, [])
        )
    if holdings:
        holdings += [_guest_holding(row) for row in found.guests.get(key, ())]
    limits = _LIMITS[TeamMode(str(account.text))] if edition.has_teams else frozenset[str]()
    return Tenant(
        root=root_of(account, found.places.get(key, ())),
        standing=Standing(person, tuple(holdings), is_owner=account.kind == "owned"),
        limits=limits,
        details=json.loads(account.label or "{}"),
        labels=found.labels,
    )


def membership_holdings(
    edition: Edition, row: Row, managed: set[int], toggles: Iterable[Row]
) -> list[Holding]:
    """Return what one membership amounts to: its role, and each toggle the role admits."""
    reach = (
        Reach(top=True, places=None if row.one else frozenset(managed))
        if row.place is None
        else Reach(top=False, places=frozenset({row.place}))
    )
    met = frozenset({ALL_SUBACCOUNTS}) if row.three else frozenset[str]()
    name = str(row.name)
    if row.text is not None:
        source = Source("role", "", name.removeprefix("custom:"), ("membership", row.ref))
        rights = custom_bundle(edition.codename, row.text)
        key = ("membership", row.ref, name)
        return [Holding(source=source, rights=rights, reach=reach, met=met, key=key)]
    role = edition.find_role(name)
    if role is None:
        return []  # a role the edition does not have (any more) gives nothing
    source = Source("role", name, str(role.label), ("membership", row.ref))
    rights = role_bundle(edition.codename, name, bool(row.two) and edition.has_primary_contact)
    key = ("membership", row.ref, name)
    holdings = [Holding(source, rights, reach, rank=role.rank, met=met, key=key)]
    for grant in toggles:
        permission = str(grant.name)
        if admits(edition, name, permission):
            toggle = edition.toggle(str(role.toggle_of(permission)))
            holdings.append(
                Holding(
                    source=Source(
                        "toggle", toggle.codename, str(toggle.label), ("membership", row.ref)
                    ),
                    rights=toggle_bundle(permission),
                    reach=reach,
                    met=met,
                    key=("toggle", row.place is None, grant.place),
                )
            )
    return holdings


def _guest_holding(row: Row) -> Holding:
    """Return what guest access to one subaccount amounts to."""
    grantable = registry.of(Subaccount).guest
    return Holding(
        source=Source("guest", ref=(SubaccountUserGrant._meta.label_lower, row.ref)),
        rights=toggle_bundle(str(row.name)) if row.name in grantable else {},
        reach=Reach(top=False, places=frozenset({row.place})),
        key=("guest", row.ref),
    )


def _guests(rows: Iterable[Row]) -> dict[tuple[str, str], dict[str, Source]]:
    resources = {resource.label: resource for resource in registry}
    guests: dict[tuple[str, str], dict[str, Source]] = defaultdict(dict)
    for row in rows:
        label, _, key = str(row.text).partition(":")
        resource = resources.get(label)
        if resource is not None and row.name in resource.guest:
            table = _guest_table(resource.model)
            guests[label, key][str(row.name)] = Source("guest", ref=(table, row.ref))
    return guests


@cache
def _guest_table(model: type[models.Model]) -> str:
    """Return "app.model" of the table that holds what people were given on ``model``."""
    return grants.user_table(model)._meta.label_lower


def candidates(obj: models.Model) -> QuerySet[Any]:
    """Return the logins that could hold anything on ``obj``.

    The owner, members at account level, members of its subaccount, and guests of either; whether
    they really do is for the rules to say.
    """
    resource = registry.of(obj)
    root, place = resource.locate(obj)
    members = Membership.objects.filter(account=root)
    if place != TOP:
        members = members.filter(Q(subaccount=place) | Q(subaccount=None))
    people = Q(pk__in=Account.objects.filter(pk=root).values("owner_id"))
    people |= Q(pk__in=members.values("user_id"))
    if place != TOP:
        people |= Q(pk__in=grants.grants_on(obj).values("user_id"))
        if resource.through:
            link = resource.link
            table = grants.user_table(link.resource.model)
            given = table._default_manager.filter(content_object__in=link.linked(obj))
            people |= Q(pk__in=given.values("user_id"))
        guests = SubaccountUserGrant.objects.filter(content_object=place)
        people |= Q(pk__in=guests.values("user_id"))
    return get_user_model()._default_manager.filter(people)
