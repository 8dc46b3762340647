"""The home page: what waits and what there is to whoever runs something, their work to the rest."""

from __future__ import annotations

from typing import Any, NamedTuple

from django.contrib.auth import get_user_model
from django.db.models import Count, Q, QuerySet
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from permissions import access
from permissions.audit import label_of
from permissions.catalogue import Permission
from teams import selectors
from teams.admin import activity, lacks, review_rows, words
from teams.admin.desk import Desk
from teams.admin.invitations import pending_counts, pending_in, pending_url
from teams.admin.ownership import waiting
from teams.admin.persons import changes_people, seen_memberships, sees_people
from teams.admin.site import console
from teams.admin.soon import SOON, Row, ending_rows, extending
from teams.admin.subaccounts import counted, is_entered
from teams.catalogue import (
    ACCESS_AUDIENCE,
    ACCESS_AUTOMATION,
    ACCESS_CAMPAIGNS,
    ACCESS_CONTENT,
    ACCESS_RESPONSE,
    CREATE_CAMPAIGNS,
    EXPORT_CONTACTS,
    MANAGE_MEMBERS,
    SEND_CAMPAIGNS,
    VIEW_CONTACTS,
)
from teams.limits import Countable
from teams.models import Campaign, Invitation, MailingList, Membership, Result, Subaccount

RECENT = 6
NEWEST = 8
SHOWN = 12
FIRST = 5
#: what the home page answers first: "What you may do here"
HEADLINES = (
    ACCESS_CAMPAIGNS,
    CREATE_CAMPAIGNS,
    SEND_CAMPAIGNS,
    ACCESS_AUTOMATION,
    ACCESS_AUDIENCE,
    VIEW_CONTACTS,
    EXPORT_CONTACTS,
    ACCESS_RESPONSE,
    ACCESS_CONTENT,
    MANAGE_MEMBERS,
)


class Card(NamedTuple):
    """A number that leads to the list it counts."""

    label: str
    value: int
    rest: str
    note: str | SafeString
    url: str
    share: int | None = None
    is_warn: bool = False


def home_context(desk: Desk) -> dict[str, Any]:
    """Return what the home page of this person shows."""
    runs = is_entered(desk)
    ending = ending_rows(desk)
    lacking = lacks.lacking(desk) if desk.works_at_account and sees_people(desk) else []
    context: dict[str, Any] = {
        "title": "Home",
        "subtitle": f"{desk.account.name}, {desk.edition.label}. You are {_you_are(desk)}.",
        "runs": runs,
        "offered": None if desk.account.read_only_because else waiting(desk),
        "reviews": review_rows.waiting(desk)[:FIRST],
        "ending": ending[:FIRST],
        "ending_count": len(ending),
        **extending(desk, ending),
        "days": SOON.days,
        "recent": activity.recent(desk, RECENT),
        "abilities": [] if runs else _abilities(desk),
    }
    if runs:
        offered: Any = console._registry[Subaccount]
        return context | {
            "cards": _cards(desk, lacking, ending),
            "lacking": [(lack, page_url(Subaccount, lack.place.pk)) for lack in lacking[:FIRST]],
            "lacking_count": len(lacking),
            "lacking_url": list_url(Subaccount, f"?lacks={lacking[0].key}") if lacking else "",
            "subaccounts": _subaccounts(desk),
            "archived": [place.name for place in desk.places if place.is_archived],
            "more": max(0, len(desk.active) - SHOWN),
            "verbs": offered.offered(desk.request),
            "unsent": _unsent(desk),
        }
    return context | _work(desk)


def _you_are(desk: Desk) -> str:
    named = desk.reach is not None and len(desk.reach) == 1
    where = desk.where if named else desk.where[0].lower() + desk.where[1:]
    return f"{desk.chip.label} of {where}"


