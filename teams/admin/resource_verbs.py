"""Verbs about lists, templates and campaigns: sharing with teams, guest access."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from django.utils.translation import gettext_lazy as _

from permissions import access, grants
from permissions.admin import VerbForm, row_of
from permissions.audit import label_of
from permissions.resources import registry
from teams import selectors, services
from teams.admin import words
from teams.admin.access_verbs import GuestForm
from teams.admin.forms import OfferedField, chosen_from, offer
from teams.admin.persons import people_in, sees_people
from teams.admin.previews import PreviewedVerb
from teams.catalogue import ASSIGN_TEAM_RESOURCES
from teams.models import Membership, Team
from teams.services.previews import people_of


class ShareForm(VerbForm):
    """A team that does not see the object yet."""

    team = OfferedField(label="Team")

    def prepare(self, verb: Any) -> None:
        """Offer the teams."""
        offer(self, "team", [(str(t.pk), t.name) for t in verb.free()])


class Share(PreviewedVerb):
    """Let a team see a list or template."""

    name = "share"
    label = _("Share with a team…")
    form_class = ShareForm

    def free(self) -> list[Team]:
        """Return the teams that do not see the object yet."""
        groups = grants.groups_on(self.obj).values("group_id")
        return list(selectors.teams_of(self.desk.account).exclude(group__in=groups))

    def refusal(self) -> str:
        """Refuse where teams play no part, or without the right to assign."""
        if not self.desk.edition.has_teams:
            return f"{self.desk.edition.label} has no teams."
        if not access.allows(self.actor, ASSIGN_TEAM_RESOURCES, self.obj):
            return (
                f"You cannot share {self.obj}: it needs Assign team resources there, which you do "
                "not hold."
            )
        if not self.free():
            return f"Every team sees {self.obj} already."
        return ""

    def touched(self) -> Collection[Any] | None:
        """Return whoever is in a team it may be shared with, and who makes such things."""
        return people_of(self.desk.account, {str(team.pk): team for team in self.free()})

    def title(self) -> str:
        """Return the heading."""
        return f"Share {self.obj} with a team"

    def consequence(self) -> Sequence[str]:
        """Say who sees it then."""
        return (
            f"Everybody in the team comes to see {self.obj}, wherever their role lets them work "
            "with such things. What they may do with it is up to the role.",
        )

    def button(self) -> str:
        """Return what the button says."""
        return "Share with team"

    def run(self, data: Mapping[str, Any]) -> str:
        """Share."""
        own = selectors.teams_of(self.desk.account)
        team = chosen_from(own, [data["team"]], "team")[0]
        services.share_with_team(actor=self.actor, team=team, obj=self.obj)
        return f"{team.name} sees {self.obj} now."


class Unshare(PreviewedVerb):
    """Hide a list or template from a team again."""

    name = "unshare"
    label = _("Stop sharing…")
    is_part = True
    part_type = Team
    part: Team

    def find(self, key: str) -> Any:
        """Return the team, if it sees the object."""
        groups = grants.groups_on(self.obj).values("group_id")
        teams = Team.objects.filter(account=self.desk.account, group__in=groups)
        return row_of(teams, key)

    def refusal(self) -> str:
        """Refuse without the right to assign."""
        if not access.allows(self.actor, ASSIGN_TEAM_RESOURCES, self.obj):
            return (
                f"You cannot stop sharing {self.obj}: it needs Assign team resources there, which "
                "you do not hold."
            )
        return ""

    def touched(self) -> Collection[Any] | None:
        """Return whoever is in the team, and who makes such things."""
        return people_of(self.desk.account, {"team": self.part})

    def title(self) -> str:
        """Return the heading."""
        return f"Stop sharing {self.obj} with {self.part.name}"

    def consequence(self) -> Sequence[str]:
        """Say who loses sight of it."""
        return (f"People who see {self.obj} only through {self.part.name} no longer see it.",)

    def button(self) -> str:
        """Return what the button says."""
        return "Stop sharing"

    def run(self, data: Mapping[str, Any]) -> str:
        """Hide it."""
        services.unshare_with_team(actor=self.actor, team=self.part, obj=self.obj)
        return f"{self.part.name} no longer sees {self.obj}."


class GuestHereForm(GuestForm):
    """Somebody without a role in the subaccount, and what they may do."""

    person = OfferedField(label="Person")
    field_order = ("person", "permissions", "ends_at")

    def prepare(self, verb: Any) -> None:
        """Offer people and permissions."""
        super().prepare(verb)
        offer(self, "person", [(str(p.pk), label_of(p)) for p in verb.people()])


class GuestHere(PreviewedVerb):
    """Give somebody guest access to this one thing."""

    name = "guest"
    label = _("Give guest access…")
    form_class = GuestHereForm

    @property
    def target(self) -> Any:
        """Return the object."""
        return self.obj

    def people(self) -> list[Any]:
        """Return who may become a guest: people of the account without a role there."""
        _root, place = registry.of(self.obj).locate(self.obj)
        working = Membership.objects.filter(selectors.works_in(place), account=self.desk.account)
        found = (
            people_in(self.desk)
            .exclude(pk__in=(self.actor.pk, self.desk.account.owner_id))
            .exclude(pk__in=working.values("user"))
        )
        people = list(found.order_by(*words.by_name()))
        self.desk.glance.look_up([person.pk for person in people])
        return [person for person in people if self.desk.offers.may_be_guest(person, place)]

    def refusal(self) -> str:
        """Refuse without the right to manage people there, or with nobody left."""
        _root, place = registry.of(self.obj).locate(self.obj)
        if not sees_people(self.desk) or not self.desk.glance.may(
            self.desk.edition.changes_subaccount, {place}
        ):
            return (
                f"You cannot give guest access to {self.obj}: it needs Add and edit people there, "
                "which you do not hold."
            )
        if getattr(self.obj, "is_archived", False):
            return f"{self.obj} is archived. Restore it first."
        if not self.people():
            return (
                f"Nobody can be a guest of {self.obj}: everybody you see has a role there already."
            )
        return ""

    def title(self) -> str:
        """Return the heading."""
        return f"Give guest access to {self.obj}"

    def consequence(self) -> Sequence[str]:
        """Say what a guest is."""
        return (
            f"A guest views and edits what is ticked here, of {self.obj} and nothing else.",
            "Guest access works while the person has an active place in the account.",
        )

    def button(self) -> str:
        """Return what the button says."""
        return "Give guest access"

    def run(self, data: Mapping[str, Any]) -> str:
        """Give it."""
        person = chosen_from(people_in(self.desk), [data["person"]], "person")[0]
        services.give_guest_access(
            actor=self.actor,
            user=person,
            obj=self.obj,
            permissions=data["permissions"],
            ends_at=data["ends_at"],
        )
        return f"{label_of(person)} is a guest of {self.obj} now."
