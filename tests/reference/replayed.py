"""The record replayed beside what is stored: the same facts about everybody, in the same words."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any

from permissions.models import AuditEvent
from permissions.resources import registry
from teams import facts, provider, replay
from teams.fact_columns import Row
from teams.models import Account
from teams.services.change import root_key

Plain = Counter[tuple[Any, ...]]


def plain(rows: Iterable[Row]) -> Plain:
    """Return facts as they can be compared: without the keys of grants, which the record has not,
    without logins, of which it says nothing, and without how a database writes JSON."""
    found: Plain = Counter()
    for row in rows:
        if row.kind == "login":
            continue
        more = json.loads(row.more) if row.more else {}
        more["second_factor"] = None  # nobody is asked where nothing tells who has one
        if more.get("ticks") is not None:
            more["ticks"] = tuple(map(repr, json.loads(more["ticks"])))
        ref = None if row.kind in ("toggle", "given", "guest") else row.ref
        told = tuple(sorted(more.items()))
        found[row.kind, row.person, row.root, row.place, ref, row.label, told] += 1
    return found


def live(people: Collection[Any], at: datetime, *, recorded: bool = False) -> Plain:
    """Return what is stored of ``people``, as it counts at ``at``."""
    return plain(facts.rows_about(people, at, recorded=recorded))


def said(
    states: Iterable[replay.State],
    people: Collection[Any],
    at: datetime,
    *,
    recorded: bool = False,
) -> Plain:
    """Return what the records of several accounts say of ``people``."""
    found: Plain = Counter()
    for state in states:
        found += plain(replay.rows(state, people, at, recorded=recorded))
    return found


def catch_up(state: replay.State, account: Account) -> int:
    """Fold what was recorded since into ``state``; return how many events there were."""
    before = state.sequence
    events = AuditEvent.objects.filter(root=root_key(account), sequence__gt=before)
    replay.advance(state, events.order_by("sequence"))
    return state.sequence - before


def shown(states: Iterable[replay.State], people: Collection[Any], at: datetime) -> Any:
    """Return what teams and authorship show everybody, by the record and as stored."""
    stored = provider.load_profiles(people)
    recorded = [replay.profiles(state, people, at) for state in states]
    by_record, by_rows = {}, {}
    for resource in registry:
        if resource.limited:
            for person in people:
                key = resource.label, person
                by_rows[key] = stored[person].shared(resource)
                parts = [profiles[person].shared(resource) for profiles in recorded]
                by_record[key] = frozenset().union(*parts)
    return by_record, by_rows
