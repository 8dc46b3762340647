"""What each event does to the state: one handler an action.

Every action is either handled here or declared to be about something else, so that nothing new
slips past. Events that were recorded before they said all of this fold as well as they can: which
permissions an optional one was made of is then asked of the edition as it is now.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from permissions.errors import Invalid
from permissions.models import AuditEvent
from teams.editions import EDITIONS
from teams.replay.state import Crew, Custom, End, Guest, Place, Seat, State, Thing, ThingKey, moment

Handler = Callable[[State, AuditEvent, Mapping[str, Any]], None]

HANDLED: dict[str, Handler] = {}

#: begin the record: before one of them there is nothing to add to
CREATED, SNAPSHOT = BEGIN = ("account.created", "account.snapshot")

_ELSEWHERE: set[str] = set()


def leave_alone(*actions: str) -> None:
    """Declare that these actions change nobody's access: a host's, or another application's.

    Called in ``AppConfig.ready``; an action that nobody declared stops the replay.
    """
    _ELSEWHERE.update(actions)


def not_about_access() -> frozenset[str]:
    """Return every action that is declared to be about something else."""
    return frozenset(_ELSEWHERE)


leave_alone(
    "write.refused",
    "history.read",
    "audit.exported",
    "audit.pruned",
    "ownership.offered",
    "ownership.withdrawn",
    "ownership.declined",
    "field.created",
    "field.renamed",
    "field.deleted",
    "segment.created",
    "segment.edited",
    "savedrow.created",
    "mailinglist.renamed",
    "mailinglist.changed",
    "messagetemplate.renamed",
    "messagetemplate.changed",
    *(
        f"invitation.{done}"
        for done in (
            "sent", "resent", "mailed", "withdrawn", "changed", "accepted", "voided", "pruned",
        )
    ),
    *(
        f"contact.{done}"
        for done in ("added", "restored", "listed", "unlisted", "edited", "unsubscribed")
    ),
    *(
        f"campaign.{done}"
        for done in (
            "created", "edited", "renamed", "changed", "addressed", "laid_out", "shared", "tested",
            "scheduled", "rescheduled", "unscheduled", "released", "began_sending", "stopped",
            "returned", "sent",
        )
    ),
    *(
        f"{kind}.{done}"
        for kind in ("mailinglist", "segment", "messagetemplate", "campaign", "contact", "savedrow")
        for done in ("archived", "restored")
    ),
    "segment.purged",
    "contact.purged",
    "savedrow.purged",
    "savedrow.deleted",
    *(
        f"contact_import.{done}"
        for done in ("uploaded", "started", "undo_started", "done", "undone", "failed")
    ),
    *(f"contact_export.{done}" for done in ("started", "done", "downloaded")),
    # a key holds nothing that its creator does not hold, and what a review withdraws is an event
    # of its own
    *(f"key.{done}" for done in ("created", "rotated", "revoked", "pruned")),
    *(
        f"review.{done}"
        for done in (
            "started", "refreshed", "reminded", "finished", "line_confirmed", "line_withdrawn",
        )
    ),
    *(
        f"webhook.{done}"
        for done in (
            "created", "changed", "switched", "tested", "secret_renewed", "resent", "deleted",
        )
    ),
)  # fmt: skip


class Unreadable(Invalid):
    """The record cannot be replayed; the message says where it stops."""

    code = "RECORD"


def advance(state: State, events: Iterable[AuditEvent]) -> State:
    """Fold ``events`` of one account, in their order, into ``state``, and return it.

    What stands before the beginning of the record is passed over. Raises Unreadable for an event
    that nobody declared, and for one that does not fit what came before it.
    """
    for event in events:
        follows(state, event)
        state.sequence = event.sequence
        if (not state.began and event.action not in BEGIN) or event.action in _ELSEWHERE:
            continue
        handler = HANDLED.get(event.action)
        if handler is None:
            raise Unreadable(
                f"#{event.sequence} of {event.root}, {event.action}, is not known to the replay. "
                "Whoever records it declares it: teams.replay.leave_alone."
            )
        try:
            handler(state, event, event.data)
        except (LookupError, TypeError, ValueError) as error:
            raise Unreadable(
                f"#{event.sequence} of {event.root}, {event.action}, does not fit what came before "
                f"it ({type(error).__name__}: {error})."
            ) from None
    return state


def follows(state: State, event: AuditEvent) -> None:
    """Raise Unreadable unless ``event`` is the one after what is folded already."""
    if event.sequence != state.sequence + 1:
        raise Unreadable(
            f"The record of {event.root} goes from #{state.sequence} to #{event.sequence}: "
            "what lies between is not there. Run verify_audit; what was pruned is in its file."
        )


def _on(*actions: str) -> Callable[[Handler], Handler]:
    def keep(handler: Handler) -> Handler:
        HANDLED.update(dict.fromkeys(actions, handler))
        return handler

    return keep


def _subject(event: AuditEvent) -> int:
    """Return the key of what the event is about."""
    return int(event.subject_ref.partition(":")[2])


def _thing(event: AuditEvent) -> ThingKey:
    label, _, key = event.subject_ref.partition(":")
    return label, key


# the account


@_on(CREATED)
def _account_created(state: State, event: AuditEvent, data: Mapping[str, Any]) -> None:
    state.key = _subject(event)
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


@_on(SNAPSHOT)
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


@_on(*SETTINGS)
def _set(state: State, event: AuditEvent, data: Mapping[str, Any]) -> None:
    state.account[SETTINGS[event.action]] = data["after"]


@_on("ownership.transferred")
def _transferred(state: State, event: AuditEvent, data: Mapping[str, Any]) -> None:
    state.account["owner"] = data["after"]["owner"]


# subaccounts and groups of them


@_on("subaccount.created")
def _place_created(state: State, event: AuditEvent, data: Mapping[str, Any]) -> None:
    state.places[_subject(event)] = Place(data["name"], home=bool(data.get("home")))


@_on("subaccount.renamed")
def _place_renamed(state: State, event: AuditEvent, data: Mapping[str, Any]) -> None:
    state.places[_subject(event)].name = data["after"]


@_on("subaccount.archived", "subaccount.restored")
def _place_archived(state: State, event: AuditEvent, data: Mapping[str, Any]) -> None:
    state.places[_subject(event)].archived = event.action == "subaccount.archived"


@_on("subaccount.direct_billing_set")
def _place_billed(state: State, event: AuditEvent, data: Mapping[str, Any]) -> None:
    state.places[_subject(event)].direct = data["after"]


@_on("features.changed")
def _features(state: State, event: AuditEvent, data: Mapping[str, Any]) -> None:
    state.places[_subject(event)].off = " ".join(data["after"])


@_on("group.created")
def _group_created(state: State, event: AuditEvent, data: Mapping[str, Any]) -> None:
    state.groups[_subject(event)] = set(data["subaccounts"])


@_on("group.renamed")
def _group_renamed(state: State, event: AuditEvent, data: Mapping[str, Any]) -> None:
    state.groups[_subject(event)]  # there is one


@_on("group.changed")
def _group_changed(state: State, event: AuditEvent, data: Mapping[str, Any]) -> None:
    state.groups[_subject(event)] = set(data["after"])


@_on("group.deleted")
def _group_deleted(state: State, event: AuditEvent, data: Mapping[str, Any]) -> None:
    del state.groups[_subject(event)]


# roles of the account's own


@_on("role.created", "role.edited")
def _role_written(state: State, event: AuditEvent, data: Mapping[str, Any]) -> None:
    told = data.get("after", data)
    state.roles[_subject(event)] = Custom(told["name"], told["permissions"])


@_on("role.deleted")
def _role_deleted(state: State, event: AuditEvent, data: Mapping[str, Any]) -> None:
    del state.roles[_subject(event)]


# memberships


@_on("member.added")
def _member_added(state: State, event: AuditEvent, data: Mapping[str, Any]) -> None:
    state.seats[_subject(event)] = Seat(
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


@_on("member.removed", "member.left", "membership.pruned")
def _member_gone(state: State, event: AuditEvent, data: Mapping[str, Any]) -> None:
    del state.seats[_subject(event)]


@_on("member.suspended", "member.reactivated")
def _status(state: State, event: AuditEvent, data: Mapping[str, Any]) -> None:
    state.seats[_subject(event)].active = data["after"] == "active"


@_on("end.changed")
def _end_changed(state: State, event: AuditEvent, data: Mapping[str, Any]) -> None:
    state.seats[_subject(event)].ends_at = moment(data["after"])


@_on("role.changed")
def _role_changed(state: State, event: AuditEvent, data: Mapping[str, Any]) -> None:
    seat, after = state.seats[_subject(event)], data["after"]
    seat.role, seat.custom = after["role"], after["custom_role"]
    seat.toggles = {name: seat.toggles[name] for name in after["toggles"]}


@_on("reach.changed")
def _reach_changed(state: State, event: AuditEvent, data: Mapping[str, Any]) -> None:
    seat = state.seats[_subject(event)]
    if "added" in data:  # what one has created oneself
        seat.managed.add(data["added"])
        return
    after = data["after"]
    seat.every, seat.managed = after["all_subaccounts"], set(after["managed"])
    seat.groups = set(after.get("groups", ()))


@_on("contact.changed")
def _contact_changed(state: State, event: AuditEvent, data: Mapping[str, Any]) -> None:
    place = _subject(event)
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


@_on("permission.toggled")
def _toggled(state: State, event: AuditEvent, data: Mapping[str, Any]) -> None:
    seat = state.seats[_subject(event)]
    for name in _made_of(state, seat, data):
        seat.toggles.pop(name, None)
        if data["after"]:
            seat.toggles[name] = moment(data["ends_at"])


@_on("toggle.end_changed")
def _toggle_end(state: State, event: AuditEvent, data: Mapping[str, Any]) -> None:
    seat = state.seats[_subject(event)]
    for name in _made_of(state, seat, data):
        if name in seat.toggles:
            seat.toggles[name] = moment(data["after"])


@_on("toggle.pruned")
def _toggle_pruned(state: State, event: AuditEvent, data: Mapping[str, Any]) -> None:
    seat, end = state.seats[_subject(event)], moment(data["ends_at"])
    for name in _made_of(state, seat, data):
        if name in seat.toggles and seat.toggles[name] == end:
            del seat.toggles[name]


# guests


@_on("guest.given")
def _guest_given(state: State, event: AuditEvent, data: Mapping[str, Any]) -> None:
    thing = _thing(event)
    known = state.things.get(thing)
    place = data.get("subaccount", known.place if known else None)
    if thing[0] == "teams.subaccount":
        place = int(thing[1])
    guest = state.guests.setdefault((data["user"], thing), Guest(place))
    guest.permissions.update(dict.fromkeys(data["permissions"], moment(data["ends_at"])))


@_on("guest.end_changed")
def _guest_end(state: State, event: AuditEvent, data: Mapping[str, Any]) -> None:
    guest = state.guests[data["user"], _thing(event)]
    guest.permissions = dict.fromkeys(guest.permissions, moment(data["after"]))


@_on("guest.withdrawn", "guest.pruned")
def _guest_gone(state: State, event: AuditEvent, data: Mapping[str, Any]) -> None:
    key = data["user"], _thing(event)
    for name in data["permissions"]:
        del state.guests[key].permissions[name]
    if not state.guests[key].permissions:
        del state.guests[key]


# what teams may limit, and what somebody may be a guest of


@_on("mailinglist.created", "messagetemplate.created")
def _thing_created(state: State, event: AuditEvent, data: Mapping[str, Any]) -> None:
    kind, _, actor = event.actor_ref.partition(":")
    thing = _thing(event)
    state.things[thing] = Thing(data["subaccount"], actor if "." in kind else None)
    for team in state.teams.values():
        if team.name in data["teams"]:
            team.things.add(thing)


@_on(
    "mailinglist.purged",
    "mailinglist.deleted",
    "messagetemplate.purged",
    "campaign.purged",
)
def _thing_gone(state: State, event: AuditEvent, data: Mapping[str, Any]) -> None:
    thing = _thing(event)
    state.things.pop(thing, None)
    for key in [key for key in state.guests if key[1] == thing]:
        del state.guests[key]
    for team in state.teams.values():
        team.things.discard(thing)


# teams


@_on("team.created")
def _team_created(state: State, event: AuditEvent, data: Mapping[str, Any]) -> None:
    state.teams[_subject(event)] = Crew(data["name"], data.get("group"))


@_on("team.renamed")
def _team_renamed(state: State, event: AuditEvent, data: Mapping[str, Any]) -> None:
    state.teams[_subject(event)].name = data["after"]


@_on("team.joined")
def _team_joined(state: State, event: AuditEvent, data: Mapping[str, Any]) -> None:
    state.teams[_subject(event)].people[data["user"]] = moment(data["ends_at"])


@_on("team.end_changed")
def _team_end(state: State, event: AuditEvent, data: Mapping[str, Any]) -> None:
    people = state.teams[_subject(event)].people
    people[data["user"]]  # is in it
    people[data["user"]] = moment(data["after"])


@_on("team.left", "team.pruned")
def _team_left(state: State, event: AuditEvent, data: Mapping[str, Any]) -> None:
    del state.teams[_subject(event)].people[data["user"]]


@_on("team.given")
def _team_given(state: State, event: AuditEvent, data: Mapping[str, Any]) -> None:
    state.teams[data["team"]].things.add(_thing(event))


@_on("team.withdrawn")
def _team_withdrawn(state: State, event: AuditEvent, data: Mapping[str, Any]) -> None:
    state.teams[data["team"]].things.remove(_thing(event))


@_on("team.archived")
def _team_archived(state: State, event: AuditEvent, data: Mapping[str, Any]) -> None:
    """Its people and its things go to the other team; who is in both stays until the later end."""
    old = state.teams.pop(_subject(event))
    if data["replacement"] is None:
        return
    into = state.teams[data["replacement"]]
    into.things |= old.things
    for user, end in old.people.items():
        into.people[user] = _later(end, into.people[user]) if user in into.people else end


def _later(one: End, other: End) -> End:
    return None if one is None or other is None else max(one, other)
