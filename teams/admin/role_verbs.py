"""Verbs about an account's own roles: make one, change it, delete it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import cached_property
from typing import Any

from django import forms
from django.http import Http404, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from permissions.admin import VerbForm
from permissions.catalogue import Permission
from teams import effects, provider, selectors, services
from teams.admin import ticks, words
from teams.admin.forms import OfferedField, offer, role_of
from teams.admin.matrix import Head
from teams.admin.previews import PreviewedVerb, ShownPreview, shown
from teams.admin.role_editor import RoleEditor, Start
from teams.catalogue import CATALOGUE
from teams.differences import Preview
from teams.models import Invitation, Membership, Role
from teams.models.account import TeamMode
from teams.rights import custom_permissions
from teams.roles import ticks_of


def people(count: int) -> str:
    """Return "nobody", "1 person" or "9 people"."""
    if not count:
        return "nobody"
    return f"{count} person" if count == 1 else f"{count} people"


def role_url(role: Any) -> str:
    """Return the address of a custom role's page."""
    return reverse("console:teams_role_change", args=[role.pk])


class CreateRole(RoleEditor):
    """Make a role, from nothing or as a copy of any other."""

    name = "create"
    label = _("New role")
    on_list = True
    is_primary = True
    made: Role | None = None

    def refusal(self) -> str:
        """Refuse whoever may not make roles."""
        return self.desk.offers.composing_refusal()

    @cached_property
    def copied(self) -> Head | None:
        """Return the role to copy. Raises Http404 for one that is not there."""
        key = self.request.GET.get("copy", "")
        found = next((head for head in self.heads if head.key == key), None)
        if key and found is None:
            raise Http404
        return found

    @cached_property
    def start(self) -> Start:
        """Begin with nothing, or with the copy."""
        head = self.copied
        if head is None:
            return Start()
        wanted = ticks.copied(self.desk.edition, head)
        left_out = [p for p in CATALOGUE if p in wanted and p in self.locked]
        return Start(
            name=f"Copy of {head.name}"[:80],
            description=head.custom.description if head.custom else "",
            ticked=wanted - set(left_out),
            compare=head.key,
            left_out=[str(p.label) for p in left_out],
        )

    def title(self) -> str:
        """Return the heading."""
        return "New role"

    def consequence(self) -> Sequence[str]:
        """Say what a copy lacks, and that nobody has it yet."""
        found = ["Nobody holds a new role until somebody gives it to them."]
        if self.start.left_out:
            found.append(
                f"Left out, for you do not hold it: {words.listed([*self.start.left_out])}."
            )
        return found

    def button(self) -> str:
        """Return what the button says."""
        return "Create role"

    def preview(self, data: Mapping[str, Any]) -> ShownPreview | None:
        """Nobody holds it: nobody gains or loses."""
        return None

    def run(self, data: Mapping[str, Any]) -> str | HttpResponse:
        """Create it."""
        if self.only_compares:
            return self.compared()
        self.made = services.create_role(
            actor=self.actor,
            account=self.desk.account,
            name=data["name"],
            description=data["description"],
            permissions=self.ticked(data),
        )
        return " ".join([f"{self.made.name} was created.", *self.along(data)])

    def back_url(self) -> str:
        """Return the page of all roles."""
        return reverse("console:roles")

    def next_url(self) -> str:
        """Go to the new role."""
        return role_url(self.made) if self.made else self.back_url()


class HeldRole(PreviewedVerb):
    """A verb that touches whoever holds the role."""

    @cached_property
    def holders(self) -> set[Any]:
        """Return the keys of everybody who holds it."""
        rows = Membership.objects.filter(custom_role=self.obj)
        return set(rows.values_list("user_id", flat=True))

    def touched(self) -> Collection[Any]:
        """Return the keys of everybody who holds it."""
        return self.holders


class EditRole(HeldRole, RoleEditor):
    """Change what a role is called and what it gives, for everybody who holds it."""

    name = "edit"
    label = _("Edit…")
    is_primary = True

    def refusal(self) -> str:
        """Refuse whoever may not give roles where this one counts."""
        return self.desk.offers.naming_refusal(self.obj)

    @cached_property
    def closed(self) -> str:
        """Return why only its name and description may be changed: it is one's own, or …"""
        return self.desk.offers.role_refusal(self.obj)

    @cached_property
    def start(self) -> Start:
        """Begin with what it is."""
        now = ticks_of(self.desk.edition, self.obj)
        key = self.request.GET.get("compare", "")
        known = key in {head.key for head in self.heads if head.key != self.own_key}
        return Start(self.obj.name, self.obj.description, now, now, key if known else "")

    def title(self) -> str:
        """Return the heading."""
        return f"Edit {self.obj}"

    def button(self) -> str:
        """Return what the button says: with holders, that something is shown first."""
        return "Save…" if self.holders else "Save role"

    def preview(self, data: Mapping[str, Any]) -> ShownPreview | None:
        """Say who gains, who loses, and who keeps what is taken out."""
        if self.only_compares:
            return None
        if self.closed and not data["permissions"]:
            return None
        found = effects.trial(self.desk.account, lambda: self.run(data), people=self.touched())
        keeps = self._keeps(found, self.ticked(data))
        if not found and not keeps:
            return None
        count = len(self.holders)
        return shown(
            self.desk,
            found,
            button=f"Save and apply to {people(count)}" if count else "Save role",
            keeps=keeps,
            everybody=(f"All who hold it: {people(count)}", f"{self.back_url()}#holders")
            if count
            else None,
            notes=self.along(data),
        )

    def _keeps(self, found: Preview, after: Collection[str]) -> dict[Permission, set[Any]]:
        """Return who holds on to what is taken out of the role, by something else they have."""
        custom, now = self.custom, self.start.before
        taken = custom_permissions(custom, now) - custom_permissions(custom, after)
        if not taken:
            return {}
        key = self.desk.account.pk
        profiles = provider.load_profiles(self.holders)
        active = Membership.objects.filter(
            custom_role=self.obj, status=Membership.Status.ACTIVE
        ).values_list("user_id", flat=True)
        kept: dict[Permission, set[Any]] = {}
        for permission in (p for p in CATALOGUE if p in taken):
            losing = {k for k, one in found.differences.items() if permission in one.at.lost}
            kept[permission] = {
                person
                for person in {*active} - losing
                if person in profiles and profiles[person].scope(key, permission)
            }
        return {permission: found for permission, found in kept.items() if found}

    def run(self, data: Mapping[str, Any]) -> str | HttpResponse:
        """Save it."""
        if self.only_compares:
            return self.compared()
        saved = services.edit_role(
            actor=self.actor,
            role=self.obj,
            name=data["name"],
            description=data["description"],
            # without a box that could be ticked nothing is sent, and nothing was meant
            permissions=None if self.closed and not data["permissions"] else self.ticked(data),
        )
        return " ".join([f"{saved.name} was saved.", *self.along(data)])


