"""The ticks of a custom role as a table by area: what may be ticked, what it needs, why it is not.

What is read-only has the same shape: every permission of the edition, with what the role holds.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from permissions.catalogue import Permission
from teams.admin import matrix
from teams.admin.matrix import NO, WORDS, Head
from teams.admin.words import listed
from teams.catalogue import CATALOGUE
from teams.editions import get
from teams.editions.spec import CustomRoles, Edition
from teams.roles import ticks_of

ADDED, REMOVED = "+", "\N{MINUS SIGN}"


@dataclass(frozen=True, slots=True)
class Tick:
    """One permission that may be ticked.

    ``locked`` says why the actor could not put it in. ``compared`` is what the role beside it has;
    ``along`` what it was ticked for.
    """

    permission: Permission
    notes: tuple[str, ...]
    is_on: bool
    is_fixed: bool = False
    is_closed: bool = False
    locked: str = ""
    compared: str = ""
    change: str = ""
    along: str = ""

    @property
    def was_on(self) -> bool:
        """Say whether it was ticked when one began."""
        return self.is_on is not bool(self.change)

    @property
    def is_open(self) -> bool:
        """Say whether the box can be used: what was in may be taken out and put back."""
        return not self.is_fixed and not self.is_closed and not (self.locked and not self.was_on)

    @property
    def needs(self) -> str:
        """Return what must be ticked with it, as the script reads it."""
        return " ".join(self.permission.implies)

    @property
    def word(self) -> str:
        """Return what the role beside it has, in a word."""
        return WORDS.get(self.compared, "")


@dataclass(frozen=True, slots=True)
class Ticks:
    """The ticks of one area."""

    label: str
    rows: tuple[Tick, ...]

    @property
    def on(self) -> int:
        """Return how many are ticked."""
        return sum(row.is_on for row in self.rows)


def ticks(
    edition: Edition,
    custom: CustomRoles,
    *,
    on: Collection[str],
    before: Collection[str],
    along: Mapping[str, str],
    locked: Mapping[str, str],
    beside: Head | None,
    is_closed: bool = False,
) -> list[Ticks]:
    """Return what may be ticked, by area: ``on`` is ticked, ``before`` was when one began.

    With ``is_closed`` no box can be used.
    """
    compared = held_by(edition, beside) if beside else {}
    found = []
    for area in matrix.areas(edition.codename):
        rows = []
        for row in area.rows:
            permission = row.permission
            fixed = permission in custom.always
            if not fixed and permission not in custom.tickable:
                continue
            was, now = permission in before, permission in on
            rows.append(
                Tick(
                    permission=permission,
                    notes=notes(edition.codename)[permission],
                    is_on=now or fixed,
                    is_fixed=fixed,
                    is_closed=is_closed,
                    locked=locked.get(permission, ""),
                    compared=compared.get(permission, ""),
                    change="" if was == now or fixed else ADDED if now else REMOVED,
                    along=along.get(permission, ""),
                )
            )
        if rows:
            found.append(Ticks(area.label, tuple(rows)))
    return found


def held_by(edition: Edition, head: Head) -> dict[str, str]:
    """Return what the role ``head`` has of each permission: one of the words of the matrix."""
    rows = (row for area in matrix.table(edition, [head]) for row in area.rows)
    return {str(row.permission): row.cells[0] for row in rows}


def copied(edition: Edition, head: Head) -> frozenset[str]:
    """Return what a copy of the role ``head`` would have ticked: of the owner's, everything."""
    if edition.custom_roles is not None and head.role == edition.owner:
        return frozenset(edition.custom_roles.tickable)
    return ticks_of(edition, head.custom or head.role)


def ticked_along(asked: Iterable[str], on: Collection[str]) -> dict[str, str]:
    """Return for each of ``on`` that was not ``asked`` what needs it, in words."""
    asked = set(asked)
    found: dict[str, list[str]] = {}
    for name in sorted(on, key=lambda one: str(label(one))):
        for needed in CATALOGUE[name].implies if name in CATALOGUE else ():
            if needed not in asked:
                found.setdefault(needed, []).append(label(name))
    return {name: listed(labels) for name, labels in found.items()}


def label(permission: str) -> str:
    """Return what a permission is called; a name that is none is called as it is written."""
    return str(CATALOGUE[permission].label) if permission in CATALOGUE else permission


@cache
def notes(codename: str) -> dict[str, tuple[str, ...]]:
    """Return what is said below each permission: what it needs, and what comes with it."""
    edition = get(codename)
    found: dict[str, list[str]] = {str(p): [] for p in edition.permissions}
    for permission in edition.permissions:
        if permission.implies:
            found[permission].append(f"Needs {listed([label(p) for p in permission.implies])}")
        if permission in edition.teams_only:
            found[permission].append("Only while teams are on")
    if edition.custom_roles is not None:
        _say_what_follows(edition.custom_roles, found)
    return {name: tuple(said) for name, said in found.items()}


def _say_what_follows(custom: CustomRoles, found: Mapping[str, list[str]]) -> None:
    order = [str(permission) for permission in CATALOGUE]
    given: dict[tuple[Permission, ...], list[str]] = {}
    for follower in sorted(custom.follows, key=order.index):
        leaders = tuple(sorted(custom.follows[follower], key=order.index))
        given.setdefault(leaders, []).append(label(follower))
    for leaders, followers in given.items():
        *others, last = leaders
        start = f"With {listed([label(p) for p in others])} also gives" if others else "Also gives"
        found[last].append(f"{start}: {listed(followers)}")


@dataclass(frozen=True, slots=True)
class Line:
    """One permission of the edition, and what the role and the one beside it have of it."""

    permission: Permission
    notes: tuple[str, ...]
    cell: str
    compared: str

    @property
    def word(self) -> str:
        """Return what the role has, in a word."""
        return WORDS[self.cell]

    @property
    def compared_word(self) -> str:
        """Return what the role beside it has, in a word."""
        return WORDS.get(self.compared, "")


@dataclass(frozen=True, slots=True)
class Lines:
    """The permissions of one area; ``held`` is how many the role has, and on what terms."""

    label: str
    rows: tuple[Line, ...]
    held: str


def lines(edition: Edition, head: Head, beside: Head | None) -> list[Lines]:
    """Return every permission of the edition, by area, with what the role ``head`` has of it."""
    found = []
    for area in matrix.table(edition, [head, beside] if beside else [head]):
        rows = tuple(
            Line(
                row.permission,
                (*row.notes, *_follows(edition, head, row.permission, row.cells[0])),
                row.cells[0],
                row.cells[1] if beside else "",
            )
            for row in area.rows
        )
        found.append(Lines(area.label, rows, area.counts[0]))
    return found


def _follows(edition: Edition, head: Head, permission: Permission, cell: str) -> Sequence[str]:
    """Say why a custom role has what nobody could tick."""
    custom = edition.custom_roles
    if custom is None or head.custom is None or cell == NO:
        return ()
    if permission in custom.always:
        return ("Everybody has it.",)
    leaders = custom.follows.get(permission)
    if leaders is None:
        return ()
    return (f"Comes with {listed(sorted(label(p) for p in leaders))}.",)
