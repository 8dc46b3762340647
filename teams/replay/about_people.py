"""What events of memberships, their optional permissions, and guests do.

Events that were recorded before they said all of this fold as well as they can: which permissions
an optional one was made of is then asked of the edition as it is now.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from permissions.models import AuditEvent
from teams.editions import EDITIONS
from teams.replay.handling import on, subject_of, thing_of
from teams.replay.state import Guest, Seat, State, moment

# memberships


@on("member.added")
def _member_added(state: State, event: AuditEvent, data: Mapping[str, Any]) -> None:
    state.seats[subject_of(event)] = Seat(
        user=data["user"],
        subaccount=data["subaccount"],
        role=data["role"],
        custom=data["custom_role"],
        every=data["all_subaccounts"],
        managed=set(data["managed"]),
        groups=set(data.get("groups", ())),
        contact=data["primary_contact"],
        active=data["status"] == "active",
        ends_at=moment(data["ends_at"]),
        toggles=dict.fromkeys(data["toggles"]),
    )


@on("member.removed", "member.left", "membership.pruned")
def _member_gone(state: State, event: AuditEvent, data: Mapping[str, Any]) -> None:
    del state.seats[subject_of(event)]


@on("member.suspended", "member.reactivated")
def _status(state: State, event: AuditEvent, data: Mapping[str, Any]) -> None:
    state.seats[subject_of(event)].active = data["after"] == "active"


@on("end.changed")
def _end_changed(state: State, event: AuditEvent, data: Mapping[str, Any]) -> None:
    state.seats[subject_of(event)].ends_at = moment(data["after"])


@on("role.changed")
def _role_changed(state: State, event: AuditEvent, data: Mapping[str, Any]) -> None:
    seat, after = state.seats[subject_of(event)], data["after"]
    seat.role, seat.custom = after["role"], after["custom_role"]
    seat.toggles = {name: seat.toggles[name] for name in after["toggles"]}


@on("reach.changed")
def _reach_changed(state: State, event: AuditEvent, data: Mapping[str, Any]) -> None:
    seat = state.seats[subject_of(event)]
    if "added" in data:  # what one has created oneself
        seat.managed.add(data["added"])
        return
    after = data["after"]
    seat.every, seat.managed = after["all_subaccounts"], set(after["managed"])
    seat.groups = set(after.get("groups", ()))


@on("contact.changed")
def _contact_changed(state: State, event: AuditEvent, data: Mapping[str, Any]) -> None:
    place = subject_of(event)
    here = {key: seat for key, seat in state.seats.items() if seat.subaccount == place}
    for key, seat in here.items():
        known = data.get("membership")
        seat.contact = key == known if known is not None else seat.user == data["after"]


def _made_of(state: State, seat: Seat, data: Mapping[str, Any]) -> list[str]:
    """Return the permissions that the toggle of an event is made of."""
    if "permissions" in data:
        return list(data["permissions"])
    edition = EDITIONS.get(state.account["edition"])
    spec = edition.find_role(seat.role) if edition else None
    return sorted(spec.optional.get(data["toggle"], ()) if spec else ()) or [data["toggle"]]


@on("permission.toggled")
def _toggled(state: State, event: AuditEvent, data: Mapping[str, Any]) -> None:
    seat = state.seats[subject_of(event)]
    for name in _made_of(state, seat, data):
        seat.toggles.pop(name, None)
        if data["after"]:
            seat.toggles[name] = moment(data["ends_at"])


@on("toggle.end_changed")
def _toggle_end(state: State, event: AuditEvent, data: Mapping[str, Any]) -> None:
    seat = state.seats[subject_of(event)]
    for name in _made_of(state, seat, data):
        if name in seat.toggles:
            seat.toggles[name] = moment(data["after"])


@on("toggle.pruned")
def _toggle_pruned(state: State, event: AuditEvent, data: Mapping[str, Any]) -> None:
    seat, end = state.seats[subject_of(event)], moment(data["ends_at"])
    for name in _made_of(state, seat, data):
        if name in seat.toggles and seat.toggles[name] == end:
            del seat.toggles[name]


# guests


@on("guest.given")
def _guest_given(state: State, event: AuditEvent, data: Mapping[str, Any]) -> None:
    thing = thing_of(event)
    known = state.things.get(thing)
    place = data.get("subaccount", known.place if known else None)
    if thing[0] == "teams.subaccount":
        place = int(thing[1])
    guest = state.guests.setdefault((data["user"], thing), Guest(place))
    guest.permissions.update(dict.fromkeys(data["permissions"], moment(data["ends_at"])))


@on("guest.end_changed")
def _guest_end(state: State, event: AuditEvent, data: Mapping[str, Any]) -> None:
    guest = state.guests[data["user"], thing_of(event)]
    guest.permissions = dict.fromkeys(guest.permissions, moment(data["after"]))


@on("guest.withdrawn", "guest.pruned")
def _guest_gone(state: State, event: AuditEvent, data: Mapping[str, Any]) -> None:
    key = data["user"], thing_of(event)
    for name in data["permissions"]:
        del state.guests[key].permissions[name]
    if not state.guests[key].permissions:
        del state.guests[key]
