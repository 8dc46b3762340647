"""Who holds what in a whole account, and where from: one line a person, place and permission.

Read account by account rather than person by person, with the same number of statements however
many people there are; what follows from the rows is found by the same rules as everything else.
What is everywhere in the account is one line: the report of ten thousand managers of a thousand
subaccounts has no ten million lines.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from permissions.audit import label_of
from permissions.policy import Holding, Scope, Source, held_at
from permissions.profile import Profile, Tenant
from teams import provider
from teams.account_rows import AccountRows, Gift, read
from teams.catalogue import CATALOGUE
from teams.effective import source_text
from teams.fact_columns import Row
from teams.models import Account, Subaccount

COLUMNS = (
    "person", "login", "place", "permission", "through", "given_by", "given_at", "ends_at",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Line:
    """One right of one person.

    ``place`` is the account, a subaccount, all of them, or the one object a guest was let into;
    ``through`` says where it comes from; ``given_by`` is empty where nobody is known. ``scope`` are
    the places it speaks of (none for one object), ``obj`` the key of that object: ("app.model",
    key as text).
    """

    person: str
    login: str
    place: str
    permission: str
    through: str
    given_by: str
    given_at: datetime | None
    ends_at: datetime | None
    scope: Scope
    obj: tuple[str, str] | None = None
    source: Source | None = None

    def cells(self) -> tuple[Any, ...]:
        """Return the values of ``COLUMNS``."""
        return tuple(getattr(self, name) for name in COLUMNS)


def report(
    account: Account,
    *,
    subaccount: Subaccount | None = None,
    person: Any = None,
    permission: str | None = None,
) -> Iterator[Line]:
    """Yield who holds what in ``account`` now, by name; teams are left aside, which limit what is
    seen of what is held.

    Narrowed to ``subaccount``, to one ``person``, to one ``permission``. Raises KeyError for a
    permission the catalogue does not have.
    """
    asked = list(CATALOGUE) if permission is None else [CATALOGUE[permission]]
    found = read(account, person)
    profiles = provider.of_rows({key: found.rows[key] for key in found.people}, found.shared)
    by_name = sorted(found.people, key=lambda key: (label_of(found.people[key]).casefold(), key))
    for key in by_name:
        profile = profiles[key]
        if account.pk not in profile.tenants:
            continue
        for line in _lines(found, found.people[key], profile, asked):
            if subaccount is None:
                yield line
            elif (inside := _inside(found, line, subaccount)) is not None:
                yield inside


def _inside(found: AccountRows, line: Line, subaccount: Subaccount) -> Line | None:
    """Return what ``line`` says of ``subaccount``; None for nothing."""
    if line.obj is not None:
        return line if line.scope == Scope(places=frozenset({subaccount.pk})) else None
    if subaccount.pk not in line.scope:
        return None
    only = Scope(places=frozenset({subaccount.pk}))
    return replace(line, place=found.names[subaccount.pk], scope=only)


def _lines(found: AccountRows, person: Any, profile: Profile, asked: list[Any]) -> Iterator[Line]:
    tenant = profile.tenants[found.account.pk]
    told: set[Any] = set()
    for holding in tenant.standing.holdings:
        alone = replace(tenant.standing, holdings=(holding,))
        for permission in asked:
            if not _names(holding, permission):
                continue
            scope = held_at(alone, tenant.root, permission)
            for at in _places(found, scope):
                said = (permission, at, holding.source)
                if said not in told:  # a permission that two switches of one toggle turn on
                    told.add(said)
                    yield _line(found, person, permission, holding.source, at)
    for obj, given in sorted(profile.guests.items(), key=lambda one: _called(found, one[0])):
        for permission, source in given.items():
            if permission not in asked or obj not in found.objects:
                continue
            place = next(row.place for row in found.rows[person.pk] if _is_of(row, obj))
            if _is_open(tenant, permission, place):
                name = f"{found.objects[obj]} in {found.names[place]}"
                at = (Scope(places=frozenset({place})), name)
                yield replace(_line(found, person, permission, source, at), obj=obj)


def _called(found: AccountRows, obj: tuple[str, str]) -> tuple[str, str, str]:
    return found.objects.get(obj, ""), *obj


def _names(holding: Holding, permission: str) -> bool:
    return any(permission in held for held in holding.rights.values())


def _places(found: AccountRows, scope: Scope) -> Iterator[tuple[Scope, str]]:
    """Yield the parts of ``scope`` that have a line each, with what each is called."""
    if scope.top:
        yield Scope(top=True), found.account.name
    if scope.everywhere:
        but = sorted(found.names[place] for place in scope.places if place in found.names)
        name = "All subaccounts" + (f" but {', '.join(but)}" if but else "")
        yield Scope(everywhere=True, places=scope.places), name
    else:
        for place in sorted(scope.places, key=lambda one: found.names.get(one, "").casefold()):
            if place in found.names:
                yield Scope(places=frozenset({place})), found.names[place]


def _is_open(tenant: Tenant, permission: str, place: Any) -> bool:
    """Say whether no ceiling takes away what a guest was given there, and it does not sleep."""
    root = tenant.root
    there = permission in root.levels and permission not in root.withheld
    asleep = permission in tenant.standing.sleeping
    return there and not asleep and place not in root.shut(permission)


def _is_of(row: Row, obj: tuple[str, str]) -> bool:
    return (
        row.kind == "guest"
        and row.label == obj[1]
        and json.loads(row.more or "{}")["target"] == obj[0]
    )


def _line(
    found: AccountRows, person: Any, permission: str, source: Source, at: tuple[Scope, str]
) -> Line:
    scope, place = at
    gift = found.gifts.get(source.row or ("", None), Gift(None, None, None))
    giver = found.people.get(gift.by)
    return Line(
        person=label_of(person),
        login=person.get_username(),
        place=place,
        permission=str(permission),
        through=source_text(source),
        given_by=label_of(giver) if giver is not None else "",
        given_at=gift.at,
        ends_at=gift.ends_at,
        scope=scope,
        source=source,
    )
