"""Verbs that take contacts out."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

from django.db.models import QuerySet
from django.http import HttpResponse
from django.urls import reverse
from django.utils.http import content_disposition_header
from django.utils.translation import gettext_lazy as _

from permissions import access
from permissions.admin import VerbForm
from permissions.errors import Invalid
from teams import services
from teams.admin.base import ConsoleVerb
from teams.admin.forms import OfferedField, chosen_from, offer
from teams.admin.transfer_verbs import Continue, lists_for
from teams.admin.work import PlacedWork, WorkVerb
from teams.catalogue import CATALOGUE, EXPORT_CONTACTS, EXPORT_PII
from teams.models import ContactExport, MailingList, Segment
from teams.services import exports
from teams.services.export_rows import file_name
from teams.services.exports import SMALL
from teams.services.segments import tells_addresses


def export_response(response: Any, job: ContactExport) -> Any:
    """Return ``response`` as the file of ``job``: to be saved, and kept by nobody on the way."""
    response["Content-Type"] = "text/csv; charset=utf-8"
    response["Content-Disposition"] = content_disposition_header(True, file_name(job)) or ""
    response["Cache-Control"] = "no-store, private"
    return response


class _Exporting(ConsoleVerb):
    """What exporting has in common, whatever is exported."""

    made: ContactExport
    needs_recent = True

    @abstractmethod
    def place(self) -> Any:
        """Return the subaccount whose contacts are taken out."""

    @property
    def holds_addresses(self) -> bool:
        """Say whether the file would hold addresses, and no hashes in their place."""
        return self.desk.holds(EXPORT_PII, self.place().pk)

    def wants_recent(self) -> bool:
        """A file of hashes is nothing to sign in for again."""
        return super().wants_recent() and self.holds_addresses

    def lines(self) -> list[str]:
        """Say what the file holds and how one gets it."""
        place = self.place()
        if self.holds_addresses:
            who = "The file holds addresses. Keep it where nobody else can read it."
        else:
            who = (
                f"You do not hold {CATALOGUE[EXPORT_PII].label} in {place.name}: the file holds "
                "MD5 hashes in their place."
            )
        return [
            who,
            f"Up to {SMALL:,} contacts are handed out at once. More are written in the "
            "background, and listed under Exports.",
            "Cells that a spreadsheet could take for a formula begin with a single quote.",
        ]

    def button(self) -> str:
        """Return what the button says."""
        return "Export contacts"

    def export(self, **what: Any) -> Any:
        """Hand out the file, or say that it is being written."""
        found = services.export_contacts(actor=self.actor, **what)
        self.made = found.job
        if found.content is None:
            return f"{found.job.rows_total:,} contacts are being written."
        return export_response(HttpResponse(found.content), found.job)

    def next_url(self) -> str:
        """Go to the page of the export."""
        name = f"{self.admin.admin_site.name}:teams_contactexport_change"
        return reverse(name, args=[self.made.pk])


class ExportForm(VerbForm):
    """All contacts, those of a list, or those of a segment."""

    what = OfferedField(label="Which contacts", required=False)

    def prepare(self, verb: Any) -> None:
        """Offer what may be taken out."""
        lists = [(f"list:{row.pk}", row.name) for row in verb.lists()]
        segments = [(f"segment:{row.pk}", row.name) for row in verb.segments()]
        found: list[tuple[str, Any]] = [("", "All that you see")]
        found += [("Mailing lists", lists)] if lists else []
        found += [("Segments", segments)] if segments else []
        offer(self, "what", found)


class ExportHere(_Exporting, PlacedWork):
    """Take contacts of a subaccount out."""

    name = "export"
    label = _("Export contacts")
    permission = EXPORT_CONTACTS
    noun = "export"
    form_class = ExportForm

    def place(self) -> Any:
        """Return the subaccount that was chosen."""
        return self.part

    def lists(self) -> QuerySet[MailingList]:
        """Return the lists that may be exported."""
        return lists_for(self, EXPORT_CONTACTS, self.part)

    def segments(self) -> list[Segment]:
        """Return the segments that may be exported."""
        rows = Segment.objects.filter(subaccount=self.part, archived_at=None)
        found = access.visible(rows, self.actor, EXPORT_CONTACTS).order_by("name", "pk")
        desk = self.desk
        return [row for row in found if not tells_addresses(desk.account, desk.profile, row)]

    def prompt(self) -> str:
        """Return the heading of the page that asks for the place."""
        return "From which subaccount?"

    def title(self) -> str:
        """Return the heading."""
        return f"Export contacts of {self.part.name}" if self.part else str(self.label)

    def consequence(self) -> Sequence[str]:
        """Say what the file holds."""
        return self.lines()

    def run(self, data: Mapping[str, Any]) -> Any:
        """Export."""
        kind, _colon, key = data["what"].partition(":")
        what: dict[str, Any] = {}
        match kind:
            case "list" | "segment" if not key:
                raise Invalid("Choose which contacts from what is offered.", code="UNKNOWN")
            case "list":
                what["mailing_list"] = chosen_from(self.lists(), [key], "mailing list")[0]
            case "segment":
                rows = Segment.objects.filter(pk__in=[row.pk for row in self.segments()])
                what["segment"] = chosen_from(rows, [key], "segment")[0]
            case "":
                pass
            case _:
                raise Invalid("Choose which contacts from what is offered.", code="UNKNOWN")
        return self.export(subaccount=self.part, **what)


class ExportList(_Exporting, WorkVerb):
    """Take the contacts of a list out."""

    name = "export"
    label = _("Export contacts…")
    act = "export the contacts of"
    permission = EXPORT_CONTACTS

    def place(self) -> Any:
        """Return the subaccount of the list."""
        return self.obj.subaccount

    def title(self) -> str:
        """Return the heading."""
        return f"Export the contacts of {self.obj}"

    def consequence(self) -> Sequence[str]:
        """Say what the file holds."""
        return self.lines()

    def run(self, data: Mapping[str, Any]) -> Any:
        """Export."""
        return self.export(subaccount=self.obj.subaccount, mailing_list=self.obj)


class Remove(ConsoleVerb):
    """Remove an export and its file."""

    name = "remove"
    label = _("Remove…")
    is_danger = True
    obj: ContactExport

    def refusal(self) -> str:
        """Refuse while it is being written."""
        if self.obj.status in ContactExport.UNFINISHED:
            return "You cannot remove this export: it is being written."
        return ""

    def title(self) -> str:
        """Return the heading."""
        return f"Remove {file_name(self.obj)}"

    def consequence(self) -> Sequence[str]:
        """Say what goes."""
        return ("The file is removed. No contact is touched.",)

    def button(self) -> str:
        """Return what the button says."""
        return "Remove export"

    def run(self, data: Mapping[str, Any]) -> str:
        """Remove it."""
        name = file_name(self.obj)
        exports.discard_export(actor=self.actor, contact_export=self.obj)
        return f"Removed {name}."

    def next_url(self) -> str:
        """Go to the list."""
        return self.list_url()


VERBS = (ExportHere, Continue, Remove)
