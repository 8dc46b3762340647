"""Archive, restore and purge, for everything that can be put away; one at a time, and many."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django import forms
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from permissions import access
from permissions.admin import BulkVerb, Effect, VerbForm
from permissions.errors import Invalid
from permissions.resources import registry
from teams import services
from teams.admin.base import ConsoleVerb
from teams.admin.work import WorkVerb, lacks
from teams.catalogue import PURGE_ARCHIVED
from teams.models import Contact
from teams.services.archive import on_its_way, refuse_used

ON_ITS_WAY = (
    "{} cannot be archived now: it is scheduled or being sent, or a campaign that is uses it."
)
KEPT = "Everything that hangs on it is kept and comes back with it."


class ArchiveVerb(WorkVerb):
    """A verb for whoever may delete the thing."""

    def needed(self) -> str:
        """Archiving asks what deleting asks."""
        return registry.of(self.obj).actions["delete"]

    def refusal(self) -> str:
        """Refuse guests as well: they work with the one thing, which stays where it is."""
        if not self.desk.holds(self.needed(), self.obj.subaccount_id):
            return lacks(self.needed(), f"{self.act} {self.obj}", self.obj.subaccount.name)
        return super().refusal()

    def title(self) -> str:
        """Return the heading."""
        return f"{self.act.capitalize()} {self.obj}"


class ArchiveItem(ArchiveVerb):
    """Put it away."""

    name = "archive"
    label = _("Archive…")
    act = "archive"
    is_danger = True

    def obstacle(self) -> str:
        """Refuse while a mailing needs it."""
        return ON_ITS_WAY.format(self.obj) if on_its_way(type(self.obj), [self.obj.pk]) else ""

    def consequence(self) -> Sequence[str]:
        """Say what stays."""
        return (f"{self.obj} is offered nowhere until it is restored.", KEPT)

    def run(self, data: Mapping[str, Any]) -> str:
        """Archive it."""
        services.archive_item(actor=self.actor, obj=self.obj)
        return f"{self.obj} is archived."


class RestoreItem(ArchiveVerb):
    """Bring it back."""

    name = "restore"
    label = _("Restore…")
    act = "restore"
    on_archived = True

    def obstacle(self) -> str:
        """Refuse for what was not put away."""
        return "" if self.obj.is_archived else f"{self.obj} is not archived."

    def consequence(self) -> Sequence[str]:
        """Say what comes back."""
        return (f"{self.obj} can be used again, with everything that hangs on it.",)

    def run(self, data: Mapping[str, Any]) -> str:
        """Restore it."""
        services.restore_item(actor=self.actor, obj=self.obj)
        return f"{self.obj} is in use again."


class PurgeForm(VerbForm):
    """The name, typed to show that one means it."""

    confirm = forms.CharField(
        label="Name", strip=False, widget=forms.TextInput(attrs={"autocomplete": "off"})
    )

    def prepare(self, verb: Any) -> None:
        """Say what is to be typed."""
        self.fields["confirm"].help_text = f"Type {verb.obj} to confirm."


class PurgeItem(WorkVerb):
    """Remove for good what was put away."""

    name = "purge"
    label = _("Purge…")
    act = "purge"
    permission = PURGE_ARCHIVED
    on_archived = True
    is_danger = True
    needs_recent = True
    form_class = PurgeForm

    def obstacle(self) -> str:
        """Refuse for what is in use, and for what campaigns are made of."""
        if not self.obj.is_archived:
            return f"{self.obj} is not archived. Archive it first."
        try:
            refuse_used(self.obj)
        except Invalid as error:
            return error.message
        return ""

    def title(self) -> str:
        """Return the heading."""
        return f"Purge {self.obj}"

    def consequence(self) -> Sequence[str]:
        """Say that it is for good."""
        more = (
            (
                "The record of messages to them goes too, so the figures of those campaigns become "
                "smaller. If they unsubscribed, their address stays unsubscribed.",
            )
            if isinstance(self.obj, Contact)
            else ()
        )
        return (
            f"{self.obj} is removed for good, with everything that hangs on it.",
            *more,
            "This cannot be undone. That it was done, and by whom, stays on record.",
        )

    def button(self) -> str:
        """Return what the button says."""
        return "Purge for good"

    def run(self, data: Mapping[str, Any]) -> str:
        """Purge it."""
        label = str(self.obj)
        services.purge_item(actor=self.actor, obj=self.obj, confirm=data["confirm"])
        return f"{label} was removed for good."


ARCHIVE_VERBS = (ArchiveItem, RestoreItem, PurgeItem)


class ManyItems(BulkVerb, ConsoleVerb):
    """Archive or restore the chosen rows; the list shows one kind of them only."""

    of_archive: bool
    act: str
    past: str
    line: str

    def needed(self) -> str:
        """Return the permission it asks of each row."""
        return registry.of(self.admin.model).actions["delete"]

    def refusal(self) -> str:
        """Keep it out of the menu of the other list, and of whoever may delete nowhere."""
        shows_archive = QueryDict(self.filters).get("archived") == "yes"
        if shows_archive is not self.of_archive:
            return f"There is nothing to {self.act} on this list."
        return "" if self.desk.holds(self.needed()) else lacks(self.needed(), self.act, "any place")

    def effects(self, data: Mapping[str, Any]) -> list[Effect]:
        """Say of each row what happens to it, or what is in the way."""
        keys = [row.pk for row in self.rows]
        mine = self.admin.model._default_manager.filter(pk__in=keys)
        allowed = set(access.visible(mine, self.actor, self.needed()).values_list("pk", flat=True))
        busy = frozenset() if self.of_archive else on_its_way(self.admin.model, keys)
        return [
            Effect(row, str(row), [f"{row.subaccount.name}: {self.line}"], problem)
            for row in self.rows
            for is_allowed in [row.pk in allowed and self._holds(row)]
            for problem in [self._problem(row, is_allowed, row.pk in busy)]
        ]

    def _holds(self, row: Any) -> bool:
        return self.desk.holds(self.needed(), row.subaccount_id)

    def _problem(self, row: Any, is_allowed: bool, is_busy: bool) -> str:
        if not is_allowed:
            return lacks(self.needed(), f"{self.act} {row}", row.subaccount.name)
        if row.is_archived is not self.of_archive:
            return f"Is {'not archived' if self.of_archive else 'archived already'}."
        return ON_ITS_WAY.format(row) if is_busy else ""

    def done(self) -> str:
        """Say how many it was."""
        count = len(self.rows)
        return f"{self.counted().capitalize()} {'is' if count == 1 else 'are'} {self.past}."


class ArchiveMany(ManyItems):
    """Put the chosen rows away."""

    name = "archive"
    label = _("Archive…")
    of_archive = False
    act, past, line = "archive", "archived", "is offered nowhere until it is restored."

    def consequence(self) -> Sequence[str]:
        """Say what stays."""
        return ("Everything that hangs on them is kept and comes back with them.",)

    def run_row(self, row: Any, data: Mapping[str, Any]) -> None:
        """Archive one."""
        services.archive_item(actor=self.actor, obj=row)


class RestoreMany(ManyItems):
    """Bring the chosen rows back."""

    name = "restore"
    label = _("Restore…")
    of_archive = True
    is_danger = False
    act, past, line = "restore", "in use again", "can be used again."

    def run_row(self, row: Any, data: Mapping[str, Any]) -> None:
        """Restore one."""
        services.restore_item(actor=self.actor, obj=row)


ARCHIVE_BULK_VERBS = (ArchiveMany, RestoreMany)
