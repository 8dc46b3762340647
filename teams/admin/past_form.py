"""What somebody asks of the past: read from the address, and offered in a form.

A filter that makes no sense, or names what the reader does not see, is said to be so and changes
nothing: a foreign key is answered as a missing one. A moment that makes no sense is answered with
nothing at all: another one would be taken for it.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from django.http import QueryDict
from django.utils import timezone
from django.utils.dateparse import parse_date
from django.utils.formats import date_format

from permissions.errors import Invalid
from teams import selectors
from teams.admin.desk import Desk, Place
from teams.admin.history_filters import Choice, person_named
from teams.catalogue import CATALOGUE
from teams.history_sight import sight_of
from teams.moments import past_moment
from teams.past import Answer, Question

#: so many people are offered before one goes by their own pages
OFFERED = 200


@dataclass
class Asked:
    """What was asked: the answer, what of it made no sense, and how an address writes it.

    There is no ``answer`` where a moment makes no sense, or the record says nothing of it.
    """

    answer: Answer | None = None
    problems: list[str] = field(default_factory=list)
    values: dict[str, str] = field(default_factory=dict)
    #: where and of whom, as a sentence goes on
    place: str = ""
    person: str = ""

    def query(self, **more: str) -> str:
        """Return it as the query of an address."""
        found = QueryDict(mutable=True)
        found.update({**self.values, **more})
        return found.urlencode()


def asked_in(desk: Desk, given: QueryDict) -> Asked:
    """Return what ``given`` asks of the past of the chosen account. Raises OutOfScope for whoever
    may know of nobody's."""
    sight, asked = sight_of(desk.user, desk.account), Asked()
    moments = {name: _moment(asked, given, name) for name in ("at", "since")}
    is_clear = not asked.problems
    place = _place(desk, asked, given)
    permission = _permission(desk, asked, given)
    person = given.get("person", "").strip()
    if person:
        asked.values["person"] = person
    if not is_clear:
        return asked
    try:
        question = Question(
            moments["at"] or timezone.now(),
            moments["since"],
            subaccount=place,
            permission=permission,
        )
        answer = Answer.to(question, desk.account, sight)
    except Invalid as error:
        asked.problems.append(error.message)
        return asked
    asked.answer = _of_person(desk, asked, answer)
    return asked


def _moment(asked: Asked, given: QueryDict, name: str) -> datetime | None:
    value = given.get(name, "").strip()
    if not value:
        return None
    try:
        found = past_moment(value)
    except Invalid as error:
        asked.problems.append(error.message)
        return None
    asked.values[name] = value
    return found


def _place(desk: Desk, asked: Asked, given: QueryDict) -> int | None:
    value = given.get("place", "").strip()
    if not value:
        return None
    found = next((place for place in places(desk) if str(place.pk) == value), None)
    if found is None:
        asked.problems.append("There is no such subaccount whose people you see: all are shown.")
        return None
    asked.values["place"], asked.place = value, found.name
    return found.pk


def _permission(desk: Desk, asked: Asked, given: QueryDict) -> str | None:
    value = given.get("permission", "").strip()
    if not value:
        return None
    if value not in desk.edition.permissions:
        asked.problems.append("There is no such permission: all are shown.")
        return None
    asked.values["permission"] = value
    return value


def _of_person(desk: Desk, asked: Asked, answer: Answer) -> Answer:
    """Narrow ``answer`` to the person that was asked for, if the reader may know of them: somebody
    who had something then, or whom they see, or read of in the history."""
    value = asked.values.get("person", "")
    if not value:
        return answer
    named = None if value in answer.names else person_named(desk, value)
    if value not in answer.names and named is None:
        del asked.values["person"]
        asked.problems.append("There is no such person that you see: everybody is shown.")
        return answer
    asked.person = answer.names[value] if named is None else named[1]
    return replace(answer, question=replace(answer.question, people=frozenset({value})))


def places(desk: Desk) -> list[Place]:
    """Return the subaccounts whose people this person sees."""
    scope = selectors.people_places(desk.profile, desk.account.pk)
    return [place for place in desk.places if desk.acts_as_owner or place.pk in scope]


def choices(desk: Desk, asked: Asked) -> dict[str, Any]:
    """Return what the form offers; people only where it is known who there was."""
    names = {} if asked.answer is None else asked.answer.names
    shown = list(names.items())[:OFFERED]
    person = asked.values.get("person", "")
    if asked.person and person not in dict(shown):
        shown.append((person, asked.person))
    return {
        "people": _offered(shown, person),
        "kept_person": "" if names else person,
        "more_people": len(names) > OFFERED,
        "places": _offered(
            [(str(place.pk), place.name) for place in places(desk)], asked.values.get("place", "")
        ),
        "areas": _areas(desk, asked.values.get("permission", "")),
        "moments": [
            (name, label, asked.values.get(name, ""), _kind(asked.values.get(name, "")))
            for name, label in (("at", "As of"), ("since", "Only what changed since"))
        ],
        "today": timezone.localdate().isoformat(),
    }


def _areas(desk: Desk, chosen: str) -> list[tuple[str, list[Choice]]]:
    found = []
    for area in CATALOGUE.areas:
        known = [one for one in area.permissions if one in desk.edition.permissions]
        inside = [(str(one), str(one.label)) for one in known]
        if inside:
            found.append((desk.label(area.codename, area.label), _offered(inside, chosen)))
    return found


def _offered(found: list[tuple[str, str]], chosen: str) -> list[Choice]:
    return [Choice(value, label, value == chosen) for value, label in found]


def _kind(value: str) -> str:
    """Return the kind of field that can show what an address asked for: a time besides the day is
    asked for in an address alone."""
    return "date" if not value or _is_day(value) else "text"


def _is_day(value: str) -> bool:
    return parse_date(value) is not None


def told(value: str, moment: datetime) -> str:
    """Return a moment as a sentence names it; a day means its end, today's the present."""
    day = timezone.localtime(moment)
    if not value or value == timezone.localdate().isoformat():
        return "now"
    if _is_day(value):
        return f"the end of {date_format(day, 'j M Y')}"
    return date_format(day, "j M Y, H:i")
