"""The lists and templates that a team was given, or could be, as far as the reader sees them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet
from django.urls import reverse

from permissions import access, grants
from permissions.admin import row_of
from permissions.errors import NotFound
from permissions.resources import Resource, registry
from teams.admin.desk import Desk
from teams.catalogue import ASSIGN_TEAM_RESOURCES
from teams.models import Team

#: so many are offered before one goes to their own pages
OFFERED = 200


@dataclass(frozen=True, slots=True)
class Thing:
    """A list or template; ``key`` is how an address names it."""

    obj: Any

    @property
    def key(self) -> str:
        """Return "mailinglist-12"."""
        return f"{self.obj._meta.model_name}-{self.obj.pk}"

    @property
    def label(self) -> str:
        """Return its name and where it is."""
        return f"{self.obj} ({self.obj.subaccount.name})"

    @property
    def url(self) -> str:
        """Return the address of its page."""
        meta = self.obj._meta
        return reverse(f"console:{meta.app_label}_{meta.model_name}_change", args=[self.obj.pk])


def limited() -> Iterator[Resource]:
    """Yield what teams can limit and the console has pages for."""
    return (resource for resource in registry if resource.limited)


def visible(desk: Desk, resource: Resource) -> QuerySet[Any]:
    """Return the objects of ``resource`` that are in use and the reader sees, by name."""
    rows = resource.model._default_manager.filter(account=desk.account, archived_at=None)
    seen = access.visible(rows, desk.user, str(resource.actions["view"]))
    return seen.select_related("subaccount").order_by("name", "pk")


def given(desk: Desk, resource: Resource, team: Team) -> QuerySet[Any]:
    """Return those that ``team`` was given."""
    keys = grants.shared_keys(resource.model, [team.group_id])
    return visible(desk, resource).filter(pk__in=keys)


def things_of(desk: Desk, team: Team) -> list[Thing]:
    """Return all that ``team`` was given and the reader sees."""
    return [Thing(obj) for resource in limited() for obj in given(desk, resource, team)]


def may_assign(desk: Desk, obj: Any = None) -> bool:
    """Say whether the reader assigns to teams: there, or anywhere."""
    return desk.holds(ASSIGN_TEAM_RESOURCES, None if obj is None else obj.subaccount_id)


def things_to_give(desk: Desk, team: Team) -> tuple[list[Thing], bool]:
    """Return what the reader may share with ``team``, by name, and whether that is all."""
    found: list[Thing] = []
    is_all = True
    for resource in limited():
        keys = grants.shared_keys(resource.model, [team.group_id])
        rows = access.visible(
            visible(desk, resource).exclude(pk__in=keys), desk.user, str(ASSIGN_TEAM_RESOURCES)
        )
        some = list(rows[: OFFERED + 1])
        is_all = is_all and len(some) <= OFFERED
        found += [Thing(obj) for obj in some[:OFFERED]]
    return found, is_all


def thing_of(desk: Desk, key: str) -> Any:
    """Return the object that ``key`` names. Raises NotFound if the reader does not see it."""
    name, _, pk = key.rpartition("-")
    for resource in limited():
        if resource.model._meta.model_name == name:
            found = row_of(visible(desk, resource), pk)
            if found is not None:
                return found
    raise NotFound("There is no such list or template among those you may choose.")
