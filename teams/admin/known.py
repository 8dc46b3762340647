"""What a reader may know of where other people's rights come from.

The selectors say whose memberships somebody sees; a right that comes only from one they do not see
is, for them, not there.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import Q

from permissions.lookups import any_of
from permissions.policy import Source
from teams import selectors
from teams.admin.desk import Desk
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


def known_at(desk: Desk, place: Any, people: Collection[Any]) -> Known:
    """Return what the reader knows of these keys of people, who hold something at ``place``.

    Guests are known to whoever sees the people of the place they are guests of.
    """
    rows = (
        selectors.memberships_of(desk.user)
        .filter(any_of("user_id", people), Q(subaccount=None) | Q(subaccount=place))
        .filter(account=desk.account)
        .select_related("custom_role", "subaccount")
    )
    return Known(
        seats={membership.pk: membership for membership in rows},
        sees_owner=selectors.sees_account_people(desk.profile, desk.account.pk),
        sees_guests=place in selectors.people_places(desk.profile, desk.account.pk),
    )


def known_of(desk: Desk, person: Any, memberships: Iterable[Membership], place: Any) -> Known:
    """Return what the reader may know of where the rights of ``person`` at ``place`` come from;
    ``memberships`` are those of the person that the reader sees."""
    own = person.pk == desk.user.pk
    scope = selectors.people_places(desk.profile, desk.account.pk)
    return Known(
        seats={membership.pk: membership for membership in memberships},
        sees_owner=own or selectors.sees_account_people(desk.profile, desk.account.pk),
        sees_guests=own or place in scope,
    )