class DeleteForm(VerbForm):
    """The role that takes its place, where somebody holds it."""

    replacement = OfferedField(label="Give everybody who holds it", required=False)

    def prepare(self, verb: Any) -> None:
        """Offer every other role, where one is needed."""
        if verb.in_use:
            offer(self, "replacement", [("", "Choose a role"), *verb.others()])
        else:
            del self.fields["replacement"]

    def clean_replacement(self) -> str:
        """Ask for one: without it, nothing would take the place of what they hold."""
        chosen: str = self.cleaned_data["replacement"]
        if not chosen:
            raise forms.ValidationError(
                f"{self.verb.obj} is in use. Choose the role that takes its place."
            )
        return chosen


class DeleteRole(HeldRole):
    """Remove a role for good; whoever holds it gets another one in its place."""

    name = "delete"
    label = _("Delete…")
    form_class = DeleteForm
    is_danger = True

    def refusal(self) -> str:
        """Refuse whoever may not change what its holders have."""
        offers = self.desk.offers
        return offers.role_refusal(self.obj) if self.in_use else offers.naming_refusal(self.obj)

    @cached_property
    def offers(self) -> int:
        """Return how many pending invitations offer it."""
        return Invitation.objects.filter(
            custom_role=self.obj, status=Invitation.Status.PENDING
        ).count()

    @property
    def in_use(self) -> bool:
        """Say whether somebody holds it or is invited to it."""
        return bool(self.holders or self.offers)

    def others(self) -> list[tuple[str, str]]:
        """Return (value, label) of every other role that people can be given."""
        desk = self.desk
        is_off = desk.account.team_mode == TeamMode.OFF
        custom = selectors.custom_roles_of(desk.account).exclude(pk=self.obj.pk)
        known = [spec for spec in desk.edition.roles if not (is_off and spec.needs_teams)]
        built_in = [(spec.codename, str(spec.label)) for spec in known]
        return built_in + [(f"custom:{role.pk}", role.name) for role in custom]

    def title(self) -> str:
        """Return the heading."""
        return f"Delete {self.obj}"

    def consequence(self) -> Sequence[str]:
        """Say what becomes of those who hold it."""
        if not self.in_use:
            return ("Nobody holds it and nobody is invited to it.", "It is removed for good.")
        found = []
        if self.holders:
            count = len(self.holders)
            found.append(
                f"{people(count)} {'holds' if count == 1 else 'hold'} it and "
                f"{'gets' if count == 1 else 'get'} the role you choose in its place."
            )
        if self.offers:
            count = self.offers
            found.append(
                f"{count} pending invitation{'' if count == 1 else 's'} to it "
                f"{'offers' if count == 1 else 'offer'} that role instead."
            )
        return (*found, "It is removed for good.")

    def button(self) -> str:
        """Return what the button says: in use, that something is shown first."""
        return f"Delete {self.obj}…" if self.holders else f"Delete {self.obj}"

    def confirm_button(self, found: Preview) -> str:
        """Return what the button says under a preview."""
        count = len(self.holders)
        return f"Give {people(count)} another role and delete {self.obj}"

    def run(self, data: Mapping[str, Any]) -> str:
        """Give its holders the other role, and delete it."""
        name, count = str(self.obj), len(self.holders)
        chosen = data.get("replacement") or None
        replacement = role_of(self.desk.account, chosen) if chosen else None
        # a copy: what deletes a row takes its key away, and the page still asks for it
        role = Role.objects.get(pk=self.obj.pk)
        services.delete_role(actor=self.actor, role=role, replacement=replacement)
        if not count:
            return f"{name} was deleted."
        label = dict(self.others()).get(str(chosen), "another role")
        return f"{name} was deleted. {people(count)} {'has' if count == 1 else 'have'} {label} now."


ROLE_VERBS = (CreateRole, EditRole, DeleteRole)