def list_url(model: Any, query: str = "") -> str:
    """Return the address of a list of the console, filtered by ``query``."""
    meta = model._meta
    return reverse(f"{console.name}:{meta.app_label}_{meta.model_name}_changelist") + query


def page_url(model: Any, key: Any) -> str:
    """Return the address of the page of one object."""
    meta = model._meta
    return reverse(f"{console.name}:{meta.app_label}_{meta.model_name}_change", args=[key])


def listed(desk: Desk, model: Any) -> QuerySet[Any]:
    """Return what the list of ``model`` shows as one opens it, as its number and its link do."""
    model_admin: Any = console._registry[model]
    found: QuerySet[Any] = model_admin.shown(desk.request)
    return found


# whoever runs something: numbers, each with the list it counts


def _cards(desk: Desk, lacking: list[lacks.Lack], ending: list[Row]) -> list[Card]:
    found = [_subaccount_card(desk)]
    if sees_people(desk):
        found += _people_cards(desk)
    if desk.works_at_account and sees_people(desk):
        found += [_lacking_card(lacking, key, label) for key, label in lacks.kinds(desk)]
    if changes_people(desk):
        found.append(_invitations_card(desk))
    note = format_html("Next: {}", ending[0].when) if ending else "Nothing ends soon"
    url = reverse(f"{console.name}:ending")
    found.append(Card("Access ending", len(ending), f"in {SOON.days} days", note, url))
    if desk.holds(ACCESS_CAMPAIGNS):
        counts = listed(desk, Campaign).aggregate(
            n=Count("pk"), drafts=Count("pk", filter=Q(status=Campaign.Status.DRAFT))
        )
        label = desk.label("campaigns", "Campaigns")
        found.append(
            Card(label, counts["n"], "", f"{counts['drafts']} in draft", list_url(Campaign))
        )
    return found


def _subaccount_card(desk: Desk) -> Card:
    own = [place for place in desk.active if not place.is_home]
    archived = sum(place.is_archived for place in desk.places)
    limit = desk.offers.limit(Countable.SUBACCOUNTS) if desk.is_owner else None
    url = list_url(Subaccount, "?state=active")
    if limit is None:
        return Card("Subaccounts", len(own), "active", f"{archived} archived", url)
    left = max(0, limit.value - len(own))
    return Card(
        "Subaccounts",
        len(own),
        f"of {limit.value}",
        f"{left} left in {limit.because}",
        url,
        min(100, round(100 * len(own) / limit.value)) if limit.value else 100,
        is_warn=not left,
    )


def _people_cards(desk: Desk) -> list[Card]:
    model = get_user_model()
    rows = seen_memberships(desk).order_by()
    away = rows.filter(status=Membership.Status.SUSPENDED).values("user_id")
    counts = listed(desk, model).aggregate(
        n=Count("pk"),
        managers=Count("pk", filter=Q(pk__in=rows.filter(subaccount=None).values("user_id"))),
        suspended=Count("pk", filter=Q(pk__in=away)),
    )
    managers, suspended = counts["managers"], counts["suspended"]
    note = f"{managers} with a role on the account" if managers else "All of them in subaccounts"
    return [
        Card("People", counts["n"], "", note, list_url(model)),
        Card(
            "Suspended",
            suspended,
            "",
            "Cannot work until reactivated" if suspended else "Everybody can work",
            list_url(model, "?status=suspended"),
        ),
    ]


def _lacking_card(lacking: list[lacks.Lack], key: str, label: str) -> Card:
    count = sum(lack.key == key for lack in lacking)
    return Card(
        "Waiting for you",
        count,
        "",
        f"With {label}" if count else "Nothing waits",
        list_url(Subaccount, f"?lacks={key}"),
        is_warn=bool(count),
    )


def _invitations_card(desk: Desk) -> Card:
    count, unsent = desk.once(pending_counts)
    note = f"{unsent} could not be sent" if unsent else "Waiting for whoever was asked"
    if not count:
        note = "Nobody is asked at the moment"
    return Card("Invitations", count, "pending", note, pending_url(), is_warn=bool(unsent))


