"""Verbs about access reviews: start one, bring it up to date, finish it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, time, timedelta
from typing import Any

from django import forms
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from permissions.admin import VerbForm, row_of
from permissions.errors import NotFound
from permissions.policy import TOP
from teams import services
from teams.admin import words
from teams.admin.base import ConsoleVerb
from teams.admin.desk import Desk
from teams.admin.forms import NameForm, OfferedField, offer
from teams.admin.review_rows import ACCOUNT, progress, review_url
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


VERBS = (StartReview, RefreshReview, FinishReview)

__all__ = ["VERBS"]
