"""Pages for people who have no place yet: contacts unsubscribe, newcomers take an invitation."""

from __future__ import annotations

from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import password_validation
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render, resolve_url
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_http_methods

from permissions.errors import Invalid, Refused, ServiceError
from teams import logins
from teams.models import Invitation, Membership
from teams.services import invitation_mail, joining, leaving
from teams.services.masking import masked


# the token is the proof: mail programs post without a page of ours (RFC 8058)
@csrf_exempt
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def unsubscribe(request: HttpRequest, token: str) -> HttpResponse:
    """Ask on GET, which mail scanners follow too; unsubscribe on POST, or subscribe again.

    Mail programs post without our field, and so never subscribe anybody.
    """
    is_back = request.method == "POST" and request.POST.get("again") == "yes"
    if is_back:
        leaver = leaving.subscribe_again(token)
    elif request.method == "POST":
        leaver = leaving.unsubscribe(token)
    else:
        leaver = leaving.leaver_of(token)
    found = {"leaver": leaver, "is_back": is_back}
    return render(request, "teams/unsubscribe.html", found, status=404 if leaver is None else 200)


class JoinForm(forms.Form):
    """What a newcomer says to have a login made; the address is the invitation's."""

    first_name = forms.CharField(
        label=_("First name"),
        max_length=joining.NAME_LIMIT,
        widget=forms.TextInput(attrs={"autocomplete": "given-name"}),
    )
    last_name = forms.CharField(
        label=_("Last name"),
        max_length=joining.NAME_LIMIT,
        widget=forms.TextInput(attrs={"autocomplete": "family-name"}),
    )
    password = forms.CharField(
        label=_("Password"),
        strip=False,
        max_length=1000,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text=password_validation.password_validators_help_text_html,
    )


@csrf_protect
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def invitation(request: HttpRequest, token: str) -> HttpResponse:
    """Show what a link offers and what can be done about it; take it on POST.

    Whoever it belongs to accepts, signs in, or creates a login. A copied link does not tell whose
    it is: there, all but its owner can only have the mail sent.
    """
    try:
        found = joining.open_invitation(token)
    except Invalid as error:
        gone = {"problem": error.message, "sign_in": resolve_url(settings.LOGIN_URL)}
        return _shown(request, gone, status=404)
    step = _step(request, found, token)
    form = JoinForm(request.POST or None, label_suffix="") if step == "join" else None
    words: dict[str, Any] = {
        "invitation": found,
        "role": invitation_mail.role_of(found),
        "work": invitation_mail.work_of(found),
        "step": step,
        "form": form,
        "address": found.address if invitation_mail.is_mailed(token) else masked(found.address),
        "sign_in": resolve_url(settings.LOGIN_URL),
    }
    if request.method != "POST":
        return _shown(request, words)
    try:
        if step == "accept":
            membership = joining.accept_invitation(actor=request.user, token=token)
        elif form is not None:
            if not form.is_valid():
                return _shown(request, words, status=400)
            membership = joining.join(token=token, **form.cleaned_data)
            logins.current().sign_in(request, membership.user)
        elif step == "mail":
            joining.mail_again(token=token)
            return _shown(request, {**words, "step": "mailed"})
        else:
            return _shown(request, words, status=400)
    except ServiceError as error:
        if form is not None and error.code == "WEAK_PASSWORD":
            form.add_error("password", error.message)
            return _shown(request, words, status=400)
        status = 403 if isinstance(error, Refused) else 400
        return _shown(request, {**words, "problem": error.message}, status=status)
    messages.success(request, _welcome(membership))
    return HttpResponseRedirect(resolve_url(settings.LOGIN_REDIRECT_URL))


def _step(request: HttpRequest, found: Invitation, token: str) -> str:
    """Return what whoever looks at the page can do: accept, join, sign_in, mail; or other, for a
    login that is somebody else's."""
    user = request.user
    known = logins.current()
    if user.is_authenticated:
        if joining.is_addressee(user, found.address, token):
            return "accept"
        copied = not invitation_mail.is_mailed(token)
        return "mail" if copied and user in logins.having(found.address) else "other"
    if not invitation_mail.is_mailed(token):
        return "mail"
    claimed = any(login.is_active for login in logins.having(found.address))
    return "sign_in" if claimed or known.find(found.address) is not None else "join"


def _welcome(membership: Membership) -> str:
    place = membership.subaccount or membership.account
    return f"Welcome. You have a role in {place} now."


def _shown(request: HttpRequest, words: dict[str, Any], *, status: int = 200) -> HttpResponse:
    response = render(request, "teams/invitation.html", words, status=status)
    # the address of this page is a key: it is told to no other. "no-referrer" would tell no less,
    # but browsers then send forms with "Origin: null", which the check of forms refuses
    response["Referrer-Policy"] = "strict-origin"
    return response
