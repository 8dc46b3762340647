"""Puts the facts about a person together into an access profile. Nothing decides here."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Collection, Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache, lru_cache
from typing import Any

from django.contrib.auth import get_user_model
from django.db import models
from django.db.models import Q, QuerySet
from django.utils import timezone

from permissions import grants
from permissions.policy import TOP, Holding, Reach, Root, Source, Standing
from permissions.profile import Profile, Tenant
from permissions.resources import Resource, registry
from teams.editions import EDITIONS, get
from teams.editions.spec import ALL_SUBACCOUNTS, RESELLER, SINGLE_BILL, Edition
from teams.factors import FactorClass, demand_of, put_to_sleep
from teams.facts import Row, login_of, rows_about, rows_near, rows_of
from teams.features import switched_off
from teams.models import (
    Account,
    AccountUserGrant,
    Membership,
    Subaccount,
    SubaccountUserGrant,
)
from teams.models.account import TeamMode
from teams.read_only import withheld
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

Facts = dict[str, Any]
Fact = tuple[Row, Facts]

TEAMS_OFF = "teams_off"
#: what a profile asks for what teams show of a resource
Shared = Callable[[Resource, Profile], frozenset[Any]]
#: the kinds of rows that are about an account, whoever asks
_OF_ACCOUNTS = ("place", "size")

# the tables that sources point into
OWNED, SEATS = Account._meta.label_lower, Membership._meta.label_lower
#: where toggles stand, by whether they belong to a role on the whole account
SWITCHES = {
    True: AccountUserGrant._meta.label_lower,
    False: SubaccountUserGrant._meta.label_lower,
}

#: of an account's details, what pages show
SHOWN = (
    "slug", "name", "edition", "owner_id", "accent", "masks_addresses", "read_only_because",
    "seat_limit",
)  # fmt: skip

#: what teams limit in each mode
LIMITS: dict[str, frozenset[str]] = {
    TeamMode.OFF: frozenset[str](),
    TeamMode.LISTS: frozenset({"lists"}),
    TeamMode.LISTS_AND_TEMPLATES: frozenset({"lists", "templates"}),
}


@dataclass(slots=True)
class _Sorted:
    """The rows of one person, by what they are about; what stands in ``Row.more`` beside each.

    ``asked`` is of whom a second factor is to be taken as asked, by account, whatever is stored.
    ``places``, ``sizes`` (how many subaccounts there are, where it matters) and ``roots`` are
    about accounts: the same for all who are asked about.
    """

    is_known: bool = False
    has_factor: bool = False
    asked: Mapping[Any, FactorClass | None] = field(default_factory=dict)
    owned: set[int] = field(default_factory=set)
    accounts: dict[int, Facts] = field(default_factory=dict)
    memberships: dict[int, list[Fact]] = field(default_factory=lambda: defaultdict(list))
    reach: dict[int, set[int]] = field(default_factory=lambda: defaultdict(set))
    toggles: dict[int, list[Fact]] = field(default_factory=lambda: defaultdict(list))
    guests: dict[int, list[Fact]] = field(default_factory=lambda: defaultdict(list))
    guest_objects: list[Fact] = field(default_factory=list)
    places: dict[int, list[Fact]] = field(default_factory=lambda: defaultdict(list))
    sizes: dict[int, int] = field(default_factory=dict)
    roots: dict[int, Root] = field(default_factory=dict)
    groups: set[int] = field(default_factory=set)
    labels: dict[Hashable, str] = field(default_factory=dict)


@lru_cache(maxsize=4096)  # what people have in common is read once; nobody writes into it
def _read(more: str) -> Facts:
    """Return what stands in ``Row.more``."""
    found: Facts = json.loads(more)
    return found


def _sort(rows: Iterable[Row]) -> _Sorted:
    found = _Sorted()
    for row in rows:
        if row.label is not None and row.place is not None:
            found.labels[row.place] = row.label
        more = _read(row.more) if row.more else {}
        match row.kind:
            case "reach":
                found.reach[row.ref].add(row.place)
            case "place":
                found.places[row.root].append((row, more))
            case "size":
                found.sizes[row.root] = more["places"] or 0
            case "login":
                found.is_known = True
                found.has_factor = found.has_factor or bool(row.ref)
            case "owned":
                found.owned.add(row.root)
                found.accounts[row.root] = more
            case "membership":
                found.accounts.setdefault(row.root, more)
                found.memberships[row.root].append((row, more))
            case "toggle" | "given" if more["membership"] is not None:
                found.toggles[more["membership"]].append((row, more))
            case "given":
                found.guests[row.root].append((row, more))
            case "guest":
                found.guest_objects.append((row, more))
            case "team":
                found.groups.add(row.ref)
    return found


def load_profile(user: Any, *, recorded: bool = False) -> Profile:
    """Return everything the rules need to know about ``user``, with one query.

    ``recorded`` leaves out what suspends a grant: a suspended or ended membership, an end date
    that has passed, a login that is switched off, a second factor that is missing. A change of
    rights is judged by that too, for what sleeps now may wake.
    """
    rows = rows_of(user, timezone.now(), recorded=recorded)
    return _profile(user.pk, _sort(rows), load_shared)


def load_profiles(
    people: Collection[Any],
    *,
    recorded: bool = False,
    asked: Mapping[Any, FactorClass | None] | None = None,
) -> dict[Any, Profile]:
    """Return what ``load_profile`` says of each of these keys of people, with one query.

    ``asked`` is of whom a second factor is to be taken as asked in some accounts (keys), None
    meaning nobody.

    What teams share is read for all of them at once too, when the first of them is asked.
    """
    if not people:
        return {}
    return profiles_from(rows_about(people, timezone.now(), recorded=recorded), people, asked=asked)


def profiles_from(
    facts: Iterable[Row],
    people: Collection[Any],
    load_shared: Shared | None = None,
    *,
    asked: Mapping[Any, FactorClass | None] | None = None,
) -> dict[Any, Profile]:
    """Return the profiles of these keys of people, of the rows ``facts`` about them alone.

    Wherever the rows come from: what is stored now, or what the audit says of another moment.
    ``load_shared`` is what each profile asks for what teams show, by default what is stored now;
    ``asked`` as in ``load_profiles``.
    """
    rows: dict[Any, list[Row]] = {key: [] for key in people}
    of_accounts: list[Row] = []
    for row in facts:
        (of_accounts if row.kind in _OF_ACCOUNTS else rows[row.person]).append(row)
    return of_rows(rows, of_accounts, load_shared, asked=asked)


def load_candidates(obj: models.Model) -> dict[Any, tuple[Any, Profile]]:
    """Return the ``candidates`` of ``obj`` whose login is switched on, by key, each with what
    ``load_profile`` says of them; one query.

    Of the logins no more is loaded than what says who they are (``facts.login_fields``).
    """
    rows: dict[Any, list[Row]] = defaultdict(list)
    of_accounts: list[Row] = []
    people: dict[Any, Any] = {}
    for row in rows_near(_candidate_keys(obj), timezone.now()):
        if row.kind == "login":
            people[row.person] = login_of(row)
            rows[row.person].append(row._replace(more=None))
        else:
            (of_accounts if row.kind in _OF_ACCOUNTS else rows[row.person]).append(row)
    profiles = of_rows({key: rows[key] for key in people}, of_accounts)
    return {key: (person, profiles[key]) for key, person in people.items()}


def of_rows(
    rows: Mapping[Any, list[Row]],
    of_accounts: list[Row],
    load_shared: Shared | None = None,
    *,
    asked: Mapping[Any, FactorClass | None] | None = None,
) -> dict[Any, Profile]:
    """Return the profile of each person from the rows about them; ``of_accounts`` are the same for
    all. Otherwise like ``profiles_from``."""
    common = _sort(of_accounts)
    sharing = Sharing()  # reads for all of them at once what it is asked for one
    for key, about in rows.items():
        found = _sort(about)
        found.asked = asked or {}
        found.places, found.sizes, found.roots = common.places, common.sizes, common.roots
        sharing.profiles[key] = _profile(key, found, load_shared or sharing.load)
    return sharing.profiles


def _profile(person: Any, found: _Sorted, shared: Any) -> Profile:
    tenants: dict[Hashable, Tenant] = {
        key: _tenant(person, key, account, found)
        for key, account in found.accounts.items()
        if found.is_known and account["edition"] in EDITIONS
    }
    return Profile(
        person=person,
        tenants=tenants,
        guests=_guests(found.guest_objects) if tenants else {},
        groups=frozenset(found.groups),
        load_shared=shared,
    )


def root_of(key: int, account: Facts, places: Collection[Fact]) -> Root:
    """Return what is true of an account, whoever asks."""
    edition = get(account["edition"])
    is_single = bool(account["single_bill"])
    archived = frozenset(row.place for row, more in places if more["archived"])
    kinds: dict[Hashable, str] = {row.place: HOME for row, more in places if more["home"]}
    direct = frozenset(row.place for row, more in places if more["direct"] and not more["home"])
    off: dict[str, set[Hashable]] = defaultdict(set)
    for row, more in places:
        for permission in switched_off(more["off"]):
            off[permission].add(row.place)
    conditions = {SINGLE_BILL} if is_single else set()
    if account["reseller"]:
        conditions.add(RESELLER)
    off_now = dict(withheld(account["read_only_because"]))
    if account["team_mode"] == TeamMode.OFF:
        off_now |= dict.fromkeys(map(str, edition.teams_only), TEAMS_OFF)
    return Root(
        key=key,
        levels=levels(edition.codename),
        withheld=off_now,
        withheld_at={permission: frozenset(found) for permission, found in off.items()},
        kinds=kinds,
        archived=archived,
        conditions=frozenset(conditions),
        except_at={SINGLE_BILL: direct} if direct and is_single else {},
    )


def _tenant(person: Any, key: int, account: Facts, found: _Sorted) -> Tenant:
    edition = get(account["edition"])
    if key not in found.roots:
        found.roots[key] = root_of(key, account, found.places.get(key, ()))
    root = found.roots[key]
    is_owner = key in found.owned
    holdings: list[Holding] = []
    if is_owner:
        holdings.append(
            Holding(
                source=Source(
                    "owner",
                    edition.owner,
                    str(edition.owner_label),
                    ("account", key),
                    (OWNED, key),
                ),
                rights=owner_bundle(edition.codename),
                reach=Reach(top=True, places=None),
                key=("owner", key),
            )
        )
    for row, more in found.memberships.get(key, ()):
        managed = frozenset(found.reach.get(row.ref, ()))
        toggles = found.toggles.get(row.ref, ())
        size = found.sizes.get(key, 0) if row.place is None else 0
        covers_all = bool(more["all"]) or _covers_all(root, size, managed)
        holdings += _membership_holdings(
            edition, (row, more), managed, toggles, covers_all=covers_all
        )
    if holdings:
        holdings += [_guest_holding(row, more) for row, more in found.guests.get(key, ())]
    limits = LIMITS[account["team_mode"]] if edition.has_teams else frozenset[str]()
    standing = Standing(person, tuple(holdings), is_owner=is_owner)
    if not found.has_factor:
        asked = found.asked.get(key, demand_of(account.get("second_factor", "[]")))
        if asked is not None:
            standing = put_to_sleep(standing, asked, root)
    return Tenant(
        root=root,
        standing=standing,
        limits=limits,
        details=_shown(account),
        labels=found.labels,
    )


def _shown(account: Facts) -> dict[str, Any]:
    """Return the details of ``account`` that pages show."""
    found = {name: account[name] for name in SHOWN}
    if "second_factor" in account:
        found["second_factor"] = json.loads(account["second_factor"])
    return found


def _membership_holdings(
    edition: Edition,
    membership: Fact,
    managed: frozenset[int],
    toggles: Iterable[Fact],
    *,
    covers_all: bool,
) -> list[Holding]:
    """Return what one membership amounts to: its role, and each toggle the role admits."""
    row, more = membership
    reach = (
        Reach(top=True, places=None if more["all"] else managed)
        if row.place is None
        else Reach(top=False, places=frozenset({row.place}))
    )
    met = frozenset({ALL_SUBACCOUNTS}) if covers_all else frozenset[str]()
    if more["ticks"] is not None:
        name = str(more["custom"])
        source = Source("role", "", name, ("membership", row.ref), (SEATS, row.ref))
        rights = custom_bundle(edition.codename, more["ticks"])
        key = ("membership", row.ref, f"custom:{name}")
        return [Holding(source=source, rights=rights, reach=reach, met=met, key=key)]
    name = str(more["role"])
    role = edition.find_role(name)
    if role is None:
        return []  # a role the edition does not have (any more) gives nothing
    source = Source("role", name, str(role.label), ("membership", row.ref), (SEATS, row.ref))
    rights = role_bundle(
        edition.codename, name, bool(more["contact"]) and edition.has_primary_contact
    )
    key = ("membership", row.ref, name)
    holdings = [Holding(source, rights, reach, rank=role.rank, met=met, key=key)]
    for grant, given in toggles:
        permission = str(given["permission"])
        if admits(edition, name, permission):
            toggle = edition.toggle(str(role.toggle_of(permission)))
            holdings.append(
                Holding(
                    source=Source(
                        "toggle",
                        toggle.codename,
                        str(toggle.label),
                        ("membership", row.ref),
                        (SWITCHES[row.place is None], grant.ref),
                    ),
                    rights=toggle_bundle(permission),
                    reach=reach,
                    met=met,
                    key=("toggle", row.place is None, grant.ref),
                )
            )
    return holdings


def _covers_all(root: Root, size: int, managed: frozenset[int]) -> bool:
    """Say whether these are all active subaccounts of an account that has ``size`` in all."""
    active = size - len(root.archived)
    return active > 0 and len(managed - root.archived) == active


def _guest_holding(row: Row, more: Facts) -> Holding:
    """Return what guest access to one subaccount amounts to."""
    grantable = registry.of(Subaccount).guest
    recorded = (SWITCHES[False], row.ref)
    return Holding(
        source=Source("guest", ref=recorded, row=recorded),
        rights=toggle_bundle(more["permission"]) if more["permission"] in grantable else {},
        reach=Reach(top=False, places=frozenset({row.place})),
        key=("guest", row.ref),
    )


def _guests(rows: Iterable[Fact]) -> dict[tuple[str, str], dict[str, Source]]:
    resources = {resource.label: resource for resource in registry}
    guests: dict[tuple[str, str], dict[str, Source]] = defaultdict(dict)
    for row, more in rows:
        resource, permission = resources.get(more["target"]), more["permission"]
        if resource is not None and permission in resource.guest:
            recorded = (_guest_table(resource.model), row.ref)
            source = Source("guest", ref=recorded, row=recorded)
            guests[resource.label, str(row.label)][permission] = source
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
    found = Q(pk__in=())
    for keys in _candidate_keys(obj):
        found |= Q(pk__in=keys)
    return get_user_model()._default_manager.filter(found)


def _candidate_keys(obj: models.Model) -> list[QuerySet[Any]]:
    """Return the keys of ``candidates``: querysets of one column each."""
    resource = registry.of(obj)
    root, place = resource.locate(obj)
    members = Membership.objects.filter(account=root)
    if place != TOP:
        members = members.filter(Q(subaccount=place) | Q(subaccount=None))
    rows: list[QuerySet[Any]] = [
        Account.objects.filter(pk=root).values("owner_id"),
        members.values("user_id"),
    ]
    if place != TOP:
        rows.append(grants.grants_on(obj).values("user_id"))
        if resource.through:
            link = resource.link
            table = grants.user_table(link.resource.model)
            linked = link.rows._default_manager.filter(**{link.own: obj.pk})
            given = table._default_manager.filter(content_object__in=linked.values(link.other))
            rows.append(given.values("user_id"))
        guests = SubaccountUserGrant.objects.filter(content_object=place)
        rows.append(guests.values("user_id"))
    return rows
