"""The scope switcher: which account, and all of its subaccounts or one.

The choice is kept in the session and narrows every list. It gives nothing: it is read through the
same selectors as everything else, and a place that went out of reach narrows nothing any more.
"""

from __future__ import annotations

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.http import url_has_allowed_host_and_scheme

from permissions.admin import row_of
from teams.admin.desk import ACCOUNT_KEY, PLACE_KEY, desk_of

#: the parameter with which the header's script asks for the list alone
PART = "part"
QUERY = "q"
SHOWN = 20
LONGEST = 100


def choices(request: HttpRequest) -> dict[str, Any]:
    """Return what may be chosen: the first subaccounts by name that hold the words typed."""
    desk = desk_of(request)
    text = request.GET.get(QUERY, "")[:LONGEST].replace("\x00", "").strip()
    found = list(desk.find_places(text).values_list("pk", "name")[: SHOWN + 1])
    return {
        "title": "Where to look",
        "subtitle": "One subaccount, or all of yours. Every list shows only what lies there.",
        "text": text,
        "found": found[:SHOWN],
        "more": len(found) > SHOWN,
        "next": local(request.GET.get("next", "")),
    }


def choose(request: HttpRequest, *, home: str) -> HttpResponse:
    """Remember the posted account or subaccount; an empty one stands for all of them.

    Raises Http404 for any that is not the person's own.
    """
    desk = desk_of(request)
    if "account" in request.POST:
        chosen = request.POST["account"]
        account = next((a for a in desk.accounts if str(a.pk) == chosen), None)
        if account is None:
            raise Http404
        request.session[ACCOUNT_KEY] = account.pk
        request.session.pop(PLACE_KEY, None)
        return HttpResponseRedirect(home)
    wanted = request.POST.get("place")
    if wanted is None:
        raise Http404
    if not wanted:
        request.session.pop(PLACE_KEY, None)
    else:
        place = row_of(desk.find_places(""), wanted)
        if place is None:
            raise Http404
        request.session[PLACE_KEY] = place.pk
    return HttpResponseRedirect(local(request.POST.get("next", "")) or home)


def local(address: str) -> str:
    """Return ``address`` if it is a path of this site, else nothing."""
    is_local = url_has_allowed_host_and_scheme(address, allowed_hosts=None)
    return address if is_local and address.startswith("/") else ""
