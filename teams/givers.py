"""Who could give somebody what they lack: people who hold it there and may manage that person."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, cast

from django.db import models
from django.utils import timezone

from permissions import grants
from permissions.errors import ServiceError
from permissions.policy import TOP, Denial, PlaceId, Standing, sources_at
from teams import provider
from teams.editions import get
from teams.models import Account, Membership
from teams.services.base import Change
from teams.services.gates import gate

#: how many people who could give a permission are named
NAMED = 5


@dataclass(frozen=True, slots=True)
class Giver:
    """Somebody who could give a permission, and their role in the account."""

    person: Any
    role: str


class _Imagined(Change):
    """A change that somebody might make for a person about whom everything is read already."""

    theirs: Standing

    def recorded_of(self, person: Any) -> Standing:
        """Return what is recorded for the person."""
        return self.theirs


def givers(
    user: Any,
    permission: str,
    account: Account,
    place: PlaceId,
    reason: str,
    *,
    most: int = NAMED,
) -> list[Giver]:
    """Return who could give ``user`` what was denied for ``reason``, nearest first.

    They hold it there themselves and may manage that person; the owner comes last. At most
    ``most``, and none where an edition, a condition or an archive takes it away: nobody can grant
    that. The number of queries does not depend on how many people there are.
    """
    found: list[Giver] = []
    if reason not in (Denial.NOT_HELD, Denial.STRANGER, Denial.NOT_VISIBLE):
        return found
    people = [(person, role) for person, role in _candidates(account, place) if person != user]
    profiles = provider.load_profiles({person.pk for person, _role in people})
    first: _Imagined | None = None
    theirs = Standing(None)
    for person, role in people:
        profile = profiles[person.pk]
        tenant = profile.tenants.get(account.pk)
        if tenant is None or not sources_at(tenant.standing, tenant.root, permission, place):
            continue
        if first is None:
            first = cast("_Imagined", _Imagined.open(person, account, profile))
            theirs = Change.recorded_of(first, user)
        change = replace(first, actor=person, standing=tenant.standing, profile=profile)
        change.theirs = theirs
        if _may_change(change, user, place) and person not in [giver.person for giver in found]:
            found.append(Giver(person, role))
            if len(found) == most:
                break
    return found


def _may_change(change: Change, user: Any, place: PlaceId) -> bool:
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
