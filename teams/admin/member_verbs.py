"""Verbs about a person's places and roles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from django.utils.translation import gettext_lazy as _

from permissions.admin import VerbForm, row_of
from permissions.audit import label_of
from permissions.errors import Invalid
from teams import services
from teams.admin import words
from teams.admin.forms import EndField, OfferedField, OfferedSet, offer, role_of
from teams.admin.key_verbs import lost_keys
from teams.admin.person_seats import switch_rows
from teams.admin.persons import seen_memberships
from teams.admin.previews import AboutPerson
from teams.models import Membership


class MembershipVerb(AboutPerson):
    """A verb about one membership of the person."""

    is_part = True
    part_type = Membership
    part: Membership

    def find(self, key: str) -> Any:
        """Return the membership, if the reader sees it and it is this person's."""
        return row_of(seen_memberships(self.desk).filter(user=self.obj), key)

    def refusal(self) -> str:
        """Return why the services would refuse to touch this membership."""
        return self.desk.offers.refusal(self.part)

    @property
    def name_of(self) -> str:
        """Return the person's name."""
        return label_of(self.obj)

    @property
    def place(self) -> str:
        """Return where the membership counts."""
        return words.place_label(self.desk, self.part)

    @property
    def role_name(self) -> str:
        """Return the role's name."""
        return words.role_label(self.desk, self.part)


class ChangeRoleForm(VerbForm):
    """One of the roles that may be given there."""

    role = OfferedField(label="Role")

    def prepare(self, verb: Any) -> None:
        """Offer the roles the services would let the actor give this person there."""
        membership = verb.part
        roles = verb.desk.offers.roles(subaccount=membership.subaccount, person=membership.user)
        now = membership.role or f"custom:{membership.custom_role_id}"
        offer(self, "role", [choice for choice in roles if choice[0] != now])


class ChangeRole(MembershipVerb):
    """Give another role in the same place."""

    name = "role"
    label = _("Change role…")
    form_class = ChangeRoleForm

    def title(self) -> str:
        """Return the heading."""
        return f"Change the role of {self.name_of}"

    def consequence(self) -> Sequence[str]:
        """Say what the change takes along."""
        return (
            f"{self.name_of} is {self.role_name} of {self.place} now. The new role counts from "
            "the next click, in place of the old one.",
            "Optional permissions that the new role does not admit are switched off for good.",
        )

    def button(self) -> str:
        """Return what the button says."""
        return "Change role"

    def refusal(self) -> str:
        """Refuse where there is no other role, or the actor may not choose anybody's."""
        edition, level = self.desk.edition, self.part.is_account_level
        levels = [r.account_level if level else r.subaccount_level for r in edition.roles]
        if sum(levels) < 2 and edition.custom_roles is None:
            return f"{self.role_name} is the only role there is at this level."
        if self.part.subaccount is not None and self.part.subaccount.is_archived:
            return f"{self.part.subaccount.name} is archived. Restore it first."
        needed = self.desk.edition.gives_roles
        places = {self.part.subaccount_id} if self.part.subaccount_id else self.desk.place_names
        if needed and not self.desk.glance.may(needed, places):
            return "You cannot change this role: that needs the right to manage roles there."
        return super().refusal()

    def run(self, data: Mapping[str, Any]) -> str:
        """Change it."""
        role = role_of(self.desk.account, data["role"])
        changed = services.change_role(actor=self.actor, membership=self.part, role=role)
        return f"{self.name_of} is {words.role_label(self.desk, changed)} of {self.place} now."


class Suspend(MembershipVerb):
    """Switch a membership off, keeping it."""

    name = "suspend"
    label = _("Suspend…")

    def refusal(self) -> str:
        """Refuse if it is off already."""
        if self.part.status != Membership.Status.ACTIVE:
            return f"{self.name_of} is suspended there already."
        return super().refusal()

    def title(self) -> str:
        """Return the heading."""
        return f"Suspend {self.name_of} in {self.place}"

    def consequence(self) -> Sequence[str]:
        """Say what stays."""
        return (
            f"{self.name_of} loses the role {self.role_name} and its optional permissions there at "
            "the next click. Both come back when you reactivate the role.",
        )

    def button(self) -> str:
        """Return what the button says."""
        return f"Suspend {self.name_of}"

    def run(self, data: Mapping[str, Any]) -> str:
        """Suspend."""
        services.suspend_member(actor=self.actor, membership=self.part)
        return f"{self.name_of} is suspended in {self.place}."


