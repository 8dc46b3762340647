"""Letting what ends last longer, for many people at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from permissions.admin import Effect
from permissions.audit import label_of
from permissions.errors import ServiceError
from teams import services
from teams.admin import words
from teams.admin.forms import EndField
from teams.admin.people_verbs import EVERY, PeopleVerb, PlacesForm, Plan, place_key
from teams.admin.person_access import guest_rows, team_rows
from teams.admin.person_seats import switch_rows
from teams.endings import Ending
from teams.models import Membership
from teams.services.gates import clean_end

#: what the page proposes
MONTH = timedelta(days=30)
TICK = "Tick the box above to extend what else of theirs ends."


class ExtendForm(PlacesForm):
    """Where, until when, and whether what hangs on the roles lasts as long."""

    ends_at = EndField()
    also = forms.BooleanField(
        label="Also their optional permissions, guest access and teams there",
        required=False,
    )

    def prepare(self, verb: Any) -> None:
        """Propose a month."""
        super().prepare(verb)
        day = timezone.localdate() + MONTH
        self.fields["ends_at"].initial = day.isoformat()
        self.fields["ends_at"].label = "New end"


class ExtendPeople(PeopleVerb):
    """Let roles, and what hangs on them, end later; what ends later already is left alone."""

    name = "extend"
    label = _("Extend…")
    act, past = "extend the access of", "extended"
    idle_note = "Has no role{where} that ends before then."
    is_danger = False
    form_class = ExtendForm

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.until: datetime | None = None

    def consequence(self) -> Sequence[str]:
        """Say what is touched."""
        return (
            "What is listed below ends later, or no longer by itself. What ends later already, or "
            "has no end, stays as it is.",
            "A role that has ended wakes with all that it held.",
        )

    def effects(self, data: Mapping[str, Any]) -> list[Effect]:
        """Say for each person what ends later."""
        until = data["ends_at"]
        if isinstance(until, str):  # what the page proposes
            until = EndField().clean(until)
        self.until = clean_end(until)
        self.verdicts.clear()
        found = super().effects(data)
        if not data.get("also"):
            return [self._pointed(effect, data["place"]) for effect in found]
        return [self._with_more(effect, data["place"]) for effect in found]

    def _pointed(self, effect: Effect, place: str) -> Effect:
        """Say of whoever has no role to extend that the box reaches what else of theirs ends."""
        plan = self.plan(effect.row, place)
        if plan.touched or plan.refused or not self.more(effect.row, place):
            return effect
        return effect._replace(problem=f"{effect.problem} {TICK}")

    def _with_more(self, effect: Effect, place: str) -> Effect:
        """Add what else ends later; with anything, it does not matter that no role does."""
        more = self.more(effect.row, place)
        lines = [self.more_line(ending) for ending in more]
        plan = self.plan(effect.row, place)
        is_idle = not plan.touched and not plan.refused and bool(more)
        return effect._replace(
            lines=[*effect.lines, *lines], problem="" if is_idle else effect.problem
        )

    def applies(self, membership: Membership) -> bool:
        """Leave alone what has no end, ends later already, or is archived."""
        subaccount = membership.subaccount
        is_archived = subaccount is not None and subaccount.is_archived
        return not is_archived and self.is_earlier(membership.ends_at)

    def plan(self, person: Any, place: str) -> Plan:
        """Say what is lacking where the actor manages a role and may not extend it."""
        plan = super().plan(person, place)
        if plan.problem and plan.kept and not plan.refused:
            error = self.verdict(plan.kept[0])
            plan.problem = error.message if error is not None else plan.problem
        return plan

    def is_earlier(self, end: datetime | None) -> bool:
        """Say whether the new end is later than ``end``."""
        return end is not None and (self.until is None or end < self.until)

    def judge(self, membership: Membership) -> ServiceError | None:
        """Extending is a grant of all the role holds."""
        if membership.ends_at is None or not self.applies(membership):
            return super().judge(membership)
        ending = Ending("role", membership.user, membership.ends_at, membership=membership)
        return self.desk.offers.extending(ending, f"{self.act} {label_of(membership.user)}")

    def line(self, role: str, place: str, extras: str) -> str:
        """Say what lasts longer."""
        return f"{place}: {role} {self._until()}."

    def _until(self) -> str:
        if self.until is None:
            return "no longer ends by itself"
        return f"ends on {words.short_date(self.until)}"

    def _line(self, membership: Membership) -> str:
        line = super()._line(membership).rstrip(".")
        end = membership.ends_at
        if end is None:
            return f"{line}."
        if end <= timezone.now():
            return f"{line}, and wakes: it ended on {words.short_date(end)}."
        return f"{line} instead of {words.short_date(end)}."

    # what hangs on the roles

    def more(self, person: Any, place: str) -> list[Ending]:
        """Return the switches, guest access and teams that would end later, and may."""
        if person.pk in (self.actor.pk, self.desk.account.owner_id):
            return []
        found = [*self._switches(person, place), *self._guests(person, place)]
        if place == EVERY:
            found += [
                Ending("team", person, row.ends_at, obj=row.team)
                for row in team_rows(self.desk, person)
                if row.ends_at is not None
            ]
        act = f"{self.act} {label_of(person)}"
        return [
            ending
            for ending in found
            if self.is_earlier(ending.ends_at) and self.desk.offers.extending(ending, act) is None
        ]

    def _switches(self, person: Any, place: str) -> list[Ending]:
        return [
            Ending("switch", person, row.given.ends_at, membership=seat, codename=row.codename)
            for seat in self._seats(person, place)
            for row in switch_rows(self.desk, seat)
            if row.given is not None
        ]

    def _seats(self, person: Any, place: str) -> list[Membership]:
        return [m for m in person.seen if self.is_meant(place, place_key(m))]

    def _guests(self, person: Any, place: str) -> list[Ending]:
        return [
            Ending("guest", person, row.ends_at, obj=row.obj, place=row.place)
            for row in guest_rows(self.desk, person)
            if row.ends_at is not None and self.is_meant(place, str(row.place))
        ]

    def more_line(self, ending: Ending) -> str:
        """Say what else lasts longer."""
        if ending.kind == "switch" and ending.membership is not None:
            label = self.desk.edition.toggle(ending.codename).label
            return f"{words.place_label(self.desk, ending.membership)}: {label} {self._until()}."
        if ending.kind == "team":
            return f"The place in {ending.obj.name} {self._until()}."
        return f"Guest access to {ending.obj} {self._until()}."  # who may extend it, sees it

    def service(self, membership: Membership) -> None:
        """Extend the role."""
        services.set_end(actor=self.actor, membership=membership, ends_at=self.until)

    def run_row(self, row: Any, data: Mapping[str, Any]) -> None:
        """Extend the roles first, then what hangs on them."""
        more = self.more(row, data["place"]) if data.get("also") else []
        plan = self.plan(row, data["place"])
        if plan.touched or plan.refused or not more:
            super().run_row(row, data)
        for ending in more:
            self._extend(ending)

    def _extend(self, ending: Ending) -> None:
        until: dict[str, Any] = {"actor": self.actor, "ends_at": self.until}
        if ending.membership is not None:
            seat, toggle = ending.membership, ending.codename
            services.set_toggle_end(membership=seat, toggle=toggle, **until)
        elif ending.kind == "guest":
            services.set_guest_end(user=ending.person, obj=ending.obj, **until)
        else:
            services.set_team_end(team=ending.obj, user=ending.person, **until)
