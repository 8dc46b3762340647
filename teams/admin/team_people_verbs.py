"""Verbs about who is in a team, and until when."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from django.utils.translation import gettext_lazy as _

from permissions.admin import VerbForm
from permissions.audit import label_of
from teams import services
from teams.admin import words
from teams.admin.forms import EndField, OfferedSet, chosen_from, offer
from teams.admin.persons import people_in
from teams.admin.previews import PreviewedVerb
from teams.admin.team_things import OFFERED
from teams.admin.team_verbs import TeamVerb, together
from teams.models import TeamMembership


class AddForm(VerbForm):
    """People who are not in it, and until when they shall be."""

    people = OfferedSet(label="People")
    ends_at = EndField()

    def prepare(self, verb: Any) -> None:
        """Offer those whom the actor may put into teams."""
        found, is_all = verb.free()
        offer(self, "people", [(str(p.pk), label_of(p)) for p in found])
        if not is_all:
            self.fields[
                "people"
            ].help_text = f"The first {OFFERED} people by name. Others are added on their own page."


class AddPeople(TeamVerb, PreviewedVerb):
    """Put several people into the team at once."""

    name = "add-people"
    label = _("Add people…")
    form_class = AddForm

    def free(self) -> tuple[list[Any], bool]:
        """Return the people the actor may put into it, by name, and whether these are all."""
        desk = self.desk
        rows = people_in(desk).exclude(team_memberships__team=self.obj)
        rows = rows.exclude(pk__in=[desk.user.pk, desk.account.owner_id])
        found = list(rows.order_by(*words.by_name())[: OFFERED + 1])
        desk.glance.look_up([person.pk for person in found])
        free = [person for person in found if not desk.offers.team_refusal(person)]
        return free[:OFFERED], len(found) <= OFFERED

    def lack(self) -> str:
        """Refuse where nobody is left to add."""
        if reason := super().lack():
            return reason
        if not self.free()[0]:
            return f"There is nobody you may add to {self.obj.name}, or they are all in it."
        return ""

    def title(self) -> str:
        """Return the heading."""
        return f"Add people to {self.obj.name}"

    def consequence(self) -> Sequence[str]:
        """Say what a team gives."""
        return (
            "They come to see the lists and templates shared with the team, wherever one of their "
            "roles lets them work with such things.",
        )

    def button(self) -> str:
        """Return what the button says."""
        return "Add to team"

    def run(self, data: Mapping[str, Any]) -> str:
        """Add all of them, or none."""
        people = chosen_from(people_in(self.desk), data["people"], "person")
        with together(self):
            for person in people:
                services.add_to_team(
                    actor=self.actor, team=self.obj, user=person, ends_at=data["ends_at"]
                )
        count = len(people)
        return f"{count} {'person is' if count == 1 else 'people are'} in {self.obj.name} now."


class MemberVerb(TeamVerb):
    """A verb about somebody's place in the team."""

    is_part = True
    part_type = TeamMembership
    part: TeamMembership

    def find(self, key: str) -> Any:
        """Return the place, if the reader sees the person."""
        rows = self.obj.memberships.filter(user__in=people_in(self.desk)).select_related("user")
        return next((row for row in rows if str(row.pk) == key), None)

    def lack(self) -> str:
        """Refuse whatever the service would."""
        return super().lack() or self.desk.offers.team_refusal(self.part.user)

    def touched(self) -> Collection[Any]:
        """Return the one person it concerns."""
        return [self.part.user_id]


class TakeOut(MemberVerb, PreviewedVerb):
    """Take somebody out of the team."""

    name = "take-out"
    label = _("Take out…")

    def title(self) -> str:
        """Return the heading."""
        return f"Take {label_of(self.part.user)} out of {self.obj.name}"

    def consequence(self) -> Sequence[str]:
        """Say what is lost."""
        return (f"They no longer see what is shared only with {self.obj.name}.",)

    def button(self) -> str:
        """Return what the button says."""
        return "Take out of team"

    def run(self, data: Mapping[str, Any]) -> str:
        """Take them out."""
        services.remove_from_team(actor=self.actor, team=self.obj, user=self.part.user)
        return f"{label_of(self.part.user)} is no longer in {self.obj.name}."


class EndForm(VerbForm):
    """The last day, or none."""

    ends_at = EndField()

    def prepare(self, verb: Any) -> None:
        """Begin with the end it has."""
        self.fields["ends_at"].initial = verb.part.ends_at


class ChangeTeamEnd(MemberVerb, PreviewedVerb):
    """Say when somebody's place in the team ends."""

    name = "end"
    label = _("Change end…")
    form_class = EndForm

    def title(self) -> str:
        """Return the heading."""
        return f"When the place of {label_of(self.part.user)} in {self.obj.name} ends"

    def button(self) -> str:
        """Return what the button says."""
        return "Save end"

    def run(self, data: Mapping[str, Any]) -> str:
        """Set it."""
        services.set_team_end(
            actor=self.actor, team=self.obj, user=self.part.user, ends_at=data["ends_at"]
        )
        return f"The end of {label_of(self.part.user)}'s place in {self.obj.name} is saved."