def _unsent(desk: Desk) -> list[tuple[str, str]]:
    """Return the addresses whose mail could not be sent, with the page of the invitation."""
    if not desk.once(pending_counts)[1]:
        return []
    rows = pending_in(desk).filter(sent_at=None)[:FIRST]
    return [(row.address, page_url(Invitation, row.pk)) for row in rows]


def _subaccounts(desk: Desk) -> list[dict[str, Any]]:
    keys = [place.pk for place in desk.active[:SHOWN]]
    own = selectors.subaccounts_of(desk.user).filter(pk__in=keys)
    top: dict[int, list[str]] = {}
    if sees_people(desk):
        highest = max(
            (role for role in desk.edition.roles if role.subaccount_level),
            key=lambda role: role.rank or 0,
        )
        leading = seen_memberships(desk).filter(
            subaccount__in=keys, role=highest.codename, status=Membership.Status.ACTIVE
        )
        for membership in leading:
            top.setdefault(membership.subaccount_id or 0, []).append(label_of(membership.user))
    campaigns = dict(
        access.visible(
            Campaign.objects.filter(account=desk.account, subaccount__in=keys, archived_at=None),
            desk.user,
            ACCESS_CAMPAIGNS,
        )
        .order_by()
        .values_list("subaccount")
        .annotate(n=Count("pk"))
    )
    return [
        {
            "name": row.name,
            "url": page_url(Subaccount, row.pk),
            "top": words.listed(top.get(row.pk, [])[:2]),
            "people": row.people,
            "lists": row.lists,
            "lists_url": list_url(MailingList, f"?place={row.pk}"),
            "campaigns": (
                campaigns.get(row.pk, 0) if desk.holds(ACCESS_CAMPAIGNS, row.pk) else None
            ),
            "campaigns_url": list_url(Campaign, f"?place={row.pk}"),
        }
        for row in counted(own, desk).order_by("name")
    ]


# everybody else: their work


def _work(desk: Desk) -> dict[str, Any]:
    """Return the newest of what the person may see: campaigns, or else results."""
    for model, key in ((Campaign, "campaigns"), (Result, "results")):
        model_admin: Any = console._registry[model]
        if not model_admin.may_enter(desk.request):
            continue
        rows = listed(desk, model)
        newest = rows.order_by("-created_at", "-pk") if model is Campaign else rows
        return {
            "work": key,
            "work_title": f"Newest {key}",
            "work_url": list_url(model),
            "work_count": rows.count(),
            "rows": [_work_row(model_admin, row) for row in newest[:NEWEST]],
            "places_named": words.listed([place.name for place in desk.active]) or "a subaccount",
            "owner": label_of(desk.account.owner),
        }
    return {"work": "", "places_seen": [place.name for place in desk.active]}


def _work_row(model_admin: Any, row: Any) -> dict[str, Any]:
    found = {"name": row.name, "url": page_url(model_admin.model, row.pk)}
    found["place"] = row.subaccount.name
    if model_admin.model is Campaign:
        return found | {"state": model_admin.state_cell(row), "when": words.when(row.created_at)}
    return found | {
        "list": model_admin.list_cell(row),
        "when": words.when(row.sent_at, "Not recorded"),
    }


class Ability(NamedTuple):
    """One headline permission, and in how many places it is held."""

    permission: Permission
    held: bool
    where: str


def _abilities(desk: Desk) -> list[Ability]:
    places = desk.active
    found = []
    for permission in HEADLINES:
        if permission not in desk.edition.permissions:
            continue
        held = [place.name for place in places if desk.holds(permission, place.pk)]
        where = ""
        if held and len(held) < len(places):
            where = words.listed(held) if len(held) < 3 else f"{len(held)} of {len(places)}"
        found.append(Ability(permission, bool(held), where))
    return found
