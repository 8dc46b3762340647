"""Recent changes on the home page: of the account to its owner, of their places to a manager."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from permissions.audit import timeline
from permissions.models import AuditEvent
from teams import selectors
from teams.admin import feed
from teams.admin.desk import Desk
from teams.admin.persons import sees_people
from teams.models import Membership, Subaccount
from teams.services.base import root_key

#: how far back a manager's own events are looked for
SCANNED = 200


def recent(desk: Desk, limit: int) -> list[feed.Entry]:
    """Return the newest events: all of the account to its owner, to a manager what concerns the
    subaccounts whose people they see. Nobody else is shown any."""
    if desk.is_owner:
        return feed.recent(desk, limit)
    if not (desk.works_at_account and sees_people(desk)):
        return []
    events = list(timeline(root_key(desk.account))[:SCANNED])
    places = _places(events)
    scope = selectors.people_places(desk.profile, desk.account.pk)
    found = []
    for event in events:
        place = _place_of(event, places)
        if place is not None and place in scope:  # None would be in a scope of everywhere
            found.append(event)
    return feed.entries(desk, found[:limit])


def _places(events: list[AuditEvent]) -> dict[str, Any]:
    """Return the subaccount of each membership that events are about, as far as it is there."""
    label = Membership._meta.label_lower
    refs = {event.subject_ref for event in events}
    keys = {key for kind, _, key in (ref.partition(":") for ref in refs) if kind == label}
    rows = Membership.objects.filter(pk__in=keys).values_list("pk", "subaccount")
    return {f"{label}:{pk}": place for pk, place in rows}


def _place_of(event: AuditEvent, places: Mapping[str, Any]) -> Any:
    """Return the subaccount an event is about, or None."""
    kind, _, key = event.subject_ref.partition(":")
    if kind == Subaccount._meta.label_lower:
        return Subaccount._meta.pk.to_python(key)
    if kind != Membership._meta.label_lower:
        return None
    described = next(
        (d for d in (event.data.get("after"), event.data.get("before")) if isinstance(d, dict)),
        event.data,
    )
    if "subaccount" in described:
        return described["subaccount"]
    return places.get(event.subject_ref)
