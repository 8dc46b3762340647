"""The forms of signing in that ask for an address, or are worded otherwise than allauth's."""

from __future__ import annotations

from typing import Any

from allauth.account.forms import AddEmailForm, LoginForm
from django import forms
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from config.tasks import send_password_link
from teams.addresses import in_ascii


class AddressField(forms.EmailField):
    """An address as it is kept: in small letters, its domain in ASCII, and ASCII before it too.

    Lower case alone would make another person's address of one with a letter that only looks alike.
    """

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("label", _("E-mail address"))
        super().__init__(widget=forms.EmailInput(attrs={"autocomplete": "email"}), **kwargs)

    def clean(self, value: Any) -> str:
        """Return the address, or raise ValidationError."""
        try:
            written = in_ascii(super().clean(value))
        except UnicodeError:
            written = ""
        if not written.isascii() or not written:
            raise forms.ValidationError(self.error_messages["invalid"], code="invalid")
        return written.lower()


class SignIn(LoginForm):
    """User name or address, and password."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["login"].label = _("User name or e-mail address")
        self.fields["login"].widget = forms.TextInput(
            attrs={"autocomplete": "username", "autocapitalize": "none", "autofocus": True}
        )
        self.fields["password"].widget.attrs.pop("placeholder", None)
        self.fields["password"].help_text = ""


class NewAddress(AddEmailForm):
    """The address one wants to change to."""

    email = AddressField(label=_("New e-mail address"))


class ForgottenPassword(forms.Form):
    """Has the worker look whose address it is, so that nobody can tell from the answer."""

    email = AddressField()

    def save(self, request: HttpRequest, **_: Any) -> str:
        """Have the link sent if there is such a login."""
        address: str = self.cleaned_data["email"]
        send_password_link.enqueue(address)
        return address
