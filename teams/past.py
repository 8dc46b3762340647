"""Who had access, as it is asked: at a moment or between two, of whom, where and what.

The command, the page and the file ask here, so that they say the same. A record is replayed once
for each moment; what people had is worked out a few at a time, by name, so that nobody has to hold
all of a large account in memory to read the first lines.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.utils import timezone

from permissions.errors import Invalid
from teams import history
from teams.csv_files import written
from teams.editions import EDITIONS
from teams.editions.digests import changed
from teams.history import Line, Past
from teams.history_sight import Sight
from teams.models import Account

COLUMNS = ("account", "person", "place", "permission", "through")
CHANGED = ("change", *COLUMNS)
GAINED, LOST = "gained", "lost"
FORMATS = ("csv", "json")
NOTE = (
    "Whose login was switched off then, and who lacked a second factor, is not in the record: what "
    "they could not use for that counts as held. What a role gave is told by today's rules."
)
#: so many people are worked out at once, and of people who reach many places so few that they have
#: something in so many in all: each place may be some sixty lines
_CHUNK, _PLACES = 100, 1000
#: before it, or spreadsheets take the file for something else than UTF-8
_MARK = "\ufeff"


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked: who had what ``at`` a moment, or what changed from ``since`` until then.

    Of ``people``, keys of logins as text; in the ``subaccount`` with that key; of one
    ``permission``. None asks for all. Raises Invalid (DATES).
    """

    at: datetime
    since: datetime | None = None
    people: frozenset[str] | None = None
    subaccount: int | None = None
    permission: str | None = None

    def __post_init__(self) -> None:
        """Refuse what makes no sense, in words."""
        if self.since is not None and self.since >= self.at:
            raise Invalid("The first moment must be before the second.", code="DATES")


@dataclass(frozen=True, slots=True)
class Finding:
    """One right; ``change`` is ``GAINED`` or ``LOST``, or empty where one moment was asked for."""

    change: str
    line: Line


