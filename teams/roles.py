"""The roles an account makes for itself: what they may be made of, and who has them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, QuerySet

from permissions import access
from permissions.catalogue import Permission
from teams import selectors
from teams.catalogue import CATALOGUE
from teams.editions import EDITIONS, get
from teams.editions.spec import CustomRoles, Edition
from teams.logins import name_fields
from teams.models import Account, Invitation, Membership, Role
from teams.rights import custom_permissions

# what a role is made of


def ticks_of(edition: Edition, role: str | Role) -> frozenset[str]:
    """Return what of ``role`` may be ticked in a role of one's own: what a copy of it starts with.

    ``role`` is the codename of a built-in role, or a custom role. Raises KeyError for a codename
    the edition does not have.
    """
    custom = edition.custom_roles
    if custom is None:
        return frozenset()
    held: Collection[str] = (
        custom_permissions(custom, role.permissions)
        if isinstance(role, Role)
        else edition.role(role).holds
    )
    return frozenset(p for p in custom.tickable if p in held)


def with_needed(ticks: Iterable[str]) -> frozenset[str]:
    """Return ``ticks`` with what they need besides: the menus under which they are found."""
    found = set(ticks)
    while more := {p for tick in found for p in _needs(tick)} - found:
        found |= more
    return frozenset(found)


def lacking(ticks: Collection[str]) -> list[tuple[Permission, Permission]]:
    """Return (what is ticked, what it needs and is not), in the order of the catalogue."""
    return [
        (permission, needed)
        for permission in CATALOGUE
        if permission in ticks
        for needed in permission.implies
        if needed not in ticks
    ]


def _needs(tick: str) -> tuple[Permission, ...]:
    return CATALOGUE[tick].implies if tick in CATALOGUE else ()


def in_order(ticks: Collection[str]) -> list[str]:
    """Return ``ticks`` as they are stored: each once, in the order of the catalogue."""
    return [str(permission) for permission in CATALOGUE if permission in ticks]


def given_by(custom: CustomRoles, ticks: Collection[str]) -> frozenset[str]:
    """Return what a role with ``ticks`` gives beyond what every role gives."""
    return custom_permissions(custom, ticks) - custom.always


# who has them


def roles_of(user: Any) -> QuerySet[Role]:
    """Return the custom roles of the accounts ``user`` works in, by name: everybody there may know
    what a role allows."""
    tenants = access.profile_of(user).tenants
    with_roles = [one.codename for one in EDITIONS.values() if one.custom_roles is not None]
    rows = Role.objects.filter(account__in=list(tenants), account__edition__in=with_roles)
    return rows.order_by("name", "pk")


def holders_of(user: Any, role: Role) -> QuerySet[Membership]:
    """Return the memberships with ``role`` that ``user`` may see, by the names of their people."""
    rows = selectors.memberships_of(user).filter(custom_role=role)
    by_name = (f"user__{name}" for name in name_fields())
    return rows.select_related("user", "subaccount").order_by(*by_name, "pk")


@dataclass(frozen=True, slots=True)
class Use:
    """How many people have a role, whatever the state of that, and how often it is on offer."""

    holders: int = 0
    offers: int = 0


def uses_of(user: Any, account: Account) -> Mapping[int, Use]:
    """Return, by key, how much each custom role of ``account`` is used as far as ``user`` sees.

    Two queries, however many roles there are; a role that nobody has is not in it.
    """
    if get(account.edition).custom_roles is None:
        return {}
    held = _counted(selectors.memberships_of(user), account, "user")
    pending = selectors.invitations_of(user).filter(status=Invitation.Status.PENDING)
    offered = _counted(pending, account, "pk")
    return {key: Use(held[key], offered[key]) for key in {*held, *offered}}


def _counted(rows: QuerySet[Any], account: Account, what: str) -> defaultdict[int, int]:
    mine = rows.filter(account=account, custom_role__isnull=False).order_by()
    counts = mine.values("custom_role").annotate(n=Count(what, distinct=True))
    return defaultdict(int, counts.values_list("custom_role", "n"))
