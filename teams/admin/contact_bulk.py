"""Bulk verbs about contacts: put many on a list, take many off it."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

from django.utils.translation import gettext_lazy as _

from permissions import access
from permissions.admin import BulkVerb, Effect, VerbForm
from teams import services
from teams.admin.base import ConsoleVerb
from teams.admin.contact_forms import is_list_guest, offer_lists
from teams.admin.forms import OfferedField, chosen_from
from teams.admin.work import lacks
from teams.catalogue import ADD_CONTACTS
from teams.models import ListMembership, MailingList


class ListForm(VerbForm):
    """A list of a subaccount that a chosen contact is of."""

    mailing_list = OfferedField(label="List", required=False)

    def prepare(self, verb: Any) -> None:
        """Offer the lists."""
        offer_lists(self, verb.lists(), none="Choose a list")


class ManyContacts(BulkVerb, ConsoleVerb):
    """Does the same to many contacts and one list."""

    form_class = ListForm
    act: str
    past: str
    is_danger = False
    target: Any = None

    def lists(self) -> Any:
        """Return the lists of the chosen contacts' subaccounts that may be chosen, by name."""
        places = {row.subaccount_id for row in self.rows}
        rows = MailingList.objects.filter(
            subaccount__in=places, account=self.desk.account, archived_at=None
        )
        return access.visible(rows, self.actor, ADD_CONTACTS).order_by("name", "pk")

    def refusal(self) -> str:
        """Keep it out of the menu of whoever may put contacts nowhere."""
        if self.desk.holds(ADD_CONTACTS) or is_list_guest(self.desk, ADD_CONTACTS):
            return ""
        return lacks(ADD_CONTACTS, f"{self.act} lists", "any subaccount")

    def chosen(self, data: Mapping[str, Any]) -> MailingList | None:
        """Return the list that was chosen. Raises NotFound for one that may not be."""
        key = data.get("mailing_list")
        return chosen_from(self.lists(), [key], "list")[0] if key else None

    def effects(self, data: Mapping[str, Any]) -> list[Effect]:
        """Say of each contact what happens to it, or what is in the way."""
        found = self.target = self.chosen(data)
        on: set[Any] = set()
        if found is not None:
            joined = ListMembership.objects.filter(mailing_list=found, contact__in=self.rows)
            on = set(joined.values_list("contact_id", flat=True))
        return [
            Effect(row, str(row), self.lines(found), self.problem(row, found, row.pk in on))
            for row in self.rows
        ]

    def lines(self, found: MailingList | None) -> Sequence[str]:
        """Return what happens."""
        return [] if found is None else [f"{self.past} {found.name}."]

    def problem(self, row: Any, found: MailingList | None, is_on: bool) -> str:
        """Return what is in the way."""
        if found is None:
            return "Choose a list first."
        if row.subaccount_id != found.subaccount_id:
            return f"Is of {row.subaccount.name}, where {found.name} is not."
        if row.is_archived:
            return "Is archived."
        return self.state_problem(found, is_on)

    @abstractmethod
    def state_problem(self, found: MailingList, is_on: bool) -> str:
        """Return what is in the way about being on the list."""

    def done(self) -> str:
        """Say how many it was."""
        return f"{self.counted().capitalize()}: done."


class PutManyOnList(ManyContacts):
    """Put them on a list."""

    name = "put"
    label = _("Put on a list…")
    act = "put contacts on"
    past = "Is put on"

    def state_problem(self, found: MailingList, is_on: bool) -> str:
        """Refuse for who is on it."""
        return f"Is on {found.name} already." if is_on else ""

    def run_row(self, row: Any, data: Mapping[str, Any]) -> None:
        """Put one on it."""
        services.put_on_list(actor=self.actor, contact=row, mailing_list=self.target)


class TakeManyOffList(ManyContacts):
    """Take them off a list."""

    name = "take"
    label = _("Take off a list…")
    act = "take contacts off"
    past = "Is taken off"

    def state_problem(self, found: MailingList, is_on: bool) -> str:
        """Refuse for who is not on it."""
        return "" if is_on else f"Is not on {found.name}."

    def run_row(self, row: Any, data: Mapping[str, Any]) -> None:
        """Take one off it."""
        services.take_off_list(actor=self.actor, contact=row, mailing_list=self.target)
