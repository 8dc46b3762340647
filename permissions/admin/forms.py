"""A model form that knows the tenant of its row."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from permissions.resources import registry


class ScopedForm(forms.ModelForm):
    """A model form that knows the tenant of its row, also where no field shows it.

    The root follows from the chosen place, and what is unique per tenant is checked although the
    tenant is not on the form: an error on the form, not one of the database.
    """

    def clean(self) -> dict[str, Any] | None:
        """Put the row into the root of its place."""
        cleaned = super().clean()
        model = type(self.instance)
        if model in registry and cleaned is not None:
            resource = registry.of(model)
            place = cleaned.get((resource.place_path or "").removesuffix("_id"))
            if place is not None and "__" not in resource.root_path:
                root = getattr(place, f"{registry.place_to_root}_id")
                setattr(self.instance, resource.root_path, root)
        return cleaned

    def validate_unique(self) -> None:
        """Check what is unique and what belongs together, also by fields that are not here."""
        for check in (self.instance.validate_unique, self.instance.validate_constraints):
            try:
                check(exclude=set(self.errors))
            except ValidationError as error:
                self.add_error(None, ValidationError(error.messages))
