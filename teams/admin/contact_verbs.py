"""Verbs about one contact: edit, put on a list, take off it, unsubscribe."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from permissions import access
from permissions.admin import VerbForm, row_of
from teams import services
from teams.admin.contact_forms import (
    OWN,
    PersonForm,
    offer_lists,
    open_lists,
    own_fields,
)
from teams.admin.forms import OfferedField, chosen_from
from teams.admin.work import WorkVerb, lacks
from teams.catalogue import ADD_CONTACTS, VIEW_CONTACTS
from teams.models import Contact, MailingList
from teams.services.contacts import sees_all
from teams.services.masking import NAMES, hides, masks


class ContactVerb(WorkVerb):
    """A verb about a contact the actor sees."""

    permission = ADD_CONTACTS
    obj: Contact

    def refusal(self) -> str:
        """Refuse to whoever may not see the contact."""
        if not access.allows(self.actor, VIEW_CONTACTS, self.obj):
            return lacks(VIEW_CONTACTS, f"{self.act} {self.obj}", self.obj.subaccount.name)
        return super().refusal()


class EditForm(PersonForm):
    """What is known of them."""

    def prepare(self, verb: Any) -> None:
        """Begin with it; leave out the address for whoever may not change it."""
        for name in ("email", "first_name", "last_name"):
            self.fields[name].initial = getattr(verb.obj, name)
        if not verb.may_change_address:
            del self.fields["email"]
        self.add_own(verb.obj.subaccount, verb.obj.fields)
        for name in verb.hidden & self.fields.keys():
            self.hide(name)


class EditContact(ContactVerb):
    """Change what is known of them."""

    name = "edit"
    label = _("Edit…")
    act = "edit"
    form_class = EditForm

    @property
    def may_change_address(self) -> bool:
        """Say whether the actor sees every address of the subaccount."""
        desk, place = self.desk, self.obj.subaccount_id
        is_open = not masks(desk.account, desk.profile, place)
        return is_open and sees_all(desk.profile, desk.account.pk, place)

    @cached_property
    def hidden(self) -> set[str]:
        """Return which fields of the form hold an address that the actor may not see."""
        own, desk = self.obj, self.desk
        values = {name: getattr(own, name) for name in NAMES}
        values |= {f"{OWN}{codename}": value for codename, value in own.fields.items()}
        return {n for n, value in values.items() if hides(desk.account, desk.profile, own, value)}

    def title(self) -> str:
        """Return the heading."""
        return f"Edit {self.obj}"

    def button(self) -> str:
        """Return what the button says."""
        return "Save contact"

    def run(self, data: Mapping[str, Any]) -> str:
        """Save; an address that was posted is judged also where none was asked for.

        What is not shown stays as it is unless something is typed in its place.
        """
        kept = {name for name in self.hidden if not self.request.POST.get(name, "").strip()}
        made = services.edit_contact(
            actor=self.actor,
            contact=self.obj,
            email=data.get("email", self.request.POST.get("email")),
            **{name: data[name] for name in NAMES if name not in kept},
            fields={
                codename: value
                for codename, value in own_fields(self).items()
                if f"{OWN}{codename}" not in kept
            },
        )
        return f"{made} is saved."


class PutForm(VerbForm):
    """A list they are not on."""

    mailing_list = OfferedField(label="List")

    def prepare(self, verb: Any) -> None:
        """Offer the lists."""
        offer_lists(self, verb.free())


class PutOnList(ContactVerb):
    """Put them on one more list."""

    name = "put"
    label = _("Put on a list…")
    act = "put on a list:"
    form_class = PutForm

    def free(self) -> QuerySet[MailingList]:
        """Return the lists that the actor may put them on."""
        found = open_lists(self.desk, self.obj.subaccount_id)
        return found.exclude(contacts=self.obj)

    def refusal(self) -> str:
        """Ask the right of a list, not of the contact: of one they are not on yet."""
        if not access.allows(self.actor, VIEW_CONTACTS, self.obj):
            return lacks(VIEW_CONTACTS, f"{self.act} {self.obj}", self.obj.subaccount.name)
        if self.obj.is_archived:
            return f"{self.obj} is archived. Restore it first."
        if not self.free().exists():
            return f"There is no other list that you may put {self.obj} on."
        return ""

    def title(self) -> str:
        """Return the heading."""
        return f"Put {self.obj} on a list"

    def consequence(self) -> Sequence[str]:
        """Say what comes of it."""
        return ("Campaigns to that list go to them from now on, unless they unsubscribed.",)

    def button(self) -> str:
        """Return what the button says."""
        return "Put on list"

    def run(self, data: Mapping[str, Any]) -> str:
        """Put them on it."""
        own = access.visible(
            MailingList.objects.filter(subaccount=self.obj.subaccount_id), self.actor, ADD_CONTACTS
        )
        found = chosen_from(own, [data["mailing_list"]], "list")[0]
        services.put_on_list(actor=self.actor, contact=self.obj, mailing_list=found)
        return f"{self.obj} is on {found} now."


class TakeOffList(ContactVerb):
    """Take them off a list."""

    name = "take"
    label = _("Take off…")
    act = "take off a list:"
    on_archived = True
    is_part = True
    part_type = MailingList
    part: MailingList

    def find(self, key: str) -> Any:
        """Return the list, if they are on it and the actor sees it."""
        rows = MailingList.objects.filter(contacts=self.obj)
        return row_of(access.visible(rows, self.actor, VIEW_CONTACTS), key)

    def refusal(self) -> str:
        """Refuse without the right on that list."""
        if not access.allows(self.actor, ADD_CONTACTS, self.part):
            return lacks(ADD_CONTACTS, f"take {self.obj} off {self.part}", self.part.name)
        return super().refusal()

    def title(self) -> str:
        """Return the heading."""
        return f"Take {self.obj} off {self.part}"

    def consequence(self) -> Sequence[str]:
        """Say what stays."""
        return (
            f"Campaigns to {self.part} no longer go to them. What is known of them stays.",
            "Who sees contacts of this list only no longer sees them.",
        )

    def button(self) -> str:
        """Return what the button says."""
        return "Take off list"

    def run(self, data: Mapping[str, Any]) -> str:
        """Take them off."""
        services.take_off_list(actor=self.actor, contact=self.obj, mailing_list=self.part)
        return f"{self.obj} is no longer on {self.part}."


class Unsubscribe(ContactVerb):
    """Stop all mail to them, because they asked for it."""

    name = "unsubscribe"
    label = _("Unsubscribe…")
    act = "unsubscribe"
    is_danger = True

    def obstacle(self) -> str:
        """Refuse if they are."""
        if self.obj.status == Contact.Status.UNSUBSCRIBED:
            return f"{self.obj} is unsubscribed already."
        return ""

    def title(self) -> str:
        """Return the heading."""
        return f"Unsubscribe {self.obj}"

    def consequence(self) -> Sequence[str]:
        """Say that there is no way back."""
        return (
            f"No campaign of {self.obj.subaccount.name} goes to them any more, whatever list they "
            "are on.",
            "This cannot be undone here: only they themselves can subscribe again.",
        )

    def button(self) -> str:
        """Return what the button says."""
        return self.title()

    def run(self, data: Mapping[str, Any]) -> str:
        """Unsubscribe them."""
        services.set_subscription(
            actor=self.actor, contact=self.obj, status=Contact.Status.UNSUBSCRIBED.value
        )
        return f"{self.obj} is unsubscribed."
