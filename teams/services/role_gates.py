"""Who may compose a role: nobody writes into one what they could never give."""

from __future__ import annotations

from collections.abc import Collection

from permissions.errors import Invalid
from permissions.policy import FUTURE, TOP, Atoms, PlaceId, sources_at
from permissions.policy.delegate import Code, Refusal
from teams.catalogue import CATALOGUE
from teams.editions.spec import CustomRoles
from teams.services.change import Change
from teams.services.holders import Holders


def custom_roles_in(change: Change) -> CustomRoles:
    """Return what custom roles are made of here. Raises Invalid where there are none."""
    custom = change.edition.custom_roles
    if custom is None:
        raise Invalid(f"{change.edition.label} has no custom roles.", code="NOT_IN_EDITION")
    return custom


def composing_places(change: Change) -> frozenset[PlaceId]:
    """Return where the actor may give roles, ceilings aside."""
    return frozenset(
        place
        for place in change.universe | {TOP, FUTURE}
        if all(
            sources_at(change.standing, change.root, permission, place)
            for permission in change.edition.gives_roles
        )
    )


def gate_composing(change: Change, act: str) -> None:
    """Refuse unless the actor may give roles somewhere."""
    if not composing_places(change):
        places = change.universe or frozenset({FUTURE})
        missing = {(str(p), ""): places for p in change.edition.gives_roles}
        change.refuse(Refusal(Code.OUT_OF_SCOPE, missing), act)


def gate_naming(holders: Holders, act: str) -> None:
    """Refuse unless the actor may give roles wherever this one counts."""
    gate_composing(holders.change, act)
    holders.require(holders.change.edition.gives_roles, holders.asked_at(), act)


def beyond(change: Change, permissions: Collection[str]) -> Atoms:
    """Return what of ``permissions`` the actor does not hold where they may give roles: nobody
    composes what they could never give."""
    places = composing_places(change) - {TOP}
    missing: dict[tuple[str, str], frozenset[PlaceId]] = {}
    for permission in permissions:
        where = frozenset({TOP}) if CATALOGUE[permission].level == TOP else places
        if not any(sources_at(change.standing, change.root, permission, p) for p in where):
            missing[permission, ""] = where
    return missing


def judge_composing(change: Change, permissions: Collection[str], act: str) -> None:
    """Refuse if a role would give something that the actor could never give."""
    missing = beyond(change, permissions)
    if missing:
        change.refuse(Refusal(Code.OUT_OF_SCOPE, missing), act)
