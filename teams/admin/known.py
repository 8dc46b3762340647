"""What the reader of a page may know of where other people's rights come from."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

from teams import known, selectors
from teams.admin.desk import Desk
from teams.known import Known
from teams.models import Membership


def known_at(desk: Desk, place: Any, people: Collection[Any]) -> Known:
    """Return what the reader knows of these keys of people, who hold something at ``place``."""
    return known.known_at(desk.user, desk.account.pk, place, people)


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
