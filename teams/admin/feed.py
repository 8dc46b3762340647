"""The audit as people read it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from django.apps import apps
from django.contrib.auth import get_user_model

from permissions.audit import REFUSED, label_of
from permissions.models import AuditEvent
from teams.admin import words
from teams.admin.desk import Desk, initials, role_spec
from teams.models import Subaccount


class Entry(NamedTuple):
    """One event: who, what was done, and when."""

    actor: str
    initials: str
    text: str
    when: Any
    is_refusal: bool


def entries(desk: Desk, events: Iterable[AuditEvent]) -> list[Entry]:
    """Return events in words."""
    found = list(events)
    names = _names(event for event in found if "person" not in event.data)
    return [entry(desk, event, names) for event in found]


def _names(events: Iterable[AuditEvent]) -> dict[str, str]:
    """Return what people are called, by login, where an event recorded the login alone."""
    labels = (e.subject_label for e in events if e.subject_ref.startswith("teams.membership:"))
    logins = {_login(label) for label in labels}
    if not logins:
        return {}
    model = get_user_model()
    people = model._default_manager.filter(**{f"{model.USERNAME_FIELD}__in": logins})
    return {person.get_username(): label_of(person) for person in people}


def entry(desk: Desk, event: AuditEvent, names: dict[str, str]) -> Entry:
    """Return one event in words."""
    text = sentence(desk, event, names)
    if event.data.get("as_platform"):
        text = f"{text} Reason: {event.data.get('reason')}"
    return Entry(
        actor=event.actor_label,
        initials=initials(event.actor_label),
        text=text,
        when=words.when(event.at),
        is_refusal=event.action == REFUSED,
    )


#: what was done, to follow the actor's name: actions that one sentence tells
SENTENCES = {
    "account.created": "opened the account {subject}.",
    "member.suspended": "suspended {person}.",
    "member.reactivated": "reactivated {person}.",
    "end.changed": "changed when the access of {person} ends.",
    "toggle.end_changed": "changed when an optional permission of {person} ends.",
    "guest.end_changed": "changed when guest access of {person} to {subject} ends.",
    "team.end_changed": "changed when the place of {person} in {subject} ends.",
    "toggle.pruned": "cleared away an optional permission of {person} that had ended.",
    "guest.pruned": "cleared away guest access of {person} to {subject} that had ended.",
    "team.pruned": "cleared away the place of {person} in {subject} that had ended.",
    "invitation.pruned": "cleared away an invitation that had expired.",
    "invitation.sent": "invited {subject}.",
    "invitation.resent": "sent the invitation of {subject} again.",
    "invitation.withdrawn": "withdrew the invitation of {subject}.",
    "invitation.accepted": "accepted an invitation.",
    "ownership.offered": "offered {subject} to {person}.",
    "ownership.withdrawn": "withdrew the offer of {subject} to {person}.",
    "ownership.declined": "declined to own {subject}.",
    "ownership.transferred": "took {subject} over from {name}.",
    "contact.changed": "changed the primary contact of {subject}.",
    "guest.given": "gave {person} guest access to {subject}.",
    "guest.withdrawn": "withdrew guest access to {subject} from {person}.",
    "subaccount.created": "created {subject}.",
    "subaccount.renamed": "renamed {before} to {after}.",
    "subaccount.archived": "archived {subject}.",
    "subaccount.restored": "restored {subject}.",
    "group.created": "created the group {subject}.",
    "group.renamed": "renamed the group {before} to {after}.",
    "group.changed": "changed which subaccounts are in the group {subject}.",
    "group.deleted": "deleted the group {subject}.",
    "features.changed": "changed the features of {subject}.",
    "contact.added": "added {subject}.",
    "contact.edited": "edited {subject}.",
    "contact.unsubscribed": "unsubscribed {subject}.",
    "contact.listed": "put {subject} on a list.",
    "contact.unlisted": "took {subject} off a list.",
    "account.read_only": "made {subject} read-only.",
    "account.writable": "let {subject} be changed again.",
    "account.themed": "changed the colour of {subject}.",
    "second_factor.changed": "changed of whom {subject} asks a second factor.",
    "team.created": "created the team {subject}.",
    "team.renamed": "renamed the team {before} to {after}.",
    "team.archived": "archived the team {subject}.",
    "account.snapshot": "wrote down who has access to {subject}.",
    "history.read": "looked up who had access to {subject}.",
    "account.teams_set": "changed what teams limit in {subject}.",
    "invitation.changed": "changed the invitation of {subject}.",
    "team.joined": "put {person} into {subject}.",
    "team.left": "took {person} out of {subject}.",
    "team.given": "shared {subject} with {name}.",
    "team.withdrawn": "stopped sharing {subject} with {name}.",
}


def register(sentences: Mapping[str, str]) -> None:
    """Tell actions of another application by these sentences; they may name {subject}."""
    SENTENCES.update(sentences)


def sentence(desk: Desk, event: AuditEvent, names: dict[str, str]) -> str:
    """Return what was done, to follow the actor's name; ``names`` are people's, by login."""
    data, subject = event.data, _subject(desk, event)
    login = _login(event.subject_label)
    person = str(data.get("person") or _person(data) or names.get(login) or login or "somebody")
    if event.action in SENTENCES:
        known = {key: data.get(key) for key in ("before", "after", "name")}
        return SENTENCES[event.action].format(person=person, subject=subject, **known)
    match event.action:
        case "member.added":
            return f"made {person} {_role(desk, data)} of {_place(desk, data)}."
        case "member.left":
            return f"left {_place(desk, data.get('before', {}))}."
        case "member.removed":
            before = data.get("before", {})
            if data.get("because"):  # an owner has no role
                return f"gave up a role of {_place(desk, before)} for the whole account."
            return f"removed {before.get('person', person)} from {_place(desk, before)}."
        case "membership.pruned":
            before = data.get("before", {})
            who, where = before.get("person", person), _place(desk, before)
            return f"cleared away a role of {who} in {where} that had ended."
        case "role.changed":
            before, after = data.get("before", {}), data.get("after", {})
            return (
                f"made {after.get('person', person)} {_role(desk, after)} of "
                f"{_place(desk, after)}. Was {_role(desk, before)}."
            )
        case "reach.changed":
            who = data.get("after", {}).get("person")
            changed = f"changed which subaccounts {who} manages."
            return changed if who else "manages one more subaccount."
        case "permission.toggled":
            toggle = {t.codename: str(t.label) for t in desk.edition.toggles}
            name = toggle.get(data.get("toggle", ""), "an optional permission")
            return f"switched {name} {'on' if data.get('after') else 'off'} for {person}."
        case "account.masked":
            return f"{'masked' if data.get('after') else 'showed'} addresses on pages."
        case "write.refused":
            return str(data.get("message") or "was refused something.").replace("You ", "", 1)
        case _:
            return _about_work(event, subject)


def _about_work(event: AuditEvent, subject: str) -> str:
    """Return what was done to a list, a template or the like: "renamed the mailing list News."."""
    kind, _, done = event.action.partition(".")
    try:
        noun = apps.get_model("teams", kind)._meta.verbose_name
    except LookupError:
        return f"{event.action.replace('.', ' ').replace('_', ' ')}: {subject}."
    return f"{done.replace('_', ' ')} the {noun} {subject}."


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
    if kind != Subaccount._meta.label_lower or desk.acts_as_owner:
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
    names += [
        f"the group {desk.group_names[pk]}" if pk in desk.group_names else "a group"
        for pk in data.get("groups", ())
    ]
    return words.listed(names) or desk.account.name
