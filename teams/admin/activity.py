"""What happened in the account, or about one person, as far as the reader may know it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.db.models import Q

from permissions.audit import REFUSED, ref_of, timeline
from teams.admin.desk import Desk
from teams.admin.feed import Entry, entries, reader_of
from teams.admin.persons import sees_people
from teams.models import Membership
from teams.services.change import root_key

SHOWN = 10
#: so many events are looked at to find those the reader may know
LOOKED_AT = 100


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
    reader = reader_of(desk)
    found = [event for event in events[:LOOKED_AT] if reader.knows(event)]
    return entries(desk, found[:SHOWN])


def recent(desk: Desk, limit: int) -> list[Entry]:
    """Return the newest events that the reader may know, to whoever runs the account."""
    if not desk.acts_as_owner and not (desk.works_at_account and sees_people(desk)):
        return []
    looked_at = limit if desk.acts_as_owner else 2 * LOOKED_AT
    events = timeline(root_key(desk.account))[:looked_at]
    reader = reader_of(desk)
    return entries(desk, [event for event in events if reader.knows(event)][:limit])