class Reactivate(MembershipVerb):
    """Switch a suspended membership on again."""

    name = "reactivate"
    label = _("Reactivate…")

    def refusal(self) -> str:
        """Refuse if it is on."""
        if self.part.status != Membership.Status.SUSPENDED:
            return f"{self.name_of} is not suspended there."
        return super().refusal()

    def title(self) -> str:
        """Return the heading."""
        return f"Reactivate {self.name_of} in {self.place}"

    def consequence(self) -> Sequence[str]:
        """Say what comes back."""
        return (
            f"{self.name_of} is {self.role_name} of {self.place} again, with the optional "
            "permissions that were on when the role was suspended.",
        )

    def button(self) -> str:
        """Return what the button says."""
        return f"Reactivate {self.name_of}"

    def run(self, data: Mapping[str, Any]) -> str:
        """Reactivate."""
        services.reactivate_member(actor=self.actor, membership=self.part)
        return f"{self.name_of} is {self.role_name} of {self.place} again."


class Remove(MembershipVerb):
    """Take a membership away for good."""

    name = "remove"
    label = _("Remove…")
    is_danger = True

    def title(self) -> str:
        """Return the heading."""
        return f"Remove {self.name_of} from {self.place}"

    def consequence(self) -> Sequence[str]:
        """Say what goes, and when the rest goes with it."""
        return (
            f"{self.name_of} loses the role {self.role_name} and its optional permissions there. "
            "This cannot be undone; to suspend keeps them.",
            "If this is the last place, guest access and teams in "
            f"{self.desk.account.name} go too. The login stays and belongs to {self.name_of}.",
            *lost_keys(self.desk, self.part, self.name_of),
        )

    def button(self) -> str:
        """Return what the button says."""
        return self.title()

    def run(self, data: Mapping[str, Any]) -> str:
        """Remove."""
        place = self.place
        services.remove_member(actor=self.actor, membership=self.part)
        return f"{self.name_of} was removed from {place}."


class SwitchForm(VerbForm):
    """The switches of one membership: ``shown`` were there to be set, ``on`` were left on.

    ``ends_at`` is about those that are switched on.
    """

    shown = OfferedSet(required=False)
    on = OfferedSet(required=False)
    ends_at = EndField()


class SwitchToggles(MembershipVerb):
    """Switch optional permissions on and off."""

    name = "switch"
    label = _("Save switches")
    form_class = SwitchForm
    template = "teams/console/switches.html"

    def title(self) -> str:
        """Return the heading."""
        return f"Optional permissions of {self.name_of} in {self.place}"

    def button(self) -> str:
        """Return what the button says."""
        return "Save switches"

    def rows(self) -> list[Any]:
        """Return the switches as they are."""
        return switch_rows(self.desk, self.part)

    def chosen(self) -> list[Any]:
        """Return the switches for the page: as they were posted, if they were."""
        if self.request.method != "POST":
            return self.rows()
        on = self.request.POST.getlist("on")
        shown = {*self.request.POST.getlist("shown"), *on}
        return [
            replace(row, is_on=row.codename in on) if row.codename in shown else row
            for row in self.rows()
        ]

    def refusal(self) -> str:
        """Refuse if every switch is locked."""
        rows = self.rows()
        if all(row.is_locked for row in rows):
            return rows[0].note if rows else "There are no optional permissions for this role."
        return ""

    def run(self, data: Mapping[str, Any]) -> str:
        """Switch what differs, all of it or nothing."""
        spec = {t.codename: t for t in self.desk.edition.toggles}
        now = {row.codename: row.is_on for row in self.rows()}
        moved: dict[str, bool] = {}
        for toggle in dict.fromkeys([*data["shown"], *data["on"]]):
            wanted = toggle in data["on"]
            if now.get(toggle) is not wanted:
                moved[toggle] = wanted
        if not moved:
            raise Invalid("No switch was moved, so nothing was changed.", code="ALREADY_SO")
        services.set_toggles(
            actor=self.actor, membership=self.part, switches=moved, ends_at=data["ends_at"]
        )
        done = [f"{spec[toggle].label} is {'on' if on else 'off'}" for toggle, on in moved.items()]
        return f"{words.listed(done)} for {self.name_of} in {self.place}."


MEMBER_VERBS = (ChangeRole, SwitchToggles, Suspend, Reactivate, Remove)
