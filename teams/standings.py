"""What the facts about a person amount to: roots, standings and holdings. Nothing decides here."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache, lru_cache
from typing import Any

from django.db import models

from permissions import grants
from permissions.policy import Holding, Reach, Root, Source, Standing
from permissions.profile import Profile, Tenant
from permissions.resources import registry
from teams.editions import EDITIONS, get
from teams.editions.spec import ALL_SUBACCOUNTS, RESELLER, SINGLE_BILL, Edition
from teams.fact_columns import Row
from teams.factors import FactorClass, demand_of, put_to_sleep
from teams.features import switched_off
from teams.models import Account, AccountUserGrant, Membership, Subaccount, SubaccountUserGrant
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

Facts = dict[str, Any]
Fact = tuple[Row, Facts]

TEAMS_OFF = "teams_off"

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
class Sorted:
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


def sort_rows(rows: Iterable[Row]) -> Sorted:
    """Return the rows by what they are about."""
    found = Sorted()
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


def profile_from(person: Any, found: Sorted, shared: Any) -> Profile:
    """Return the profile of ``person`` (a key); ``shared`` is asked for what teams show."""
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


def _tenant(person: Any, key: int, account: Facts, found: Sorted) -> Tenant:
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
    # whatever order the database has them in: lists and reports go by it
    for row, more in sorted(found.memberships.get(key, ()), key=_ref):
        managed = frozenset(found.reach.get(row.ref, ()))
        toggles = sorted(found.toggles.get(row.ref, ()), key=_ref)
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


def _ref(fact: Fact) -> Any:
    row, _more = fact
    return row.ref


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
