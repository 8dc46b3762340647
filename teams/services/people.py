"""Who works where, as what."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.db.models import Q

from permissions import grants
from permissions.audit import label_of
from permissions.errors import AlreadyUsed, Invalid
from permissions.resources import registry
from teams.models import Account, ManagedSubaccount, Membership, Subaccount
from teams.services.base import Change, changing, service
from teams.services.gates import (
    ChosenRole,
    RoleLike,
    about,
    check_reach,
    choose_role,
    clean_end,
    clean_flag,
    clean_list,
    gate,
    gate_membership,
    own_subaccount,
    places_of,
    refuse_archived,
    stored_membership,
)
from teams.services.inputs import expect_user


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
    ends_at: datetime | None = None,
) -> Membership:
    """Give ``user`` a role in ``subaccount``, or at account level if that is None.

    ``role`` is the codename of a built-in role or a custom ``Role``; ``managed`` or
    ``all_subaccounts`` say how far one held at account level reaches. Raises Refused
    (OUT_OF_SCOPE, RANK_TOO_HIGH, OWN_RIGHTS, OWNER_REQUIRED) or Invalid (ALREADY_USED,
    UNKNOWN_ROLE, WRONG_LEVEL, REACH, ARCHIVED, …).
    """
    user = expect_user(user, "The person")
    asked, all_subaccounts = clean_list(managed), clean_flag(all_subaccounts)
    act = f"add {label_of(user)}"
    with changing(actor, account, user, act=act) as change:
        account_level = subaccount is None
        chosen = choose_role(change, role, account_level=account_level)
        act = f"make {label_of(user)} {chosen.label}"
        if change.account.owner_id == user.pk:
            raise Invalid("The owner holds everything already.", code="OWNER")
        reach: list[Subaccount] = []
        if subaccount is None:
            reach = check_reach(change, chosen, asked, all_subaccounts)
            for place in reach:
                refuse_archived(place)
        else:
            subaccount = own_subaccount(change, subaccount)
            if all_subaccounts or asked:
                raise Invalid("A role in one subaccount reaches just that.", code="REACH")
            refuse_archived(subaccount)
            if subaccount.is_home:
                raise Invalid(
                    f"People of {subaccount.name} are added to the account, reaching it.",
                    code="WRONG_LEVEL",
                )
        ids = [subaccount.pk] if subaccount else [place.pk for place in reach]
        change.asked |= frozenset(ids)
        places = places_of(account_level, change, ids, all_subaccounts)
        gate(change, user, account_level=account_level, places=places, act=act, chosen=chosen)
        taken = Membership.objects.filter(user=user, account=change.account, subaccount=subaccount)
        if change.edition.roles_add_up:
            taken = taken.filter(role=chosen.codename, custom_role=chosen.custom)
        if taken.exists():
            place_name = subaccount.name if subaccount else change.account.name
            raise AlreadyUsed(
                f"{label_of(user)} has a role in {place_name} already. Change that one instead."
            )
        membership = Membership.objects.create(
            user=user,
            account=change.account,
            subaccount=subaccount,
            role=chosen.codename,
            custom_role=chosen.custom,
            all_subaccounts=all_subaccounts,
            exclusive=not change.edition.roles_add_up,
            ends_at=clean_end(ends_at),
            added_by=change.actor,
        )
        _set_reach(membership, reach)
        change.record("member.added", membership, **_described(membership))
        _end_guest_access(change, user)
    return membership


def _described(membership: Membership) -> dict[str, Any]:
    """Return what the audit keeps of a membership: enough to rebuild it."""
    return {
        **about(membership),
        "role": membership.role,
        "custom_role": membership.custom_role_id,
        "all_subaccounts": membership.all_subaccounts,
        "managed": sorted(membership.reach.values_list("subaccount_id", flat=True)),
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


def _set_reach(membership: Membership, subaccounts: Iterable[Subaccount]) -> None:
    membership.reach.all().delete()
    ManagedSubaccount.objects.bulk_create(
        ManagedSubaccount(membership=membership, subaccount=s, account_id=membership.account_id)
        for s in subaccounts
    )


@service
def remove_member(*, actor: Any, membership: Membership) -> None:
    """Take a membership away, with its toggles; repeating it is an error (NOT_FOUND).

    Guest access and teams of somebody who is left without any place in the account go too, so
    that they start from nothing should they come back.
    """
    stored = stored_membership(membership)
    act = f"remove {label_of(stored.user)}"
    with changing(actor, stored.account, stored.user, act=act) as change:
        stored = stored_membership(membership)
        gate_membership(change, stored, act)
        change.record("member.removed", stored, before=_described(stored))
        stored.delete()
        _clean_up_after(change, stored.user)


def _clean_up_after(change: Change, user: Any) -> None:
    """Withdraw what is meaningless, and must not revive, once ``user`` has no place here."""
    if Membership.objects.filter(account=change.account, user=user).exists():
        return
    person = {"user": str(user.pk), "person": label_of(user), "because": "left the account"}
    for row in user.team_memberships.filter(team__account=change.account).select_related("team"):
        team = row.team
        row.delete()
        change.record("team.left", team, **person)
    for obj, permission in grants.withdraw_all(user=user, root=change.account):
        change.record("guest.withdrawn", obj, permissions=[permission], **person)


def _end_guest_access(change: Change, user: Any) -> None:
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


@service
def suspend_member(*, actor: Any, membership: Membership) -> Membership:
    """Switch a membership off, keeping it as it is. Raises Refused; Invalid if it is off."""
    stored = stored_membership(membership)
    act = f"suspend {label_of(stored.user)}"
    with changing(actor, stored.account, stored.user, act=act) as change:
        stored = stored_membership(membership)
        gate_membership(change, stored, act)
        return _set_status(change, stored, Membership.Status.SUSPENDED, "member.suspended")


@service
def reactivate_member(*, actor: Any, membership: Membership) -> Membership:
    """Switch a suspended membership on again: a grant of all it holds, judged as one."""
    stored = stored_membership(membership)
    act = f"reactivate {label_of(stored.user)}"
    with changing(actor, stored.account, stored.user, act=act) as change:
        stored = stored_membership(membership)
        chosen = choose_role(
            change, stored.custom_role or stored.role, account_level=stored.is_account_level
        )
        gate_membership(change, stored, act, chosen)
        return _set_status(change, stored, Membership.Status.ACTIVE, "member.reactivated")


def _set_status(change: Change, membership: Membership, status: str, action: str) -> Membership:
    if membership.status == status:
        raise Invalid(f"{label_of(membership.user)} is {status} already.", code="ALREADY_SO")
    before = membership.status
    membership.status = status
    membership.save(update_fields=["status"])
    change.record(action, membership, before=before, after=status, **about(membership))
    return membership


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
            )
        clash = Membership.objects.filter(
            Q(user=stored.user, account=change.account, subaccount=stored.subaccount),
            role=chosen.codename,
            custom_role=chosen.custom,
        )
        if clash.exists():
            raise AlreadyUsed(f"{label_of(stored.user)} is {chosen.label} there already.")
        before = _described(stored)
        stored.role, stored.custom_role = chosen.codename, chosen.custom
        stored.save(update_fields=["role", "custom_role"])
        dropped = _drop_toggles(change, stored, before["role"], chosen)
        change.record(
            "role.changed", stored, before=before, after=_described(stored), dropped=dropped
        )
    return stored


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
) -> Membership:
    """Say which subaccounts an account-level membership reaches: these, or all, also new ones."""
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
        reach = check_reach(change, chosen, subaccounts, all_subaccounts)
        change.asked |= {place.pk for place in reach}
        had = set(stored.reach.values_list("subaccount_id", flat=True))
        for place in reach:
            if place.pk not in had:  # one that was archived since stays for the restore
                refuse_archived(place)
        gate_membership(change, stored, act)
        before = _described(stored)
        stored.all_subaccounts = all_subaccounts
        stored.save(update_fields=["all_subaccounts"])
        _set_reach(stored, reach)
        change.record("reach.changed", stored, before=before, after=_described(stored))
        _end_guest_access(change, stored.user)
    return stored
