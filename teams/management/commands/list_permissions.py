"""Print the catalogue."""

from __future__ import annotations

from typing import Any

from permissions.catalogue import Permission
from permissions.management.base import OurCommand
from teams.catalogue import CATALOGUE
from teams.editions import EDITIONS
from teams.editions.spec import Edition
from teams.surfaces import enforced_by


class Command(OurCommand):
    """List every permission with what it means where."""

    help = "List the permissions: area, level, what they imply, who holds them, what asks for them."
    formats = ("text", "json", "csv")

    def handle(self, *args: Any, **options: Any) -> None:
        """Print a line, or an object, per permission."""
        surfaces = enforced_by()
        found = [_described(permission, surfaces.get(permission, [])) for permission in CATALOGUE]
        if options["format"] == "json":
            self.json(found)
            return
        columns = ("codename", "label", "area", "scopes", "implies", "enforced_by")
        rows = [
            tuple(
                ("; " if column == "enforced_by" else " ").join(item[column])
                if isinstance(item[column], list)
                else item[column]
                for column in columns
            )
            for item in found
        ]
        if options["format"] == "text":
            rows = [(*row[:-1], row[-1] or "nothing yet") for row in rows]
        self.table(columns, rows, options["format"])


def _described(permission: Permission, surfaces: list[str]) -> dict[str, Any]:
    return {
        "codename": str(permission),
        "label": str(permission.label),
        "area": permission.area.codename,
        "scopes": [permission.level],
        "implies": [str(p) for p in permission.implies],
        "roles": {code: _roles(edition, permission) for code, edition in EDITIONS.items()},
        "enforced_by": surfaces,
    }


def _roles(edition: Edition, permission: Permission) -> list[str]:
    """Return the roles of ``edition`` that may come to hold ``permission``, the owner's first."""
    if permission not in edition.permissions:
        return []
    roles = [
        role.codename
        for role in edition.roles
        if permission in role.holds.union(*role.when.values(), *role.optional.values())
        or permission in role.contact_adds
        or (role.at_home and permission in role.at_home.holds.union(*role.at_home.when.values()))
    ]
    return [edition.owner, *roles]
