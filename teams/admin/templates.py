"""Message templates and the rows saved from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from permissions import access
from teams import services
from teams.admin import words
from teams.admin.base import ConsoleVerb
from teams.admin.content import contents, preview
from teams.admin.content_verbs import CONTENT_VERBS
from teams.admin.forms import NameForm
from teams.admin.resources import PlaceFilter, ResourceAdmin
from teams.admin.site import console
from teams.admin.uses import uses_of
from teams.admin.work import CreateWork, WorkVerb, lacks
from teams.catalogue import ACCESS_CONTENT, SAVE_ROWS
from teams.models import MessageTemplate, SavedRow


class CreateTemplate(CreateWork):
    """Make an empty template."""

    name = "create"
    label = _("Add template")
    permission = ACCESS_CONTENT
    noun = "message template"
    form_class = NameForm

    def consequence(self) -> Sequence[str]:
        """Say who sees it."""
        who = words.who_sees_new(self.desk, MessageTemplate, self.part)
        return (f"The new template is empty; its rows are added on its page. {who}",)

    def make(self, data: Mapping[str, Any]) -> Any:
        """Create it."""
        return services.create_template(actor=self.actor, subaccount=self.part, name=data["name"])


class RenameTemplate(WorkVerb):
    """Give it another name."""

    name = "rename"
    label = _("Rename…")
    act = "rename"
    permission = ACCESS_CONTENT
    form_class = NameForm

    def title(self) -> str:
        """Return the heading."""
        return f"Rename {self.obj}"

    def consequence(self) -> Sequence[str]:
        """Say what stays."""
        return (f"Only the name changes. The short name stays {self.obj.slug}.",)

    def button(self) -> str:
        """Return what the button says."""
        return "Rename template"

    def run(self, data: Mapping[str, Any]) -> str:
        """Rename it."""
        before = self.obj.name
        made = services.rename_template(actor=self.actor, template=self.obj, name=data["name"])
        return f"{before} is called {made} now."


@admin.register(MessageTemplate, site=console)
class MessageTemplateAdmin(ResourceAdmin):
    """Message templates and what they are made of."""

    view_permission = ACCESS_CONTENT
    menu_area = "content"
    menu_label = "Templates"
    menu_icon = "image"
    page_template = "teams/console/template.html"
    empty_text = "There is no template yet that you may see. Whoever works with content adds one."
    verbs = (CreateTemplate, *CONTENT_VERBS, RenameTemplate, *ResourceAdmin.verbs)

    def facts_for(self, request: HttpRequest, obj: Any) -> list[tuple[str, Any]]:
        """Say what uses it."""
        return [("Used by", uses_of(request, obj)), *super().facts_for(request, obj)]

    def more(self, request: HttpRequest, obj: Any) -> dict[str, Any]:
        """Show the rows and the text part."""
        return contents(self, request, obj)


class DeleteSavedRow(ConsoleVerb):
    """Remove a saved row."""

    name = "delete"
    label = _("Delete…")
    is_danger = True

    def refusal(self) -> str:
        """Refuse without the right to save rows."""
        if access.allows(self.actor, SAVE_ROWS, self.obj):
            return ""
        return lacks(SAVE_ROWS, f"delete {self.obj}", self.obj.subaccount.name)

    def title(self) -> str:
        """Return the heading."""
        return f"Delete {self.obj}"

    def consequence(self) -> Sequence[str]:
        """Say what stays."""
        return ("It is removed for good. Rows that were made from it stay as they are.",)

    def run(self, data: Mapping[str, Any]) -> str:
        """Delete it."""
        label = str(self.obj)
        services.delete_saved_row(actor=self.actor, saved=self.obj)
        return f"{label} was deleted."


@admin.register(SavedRow, site=console)
class SavedRowAdmin(ResourceAdmin):
    """Rows kept for use in other templates and campaigns."""

    view_permission = ACCESS_CONTENT
    menu_label = "Saved rows"
    menu_icon = "rows"
    page_template = "teams/console/saved_row.html"
    empty_text = "No row was saved yet. A row is saved on the page of the template it stands in."
    list_filter: ClassVar[Any] = (PlaceFilter,)
    verbs = (DeleteSavedRow,)
    bulk_verbs = ()

    def more(self, request: HttpRequest, obj: Any) -> dict[str, Any]:
        """Show what stands in it."""
        return {"preview": preview(obj.html)}
