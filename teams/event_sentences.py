"""What was done, in a sentence that follows the actor's name; one for each action there is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from django.apps import apps

from permissions.audit import REFUSED
from permissions.models import AuditEvent
from teams.event_names import Names

#: how a sentence is told: a text that may name {subject}, {person}, {place}, {role}, {before},
#: {after} and {name}, or a function where the data decide
Told = str | Callable[[Names, AuditEvent], str]

#: what is done to anything one works on or sets up: "renamed the mailing list News."
_DONE = {
    "created": "created the {noun} {subject}.",
    "renamed": "renamed the {noun} {before} to {after}.",
    "edited": "edited the {noun} {subject}.",
    "changed": "changed the {noun} {subject}.",
    "archived": "archived the {noun} {subject}.",
    "restored": "restored the {noun} {subject}.",
    "deleted": "deleted the {noun} {subject}.",
    "purged": "removed the archived {noun} {subject} for good.",
    "rotated": "replaced the {noun} {subject} by a new one.",
    "revoked": "revoked the {noun} {subject}.",
    "tested": "tried the {noun} {subject}.",
    "started": "started the {noun} {subject}.",
    "finished": "finished the {noun} {subject}.",
}
#: what is called otherwise in actions than its model
_NOUNS = {"key": "API key", "review": "access review", "field": "contact field"}


def _change_of(what: str) -> Told:
    def tell(names: Names, event: AuditEvent) -> str:
        done = str(event.data.get("what") or "changed")
        return f"changed the {what} {names.subject(event)}: {done}."

    return tell


def _removed(names: Names, event: AuditEvent) -> str:
    before = event.data.get("before") or {}
    where = names.where(before)
    if event.data.get("because"):  # an owner has no role
        return f"gave up a role of {where} for the whole account."
    return f"removed {before.get('person') or names.person(event)} from {where}."


def _left(names: Names, event: AuditEvent) -> str:
    return f"left {names.where(event.data.get('before') or {})}."


def _pruned(names: Names, event: AuditEvent) -> str:
    before = event.data.get("before") or {}
    who = before.get("person") or names.person(event)
    return f"cleared away a role of {who} in {names.where(before)} that had ended."


def _role_changed(names: Names, event: AuditEvent) -> str:
    before, after = event.data.get("before") or {}, event.data.get("after") or {}
    who = after.get("person") or names.person(event)
    now = f"made {who} {names.role(after)} of {names.where(after)}."
    return f"{now} Was {names.role(before)}."


def _reach(_names: Names, event: AuditEvent) -> str:
    after = event.data.get("after")
    who = after.get("person") if isinstance(after, dict) else None
    return f"changed which subaccounts {who} manages." if who else "manages one more subaccount."


def _toggled(names: Names, event: AuditEvent) -> str:
    state = "on" if event.data.get("after") else "off"
    return f"switched {names.toggle(event.data.get('toggle'))} {state} for {names.person(event)}."


def _masked(_names: Names, event: AuditEvent) -> str:
    return f"{'masked' if event.data.get('after') else 'showed'} addresses on pages."


def _refused(_names: Names, event: AuditEvent) -> str:
    message = str(event.data.get("message") or "was refused something.")
    return message.replace("You ", "", 1)


def _rows_of(noun: str) -> Told:
    def tell(names: Names, event: AuditEvent) -> str:
        count = event.data.get("rows")
        many = f" with {count:,} rows" if isinstance(count, int) and count != 1 else ""
        return f"{noun}{many} in {names.place(event.data.get('subaccount'))}."

    return tell


def _line(done: str) -> Told:
    def tell(names: Names, event: AuditEvent) -> str:
        what, who = event.data.get("what") or "a line", event.data.get("person")
        whose = f"{what} of {who}" if who else what
        return f"{done} {whose} in the access review {names.subject(event)}."

    return tell


def _switched(names: Names, event: AuditEvent) -> str:
    return f"switched the webhook {names.subject(event)} {event.data.get('after')}."


_SENTENCES: dict[str, Told] = {
    REFUSED: _refused,
    "account.created": "opened the account {subject}.",
    "account.read_only": "made {subject} read-only.",
    "account.writable": "let {subject} be changed again.",
    "account.themed": "changed the colour of {subject}.",
    "account.teams_set": "changed what teams limit in {subject}.",
    "account.masked": _masked,
    "second_factor.changed": "changed of whom {subject} asks a second factor.",
    "account.snapshot": "wrote down who has access to {subject}.",
    "history.read": "looked up who had access to {subject}.",
    "audit.exported": "exported the history of {subject}.",
    "audit.pruned": "took the oldest events, kept long enough, out of the record of {subject}.",
    # people and their roles
    "member.added": "made {person} {role} of {place}.",
    "member.left": _left,
    "member.removed": _removed,
    "member.suspended": "suspended {person}.",
    "member.reactivated": "reactivated {person}.",
    "membership.pruned": _pruned,
    "role.changed": _role_changed,
    "reach.changed": _reach,
    "end.changed": "changed when the access of {person} ends.",
    "permission.toggled": _toggled,
    "toggle.end_changed": "changed when an optional permission of {person} ends.",
    "toggle.pruned": "cleared away an optional permission of {person} that had ended.",
    "guest.given": "gave {person} guest access to {subject}.",
    "guest.withdrawn": "withdrew guest access to {subject} from {person}.",
    "guest.end_changed": "changed when guest access of {person} to {subject} ends.",
    "guest.pruned": "cleared away guest access of {person} to {subject} that had ended.",
    "invitation.sent": "invited {subject}.",
    "invitation.resent": "sent the invitation of {subject} again.",
    "invitation.mailed": "mailed a fresh link of the invitation of {subject}.",
    "invitation.changed": "changed the invitation of {subject}.",
    "invitation.accepted": "accepted an invitation.",
    "invitation.withdrawn": "withdrew the invitation of {subject}.",
    "invitation.voided": "ended the invitation of {subject}: it can no longer be accepted.",
    "invitation.pruned": "cleared away an invitation that had expired.",
    "ownership.offered": "offered {subject} to {person}.",
    "ownership.withdrawn": "withdrew the offer of {subject} to {person}.",
    "ownership.declined": "declined to own {subject}.",
    "ownership.transferred": "took {subject} over from {name}.",
    # teams, groups, subaccounts
    "team.created": "created the team {subject}.",
    "team.renamed": "renamed the team {before} to {after}.",
    "team.archived": "archived the team {subject}.",
    "team.joined": "put {person} into the team {subject}.",
    "team.left": "took {person} out of the team {subject}.",
    "team.end_changed": "changed when the place of {person} in the team {subject} ends.",
    "team.pruned": "cleared away the place of {person} in the team {subject} that had ended.",
    "team.given": "shared {subject} with the team {name}.",
    "team.withdrawn": "stopped sharing {subject} with the team {name}.",
    "group.created": "created the group {subject}.",
    "group.renamed": "renamed the group {before} to {after}.",
    "group.changed": "changed which subaccounts are in the group {subject}.",
    "group.deleted": "deleted the group {subject}.",
    "subaccount.created": "created {subject}.",
    "subaccount.renamed": "renamed {before} to {after}.",
    "subaccount.archived": "archived {subject}.",
    "subaccount.restored": "restored {subject}.",
    "features.changed": "changed the features of {subject}.",
    "contact.changed": "changed the primary contact of {subject}.",
    # work
    "contact.added": "added {subject}.",
    "contact.edited": "edited {subject}.",
    "contact.unsubscribed": "unsubscribed {subject}.",
    "contact.listed": "put {subject} on a list.",
    "contact.unlisted": "took {subject} off a list.",
    "mailinglist.changed": _change_of("mailing list"),
    "messagetemplate.changed": _change_of("message template"),
    "campaign.changed": _change_of("campaign"),
    "campaign.addressed": "changed to whom the campaign {subject} goes.",
    "campaign.laid_out": "laid the campaign {subject} out with a template.",
    "campaign.shared": "shared a copy of the campaign {subject} with another subaccount.",
    "campaign.scheduled": "scheduled the campaign {subject}.",
    "campaign.rescheduled": "scheduled the campaign {subject} for another time.",
    "campaign.unscheduled": "took the campaign {subject} off the schedule.",
    "campaign.released": "had the campaign {subject} sent.",
    "campaign.stopped": "stopped the campaign {subject}.",
    "campaign.tested": "sent a test of the campaign {subject}.",
    "campaign.began_sending": "began to send the campaign {subject}.",
    "campaign.sent": "sent the last message of the campaign {subject}.",
    "campaign.returned": "made a draft of the campaign {subject} again.",
    "contact_import.uploaded": _rows_of("uploaded a file of contacts"),
    "contact_import.started": "started an import of contacts in {place}.",
    "contact_import.done": "finished an import of contacts in {place}.",
    "contact_import.failed": "stopped an import of contacts in {place} that could not go on.",
    "contact_import.undo_started": "started to undo an import of contacts in {place}.",
    "contact_import.undone": "undid an import of contacts in {place}.",
    "contact_export.started": _rows_of("started an export of contacts"),
    "contact_export.done": _rows_of("exported contacts"),
    "contact_export.downloaded": "downloaded exported contacts of {place}.",
    # keys, reviews and webhooks
    "key.pruned": "cleared away the API key {subject} that had expired.",
    "webhook.secret_renewed": "gave the webhook {subject} a new secret.",
    "webhook.resent": "had the webhook {subject} told again.",
    "webhook.switched": _switched,
    "review.line_confirmed": _line("confirmed"),
    "review.line_withdrawn": _line("withdrew"),
    "review.line_gone": _line("closed, as gone meanwhile,"),
    "review.refreshed": "brought the access review {subject} up to date.",
    "review.reminded": "reminded the reviewers of the access review {subject}.",
}


def register(sentences: Mapping[str, Told]) -> None:
    """Tell actions of another application by these sentences; called once, in
    ``AppConfig.ready``."""
    _SENTENCES.update(sentences)


def is_told(action: str) -> bool:
    """Say whether ``action`` has a sentence of its own."""
    return action in _SENTENCES or _about(action) is not None


def sentence(names: Names, event: AuditEvent) -> str:
    """Return what was done, to follow the actor's name."""
    told = _SENTENCES.get(event.action)
    if callable(told):
        return told(names, event)
    if told is None:
        told = _about(event.action)
    if told is None:  # an action of somebody else's, who gave it no words
        done = event.action.replace(".", " ").replace("_", " ")
        return f"{done}: {names.subject(event)}."
    data = event.data
    known: dict[str, Any] = {key: data.get(key) for key in ("before", "after", "name")}
    # what costs a query only where it is told
    known |= {
        name: find(data)
        for name, find in (("place", names.where), ("role", names.role))
        if f"{{{name}}}" in told
    }
    return told.format(subject=names.subject(event), person=names.person(event), **known)


def _about(action: str) -> str | None:
    """Return the sentence about a thing of a kind to which something common was done."""
    kind, _, done = action.partition(".")
    told = _DONE.get(done)
    noun = _NOUNS.get(kind)
    if told is None:
        return None
    if noun is None:
        try:
            noun = str(apps.get_model("teams", kind)._meta.verbose_name)
        except LookupError:
            return None
    return told.replace("{noun}", noun)


__all__ = ["Told", "is_told", "register", "sentence"]
