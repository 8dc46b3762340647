"""Verbs about access reviews: start one, bring it up to date, finish it, decide its lines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, time, timedelta
from typing import Any

from django import forms
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from permissions.admin import BulkVerb, Effect, VerbForm, row_of
from permissions.admin.bulk import find_rows
from permissions.errors import NotFound, ServiceError
from permissions.policy import TOP
from teams import effects, services
from teams.admin import words
from teams.admin.base import ConsoleVerb
from teams.admin.desk import Desk, apart
from teams.admin.forms import NameForm, OfferedField, offer
from teams.admin.previews import SUMMARY, ShownPreview, shown
from teams.admin.review_rows import ACCOUNT, progress, review_url, rows_for
from teams.catalogue import CATALOGUE
from teams.models import ReviewLine, Subaccount
from teams.review_sight import may_run, reads_all, runs_somewhere
from teams.services.gates import LAST_YEAR

Decision = ReviewLine.Decision
#: a review is due so long after it was started, unless told otherwise
USUAL = timedelta(days=14)
#: undecided lines that are named before "and 5 more"
NAMED = 5


class StartForm(NameForm):
    """What it is about, what it is called, and when it is due."""

    scope = OfferedField(label="About")
    permission = OfferedField(
        label="Only what gives",
        required=False,
        help_text="Leave at everything, or choose one permission: who can do that, and why.",
    )
    due = forms.DateField(
        label="Due",
        help_text="The last day. Whoever can decide is reminded three days before.",
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        input_formats=["%Y-%m-%d"],
    )

    field_order = ("name", "scope", "permission", "due")

    def prepare(self, verb: Any) -> None:
        """Offer what the reader may review."""
        desk: Desk = verb.desk
        offer(self, "scope", scopes(desk))
        inside = [
            (str(p), f"{p.label} ({'the account' if p.level == TOP else 'subaccounts'})")
            for p in CATALOGUE
            if p in desk.edition.permissions
        ]
        offer(self, "permission", [("", "Everything"), *inside])
        today = timezone.localdate()
        self.fields["due"].initial = today + USUAL
        self.fields["name"].initial = f"Access review, {today:%B %Y}"

    def clean_due(self) -> datetime:
        """Return the last moment of the day."""
        day = self.cleaned_data["due"]
        if day.year >= LAST_YEAR:
            raise forms.ValidationError(f"Choose a day before {LAST_YEAR}.")
        return timezone.make_aware(datetime.combine(day, time(23, 59, 59)))


def scopes(desk: Desk) -> list[tuple[str, str]]:
    """Return (value, label) of what the reader may start a review of."""
    whole = [(ACCOUNT, f"All of {desk.account.name}")]
    found = whole if may_run(desk.profile, desk.account) else []
    return found + [
        (str(place.pk), place.name)
        for place in desk.active
        if may_run(desk.profile, desk.account, place.pk)
    ]


class StartReview(ConsoleVerb):
    """Write down who has what, to be gone through."""

    name = "start"
    label = _("Start a review…")
    on_list = True
    is_primary = True
    form_class = StartForm

    def refusal(self) -> str:
        """Refuse whoever manages nobody."""
        if runs_somewhere(self.desk.user, self.desk.account):
            return ""
        return "You cannot start an access review: you manage nobody."

    def title(self) -> str:
        """Return the heading."""
        return "Start an access review"

    def consequence(self) -> Sequence[str]:
        """Say what is written down."""
        return (
            "Everything people have there is written down, line by line: roles, optional "
            "permissions, guest access, teams, pending invitations, API keys. Only what you see.",
            "Nobody loses anything by it. Whoever could withdraw a line confirms or withdraws it; "
            "nobody decides about their own.",
        )

    def run(self, data: Mapping[str, Any]) -> str:
        """Start it."""
        review = services.start_review(
            actor=self.actor,
            account=self.desk.account,
            name=data["name"],
            due_at=data["due"],
            subaccount=self._place(data["scope"]),
            permission=data["permission"],
        )
        self.started = review
        return f"The review {review.name} was started."

    def next_url(self) -> str:
        """Go to the review."""
        return review_url(self.started.pk)

    def _place(self, value: str) -> Subaccount | None:
        if value == ACCOUNT:
            return None
        found = row_of(Subaccount.objects.filter(account=self.desk.account), value)
        if found is None or found.pk not in self.desk.place_names:
            raise NotFound("There is no such subaccount among those you may choose.")
        return found


class ReviewVerb(ConsoleVerb):
    """A verb about one review that is open, for whoever may run it."""

    def refusal(self) -> str:
        """Refuse what is finished, and whoever does not see all of it."""
        if self.obj.finished_at is not None:
            return f"The review {self.obj.name} is finished and stays as it is."
        runs = may_run(self.desk.profile, self.desk.account, self.obj.subaccount_id)
        if runs and reads_all(self.desk.user, self.obj):
            return ""
        return "You cannot do this: it is for whoever manages everybody in the review."


class RefreshReview(ReviewVerb):
    """Write changed lines down anew."""

    name = "refresh"
    label = _("Bring up to date…")

    def title(self) -> str:
        """Return the heading."""
        return f"Bring {self.obj.name} up to date"

    def consequence(self) -> Sequence[str]:
        """Say what becomes of the lines."""
        return (
            "Open lines about what is gone by now are closed as gone; those about what has "
            "changed say what it is now, to be decided.",
            "Nothing is added: who came since the review was started stands in the next one.",
        )

    def button(self) -> str:
        """Return what the button says."""
        return "Bring up to date"

    def run(self, data: Mapping[str, Any]) -> str:
        """Do it."""
        services.refresh_review(actor=self.actor, review=self.obj)
        return f"The open lines of {self.obj.name} are as things are now."


class FinishForm(VerbForm):
    """Whether lines may stay undecided."""

    leave_open = forms.BooleanField(
        label="Leave what is open undecided: the report lists it so", required=False
    )

    def prepare(self, verb: Any) -> None:
        """Ask only where something is open."""
        if not verb.still_open():
            del self.fields["leave_open"]


class FinishReview(ReviewVerb):
    """Close it for good."""

    name = "finish"
    label = _("Finish…")
    form_class = FinishForm

    def still_open(self) -> int:
        """Return how many lines are open."""
        return self.desk.once(progress)[self.obj.pk].open

    def title(self) -> str:
        """Return the heading."""
        return f"Finish {self.obj.name}"

    def consequence(self) -> Sequence[str]:
        """Say what stays, and name who is undecided."""
        lines = [
            "Nothing of the review can be changed any more, by anybody. Its report can be "
            "downloaded, and the record keeps its SHA-256.",
        ]
        if count := self.still_open():
            rows = self.obj.lines.filter(decision=Decision.OPEN).order_by("position")[:NAMED]
            named = [f"{line.person_label} ({line.what})" for line in rows]
            more = [f"{count - len(named)} more"] if count > len(named) else []
            lines.append(f"Not decided yet: {words.listed([*named, *more])}.")
        return lines

    def button(self) -> str:
        """Return what the button says."""
        return "Finish the review"

    def run(self, data: Mapping[str, Any]) -> str:
        """Finish it."""
        services.finish_review(
            actor=self.actor, review=self.obj, leave_open=data.get("leave_open", False)
        )
        return f"The review {self.obj.name} is finished."


# lines


class LinesVerb(BulkVerb, ConsoleVerb):
    """Says the same of many lines of one review, all or none."""

    decision: Decision
    past: str

    def noun(self, count: int) -> str:
        """Count lines."""
        return "line" if count == 1 else "lines"

    def refusal(self) -> str:
        """Keep it out of the menu of whoever manages nobody."""
        if runs_somewhere(self.desk.user, self.desk.account):
            return ""
        return "You cannot decide anything: you manage nobody."

    def effects(self, data: Mapping[str, Any]) -> list[Effect]:
        """Say for each line what it is about, and what stands against deciding it."""
        found = []
        for row in rows_for(self.desk, self.rows):
            line = row.line
            said = f"{row.kind}: {row.what}{f', {row.place}' if row.place else ''}."
            lines = [said, *([row.note] if row.note.startswith("Gone") else [])]
            problem = row.problem
            if line.review.finished_at is not None:
                problem = f"The review {line.review.name} is finished."
            elif line.decision != Decision.OPEN:
                problem = f"Is {str(line.get_decision_display()).lower()} already."
            found.append(Effect(line, row.person, lines, problem))
        return found

    def run_row(self, row: Any, data: Mapping[str, Any]) -> None:
        """Decide one line."""
        self._decide([row], data)

    def run(self, data: Mapping[str, Any]) -> str:
        """Decide all of them at once."""
        self._decide(self.rows, data)
        return self.done()

    def _decide(self, rows: Sequence[Any], data: Mapping[str, Any]) -> None:
        services.decide_lines(
            actor=self.actor,
            lines=rows,
            decision=self.decision.value,
            reason=data.get("reason", ""),
        )

    def done(self) -> str:
        """Say how many."""
        return f"{self.counted()} {'was' if len(self.rows) == 1 else 'were'} {self.past}."

    def list_url(self) -> str:
        """Return the review, once lines of it are chosen."""
        return review_url(self.rows[0].review_id) if self.rows else super().list_url()


class ConfirmLines(LinesVerb):
    """Say that these may stay."""

    name = "confirm"
    label = _("Confirm…")
    is_danger = False
    decision = Decision.CONFIRMED
    past = "confirmed"

    def consequence(self) -> Sequence[str]:
        """Say what is said."""
        return ("You say that these people may keep what is listed. Nothing changes for them.",)


class WithdrawForm(VerbForm):
    """Why."""

    reason = forms.CharField(
        label="Why it is withdrawn",
        strip=False,
        max_length=500,
        widget=forms.TextInput(attrs={"class": "vTextField"}),
        help_text="Stands in the report and in the record.",
    )


class WithdrawLines(LinesVerb):
    """Take these away."""

    name = "withdraw"
    label = _("Withdraw…")
    form_class = WithdrawForm
    decision = Decision.WITHDRAWN
    past = "withdrawn"

    def consequence(self) -> Sequence[str]:
        """Say what goes."""
        return (
            "These people lose what is listed at the next click. A role goes with its optional "
            "permissions; whoever is left without any place loses guest access and teams too. "
            "This cannot be undone.",
        )

    def preview(self, data: Mapping[str, Any]) -> ShownPreview | None:
        """Carry it out for all of them, take it back, and say what it did; None if that fails."""
        if not data.get("reason"):
            return None
        keys = [str(line.pk) for line in self.rows]
        people = {line.person_id for line in self.rows if line.person_id is not None}

        def run() -> None:
            request = apart(self.request)
            type(self)(self.admin, request, find_rows(self.admin, request, keys)).run(data)

        try:
            found = effects.trial(self.desk.account, run, people=people)
        except ServiceError:
            return None  # each line says why it cannot be done
        return shown(self.desk, found, template=SUMMARY) if found else None


VERBS = (StartReview, RefreshReview, FinishReview)
BULK_VERBS = (ConfirmLines, WithdrawLines)

__all__ = ["BULK_VERBS", "VERBS"]
