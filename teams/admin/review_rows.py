"""Access reviews as the console shows them: how far they are, and their lines for this reader."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, NamedTuple

from django.core.paginator import Page, Paginator
from django.db.models import Count, Q, QuerySet
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from teams.admin import words
from teams.admin.desk import Desk
from teams.admin.persons import open_people
from teams.admin.previews import person_url
from teams.models import AccessReview, ReviewLine
from teams.review_sight import lines_of, reads_as_written, runs_somewhere
from teams.reviewed import Thing
from teams.services.review_decisions import verdict
from teams.services.reviews import current

Kind, Decision = ReviewLine.Kind, ReviewLine.Decision
#: on one page
SHOWN = 50
#: what is due so soon waits on the home page
WITHIN = timedelta(days=3)
ACCOUNT = "account"
OPEN, DECIDED, ALL = "open", "decided", "all"
SHOWS = {OPEN: "Open", DECIDED: "Decided", ALL: "All"}
#: decision -> the shape of its dot
DOTS = {
    Decision.OPEN: "invited",
    Decision.CONFIRMED: "active",
    Decision.WITHDRAWN: "suspended",
    Decision.GONE: "draft",
}


class Progress(NamedTuple):
    """How many lines the reader sees, and how many of them are open."""

    lines: int = 0
    open: int = 0

    @property
    def decided(self) -> int:
        """Return how many are decided."""
        return self.lines - self.open

    def __str__(self) -> str:
        return f"{self.decided} of {self.lines} decided"


def progress(desk: Desk) -> Mapping[Any, Progress]:
    """Return how far each review is, as the reader sees it, by its key; one query."""
    rows = lines_of(desk.user, desk.account).order_by().values("review")
    counted = rows.annotate(n=Count("pk"), left=Count("pk", filter=Q(decision=Decision.OPEN)))
    return {row["review"]: Progress(row["n"], row["left"]) for row in counted}


def state_of(review: AccessReview) -> SafeString:
    """Return whether it is open, overdue or finished, as dot and word."""
    if review.finished_at is not None:
        kind, word = "draft", "Finished"
    elif review.due_at <= timezone.now():
        kind, word = "suspended", "Overdue"
    else:
        kind, word = "active", "Open"
    return format_html('<span class="state state--{}">{}</span>', kind, word)


class Waiting(NamedTuple):
    """A review that is due soon or overdue, with how many lines the reader may have a say in."""

    review: AccessReview
    lines: int
    is_overdue: bool
    url: str


def waiting(desk: Desk) -> list[Waiting]:
    """Return the reviews of which lines wait for the reader, the most urgent first."""
    if desk.account.read_only_because or not runs_somewhere(desk.user, desk.account):
        return []
    now = timezone.now()
    lines = lines_of(desk.user, desk.account).filter(
        decision=Decision.OPEN, review__finished_at=None, review__due_at__lte=now + WITHIN
    )
    others = lines.exclude(person=desk.user).order_by().values_list("review")
    counts = dict(others.annotate(n=Count("pk")))
    found = AccessReview.objects.filter(pk__in=counts).order_by("due_at", "pk") if counts else ()
    return [Waiting(r, counts[r.pk], r.due_at <= now, review_url(r.pk)) for r in found]


def review_url(key: Any) -> str:
    """Return the address of a review."""
    return reverse("console:teams_accessreview_change", args=[key])


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the page; ``problem`` says why the reader cannot decide it, if it is open."""

    line: ReviewLine
    person: str
    url: str
    what: str
    place: str
    kind: str
    last_sign_in: SafeString
    decision: SafeString
    said: str
    note: str
    problem: str

    @property
    def may_choose(self) -> bool:
        """Say whether the reader may decide it."""
        return self.line.decision == Decision.OPEN and not self.problem


def rows_for(desk: Desk, lines: Iterable[ReviewLine]) -> list[Row]:
    """Return ``lines``, of any reviews, as rows; as many queries for one as for a hundred."""
    lines = list(lines)
    people = {line.person_id for line in lines if line.person_id is not None}
    deciders = {line.decided_by_id for line in lines if line.decided_by_id is not None}
    desk.glance.look_up(people)
    named = open_people(desk, people | deciders)
    written = {line.review_id: line.review for line in lines}
    as_written = {key for key, review in written.items() if reads_as_written(desk.user, review)}
    return [
        _row(desk, line, thing, named=named, as_written=line.review_id in as_written)
        for line, thing in current(desk.account, desk.user, lines)
    ]


