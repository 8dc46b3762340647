"""What a permission is, and where a project declares the ones it has.

A catalogue is plain data. It is declared once, at import time, as symbols that read like
constants; the permission rows that django-guardian needs follow from it after ``migrate``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from types import MappingProxyType
from typing import Self

from django.utils.functional import Promise

ACCOUNT = "account"
SUBACCOUNT = "subaccount"
LEVELS = (ACCOUNT, SUBACCOUNT)

Label = str | Promise


class Permission(str):
    """A codename that carries its label, area, level and what it implies.

    It *is* the codename, so that the pure policy, sets, JSON and django-guardian all take it as
    it is. ``level`` names the kind of object it is asked on: the account as a whole, or one
    subaccount and what lies inside it.
    """

    label: Label
    area: Area
    level: str
    implies: tuple[Permission, ...]

    def __new__(
        cls,
        codename: str,
        *,
        label: Label,
        area: Area,
        level: str,
        implies: tuple[Permission, ...],
    ) -> Self:
        permission = super().__new__(cls, codename)
        permission.label = label
        permission.area = area
        permission.level = level
        permission.implies = implies
        return permission

    def __getnewargs_ex__(self) -> tuple[tuple[str], dict[str, object]]:
        return (str(self),), {
            "label": self.label,
            "area": self.area,
            "level": self.level,
            "implies": self.implies,
        }


class Area:
    """A group of permissions that people find together: a tab, a menu, a page of settings."""

    def __init__(self, catalogue: Catalogue, codename: str, label: Label) -> None:
        self.catalogue = catalogue
        self.codename = codename
        self.label = label

    def __repr__(self) -> str:
        return f"<Area {self.codename}>"

    def declare(
        self,
        codename: str,
        *,
        label: Label,
        level: str = SUBACCOUNT,
        implies: tuple[Permission, ...] = (),
    ) -> Permission:
        """Add a permission to this area and return its symbol.

        Raises ValueError for a codename that is not ``verb_noun`` in lower case or is taken.
        """
        if not codename.isidentifier() or codename != codename.lower() or "_" not in codename:
            raise ValueError(f"{codename!r} is no codename: write verb_noun, lower case")
        if level not in LEVELS:
            raise ValueError(f"{codename}: level {level!r} is none of {', '.join(LEVELS)}")
        return self.catalogue._add(
            Permission(codename, label=label, area=self, level=level, implies=implies)
        )

    @property
    def permissions(self) -> tuple[Permission, ...]:
        """Return the permissions declared in this area, in order of declaration."""
        return tuple(p for p in self.catalogue if p.area is self)


class Catalogue:
    """All permissions of a project, in order of declaration, by codename.

    ``app_label`` is the label under which Django asks for them: ``user.has_perm("teams.…")``;
    ``by_full_name`` holds them by what it asks for.
    """

    def __init__(self, app_label: str) -> None:
        self.app_label = app_label
        self._areas: dict[str, Area] = {}
        self._permissions: dict[str, Permission] = {}
        self.by_full_name: dict[str, Permission] = {}

    def area(self, codename: str, label: Label) -> Area:
        """Open an area. Raises ValueError if the name is taken."""
        if codename in self._areas:
            raise ValueError(f"area {codename!r} is declared twice")
        area = self._areas[codename] = Area(self, codename, label)
        return area

    def _add(self, permission: Permission) -> Permission:
        if permission in self._permissions:
            raise ValueError(f"permission {permission!s} is declared twice")
        self._permissions[permission] = permission
        self.by_full_name[f"{self.app_label}.{permission}"] = permission
        return permission

    @property
    def areas(self) -> tuple[Area, ...]:
        """Return the areas in order of declaration."""
        return tuple(self._areas.values())

    @property
    def by_codename(self) -> Mapping[str, Permission]:
        """Return a read-only view of the permissions by codename."""
        return MappingProxyType(self._permissions)

    def __iter__(self) -> Iterator[Permission]:
        return iter(self._permissions.values())

    def __contains__(self, codename: object) -> bool:
        return codename in self._permissions

    def __len__(self) -> int:
        return len(self._permissions)

    def __getitem__(self, codename: str) -> Permission:
        """Return the symbol for ``codename``. Raises KeyError naming near misses."""
        try:
            return self._permissions[codename]
        except KeyError:
            near = get_close_matches(codename, self._permissions, n=3)
            hint = f"; did you mean {' or '.join(near)}?" if near else ""
            raise KeyError(f"no permission {codename!r} in the catalogue{hint}") from None
