"""The fields of the verbs: what is offered is shown, what is posted is left to the service."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, time
from typing import Any

from django import forms
from django.utils import timezone

from permissions.admin import VerbForm, row_of, rows_of
from permissions.catalogue import Label
from permissions.errors import NotFound
from teams.csv_files import WESTERN
from teams.models import Account, Role
from teams.services.gates import LAST_YEAR

Choices = Iterable[tuple[str, Any]]

#: how a file may be written
ENCODINGS: list[tuple[str, str]] = [
    ("", "UTF-8, or what the file says itself"),
    (WESTERN, "Western European (Windows-1252), from older spreadsheets"),
]


class OfferedField(forms.ChoiceField):
    """Shows what is offered and lets any text through: the service judges what was chosen.

    Refusing a forged value here would answer it with a form error and leave no trace.
    """

    def offer(self, choices: Choices) -> None:
        """Show ``choices``; with several, the first is no choice at all."""
        found = list(choices)
        if self.required and len(found) != 1:
            found.insert(0, ("", "Choose…" if found else "Nothing to choose"))
        self.choices = found

    def valid_value(self, value: Any) -> bool:
        """Let the service say."""
        return True


class OfferedSet(forms.MultipleChoiceField):
    """Shows boxes for what is offered and lets any text through, like ``OfferedField``."""

    widget = forms.CheckboxSelectMultiple

    def offer(self, choices: Choices) -> None:
        """Show ``choices``."""
        self.choices = list(choices)

    def valid_value(self, value: Any) -> bool:
        """Let the service say."""
        return True


def offer(form: VerbForm, name: str, choices: Choices) -> None:
    """Show ``choices`` in the field ``name`` of ``form``."""
    field: Any = form.fields[name]
    field.offer(choices)


class EndField(forms.DateField):
    """The last day of something, or empty for no end; gives the end of that day."""

    def __init__(self) -> None:
        super().__init__(
            label="Access ends",
            required=False,
            help_text="The last day. Leave empty for no end.",
            widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
            input_formats=["%Y-%m-%d"],
        )

    def clean(self, value: Any) -> datetime | None:
        """Return the last moment of the day."""
        day = super().clean(value)
        if day is None:
            return None
        if day.year >= LAST_YEAR:
            raise forms.ValidationError(f"Choose a day before {LAST_YEAR}, or none for no end.")
        return timezone.make_aware(datetime.combine(day, time(23, 59, 59)))


class NameForm(VerbForm):
    """A name, as free as the service leaves it."""

    name = forms.CharField(
        label="Name",
        strip=False,
        required=True,
        widget=forms.TextInput(attrs={"class": "vTextField"}),
    )

    def prepare(self, verb: Any) -> None:
        """Begin with the name it has."""
        if verb.obj is not None:
            self.fields["name"].initial = verb.obj.name


def role_of(account: Account, value: str) -> str | Role:
    """Return the role a posted value names. Raises NotFound for a custom role of nobody's."""
    kind, _, key = value.partition(":")
    if kind != "custom":
        return value
    found = row_of(Role.objects.filter(account=account), key)
    if found is None:
        raise NotFound("There is no such role in this account.")
    return found


def chosen_from(queryset: Any, keys: Iterable[str], what: Label) -> list[Any]:
    """Return the rows that ``keys`` name. Raises NotFound if one is not in ``queryset``."""
    found: list[Any] | None = rows_of(queryset, filter(None, keys))
    if found is None:
        raise NotFound(f"There is no such {what} among those you may choose.")
    return found
