"""Every read: nouns, scoped to what the person asking may see."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from django.contrib.auth import get_user_model
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.db.models.functions import Lower

from permissions import access, grants
from permissions.catalogue import Area, Permission
from permissions.lookups import NEVER, any_of
from permissions.policy import (
    TOP,
    Denial,
    Outcome,
    PlaceId,
    Scope,
    Source,
    decide,
)
from permissions.profile import Profile, Tenant
from permissions.resources import Resource, registry
from teams.catalogue import (
    ARCHIVE_SUBACCOUNTS,
    CATALOGUE,
    GENERATE_API_KEYS,
    MANAGE_ACCOUNT_SETTINGS,
    MANAGE_MANAGERS,
    MANAGE_MEMBERS,
    MANAGE_ROLES,
    MANAGE_TEAMS,
    VIEW_PARENT_USERS,
)
from teams.denials import denial_text
from teams.editions import get
from teams.editions.spec import Edition
from teams.invited import invitation_condition
from teams.models import (
    Account,
    ApiKey,
    GroupedSubaccount,
    Invitation,
    ManagedSubaccount,
    Membership,
    Role,
    Subaccount,
    SubaccountGroup,
    Team,
)

#: whoever holds one of these in a subaccount sees the people in it
SEES_PEOPLE = (MANAGE_MEMBERS, MANAGE_ROLES, MANAGE_TEAMS)


def _keys(user: Any) -> list[Any]:
    return list(access.profile_of(user).tenants)


def accounts_of(user: Any) -> QuerySet[Account]:
    """Return the accounts ``user`` owns or has an active membership in, by name."""
    return Account.objects.filter(pk__in=_keys(user)).order_by("name")


def subaccounts_of(user: Any) -> QuerySet[Subaccount]:
    """Return the subaccounts ``user`` works in, and archived ones they may restore."""
    profile = access.profile_of(user)
    condition = access.reachable_places(profile)
    resource = registry.of(Subaccount)
    for key in profile.tenants:
        if profile.scope(key, ARCHIVE_SUBACCOUNTS).top:
            for scope in _reach(profile.tenants[key]):
                condition |= access.within(resource, key, scope) & Q(archived_at__isnull=False)
    return Subaccount.objects.filter(condition)


def groups_of(user: Any) -> QuerySet[SubaccountGroup]:
    """Return the groups that hold a subaccount ``user`` works in, and all there are for whoever
    runs the account, by name. What else is in them is not theirs to see."""
    profile = access.profile_of(user)
    found: Any = Q(pk__in=groups_worked_in(user).order_by().values("pk"))
    for key in profile.tenants:
        if profile.scope(key, MANAGE_ACCOUNT_SETTINGS).top:
            found |= Q(account=key)
    return SubaccountGroup.objects.filter(found).order_by(Lower("name"), "pk")


def groups_worked_in(user: Any) -> QuerySet[SubaccountGroup]:
    """Return the groups that hold a subaccount ``user`` works in, by name."""
    inside = GroupedSubaccount.objects.filter(
        group=OuterRef("pk"), subaccount__in=subaccounts_of(user)
    )
    return SubaccountGroup.objects.filter(Exists(inside)).order_by(Lower("name"), "pk")


def in_group(user: Any, group: Any) -> QuerySet[Subaccount]:
    """Return the subaccounts in the group (a key) that ``user`` works in."""
    return subaccounts_of(user).filter(in_groups__group=group)


def _reach(tenant: Tenant) -> Iterator[Scope]:
    for holding in tenant.standing.holdings:
        if holding.source.kind in ("owner", "role"):
            places = holding.reach.places
            yield Scope(everywhere=True) if places is None else Scope(places=places)


def teams_of(account: Account) -> QuerySet[Team]:
    """Return the teams of ``account`` that are not archived, by name: those that may be used."""
    return Team.objects.filter(account=account, archived_at=None).order_by("name", "pk")


def custom_roles_of(account: Account) -> QuerySet[Role]:
    """Return the roles ``account`` made for itself, by name; none if its edition has none."""
    if get(account.edition).custom_roles is None:
        return Role.objects.none()
    return Role.objects.filter(account=account).order_by("name", "pk")


def people_places(profile: Profile, key: Any) -> Scope:
    """Return the subaccounts of account ``key`` whose people this person sees.

    Where they manage people; with the parent account's Users tab, everywhere they reach.
    """
    tenant = profile.tenants[key]
    scopes = [profile.scope(key, permission) for permission in SEES_PEOPLE]
    if profile.scope(key, VIEW_PARENT_USERS).top:
        scopes += _reach(tenant)
    result = Scope()
    for scope in scopes:
        result = union(result, scope)
    return result


def union(one: Scope, other: Scope) -> Scope:
    """Return the places in either; the top plays no part."""
    both = access.intersection(access.complement(one), access.complement(other))
    return access.complement(both)


def sees_account_people(profile: Profile, key: Any) -> bool:
    """Say whether people at account level (managers and the like) are shown to this person."""
    tenant = profile.tenants[key]
    edition_level = {str(p) for p in (MANAGE_MANAGERS, VIEW_PARENT_USERS)}
    everywhere = profile.scope(key, MANAGE_MEMBERS).everywhere
    held = any(profile.scope(key, permission).top for permission in edition_level)
    return tenant.standing.acts_as_owner or held or everywhere


def works_in(place: Any) -> Q:
    """Return the condition on memberships of its account that they reach ``place``."""
    found: Q = Q(subaccount=place) | Q(all_subaccounts=True) | _manages(Q(subaccount=place))
    return found


def works_in_any(places: QuerySet[Subaccount]) -> Q:
    """Return the condition on memberships of their account that they reach one of ``places``."""
    inside = Q(subaccount__in=places.values("pk"))
    found: Q = inside | Q(all_subaccounts=True) | _manages(inside)
    return found


def offered_in(place: Any) -> Q:
    """Return the condition on invitations into its account that they offer a role in ``place``,
    or one that reaches it."""
    return Q(subaccount=place) | Q(all_subaccounts=True) | Q(reach__subaccount=place)


def _manages(places: Any) -> Any:
    """Return the condition on memberships that they reach one of the subaccounts that rows with a
    ``subaccount`` name by ``places``: by choice, or through a group."""
    chosen = ManagedSubaccount.objects.filter(places, membership=OuterRef("pk"))
    grouped = GroupedSubaccount.objects.filter(places, group__managing__membership=OuterRef("pk"))
    return Exists(chosen) | Exists(grouped)


def memberships_of(user: Any) -> QuerySet[Membership]:
    """Return the memberships ``user`` may see: of people they manage, and their own."""
    profile = access.profile_of(user)
    return Membership.objects.filter(membership_condition(profile, user))


def membership_condition(profile: Profile, user: Any) -> Q:
    """Return the condition on memberships that ``memberships_of`` filters by."""
    condition = Q(user=user)
    for key in profile.tenants:
        scope = people_places(profile, key)
        if scope.everywhere:
            inside = Q(account=key, subaccount__isnull=False)
            condition |= inside & ~any_of("subaccount_id", scope.places) if scope.places else inside
        elif scope.places:
            condition |= any_of("subaccount_id", scope.places)
        if sees_account_people(profile, key):
            condition |= Q(account=key, subaccount__isnull=True) & _managers_seen(profile, key)
    return condition


def invitations_of(user: Any) -> QuerySet[Invitation]:
    """Return the invitations ``user`` may see: to roles whose holders they may change."""
    return Invitation.objects.filter(invitation_condition(access.profile_of(user)))


def _managers_seen(profile: Profile, key: Any) -> Any:
    """Return the condition on people at account level: all of them, or those one meets at work.

    The parent account's Users tab shows a manager only the subaccounts they manage, so it shows
    the other managers of those.
    """
    every = Q()
    if (
        profile.tenants[key].standing.acts_as_owner
        or profile.scope(key, MANAGE_MANAGERS).top
        or profile.scope(key, MANAGE_MEMBERS).everywhere
    ):
        return every
    meet: Any = Q(all_subaccounts=True)
    for scope in _reach(profile.tenants[key]):
        if scope.everywhere:
            return every
        meet |= _manages(any_of("subaccount_id", scope.places))
    return meet


def api_keys_of(user: Any) -> QuerySet[ApiKey]:
    """Return the API keys that ``user`` may revoke: to the subaccounts where they may generate
    keys, and their own in accounts where they work."""
    profile = access.profile_of(user)
    condition = Q(created_by=user, account__in=list(profile.tenants))
    for key in profile.tenants:
        scope = profile.scope(key, GENERATE_API_KEYS)
        condition |= access.within(registry.of(Subaccount), key, scope, "subaccount__")
    return ApiKey.objects.filter(condition)


def guest_grants() -> Iterator[tuple[Resource, QuerySet[Any]]]:
    """Yield each kind of thing one may be a guest of, with every grant that makes somebody one.

    Unscoped: whoever asks narrows it to what the reader may know. Toggles of members, which share
    a table with guests of subaccounts, are left out; a host's generic grants say too little.
    """
    for resource in registry:
        table = grants.user_table(resource.model)
        if resource.guest and grants.is_direct(table):
            rows = table._default_manager.all()
            yield resource, rows.filter(membership=None) if resource.model is Subaccount else rows


def people_of(user: Any) -> QuerySet[Any]:
    """Return the logins of everybody whose membership ``user`` may see, owners they work for, and
    ``user``. One row a person."""
    profile = access.profile_of(user)
    owners: list[Any] = [key for key in profile.tenants if sees_account_people(profile, key)]
    people = Q(pk=user.pk) | Q(pk__in=memberships_of(user).values("user_id"))
    if owners:
        people |= Q(pk__in=Account.objects.filter(pk__in=owners).values("owner_id"))
    return get_user_model()._default_manager.filter(people)


def sees_people(user: Any) -> bool:
    """Say whether ``user`` sees anybody but themselves: whether there is a People page for them."""
    profile = access.profile_of(user)
    return any(
        people_places(profile, key) or sees_account_people(profile, key) for key in profile.tenants
    )


# effective permissions, with their source


@dataclass(frozen=True, slots=True)
class Line:
    """One permission of one person at one place: held or not, and where from or why not."""

    permission: Permission
    outcome: Outcome
    why: str

    @property
    def allowed(self) -> bool:
        """Say whether the permission is held."""
        return self.outcome.allowed


@dataclass(frozen=True, slots=True)
class Group:
    """The lines of one area."""

    area: Area
    label: str
    lines: tuple[Line, ...]

    @property
    def held(self) -> int:
        """Return how many of them are held."""
        return sum(line.allowed for line in self.lines)


def effective(
    person: Any,
    account: Account,
    place: PlaceId = TOP,
    *,
    knows: Callable[[Source], bool] = lambda _source: True,
) -> list[Group]:
    """Return what ``person`` holds at ``place`` of ``account``, by area, leaving out what the
    edition does not have or asks elsewhere. Only sources that ``knows`` lets through are named."""
    tenant = access.profile_of(person).tenants.get(account.pk)
    return held_by(tenant, get(account.edition), place, knows=knows)


def held_by(
    tenant: Tenant | None,
    edition: Edition,
    place: PlaceId,
    *,
    knows: Callable[[Source], bool] = lambda _source: True,
) -> list[Group]:
    """Return what ``tenant`` amounts to at ``place``, by area; None for somebody without any."""
    groups = []
    for area in CATALOGUE.areas:
        lines = [
            _line(edition, tenant, permission, place, knows)
            for permission in area.permissions
            if permission in edition.permissions and (permission.level == TOP) == (place == TOP)
        ]
        if lines:
            label = str(edition.area_labels.get(area.codename, area.label))
            groups.append(Group(area, label, tuple(lines)))
    return groups


def _line(
    edition: Edition,
    tenant: Tenant | None,
    permission: Permission,
    place: PlaceId,
    knows: Callable[[Source], bool],
) -> Line:
    if tenant is None:
        return Line(permission, Outcome(denial=Denial.STRANGER), "No active place in this account")
    outcome = decide(tenant.standing, tenant.root, permission, place)
    if outcome.allowed:
        texts = dict.fromkeys(source_text(s) for s in outcome.sources if knows(s))
        why = "; ".join(texts) or "A role that you do not see"
    else:
        why = denial_text(edition, outcome, permission)
    return Line(permission, outcome, why)


def source_text(source: Source) -> str:
    """Return where a right comes from, in words."""
    match source.kind:
        case "owner":
            return f"{source.label} of the account"
        case "toggle":
            return f"Switched on: {source.label}"
        case "guest":
            return "Guest access"
        case _:
            return f"Role {source.label}"


__all__ = [
    "NEVER",
    "Group",
    "Line",
    "accounts_of",
    "api_keys_of",
    "custom_roles_of",
    "denial_text",
    "effective",
    "groups_of",
    "groups_worked_in",
    "in_group",
    "invitations_of",
    "memberships_of",
    "offered_in",
    "people_of",
    "sees_people",
    "source_text",
    "subaccounts_of",
]
