"""What an event changed, in words: what it was before, and what it is afterwards."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime
from django.utils.formats import date_format

from permissions.models import AuditEvent
from teams.event_names import Names, listed
from teams.factors import CLASSES
from teams.features import FEATURES
from teams.models import Account, MailingList, Membership, OwnershipTransfer
from teams.models.account import TeamMode


class Line(NamedTuple):
    """One thing that an event changed; without ``before`` it says what was done."""

    what: str
    before: str
    after: str


#: how one recorded value is written
Writer = Callable[[Names, Any], str]


def text(_names: Names, value: Any) -> str:
    """Write any simple value."""
    if isinstance(value, bool):
        return "Yes" if value else "No"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, list):
        return ", ".join(str(one).replace("_", " ") for one in value) or "None"
    return "None" if value in (None, "") else str(value)


def moment(_names: Names, value: Any) -> str:
    """Write a date, with its time if it has one."""
    if not value:
        return "No end"
    found = parse_datetime(str(value)) if "T" in str(value) else None
    if found is not None:
        return date_format(timezone.localtime(found), "j M Y, H:i")
    day = parse_date(str(value))
    return date_format(day, "j M Y") if day else str(value)


def permissions(names: Names, value: Any) -> str:
    """Write codenames of permissions by their labels."""
    found = value if isinstance(value, list) else []
    return ", ".join(names.permission(one) or str(one) for one in found) or "None"


def _switched(_names: Names, value: Any) -> str:
    return "On" if value else "Off"


def _masked(_names: Names, value: Any) -> str:
    return "Masked" if value else "Shown"


def _colour(_names: Names, value: Any) -> str:
    return str(value) if value else "The product's own"


def _chosen(choices: Any) -> Writer:
    labels = {str(value): str(label) for value, label in choices}

    def write(_names: Names, value: Any) -> str:
        return labels.get(str(value), "No") if value else "No"

    return write


def _labels(declared: Mapping[str, Any], otherwise: str) -> Writer:
    def write(_names: Names, value: Any) -> str:
        found = value.split() if isinstance(value, str) else value or ()
        labels = (str(declared[one].label) if one in declared else str(one) for one in found)
        return "; ".join(labels) or otherwise

    return write


def _places(names: Names, value: Any) -> str:
    return listed(names.these(value or ())) or "None"


def _person(names: Names, value: Any) -> str:
    return names.called(value) if value else "Nobody"


def _teams(names: Names, value: Any) -> str:
    return listed([names.teams.get(key, "a team") for key in value or ()]) or "None"


def _state(_names: Names, value: Any) -> str:
    labels = {str(key): str(label) for key, label in Membership.Status.choices}
    return labels.get(str(value), str(value))


#: what ``before`` and ``after`` of an action are, where both are one value
_SINGLE: dict[str, tuple[str, Writer]] = {
    "end.changed": ("Access ends", moment),
    "toggle.end_changed": ("It ends", moment),
    "guest.end_changed": ("Guest access ends", moment),
    "team.end_changed": ("Place in the team ends", moment),
    "member.suspended": ("State", _state),
    "member.reactivated": ("State", _state),
    "account.masked": ("Addresses on pages", _masked),
    "account.themed": ("Colour", _colour),
    "account.teams_set": ("What teams limit", _chosen(TeamMode.choices)),
    "account.read_only": ("Read-only", _chosen(Account.ReadOnly.choices)),
    "account.writable": ("Read-only", _chosen(Account.ReadOnly.choices)),
    "second_factor.changed": ("Asked of", _labels(CLASSES, "Nobody")),
    "features.changed": ("Switched off", _labels(FEATURES, "Nothing")),
    "contact.changed": ("Primary contact", _person),
    "group.changed": ("Subaccounts", _places),
    "mailinglist.changed": ("Type", _chosen(MailingList.Kind.choices)),
    "ownership.offered": ("Offer", _chosen(OwnershipTransfer.Status.choices)),
    "ownership.withdrawn": ("Offer", _chosen(OwnershipTransfer.Status.choices)),
    "ownership.declined": ("Offer", _chosen(OwnershipTransfer.Status.choices)),
}

#: other things that events say, by what the data call them
_SAID: dict[str, tuple[str, Writer]] = {
    "address": ("Address", text),
    "toggle": ("Optional permission", lambda names, value: names.toggle(value)),
    "permissions": ("Permissions", permissions),
    "scopes": ("Scopes", permissions),
    "permission": ("Permission", lambda names, value: names.permission(value) or str(value)),
    "dropped": (
        "Switched off with it",
        lambda names, value: listed([names.toggle(one) for one in value]),
    ),
    "ends_at": ("Access ends", moment),
    "expires_at": ("Open until", moment),
    "due_at": ("Due", moment),
    "subaccounts": ("Subaccounts", _places),
    "teams": ("Teams", _teams),
    "edition": ("Edition", text),
    "host": ("Address", text),
    "lines": ("Lines", text),
    "confirmed": ("Confirmed", text),
    "withdrawn": ("Withdrawn", text),
    "gone": ("Gone meanwhile", text),
    "sha256": ("SHA-256 of the report", text),
    "at": ("At", moment),
    "recipients": ("Recipients", text),
    "rows": ("Rows", text),
    "created": ("Created", text),
    "updated": ("Updated", text),
    "rejected": ("Rejected", text),
    "left": ("Left as they were", text),
    "contacts": ("Contacts that had a value", text),
    "sent": ("Sent", text),
    "of": ("Of", text),
    "changed": ("Changed", text),
    "fields": ("Filled in", text),
    "events": ("Events", text),
    "format": ("Format", text),
    "code": ("Refused with", text),
    "verb": ("Tried", text),
    "reason": ("Reason", text),
    "because": ("Because", text),
    "problem": ("Problem", text),
}


#: sentences of services, which name things without asking who reads them
_FREE = frozenset({"because", "problem", "verb", "code"})


def register(
    *,
    single: Mapping[str, tuple[str, Writer]] | None = None,
    said: Mapping[str, tuple[str, Writer]] | None = None,
) -> None:
    """Write what another application records: its actions' before and after as ``single``, other
    data, by name, as ``said``. Called once, in ``AppConfig.ready``."""
    _SINGLE.update(single or {})
    _SAID.update(said or {})


def changes(names: Names, event: AuditEvent) -> list[Line]:
    """Return what ``event`` changed, line by line."""
    # what a switch is made of is for the replay: people know it by its own name
    told = {"toggle", "permissions"} if event.action == "permission.toggled" else set()
    if event.action.startswith("toggle."):
        told = {"permissions"}
    if is_seat(event.data):
        told = {"ends_at", "toggles"}
    rest = {key: value for key, value in event.data.items() if key not in told}
    return [*_changed(names, event), *_also(names, rest)]


def _changed(names: Names, event: AuditEvent) -> Iterator[Line]:
    before, after = event.data.get("before"), event.data.get("after")
    if event.action == "permission.toggled":
        yield Line(names.toggle(event.data.get("toggle")), _on(before), _on(after))
    elif event.action.endswith(".renamed"):
        yield Line("Name", str(before), str(after))
    elif event.action.startswith("role.") and event.action != "role.changed":
        yield from _role(names, event)
    elif event.action == "key.rotated":
        yield Line("Begins with", str(event.data.get("prefix")), str(_dict(after).get("prefix")))
    elif event.action == "ownership.transferred":
        was, now = _dict(before), _dict(after)
        yield Line("Owner", str(was.get("person") or ""), str(now.get("person") or ""))
    elif (known := _SINGLE.get(event.action)) is not None and _has_both(event.data):
        what, write = known
        yield Line(what, write(names, before), write(names, after))
    elif is_seat(before) or is_seat(after) or is_seat(event.data):
        given = event.data if is_seat(event.data) else {}
        yield from _seat(names, _dict(before), _dict(after) or given)
    elif isinstance(before, dict) or isinstance(after, dict):
        yield from _plain(names, _dict(before), _dict(after))
    elif _has_both(event.data):
        yield Line("Value", text(names, before), text(names, after))


def _on(value: Any) -> str:
    return "On" if value else "Off"


def _has_both(data: Mapping[str, Any]) -> bool:
    return "before" in data and "after" in data


def _dict(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def is_seat(data: Any) -> bool:
    """Say whether ``data`` describes a role in a place: somebody's, or one that is offered."""
    return isinstance(data, dict) and "role" in data and "all_subaccounts" in data


