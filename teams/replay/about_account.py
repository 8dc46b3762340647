"""What events of the account itself, of subaccounts, groups of them and custom roles do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from permissions.models import AuditEvent
from teams.replay.handling import on, subject_of
from teams.replay.state import Custom, Place, State

#: begin the record: before one of them there is nothing to add to
CREATED, SNAPSHOT = BEGIN = ("account.created", "account.snapshot")


# the account


@on(CREATED)
def _account_created(state: State, event: AuditEvent, data: Mapping[str, Any]) -> None:
    state.key = subject_of(event)
    state.account = {
        "slug": data["slug"],
        "name": data["name"],
        "edition": data["edition"],
        "owner": data["owner"],
        "accent": "",
        "masks_addresses": False,
        "team_mode": "off",
        "single_bill": False,
        "reseller": False,
        "read_only_because": "",
        "seat_limit": data.get("seat_limit"),
        "second_factor": data.get("second_factor", []),
    }
    state.rules = dict(data.get("rules", {}))


@on(SNAPSHOT)
def _snapshot(state: State, event: AuditEvent, data: Mapping[str, Any]) -> None:
    found = State.from_json(data)
    for name in State.__slots__:
        if name != "sequence":
            setattr(state, name, getattr(found, name))


#: settings of the account, by the event that changes each
SETTINGS = {
    "account.teams_set": "team_mode",
    "account.themed": "accent",
    "account.masked": "masks_addresses",
    "account.single_bill_set": "single_bill",
    "account.read_only": "read_only_because",
    "account.writable": "read_only_because",
    "second_factor.changed": "second_factor",
}


@on(*SETTINGS)
def _set(state: State, event: AuditEvent, data: Mapping[str, Any]) -> None:
    state.account[SETTINGS[event.action]] = data["after"]


@on("ownership.transferred")
def _transferred(state: State, event: AuditEvent, data: Mapping[str, Any]) -> None:
    state.account["owner"] = data["after"]["owner"]


# subaccounts and groups of them


@on("subaccount.created")
def _place_created(state: State, event: AuditEvent, data: Mapping[str, Any]) -> None:
    state.places[subject_of(event)] = Place(data["name"], home=bool(data.get("home")))


@on("subaccount.renamed")
def _place_renamed(state: State, event: AuditEvent, data: Mapping[str, Any]) -> None:
    state.places[subject_of(event)].name = data["after"]


@on("subaccount.archived", "subaccount.restored")
def _place_archived(state: State, event: AuditEvent, data: Mapping[str, Any]) -> None:
    state.places[subject_of(event)].archived = event.action == "subaccount.archived"


@on("subaccount.direct_billing_set")
def _place_billed(state: State, event: AuditEvent, data: Mapping[str, Any]) -> None:
    state.places[subject_of(event)].direct = data["after"]


@on("features.changed")
def _features(state: State, event: AuditEvent, data: Mapping[str, Any]) -> None:
    state.places[subject_of(event)].off = " ".join(data["after"])


@on("group.created")
def _group_created(state: State, event: AuditEvent, data: Mapping[str, Any]) -> None:
    state.groups[subject_of(event)] = set(data["subaccounts"])


@on("group.renamed")
def _group_renamed(state: State, event: AuditEvent, data: Mapping[str, Any]) -> None:
    state.groups[subject_of(event)]  # there is one


@on("group.changed")
def _group_changed(state: State, event: AuditEvent, data: Mapping[str, Any]) -> None:
    state.groups[subject_of(event)] = set(data["after"])


@on("group.deleted")
def _group_deleted(state: State, event: AuditEvent, data: Mapping[str, Any]) -> None:
    del state.groups[subject_of(event)]


# roles of the account's own


@on("role.created", "role.edited")
def _role_written(state: State, event: AuditEvent, data: Mapping[str, Any]) -> None:
    told = data.get("after", data)
    state.roles[subject_of(event)] = Custom(told["name"], told["permissions"])


@on("role.deleted")
def _role_deleted(state: State, event: AuditEvent, data: Mapping[str, Any]) -> None:
    del state.roles[subject_of(event)]
