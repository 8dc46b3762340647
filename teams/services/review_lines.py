"""What may be said of one line of a review: the gate of each kind, and how it is withdrawn.

Confirming asks what withdrawing asks, so that nobody nods at what they have no say in. A
withdrawal is the ordinary service that takes such a thing away, which judges once more.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from permissions.errors import OwnRights
from teams import logins
from teams.catalogue import GENERATE_API_KEYS
from teams.models import ReviewLine
from teams.reviewed import Thing
from teams.services.api_keys import revoke_api_key
from teams.services.change import Change
from teams.services.departures import remove_member
from teams.services.gates import gate_membership
from teams.services.guests import gate_guest, withdraw_guest_access
from teams.services.invitation_gates import gate_invitation
from teams.services.invitations import withdraw_invitation
from teams.services.sharing import gate_team, remove_from_team, require_teams
from teams.services.toggles import toggle_permission

Kind = ReviewLine.Kind
#: what hangs on a role is withdrawn before it
ORDER = (Kind.TEAM, Kind.KEY, Kind.INVITATION, Kind.GUEST, Kind.TOGGLE, Kind.ROLE)


def gate_line(change: Change, thing: Thing, act: str) -> None:
    """Refuse unless the actor could withdraw ``thing``; nobody decides about their own."""
    if is_own(change.actor, thing):
        error = OwnRights(f"You cannot {act}: nobody reviews their own access.")
        error.account = change.account
        raise error
    _GATES[Kind(thing.kind)](change, thing, act)


def is_own(actor: Any, thing: Thing) -> bool:
    """Say whether ``thing`` is the actor's own, or offered to them."""
    if thing.kind == Kind.INVITATION:
        return logins.current().owns(actor, thing.row.address)
    return thing.person is not None and bool(thing.person.pk == actor.pk)


def withdraw_thing(actor: Any, thing: Thing) -> None:
    """Take ``thing`` away, by the service that takes such a thing away."""
    _WITHDRAW[Kind(thing.kind)](actor, thing)


def _gate_team(change: Change, thing: Thing, act: str) -> None:
    require_teams(change)
    gate_team(change, thing.person, act)


def _gate_key(change: Change, thing: Thing, act: str) -> None:
    change.require(GENERATE_API_KEYS, frozenset({thing.place}), act, named=False)


_GATES: Mapping[Kind, Callable[[Change, Thing, str], None]] = {
    Kind.ROLE: lambda change, thing, act: gate_membership(change, thing.row, act),
    Kind.TOGGLE: lambda change, thing, act: gate_membership(change, thing.row, act),
    Kind.GUEST: lambda change, thing, act: gate_guest(change, thing.person, thing.place, act),
    Kind.TEAM: _gate_team,
    Kind.INVITATION: lambda change, thing, act: gate_invitation(change, thing.row, act),
    Kind.KEY: _gate_key,
}


def _take_toggle(actor: Any, thing: Thing) -> None:
    toggle_permission(actor=actor, membership=thing.row, toggle=thing.permission, on=False)


def _take_guest(actor: Any, thing: Thing) -> None:
    obj = thing.row.content_object
    withdraw_guest_access(actor=actor, user=thing.person, obj=obj, permissions=[thing.permission])


def _take_out(actor: Any, thing: Thing) -> None:
    remove_from_team(actor=actor, team=thing.row.team, user=thing.person)


_WITHDRAW: Mapping[Kind, Callable[[Any, Thing], Any]] = {
    Kind.ROLE: lambda actor, thing: remove_member(actor=actor, membership=thing.row),
    Kind.TOGGLE: _take_toggle,
    Kind.GUEST: _take_guest,
    Kind.TEAM: _take_out,
    Kind.INVITATION: lambda actor, thing: withdraw_invitation(actor=actor, invitation=thing.row),
    Kind.KEY: lambda actor, thing: revoke_api_key(actor=actor, key=thing.row),
}
