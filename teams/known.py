"""What a reader may know of where other people's rights come from.

The selectors say whose memberships somebody sees; a right that comes only from one they do not see
is, for them, not there.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import Q

from permissions import access
from permissions.lookups import any_of
from permissions.policy import TOP, Source
from teams import selectors
from teams.models import Membership


@dataclass(frozen=True, slots=True)
class Known:
    """The memberships a reader sees, by key, and what else they may know of."""

    seats: Mapping[Any, Membership]
    sees_owner: bool
    sees_guests: bool

    def knows(self, source: Source) -> bool:
        """Say whether the reader may know that ``source`` gives somebody something."""
        if source.kind == "owner":
            return self.sees_owner
        if source.kind == "guest":
            return self.sees_guests
        table, key = source.ref or ("", None)
        return table == "membership" and key in self.seats


def known_at(user: Any, root: Any, place: Any, people: Collection[Any]) -> Known:
    """Return what the reader ``user`` knows of these keys of people, who hold something at
    ``place`` of the account ``root``.

    Guests are known to whoever sees the people of the place they are guests of.
    """
    profile = access.profile_of(user)
    if root not in profile.tenants:
        return Known({}, sees_owner=False, sees_guests=False)
    here = Q(subaccount=None) if place == TOP else Q(subaccount=None) | Q(subaccount=place)
    rows = (
        selectors.memberships_of(user)
        .filter(any_of("user_id", people), here)
        .filter(account=root)
        .select_related("custom_role", "subaccount")
    )
    return Known(
        seats={membership.pk: membership for membership in rows},
        sees_owner=selectors.sees_account_people(profile, root),
        sees_guests=place in selectors.people_places(profile, root),
    )
