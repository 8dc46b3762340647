"""Verbs about lines of access reviews: say the same of many at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from permissions.admin import BulkVerb, Effect, VerbForm
from permissions.admin.bulk import find_rows
from permissions.errors import ServiceError
from teams import effects, services
from teams.admin.base import ConsoleVerb
from teams.admin.desk import apart
from teams.admin.previews import SUMMARY, ShownPreview, shown
from teams.admin.review_rows import review_url, rows_for
from teams.models import ReviewLine
from teams.review_sight import runs_somewhere

Decision = ReviewLine.Decision


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


BULK_VERBS = (ConfirmLines, WithdrawLines)

__all__ = ["BULK_VERBS"]
