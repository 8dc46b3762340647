"""What an access review goes through: everything people have in an account, or are offered.

A role with its place, an optional permission that is switched on, guest access, a place in a team,
a pending invitation, an API key: one ``Thing`` each. It is read twice by the same code: when a
review is started, and whenever one of its lines is decided, to see whether it is what it was.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Q, QuerySet
from django.utils import timezone

from permissions import grants
from permissions.lookups import any_of
from permissions.policy import Scope
from permissions.resources import Resource
from teams import selectors
from teams.editions import get
from teams.models import (
    Account,
    ApiKey,
    Invitation,
    Membership,
    ReviewLine,
    TeamMembership,
)
from teams.models.account import TeamMode

Kind = ReviewLine.Kind


@dataclass(frozen=True, slots=True)
class Thing:
    """One thing that somebody has, or is offered.

    ``ref`` and ``permission`` name it as ``ReviewLine`` does, ``state`` is a digest of what it
    gives. ``weight`` says how privileged it is. ``person`` is a login, None for an address;
    ``place`` the key of its one subaccount, if any. ``row`` is what would be withdrawn.
    """

    kind: str
    ref: str
    permission: str
    person: Any
    label: str
    place: Any
    what: str
    where: str
    state: str
    weight: int
    row: Any

    @property
    def key(self) -> tuple[str, str]:
        """Return what names it within a review."""
        return self.ref, self.permission

    @property
    def last_sign_in(self) -> datetime | None:
        """Return when its person last signed in; None for never, or nobody."""
        return getattr(self.person, "last_login", None)


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows that are gone through; ``guests`` with what one is a guest of."""

    memberships: QuerySet[Membership]
    switched: QuerySet[Membership]
    guests: Sequence[tuple[Resource, QuerySet[Any]]]
    teams: QuerySet[TeamMembership]
    invitations: QuerySet[Invitation]
    keys: QuerySet[ApiKey]


def all_rows(account: Account) -> Rows:
    """Return everything that lasts in ``account``; the owner's own rights are not among it."""
    now = timezone.now()
    memberships = Membership.objects.filter(grants.active(now), account=account).exclude(
        user=account.owner_id
    )
    guests = [
        (
            resource,
            rows.filter(
                grants.active(now), **{f"content_object__{resource.root_path}": account.pk}
            ),
        )
        for resource, rows in selectors.guest_grants()
    ]
    edition = get(account.edition)
    teams = TeamMembership.objects.filter(
        grants.active(now), team__account=account, team__archived_at=None
    )
    return Rows(
        memberships=memberships,
        switched=memberships,
        guests=guests,
        teams=teams
        if edition.has_teams and account.team_mode != TeamMode.OFF
        else TeamMembership.objects.none(),
        invitations=Invitation.objects.filter(account=account, status=Invitation.Status.PENDING),
        keys=ApiKey.objects.filter(
            Q(expires_at=None) | Q(expires_at__gt=now), account=account, revoked_at=None
        ),
    )


def rows_of(account: Account, lines: Iterable[ReviewLine]) -> Rows:
    """Return what is left of what ``lines`` are about."""
    found, wanted = all_rows(account), _keys(lines)
    return Rows(
        memberships=found.memberships.filter(any_of("pk", wanted[Kind.ROLE, _MEMBERSHIP])),
        switched=found.memberships.filter(any_of("pk", wanted[Kind.TOGGLE, _MEMBERSHIP])),
        guests=[
            (resource, rows.filter(any_of("pk", keys)))
            for resource, rows in found.guests
            if (keys := wanted[Kind.GUEST, rows.model._meta.label_lower])
        ],
        teams=found.teams.filter(any_of("pk", wanted[Kind.TEAM, _SEAT])),
        invitations=found.invitations.filter(any_of("pk", wanted[Kind.INVITATION, _INVITATION])),
        keys=found.keys.filter(any_of("pk", wanted[Kind.KEY, _KEY])),
    )


_MEMBERSHIP = Membership._meta.label_lower
_SEAT = TeamMembership._meta.label_lower
_INVITATION = Invitation._meta.label_lower
_KEY = ApiKey._meta.label_lower


def _keys(lines: Iterable[ReviewLine]) -> Mapping[tuple[str, str], set[int]]:
    found: dict[tuple[str, str], set[int]] = defaultdict(set)
    for line in lines:
        label, _, key = line.ref.rpartition(":")
        found[line.kind, label].add(int(key))
    return found


def in_scope(path: str, scope: Scope) -> Q:
    """Return the condition on rows of one account that the place at ``path`` lies in ``scope``."""
    named = any_of(path, scope.places)
    return ~named if scope.everywhere else named
