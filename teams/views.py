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
    """Ask on GET, which mail scanners follow too; unsubscribe on POST, or subscribe again."""
    done = ""
    if request.method == "POST":
        done = "back" if request.POST.get("do") == "subscribe" else "left"
    act = {"left": leaving.unsubscribe, "back": leaving.subscribe_again, "": leaving.leaver_of}
    leaver = act[done](token)
    if leaver is None:
        return render(request, "teams/unsubscribe.html", {"leaver": None}, status=404)
    return render(request, "teams/unsubscribe.html", {"leaver": leaver, "done": done})
