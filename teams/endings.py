"""What ends soon: roles, switches, guest access and places in teams, as far as one may see them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth import get_user_model
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from permissions import access, grants
from permissions.profile import Tenant
from teams import selectors
from teams.catalogue import MANAGE_TEAMS
from teams.editions import get
from teams.models import (
    REACH,
    Account,
    AccountUserGrant,
    Membership,
    SubaccountUserGrant,
    TeamMembership,
)
from teams.models.account import TeamMode

SOON = timedelta(days=14)


@dataclass(slots=True)
class Ending:
    """One thing that ends.

    ``kind`` is role, switch, guest or team; ``membership`` is set for the first two, ``obj`` (a
    guarded object, or a team) for the others. ``codename`` names the toggle of a switch.
    """

    kind: str
    person: Any
    ends_at: datetime
    membership: Membership | None = None
    obj: Any = None
    place: Any = None
    codename: str = ""

    @property
    def about(self) -> str:
        """Return what names it for as long as it lasts, such as "membership:12"."""
        if self.membership is None:
            return f"{self.kind}:{self.obj._meta.label_lower}:{self.obj.pk}"
        if self.kind == "role":
            return f"membership:{self.membership.pk}"
        return f"{self.kind}:{self.membership.pk}:{self.codename}"


@dataclass(slots=True)
class _Search:
    """One question: whose, in which account, between which moments."""

    user: Any
    account: Account
    now: datetime
    until: datetime
    tenant: Tenant = field(init=False)

    def __post_init__(self) -> None:
        self.tenant = access.profile_of(self.user).tenants[self.account.pk]

    @property
    def window(self) -> Q:
        """Return the condition that something still counts and ends within the time asked for."""
        return Q(ends_at__gt=self.now, ends_at__lte=self.until)

    def working(self) -> Any:
        """Return the memberships the person sees that count now, in subaccounts that do."""
        return selectors.memberships_of(self.user).filter(
            Q(subaccount=None) | Q(subaccount__archived_at=None),
            grants.active(self.now),
            account=self.account,
            status=Membership.Status.ACTIVE,
            user__is_active=True,
        )


def endings(user: Any, account: Account, *, within: timedelta = SOON) -> list[Ending]:
    """Return what ends ``within`` that time in ``account``, soonest first; what counts today only.

    What ``user`` has themselves, and what those have whose memberships, guest access and teams
    ``user`` may see. A fixed number of queries.
    """
    now = timezone.now()
    search = _Search(user, account, now, now + within)
    found = [*_roles(search), *_switches(search), *_guests(search), *_teams(search)]
    return sorted(found, key=_in_order)


def _in_order(ending: Ending) -> tuple[Any, ...]:
    """Return what to sort by: much ends at the end of one day, and is listed the same each time."""
    person = ending.person
    return ending.ends_at, str(person), str(person.pk), ending.kind, ending.about


def own_endings(user: Any, account: Account, *, within: timedelta) -> list[Ending]:
    """Return what ``user`` themselves has that ends ``within`` that time; nothing of somebody who
    has no active place in ``account``, and nothing else than counts today."""
    tenant = access.profile_of(user).tenants.get(account.pk)
    if tenant is None or not tenant.standing.holdings:
        return []
    return [e for e in endings(user, account, within=within) if e.person.pk == user.pk]


def whose_end(account: Account, *, within: timedelta) -> list[Any]:
    """Return the people who may have something that ends ``within`` that time in ``account``."""
    now = timezone.now()
    soon = Q(ends_at__gt=now, ends_at__lte=now + within)
    keys = set(Membership.objects.filter(soon, account=account).values_list("user", flat=True))
    teams: Any = TeamMembership.objects.filter(soon, team__account=account)
    keys |= set(teams.values_list("user", flat=True))
    toggles = (
        (AccountUserGrant, "content_object"),
        (SubaccountUserGrant, "content_object__account"),
    )
    for table, path in toggles:
        rows: Any = table._default_manager.filter(soon, **{path: account.pk})
        keys |= set(rows.values_list("user", flat=True))
    for resource, given in selectors.guest_grants():
        rows = given.filter(soon, **{f"content_object__{resource.root_path}": account.pk})
        keys |= set(rows.values_list("user", flat=True))
    people = get_user_model()._default_manager.filter(pk__in=keys, is_active=True)
    return list(people.order_by("pk"))


def _loaded(rows: Any) -> Any:
    return rows.select_related("user", "subaccount", "custom_role").prefetch_related(*REACH)


def _roles(search: _Search) -> Iterator[Ending]:
    for row in _loaded(search.working().filter(search.window)):
        yield Ending("role", row.user, row.ends_at, membership=row)


def _switches(search: _Search) -> Iterable[Ending]:
    """Return one ending a switch, however many permissions share it."""
    edition = get(search.account.edition)
    if not edition.toggles:
        return ()
    mine = search.working().values("pk")
    rows: list[Any] = [
        row
        for table in (AccountUserGrant, SubaccountUserGrant)
        for row in table._default_manager.filter(search.window, membership__in=mine).values_list(
            "membership_id", "permission__codename", "ends_at"
        )
    ]
    keys = {key for key, _codename, _end in rows}
    memberships = {row.pk: row for row in _loaded(search.working().filter(pk__in=keys))}
    found: dict[tuple[Any, str], Ending] = {}
    for key, permission, ends_at in rows:
        membership = memberships[key]
        spec = edition.find_role(membership.role)
        toggle = spec.toggle_of(permission) if spec is not None else None
        if toggle is not None:
            ending = Ending(
                "switch", membership.user, ends_at, membership=membership, codename=toggle
            )
            found.setdefault((key, toggle), ending)
    return found.values()


def _guests(search: _Search) -> Iterable[Ending]:
    """Return one ending an object; guest access sleeps without a membership that counts."""
    scope = selectors.people_places(access.profile_of(search.user), search.account.pk)
    awake = Membership.objects.filter(
        grants.active(search.now),
        user=OuterRef("user"),
        account=search.account,
        status=Membership.Status.ACTIVE,
        user__is_active=True,
    )
    found: dict[tuple[Any, str, Any], Ending] = {}
    for resource, given in selectors.guest_grants():
        rows = given.filter(
            search.window,
            Exists(awake),
            **{f"content_object__{resource.root_path}": search.account.pk},
        )
        for row in rows.select_related("content_object", "user").order_by("ends_at"):
            _root, place = resource.locate(row.content_object)
            is_own = row.user_id == search.user.pk
            if place in search.tenant.root.archived or not (is_own or place in scope):
                continue
            key = (row.user_id, resource.label, row.content_object_id)
            ending = Ending("guest", row.user, row.ends_at, obj=row.content_object, place=place)
            found.setdefault(key, ending)
    return found.values()


def _teams(search: _Search) -> Iterator[Ending]:
    """Return places in teams, to those who have them and to whoever manages teams."""
    account = search.account
    if not get(account.edition).has_teams or account.team_mode == TeamMode.OFF:
        return
    whose = Q(user=search.user)
    if access.profile_of(search.user).scope(account.pk, MANAGE_TEAMS):
        seen = selectors.memberships_of(search.user).filter(account=account)
        whose |= Q(user__in=seen.values("user"))
    rows: Any = TeamMembership.objects.filter(search.window, whose, team__account=account)
    for row in rows.select_related("team", "user"):
        yield Ending("team", row.user, row.ends_at, obj=row.team)
