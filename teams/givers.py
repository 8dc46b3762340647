"""Who could give somebody what they lack: people who hold it there and may manage that person."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any, cast

from django.db import models
from django.utils import timezone

from permissions import grants
from permissions.catalogue import Permission
from permissions.errors import ServiceError
from permissions.policy import TOP, Denial, PlaceId, sources_at
from permissions.resources import registry
from teams import provider
from teams.catalogue import MANAGE_FEATURES
from teams.editions import get
from teams.editions.spec import Edition, RoleSpec
from teams.models import Account, Membership
from teams.services.gates import gate
from teams.services.glance import Glance

#: how many people who could give a permission are named
NAMED = 5


@dataclass(frozen=True, slots=True)
class Giver:
    """Somebody who could give a permission, and their role in the account."""

    person: Any
    role: str


def givers(
    user: Any,
    permission: Permission,
    obj: models.Model,
    account: Account,
    reason: str,
    *,
    most: int = NAMED,
) -> list[Giver]:
    """Return who could give ``user`` what was denied on ``obj`` for ``reason``, nearest first.

    They hold it there themselves and may manage that person; each is named once, the owner last.
    At most ``most``, and none for what no role, toggle or guest access admits there, or what an
    edition, a condition or an archive takes away, or in an account that is read-only: nobody can
    grant that. Of a feature that is switched off they can switch it on. The number of queries does
    not depend on how many people there are.
    """
    found: list[Giver] = []
    if account.read_only_because:
        return found
    if reason == Denial.WITHHELD:
        return _switchers(user, permission, account, registry.of(obj).locate(obj)[1])[:most]
    if reason not in (Denial.NOT_HELD, Denial.STRANGER, Denial.NOT_VISIBLE):
        return found
    if user.pk == account.owner_id or not is_admitted(get(account.edition), permission, obj):
        return found
    _root, place = registry.of(obj).locate(obj)
    for giver, change in changers(user, account, place):
        if not sources_at(change.standing, change.root, permission, place):
            continue
        if _may_change(change, user, place) and giver.person not in [g.person for g in found]:
            found.append(giver)
            if len(found) == most:
                break
    return found


def _switchers(user: Any, permission: Permission, account: Account, place: PlaceId) -> list[Giver]:
    """Return who may switch the feature on that ``permission`` is of, where one is off there."""
    found: dict[Any, Giver] = {}
    for giver, change in changers(user, account, place):
        is_off = place in change.root.withheld_at.get(permission, ())
        needed = (MANAGE_FEATURES, permission)
        if is_off and all(sources_at(change.standing, change.root, p, place) for p in needed):
            found.setdefault(giver.person.pk, giver)
    return list(found.values())


def changers(user: Any, account: Account, place: PlaceId) -> Iterator[tuple[Giver, Glance]]:
    """Yield who may have a say in what ``user`` has at ``place``, nearest first and the owner last,
    each with the change they would make; somebody with two roles there comes twice."""
    people = [(person, role) for person, role in _candidates(account, place) if person != user]
    profiles = provider.load_profiles({person.pk for person, _role in people})
    change: Glance | None = None
    for person, role in people:
        profile = profiles[person.pk]
        tenant = profile.tenants.get(account.pk)
        if tenant is None or not tenant.standing.holdings:
            continue
        if change is None:
            change = cast("Glance", Glance.open(person, account, profile))
        change = change.seen_by(person, profile)
        yield Giver(person, role), change


def is_admitted(edition: Edition, permission: Permission, obj: models.Model) -> bool:
    """Say whether anything one may be given on ``obj`` can hold ``permission``."""
    if permission in registry.of(obj).guest:
        return True
    custom = edition.custom_roles
    if custom is not None and permission in {*custom.tickable, *custom.always, *custom.follows}:
        return True
    at_account = permission.level == TOP
    return any(
        permission in held
        for role in edition.roles
        if role.account_level or not at_account
        for held in _admitted(role)
    )


def _admitted(role: RoleSpec) -> Iterator[Collection[str]]:
    yield role.holds
    yield role.contact_adds
    yield from role.when.values()
    yield from role.optional.values()
    if role.at_home is not None:
        yield from _admitted(role.at_home)


def _may_change(change: Glance, user: Any, place: PlaceId) -> bool:
    at_account, places = place == TOP, frozenset({place})
    try:
        gate(change, user, account_level=at_account, places=places, act="give this")
    except ServiceError:
        return False
    return True


def _candidates(account: Account, place: PlaceId) -> Iterator[tuple[Any, str]]:
    """Yield people who may have a say there, nearest first, the owner last."""
    edition = get(account.edition)
    inside = models.Q(subaccount=None) if place == TOP else models.Q(subaccount=place)
    members = (
        Membership.objects.filter(
            grants.active(timezone.now()),
            inside | models.Q(subaccount=None),
            account=account,
            status=Membership.Status.ACTIVE,
            user__is_active=True,
        )
        .select_related("user", "custom_role")
        .order_by(models.F("subaccount").asc(nulls_last=True), "pk")
    )
    for membership in members.iterator():
        spec = edition.find_role(membership.role)
        yield membership.user, str(spec.label if spec else membership.custom_role)
    yield account.owner, str(edition.owner_label)
