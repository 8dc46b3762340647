"""The forms of signing in that ask for an address, or are worded otherwise than allauth's."""

from __future__ import annotations

from typing import Any

from allauth.account.forms import AddEmailForm, LoginForm
from allauth.mfa.adapter import get_adapter as factors
from allauth.mfa.webauthn import forms as passkeys
from django import forms
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from config.tasks import send_password_link
from teams.addresses import in_ascii


class AddressField(forms.EmailField):
    """An address as it is kept: in small letters, its domain in ASCII, and ASCII before it too.

    Lower case alone would make another person's address of one with a letter that only looks alike.
    """

    default_error_messages = {
        "invalid": _("This is not an address to which mail can be sent. Write it like ana@x.com.")
    }

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


#: what a credential that is not whole raises deep inside, where allauth does not look for it
BROKEN = (KeyError, TypeError, ValueError, AttributeError, IndexError)


class NewPasskey(passkeys.AddWebAuthnForm):
    """A passkey, which somebody may have made up."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        alone = self.fields["passwordless"]
        alone.label = _("Sign in with it alone, without user name and password")
        alone.help_text = ""

    def clean(self) -> Any:
        """Take a passkey that is whole, and refuse any other with a sentence."""
        try:
            return super().clean()
        except BROKEN:
            raise factors().validation_error("incorrect_code") from None


class WholePasskey:
    """Refuses with a sentence what is no answer of a passkey."""

    def clean_credential(self) -> Any:
        """Return whose passkey answered."""
        try:
            form: Any = super()  # one of allauth's, which this stands before
            return form.clean_credential()
        except BROKEN:
            raise factors().validation_error("incorrect_code") from None


class PasskeySignIn(WholePasskey, passkeys.LoginWebAuthnForm):
    """A passkey instead of name and password."""


class PasskeyFactor(WholePasskey, passkeys.AuthenticateWebAuthnForm):
    """A passkey after the password."""


class PasskeyAgain(WholePasskey, passkeys.ReauthenticateWebAuthnForm):
    """A passkey that says once more who one is."""
