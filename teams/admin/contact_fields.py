"""The fields that a subaccount's contacts have: the list of them, and what may be done."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _

from permissions import access
from permissions.admin import BulkVerb, Verb, VerbForm
from teams import services
from teams.admin import words
from teams.admin.base import ConsoleAdmin
from teams.admin.forms import OfferedField, offer
from teams.admin.resources import PlaceFilter, ResourceAdmin
from teams.admin.site import console
from teams.admin.work import CreateWork, WorkVerb, lacks
from teams.catalogue import ACCESS_AUDIENCE, DELETE_CONTACTS
from teams.models import CustomField
from teams.services.contacts import sees_all
from teams.services.custom_fields import is_used

KINDS = [(kind.value, str(kind.label)) for kind in CustomField.Kind]


class LabelForm(VerbForm):
    """A name."""

    label = forms.CharField(
        label="Name", strip=False, widget=forms.TextInput(attrs={"class": "vTextField"})
    )

    def prepare(self, verb: Any) -> None:
        """Begin with the name it has."""
        if verb.obj is not None:
            self.fields["label"].initial = verb.obj.label


class CreateForm(LabelForm):
    """A name and a type."""

    kind = OfferedField(label="Type", initial=CustomField.Kind.TEXT)

    def prepare(self, verb: Any) -> None:
        """Offer the types."""
        super().prepare(verb)
        offer(self, "kind", KINDS)


class CreateField(CreateWork):
    """Give the contacts of a subaccount one more field."""

    name = "create"
    label = _("Add field")
    permission = ACCESS_AUDIENCE
    noun = "contact field"
    form_class = CreateForm

    def consequence(self) -> Sequence[str]:
        """Say what comes of it."""
        return (
            f"Every contact of {self.part.name} has the field, empty at first. Its type stays "
            "as it is chosen now.",
        )

    def make(self, data: Mapping[str, Any]) -> Any:
        """Create it."""
        return services.create_field(
            actor=self.actor, subaccount=self.part, label=data["label"], kind=data["kind"]
        )


class FieldVerb(WorkVerb):
    """A verb about a field, which has no archive."""

    permission = ACCESS_AUDIENCE
    obj: CustomField

    def refusal(self) -> str:
        """Refuse without the permission, and for what is in the way."""
        if not access.allows(self.actor, self.permission, self.obj):
            return lacks(self.permission, f"{self.act} {self.obj}", self.obj.subaccount.name)
        return self.obstacle()


class RenameField(FieldVerb):
    """Give it another name."""

    name = "rename"
    label = _("Rename…")
    act = "rename"
    form_class = LabelForm

    def title(self) -> str:
        """Return the heading."""
        return f"Rename {self.obj}"

    def consequence(self) -> Sequence[str]:
        """Say what stays."""
        return ("Only the name changes: values and rules of segments stay.",)

    def button(self) -> str:
        """Return what the button says."""
        return "Rename field"

    def run(self, data: Mapping[str, Any]) -> str:
        """Rename it."""
        before = self.obj.label
        made = services.rename_field(actor=self.actor, field=self.obj, label=data["label"])
        return f"{before} is called {made} now."


class DeleteField(FieldVerb):
    """Remove it from every contact."""

    name = "delete"
    label = _("Delete…")
    act = "delete"
    is_danger = True

    def obstacle(self) -> str:
        """Refuse where part of every contact would go that one may not delete or not see, and
        while a segment asks for it."""
        desk, place = self.desk, self.obj.subaccount
        if not desk.holds(DELETE_CONTACTS, place.pk):
            return lacks(DELETE_CONTACTS, f"delete {self.obj}", place.name)
        if not sees_all(desk.profile, desk.account.pk, place.pk):
            return f"You cannot delete {self.obj}: you see some contacts of {place.name} only."
        if is_used(self.obj):
            return f"{self.obj} is used by a rule of a segment."
        return ""

    def title(self) -> str:
        """Return the heading."""
        return f"Delete {self.obj}"

    def consequence(self) -> Sequence[str]:
        """Say what goes."""
        place = self.obj.subaccount.name
        return (
            f"Every contact of {place} loses what it has in {self.obj}. This cannot be undone.",
        )

    def run(self, data: Mapping[str, Any]) -> str:
        """Delete it."""
        label = str(self.obj)
        count = services.delete_field(actor=self.actor, field=self.obj)
        return f"{label} was deleted; {count} contact{'' if count == 1 else 's'} had a value in it."


@admin.register(CustomField, site=console)
class CustomFieldAdmin(ResourceAdmin):
    """The fields by name."""

    view_permission = ACCESS_AUDIENCE
    menu_label = "Contact fields"
    menu_icon = "settings"
    menu_order = 43
    page_template = "teams/console/field.html"
    empty_text = "There is no field yet beyond name and address. Add one."

    list_display: Any = ("label", "kind_cell", "place_cell", "created_cell")
    list_filter: ClassVar[Any] = (PlaceFilter,)
    search_fields = ("label",)
    ordering: ClassVar[Any] = ("label", "pk")
    sortable_by = ("label", "created_cell")
    verbs: tuple[type[Verb], ...] = (CreateField, RenameField, DeleteField)
    bulk_verbs: tuple[type[BulkVerb], ...] = ()

    def menu_name(self, request: HttpRequest) -> str:
        """Call them fields in every edition."""
        return str(self.menu_label)

    def get_queryset(self, request: HttpRequest) -> Any:
        """Load the subaccount's name with the list."""
        return ConsoleAdmin.get_queryset(self, request).select_related("subaccount")

    @admin.display(description="Type", ordering="kind")
    def kind_cell(self, obj: Any) -> str:
        """Return the type."""
        return str(obj.get_kind_display())

    def object_view(
        self, request: HttpRequest, obj: Any, extra_context: dict[str, Any]
    ) -> HttpResponse:
        """Show what it is."""
        context = {
            "title": str(obj),
            "facts": [
                ("Type", obj.get_kind_display()),
                ("Short name", obj.codename),
                ("Subaccount", obj.subaccount.name),
                ("Created", words.when(obj.created_at)),
            ],
            "verbs": self.offered(request, obj),
        }
        return self.page(request, obj, context)
