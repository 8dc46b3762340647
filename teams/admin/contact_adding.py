"""Add a contact: where, on which list, and who they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from permissions import access
from permissions.admin import row_of
from permissions.resources import registry
from teams import services
from teams.admin.contact_forms import (
    PersonForm,
    is_list_guest,
    offer_lists,
    open_lists,
    own_fields,
)
from teams.admin.desk import Place
from teams.admin.forms import OfferedField, chosen_from
from teams.admin.work import PlacedWork
from teams.catalogue import ADD_CONTACTS, EXPORT_PII
from teams.models import MailingList, Subaccount
from teams.services.masking import masks


class AddForm(PersonForm):
    """A list to put them on, and who they are."""

    mailing_list = OfferedField(label="List")
    field_order = ("mailing_list", "email", "first_name", "last_name")

    def prepare(self, verb: Any) -> None:
        """Offer the lists, and no list to whoever sees every contact."""
        self.fields["mailing_list"].required = verb.needs_list
        offer_lists(self, verb.lists, none="" if verb.needs_list else "No list")
        self.add_own(verb.part, {})


class AddContact(PlacedWork):
    """Add a contact to a subaccount, on a list of it or on none."""

    name = "add"
    label = _("Add contact")
    permission = ADD_CONTACTS
    noun = "contact"
    form_class = AddForm

    def is_open(self, place: Any = None) -> bool:
        """Say whether the actor may add one there or anywhere, as a guest of a list too; not where
        addresses are masked, for the answer would tell of them."""
        desk = self.desk
        if place is None:
            held: Any = desk.profile.scope(desk.account.pk, ADD_CONTACTS)
            if desk.account.masks_addresses:
                sees = desk.profile.scope(desk.account.pk, EXPORT_PII)
                held = access.intersection(held, sees)
                return bool(held.everywhere or held.places)
            return bool(held) or is_list_guest(desk, ADD_CONTACTS)
        if masks(desk.account, desk.profile, place):
            return False
        return desk.holds(ADD_CONTACTS, place) or place in self.visited

    @cached_property
    def visited(self) -> dict[Any, Place]:
        """Return the subaccounts where the actor is a guest of a list that takes contacts."""
        desk = self.desk
        if not is_list_guest(desk, ADD_CONTACTS):
            return {}
        rows = MailingList.objects.filter(account=desk.account, archived_at=None)
        seen = access.visible(rows, desk.user, ADD_CONTACTS).select_related("subaccount")
        places = (row.subaccount for row in seen)
        return {p.pk: Place(p.pk, p.name, p.is_archived, p.is_home) for p in places}

    def places(self) -> list[Place]:
        """Return the subaccounts where the actor may add one."""
        found = {**self.visited, **{place.pk: place for place in self.desk.active}}
        return [place for place in found.values() if self.is_open(place.pk)]

    def find(self, key: str) -> Any:
        """Return the subaccount, if the actor works there or is a guest of a list of it."""
        rows = Subaccount.objects.filter(pk__in=self.visited)
        return super().find(key) or row_of(rows, key)

    @property
    def needs_list(self) -> bool:
        """Say whether the actor must name a list: a guest of one, and who sees some lists only."""
        desk, place = self.desk, self.part.pk
        is_limited = desk.profile.is_limited(registry.of(MailingList), desk.account.pk, place)
        return is_limited or not desk.holds(ADD_CONTACTS, place)

    @property
    def lists(self) -> QuerySet[MailingList]:
        """Return the lists that may be chosen."""
        return open_lists(self.desk, self.part)

    def refusal(self) -> str:
        """Refuse where addresses are masked, and where a list is needed and there is none."""
        desk, place = self.desk, self.part
        if place is not None and masks(desk.account, desk.profile, place.pk):
            return (
                f"You cannot add a contact: addresses are masked in {place.name}, and the answer "
                "would tell whether one is known. It needs Addresses in exports there."
            )
        if reason := super().refusal():
            return reason
        if place is not None and self.needs_list and not self.lists.exists():
            return f"There is no list in {place.name} that you may put contacts on."
        return ""

    def consequence(self) -> Sequence[str]:
        """Say what happens to an address that is there already."""
        return (
            "A contact that you see already is put on the list as it is: name, fields and state "
            "stay, and who unsubscribed stays unsubscribed.",
        )

    def run(self, data: Mapping[str, Any]) -> str:
        """Add them; say the same whether they were there or not."""
        where: Any = self.part
        if data["mailing_list"]:
            own = MailingList.objects.filter(subaccount=self.part)
            where = chosen_from(
                access.visible(own, self.actor, ADD_CONTACTS), [data["mailing_list"]], "list"
            )[0]
        services.add_contact(
            actor=self.actor,
            where=where,
            email=data["email"],
            first_name=data["first_name"],
            last_name=data["last_name"],
            fields=own_fields(self),
        )
        return f"The contact is {'on' if data['mailing_list'] else 'in'} {where.name} now."

    def next_url(self) -> str:
        """Go back to the list: the page of the contact would tell whether it is new."""
        return self.list_url()
