"""Who works where, as what."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.db.models import Q

from permissions.audit import label_of
from permissions.errors import AlreadyUsed, Invalid
from permissions.policy import Atoms, atoms
from teams.models import Account, Membership, Subaccount, SubaccountGroup
from teams.services.base import changing, service
from teams.services.change import Change
from teams.services.gates import (
    ChosenRole,
    RoleLike,
    about,
    check_reach,
    choose_role,
    clean_end,
    clean_flag,
    gate,
    gate_membership,
    new_end,
    refuse_archived,
    stored_membership,
)
from teams.services.inputs import expect_user
from teams.services.seating import (
    check_seats,
    described,
    end_guest_access,
    find_seat,
    refuse_taken,
    set_reach,
    take_seat,
)


@service
def add_member(
    *,
    actor: Any,
    account: Account,
    user: Any,
    role: RoleLike,
    subaccount: Subaccount | None = None,
    managed: Iterable[Subaccount] = (),
    all_subaccounts: bool = False,
    groups: Iterable[SubaccountGroup] = (),
    ends_at: datetime | None = None,
    consented: bool = False,
) -> Membership:
    """Give ``user`` a role in ``subaccount``, or at account level if that is None.

    ``role`` is the codename of a built-in role or a custom ``Role``; ``managed`` and ``groups``, or
    ``all_subaccounts``, say how far one held at account level reaches. Nobody is brought into an
    account without having agreed: who has no place in it yet is invited, unless the caller vouches
    for that with ``consented``. Raises Refused (OUT_OF_SCOPE, RANK_TOO_HIGH, OWN_RIGHTS,
    OWNER_REQUIRED) or Invalid (NOT_A_MEMBER, ALREADY_USED, UNKNOWN_ROLE, WRONG_LEVEL, REACH,
    ARCHIVED, LIMIT_REACHED, …).
    """
    user = expect_user(user, "The person")
    consented = clean_flag(consented, "consented")
    with changing(actor, account, user, act=f"add {label_of(user)}") as change:
        seat = find_seat(
            change,
            role=role,
            subaccount=subaccount,
            managed=managed,
            all_subaccounts=all_subaccounts,
            groups=groups,
        )
        if change.account.owner_id == user.pk:
            raise Invalid("The owner holds everything already.", code="OWNER")
        gate(
            change,
            user,
            account_level=seat.is_account_level,
            places=seat.places(change),
            act=f"make {label_of(user)} {seat.chosen.label}",
            chosen=seat.chosen,
        )
        refuse_taken(change, user, seat)
        here = Membership.objects.filter(account=change.account, user=user)
        if not consented and not here.exists():
            raise Invalid(
                f"{label_of(user)} has no place in {change.account.name} yet. Invite them.",
                code="NOT_A_MEMBER",
            )
        return take_seat(change, user, seat, clean_end(ends_at))


@service
def change_role(*, actor: Any, membership: Membership, role: RoleLike) -> Membership:
    """Give ``membership`` another role, if ``actor`` may; toggles the new role lacks are dropped.

    Raises OutOfScope (with the missing permissions), RankTooHigh, OwnRights or Invalid.
    """
    stored = stored_membership(membership)
    act = f"change the role of {label_of(stored.user)}"
    with changing(actor, stored.account, stored.user, act=act) as change:
        stored = stored_membership(membership)
        chosen = choose_role(change, role, account_level=stored.is_account_level)
        act = f"make {label_of(stored.user)} {chosen.label}"
        if stored.subaccount is not None:
            refuse_archived(stored.subaccount)
        gate_membership(change, stored, act, chosen)
        if (stored.role, stored.custom_role) == (chosen.codename, chosen.custom):
            raise Invalid(f"{label_of(stored.user)} is {chosen.label} already.", code="ALREADY_SO")
        if stored.is_account_level:
            check_reach(
                change,
                chosen,
                Subaccount.objects.filter(managing_memberships=stored),
                stored.all_subaccounts,
                SubaccountGroup.objects.filter(managing__membership=stored),
            )
        clash = Membership.objects.filter(
            Q(user=stored.user, account=change.account, subaccount=stored.subaccount),
            role=chosen.codename,
            custom_role=chosen.custom,
        )
        if clash.exists():
            raise AlreadyUsed(f"{label_of(stored.user)} is {chosen.label} there already.")
        give_role(change, stored, chosen)
    return stored


def give_role(change: Change, membership: Membership, chosen: ChosenRole) -> None:
    """Write that ``membership`` has the role ``chosen`` from now on, and record it."""
    before = described(membership)
    membership.role, membership.custom_role = chosen.codename, chosen.custom
    membership.given_by = change.actor
    membership.save(update_fields=["role", "custom_role", "given_by"])
    dropped = _drop_toggles(change, membership, before["role"], chosen)
    after = described(membership)
    change.record("role.changed", membership, before=before, after=after, dropped=dropped)


def _drop_toggles(
    change: Change, membership: Membership, before: str, chosen: ChosenRole
) -> list[str]:
    """Switch off, whole, the toggles that mean something else or nothing in the new role."""
    was = change.edition.find_role(before)
    now = chosen.spec.optional if chosen.spec else {}
    keep = {
        permission
        for toggle, permissions in (was.optional if was else {}).items()
        if now.get(toggle) == permissions
        for permission in permissions
    }
    dropped = []
    for table in (membership.account_toggles, membership.subaccount_toggles):
        rows = table.exclude(permission__codename__in=keep)
        dropped += sorted(rows.values_list("permission__codename", flat=True))
        rows.delete()
    return dropped


@service
def set_manager_reach(
    *,
    actor: Any,
    membership: Membership,
    subaccounts: Iterable[Subaccount] = (),
    all_subaccounts: bool = False,
    groups: Iterable[SubaccountGroup] = (),
) -> Membership:
    """Say which subaccounts an account-level membership reaches: these and what is in ``groups``
    at any time, or all, also new ones."""
    stored = stored_membership(membership)
    all_subaccounts = clean_flag(all_subaccounts)
    act = f"change which subaccounts {label_of(stored.user)} manages"
    with changing(actor, stored.account, stored.user, act=act) as change:
        stored = stored_membership(membership)
        if not stored.is_account_level:
            raise Invalid(
                f"{label_of(stored.user)} has a role in one subaccount, which is all it reaches.",
                code="WRONG_LEVEL",
            )
        chosen = choose_role(change, stored.custom_role or stored.role, account_level=True)
        reach, sets = check_reach(change, chosen, subaccounts, all_subaccounts, groups)
        change.asked |= {place.pk for place in reach}
        had = set(stored.reach.values_list("subaccount_id", flat=True))
        for place in reach:
            if place.pk not in had:  # one that was archived since stays for the restore
                refuse_archived(place)
        gate_membership(change, stored, act)
        before = described(stored)
        stored.all_subaccounts = all_subaccounts
        stored.save(update_fields=["all_subaccounts"])
        set_reach(stored, reach, sets)
        change.record("reach.changed", stored, before=before, after=described(stored))
        end_guest_access(change, stored.user)
    return stored


@service
def set_end(*, actor: Any, membership: Membership, ends_at: datetime | None) -> Membership:
    """Say when a membership ends (None: not by itself). It ends at that moment without any job.

    A later end, or none, is a grant of everything the membership gives for the time it adds: the
    actor must hold it all. Raises Refused, or Invalid (ENDED, ALREADY_SO, ARCHIVED, …).
    """
    stored = stored_membership(membership)
    act = f"change when the access of {label_of(stored.user)} ends"
    with changing(actor, stored.account, stored.user, act=act) as change:
        stored = stored_membership(membership)
        before = stored.ends_at
        ends_at, is_longer = new_end(ends_at, before)
        chosen = None
        if is_longer:
            if stored.subaccount is not None:
                refuse_archived(stored.subaccount)
            chosen = choose_role(
                change, stored.custom_role or stored.role, account_level=stored.is_account_level
            )
        gate_membership(change, stored, act, chosen)
        if is_longer:
            lasting = atoms_of(change, stored)
            change.judge_atoms(lasting, act)
            change.judge_sight(stored.user, lasting, act)
            check_seats(change.account, user=stored.user)
        stored.ends_at = ends_at
        stored.save(update_fields=["ends_at"])
        change.record("end.changed", stored, before=before, after=ends_at, **about(stored))
        if is_longer:  # guests are those without a role, and theirs may have been over
            end_guest_access(change, stored.user)
    return stored


def atoms_of(change: Change, membership: Membership) -> Atoms:
    """Return what is recorded with ``membership``: its role and its switches."""
    own = [
        holding
        for holding in change.recorded_of(membership.user).holdings
        if holding.source.ref == ("membership", membership.pk)
    ]
    return atoms(own, change.root, change.universe)
