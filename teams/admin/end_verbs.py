"""Verbs that move the end of something: a role, a switch, guest access, a place in a team."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from permissions import grants
from permissions.admin import VerbForm
from permissions.audit import label_of
from teams import services
from teams.admin import words
from teams.admin.access_verbs import LeaveTeam, WithdrawGuestAccess
from teams.admin.base import ConsoleVerb
from teams.admin.forms import EndField
from teams.admin.guest_verbs import Visitor, WithdrawHere
from teams.admin.member_verbs import MembershipVerb
from teams.admin.person_seats import SwitchRow, switch_rows, with_toggles
from teams.admin.persons import seen_memberships
from teams.models import TeamMembership


class EndForm(VerbForm):
    """The last day, or none."""

    ends_at = EndField()

    def prepare(self, verb: Any) -> None:
        """Begin with the end it has."""
        if verb.end is not None:
            self.fields["ends_at"].initial = timezone.localtime(verb.end).date()


class EndVerb(ConsoleVerb):
    """A verb that moves one end; the services judge a later one as a grant."""

    label = _("Change end…")
    is_part = True
    is_danger = False
    form_class = EndForm

    @property
    def end(self) -> datetime | None:
        """Return when it ends now."""
        found: datetime | None = self.part.ends_at
        return found

    @property
    def person(self) -> Any:
        """Return whose it is."""
        return self.obj

    @property
    @abstractmethod
    def thing(self) -> str:
        """Return what ends, to follow "the"."""

    @abstractmethod
    def move(self, ends_at: datetime | None) -> None:
        """Call the service."""

    def title(self) -> str:
        """Return the heading."""
        return f"Change when the {self.thing} of {label_of(self.person)} ends"

    def consequence(self) -> Sequence[str]:
        """Say when it ends now, and what moving it means."""
        now = timezone.now()
        if self.end is None:
            first = "It does not end by itself now."
        elif self.end <= now:
            first = f"It ended on {words.short_date(self.end)}. A new end wakes it."
        else:
            first = f"It ends on {words.short_date(self.end)} now."
        return (first, "A later end, or none, gives all of it again for the time it adds.")

    def button(self) -> str:
        """Return what the button says."""
        return "Change end"

    def run(self, data: Mapping[str, Any]) -> str:
        """Move it."""
        ends_at = data["ends_at"]
        self.move(ends_at)
        when = f"ends on {words.short_date(ends_at)}" if ends_at else "does not end by itself"
        return f"The {self.thing} of {label_of(self.person)} {when} now."


class ChangeEnd(EndVerb, MembershipVerb):
    """Move the end of a role."""

    name = "end"

    @property
    def thing(self) -> str:
        """Name the role and the place."""
        return f"role {self.role_name} in {self.place}"

    def move(self, ends_at: datetime | None) -> None:
        """Call the service."""
        services.set_end(actor=self.actor, membership=self.part, ends_at=ends_at)


class ChangeSwitchEnd(EndVerb):
    """Move the end of an optional permission that is, or was, switched on."""

    name = "switch-end"
    part_type = SwitchRow
    part: SwitchRow

    def find(self, key: str) -> Any:
        """Return the switch, if the reader sees the membership and it was switched on."""
        seats = with_toggles(seen_memberships(self.desk).filter(user=self.obj))
        rows = [row for seat in seats for row in switch_rows(self.desk, seat) if row.given]
        return next((row for row in rows if row.key == key), None)

    def key(self) -> str:
        """Return how the address names it."""
        return self.part.key

    @property
    def end(self) -> datetime | None:
        """Return when it ends now."""
        found: datetime | None = self.part.given.ends_at
        return found

    @property
    def thing(self) -> str:
        """Name the permission and the place."""
        return f"{self.part.label} in {words.place_label(self.desk, self.part.membership)}"

    def refusal(self) -> str:
        """Return why the services would refuse to touch this membership."""
        return self.desk.offers.refusal(self.part.membership)

    def move(self, ends_at: datetime | None) -> None:
        """Call the service."""
        services.set_toggle_end(
            actor=self.actor,
            membership=self.part.membership,
            toggle=self.part.codename,
            ends_at=ends_at,
        )


class ChangeGuestEnd(EndVerb, WithdrawGuestAccess):
    """Move the end of guest access to one thing."""

    name = "guest-end"

    @property
    def thing(self) -> str:
        """Name what it is access to."""
        return f"guest access to {self.part.name}"

    def move(self, ends_at: datetime | None) -> None:
        """Call the service."""
        services.set_guest_end(actor=self.actor, user=self.obj, obj=self.part.obj, ends_at=ends_at)


class ChangeTeamEnd(EndVerb, LeaveTeam):
    """Move the end of a place in a team."""

    name = "team-end"
    part: TeamMembership

    @property
    def thing(self) -> str:
        """Name the team."""
        return f"place in {self.part.team.name}"

    def move(self, ends_at: datetime | None) -> None:
        """Call the service."""
        services.set_team_end(actor=self.actor, team=self.part.team, user=self.obj, ends_at=ends_at)


class ChangeEndHere(EndVerb, WithdrawHere):
    """Move the end of somebody's guest access, on the page of the thing itself."""

    name = "guest-end"
    part: Visitor

    @property
    def person(self) -> Any:
        """Return the guest."""
        return self.part.person

    @property
    def thing(self) -> str:
        """Name what it is access to."""
        return f"guest access to {self.obj}"

    def refusal(self) -> str:
        """Refuse where the kind of thing keeps no end dates, or whatever the service would."""
        if not grants.is_direct(grants.user_table(self.obj)):
            return f"Access to a {self.obj._meta.verbose_name} has no end date."
        return super().refusal()

    def move(self, ends_at: datetime | None) -> None:
        """Call the service."""
        services.set_guest_end(
            actor=self.actor, user=self.part.person, obj=self.obj, ends_at=ends_at
        )


END_VERBS = (ChangeEnd, ChangeSwitchEnd, ChangeGuestEnd, ChangeTeamEnd)
