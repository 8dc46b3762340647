"""What the forms about contacts share: lists to choose, and the fields of a subaccount."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms
from django.db.models import QuerySet

from permissions import access
from permissions.admin import VerbForm
from teams.addresses import LEFT_OUT
from teams.admin.desk import Desk
from teams.admin.forms import offer
from teams.catalogue import ADD_CONTACTS
from teams.models import CustomField, MailingList
from teams.services.fields import as_text, fields_of

Kind = CustomField.Kind
#: how the form names the fields that a subaccount made for itself
OWN = "own_"
YES_NO = (("", "Not set"), ("yes", "Yes"), ("no", "No"))


def is_list_guest(desk: Desk, permission: str) -> bool:
    """Say whether the person is a guest of some list with ``permission``."""
    label = MailingList._meta.label_lower
    return desk.profile.is_guest(desk.account.pk, permission, label)


def open_lists(desk: Desk, place: Any) -> QuerySet[MailingList]:
    """Return the lists of ``place`` that the person may put contacts on, by name."""
    rows = MailingList.objects.filter(subaccount=place, archived_at=None)
    return access.visible(rows, desk.user, ADD_CONTACTS).order_by("name", "pk")


def offer_lists(form: VerbForm, rows: Any, *, none: str = "") -> None:
    """Offer lists in the form; ``none`` is what it is called to choose none of them."""
    found = [(str(row.pk), row.name) for row in rows]
    offer(form, "mailing_list", [("", none), *found] if none else found)


class PersonForm(VerbForm):
    """Name and address, and the fields of the subaccount."""

    email = forms.CharField(
        label="Address",
        strip=False,
        widget=forms.EmailInput(attrs={"class": "vTextField", "autocomplete": "off"}),
    )
    first_name = forms.CharField(label="First name", required=False, strip=False)
    last_name = forms.CharField(label="Last name", required=False, strip=False)

    def add_own(self, place: Any, values: Mapping[str, Any]) -> None:
        """Add the fields of ``place`` with their ``values``; what is typed is the service's."""
        for codename, field in fields_of(place).items():
            made: Any = forms.CharField(label=field.label, required=False, strip=False)
            match field.kind:
                case Kind.YES_NO:
                    made.widget = forms.Select(choices=YES_NO)
                case Kind.NUMBER:
                    made.widget.attrs["inputmode"] = "decimal"
                case Kind.DATE:
                    made.widget = forms.DateInput(attrs={"type": "date"})
            made.initial = as_text(values.get(codename))
            self.fields[f"{OWN}{codename}"] = made

    def hide(self, name: str) -> None:
        """Show that the field ``name`` has a value that the actor may not see."""
        self.fields[name].initial = ""
        self.fields[name].help_text = "Leave it empty to keep what it has."
        self.fields[name].widget.attrs["placeholder"] = LEFT_OUT


def own_fields(verb: Any) -> dict[str, str]:
    """Return what was posted for the fields of the subaccount, also for such as it does not have:
    the service says so."""
    posted = verb.request.POST.items()
    return {name.removeprefix(OWN): value for name, value in posted if name.startswith(OWN)}
