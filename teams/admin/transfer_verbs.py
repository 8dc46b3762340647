"""What the verbs of imports and exports share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from permissions import access
from teams.admin.base import ConsoleVerb
from teams.models import ContactImport, MailingList
from teams.services import exports, imports
from teams.services.transfers import is_stale


def lists_for(verb: ConsoleVerb, permission: str, place: Any) -> QuerySet[MailingList]:
    """Return the lists of ``place`` on which the person holds ``permission``, by name."""
    rows = MailingList.objects.filter(subaccount=place, archived_at=None)
    return access.visible(rows, verb.actor, permission).order_by("name", "pk")


class Continue(ConsoleVerb):
    """Have a job taken up again whose worker has died."""

    name = "continue"
    label = _("Continue")

    def refusal(self) -> str:
        """Refuse while somebody is at it."""
        return "" if is_stale(self.obj) else "You cannot continue this: it does not stand still."

    def title(self) -> str:
        """Return the heading."""
        return f"Continue {self.obj}"

    def consequence(self) -> Sequence[str]:
        """Say that nothing is done twice."""
        return ("It goes on where it stopped. Nothing is done twice.",)

    def run(self, data: Mapping[str, Any]) -> str:
        """Have it taken up."""
        if isinstance(self.obj, ContactImport):
            imports.continue_import(actor=self.actor, contact_import=self.obj)
        else:
            exports.continue_export(actor=self.actor, contact_export=self.obj)
        return "It is taken up again."
