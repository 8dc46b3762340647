"""Verbs about a team itself: made, renamed, put away; and what every verb about one asks first."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from permissions.admin import VerbForm
from permissions.errors import Refused
from teams import selectors, services
from teams.admin.base import ConsoleVerb
from teams.admin.forms import NameForm, OfferedField, chosen_from, offer
from teams.admin.previews import PreviewedVerb
from teams.catalogue import MANAGE_TEAMS
from teams.models import Team
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


@contextmanager
def together(verb: ConsoleVerb) -> Iterator[None]:
    """Carry several calls out in one transaction; a refusal is recorded once, after it."""
    try:
        with transaction.atomic():
            yield
    except Refused as refusal:
        verb.admin.on_refused(verb.request, refusal, verb.name)
        raise
