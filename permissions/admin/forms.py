"""A model form that knows the tenant of its row."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from permissions.resources import registry


class ScopedForm(forms.ModelForm):
    """A model form that knows the tenant of its row, also where no field shows it.

    A row stays in the place where it was made; the root follows from that place. What is unique
    per tenant is checked although the tenant is not on the form: an error on the form, not one of
    the database.
    """

    def clean(self) -> dict[str, Any] | None:
        """Keep the row in its place, or put a new one into the root of the chosen place."""
        cleaned = super().clean()
        model = type(self.instance)
        if model not in registry or cleaned is None:
            return cleaned
        resource = registry.of(model)
        name = (resource.place_path or "").removesuffix("_id")
        place = cleaned.get(name)
        if place is None:
            return cleaned
        if not self.instance._state.adding and "__" not in name and name in self.changed_data:
            self.add_error(name, "What was made in one place stays there.")
        elif "__" not in resource.root_path:
            setattr(
                self.instance, resource.root_path, getattr(place, f"{registry.place_to_root}_id")
            )
        return cleaned

    def validate_unique(self) -> None:
        """Check what is unique and what belongs together, also by fields that are not here."""
        for check in (self.instance.validate_unique, self.instance.validate_constraints):
            try:
                check(exclude=set(self.errors))
            except ValidationError as error:
                said = self.non_field_errors()  # before 6.1 Django has asked already
                self.add_error(None, [text for text in error.messages if text not in said])

    def validate_constraints(self) -> None:
        """Check nothing: Django 6.1 asks here for what ``validate_unique`` has said already."""
