"""Verbs about what a team was given: lists and templates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.utils.translation import gettext_lazy as _

from permissions.admin import VerbForm
from teams import services
from teams.admin import words
from teams.admin.forms import OfferedSet, offer
from teams.admin.previews import PreviewedVerb
from teams.admin.team_things import OFFERED, Thing, may_assign, thing_of, things_of, things_to_give
from teams.admin.team_verbs import TeamVerb, together


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
