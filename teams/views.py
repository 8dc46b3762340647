"""Pages without a login: contacts unsubscribe here, and come back."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from teams.services import leaving


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
