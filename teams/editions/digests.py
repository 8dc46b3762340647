"""What the rules of an edition come to, one short digest a role.

The record of an account says who had which role, not what a role gave: that stands in the code,
and may be another after an upgrade. So it keeps these besides, and whoever reads of the past is
told which roles are no longer what they were.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

from teams.editions.spec import Edition, RoleSpec

#: where the digest of what custom roles are made of stands: no role can be called that
CUSTOM = ":custom"
_LENGTH = 16


def digests_of(edition: Edition) -> dict[str, str]:
    """Return a digest of what each built-in role of ``edition`` gives, by codename; what the owner
    holds and what custom roles are made of are such roles, too."""
    found = {role.codename: _digest(_role(edition, role)) for role in edition.roles}
    found[edition.owner] = _digest([_names(edition.permissions), _sets(edition.owner_when)])
    if edition.custom_roles is not None:
        own = edition.custom_roles
        found[CUSTOM] = _digest([_names(own.tickable), _names(own.always), _sets(own.follows)])
    return found


def changed(edition: Edition, recorded: Mapping[str, str]) -> list[str]:
    """Return the labels of the roles that give something else now than when ``recorded`` was
    written; one that is gone is named by its codename."""
    now = digests_of(edition)
    return [
        _label(edition, codename)
        for codename, digest in recorded.items()
        if now.get(codename) != digest
    ]


def _label(edition: Edition, codename: str) -> str:
    if codename == CUSTOM:
        return "custom roles"
    if codename == edition.owner:
        return str(edition.owner_label)
    spec = edition.find_role(codename)
    return codename if spec is None else str(spec.label)


def _role(edition: Edition, role: RoleSpec) -> list[Any]:
    named = role.holds.union(role.contact_adds, *role.when.values(), *role.optional.values())
    return [
        role.account_level,
        role.subaccount_level,
        _names(role.reaches),
        _names(role.holds),
        _sets(role.when),
        None if role.at_home is None else _role(edition, role.at_home),
        _sets(role.optional),
        _names(role.contact_adds),
        role.needs_teams,
        _names(named & edition.teams_only),
    ]


def _names(found: Iterable[str]) -> list[str]:
    return sorted(map(str, found))


def _sets(found: Mapping[Any, Iterable[str]]) -> dict[str, list[str]]:
    return {str(name): _names(inside) for name, inside in found.items()}


def _digest(value: Any) -> str:
    text = json.dumps(value, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:_LENGTH]