def _row(desk: Desk, line: ReviewLine, thing: Thing | None, *, named: Any, as_written: bool) -> Row:
    what, place = said_of(line, thing, as_written=as_written)
    is_open = line.decision == Decision.OPEN and line.review.finished_at is None
    dot, word = DOTS[Decision(line.decision)], str(line.get_decision_display())
    knows = as_written or line.decided_by_id in named or line.decided_by_id == desk.user.pk
    decider = line.decided_label if knows or not line.decided_label else "Somebody you do not see"
    return Row(
        line=line,
        person=line.person_label,
        url=person_url(line.person_id) if line.person_id in named else "",
        what=what,
        place=place,
        kind=str(line.get_kind_display()),
        last_sign_in=words.none("Not here yet")
        if line.kind == Kind.INVITATION
        else words.when(line.last_sign_in),
        decision=format_html('<span class="state state--{}">{}</span>', dot, word),
        said=": ".join(filter(None, (decider, line.reason))),
        note=note_of(line, thing) if is_open else "",
        problem=verdict(desk.glance, line, thing, "decide") if is_open else "",
    )


def said_of(line: ReviewLine, thing: Thing | None, *, as_written: bool) -> tuple[str, str]:
    """Return what a line is about and where, as the reader may know it.

    Its words are those of whoever started the review: others read how they may name it themselves.
    """
    if as_written:
        return line.what, line.place
    if thing is not None:
        return thing.what, thing.where
    if line.kind == Kind.GUEST:
        return "Guest access to something that is not named here", ""
    return line.what, line.place if line.subaccount_id is not None else ""


def note_of(line: ReviewLine, thing: Thing | None) -> str:
    """Return what became of it since it was written down; empty for nothing."""
    if thing is None:
        return "Gone meanwhile: whatever you choose, it is closed as gone."
    if thing.state != line.state:
        return f"Changed since: {thing.what}, {thing.where}."
    return ""


class Choice(NamedTuple):
    """What the page of a review shows: which lines, of whom, where; and whether ``all`` of them are
    ticked, to be decided at once."""

    show: str
    person: str
    place: str
    all: bool = False

    @classmethod
    def of(cls, query: Mapping[str, Any], *, is_finished: bool) -> Choice:
        """Return what the address asks for."""
        show = str(query.get("show", ""))
        default = ALL if is_finished else OPEN
        return cls(
            show if show in SHOWS else default,
            # PostgreSQL has no text with it in, so nobody is called so
            str(query.get("person", "")).replace("\0", "\ufffd"),
            str(query.get("place", "")),
            "all" in query,
        )

    def chosen(self, lines: QuerySet[ReviewLine]) -> QuerySet[ReviewLine]:
        """Return those of ``lines``."""
        if self.show != ALL:
            is_open = Q(decision=Decision.OPEN)
            lines = lines.filter(is_open if self.show == OPEN else ~is_open)
        if self.person:
            lines = lines.filter(person_label=self.person)
        if self.place == ACCOUNT:
            lines = lines.filter(subaccount=None)
        elif self.place:
            key = int(self.place) if self.place.isdecimal() and len(self.place) < 18 else 0
            lines = lines.filter(subaccount=key)
        return lines


def lines_page(
    desk: Desk, review: AccessReview, query: Mapping[str, Any]
) -> tuple[Choice, Page[ReviewLine], Sequence[Row]]:
    """Return what was chosen, the page of lines, and its rows."""
    lines = lines_of(desk.user, desk.account).filter(review=review)
    choice = Choice.of(query, is_finished=review.finished_at is not None)
    rows = choice.chosen(lines).select_related("review", "review__account")
    page = Paginator(rows, SHOWN).get_page(query.get("page"))
    return choice, page, rows_for(desk, page)


def offered(desk: Desk, review: AccessReview) -> tuple[list[str], list[tuple[str, str]]]:
    """Return the people and the places one may choose lines by."""
    lines = lines_of(desk.user, desk.account).filter(review=review).order_by()
    people = sorted(set(lines.values_list("person_label", flat=True)), key=str.casefold)
    keys = set(lines.values_list("subaccount", flat=True))
    named = [(str(key), desk.place_names.get(key, "A subaccount")) for key in keys - {None}]
    named.sort(key=lambda pair: pair[1].casefold())
    return people, ([(ACCOUNT, desk.account.name)] if None in keys else []) + named
