"""Mailing lists: what they are, where they are used, and what may be done with them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from permissions import access
from permissions.admin import VerbForm
from permissions.errors import Invalid
from teams import services
from teams.admin import words
from teams.admin.export_verbs import ExportList
from teams.admin.forms import NameForm, OfferedField, offer
from teams.admin.import_verbs import UploadToList
from teams.admin.resources import ResourceAdmin
from teams.admin.site import console
from teams.admin.uses import uses_of
from teams.admin.work import CreateWork, WorkVerb
from teams.catalogue import (
    ACCESS_AUDIENCE,
    CHANGE_LIST_TYPE,
    DELETE_LISTS,
    RENAME_LISTS,
    VIEW_CONTACTS,
)
from teams.models import Contact, MailingList
from teams.services.lists import refuse_deleting

KINDS = [(kind.value, str(kind.label)) for kind in MailingList.Kind]


class CreateListForm(NameForm):
    """A name, and a type for whoever may change it."""

    kind = OfferedField(label="Type", initial=MailingList.Kind.PRIMARY)

    def prepare(self, verb: Any) -> None:
        """Leave out the type for whoever may not change it: a new list is primary."""
        super().prepare(verb)
        if verb.desk.holds(CHANGE_LIST_TYPE, verb.part.pk):
            offer(self, "kind", KINDS)
        else:
            del self.fields["kind"]


class CreateList(CreateWork):
    """Make an empty list."""

    name = "create"
    label = _("Add list")
    permission = ACCESS_AUDIENCE
    noun = "mailing list"
    form_class = CreateListForm

    def consequence(self) -> Sequence[str]:
        """Say who sees it."""
        return (f"The new list is empty. {words.who_sees_new(self.desk, MailingList, self.part)}",)

    def make(self, data: Mapping[str, Any]) -> Any:
        """Create it."""
        kind = data.get("kind") or MailingList.Kind.PRIMARY
        return services.create_list(
            actor=self.actor, subaccount=self.part, name=data["name"], kind=kind
        )


class RenameList(WorkVerb):
    """Give it another name."""

    name = "rename"
    label = _("Rename…")
    act = "rename"
    permission = RENAME_LISTS
    form_class = NameForm

    def title(self) -> str:
        """Return the heading."""
        return f"Rename {self.obj}"

    def consequence(self) -> Sequence[str]:
        """Say what stays."""
        return (f"Only the name changes. The short name stays {self.obj.slug}.",)

    def button(self) -> str:
        """Return what the button says."""
        return "Rename list"

    def run(self, data: Mapping[str, Any]) -> str:
        """Rename it."""
        before = self.obj.name
        made = services.rename_list(actor=self.actor, mailing_list=self.obj, name=data["name"])
        return f"{before} is called {made} now."


class TypeForm(VerbForm):
    """The other type."""

    kind = OfferedField(label="Type")

    def prepare(self, verb: Any) -> None:
        """Offer what it is not."""
        offer(self, "kind", [(value, label) for value, label in KINDS if value != verb.obj.kind])


class ChangeType(WorkVerb):
    """Make it primary or secondary."""

    name = "type"
    label = _("Change type…")
    act = "change the type of"
    permission = CHANGE_LIST_TYPE
    form_class = TypeForm

    def title(self) -> str:
        """Return the heading."""
        return f"Change the type of {self.obj}"

    def consequence(self) -> Sequence[str]:
        """Say what the types are."""
        return (
            f"{self.obj} is a {self.obj.get_kind_display().lower()} list now.",
            "A primary list is one that people subscribe to; a secondary one is derived from it.",
        )

    def button(self) -> str:
        """Return what the button says."""
        return "Change type"

    def run(self, data: Mapping[str, Any]) -> str:
        """Change it."""
        made = services.change_list_type(actor=self.actor, mailing_list=self.obj, kind=data["kind"])
        return f"{made} is a {made.get_kind_display().lower()} list now."


class DeleteList(WorkVerb):
    """Remove it at once, while it is empty and nothing uses it."""

    name = "delete"
    label = _("Delete…")
    act = "delete"
    permission = DELETE_LISTS
    is_danger = True

    def obstacle(self) -> str:
        """Refuse while contacts are on it or something uses it."""
        try:
            refuse_deleting(self.obj)
        except Invalid as error:
            return error.message
        return ""

    def title(self) -> str:
        """Return the heading."""
        return f"Delete {self.obj}"

    def consequence(self) -> Sequence[str]:
        """Say that it is for good."""
        return (
            f"{self.obj} is removed for good. This cannot be undone; to archive keeps it.",
            "Nobody is on it and nothing uses it.",
        )

    def run(self, data: Mapping[str, Any]) -> str:
        """Delete it."""
        label = str(self.obj)
        services.delete_list(actor=self.actor, mailing_list=self.obj)
        return f"{label} was deleted."


@admin.register(MailingList, site=console)
class MailingListAdmin(ResourceAdmin):
    """Mailing lists by name; the contacts on them are not shown."""

    view_permission = ACCESS_AUDIENCE
    menu_area = "audience"
    menu_label = "Audience"
    menu_icon = "audience"
    menu_order = 40
    empty_text = "There is no list yet that you may see. Whoever works with the audience adds one."

    list_display: Any = ("name_cell", "kind_cell", "place_cell", "created_cell")
    verbs = (
        CreateList,
        UploadToList,
        ExportList,
        RenameList,
        ChangeType,
        DeleteList,
        *ResourceAdmin.verbs,
    )

    @admin.display(description="Type", ordering="kind")
    def kind_cell(self, obj: Any) -> str:
        """Return the type."""
        return str(obj.get_kind_display())

    def facts_for(self, request: HttpRequest, obj: Any) -> list[tuple[str, Any]]:
        """Say its type, how many contacts the reader sees on it, and what uses it."""
        return [
            ("Type", self.kind_cell(obj)),
            ("Contacts", self._contacts(request, obj)),
            ("Used by", uses_of(request, obj)),
            *super().facts_for(request, obj),
        ]

    def _contacts(self, request: HttpRequest, obj: Any) -> Any:
        """Return how many contacts on the list the reader may see; a word if none are theirs."""
        if not access.allows(request.user, VIEW_CONTACTS, obj):
            return words.none("Not shown")
        rows: QuerySet[Contact] = Contact.objects.filter(lists=obj, archived_at=None)
        return access.visible(rows, request.user, VIEW_CONTACTS).count()
