"""Verbs about the people of one subaccount."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from permissions.admin import VerbForm
from permissions.audit import label_of
from teams import services
from teams.admin import words
from teams.admin.adding import adding_of
from teams.admin.forms import OfferedField, chosen_from, offer
from teams.admin.persons import sees_people
from teams.admin.place_verbs import AddPerson
from teams.admin.previews import AboutThing
from teams.admin.words import listed
from teams.catalogue import CATALOGUE
from teams.models import Membership, Subaccount


class ContactForm(VerbForm):
    """One of the people who may be the primary contact, or nobody."""

    member = OfferedField(label="Primary contact", required=False)

    def prepare(self, verb: Any) -> None:
        """Offer the members whose role gains by it."""
        rows = verb.candidates()
        now = next((str(m.pk) for m in rows if m.is_primary_contact), "")
        nobody = [("", "Nobody")] if now else []
        offer(self, "member", [*nobody, *((str(m.pk), label_of(m.user)) for m in rows)])
        self.fields["member"].initial = now


class PrimaryContact(AboutThing):
    """Choose the primary contact (Enterprise)."""

    name = "contact"
    label = _("Primary contact…")
    form_class = ContactForm

    def candidates(self) -> list[Membership]:
        """Return the members the actor may choose whose role gains by it, and who it is now."""
        able = [role.codename for role in self.desk.edition.roles if role.contact_adds]
        rows = self.obj.memberships.filter(Q(is_primary_contact=True) | Q(role__in=able))
        found = list(rows.select_related("user").order_by(*words.by_name("user__")))
        self.desk.glance.look_up([m.user_id for m in found])
        refusal = self.desk.offers.contact_refusal
        return [m for m in found if m.is_primary_contact or not refusal(m)]

    def refusal(self) -> str:
        """Refuse where there is no such thing, or nobody to choose."""
        edition = self.desk.edition
        if not edition.has_primary_contact:
            return f"{edition.label} knows no primary contact."
        if self.obj.is_archived:
            return f"{self.obj.name} is archived. Restore it first."
        if not self.desk.glance.may(edition.changes_subaccount, {self.obj.pk}):
            return (
                f"You cannot choose the primary contact of {self.obj.name}: it needs Add and edit "
                "people there, which you do not hold."
            )
        found = self.candidates()
        now = next((m for m in found if m.is_primary_contact), None)
        if now is not None and (reason := self.desk.offers.contact_refusal(now)):
            return reason
        if not found:
            return f"Nobody you manage in {self.obj.name} has a role that can be the contact."
        return ""

    def title(self) -> str:
        """Return the heading."""
        return f"Primary contact of {self.obj.name}"

    def consequence(self) -> Sequence[str]:
        """Say what the contact gains."""
        adds = sorted(
            {str(CATALOGUE[p].label) for role in self.desk.edition.roles for p in role.contact_adds}
        )
        return (
            f"The primary contact gains {listed(adds)} there. Whoever it was before loses them.",
            "Only one person can be the contact, and only a member with the role Full.",
        )

    def button(self) -> str:
        """Return what the button says."""
        return "Save primary contact"

    def run(self, data: Mapping[str, Any]) -> str:
        """Set it."""
        member = None
        if data["member"]:
            rows = self.obj.memberships.select_related("user")
            member = chosen_from(rows, [data["member"]], "member")[0]
        services.set_primary_contact(actor=self.actor, subaccount=self.obj, membership=member)
        if member is None:
            return f"{self.obj.name} has no primary contact now."
        return f"{label_of(member.user)} is the primary contact of {self.obj.name} now."


class AddHere(AddPerson):
    """Give somebody of the account a role in this subaccount."""

    name = "add"
    on_list = False
    choose = False

    @property
    def subaccount(self) -> Subaccount:
        """Return the subaccount the page is about."""
        return cast("Subaccount", self.obj)

    @property
    def place_name(self) -> str:
        """Return its name."""
        return self.subaccount.name

    def refusal(self) -> str:
        """Refuse without the right to manage people there."""
        needed = self.desk.edition.changes_subaccount | self.desk.edition.gives_roles
        if self.obj.is_archived:
            return f"{self.obj.name} is archived. Restore it first."
        if self.obj.is_home:
            return f"People of {self.obj.name} are added to the account, on their own page."
        if not sees_people(self.desk) or not self.desk.glance.may(needed, {self.obj.pk}):
            return (
                f"You cannot add people to {self.obj.name}: it needs Add and edit people there, "
                "which you do not hold."
            )
        if not self.desk.offers.roles(subaccount=self.obj):
            return f"You cannot add people to {self.obj.name}: there is no role you may give."
        if not adding_of(self.desk).keys(self.obj.pk):
            return (
                f"Everybody you see already has a role in {self.obj.name}, or is not below you "
                "there."
            )
        return ""

    def add(self, person: Any, data: Mapping[str, Any]) -> str:
        """Give the role; the page one comes back to says which."""
        super().add(person, data)
        return f"{label_of(person)} has a role in {self.place_name} now."


CREW_VERBS = (AddHere, PrimaryContact)
