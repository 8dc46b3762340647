"""What archiving or restoring a subaccount means for the people in it, in words."""

from __future__ import annotations

from typing import Any

from django.utils import timezone

from permissions import access, grants
from permissions.audit import label_of
from teams import selectors
from teams.admin import words
from teams.admin.desk import Desk
from teams.admin.persons import seen_memberships
from teams.catalogue import ACCESS_AUDIENCE, ACCESS_CAMPAIGNS
from teams.limits import Countable, Limit
from teams.models import Campaign, MailingList, Membership, Subaccount

NAMED = 8
NOBODY = "Nobody"


def archive_lines(desk: Desk, place: Subaccount) -> list[str]:
    """Return what is lost and what stays when ``place`` is archived."""
    crew, guests = _crew(desk, place), _guests(desk, place)
    lines = [f"{crew or 'Everybody with a role in it'} can no longer work in it."]
    if crew == NOBODY:
        lines = ["Nobody has a role in it, so nobody loses access."]
    if guests:
        lines.append(f"Guest access to it and to what is in it sleeps: {guests}.")
    scheduled = _names(
        access.visible(
            Campaign.objects.filter(subaccount=place, status=Campaign.Status.SCHEDULED),
            desk.user,
            ACCESS_CAMPAIGNS,
        )
    )
    if scheduled:
        lines.append(f"Scheduled, and not sent while it is archived: {scheduled}.")
    lines += [
        "Nothing in it can be sent or changed until it is restored.",
        f"Nothing is deleted: people, roles, {_lists(desk, place)}, templates and campaigns stay, "
        "and come back with it.",
        _room(desk, -1),
    ]
    return lines


def restore_lines(desk: Desk, place: Subaccount) -> list[str]:
    """Return who regains what when ``place`` is restored."""
    crew, guests = _crew(desk, place), _guests(desk, place)
    who = crew or "Everybody who still has a role in it"
    lines = [f"{who} can work in it again, with the same rights."]
    if crew == NOBODY:
        lines = ["Nobody has a role in it, so nobody regains access."]
    if guests:
        lines.append(f"Guest access to it and to what is in it wakes: {guests}.")
    return [*lines, _room(desk, +1)]


def _shows_people(desk: Desk, place: Subaccount) -> bool:
    scope = selectors.people_places(desk.profile, desk.account.pk)
    return desk.acts_as_owner or place.pk in scope


def _crew(desk: Desk, place: Subaccount) -> str:
    """Return who works in ``place``, by name as far as the reader sees them; empty if unknown."""
    if not _shows_people(desk, place):
        return ""
    working = Membership.objects.filter(
        selectors.works_in(place),
        grants.active(timezone.now()),
        account=desk.account,
        status=Membership.Status.ACTIVE,
        user__is_active=True,
    )
    seen = working
    if not desk.acts_as_owner:  # who may see everybody, also where it is archived
        seen = seen_memberships(desk).filter(pk__in=working.values("pk"))
    named: dict[Any, str] = {}
    for row in seen.select_related("user", "custom_role").order_by(*words.by_name("user__")):
        who = "You" if row.user_id == desk.user.pk else label_of(row.user)
        named.setdefault(row.user_id, f"{who} ({words.role_label(desk, row)})")
    total = working.values("user").distinct().count()
    return _and_more(list(named.values()), total) if total else NOBODY


def _guests(desk: Desk, place: Subaccount) -> str:
    """Return the names of the guests of ``place`` and of what is in it."""
    if not _shows_people(desk, place):
        return ""
    found: dict[Any, str] = {}
    for resource, given in selectors.guest_grants():
        inside = {f"content_object__{resource.place_path}": place.pk}
        rows = given.filter(grants.active(timezone.now()), **inside)
        for row in rows.select_related("user"):
            found[row.user_id] = label_of(row.user)
    return _and_more(sorted(found.values()), len(found))


def _names(rows: Any) -> str:
    names = list(rows.order_by("name").values_list("name", flat=True))
    return _and_more(names, len(names))


def _and_more(names: list[str], total: int) -> str:
    """Return up to eight names, "and 3 more" for those that are not named."""
    shown = names[:NAMED]
    rest = total - len(shown)
    if not shown:
        return f"{rest} {'person' if rest == 1 else 'people'}" if rest else ""
    return f"{', '.join(shown)} and {rest} more" if rest else words.listed(shown)


def _lists(desk: Desk, place: Subaccount) -> str:
    if not desk.holds(ACCESS_AUDIENCE, place.pk):
        return "mailing lists"
    lists = MailingList.objects.filter(subaccount=place)
    count = access.visible(lists, desk.user, ACCESS_AUDIENCE).count()
    return f"{count} mailing list{'' if count == 1 else 's'}"


def _room(desk: Desk, change: int) -> str:
    """Return what it does to the number of active subaccounts, and to what is left of a limit."""
    limit = desk.offers.limit(Countable.SUBACCOUNTS)
    if limit is None:
        if change < 0:
            return "It no longer counts as an active subaccount."
        return "It counts as an active subaccount again."
    count = desk.offers.active_subaccounts()
    return room(limit, count, count + change)


def room(limit: Limit, count: int, then: int) -> str:
    """Return how many active subaccounts there are, may be, and will be."""
    return (
        f"{count} of the {limit.value} subaccounts that {limit.because} allows are active; this "
        f"makes {then}."
    )
