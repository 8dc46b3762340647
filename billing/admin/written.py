"""How operators write: a form calls a service, and what that says stands on the form.

Every operator may look. To write, one needs Django's own permission on the model as well. Nothing
here gives anybody access in an account.
"""

from __future__ import annotations

from typing import Any

from django import forms
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _

from permissions.errors import Invalid
from teams.admin.looking import LookedAt
from teams.models import Account


class PlatformForm(forms.ModelForm):
    """A form of the platform: the service judges, and what it says stands on the form."""

    #: what the service said of what was sent
    said = ""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # those of the database have no sentence for people; the service has one for each
        self.instance.validate_constraints = lambda exclude=None: None

    def clean(self) -> dict[str, Any]:
        """Show what the service said."""
        if self.said:
            raise forms.ValidationError(self.said)
        return self.cleaned_data


class WrittenAt(LookedAt):
    """Rows that operators look at, and write through services."""

    def get_form(self, request: Any, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        """Return the form, with what the service said of what was sent."""
        form: Any = super().get_form(request, obj, change=change, **kwargs)
        form.said = getattr(request, "_said", "")
        return form

    def changeform_view(
        self,
        request: Any,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Show the form or save it; what a service refuses is shown on it, and nothing written."""
        try:
            with transaction.atomic():
                return super().changeform_view(request, object_id, form_url, extra_context)
        except Invalid as error:
            request._said = error.message
            return super().changeform_view(request, object_id, form_url, extra_context)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Leave it to ``save_related``, which knows the rows below as well."""

    def made(self, form: Any, row: Any) -> None:
        """Give the form the ``row`` that a service made of it."""
        form.instance.pk = row.pk
        form.instance.refresh_from_db()

    def construct_change_message(
        self, request: HttpRequest, form: Any, formsets: Any, add: bool = False
    ) -> list[dict[str, dict[str, list[str]]]]:
        """Say nothing: the audit does."""
        return []


def _reason() -> forms.CharField:
    return forms.CharField(
        label=_("Reason"),
        max_length=500,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text=_("The tenant reads it in the audit of the account."),
    )


class AccountForm(PlatformForm):
    """A form about an account, named by its short name."""

    account_name = forms.CharField(label=_("Account"), help_text=_("Its short name."))
    reason = _reason()

    def clean_account_name(self) -> Account:
        """Return the account."""
        found = Account.objects.filter(slug=self.cleaned_data["account_name"].strip()).first()
        if found is None:
            raise forms.ValidationError("There is no account with that short name.")
        return found
