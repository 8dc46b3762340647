"""What happened in the account, or about one person, as far as the reader may know it.

The owner reads everything, others what concerns places whose people they see, and everybody what
was done to themselves. In doubt an event is left out, and refusals are for the owner alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django.db.models import Q

from permissions.audit import REFUSED, ref_of, timeline
from permissions.models import AuditEvent
from permissions.policy import TOP
from teams import selectors
from teams.admin.desk import Desk
from teams.admin.feed import Entry, entries
from teams.admin.persons import sees_people
from teams.catalogue import MANAGE_MANAGERS, MANAGE_TEAMS
from teams.models import Membership, Subaccount
from teams.services.base import root_key

SHOWN = 10
#: so many events are looked at to find those the reader may know
LOOKED_AT = 100

#: events whose data says in which subaccount, or on the account, somebody's role changed
ABOUT_ROLES = frozenset(
    {
        "member.added",
        "member.left",
        "member.removed",
        "member.suspended",
        "member.reactivated",
        "membership.pruned",
        "end.changed",
        "toggle.end_changed",
        "toggle.pruned",
        "role.changed",
        "reach.changed",
        "permission.toggled",
    }
)
#: events whose subject is the subaccount they concern
ABOUT_PLACES = frozenset(
    {
        "contact.changed",
        "guest.given",
        "guest.withdrawn",
        "guest.end_changed",
        "guest.pruned",
        "subaccount.created",
        "subaccount.renamed",
        "subaccount.archived",
        "subaccount.restored",
        "features.changed",
    }
)
ABOUT_TEAMS = frozenset({"team.joined", "team.left", "team.end_changed", "team.pruned"})


def activity(desk: Desk, person: Any, memberships: Iterable[Membership]) -> list[Entry]:
    """Return the newest events about or by ``person`` that the reader may know, in words.

    ``memberships`` are those of the person that the reader sees: events that name no person are
    found by them.
    """
    key = str(person.pk)
    seats = [ref_of(membership) for membership in memberships]
    about = (
        Q(data__user=key)
        | Q(data__before__user=key)
        | Q(data__after__user=key)
        | Q(action="contact.changed", data__before=key)
        | Q(action="contact.changed", data__after=key)
        | Q(subject_ref__in=seats)
    )
    by = Q(actor_ref=ref_of(person))
    events = timeline(root_key(desk.account)).filter(by | about)
    if not desk.acts_as_owner:
        events = events.exclude(action=REFUSED)
    found = [event for event in events[:LOOKED_AT] if is_known(desk, event)]
    return entries(desk, found[:SHOWN])


def recent(desk: Desk, limit: int) -> list[Entry]:
    """Return the newest events that the reader may know, to whoever runs the account."""
    if not desk.acts_as_owner and not (desk.works_at_account and sees_people(desk)):
        return []
    looked_at = limit if desk.acts_as_owner else 2 * LOOKED_AT
    events = timeline(root_key(desk.account))[:looked_at]
    return entries(desk, [event for event in events if is_known(desk, event)][:limit])


def is_known(desk: Desk, event: AuditEvent) -> bool:
    """Say whether the reader may know of ``event``."""
    if desk.acts_as_owner:
        return True
    own = str(desk.user.pk)
    if event.action in ABOUT_ROLES:
        data = _described(event)
        return data.get("user") == own or _sees(desk, data)
    if event.action in ABOUT_PLACES:
        kind, _, key = event.subject_ref.partition(":")
        if kind != Subaccount._meta.label_lower:
            return False  # a list or a campaign, which the reader may not see
        mine = event.data.get("user") == own
        return mine or _sees(desk, {"subaccount": int(key) if key.isdecimal() else None})
    if event.action in ABOUT_TEAMS:
        return event.data.get("user") == own or desk.holds(MANAGE_TEAMS)
    return False


def _described(event: AuditEvent) -> Mapping[str, Any]:
    """Return what the event says of the membership it is about, as it was afterwards or before."""
    parts = (event.data.get("after"), event.data.get("before"))
    return next((part for part in parts if isinstance(part, dict)), event.data)


def _sees(desk: Desk, data: Mapping[str, Any]) -> bool:
    """Say whether the reader sees people where it happened; if it does not say, it is hidden."""
    if "subaccount" not in data:
        return False
    place = data["subaccount"]
    if place is None:
        return desk.holds(MANAGE_MANAGERS, TOP)
    return place in selectors.people_places(desk.profile, desk.account.pk)
