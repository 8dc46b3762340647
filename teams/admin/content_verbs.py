"""Verbs that write a new row, insert a saved one, and write the text part."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from permissions import access
from permissions.admin import VerbForm
from teams import services
from teams.admin.content import FIELDS, ContentVerb, HtmlForm
from teams.admin.forms import OfferedField, chosen_from, offer
from teams.admin.row_verbs import ONE_ROW
from teams.admin.work import lacks
from teams.catalogue import ACCESS_CONTENT, CHANGE_LOCKED_CONTENTS
from teams.models import SavedRow
from teams.services.content import ROWS_LIMIT, Row, free_position

#: stands for a row that is not there yet
NEW = Row(key="", html="", row_locked=False, contents_locked=False)


class RowForm(HtmlForm):
    """The contents of a row, and where it goes."""

    position = OfferedField(label="Where")

    def prepare(self, verb: Any) -> None:
        """Offer the places that locks leave free."""
        offer_positions(self, verb)


def offer_positions(form: VerbForm, verb: Any) -> None:
    """Offer the places where a new row may go, the likeliest first chosen."""
    rows = verb.rows
    places = [
        (str(n), "First" if n == 0 else f"Below row {n}")
        for n in range(len(rows) + 1)
        if not verb.why_not([*rows[:n], NEW, *rows[n:]])
    ]
    offer(form, "position", places)
    form.fields["position"].initial = str(free_position(rows))


def position_of(data: Mapping[str, Any]) -> int:
    """Return the place that was posted; whatever is not how one is written names none."""
    places = {str(place): place for place in range(ROWS_LIMIT + 1)}
    return places.get(data["position"], -1)


class Adding(ContentVerb):
    """A verb that puts one more row in."""

    act = "add a row"

    def obstacle(self) -> str:
        """Refuse where there is no room."""
        if len(self.rows) >= ROWS_LIMIT:
            return f"{self.obj} has {ROWS_LIMIT} rows already; no more fit."
        return super().obstacle()

    def after(self) -> list[Row]:
        """Put it where nothing stands against it."""
        rows, n = self.rows, free_position(self.rows)
        return [*rows[:n], NEW, *rows[n:]]


class AddRow(Adding):
    """Write a new row."""

    name = "add-row"
    label = _("Add row…")
    form_class = RowForm

    def title(self) -> str:
        """Return the heading."""
        return f"Add a row to {self.obj}"

    def button(self) -> str:
        """Return what the button says."""
        return "Add row"

    def run(self, data: Mapping[str, Any]) -> str:
        """Add it."""
        services.add_row(
            actor=self.actor, content=self.obj, html=data["html"], position=position_of(data)
        )
        return f"A row was added to {self.obj}."


class SavedForm(VerbForm):
    """A saved row of the same subaccount, and where it goes."""

    saved = OfferedField(label="Saved row")
    position = OfferedField(label="Where")

    def prepare(self, verb: Any) -> None:
        """Offer saved rows and places."""
        offer(self, "saved", [(str(row.pk), row.name) for row in verb.saved_rows()])
        offer_positions(self, verb)


class InsertSavedRow(Adding):
    """Put a copy of a saved row in."""

    name = "insert-row"
    label = _("Insert saved row…")
    form_class = SavedForm

    def saved_rows(self) -> Any:
        """Return the saved rows of the subaccount that the actor sees, by name."""
        rows = SavedRow.objects.filter(subaccount=self.obj.subaccount_id)
        return access.visible(rows, self.actor, ACCESS_CONTENT).order_by("name", "pk")

    def obstacle(self) -> str:
        """Refuse where there is nothing to insert."""
        if not self.saved_rows().exists():
            return f"There is no saved row in {self.obj.subaccount.name}."
        return super().obstacle()

    def title(self) -> str:
        """Return the heading."""
        return f"Insert a saved row into {self.obj}"

    def consequence(self) -> Sequence[str]:
        """Say that it is a copy."""
        return ("A copy is made: changing or deleting the saved row later changes nothing here.",)

    def button(self) -> str:
        """Return what the button says."""
        return "Insert row"

    def run(self, data: Mapping[str, Any]) -> str:
        """Insert it."""
        saved = chosen_from(self.saved_rows(), [data["saved"]], "saved row")
        if not saved:
            return ""
        services.insert_saved_row(
            actor=self.actor, content=self.obj, saved=saved[0], position=position_of(data)
        )
        return f"{saved[0]} was added to {self.obj}."


class TextForm(VerbForm):
    """The plain part of the mail."""

    text = forms.CharField(
        label="Text part",
        strip=False,
        required=False,
        help_text=f"Leave empty to have it made from the rows. {FIELDS}",
        widget=forms.Textarea({"rows": 14}),
    )

    def prepare(self, verb: Any) -> None:
        """Begin with what it is."""
        self.fields["text"].initial = verb.obj.text


class EditText(ContentVerb):
    """Write the plain part of the mail."""

    name = "text"
    label = _("Edit text part…")
    act = "edit the text part"
    form_class = TextForm

    def locked(self) -> str:
        """Refuse where contents are locked: the text part stands in for all of them."""
        if any(row["contents_locked"] for row in self.rows) and not self._holds(
            CHANGE_LOCKED_CONTENTS
        ):
            place = self.obj.subaccount.name
            return lacks(CHANGE_LOCKED_CONTENTS, f"{self.act} of {self.obj}", place)
        return ""

    def title(self) -> str:
        """Return the heading."""
        return f"Edit the text part of {self.obj}"

    def button(self) -> str:
        """Return what the button says."""
        return "Save text part"

    def run(self, data: Mapping[str, Any]) -> str:
        """Write it."""
        services.change_text(actor=self.actor, content=self.obj, text=data["text"])
        return f"The text part of {self.obj} was changed."


#: everything that may be done to what a template or campaign is made of
CONTENT_VERBS = (AddRow, InsertSavedRow, EditText, *ONE_ROW)