def _capital(words: str) -> str:
    return words[:1].upper() + words[1:]


def _toggles(names: Names, seat: Mapping[str, Any]) -> str:
    """Return what is switched on: recorded as permissions, of which a switch can have several."""
    spec = names.edition.find_role(seat.get("role") or "")
    found = ((spec and spec.toggle_of(one)) or one for one in seat.get("toggles") or ())
    return listed(list(dict.fromkeys(map(names.toggle, found)))) or "None"


_SEAT: tuple[tuple[str, str, Callable[[Names, Mapping[str, Any]], str]], ...] = (
    ("role", "Role", lambda names, seat: names.role(seat)),
    ("all_subaccounts", "Where", lambda names, seat: _capital(names.where(seat))),
    ("toggles", "Optional permissions", _toggles),
    ("primary_contact", "Primary contact", lambda names, seat: text(names, bool(seat[_CONTACT]))),
    ("status", "State", lambda names, seat: _state(names, seat["status"])),
    ("ends_at", "Access ends", lambda names, seat: moment(names, seat["ends_at"])),
)
_CONTACT = "primary_contact"


def _seat(names: Names, before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Line]:
    """Yield what is different in a role in a place; all of it where it came or went."""
    for key, what, write in _SEAT:
        was = write(names, before) if key in before else ""
        now = write(names, after) if key in after else ""
        if was == now or (not (before and after) and (was or now) in ("None", "No", "No end")):
            continue
        yield Line(what, was, now or "Nothing")