@dataclass(frozen=True)
class Answer:
    """What somebody may know of what was asked of ``account``."""

    account: Account
    question: Question
    sight: Sight
    then: Past
    before: Past | None

    @classmethod
    def to(cls, question: Question, account: Account, sight: Sight) -> Answer:
        """Replay the record. Raises Invalid: NO_RECORD, RECORD."""
        then = Past.of(account, question.at)
        before = None if question.since is None else Past.of(account, question.since)
        return cls(account, question, sight, then, before)

    @property
    def columns(self) -> tuple[str, ...]:
        """Return what the cells of a finding are called."""
        return COLUMNS if self.before is None else CHANGED

    @cached_property
    def names(self) -> dict[str, str]:
        """Return what everybody is called of whom the reader may know and who had anything there,
        in whatever state, by key as text and in order of their names."""
        names = {**(self.before.names if self.before else {}), **self.then.names}
        seen = self.sight.people
        found = [(ref, name) for ref, name in names.items() if seen is None or ref in seen]
        return dict(sorted(found, key=lambda pair: history.by_name(*pair)))

    @cached_property
    def people(self) -> list[str]:
        """Return those of ``names`` that are asked about, in their order."""
        asked = self.question.people
        return [ref for ref in self.names if asked is None or ref in asked]

    def of(self, people: Collection[str]) -> list[Finding]:
        """Return what is found of these people, by name; of each what was gained first."""
        lines = self._known(self.then, people)
        if self.before is None:
            return [Finding("", line) for line in lines]
        found = history.compared(self._known(self.before, people), lines)
        both = [Finding(GAINED, line) for line in found.gained]
        both += [Finding(LOST, line) for line in found.lost]
        both.sort(key=lambda one: history.by_name(one.line.person_ref, one.line.person_label))
        return both

    def _known(self, past: Past, people: Collection[str]) -> list[Line]:
        question = self.question
        return [
            line
            for line in self.sight.lines(past.lines(people))
            if question.subaccount in (None, line.inside)
            and question.permission in (None, line.permission)
        ]

    def parts(self, people: Collection[str], most: int) -> Iterator[list[str]]:
        """Yield these people, in their order, so many at once as are worked out at once: ``most``,
        or fewer where they reach many places; never none."""
        pasts = [past for past in (self.before, self.then) if past is not None]
        part: list[str] = []
        places = 0
        for ref in people:
            width = sum(past.width.get(ref, 0) for past in pasts)
            if part and (len(part) == most or places + width > _PLACES):
                yield part
                part, places = [], 0
            part.append(ref)
            places += width
        if part:
            yield part

    def all(self) -> Iterator[Finding]:
        """Yield everything that is found, by name."""
        for part in self.parts(self.people, _CHUNK):
            yield from self.of(part)

    def cells(self, finding: Finding) -> tuple[str, ...]:
        """Return a finding under ``columns``."""
        line = finding.line
        found = (
            self.account.slug,
            line.person_label,
            line.place_name,
            line.permission,
            "; ".join(line.through),
        )
        return found if self.before is None else (finding.change, *found)

    @cached_property
    def notes(self) -> tuple[str, ...]:
        """Return what the record does not say, as sentences."""
        return (NOTE, *self._of_rules())

    def _of_rules(self) -> Iterator[str]:
        """Say which roles gave something else when the record began, if any, or that it is not
        known: it keeps who had a role, and of the role no more than whether it was another."""
        states = [past.state for past in (self.before, self.then) if past is not None]
        edition = EDITIONS.get(states[-1].account["edition"])
        name = self.account.name
        if edition is None or not all(state.rules for state in states):
            yield (
                f"The record of {name} does not say whether an upgrade has changed what roles give "
                "since then."
            )
            return
        found = list(dict.fromkeys(role for one in states for role in changed(edition, one.rules)))
        if found:
            yield (
                f"An upgrade has changed what these roles give since the record of {name} last "
                f"began: {', '.join(found)}. What people had through them then may be more or less "
                "than what is listed."
            )


# the files


def file_of(answer: Answer, fmt: str) -> Iterator[str]:
    """Return the parts of a file with all that is found; ``fmt`` is one of ``FORMATS``.

    Raises Invalid (FORMAT).
    """
    if fmt not in FORMATS:
        raise Invalid(
            f"There is no format {fmt!r}; choose one of {', '.join(FORMATS)}.", code="FORMAT"
        )
    return _csv(answer) if fmt == "csv" else _json(answer)


def _csv(answer: Answer) -> Iterator[str]:
    yield _MARK + written(answer.columns)
    for finding in answer.all():
        yield written(answer.cells(finding))


def head(question: Question, notes: Collection[str]) -> dict[str, Any]:
    """Return what a file says before its lines."""
    return {"as_of": question.at, "since": question.since, "note": " ".join(notes)}


def _json(answer: Answer) -> Iterator[str]:
    rows = (answer.cells(finding) for finding in answer.all())
    return as_json(head(answer.question, answer.notes), answer.columns, rows)


def as_json(
    said: Mapping[str, Any], columns: Sequence[str], rows: Iterable[Sequence[str]]
) -> Iterator[str]:
    """Yield the parts of a file that says this and has ``rows`` as its lines, each as it comes."""
    yield f'{_text(said)[:-1]}, "lines": ['
    between = "\n"
    for row in rows:
        yield between + _text(dict(zip(columns, row, strict=True)))
        between = ",\n"
    yield "\n]}\n"


def _text(value: Any) -> str:
    return json.dumps(value, cls=DjangoJSONEncoder, ensure_ascii=False)


def said(moment: datetime) -> str:
    """Return a moment as the answer names it, in the project's time zone."""
    return f"{timezone.localtime(moment):%d %b %Y %H:%M:%S %Z}"
