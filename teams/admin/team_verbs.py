"""Verbs about teams: who is in one, what it was given, and what becomes of it."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from permissions.admin import VerbForm
from permissions.audit import label_of
from permissions.errors import Refused
from teams import selectors, services
from teams.admin import words
from teams.admin.base import ConsoleVerb
from teams.admin.forms import EndField, NameForm, OfferedField, OfferedSet, chosen_from, offer
from teams.admin.persons import people_in
from teams.admin.previews import PreviewedVerb
from teams.admin.team_things import OFFERED, Thing, may_assign, thing_of, things_of, things_to_give
from teams.catalogue import MANAGE_TEAMS
from teams.models import Team, TeamMembership
from teams.models.account import TeamMode


class TeamVerb(ConsoleVerb):
    """A verb about teams: refused while they are off, and about one that is archived."""

    obj: Team

    def refusal(self) -> str:
        """Refuse what the service would, as far as it can be said beforehand."""
        account = self.desk.account
        if not self.desk.edition.has_teams:
            return f"{self.desk.edition.label} has no teams."
        if account.team_mode == TeamMode.OFF:
            return f"Teams are switched off in {account.name}. Switch them on first."
        if not self.on_list and self.obj.archived_at is not None:
            return f"{self.obj.name} is archived, and empty for good."
        return self.lack()

    def lack(self) -> str:
        """Return what the reader lacks for it."""
        if self.desk.holds(MANAGE_TEAMS):
            return ""
        return "You cannot manage teams: none of your roles includes Manage teams."


class CreateTeam(TeamVerb):
    """Make an empty team."""

    name = "create"
    label = _("Create team")
    on_list = True
    is_primary = True
    form_class = NameForm

    def title(self) -> str:
        """Return the heading."""
        return f"Create a team in {self.desk.account.name}"

    def consequence(self) -> Sequence[str]:
        """Say what it gives: nothing."""
        return ("The new team is empty. It gives nobody anything until you add to it.",)

    def button(self) -> str:
        """Return what the button says."""
        return "Create team"

    def run(self, data: Mapping[str, Any]) -> str:
        """Create it."""
        made = services.create_team(actor=self.actor, account=self.desk.account, name=data["name"])
        return f"There is a team {made.name} now."


class RenameTeam(TeamVerb):
    """Give it another name."""

    name = "rename"
    label = _("Rename…")
    form_class = NameForm

    def title(self) -> str:
        """Return the heading."""
        return f"Rename {self.obj.name}"

    def consequence(self) -> Sequence[str]:
        """Say what stays."""
        return ("Only the name changes: its people and what it sees stay.",)

    def button(self) -> str:
        """Return what the button says."""
        return "Rename team"

    def run(self, data: Mapping[str, Any]) -> str:
        """Rename it."""
        before = self.obj.name
        made = services.rename_team(actor=self.actor, team=self.obj, name=data["name"])
        return f"{before} is called {made.name} now."


class ArchiveForm(VerbForm):
    """Which team takes its place, or none."""

    replacement = OfferedField(
        label="Replacement",
        required=False,
        help_text="Takes its people, its lists and templates, and pending invitations.",
    )

    def prepare(self, verb: Any) -> None:
        """Offer the other teams."""
        others = selectors.teams_of(verb.desk.account).exclude(pk=verb.obj.pk)
        offer(self, "replacement", [("", "No team"), *((str(t.pk), t.name) for t in others)])


class ArchiveTeam(TeamVerb, PreviewedVerb):
    """Put it away; another team may take its place."""

    name = "archive"
    label = _("Archive…")
    is_danger = True
    form_class = ArchiveForm

    def title(self) -> str:
        """Return the heading."""
        return f"Archive {self.obj.name}"

    def consequence(self) -> Sequence[str]:
        """Say what becomes of what it has."""
        return (
            "Its people and its lists and templates go to the replacement. Without one, what no "
            "other team sees is left to whoever created it.",
            "An archived team stays empty and is not restored. Its name is free again.",
        )

    def button(self) -> str:
        """Return what the button says."""
        return "Archive team"

    def run(self, data: Mapping[str, Any]) -> str:
        """Archive it."""
        into = None
        if data["replacement"]:
            others = selectors.teams_of(self.desk.account)
            into = chosen_from(others, [data["replacement"]], "team")[0]
        services.archive_team(actor=self.actor, team=self.obj, replacement=into)
        after = f" {into.name} has taken its place." if into else ""
        return f"{self.obj.name} is archived.{after}"


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


@contextmanager
def together(verb: ConsoleVerb) -> Iterator[None]:
    """Carry several calls out in one transaction; a refusal is recorded once, after it."""
    try:
        with transaction.atomic():
            yield
    except Refused as refusal:
        verb.admin.on_refused(verb.request, refusal, verb.name)
        raise


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


class ThingsForm(VerbForm):
    """Lists and templates that the team does not see yet."""

    things = OfferedSet(label="Lists and templates")

    def prepare(self, verb: Any) -> None:
        """Offer what the actor may assign."""
        found, is_all = things_to_give(verb.desk, verb.obj)
        offer(self, "things", [(thing.key, thing.label) for thing in found])
        if not is_all:
            self.fields[
                "things"
            ].help_text = (
                f"The first {OFFERED} of each by name. Others are shared on their own page."
            )


class GiveThings(TeamVerb, PreviewedVerb):
    """Share several lists and templates with the team at once."""

    name = "give"
    label = _("Share lists and templates…")
    form_class = ThingsForm

    def lack(self) -> str:
        """Refuse without the right to assign, and where there is nothing left."""
        if not may_assign(self.desk):
            return "You cannot share with teams: none of your roles includes Assign team resources."
        if not things_to_give(self.desk, self.obj)[0]:
            return f"There is nothing you may share with {self.obj.name}, or it sees all of it."
        return ""

    def title(self) -> str:
        """Return the heading."""
        return f"Share lists and templates with {self.obj.name}"

    def consequence(self) -> Sequence[str]:
        """Say who sees them then."""
        return (
            f"Everybody in {self.obj.name} comes to see them, wherever their role lets them work "
            "with such things.",
        )

    def button(self) -> str:
        """Return what the button says."""
        return "Share with team"

    def run(self, data: Mapping[str, Any]) -> str:
        """Share all of them, or none."""
        found = [thing_of(self.desk, key) for key in data["things"]]
        with together(self):
            for obj in found:
                services.share_with_team(actor=self.actor, team=self.obj, obj=obj)
        return f"{self.obj.name} sees {words.listed([str(obj) for obj in found])} now."


class TakeThing(TeamVerb, PreviewedVerb):
    """Hide a list or template from the team again."""

    name = "take"
    label = _("Stop sharing…")
    is_part = True
    part_type = Thing
    part: Thing

    def find(self, key: str) -> Any:
        """Return what was shared, if the reader sees it."""
        return next((one for one in things_of(self.desk, self.obj) if one.key == key), None)

    def key(self) -> str:
        """Return how the address names it."""
        return self.part.key

    def lack(self) -> str:
        """Refuse without the right to assign there."""
        if may_assign(self.desk, self.part.obj):
            return ""
        return (
            f"You cannot stop sharing {self.part.obj}: it needs Assign team resources there, which "
            "you do not hold."
        )

    def title(self) -> str:
        """Return the heading."""
        return f"Stop sharing {self.part.obj} with {self.obj.name}"

    def consequence(self) -> Sequence[str]:
        """Say who loses sight of it."""
        return (f"People who see it only through {self.obj.name} no longer see it.",)

    def button(self) -> str:
        """Return what the button says."""
        return "Stop sharing"

    def run(self, data: Mapping[str, Any]) -> str:
        """Hide it."""
        services.unshare_with_team(actor=self.actor, team=self.obj, obj=self.part.obj)
        return f"{self.obj.name} no longer sees {self.part.obj}."


TEAM_VERBS = (
    CreateTeam,
    AddPeople,
    GiveThings,
    RenameTeam,
    ArchiveTeam,
    TakeOut,
    ChangeTeamEnd,
    TakeThing,
)