def _role(names: Names, event: AuditEvent) -> Iterator[Line]:
    """Yield what became of a custom role: its name, and what it gained and lost."""
    data = event.data
    before, after = _dict(data.get("before")), _dict(data.get("after"))
    if event.action == "role.created":
        after = data
    elif event.action == "role.deleted":
        before = data
    for key in ("name", "description"):
        was, now = str(before.get(key) or ""), str(after.get(key) or "")
        if was != now and ((before and after) or key == "description"):
            yield Line(key.capitalize(), was or "None", now or "None")
    was_held, holds = (_strings(part.get("permissions")) for part in (before, after))
    if event.action == "role.edited":
        for what, found in (
            ("Permissions added", [one for one in holds if one not in was_held]),
            ("Permissions taken away", [one for one in was_held if one not in holds]),
        ):
            if found:
                yield Line(what, "", permissions(names, found))
    replacement = _dict(data.get("replacement"))
    if replacement:
        yield Line("Replaced by", "", str(replacement.get("label") or names.role(replacement)))


def _strings(value: Any) -> list[str]:
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []


def _plain(names: Names, before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Line]:
    """Yield what differs in two descriptions that nobody gave words for; keys stay unsaid."""
    for key in dict.fromkeys((*before, *after)):
        was, now = before.get(key), after.get(key)
        if was != now and not isinstance(was, dict) and not isinstance(now, dict):
            yield Line(_capital(key.replace("_", " ")), text(names, was), text(names, now))


def _also(names: Names, data: Mapping[str, Any]) -> Iterator[Line]:
    """Yield what else is recorded, as it was done."""
    for key, value in data.items():
        if key in _FREE and not names.reader.acts_as_owner:
            continue
        known = _SAID.get(key)
        is_empty = value in (None, "", [], {}) or isinstance(value, bool)
        if known is None or is_empty or isinstance(value, dict):
            continue
        what, write = known
        yield Line(what, "", write(names, value))


__all__ = ["Line", "Writer", "changes", "is_seat", "moment", "permissions", "register", "text"]
