"""Verbs that bring contacts in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django import forms
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy as _

from permissions.admin import VerbForm
from permissions.errors import Invalid
from permissions.resources import registry
from teams import services
from teams.admin import words
from teams.admin.base import ConsoleVerb
from teams.admin.desk import Place
from teams.admin.forms import ENCODINGS, OfferedField, chosen_from, offer
from teams.admin.transfer_verbs import Continue, lists_for
from teams.admin.work import PlacedWork, WorkVerb
from teams.catalogue import ADD_CONTACTS
from teams.csv_files import BYTES_LIMIT, MEGABYTE, unguarded
from teams.models import ContactImport, MailingList
from teams.services import imports
from teams.services.import_rows import guess, targets
from teams.services.imports import Preview, preview, undoable_until
from teams.services.masking import masks
from teams.services.transfers import KEPT

_TOO_LARGE = f"Choose a CSV file of at most {BYTES_LIMIT // MEGABYTE} MB."


class UploadForm(VerbForm):
    """A file, and how it is written."""

    file = forms.FileField(
        label="CSV file",
        help_text=f"With a heading line, and at most {BYTES_LIMIT // MEGABYTE} MB.",
        error_messages={"required": _TOO_LARGE, "empty": "The file is empty."},
        max_length=200,
    )
    encoding = OfferedField(label="Written in", required=False)

    def prepare(self, verb: Any) -> None:
        """Offer encodings."""
        self.fields["file"].widget.attrs["accept"] = ".csv,text/csv"
        offer(self, "encoding", ENCODINGS)


class UploadSomewhereForm(UploadForm):
    """A file, and the list it is for."""

    mailing_list = OfferedField(label="Mailing list", required=False)
    field_order = ("file", "mailing_list", "encoding")

    def prepare(self, verb: Any) -> None:
        """Offer the lists; no list only to whoever sees contacts without one."""
        super().prepare(verb)
        found = [(str(row.pk), row.name) for row in lists_for(verb, ADD_CONTACTS, verb.part)]
        if not verb.is_limited():
            found.insert(0, ("", "No list"))
        offer(self, "mailing_list", found)


class _Uploading(ConsoleVerb):
    """What uploading has in common, wherever it begins."""

    made: ContactImport

    def consequence(self) -> Sequence[str]:
        """Say that nothing happens yet, and what will."""
        return (
            "The file is read and shown to you. Nothing is imported before you start it.",
            "Contacts that are there already are changed, not added twice. Nobody who "
            "unsubscribed is subscribed again.",
        )

    def button(self) -> str:
        """Return what the button says."""
        return "Upload and look at it"

    def upload(self, data: Mapping[str, Any], **where: Any) -> str:
        """Keep the file."""
        file = data["file"]
        self.made = services.upload_import(
            actor=self.actor, file=file, name=file.name, encoding=data["encoding"], **where
        )
        return f"Uploaded {self.made.original_name}. Nothing is imported yet."

    def next_url(self) -> str:
        """Go on to the columns."""
        name = f"{self.admin.admin_site.name}:teams_contactimport_act"
        return reverse(name, args=[self.made.pk, "start"])


class Upload(_Uploading, PlacedWork):
    """Begin an import into a subaccount."""

    name = "upload"
    label = _("Import contacts")
    permission = ADD_CONTACTS
    noun = "import"
    form_class = UploadSomewhereForm

    def places(self) -> list[Place]:
        """Leave out where addresses are masked."""
        desk = self.desk
        found = super().places()
        return [place for place in found if not masks(desk.account, desk.profile, place.pk)]

    def is_limited(self) -> bool:
        """Say whether teams hide contacts there."""
        lists = registry.of(MailingList)
        return self.desk.profile.is_limited(lists, self.desk.account.pk, self.part.pk)

    def prompt(self) -> str:
        """Return the heading of the page that asks for the place."""
        return "Into which subaccount?"

    def title(self) -> str:
        """Return the heading."""
        return f"Import contacts into {self.part.name}" if self.part else str(self.label)

    def run(self, data: Mapping[str, Any]) -> str:
        """Keep the file."""
        found = None
        if data["mailing_list"]:
            lists = lists_for(self, ADD_CONTACTS, self.part)
            found = chosen_from(lists, [data["mailing_list"]], "mailing list")[0]
        return self.upload(data, subaccount=self.part, mailing_list=found)


class UploadToList(_Uploading, WorkVerb):
    """Begin an import into a list."""

    name = "import"
    label = _("Import contacts…")
    act = "import contacts into"
    permission = ADD_CONTACTS
    form_class = UploadForm

    def obstacle(self) -> str:
        """Refuse where addresses are masked."""
        if masks(self.desk.account, self.desk.profile, self.obj.subaccount_id):
            return (
                f"You cannot import contacts into {self.obj}: addresses are masked for you there, "
                "and an import would tell which are there."
            )
        return ""

    def title(self) -> str:
        """Return the heading."""
        return f"Import contacts into {self.obj}"

    def run(self, data: Mapping[str, Any]) -> str:
        """Keep the file."""
        return self.upload(data, subaccount=self.obj.subaccount, mailing_list=self.obj)


class StartForm(VerbForm):
    """What each column is, and what becomes of bad rows."""

    bad_rows = OfferedField(label="If a row is bad", required=False)

    def prepare(self, verb: Any) -> None:
        """Ask for every column of the file."""
        known = verb.known
        found = guess(verb.seen.headings, known)
        for number, heading in enumerate(verb.seen.headings):
            field = OfferedField(label=heading, required=False, initial=found[heading])
            field.offer([("", "Leave out"), *known.items()])
            self.fields[f"column_{number}"] = field
        offer(self, "bad_rows", [("", "Import nothing"), ("skip", "Leave it out")])
        self.order_fields([name for name in self.fields if name != "bad_rows"])


class Start(ConsoleVerb):
    """Say what the columns are, and start."""

    name = "start"
    label = _("Choose columns and start")
    is_primary = True
    form_class = StartForm
    template = "teams/console/import_start.html"
    obj: ContactImport

    @cached_property
    def seen(self) -> Preview:
        """Return the beginning of the file; nothing if it has gone."""
        try:
            return preview(self.obj)
        except Invalid:
            return Preview([], [])

    @cached_property
    def known(self) -> dict[str, str]:
        """Return what a column may become."""
        return targets(self.obj.subaccount)

    def shown_rows(self) -> list[tuple[int, list[str]]]:
        """Return the first rows as they will be read."""
        return [(row.line, [unguarded(cell) for cell in row.cells]) for row in self.seen.rows]

    def refusal(self) -> str:
        """Refuse once it was carried out, or if the file has gone."""
        waits = (ContactImport.Status.PREVIEW, ContactImport.Status.FAILED)
        if self.obj.status not in waits or self.obj.rows_done:
            return "You cannot start this import: it was started already."
        if not self.seen.headings:
            return "You cannot start this import: its file is not there any more."
        return ""

    def title(self) -> str:
        """Return the heading."""
        return f"Import {self.obj.original_name}"

    def consequence(self) -> Sequence[str]:
        """Say what is about to happen."""
        found = guess(self.seen.headings, self.known)
        unknown = [heading for heading, target in found.items() if not target]
        to = self.obj.mailing_list
        lines = [
            f"{self.obj.rows_total:,} rows are imported into {self.obj.subaccount.name}"
            f"{f' and put on {to.name}' if to else ''}, in the background. You can undo it for "
            f"{KEPT.days} days.",
        ]
        if unknown:
            lines.append(f"Not known here, and left out: {', '.join(unknown)}.")
        return lines

    def button(self) -> str:
        """Return what the button says."""
        return "Start import"

    def run(self, data: Mapping[str, Any]) -> str:
        """Start it."""
        mapping = {
            heading: data[f"column_{number}"] for number, heading in enumerate(self.seen.headings)
        }
        if data["bad_rows"] not in ("", "skip"):
            raise Invalid("Choose what becomes of bad rows from what is offered.", code="UNKNOWN")
        services.start_import(
            actor=self.actor,
            contact_import=self.obj,
            mapping=mapping,
            skips_errors=data["bad_rows"] == "skip",
        )
        return "The import was started."


class Undo(ConsoleVerb):
    """Take back what an import did."""

    name = "undo"
    label = _("Undo…")
    is_danger = True
    obj: ContactImport

    def refusal(self) -> str:
        """Refuse unless there is something to undo."""
        over = (ContactImport.Status.DONE, ContactImport.Status.FAILED)
        if self.obj.status not in over or not (self.obj.created or self.obj.updated):
            return "You cannot undo this import: there is nothing to undo."
        if undoable_until(self.obj) < timezone.now():
            return (
                f"You cannot undo this import: it finished more than {KEPT.days} days ago. "
                "Archive its contacts instead."
            )
        return ""

    def title(self) -> str:
        """Return the heading."""
        return f"Undo the import of {self.obj.original_name}"

    def consequence(self) -> Sequence[str]:
        """Say what goes and what stays."""
        return (
            "Contacts that it added are removed, and what it changed is put back.",
            "What was changed since stays: contacts edited, unsubscribed, mailed, archived or put "
            "on another list.",
            f"You can undo it until {words.short_date(undoable_until(self.obj))}.",
        )

    def button(self) -> str:
        """Return what the button says."""
        return "Undo import"

    def run(self, data: Mapping[str, Any]) -> str:
        """Begin to undo it."""
        services.undo_import(actor=self.actor, contact_import=self.obj)
        return "The import is being undone."


class Discard(ConsoleVerb):
    """Forget an upload."""

    name = "discard"
    label = _("Discard…")
    is_danger = True

    def refusal(self) -> str:
        """Refuse once it was carried out."""
        waits = (ContactImport.Status.PREVIEW, ContactImport.Status.FAILED)
        if self.obj.status not in waits or self.obj.rows_done:
            return "You cannot discard this import: it was carried out."
        return ""

    def title(self) -> str:
        """Return the heading."""
        return f"Discard {self.obj.original_name}"

    def consequence(self) -> Sequence[str]:
        """Say what goes."""
        return ("The uploaded file is removed. No contact is touched.",)

    def button(self) -> str:
        """Return what the button says."""
        return "Discard upload"

    def run(self, data: Mapping[str, Any]) -> str:
        """Forget it."""
        name = self.obj.original_name
        imports.discard_import(actor=self.actor, contact_import=self.obj)
        return f"Discarded {name}."

    def next_url(self) -> str:
        """Go to the list."""
        return self.list_url()


VERBS = (Upload, Start, Undo, Continue, Discard)
