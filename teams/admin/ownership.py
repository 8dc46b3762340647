"""An account that is offered to the reader: the page on which they accept or decline."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from django.contrib import messages
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from permissions.admin import site_page
from permissions.audit import label_of
from permissions.errors import Invalid
from teams import services
from teams.admin.desk import Desk, desk_of
from teams.admin.ownership_verbs import becomes
from teams.admin.previews import ShownPreview, shown
from teams.admin.site import console
from teams.models import OwnershipTransfer

CHANGED = (
    "Nothing was done: somebody's rights have changed since you were shown what happens. This is "
    "what accepting does now."
)


def offers_to(desk: Desk) -> QuerySet[OwnershipTransfer]:
    """Return what is offered to the reader, in any of their accounts."""
    rows = OwnershipTransfer.objects.select_related("account", "owner", "heir")
    return rows.filter(heir=desk.user, status=OwnershipTransfer.Status.PENDING)


def waiting(desk: Desk) -> OwnershipTransfer | None:
    """Return the offer of the chosen account that waits for the reader."""
    if desk.is_owner:
        return None
    found = offers_to(desk).filter(account=desk.account)
    return next((row for row in found if row.is_open), None)


def ownership(request: HttpRequest) -> HttpResponse:
    """Show what accepting would do; on POST, accept or decline.

    A recent sign-in is asked for before anything is shown: an open window is not enough.
    """
    desk = desk_of(request)
    transfer = waiting(desk)
    if transfer is None:
        return _elsewhere(request, desk)
    if page := console.ask_again(request):
        return page
    answer, problem = request.POST.get("answer", ""), ""
    try:
        if answer == "decline":
            services.decline_transfer(actor=desk.user, transfer=transfer)
            messages.success(
                request, f"You declined to own {desk.account.name}. Nothing has changed."
            )
            return _home()
        found = _preview(desk, transfer)
        if answer == "accept" and request.POST.get("previewed") == found.digest:
            services.accept_ownership(actor=desk.user, transfer=transfer)
            messages.success(request, f"You own {desk.account.name} now.")
            return _home()
        if answer == "accept":
            problem = CHANGED
    except Invalid as error:
        found, problem = None, error.message
    context = {
        "title": f"Become the owner of {desk.account.name}",
        "transfer": transfer,
        "owner": label_of(transfer.owner),
        "owner_label": desk.edition.owner_label,
        "becomes": becomes(desk),
        "preview": found,
        "problem": problem,
    }
    return site_page(console, request, "teams/console/ownership.html", context)


def _preview(desk: Desk, transfer: OwnershipTransfer) -> ShownPreview:
    """Return what accepting would do to both, as far as the reader may know."""
    found = services.preview(services.accept_ownership, actor=desk.user, transfer=transfer)
    return replace(shown(desk, found), heading="If you accept")


def _home() -> HttpResponse:
    return HttpResponseRedirect(reverse(f"{console.name}:index"))


def _elsewhere(request: HttpRequest, desk: Desk) -> HttpResponse:
    """Lead to the account of theirs that is offered, if there is another; anything else is not
    there. A mail does not say which account somebody looks at."""
    mine: dict[Any, Any] = {account.pk: account for account in desk.accounts}
    found = [row.account for row in offers_to(desk) if row.is_open and row.account_id in mine]
    if not found or request.method == "POST":
        raise Http404
    context = {"title": "Offered to you", "accounts": found}
    return site_page(console, request, "teams/console/ownership_elsewhere.html", context)


console.add_page("ownership/", ownership, name="ownership")
