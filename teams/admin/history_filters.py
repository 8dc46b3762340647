"""What somebody asks of the history: read from the address, and offered in a form.

A value that makes no sense, or names what the reader does not see, is said to be so and changes
nothing: a foreign key is answered as a missing one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

from django.contrib.auth import get_user_model
from django.http import QueryDict
from django.utils import timezone
from django.utils.dateparse import parse_date

from permissions.admin import key_of, row_of
from permissions.audit import CHANNELS, label_of, timeline
from permissions.errors import Invalid
from teams.admin import words
from teams.admin.desk import Desk
from teams.admin.persons import people_in
from teams.event_areas import HistoryFilters, areas
from teams.event_filters import EventFilters
from teams.event_words import CHANNELS as WAYS
from teams.services.change import root_key

#: so many people are offered before one goes to their own pages
OFFERED = 200
_REQUEST = re.compile(r"[A-Za-z0-9_.:-]{1,64}")
#: years a date may be of; others are typing errors, and some no database takes
_YEARS = range(1970, 3000)


class Choice(NamedTuple):
    """One choice of a filter."""

    value: str
    label: str
    is_chosen: bool


@dataclass
class Asked:
    """What was asked: the filters, what of it made no sense, and what it is called."""

    filters: HistoryFilters = field(default_factory=HistoryFilters)
    problems: list[str] = field(default_factory=list)
    #: what was understood, as an address and the form write it
    values: dict[str, str] = field(default_factory=dict)
    person: str = ""
    place: str = ""

    @property
    def query(self) -> str:
        """Return it as the query of an address."""
        found = QueryDict(mutable=True)
        found.update(self.values)
        return found.urlencode()


def asked_in(desk: Desk, given: QueryDict) -> Asked:
    """Return what ``given`` asks of the history of the chosen account."""
    asked, known = Asked(), {}
    for name, read in _READERS.items():
        value = given.get(name, "").strip()
        if not value:
            continue
        found = read(desk, asked, value)
        if found is not None:
            known[name], asked.values[name] = found, value
    since, last = known.pop("since", None), known.pop("until", None)
    until = None if last is None else last + timedelta(days=1)
    if since and until and since >= until:
        asked.problems.append("The first day is after the last one: the days were not used.")
        since = until = None
        asked.values.pop("since")
        asked.values.pop("until")
    place = known.pop("place", None)
    try:
        asked.filters = HistoryFilters(
            since=_midnight(since), until=_midnight(until), subaccount=place, **known
        )
    except Invalid as error:  # each value was looked at, but whoever filters has the last word
        return Asked(problems=[*asked.problems, error.message])
    return asked


def _midnight(day: date | None) -> datetime | None:
    if day is None:
        return None
    return timezone.make_aware(datetime.combine(day, datetime.min.time()))


def person_named(desk: Desk, value: str) -> tuple[Any, str] | None:
    """Return key and name of the person whose key is written ``value``: one that the reader sees,
    or for the owner anybody the record is about; None for others."""
    found = row_of(people_in(desk), value)
    if found is not None:
        return found.pk, label_of(found)
    key = key_of(get_user_model(), value)
    if key is not None and desk.acts_as_owner:  # somebody who has left stands in the record still
        events = timeline(root_key(desk.account))
        if EventFilters(person=key).apply(events).exists():
            login = get_user_model()._default_manager.filter(pk=key).first()
            return key, label_of(login) if login is not None else "somebody who has left"
    return None


def _person(desk: Desk, asked: Asked, value: str) -> Any:
    found = person_named(desk, value)
    if found is None:
        asked.problems.append("There is no such person that you see: everybody is shown.")
        return None
    key, asked.person = found
    return key


def _place(desk: Desk, asked: Asked, value: str) -> int | None:
    found = next((place for place in desk.places if str(place.pk) == value), None)
    if found is None:
        asked.problems.append("There is no such subaccount that you see: all are shown.")
        return None
    asked.place = found.name
    return found.pk


def _area(_desk: Desk, asked: Asked, value: str) -> str | None:
    if value in areas():
        return value
    asked.problems.append("There is no such kind of change: all kinds are shown.")
    return None


def _channel(_desk: Desk, asked: Asked, value: str) -> str | None:
    if value in CHANNELS:
        return value
    asked.problems.append("There is no such way: whatever came in any way is shown.")
    return None


def _day(_desk: Desk, asked: Asked, value: str) -> date | None:
    try:
        found = parse_date(value)
    except ValueError:
        found = None
    if found is None or found.year not in _YEARS:
        asked.problems.append("A day is written as 2026-11-23: one that was not is left out.")
        return None
    return found


def _request(_desk: Desk, asked: Asked, value: str) -> str | None:
    if _REQUEST.fullmatch(value):
        return value
    asked.problems.append("There is no such request: events of all are shown.")
    return None


_READERS = {
    "person": _person,
    "place": _place,
    "area": _area,
    "channel": _channel,
    "since": _day,
    "until": _day,
    "request": _request,
}


def choices(desk: Desk, asked: Asked) -> dict[str, Any]:
    """Return what the form offers; a filter with nothing to choose is left out."""
    people = people_in(desk).order_by(*words.by_name())[: OFFERED + 1]
    found = [(str(person.pk), label_of(person)) for person in people]
    chosen = asked.values.get("person", "")
    shown = found[:OFFERED]
    if chosen and chosen not in dict(shown):
        shown.append((chosen, asked.person))
    return {
        "people": _offered(shown, chosen) if len(found) > 1 or chosen else [],
        "more_people": len(found) > OFFERED,
        "places": _offered(
            [(str(place.pk), place.name) for place in desk.places], asked.values.get("place", "")
        ),
        "areas": _offered(list(areas().items()), asked.values.get("area", "")),
        "ways": _offered(
            [(name, f"{way[:1].upper()}{way[1:]}") for name, way in WAYS.items()],
            asked.values.get("channel", ""),
        ),
        "since": asked.values.get("since", ""),
        "until": asked.values.get("until", ""),
        "request_id": asked.values.get("request", ""),
    }


def _offered(found: list[tuple[str, str]], chosen: str) -> list[Choice]:
    return [Choice(value, label, value == chosen) for value, label in found]


__all__ = ["Asked", "Choice", "asked_in", "choices", "person_named"]
