"""The audit as people read it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from django.contrib.auth import get_user_model

from permissions.audit import REFUSED, label_of, timeline
from permissions.models import AuditEvent
from teams import selectors
from teams.admin import words
from teams.admin.desk import Desk, initials, role_spec
from teams.admin.persons import sees_people
from teams.models import Membership, Subaccount
from teams.services.base import root_key

#: how far back a manager's own events are looked for
SCANNED = 200


class Entry(NamedTuple):
    """One event: who, what was done, and when."""

    actor: str
    initials: str
    text: str
    when: Any
    is_refusal: bool


def recent(desk: Desk, limit: int) -> list[Entry]:
    """Return the newest events: all of the account to its owner, to a manager what concerns the
    subaccounts whose people they see. Nobody else is shown any."""
    if not (desk.works_at_account and sees_people(desk)):
        return []
    events = list(timeline(root_key(desk.account))[: limit if desk.is_owner else SCANNED])
    seats = _memberships(events)
    if not desk.is_owner:
        scope = selectors.people_places(desk.profile, desk.account.pk)
        places = [_place_of(event, seats) for event in events]
        events = [
            event
            for event, place in zip(events, places, strict=True)
            if place is not None and place in scope  # None would be in a scope of everywhere
        ][:limit]
    return entries(desk, events, seats)


def entries(
    desk: Desk, events: Iterable[AuditEvent], seats: Mapping[str, Membership] | None = None
) -> list[Entry]:
    """Return events in words; ``seats`` are the memberships they are about, if known already."""
    events = list(events)
    if seats is None:
        seats = _memberships(events)
    people = _people(events)
    return [entry(desk, event, seats, people) for event in events]


def _memberships(events: list[AuditEvent]) -> dict[str, Membership]:
    """Return the memberships of events that do not say whom and what they are about, by key;
    those that are gone are missing."""
    label = Membership._meta.label_lower
    refs = {event.subject_ref for event in events if "subaccount" not in described(event)}
    keys = {key for kind, _, key in (ref.partition(":") for ref in refs) if kind == label}
    rows = Membership.objects.filter(pk__in=keys).select_related("user")
    return {f"{label}:{row.pk}": row for row in rows}


def _people(events: list[AuditEvent]) -> dict[str, str]:
    """Return the names of people that events mention by key only."""
    keys = {str(e.data.get("after")) for e in events if e.action == "contact.changed"}
    rows = get_user_model()._default_manager.filter(pk__in=keys - {"None"})
    return {str(row.pk): label_of(row) for row in rows} if keys else {}


def described(event: AuditEvent) -> Mapping[str, Any]:
    """Return what the event says of the membership it is about, as it was afterwards or before."""
    parts = (event.data.get("after"), event.data.get("before"))
    return next((part for part in parts if isinstance(part, dict)), event.data)


def _place_of(event: AuditEvent, seats: Mapping[str, Membership]) -> Any:
    """Return the subaccount an event is about, or None."""
    kind, _, key = event.subject_ref.partition(":")
    if kind == Subaccount._meta.label_lower:
        return Subaccount._meta.pk.to_python(key)
    if kind != Membership._meta.label_lower:
        return None
    data = described(event)
    if "subaccount" in data:
        return data["subaccount"]
    seat = seats.get(event.subject_ref)
    return seat.subaccount_id if seat else None


def entry(
    desk: Desk,
    event: AuditEvent,
    seats: Mapping[str, Membership],
    people: Mapping[str, str],
) -> Entry:
    """Return one event in words; ``seats`` and ``people`` name whom it mentions by key."""
    seat = seats.get(event.subject_ref)
    named = label_of(seat.user) if seat else people.get(str(event.data.get("after")), "")
    return Entry(
        actor=event.actor_label,
        initials=initials(event.actor_label),
        text=sentence(desk, event, named),
        when=words.when(event.at),
        is_refusal=event.action == REFUSED,
    )


def sentence(  # noqa: PLR0912  (one line an action)
    desk: Desk, event: AuditEvent, named: str = ""
) -> str:
    """Return what was done, to follow the actor's name; ``named`` is whom it concerns."""
    data, subject = event.data, _subject(desk, event)
    person = str(data.get("person") or _person(data) or named or _login(event.subject_label))
    person = person or "somebody"
    match event.action:
        case "member.added":
            return f"made {person} {_role(desk, data)} of {_place(desk, data)}."
        case "member.removed":
            before = data.get("before", {})
            return f"removed {before.get('person', person)} from {_place(desk, before)}."
        case "member.suspended":
            return f"suspended {person}."
        case "member.reactivated":
            return f"reactivated {person}."
        case "role.changed":
            before, after = data.get("before", {}), data.get("after", {})
            return (
                f"made {after.get('person', person)} {_role(desk, after)} of "
                f"{_place(desk, after)}. Was {_role(desk, before)}."
            )
        case "reach.changed":
            after = data.get("after", {})
            who = after.get("person")
            return (
                f"changed which subaccounts {who} manages."
                if who
                else "manages one more subaccount."
            )
        case "permission.toggled":
            toggle = {t.codename: str(t.label) for t in desk.edition.toggles}
            name = toggle.get(data.get("toggle", ""), "an optional permission")
            return f"switched {name} {'on' if data.get('after') else 'off'} for {person}."
        case "contact.changed":
            if not named:
                return f"changed the primary contact of {subject}."
            return f"made {named} the primary contact of {subject}."
        case "guest.given":
            return f"gave {person} guest access to {subject}."
        case "guest.withdrawn":
            return f"withdrew guest access to {subject} from {person}."
        case "subaccount.created":
            return f"created {subject}."
        case "subaccount.renamed":
            return f"renamed {data.get('before')} to {data.get('after')}."
        case "subaccount.archived":
            return f"archived {subject}."
        case "subaccount.restored":
            return f"restored {subject}."
        case "account.themed":
            return f"changed the colour of {subject}."
        case "team.created":
            return f"created the team {subject}."
        case "team.joined":
            return f"put {person} into {subject}."
        case "team.left":
            return f"took {person} out of {subject}."
        case "team.given":
            return f"shared {subject} with {data.get('name')}."
        case "team.withdrawn":
            return f"stopped sharing {subject} with {data.get('name')}."
        case "write.refused":
            return str(data.get("message") or "was refused something.").replace("You ", "", 1)
        case _:
            return f"{event.action.replace('.', ' ').replace('_', ' ')}: {subject}."


def _person(data: dict[str, Any]) -> str:
    after = data.get("after")
    return str(after.get("person", "")) if isinstance(after, dict) else ""


def _login(label: str) -> str:
    """Return the login of a membership's label, "login (role)"; empty for any other label."""
    login, separator, _role = label.partition(" (")
    return login if separator else ""


def _subject(desk: Desk, event: AuditEvent) -> str:
    """Return what the event was about; a subaccount by name only if the reader may know it."""
    kind, _, key = event.subject_ref.partition(":")
    if kind != Subaccount._meta.label_lower or desk.is_owner:
        return event.subject_label
    return desk.place_names.get(int(key), "a subaccount") if key.isdecimal() else "a subaccount"


def _role(desk: Desk, data: dict[str, Any]) -> str:
    spec = role_spec(desk.edition, data.get("role") or "")
    return str(spec.label) if spec else "a custom role"


def _place(desk: Desk, data: dict[str, Any]) -> str:
    if data.get("subaccount"):
        return desk.place_names.get(data["subaccount"], "a subaccount")
    if data.get("all_subaccounts"):
        return "all subaccounts"
    names = [desk.place_names.get(pk, "a subaccount") for pk in data.get("managed", ())]
    return words.listed(names) or desk.account.name
