"""A seat: a role at a place, before and when somebody takes it.

What ``add_member`` gives at once and an invitation offers is checked by the same functions, so that
nobody is invited to what they could not be given.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils import timezone

from permissions import grants
from permissions.audit import label_of
from permissions.errors import AlreadyUsed, Invalid, LimitReached
from permissions.policy import Holding, PlaceId, Reach, Source
from permissions.resources import registry
from teams import logins
from teams.editions import get
from teams.limits import Countable, Limit, limit_of
from teams.models import (
    Account,
    GroupedSubaccount,
    Invitation,
    ManagedGroup,
    ManagedSubaccount,
    Membership,
    Subaccount,
    SubaccountGroup,
)
from teams.rights import custom_bundle, role_bundle
from teams.services.change import Change, Entry
from teams.services.gates import (
    ChosenRole,
    RoleLike,
    about,
    check_reach,
    choose_role,
    clean_flag,
    clean_list,
    own_subaccount,
    places_of,
    refuse_archived,
)


@dataclass(frozen=True, slots=True)
class Seat:
    """A role at a place of ``change``'s account: in ``subaccount``, or at account level reaching
    ``reach`` and what is in ``groups``, or every subaccount. ``grouped`` are the keys of what is in
    the groups now."""

    chosen: ChosenRole
    subaccount: Subaccount | None
    reach: tuple[Subaccount, ...]
    all_subaccounts: bool
    groups: tuple[SubaccountGroup, ...] = ()
    grouped: frozenset[Any] = frozenset()

    @property
    def is_account_level(self) -> bool:
        """Say whether the role is held on the account and not in one subaccount."""
        return self.subaccount is None

    @property
    def keys(self) -> list[Any]:
        """Return the keys of the subaccounts it reaches, unless it reaches all."""
        if self.subaccount is not None:
            return [self.subaccount.pk]
        return sorted({*self.grouped, *(place.pk for place in self.reach)})

    def places(self, change: Change) -> frozenset[PlaceId]:
        """Return the places whose permission to manage people it needs."""
        return places_of(self.is_account_level, change, self.keys, self.all_subaccounts)

    def extent(self) -> Reach:
        """Return where it counts."""
        everywhere = self.all_subaccounts
        return Reach(self.is_account_level, None if everywhere else frozenset(self.keys))

    def holding(self, change: Change) -> Holding:
        """Return what its role amounts to."""
        edition, custom = change.edition.codename, self.chosen.custom
        rights = (
            role_bundle(edition, self.chosen.codename)
            if custom is None
            else custom_bundle(edition, json.dumps(custom.permissions))
        )
        source = Source("role", self.chosen.codename, self.chosen.label)
        return Holding(source, rights, self.extent())


def find_seat(
    change: Change,
    *,
    role: RoleLike,
    subaccount: Subaccount | None,
    managed: Iterable[Subaccount],
    all_subaccounts: bool,
    groups: Iterable[SubaccountGroup] = (),
) -> Seat:
    """Return the seat, if this account has it now. Raises Invalid (UNKNOWN_ROLE, WRONG_LEVEL,
    REACH, ARCHIVED, …) or NotFound."""
    asked, every = clean_list(managed), clean_flag(all_subaccounts)
    sets = clean_list(groups, "groups")
    chosen = choose_role(change, role, account_level=subaccount is None)
    reach: list[Subaccount] = []
    grouped: list[SubaccountGroup] = []
    if subaccount is None:
        reach, grouped = check_reach(change, chosen, asked, every, sets)
        for place in reach:
            refuse_archived(place)
    else:
        subaccount = own_subaccount(change, subaccount)
        if every or asked or sets:
            raise Invalid("A role in one subaccount reaches just that.", code="REACH")
        refuse_archived(subaccount)
        if subaccount.is_home:
            raise Invalid(
                f"People of {subaccount.name} are added to the account, reaching it.",
                code="WRONG_LEVEL",
            )
    # what is in a group has not been named: a refusal names it to those who work there only
    change.asked |= {place.pk for place in (*reach, *([subaccount] if subaccount else ()))}
    inside = GroupedSubaccount.objects.filter(group__in=grouped) if grouped else ()
    keys = frozenset(row.subaccount_id for row in inside)
    return Seat(chosen, subaccount, tuple(reach), every, tuple(grouped), keys)


def refuse_taken(change: Change, user: Any, seat: Seat) -> None:
    """Refuse a seat where ``user`` has one already. Raises Invalid for the owner, AlreadyUsed."""
    if change.account.owner_id == user.pk:
        raise Invalid("The owner holds everything already.", code="OWNER")
    taken = Membership.objects.filter(user=user, account=change.account, subaccount=seat.subaccount)
    if change.edition.roles_add_up:
        taken = taken.filter(role=seat.chosen.codename, custom_role=seat.chosen.custom)
    if taken.exists():
        place = seat.subaccount.name if seat.subaccount else change.account.name
        raise AlreadyUsed(
            f"{label_of(user)} has a role in {place} already. Change that one instead."
        )


def take_seat(change: Change, user: Any, seat: Seat, ends_at: datetime | None) -> Membership:
    """Give ``user`` the seat and record it; guest access there ends, for guests have no role."""
    check_seats(change.account, user=user)
    membership = sit_down(change, user, seat, ends_at)
    end_guest_access(change, user)
    return membership


def sit_down(entry: Entry, user: Any, seat: Seat, ends_at: datetime | None = None) -> Membership:
    """Give ``user`` the seat and record it, for callers who know that there is one."""
    membership = Membership.objects.create(
        user=user,
        account=entry.account,
        subaccount=seat.subaccount,
        role=seat.chosen.codename,
        custom_role=seat.chosen.custom,
        all_subaccounts=seat.all_subaccounts,
        exclusive=not get(entry.account.edition).roles_add_up,
        ends_at=ends_at,
        added_by=entry.actor,
        given_by=entry.actor,
    )
    set_reach(membership, seat.reach, seat.groups)
    entry.record("member.added", membership, **described(membership))
    return membership


def set_reach(
    membership: Membership,
    subaccounts: Iterable[Subaccount],
    groups: Iterable[SubaccountGroup] = (),
) -> None:
    """Let an account-level membership reach exactly these, and what is in ``groups``."""
    membership.reach.all().delete()
    ManagedSubaccount.objects.bulk_create(
        ManagedSubaccount(membership=membership, subaccount=s, account_id=membership.account_id)
        for s in subaccounts
    )
    membership.managed_groups.all().delete()
    ManagedGroup.objects.bulk_create(
        ManagedGroup(membership=membership, group=group, account_id=membership.account_id)
        for group in groups
    )


def described(membership: Membership) -> dict[str, Any]:
    """Return what the audit keeps of a membership: enough to rebuild it."""
    return {
        **about(membership),
        "role": membership.role,
        "custom_role": membership.custom_role_id,
        "all_subaccounts": membership.all_subaccounts,
        "managed": sorted(membership.reach.values_list("subaccount_id", flat=True)),
        "groups": sorted(membership.managed_groups.values_list("group_id", flat=True)),
        "primary_contact": membership.is_primary_contact,
        "toggles": sorted(
            {
                *membership.account_toggles.values_list("permission__codename", flat=True),
                *membership.subaccount_toggles.values_list("permission__codename", flat=True),
            }
        ),
        "status": membership.status,
        "ends_at": membership.ends_at,
    }


def end_guest_access(change: Change, user: Any) -> None:
    """Withdraw guest access wherever ``user`` has a role by now: guests are those without one."""
    reaches = [
        holding.reach
        for holding in change.recorded_of(user).holdings
        if holding.source.kind in ("role", "owner")
    ]

    def has_role(obj: Any) -> bool:
        _root, place = registry.of(obj).locate(obj)
        return any(place in reach for reach in reaches)

    person = {"user": str(user.pk), "person": label_of(user), "because": "has a role there now"}
    for obj, permission in grants.withdraw_all(user=user, root=change.account, where=has_role):
        change.record("guest.withdrawn", obj, permissions=[permission], **person)


# how many people an account may have


def seated(account: Account) -> set[Any]:
    """Return the keys of everybody who takes a seat: the owner, and who has a role that has not
    ended, suspended or not."""
    roles = Membership.objects.filter(grants.active(timezone.now()), account=account)
    return {account.owner_id, *roles.values_list("user_id", flat=True)}


def pending_addresses(account: Account) -> set[str]:
    """Return the addresses that are invited and take a seat: of nobody known to have one already.

    A seated person's address counts as theirs once it is confirmed.
    """
    waiting = Invitation.objects.filter(
        account=account, status=Invitation.Status.PENDING, expires_at__gt=timezone.now()
    )
    asked = set(waiting.values_list("address", flat=True))
    return asked - logins.current().owned_among(asked, seated(account))


def seats_taken(account: Account) -> tuple[int, int]:
    """Return how many seats people take, and how many pending invitations."""
    return len(seated(account)), len(pending_addresses(account))


def check_seats(account: Account, *, user: Any = None, address: str = "") -> None:
    """Refuse one more person, ``user`` or whoever has ``address``, than the account may have.

    The account is locked by now. Raises LimitReached.
    """
    limit = limit_of(account, Countable.SEATS)
    if limit is None:
        return
    people, known = seated(account), logins.current()
    user = known.find(address) if user is None else user
    if user is not None and user.pk in people:
        return
    waiting = pending_addresses(account) - {address}
    if user is not None and len(people) + len(waiting) >= limit.value:
        waiting = {other for other in waiting if not known.owns(user, other)}
    if len(people) + len(waiting) >= limit.value:
        raise LimitReached(no_seat(account, limit, len(people) + len(waiting)))


def no_seat(account: Account, limit: Limit, count: int) -> str:
    """Return that ``count`` seats are taken, and what allows no more."""
    counted = f"{count} seat{'' if count == 1 else 's'} taken, pending invitations counted"
    return (
        f"{account.name} has {limit.reached(counted, count)}. Remove somebody or withdraw an "
        "invitation first."
    )
