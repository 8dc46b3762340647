"""What a template or campaign is made of, as its page shows it and its verbs see it.

What a control would do is put before ``judge_rows`` as the services will: a button that locks stand
against is not there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django import forms
from django.http import HttpRequest
from django.utils.safestring import SafeString, mark_safe

from permissions import access
from permissions.admin import VerbForm
from permissions.resources import registry
from teams.admin.work import WorkVerb, lacks
from teams.models import Campaign
from teams.services.content import Row, as_preview, as_text, judge_rows

FIELDS = (
    "{{first_name}}, {{last_name}} and other fields of a contact are filled in when it is sent."
)
HTML_HELP = (
    "HTML that mail programs show: headings, paragraphs, lists, tables, links and images. Styles, "
    f"scripts and forms are taken out. {FIELDS} Not in addresses: a link or image whose address "
    "has a field in it loses the address."
)


@dataclass(frozen=True, slots=True)
class PlacedRow:
    """One row, and where it stands from 0."""

    index: int
    row: Row

    @property
    def pk(self) -> str:
        """Return how an address names it."""
        return self.row["key"]

    @property
    def label(self) -> str:
        """Return what the page calls it."""
        return f"row {self.index + 1}"

    @property
    def preview(self) -> SafeString:
        """Return its contents to look at."""
        return preview(self.row["html"])


def preview(html: str) -> SafeString:
    """Return contents of a row to look at, cleaned once more."""
    return mark_safe(as_preview(html))  # noqa: S308  (nh3 has just cleaned it)


def placed(content: Any) -> list[PlacedRow]:
    """Return the rows of a template or campaign with their places."""
    return [PlacedRow(index, row) for index, row in enumerate(content.rows)]


class ContentVerb(WorkVerb):
    """A verb about what a template, or a campaign that is a draft, is made of."""

    act = "edit"
    group = "content"
    #: its button acts without asking first
    at_once = False

    @property
    def rows(self) -> list[Row]:
        """Return the rows as they are."""
        return list(self.obj.rows)

    def needed(self) -> str:
        """Ask for the right to change the thing itself."""
        return registry.of(self.obj).actions["change"]

    def obstacle(self) -> str:
        """Refuse for what is no draft any more, and where locks stand against the change."""
        if isinstance(self.obj, Campaign) and self.obj.status != Campaign.Status.DRAFT:
            return f"{self.obj} is {self.obj.get_status_display().lower()}: only a draft is edited."
        return self.locked()

    def locked(self) -> str:
        """Return which lock stands against the verb; empty if none does."""
        after = self.after()
        return "" if after is None else self.why_not(after)

    def why_not(self, after: Sequence[Row]) -> str:
        """Return what is missing for making ``after`` of the rows there are; empty if nothing."""
        missing = judge_rows(self.rows, after, self._holds)
        if not missing:
            return ""
        return lacks(missing[0], f"{self.act} of {self.obj}", self.obj.subaccount.name)

    def _holds(self, permission: str) -> bool:
        return access.allows(self.actor, permission, self.obj)

    def after(self) -> list[Row] | None:
        """Return what the rows would be afterwards; None for a verb that leaves them alone."""
        return None


class HtmlForm(VerbForm):
    """The contents of a row."""

    html = forms.CharField(
        label="Contents", strip=False, help_text=HTML_HELP, widget=forms.Textarea({"rows": 12})
    )


def contents(model_admin: Any, request: HttpRequest, content: Any) -> dict[str, Any]:
    """Return what ``teams/console/rows.html`` shows of a template or campaign."""
    rows = []
    for row in placed(content):
        offered = model_admin.offered(request, content, row)
        moves = [verb for verb in offered if getattr(verb, "at_once", False)]
        rows.append((row, moves, [verb for verb in offered if verb not in moves]))
    return {
        "rows": rows,
        "text_part": as_text(content.rows, content.text),
        "has_own_text": bool(content.text.strip()),
    }
