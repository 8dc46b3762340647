"""Effective permissions: what somebody may do at one place, and where it comes from or why not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from permissions import access
from permissions.catalogue import Area, Permission
from permissions.policy import TOP, Denial, Outcome, PlaceId, Source, decide
from permissions.profile import Tenant
from teams.catalogue import CATALOGUE
from teams.denials import denial_text
from teams.editions import get
from teams.editions.spec import Edition
from teams.models import Account

# effective permissions, with their source


@dataclass(frozen=True, slots=True)
class Line:
    """One permission of one person at one place: held or not, and where from or why not."""

    permission: Permission
    outcome: Outcome
    why: str

    @property
    def allowed(self) -> bool:
        """Say whether the permission is held."""
        return self.outcome.allowed


@dataclass(frozen=True, slots=True)
class Group:
    """The lines of one area."""

    area: Area
    label: str
    lines: tuple[Line, ...]

    @property
    def held(self) -> int:
        """Return how many of them are held."""
        return sum(line.allowed for line in self.lines)


def effective(
    person: Any,
    account: Account,
    place: PlaceId = TOP,
    *,
    knows: Callable[[Source], bool] = lambda _source: True,
) -> list[Group]:
    """Return what ``person`` holds at ``place`` of ``account``, by area, leaving out what the
    edition does not have or asks elsewhere. Only sources that ``knows`` lets through are named."""
    tenant = access.profile_of(person).tenants.get(account.pk)
    return held_by(tenant, get(account.edition), place, knows=knows)


def held_by(
    tenant: Tenant | None,
    edition: Edition,
    place: PlaceId,
    *,
    knows: Callable[[Source], bool] = lambda _source: True,
) -> list[Group]:
    """Return what ``tenant`` amounts to at ``place``, by area; None for somebody without any."""
    groups = []
    for area in CATALOGUE.areas:
        lines = [
            _line(edition, tenant, permission, place, knows)
            for permission in area.permissions
            if permission in edition.permissions and (permission.level == TOP) == (place == TOP)
        ]
        if lines:
            label = str(edition.area_labels.get(area.codename, area.label))
            groups.append(Group(area, label, tuple(lines)))
    return groups


def _line(
    edition: Edition,
    tenant: Tenant | None,
    permission: Permission,
    place: PlaceId,
    knows: Callable[[Source], bool],
) -> Line:
    if tenant is None:
        return Line(permission, Outcome(denial=Denial.STRANGER), "No active place in this account")
    outcome = decide(tenant.standing, tenant.root, permission, place)
    if outcome.allowed:
        texts = dict.fromkeys(source_text(s) for s in outcome.sources if knows(s))
        why = "; ".join(texts) or "A role that you do not see"
    else:
        why = denial_text(edition, outcome, permission)
    return Line(permission, outcome, why)


def source_text(source: Source) -> str:
    """Return where a right comes from, in words."""
    match source.kind:
        case "owner":
            return f"{source.label} of the account"
        case "toggle":
            return f"Switched on: {source.label}"
        case "guest":
            return "Guest access"
        case _:
            return f"Role {source.label}"


def source_words(source: Source) -> str:
    """Return where a right comes from, to follow "through" in a sentence."""
    match source.kind:
        case "owner":
            return "ownership of the account"
        case "toggle":
            return f"the optional permission {source.label}"
        case "guest":
            return "guest access"
        case _:
            return f"the role {source.label}"
