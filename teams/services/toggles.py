"""Optional permissions, switched on and off for one person."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from permissions import grants
from permissions.audit import label_of
from permissions.errors import Invalid, NotFound, NotToggleable, OutOfScope
from permissions.policy import TOP, Atoms, Holding, PlaceId, Reach, Source, atoms
from teams.editions.spec import RoleSpec
from teams.models import AccountUserGrant, Membership, Role, SubaccountUserGrant
from teams.rights import toggle_bundle
from teams.services.base import changing, service
from teams.services.change import Change
from teams.services.gates import (
    about,
    clean_end,
    gate_membership,
    new_end,
    refuse_archived,
    refuse_switched_off,
    stored_membership,
)


@service
def toggle_permission(
    *,
    actor: Any,
    membership: Membership,
    toggle: str,
    on: bool,
    ends_at: datetime | None = None,
) -> Membership:
    """Switch ``toggle`` for ``membership`` on (until ``ends_at``) or off.

    All permissions of the toggle go together. On only by those the edition names, within what they
    hold; off by whoever may manage that person. A toggle the role does not admit is refused to
    everybody (NotToggleable). Source: "Who toggles" in ``tests/truth/README.md``.
    """
    stored = stored_membership(membership)
    if not isinstance(on, bool):
        raise Invalid("A toggle is switched on or off: true or false.", code="WRONG_TYPE")
    act = f"switch {toggle} {'on' if on else 'off'} for {label_of(stored.user)}"
    with changing(actor, stored.account, stored.user, act=act) as change:
        stored = stored_membership(membership)
        _switch(change, stored, toggle, on=on, ends_at=clean_end(ends_at) if on else None)
    return stored


@service
def set_toggles(
    *,
    actor: Any,
    membership: Membership,
    switches: Mapping[str, bool],
    ends_at: datetime | None = None,
) -> Membership:
    """Switch several toggles of one membership, all or none; as ``toggle_permission`` each.

    ``ends_at`` is about those that are switched on.
    """
    stored = stored_membership(membership)
    asked: Any = switches
    if not isinstance(asked, Mapping) or not all(isinstance(on, bool) for on in asked.values()):
        raise Invalid("Say for each toggle whether it is on: true or false.", code="WRONG_TYPE")
    act = f"change the optional permissions of {label_of(stored.user)}"
    with changing(actor, stored.account, stored.user, act=act) as change:
        stored = stored_membership(membership)
        ends_at = clean_end(ends_at)
        for toggle, on in switches.items():
            _switch(change, stored, toggle, on=on, ends_at=ends_at if on else None)
    return stored


def _switch(
    change: Change, membership: Membership, toggle: Any, *, on: bool, ends_at: datetime | None
) -> None:
    spec, label = admitted(change, membership.role, membership.custom_role, toggle)
    act = f"switch {label} {'on' if on else 'off'} for {label_of(membership.user)}"
    gate_membership(change, membership, act)
    if on:
        if membership.subaccount is not None:
            refuse_archived(membership.subaccount)
            refuse_switched_off(change, membership.subaccount, spec.optional[toggle])
        require_named(change, place_of(membership), spec, act)
    before = switch_off(membership, toggle, spec)
    for permission in sorted(spec.optional[toggle]) if on else ():
        grants.give(
            permission=permission,
            obj=membership.subaccount or change.account,
            user=membership.user,
            membership=membership,
            granted_by=change.actor,
            ends_at=ends_at,
        )
    record_switch(change, membership, toggle, spec, before=before, after=on, ends_at=ends_at)


def switch_off(membership: Membership, toggle: str, spec: RoleSpec) -> bool:
    """Take away what ``toggle`` gave, and say whether it was on."""
    rows = rows_of(membership, spec, toggle)
    was_on = bool(rows.exists())
    rows.delete()
    return was_on


def record_switch(
    change: Change,
    membership: Membership,
    toggle: str,
    spec: RoleSpec,
    *,
    before: bool,
    after: bool,
    ends_at: datetime | None = None,
) -> None:
    """Record that ``toggle``, of the role ``spec``, was switched for ``membership``."""
    change.record(
        "permission.toggled",
        membership,
        toggle=toggle,
        permissions=sorted(spec.optional[toggle]),
        before=before,
        after=after,
        ends_at=ends_at,
        **about(membership),
    )


@service
def set_toggle_end(
    *, actor: Any, membership: Membership, toggle: str, ends_at: datetime | None
) -> Membership:
    """Say when a toggle that was switched on ends (None: with its membership, at the latest).

    A later end, or none, is switching it on for the time it adds, also where it has ended already:
    by those the edition names, within what they hold. Raises Refused, NotToggleable, NotFound if it
    was never on, or Invalid (ENDED, ALREADY_SO, ARCHIVED, …).
    """
    stored = stored_membership(membership)
    act = f"change when {toggle} ends for {label_of(stored.user)}"
    with changing(actor, stored.account, stored.user, act=act) as change:
        stored = stored_membership(membership)
        spec, label = admitted(change, stored.role, stored.custom_role, toggle)
        act = f"change when {label} ends for {label_of(stored.user)}"
        gate_membership(change, stored, act)
        rows = rows_of(stored, spec, toggle)
        before = list(rows.values_list("ends_at", flat=True))
        if not before:
            raise NotFound(f"{label} is not switched on for {label_of(stored.user)} there.")
        ends_at, is_longer = new_end(ends_at, *before)
        if is_longer:
            if stored.subaccount is not None:
                refuse_archived(stored.subaccount)
            require_named(change, place_of(stored), spec, act)
            change.judge_atoms(toggle_atoms(change, stored, spec.optional[toggle]), act)
        rows.update(ends_at=ends_at)
        change.record(
            "toggle.end_changed",
            stored,
            toggle=toggle,
            permissions=sorted(spec.optional[toggle]),
            before=min((end for end in before if end), default=None),
            after=ends_at,
            **about(stored),
        )
    return stored


def rows_of(membership: Membership, spec: RoleSpec, toggle: str) -> Any:
    """Return the grants by which ``toggle`` is on for ``membership``, or was until it ended."""
    table = AccountUserGrant if membership.is_account_level else SubaccountUserGrant
    return table._default_manager.filter(
        membership=membership, permission__codename__in=spec.optional[toggle]
    )


def toggle_atoms(change: Change, membership: Membership, permissions: Iterable[str]) -> Atoms:
    """Return what these optional permissions amount to with ``membership``."""
    reach = reach_of(membership)
    own = [Holding(Source("toggle"), toggle_bundle(p), reach) for p in permissions]
    return atoms(own, change.root, change.universe)


def reach_of(membership: Membership) -> Reach:
    """Return where ``membership`` counts."""
    if membership.subaccount_id is not None:
        return Reach(top=False, places=frozenset({membership.subaccount_id}))
    if membership.all_subaccounts:
        return Reach(top=True, places=None)
    return Reach(top=True, places=frozenset(membership.reach_keys))


def place_of(membership: Membership) -> PlaceId:
    """Return where a membership's toggles are asked: its subaccount, or the account itself."""
    return TOP if membership.is_account_level else membership.subaccount_id


