"""Leaving by oneself: a role of one's own, or the whole account."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth import logout
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from permissions.admin import row_of, site_page
from permissions.audit import label_of
from permissions.errors import NotFound, OwnerRequired
from teams import services
from teams.admin import words
from teams.admin.desk import Desk, desk_of
from teams.admin.person_seats import toggles_on, with_toggles
from teams.admin.persons import seen_memberships
from teams.admin.site import console, is_tenant
from teams.models import Membership

#: what ``what`` says for the whole account; otherwise it is the key of a membership
ACCOUNT = "account"


def leave(request: HttpRequest) -> HttpResponse:
    """Ask whether the person leaves ``what``, the account unless it is named; on POST, which has to
    name it, they do."""
    desk = desk_of(request)
    posted = request.method == "POST"
    what = request.POST.get("what", "") if posted else request.GET.get("what", ACCOUNT)
    mine = list(with_toggles(seen_memberships(desk).filter(user=desk.user)))
    seats = mine if what == ACCOUNT else [seat for seat in mine if seat == _own(desk, what)]
    if not seats and not (what == ACCOUNT and desk.is_owner):
        raise Http404
    name = desk.account.name if what == ACCOUNT else words.place_label(desk, seats[0])
    if posted:
        _leave(desk, what, seats)
        if not is_tenant(request.user):
            logout(request)  # nothing is left to come back to
        messages.success(request, f"You left {name}.")
        return HttpResponseRedirect(reverse(f"{console.name}:index"))
    if what == ACCOUNT and desk.is_owner:
        raise OwnerRequired(f"You own {name}. Hand it over to somebody else before you leave.")
    context = {
        "title": f"Leave {name}",
        "what": what,
        "lines": _lost(desk, seats, is_last=len(seats) == len(mine)),
    }
    return site_page(console, request, "teams/console/leave.html", context)


def _own(desk: Desk, key: str) -> Membership | None:
    found: Membership | None = row_of(seen_memberships(desk).filter(user=desk.user), key)
    return found


def _leave(desk: Desk, what: str, seats: list[Membership]) -> None:
    try:
        if what == ACCOUNT:
            services.leave_account(actor=desk.user, account=desk.account)
        else:
            services.leave(actor=desk.user, membership=seats[0])
    except NotFound as gone:
        raise Http404 from gone


def _lost(desk: Desk, seats: list[Membership], *, is_last: bool) -> list[str]:
    """Return what goes, and who alone can bring it back."""
    lines = []
    for seat in seats:
        extras = words.listed(toggles_on(desk, [seat]))
        rest = f", with {extras}" if extras else ""
        role, place = words.role_label(desk, seat), words.place_label(desk, seat)
        lines.append(f"You are no longer {role} of {place}{rest}.")
    if is_last:
        lines.append(
            f"You have no other place in {desk.account.name}: guest access and teams there go too, "
            "and invitations you sent that are still pending are withdrawn."
        )
    owner = f"{label_of(desk.account.owner)} ({desk.edition.owner_label})"
    lines.append(
        f"You cannot undo this. Only somebody else can bring you back: ask {owner}. What you made "
        "stays, and your login stays yours."
    )
    return lines


console.add_page("access/leave/", leave, name="leave")
