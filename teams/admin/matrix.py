"""Roles and permissions of the edition as a table: areas, rows, cells.

A column is a role at a place: some editions have the same role twice, in the account's own
workspace and elsewhere, or with and without being the primary contact.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import NamedTuple

from permissions.catalogue import ACCOUNT, Permission
from teams.catalogue import CATALOGUE
from teams.editions import get
from teams.editions.spec import (
    ALL_SUBACCOUNTS,
    HAS_ADMINISTRATOR,
    HAS_PRIMARY_CONTACT,
    RESELLER,
    SINGLE_BILL,
    Column,
    Edition,
    RoleSpec,
)
from teams.models import Role
from teams.rights import custom_bundle

YES, NO, OPTIONAL, IF = "yes", "no", "opt", "if"
WORDS = {YES: "Yes", NO: "No", OPTIONAL: "Optional", IF: "If…"}

#: the first of two has more, the second has more, both have it on other terms, no difference
MORE, LESS, OTHERWISE, EQUAL = "+", "−", "±", "="

CONDITIONS = {
    SINGLE_BILL: "if billed on the account's single bill",
    RESELLER: "if the account is a reseller partner",
    ALL_SUBACCOUNTS: "if the person reaches all subaccounts",
}
PRECONDITIONS = {
    HAS_PRIMARY_CONTACT: "Only where there is a primary contact.",
    HAS_ADMINISTRATOR: "Only where there is an Administrator.",
}


class Said(NamedTuple):
    """How a line of two columns differs: a sign, and the same in words."""

    sign: str
    text: str

    @property
    def differs(self) -> bool:
        """Say whether there is a difference at all."""
        return self.sign != EQUAL


@dataclass(frozen=True, slots=True)
class Head:
    """A column: a role, and where it is looked at.

    ``key`` is what an address calls it: the same whatever the order. ``index`` is where a
    built-in column stands in ``areas``; a custom role has none. ``role`` is what memberships call
    it, the same for all columns of one role.
    """

    key: str
    label: str
    role: str
    note: str = ""
    index: int = 0
    custom: Role | None = None
    is_contact: bool = False

    @property
    def name(self) -> str:
        """Return the role with its place, as a sentence names it."""
        return f"{self.label} ({self.note})" if self.note else self.label


@dataclass(frozen=True, slots=True)
class Row:
    """A permission with a cell per column; ``whens`` are the conditions of those that have one."""

    permission: Permission
    notes: tuple[str, ...]
    cells: tuple[str, ...]
    whens: tuple[str, ...]
    said: Said | None = None

    @property
    def marks(self) -> list[tuple[str, str]]:
        """Return each cell with its word."""
        return [(cell, WORDS[cell]) for cell in self.cells]

    def holds(self, sought: Collection[str]) -> bool:
        """Say whether label, codename and notes hold every one of the words ``sought``."""
        text = " ".join((str(self.permission.label), self.permission, *self.notes)).casefold()
        return all(word in text for word in sought)


@dataclass(frozen=True, slots=True)
class Area:
    """Rows of one area; ``size`` is how many it has when none is left out."""

    codename: str
    label: str
    rows: tuple[Row, ...]
    size: int

    @property
    def counts(self) -> list[str]:
        """Return for each column how many of the rows it holds, and on what terms."""
        return [_count(cells) for cells in zip(*(row.cells for row in self.rows), strict=True)]

    @property
    def differing(self) -> int:
        """Return in how many of the rows the two columns differ, where two are compared."""
        return sum(row.said is not None and row.said.differs for row in self.rows)


def heads(edition: Edition, custom: Iterable[Role] = ()) -> list[Head]:
    """Return the columns: the owner, the built-in roles from the highest down, custom roles."""
    found = [Head(edition.owner, str(edition.owner_label), edition.owner)]
    for index, column in enumerate(columns(edition), start=1):
        spec = edition.role(column.role)
        note = "while teams are on" if spec.needs_teams else ""
        if column.contact:
            note = "primary contact"
        elif column.place == "home":
            note = "own workspace"
        elif column.place == "client":
            note = "client subaccounts"
        is_contact = column.contact
        head = Head(column.name, str(spec.label), column.role, note, index, is_contact=is_contact)
        found.append(head)
    return [*found, *(head_of(role) for role in custom)]


def head_of(role: Role) -> Head:
    """Return the column of a custom role."""
    key = f"custom:{role.pk}"
    return Head(key, role.name, key, "custom role", custom=role)


def columns(edition: Edition) -> list[Column]:
    """Return the columns of roles, from the highest rank down."""
    found = [column for column in edition.columns if column.role != edition.owner]
    return sorted(found, key=lambda column: -(edition.role(column.role).rank or 0))


@cache
def areas(codename: str) -> tuple[Area, ...]:
    """Return the table of an edition; declarations do not change while the process runs."""
    edition = get(codename)
    found = []
    for area in CATALOGUE.areas:
        rows = tuple(
            _row(edition, permission)
            for permission in area.permissions
            if permission in edition.permissions
        )
        if rows:
            label = str(edition.area_labels.get(area.codename, area.label))
            found.append(Area(area.codename, label, rows, len(rows)))
    return tuple(found)


def table(edition: Edition, shown: Sequence[Head]) -> list[Area]:
    """Return every area with the columns ``shown``, in that order."""
    held = [None if head.custom is None else _held(edition, head.custom) for head in shown]

    def cells(row: Row, whole: tuple[str, ...], otherwise: tuple[str, str]) -> tuple[str, ...]:
        return tuple(
            whole[head.index] if rights is None else otherwise[row.permission in rights]
            for head, rights in zip(shown, held, strict=True)
        )

    return [
        replace(
            area,
            rows=tuple(
                replace(
                    row,
                    cells=cells(row, row.cells, (NO, YES)),
                    whens=cells(row, row.whens, ("", "")),
                )
                for row in area.rows
            ),
        )
        for area in areas(edition.codename)
    ]


def narrowed(table: Iterable[Area], *, area: str, text: str) -> list[Area]:
    """Return the rows of ``area`` (all, if empty) that hold all words of ``text``, by area."""
    sought = text.casefold().split()
    left = [
        replace(one, rows=tuple(row for row in one.rows if row.holds(sought)))
        for one in table
        if area in {"", one.codename}
    ]
    return [one for one in left if one.rows]


def _held(edition: Edition, role: Role) -> frozenset[str]:
    """Return what the ticks of a custom role really give."""
    bundle = custom_bundle(edition.codename, json.dumps(role.permissions))
    return frozenset(permission for held in bundle.values() for permission in held)


def _count(cells: Sequence[str]) -> str:
    parts = [str(cells.count(YES))]
    parts += [
        f"{n} {word}" for kind, word in ((OPTIONAL, "opt."), (IF, "if")) if (n := cells.count(kind))
    ]
    return " + ".join(parts)


def _row(edition: Edition, permission: Permission) -> Row:
    owner_if = _condition(edition.owner_when, permission)
    cells = [(IF if owner_if else YES, owner_if)]
    named = [str(edition.owner_label)]
    for column in columns(edition):
        role = edition.role(column.role)
        cells.append(_cell(role, column, permission))
        named.append(str(role.label))
    conditions: dict[str, list[str]] = {}
    for (_kind, condition), name in zip(cells, named, strict=True):
        if condition:
            conditions.setdefault(CONDITIONS[condition], []).append(name)
    notes = _notes(edition, permission, conditions)
    return Row(
        permission,
        tuple(notes),
        tuple(kind for kind, _condition in cells),
        tuple(condition for _kind, condition in cells),
    )


def _notes(
    edition: Edition, permission: Permission, conditions: Mapping[str, Sequence[str]]
) -> list[str]:
    # where all conditions are the same, the cells say whom it binds
    notes = [
        f"{said[0].upper()}{said[1:]}."
        if len(conditions) == 1
        else f"{', '.join(dict.fromkeys(names))}: {said}."
        for said, names in conditions.items()
    ]
    toggles = (role.toggle_of(permission) for role in edition.roles)
    for toggle in dict.fromkeys(toggle for toggle in toggles if toggle):
        label = str(edition.toggle(toggle).label)
        if label != str(permission.label):
            notes.append(f"Goes with the switch {label}.")
    if permission in edition.preconditions:
        notes.append(PRECONDITIONS[edition.preconditions[permission]])
    if permission in edition.teams_only:
        notes.append("Only while teams are on.")
    return notes


def _cell(role: RoleSpec, column: Column, permission: Permission) -> tuple[str, str]:
    """Return what a role declares for one cell, and the condition if there is one."""
    if permission.level == ACCOUNT:
        if column.place == "client" or not role.account_level:
            return NO, ""
    elif column.place == "home" and role.at_home:
        role = role.at_home
    if permission in role.holds or (column.contact and permission in role.contact_adds):
        return YES, ""
    if role.toggle_of(permission):
        return OPTIONAL, ""
    condition = _condition(role.when, permission)
    return (IF, condition) if condition else (NO, "")


def _condition(when: Mapping[str, frozenset[Permission]], permission: Permission) -> str:
    return next((name for name, held in when.items() if permission in held), "")
