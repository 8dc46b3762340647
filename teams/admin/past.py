"""Who had access at a moment, and what changed between two, as far as the reader may know."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Any, NamedTuple

from django.contrib import messages
from django.contrib.auth import get_user_model
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, StreamingHttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.cache import add_never_cache_headers
from django.views.decorators.http import require_safe

from permissions.admin import key_of, site_page
from teams.admin.desk import Desk, desk_of, initials
from teams.admin.past_form import Asked, asked_in, choices, told
from teams.admin.persons import open_people
from teams.admin.previews import person_url
from teams.admin.site import console
from teams.admin.words import listed
from teams.catalogue import CATALOGUE
from teams.effective import source_words
from teams.history import Line
from teams.history_sight import UNSEEN, may_look
from teams.past import FORMATS, Answer, Finding, file_of

#: what a file may be written as, and its type
TYPES = {"csv": "text/csv", "json": "application/json"}
#: people on one page
ROWS = 25
#: so many are looked at to find those, some at a time, and so many lines about them
LOOKED_AT, CHUNK, LINES = 500, 10, 60_000
#: so many names stand in a sentence; the others are below it
NAMED = 3


class Found(NamedTuple):
    """The people of one page, each with what is found of them; ``after`` is the key of the person
    to look further from, empty if there is nobody else, ``is_full`` says that others are known."""

    people: list[tuple[str, list[Finding]]]
    after: str
    is_full: bool


def look(answer: Answer, after: str = "") -> Found:
    """Return the first people, by name, of whom anything is found; stops after ``LOOKED_AT``."""
    rest = answer.people
    rest = rest[rest.index(after) + 1 :] if after else rest
    found: list[tuple[str, list[Finding]]] = []
    done = lines = 0
    for part in answer.parts(rest, CHUNK):
        findings = answer.of(part)
        for ref, own in groupby(findings, key=lambda one: one.line.person_ref):
            if len(found) == ROWS:
                return Found(found, found[-1][0], True)
            found.append((ref, list(own)))
        done, lines = done + len(part), lines + len(findings)
        if done < len(rest) and (done >= LOOKED_AT or lines >= LINES):
            return Found(found, part[-1], False)
    return Found(found, "", False)


class Right(NamedTuple):
    """Permissions of one area that came the same way."""

    area: str
    names: str
    through: str


@dataclass(frozen=True, slots=True)
class Part:
    """The same rights in one place or in several; ``change`` is empty for what was held."""

    change: str
    where: str
    places: list[str]
    count: int
    what: str
    through: str
    rights: list[Right]

    @property
    def is_long(self) -> bool:
        """Say whether the sentence leaves something out."""
        return self.is_wide or self.count > NAMED

    @property
    def is_wide(self) -> bool:
        """Say whether it leaves out places."""
        return len(self.places) > NAMED


@dataclass(frozen=True, slots=True)
class Row:
    """One person of the page."""

    name: str
    initials: str
    url: str
    parts: list[Part]


def past(request: HttpRequest) -> HttpResponse:
    """Show who had access, by name, or who gained and lost what."""
    desk = desk_of(request)
    asked = asked_in(desk, request.GET)
    url = reverse(f"{console.name}:who_had_access")
    context: dict[str, Any] = {
        "title": "Who had access",
        "subtitle": f"To {desk.account.name}, as the record of its history says.",
        "problems": asked.problems,
        "past_url": url,
        "history_url": reverse(f"{console.name}:history"),
        "is_filtered": bool(asked.values),
        **choices(desk, asked),
    }
    if asked.answer is not None:
        context |= _answered(desk, asked, asked.answer, request.GET.get("after", ""), url)
    return site_page(console, request, "teams/console/past.html", context)


def _answered(desk: Desk, asked: Asked, answer: Answer, after: str, url: str) -> dict[str, Any]:
    if after and after not in answer.people:
        asked.problems.append("There is no such page: the first people are shown.")
        after = ""
    found = look(answer, after)
    file_url = reverse(f"{console.name}:who_had_access_file")
    return {
        "is_answered": True,
        "subtitle": _subtitle(desk, asked, answer),
        "heading": "Who gained and lost what" if answer.before else "Who could do what",
        "rows": _rows(desk, answer, found),
        "is_compared": answer.before is not None,
        "notes": answer.notes,
        "is_part": not answer.sight.is_whole,
        "first_url": f"{url}?{asked.query()}" if after else "",
        "more_url": f"{url}?{asked.query(after=found.after)}" if found.after else "",
        "is_full": found.is_full,
        "files": [(fmt.upper(), f"{file_url}?{asked.query(format=fmt)}") for fmt in FORMATS],
    }


def _subtitle(desk: Desk, asked: Asked, answer: Answer) -> str:
    where = f"in {asked.place} of {desk.account.name}" if asked.place else f"in {desk.account.name}"
    who = asked.person or ("everybody" if answer.sight.is_whole else "people you see")
    at = told(asked.values.get("at", ""), answer.question.at)
    if answer.question.since is None:
        return f"What {who} could do {where}, as of {at}."
    since = told(asked.values["since"], answer.question.since)
    return f"What {who} gained and lost {where}, from {since} until {at}."


def _rows(desk: Desk, answer: Answer, found: Found) -> list[Row]:
    keys = {ref: key_of(get_user_model(), ref) for ref, _findings in found.people}
    named = open_people(desk, list(keys.values()))
    return [
        Row(
            name=answer.names[ref],
            initials=initials(answer.names[ref]),
            url=person_url(keys[ref]) if keys[ref] in named else "",
            parts=list(_parts(desk, findings)),
        )
        for ref, findings in found.people
    ]


def _parts(desk: Desk, findings: Iterable[Finding]) -> Iterator[Part]:
    """Yield what one person had; places with the same rights are told together."""
    by_place: dict[tuple[str, str], list[Finding]] = {}
    for one in findings:
        by_place.setdefault((one.change, one.line.place), []).append(one)
    alike: dict[Any, list[list[Finding]]] = {}
    for (change, place), inside in by_place.items():
        level = place if place == "account" else place.partition(":")[0]
        rights = tuple((one.line.permission, one.line.through) for one in inside)
        alike.setdefault((change, level, rights), []).append(inside)
    for (change, level, rights), places in alike.items():
        names = [inside[0].line.place_name for inside in places]
        labels = [str(CATALOGUE[permission].label) for permission, _through in rights]
        yield Part(
            change=change,
            where=_where(level, names),
            places=names,
            count=len(rights),
            what=listed(labels) if len(labels) <= NAMED else f"{len(labels)} permissions",
            through=listed(
                list(dict.fromkeys(way for one in places[0] for way in _ways(one.line)))
            ),
            rights=_rights(desk, rights),
        )


def _ways(line: Line) -> list[str]:
    """Return through what a right came, within a sentence."""
    return [source_words(source) for source in line.given] or [UNSEEN[0].lower() + UNSEEN[1:]]


def _where(level: str, names: list[str]) -> str:
    shown = names if len(names) <= NAMED else [*names[:NAMED], f"{len(names) - NAMED} others"]
    if level == "account":
        return f"on the account {listed(shown)}"
    return f"in {listed(shown)}" if level == "subaccount" else f"for {listed(shown)} alone"


def _rights(desk: Desk, rights: Iterable[tuple[str, tuple[str, ...]]]) -> list[Right]:
    found: dict[tuple[str, str], list[str]] = {}
    for permission, through in rights:
        known = CATALOGUE[permission]
        area = desk.label(known.area.codename, known.area.label)
        found.setdefault((str(area), "; ".join(through)), []).append(str(known.label))
    return [Right(area, ", ".join(names), way) for (area, way), names in found.items()]


def past_file(request: HttpRequest) -> Any:
    """Hand out all that was asked for as a file: what the command prints."""
    desk = desk_of(request)
    asked, fmt = asked_in(desk, request.GET), request.GET.get("format", "")
    problems = asked.problems if fmt in TYPES else ["Choose how the file is written."]
    if problems or asked.answer is None:  # a file of something else would be taken for this
        messages.error(request, f"No file was written. {' '.join(problems)}")
        url = reverse(f"{console.name}:who_had_access")
        return HttpResponseRedirect(f"{url}?{asked.query()}")
    answer = StreamingHttpResponse(
        file_of(asked.answer, fmt), content_type=f"{TYPES[fmt]}; charset=utf-8"
    )
    name = f"who-had-access-{desk.account.slug}-{timezone.localdate():%Y-%m-%d}.{fmt}"
    answer["Content-Disposition"] = f'attachment; filename="{name}"'
    add_never_cache_headers(answer)
    return answer


def past_url(desk: Desk, **asked: Any) -> str:
    """Return where one asks who had access; empty for whoever may know of nobody's."""
    if not may_look(desk.profile, desk.account.pk):
        return ""
    url = reverse(f"{console.name}:who_had_access")
    query = "&".join(f"{name}={value}" for name, value in asked.items())
    return f"{url}?{query}" if query else url


console.add_page("history/access/", require_safe(past), name="who_had_access")
console.add_page("history/access/file/", require_safe(past_file), name="who_had_access_file")
