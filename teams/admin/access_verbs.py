"""Verbs about a person's guest access and teams."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.utils.translation import gettext_lazy as _

from permissions import access
from permissions.admin import VerbForm, row_of
from permissions.audit import label_of
from permissions.resources import registry
from teams import selectors, services
from teams.admin.forms import EndField, OfferedField, OfferedSet, chosen_from, offer
from teams.admin.person_access import Guest, guest_rows, team_rows
from teams.admin.previews import AboutPerson
from teams.catalogue import CATALOGUE, MANAGE_TEAMS
from teams.models import Subaccount, TeamMembership


class GuestForm(VerbForm):
    """What the guest may do, and until when."""

    permissions = OfferedSet(label="May")
    ends_at = EndField()

    def prepare(self, verb: Any) -> None:
        """Offer what may be given on the object and the actor holds there."""
        target = verb.target
        resource = registry.of(target)
        given = [
            (str(permission), CATALOGUE[permission].label)
            for permission in CATALOGUE
            if permission in resource.guest
            and verb.desk.profile.decide(permission, resource, target).allowed
        ]
        offer(self, "permissions", given)


class GiveGuestAccess(AboutPerson):
    """Let the person view or edit in a subaccount where they have no role."""

    name = "guest"
    label = _("Give guest access…")
    choose = True
    form_class = GuestForm
    part: Subaccount

    @property
    def target(self) -> Subaccount:
        """Return the subaccount."""
        return self.part

    def find(self, key: str) -> Any:
        """Return the subaccount, if the actor works in it."""
        own = selectors.subaccounts_of(self.actor).filter(account=self.desk.account)
        return row_of(own, key)

    def prompt(self) -> str:
        """Return the heading of the first page."""
        return f"Where should {label_of(self.obj)} be a guest?"

    def options(self) -> Sequence[tuple[str, str, str]]:
        """Return the subaccounts where the actor manages people and the person has no role."""
        tenant = access.profile_of(self.obj).tenants.get(self.desk.account.pk)
        if tenant is None or not tenant.standing.holdings:
            return ()  # guest access needs an active place to begin with
        return [
            (str(place.pk), place.name, "")
            for place in self.desk.active
            if self.desk.glance.may(self.desk.edition.changes_subaccount, {place.pk})
            and self.desk.offers.may_be_guest(self.obj, place.pk)
        ]

    def refusal(self) -> str:
        """Refuse for oneself, for the owner, and where nothing is left to give."""
        if self.obj.pk == self.actor.pk:
            return "You cannot make yourself a guest: nobody changes their own rights."
        if self.obj.pk == self.desk.account.owner_id:
            return "You cannot make the owner a guest: the owner holds everything already."
        if not self.options():
            return (
                f"You cannot give {label_of(self.obj)} guest access: there is no subaccount where "
                "you manage people and they, who need an active place, have no role yet."
            )
        return ""

    def title(self) -> str:
        """Return the heading."""
        return f"Give {label_of(self.obj)} guest access to {self.part.name}"

    def consequence(self) -> Sequence[str]:
        """Say what a guest is."""
        return (
            "A guest views and edits what is ticked here, and nothing else: no sending, "
            "approving, exporting, deleting, and no people.",
            "Guest access works while the person has an active place in the account.",
        )

    def button(self) -> str:
        """Return what the button says."""
        return "Give guest access"

    def run(self, data: Mapping[str, Any]) -> str:
        """Give it."""
        services.give_guest_access(
            actor=self.actor,
            user=self.obj,
            obj=self.part,
            permissions=data["permissions"],
            ends_at=data["ends_at"],
        )
        return f"{label_of(self.obj)} is a guest of {self.part.name} now."


class WithdrawGuestAccess(AboutPerson):
    """Take guest access to one object away."""

    name = "withdraw"
    label = _("Withdraw…")
    is_part = True
    part_type = Guest
    is_danger = True

    def find(self, key: str) -> Any:
        """Return the guest access on the page that ``key`` names."""
        return next((row for row in guest_rows(self.desk, self.obj) if row.key == key), None)

    def key(self) -> str:
        """Return how the address names it."""
        return str(self.part.key)

    def refusal(self) -> str:
        """Refuse whatever the service would."""
        _root, place = registry.of(self.part.obj).locate(self.part.obj)
        return self.desk.offers.guest_refusal(
            self.obj, place, f"withdraw guest access to {self.part.name}"
        )

    def title(self) -> str:
        """Return the heading."""
        return f"Withdraw guest access to {self.part.name} from {label_of(self.obj)}"

    def consequence(self) -> Sequence[str]:
        """Say what is lost."""
        return (f"{label_of(self.obj)} no longer holds {', '.join(self.part.labels)} there.",)

    def button(self) -> str:
        """Return what the button says."""
        return "Withdraw guest access"

    def run(self, data: Mapping[str, Any]) -> str:
        """Withdraw it."""
        services.withdraw_guest_access(actor=self.actor, user=self.obj, obj=self.part.obj)
        return f"{label_of(self.obj)} no longer has guest access to {self.part.name}."


class TeamForm(VerbForm):
    """One of the account's teams."""

    team = OfferedField(label="Team")
    ends_at = EndField()

    def prepare(self, verb: Any) -> None:
        """Offer the teams the person is not in."""
        offer(self, "team", [(str(pk), name) for pk, name in verb.free_teams()])


