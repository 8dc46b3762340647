"""Roles and permissions of the edition as a table: areas, rows, cells."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from permissions.catalogue import ACCOUNT, Permission
from teams.catalogue import CATALOGUE
from teams.editions import get
from teams.editions.spec import ALL_SUBACCOUNTS, RESELLER, SINGLE_BILL, Column, Edition, RoleSpec

YES, NO, OPTIONAL, IF = "yes", "no", "opt", "if"

CONDITIONS = {
    SINGLE_BILL: "while billed on the account's single bill",
    RESELLER: "for reseller partners",
    ALL_SUBACCOUNTS: "for managers who reach all subaccounts",
}


@dataclass(frozen=True, slots=True)
class Head:
    """A column: a role, and where it is looked at."""

    label: str
    note: str
    role: str


@dataclass(frozen=True, slots=True)
class Row:
    """A permission with a cell per column."""

    permission: Permission
    notes: tuple[str, ...]
    cells: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Area:
    """The rows of one area, with a count per column."""

    label: str
    rows: tuple[Row, ...]
    counts: tuple[str, ...]


def heads(edition: Edition) -> list[Head]:
    """Return the columns: the owner first, then the roles from the highest down."""
    found = [Head(str(edition.owner_label), "", edition.owner)]
    for column in columns(edition):
        spec = edition.role(column.role)
        note = "primary contact" if column.contact else ""
        if column.place == "home":
            note = "own workspace"
        elif column.place == "client":
            note = "client subaccounts"
        found.append(Head(str(spec.label), note, column.role))
    return found


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
            found.append(Area(label, rows, _counts(rows)))
    return tuple(found)


def _counts(rows: tuple[Row, ...]) -> tuple[str, ...]:
    counts = []
    for cells in zip(*(row.cells for row in rows), strict=True):
        parts = [str(cells.count(YES))]
        parts += [
            f"{n} {word}"
            for kind, word in ((OPTIONAL, "opt."), (IF, "if"))
            if (n := cells.count(kind))
        ]
        counts.append(" + ".join(parts))
    return tuple(counts)


def _row(edition: Edition, permission: Permission) -> Row:
    cells, notes = [], []
    owner_if = _condition(edition.owner_when, permission)
    cells.append(IF if owner_if else YES)
    if owner_if:
        notes.append(f"{edition.owner_label}: {CONDITIONS[owner_if]}.")
    for column in columns(edition):
        role = edition.role(column.role)
        cell, condition = _cell(role, column, permission)
        cells.append(cell)
        if condition:
            notes.append(f"{role.label}: {CONDITIONS[condition]}.")
    toggles = {
        toggle: role.optional[toggle]
        for role in edition.roles
        if (toggle := role.toggle_of(permission))
    }
    for toggle in toggles:
        label = str(edition.toggle(toggle).label)
        if label != str(permission.label):
            notes.append(f"Goes with the switch {label}.")
    return Row(permission, tuple(dict.fromkeys(notes)), tuple(cells))


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