def admitted(change: Change, role: str, custom: Role | None, toggle: Any) -> tuple[RoleSpec, str]:
    """Return the role and the toggle's label. Raises NotToggleable if it is not admitted."""
    known = {t.codename: t for t in change.edition.toggles}
    if not isinstance(toggle, str) or toggle not in known:
        names = ", ".join(known) or "none"
        raise Invalid(
            f"{change.edition.label} has no toggle {toggle!r}; it has {names}.",
            code="UNKNOWN_TOGGLE",
        )
    label = str(known[toggle].label)
    spec = change.edition.find_role(role)
    if spec is None or toggle not in spec.optional:
        able = [str(r.label) for r in change.edition.roles if toggle in r.optional]
        raise NotToggleable(
            f"{label} cannot be switched on for {spec.label if spec else custom}. "
            f"Roles that admit it: {', '.join(able)}."
        )
    return spec, label


def require_named(change: Change, place: PlaceId, spec: RoleSpec, act: str) -> None:
    """Refuse unless the actor has one of the roles that may switch this role's toggles there."""
    roles = {h.source.name for h in change.standing.holdings if place in h.reach}
    if not roles & spec.toggled_by:
        labels = [
            str(role.label) for role in change.edition.roles if role.codename in spec.toggled_by
        ]
        named = " or ".join([str(change.edition.owner_label), *labels])
        error = OutOfScope(f"You cannot {act}: only {named} may.")
        error.account = change.account
        raise error
