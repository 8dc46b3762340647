"""The history of the account, of one person or of one subaccount, as far as the reader may know."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from django.contrib import messages
from django.db.models import QuerySet
from django.http import (
    HttpRequest,
    HttpResponse,
    HttpResponseRedirect,
    QueryDict,
    StreamingHttpResponse,
)
from django.urls import reverse
from django.utils import timezone
from django.utils.cache import add_never_cache_headers
from django.views.decorators.http import require_POST, require_safe

from permissions.admin import site_page
from permissions.audit import timeline
from permissions.errors import Invalid
from permissions.models import AuditEvent
from teams.admin.desk import Desk, desk_of
from teams.admin.feed import Entry, entry, reader_of, words_of
from teams.admin.history_filters import Asked, asked_in, choices
from teams.admin.menu import MenuEntry
from teams.admin.past import past_url
from teams.admin.persons import sees_people
from teams.admin.site import console
from teams.event_sight import Reader
from teams.event_words import Line, Words
from teams.services.audit_export import export
from teams.services.audit_export_limits import in_minutes, minutes_to_wait
from teams.services.change import root_key

#: what an export may be written as, and the type of such a file
FORMATS = {"csv": ("CSV", "text/csv"), "jsonl": ("JSON lines", "application/jsonl")}
#: events on one page
ROWS = 50
#: so many are looked at to find those, some at a time
LOOKED_AT = 2000
CHUNK = 500


class Found(NamedTuple):
    """The events of one page; ``before`` is the hash of the event to look further back from, empty
    if there is nothing older, and ``is_full`` says that older ones are known."""

    events: list[AuditEvent]
    before: str
    is_full: bool


def look(reader: Reader, events: QuerySet[AuditEvent]) -> Found:
    """Return the newest of ``events`` that the reader knows; stops after ``LOOKED_AT``."""
    found: list[AuditEvent] = []
    rest = reader.candidates(events)
    size = ROWS + 1 if reader.acts_as_owner else CHUNK
    last, looked_at = None, 0
    while looked_at < LOOKED_AT:
        chunk = list((rest if last is None else rest.filter(sequence__lt=last.sequence))[:size])
        for event in chunk:
            if reader.knows(event):
                if len(found) == ROWS:
                    return Found(found, found[-1].digest, True)
                found.append(event)
        if len(chunk) < size:
            return Found(found, "", False)
        last, looked_at = chunk[-1], looked_at + size
    return Found(found, last.digest if last else "", False)


@dataclass(frozen=True, slots=True)
class Row:
    """One event on the page, with all that is told of it."""

    entry: Entry
    lines: list[Line]
    way: str
    request_url: str
    #: its number in the record and its hash, for the owner: the number says how much others did
    number: int | None
    digest: str

    @property
    def compares(self) -> bool:
        """Say whether any line has something before it."""
        return any(line.before for line in self.lines)


def history(request: HttpRequest) -> HttpResponse:
    """Show what happened, newest first, by who, where, what, how and when."""
    desk = desk_of(request)
    asked = asked_in(desk, request.GET)
    reader = reader_of(desk)
    events = asked.filters.apply(timeline(root_key(desk.account)))
    before = _before(desk, asked, request.GET)
    if before is not None:
        events = events.filter(sequence__lt=before)
    found = look(reader, events)
    told = words_of(desk, found.events)
    url = reverse(f"{console.name}:history")
    wait = minutes_to_wait(desk.user, desk.account)
    context = {
        "title": "History",
        "subtitle": _subtitle(desk, asked),
        "problems": asked.problems,
        "rows": [_row(told, event, url) for event in found.events],
        "is_filtered": bool(asked.values),
        "is_further": before is not None,
        "is_full": found.is_full,
        "older_url": f"{url}?{_with(asked, before=found.before)}" if found.before else "",
        "newest_url": f"{url}?{asked.query}",
        "history_url": url,
        "past_url": past_url(desk, **_shared(asked)),
        "export_url": reverse(f"{console.name}:history_export"),
        "is_whole": desk.acts_as_owner,
        "formats": FORMATS,
        "wait": in_minutes(wait) if wait else "",
        "values": asked.values.items(),
        **choices(desk, asked),
    }
    return site_page(console, request, "teams/console/history.html", context)


def _before(desk: Desk, asked: Asked, given: QueryDict) -> int | None:
    """Return the number of the event before which to look.

    An address names it by its hash: from numbers one could tell how many events one may not know.
    """
    digest = given.get("before", "")
    if not digest:
        return None
    if len(digest) == 64 and digest.isascii() and digest.isalnum():
        events = AuditEvent.objects.filter(root=root_key(desk.account), digest=digest)
        found = events.values_list("sequence", flat=True).first()
        if found is not None:
            return int(found)
    asked.problems.append("There is no such page: the newest events are shown.")
    return None


def _with(asked: Asked, **more: str) -> str:
    query = QueryDict(mutable=True)
    query.update({**asked.values, **more})
    return query.urlencode()


def _shared(asked: Asked) -> dict[str, str]:
    """Return what one may ask of the past as well: of whom, and where."""
    return {name: value for name, value in asked.values.items() if name in ("person", "place")}


def _row(told: Words, event: AuditEvent, url: str) -> Row:
    is_owner = told.names.reader.acts_as_owner
    query = QueryDict(mutable=True)
    query["request"] = event.request_id
    return Row(
        entry=entry(told, event),
        lines=told.changes(event),
        way=told.channel(event),
        request_url=f"{url}?{query.urlencode()}" if event.request_id else "",
        number=event.sequence if is_owner else None,
        digest=event.digest if is_owner else "",
    )


def _subtitle(desk: Desk, asked: Asked) -> str:
    what = "What happened" if desk.acts_as_owner else "What you may know of what happened"
    where = f"in {asked.place}" if asked.place else f"in {desk.account.name}"
    who = f", by or about {asked.person}" if asked.person else ""
    return f"{what} {where}{who}."


def export_history(request: HttpRequest) -> Any:
    """Hand out what was asked for as a file: to the owner all that is recorded, to others what the
    page tells them."""
    desk = desk_of(request)
    asked, fmt = asked_in(desk, request.POST), request.POST.get("format", "")
    problems = asked.problems if fmt in FORMATS else ["Choose how the file is written."]
    back = HttpResponseRedirect(f"{reverse(f'{console.name}:history')}?{asked.query}".rstrip("?"))
    if problems:  # a file with other events than were asked for would be taken for these
        messages.error(request, f"Nothing was exported. {' '.join(problems)}")
        return back
    try:
        lines = export(actor=desk.user, account=desk.account, filters=asked.filters, fmt=fmt)
    except Invalid as error:  # too often within the hour
        messages.error(request, error.message)
        return back
    answer = StreamingHttpResponse(lines, content_type=f"{FORMATS[fmt][1]}; charset=utf-8")
    name = f"history-{desk.account.slug}-{timezone.localdate():%Y-%m-%d}.{fmt}"
    answer["Content-Disposition"] = f'attachment; filename="{name}"'
    add_never_cache_headers(answer)
    return answer


def is_entered(request: Any) -> bool:
    """Say whether the history is this person's business: they see people, or own the account."""
    desk = desk_of(request)
    return desk.acts_as_owner or sees_people(desk)


console.add_page(
    "history/",
    require_safe(history),
    name="history",
    entry=MenuEntry("account", "History", "clock", is_entered, order=60),
)
console.add_page("history/export/", require_POST(export_history), name="history_export")
