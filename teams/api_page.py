"""The console's page that tries a call of the API: what a key of one's own would be answered.

Beside the console and not part of it, for it needs the ``api`` extra: a project that has it imports
this module beside ``teams.admin`` and includes ``teams.api.urls``.
"""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse

from permissions.admin import site_page
from permissions.errors import Missing, OutOfScope, Refused
from teams import keys
from teams.admin.closed import closed
from teams.admin.desk import Desk, Place, desk_of
from teams.admin.menu import MenuEntry
from teams.admin.site import console
from teams.api.throttling import per_minute
from teams.api.trial import Operation, operations, try_call
from teams.catalogue import CATALOGUE, GENERATE_API_KEYS, USE_API_TEST
from teams.models import Subaccount

#: how the names of fields begin that are parameters of the call, so that they meet no other
OF_CALL = "p_"
LONGEST = 400


def places(desk: Desk) -> list[Place]:
    """Return where the person may try calls, by name."""
    return [place for place in desk.active if desk.holds(USE_API_TEST, place.pk)]


def may_enter(request: HttpRequest) -> bool:
    """Say whether the person may try calls anywhere in the chosen account."""
    return desk_of(request).holds(USE_API_TEST)


def api_test(request: HttpRequest) -> HttpResponse:
    """Offer what can be called, and show what it answers."""
    desk = desk_of(request)
    offered = places(desk)
    place = _chosen(desk, offered)
    known = operations()
    operation = known.get(request.GET.get("operation", ""), known["me_permissions"])
    subaccount = Subaccount.objects.select_related("account").get(pk=place.pk)
    scopes = keys.scopes_for(desk.user, subaccount)
    is_run = "run" in request.GET
    ticked = [s for s in scopes if not is_run or s in request.GET.getlist("scope")]
    values = {one.name: _typed(request, one.name) for one in operation.parameters}
    answer = try_call(request, subaccount, ticked, operation, values) if is_run else None
    context = {
        "title": "API test",
        "subtitle": "See what a key of yours would be answered, before you make one.",
        "places": offered,
        "place": place,
        "operations": known.values(),
        "operation": operation,
        "fields": _fields(operation, values),
        "scopes": [(s, str(CATALOGUE[s].label), s in ticked) for s in scopes],
        "per_minute": per_minute(),
        "answer": answer,
        "means": means(answer.status) if answer else "",
        "makes_keys": desk.holds(GENERATE_API_KEYS, place.pk),
    }
    return site_page(console, request, "teams/console/api_test.html", context)


def means(status: int) -> str:
    """Return what an answer with ``status`` says to whoever writes the program, as a sentence."""
    return _MEANS.get(status, "The call was not carried out; detail says why.")


_MEANS = {
    200: "A key of yours with these scopes would get exactly this.",
    400: "The call is not written as it should be; detail says what is wrong.",
    403: "A key with these scopes may not do this; missing names what it would need. If it is in "
    "the list above, tick it; if not, you do not hold it yourself.",
    404: "There is no such thing here, or none that a key of yours may see: both get this answer.",
    422: "A field is missing or wrong; errors names it.",
}


def _chosen(desk: Desk, offered: list[Place]) -> Place:
    """Return the subaccount to try calls in: the one asked for, the one chosen above, or the first.

    Raises Refused where the person may not.
    """
    asked = desk.request.GET.get("place", "")
    narrowed = str(desk.place.pk) if desk.place is not None else ""
    for wanted in (asked, narrowed):
        if wanted:
            found = next((place for place in offered if str(place.pk) == wanted), None)
            if found is not None:
                return found
            if wanted == asked:
                break
    if asked or not offered:
        raise _refusal(desk, asked)
    return offered[0]


def _refusal(desk: Desk, asked: str) -> Refused:
    named = next((p.name for p in desk.places if str(p.pk) == asked), "")
    if not places(desk) and not named:
        return closed(desk, "API test", [USE_API_TEST])
    named = named or desk.account.name
    label = str(USE_API_TEST.label)
    return OutOfScope(
        f"You cannot try calls of the API: it needs {label} in {named}, which you do not hold.",
        missing=[Missing(str(USE_API_TEST), label, named)],
    )


def _typed(request: HttpRequest, name: str) -> str:
    return request.GET.get(f"{OF_CALL}{name}", "")[:LONGEST].replace("\x00", "")


def _fields(operation: Operation, values: dict[str, str]) -> list[dict[str, Any]]:
    return [
        {
            "name": f"{OF_CALL}{one.name}",
            "label": one.name,
            "value": values[one.name],
            "help": one.help.replace("`", ""),  # which the document writes names in
            "choices": one.choices,
            "required": one.required,
        }
        for one in operation.parameters
    ]


console.add_page(
    "api-test/",
    api_test,
    name="api_test",
    entry=MenuEntry("account", "API test", "settings", may_enter, order=70),
)
