"""The form of a role: what it is called, and the table of what is ticked."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django import forms
from django.http import HttpResponse

from permissions.admin import Verb, VerbForm
from permissions.admin.verbs import render
from permissions.errors import Refused
from teams import selectors
from teams.admin import matrix, ticks
from teams.admin.forms import OfferedField, OfferedSet, offer
from teams.admin.matrix import Head
from teams.admin.previews import PreviewedVerb
from teams.admin.refusal import helpers
from teams.catalogue import CATALOGUE
from teams.roles import with_needed

#: the button that shows the form again, to compare it with another role
COMPARE = "show_compared"


class RoleForm(VerbForm):
    """Name, description and ticks of a role, beside those of another one."""

    name = forms.CharField(
        label="Name",
        strip=False,
        max_length=200,
        widget=forms.TextInput(attrs={"class": "vTextField", "autocomplete": "off"}),
    )
    compare = OfferedField(label="Compare with", required=False)
    description = forms.CharField(
        label="Description", required=False, widget=forms.Textarea(attrs={"rows": 2})
    )
    permissions = OfferedSet(label="Permissions", required=False)

    def prepare(self, verb: Verb) -> None:
        """Begin with what the role is, or the one it is copied from."""
        editor = _editor(verb)
        start = editor.start
        self.fields["name"].initial = start.name
        self.fields["description"].initial = start.description
        self.fields["permissions"].initial = sorted(start.ticked)
        custom = editor.custom
        offer(
            self, "permissions", [(str(p), str(p.label)) for p in CATALOGUE if p in custom.tickable]
        )
        others = [(head.key, head.name) for head in editor.heads if head.key != editor.own_key]
        offer(self, "compare", [("", "No other role"), *others])
        self.fields["compare"].initial = start.compare

    def clean_compare(self) -> str:
        """Refuse what is no role of this account."""
        key: str = self.cleaned_data["compare"]
        if key and key not in {head.key for head in _editor(self.verb).heads}:
            raise forms.ValidationError("There is no such role in this account. Choose another.")
        return key

    @cached_property
    def asked(self) -> list[str]:
        """Return what is ticked in the form."""
        if self.is_bound:
            return [str(one) for one in self["permissions"].value() or ()]
        found: list[str] = self.fields["permissions"].initial
        return found

    @property
    def pair(self) -> list[Any]:
        """Return the two fields that stand beside each other."""
        return [self["name"], self["compare"]]

    @property
    def compared(self) -> Head | None:
        """Return the role beside this one."""
        key = self["compare"].value() or ""
        return next((head for head in _editor(self.verb).heads if head.key == key), None)

    @property
    def areas(self) -> list[ticks.Ticks]:
        """Return the table: what was ticked, and what had to be ticked along."""
        editor = _editor(self.verb)
        known = [name for name in self.asked if name in editor.custom.tickable]
        if editor.closed:
            known = sorted(editor.start.ticked)
        on = with_needed(known)
        return ticks.ticks(
            editor.desk.edition,
            editor.custom,
            on=on,
            before=editor.start.before,
            along=ticks.ticked_along(known, on),
            locked=editor.locked,
            beside=self.compared,
            is_closed=bool(editor.closed),
        )


@dataclass(frozen=True, slots=True)
class Start:
    """What the editor begins with; ``before`` is what was ticked, to mark what changes.

    ``left_out`` is what a copy lacks because the actor may not put it in.
    """

    name: str = ""
    description: str = ""
    ticked: Collection[str] = ()
    before: Collection[str] = ()
    compare: str = ""
    left_out: Sequence[str] = ()


class RoleEditor(PreviewedVerb):
    """A verb whose form is the table of ticks."""

    form_class = RoleForm
    template = "teams/console/role_edit.html"
    compare_button = COMPARE

    @property
    def custom(self) -> Any:
        """Return what a custom role of the edition may be made of."""
        return self.desk.edition.custom_roles

    @cached_property
    def heads(self) -> list[Head]:
        """Return every role of the account."""
        desk = self.desk
        return matrix.heads(desk.edition, selectors.custom_roles_of(desk.account))

    @property
    def own_key(self) -> str:
        """Return how the columns call the role that is edited."""
        return f"custom:{self.obj.pk}" if self.obj is not None else ""

    @property
    @abstractmethod
    def start(self) -> Start:
        """Return what the form begins with."""

    @cached_property
    def locked(self) -> Mapping[str, str]:
        """Return what the actor may not put into a role, and why."""
        return self.desk.offers.tick_refusals(self.obj)

    @cached_property
    def closed(self) -> str:
        """Return why the actor may change nothing of what is ticked; empty if they may."""
        return ""

    @cached_property
    def helpers(self) -> list[Any]:
        """Return who could put in what is locked: whoever owns the account."""
        return helpers(self.desk, ()) if self.locked else []

    def ticked(self, data: Mapping[str, Any]) -> list[str]:
        """Return what is to be ticked: what was chosen, and what that needs."""
        return sorted(with_needed(data["permissions"]))

    def along(self, data: Mapping[str, Any]) -> list[str]:
        """Say what was ticked along, a sentence each."""
        found = ticks.ticked_along(data["permissions"], self.ticked(data))
        return [
            f"{ticks.label(name)} is ticked along: {what} "
            f"{'need' if ' and ' in what else 'needs'} it."
            for name, what in found.items()
        ]

    @property
    def only_compares(self) -> bool:
        """Say whether the form was sent only to be shown beside another role."""
        return COMPARE in self.request.POST

    def compared(self) -> HttpResponse:
        """Return the form beside another role. Raises Refused to whoever is shown no form."""
        if reason := self.refusal():
            raise Refused(reason)
        return render(self, RoleForm(self, self.request.POST))


def _editor(verb: Verb) -> RoleEditor:
    if not isinstance(verb, RoleEditor):
        raise TypeError(f"{verb.name} edits no role")
    return verb