class JoinTeam(AboutPerson):
    """Put the person into a team."""

    name = "join"
    label = _("Add to a team…")
    form_class = TeamForm

    def free_teams(self) -> list[tuple[int, str]]:
        """Return the teams the person is not in."""
        free = selectors.teams_of(self.desk.account).exclude(memberships__user=self.obj)
        return list(free.values_list("pk", "name"))

    def refusal(self) -> str:
        """Refuse where there are no teams, or the actor does not manage them."""
        if not self.desk.edition.has_teams:
            return f"{self.desk.edition.label} has no teams."
        if not self.desk.holds(MANAGE_TEAMS):
            return "You cannot manage teams: none of your roles includes Manage teams."
        if self.obj.pk == self.actor.pk:
            return "You cannot put yourself into a team: nobody changes their own rights."
        if self.obj.pk == self.desk.account.owner_id:
            return "You cannot put the owner into a team: the owner sees everything already."
        if reason := self.desk.offers.team_refusal(self.obj):
            return reason
        if not self.free_teams():
            return f"{label_of(self.obj)} is in every team there is."
        return ""

    def title(self) -> str:
        """Return the heading."""
        return f"Add {label_of(self.obj)} to a team"

    def consequence(self) -> Sequence[str]:
        """Say what a team gives."""
        return (
            "The person comes to see the lists and templates shared with the team, wherever one "
            "of their roles lets them work with lists and templates.",
        )

    def button(self) -> str:
        """Return what the button says."""
        return "Add to team"

    def run(self, data: Mapping[str, Any]) -> str:
        """Add."""
        own = selectors.teams_of(self.desk.account)
        team = chosen_from(own, [data["team"]], "team")[0]
        services.add_to_team(actor=self.actor, team=team, user=self.obj, ends_at=data["ends_at"])
        return f"{label_of(self.obj)} is in {team.name} now."


class LeaveTeam(AboutPerson):
    """Take the person out of a team."""

    name = "leave"
    label = _("Take out…")
    is_part = True
    part_type = TeamMembership

    def find(self, key: str) -> Any:
        """Return the team membership, if the reader may see it."""
        return next((row for row in team_rows(self.desk, self.obj) if str(row.pk) == key), None)

    def refusal(self) -> str:
        """Refuse unless the actor manages teams."""
        if self.obj.pk == self.actor.pk or not self.desk.holds(MANAGE_TEAMS):
            return "You cannot change this team: that needs Manage teams, and not for oneself."
        return self.desk.offers.team_refusal(self.obj)

    def title(self) -> str:
        """Return the heading."""
        return f"Take {label_of(self.obj)} out of {self.part.team.name}"

    def consequence(self) -> Sequence[str]:
        """Say what is lost."""
        return (
            f"They no longer see what is shared only with {self.part.team.name}, from the next "
            "click.",
        )

    def button(self) -> str:
        """Return what the button says."""
        return self.title()

    def run(self, data: Mapping[str, Any]) -> str:
        """Take them out."""
        services.remove_from_team(actor=self.actor, team=self.part.team, user=self.obj)
        return f"{label_of(self.obj)} is no longer in {self.part.team.name}."


ACCESS_VERBS = (GiveGuestAccess, WithdrawGuestAccess, JoinTeam, LeaveTeam)
