"""Verbs about one row of a template or campaign."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from permissions import access
from permissions.admin import VerbForm
from permissions.errors import Invalid
from permissions.resources import registry
from teams import services
from teams.admin.content import ContentVerb, HtmlForm, PlacedRow, placed
from teams.admin.forms import OfferedSet, offer
from teams.admin.work import lacks
from teams.catalogue import SAVE_ROWS
from teams.models import MessageTemplate
from teams.services.content import Row


class RowVerb(ContentVerb):
    """A verb about one row."""

    is_part = True
    part_type = PlacedRow
    part: PlacedRow

    def find(self, key: str) -> Any:
        """Return the row, if it is there."""
        return next((row for row in placed(self.obj) if row.pk == key), None)

    def title(self) -> str:
        """Return the heading."""
        return f"{self.act[:1].upper()}{self.act[1:]} {self.part.index + 1} of {self.obj}"

    def button(self) -> str:
        """Return what the button says."""
        return f"{self.act[:1].upper()}{self.act[1:]}"

    def next_url(self) -> str:
        """Go back to the row, or to the rows."""
        return f"{super().next_url()}#rows"


class EditForm(HtmlForm):
    """The contents a row has."""

    def prepare(self, verb: Any) -> None:
        """Begin with what stands there."""
        self.fields["html"].initial = verb.part.row["html"]


class EditRow(RowVerb):
    """Write other contents."""

    name = "edit-row"
    label = _("Edit…")
    act = "edit row"
    form_class = EditForm

    def after(self) -> list[Row]:
        """Change the contents."""
        rows = self.rows
        rows[self.part.index] = {**self.part.row, "html": f"{self.part.row['html']} "}
        return rows

    def button(self) -> str:
        """Return what the button says."""
        return "Save row"

    def run(self, data: Mapping[str, Any]) -> str:
        """Change them."""
        services.change_row(actor=self.actor, content=self.obj, key=self.part.pk, html=data["html"])
        return f"Row {self.part.index + 1} was changed."


class Moving(RowVerb):
    """A verb that moves the row by one."""

    act = "move row"
    at_once = True
    step: int
    way: str

    def locked(self) -> str:
        """Refuse at the end of the rows."""
        if not 0 <= self.part.index + self.step < len(self.rows):
            return f"Row {self.part.index + 1} cannot be moved {self.way}."
        return super().locked()

    def after(self) -> list[Row]:
        """Move it."""
        rows = self.rows
        rows.insert(self.part.index + self.step, rows.pop(self.part.index))
        return rows

    def title(self) -> str:
        """Return the heading."""
        return f"Move row {self.part.index + 1} of {self.obj} {self.way}"

    def button(self) -> str:
        """Return what the button says."""
        return f"Move {self.way}"

    def run(self, data: Mapping[str, Any]) -> str:
        """Move it."""
        services.move_row(
            actor=self.actor,
            content=self.obj,
            key=self.part.pk,
            position=max(self.part.index + self.step, 0),
        )
        return f"Row {self.part.index + 1} was moved {self.way}."


class MoveUp(Moving):
    """One place up."""

    name = "move-up"
    label = _("Move up")
    step, way = -1, "up"


class MoveDown(Moving):
    """One place down."""

    name = "move-down"
    label = _("Move down")
    step, way = 1, "down"


ROW, CONTENTS = "row", "contents"


class LockForm(VerbForm):
    """The two locks."""

    locks = OfferedSet(label="What is locked", required=False)

    def prepare(self, verb: Any) -> None:
        """Begin with what is locked."""
        row = verb.part.row
        offer(
            self,
            "locks",
            [
                (ROW, "The row: who may not edit locked rows neither moves nor removes it"),
                (
                    CONTENTS,
                    "Its contents: who may not edit locked contents leaves them as they are",
                ),
            ],
        )
        locked = {ROW: row["row_locked"], CONTENTS: row["contents_locked"]}
        self.fields["locks"].initial = [name for name, is_on in locked.items() if is_on]


class LockRow(RowVerb):
    """Lock or unlock the row and its contents."""

    name = "lock-row"
    label = _("Lock…")
    act = "lock row"
    form_class = LockForm

    def after(self) -> list[Row]:
        """Turn a lock."""
        rows = self.rows
        rows[self.part.index] = {**self.part.row, "row_locked": not self.part.row["row_locked"]}
        return rows

    def consequence(self) -> Sequence[str]:
        """Say where the locks of a template go."""
        if not isinstance(self.obj, MessageTemplate):
            return ()
        return ("Campaigns that begin with this template from now on have the same locks.",)

    def button(self) -> str:
        """Return what the button says."""
        return "Save locks"

    def run(self, data: Mapping[str, Any]) -> str:
        """Set the locks."""
        locks = set(data["locks"])
        if stray := locks - {ROW, CONTENTS}:
            raise Invalid(f"There is no lock {min(stray)!r}.", code="UNKNOWN_LOCK")
        services.lock_row(
            actor=self.actor,
            content=self.obj,
            key=self.part.pk,
            row_locked=ROW in locks,
            contents_locked=CONTENTS in locks,
        )
        return f"The locks of row {self.part.index + 1} were changed."


class SaveForm(VerbForm):
    """What the saved row is called."""

    name = forms.CharField(
        label="Name", strip=False, widget=forms.TextInput(attrs={"class": "vTextField"})
    )


class SaveRow(RowVerb):
    """Keep a copy for other templates and campaigns."""

    name = "save-row"
    label = _("Save for reuse…")
    act = "save row"
    on_archived = True
    form_class = SaveForm

    def needed(self) -> str:
        """Ask for sight of the thing; the right to save rows is asked of the subaccount."""
        return registry.of(self.obj).actions["view"]

    def obstacle(self) -> str:
        """Refuse without the right to save rows there."""
        place = self.obj.subaccount
        if access.allows(self.actor, SAVE_ROWS, place):
            return ""
        return lacks(SAVE_ROWS, f"save rows of {self.obj}", place.name)

    def consequence(self) -> Sequence[str]:
        """Say who can use it."""
        place = self.obj.subaccount.name
        return (f"Everybody who works with content in {place} can insert a copy of it.",)

    def run(self, data: Mapping[str, Any]) -> str:
        """Save it."""
        saved = services.save_row(
            actor=self.actor, content=self.obj, key=self.part.pk, name=data["name"]
        )
        return f"{saved} was saved for reuse."


class RemoveRow(RowVerb):
    """Take it out."""

    name = "remove-row"
    label = _("Remove…")
    act = "remove row"
    is_danger = True

    def after(self) -> list[Row]:
        """Leave it out."""
        rows = self.rows
        del rows[self.part.index]
        return rows

    def consequence(self) -> Sequence[str]:
        """Say that it is for good."""
        return ("What stands in it is lost, unless it was saved for reuse.",)

    def run(self, data: Mapping[str, Any]) -> str:
        """Remove it."""
        services.remove_row(actor=self.actor, content=self.obj, key=self.part.pk)
        return f"Row {self.part.index + 1} was removed."


ONE_ROW = (EditRow, MoveUp, MoveDown, LockRow, SaveRow, RemoveRow)
