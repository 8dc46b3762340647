"""The roles an account makes for itself: written, changed, and taken out of use."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from django.db.models import Value
from django.db.models.functions import Left

from permissions.errors import Invalid
from permissions.policy import Bundle
from teams.editions.spec import Edition
from teams.models import Account, Invitation, Role
from teams.rights import custom_bundle
from teams.roles import given_by
from teams.services.base import changing, service
from teams.services.gates import ChosenRole, RoleLike
from teams.services.holders import Holders
from teams.services.inputs import expect
from teams.services.role_gates import custom_roles_in, gate_composing, gate_naming, judge_composing
from teams.services.role_inputs import clean_description, clean_name, clean_ticks
from teams.services.role_replacing import (
    gate_reassigning,
    in_use,
    reassign_members,
    reassign_offers,
    replacing_role,
)

#: how much of a name fits where a settled invitation keeps it
KEPT_LIMIT = 40


@service
def create_role(
    *,
    actor: Any,
    account: Account,
    name: str,
    permissions: Iterable[str],
    description: str = "",
) -> Role:
    """Write down a role of the account's own, which gives nobody anything yet.

    ``permissions`` are the ticks; what they need must be among them (``roles.with_needed``). Raises
    Refused (OUT_OF_SCOPE: whoever composes a role holds what they tick), AlreadyUsed, or Invalid
    (NOT_IN_EDITION, UNKNOWN_PERMISSION, NEEDS_MENU, RESERVED_NAME, …).
    """
    act = "create a role"
    with changing(actor, account, act=act) as change:
        custom = custom_roles_in(change)
        gate_composing(change, act)
        name = clean_name(change, name)
        description = clean_description(description)
        ticks = clean_ticks(custom, permissions)
        judge_composing(change, given_by(custom, ticks), act)
        role = Role.objects.create(
            account=change.account, name=name, description=description, permissions=ticks
        )
        change.record("role.created", role, **described(role))
    return role


@service
def edit_role(
    *,
    actor: Any,
    role: Role,
    name: str | None = None,
    description: str | None = None,
    permissions: Iterable[str] | None = None,
) -> Role:
    """Change what a role is called or allows; None leaves that as it is.

    Other ticks are a grant to everybody who has the role or is offered it: what is added must be
    held by the actor wherever the role counts, and the actor must be allowed to manage each holder
    and be none of them. Raises Refused, or as ``create_role``; Invalid (ALREADY_SO).
    """
    stored = expect(role, Role, "The role")
    act = f"edit the role {stored.name}"
    with changing(actor, stored.account, act=act) as change:
        stored = expect(role, Role, "The role")  # as it is now that the account is locked
        custom = custom_roles_in(change)
        holders = Holders(change, stored)
        gate_naming(holders, act)
        before, was = described(stored), ticked(stored)
        if name is not None:
            stored.name = clean_name(change, name, of=stored)
        if description is not None:
            stored.description = clean_description(description)
        if permissions is not None:
            stored.permissions = clean_ticks(custom, permissions)
        if described(stored) == before:
            raise Invalid(f"{stored.name} is like that already.", code="ALREADY_SO")
        if stored.permissions != before["permissions"]:
            holders.require_managing(act)
            judge_composing(change, given_by(custom, ticked(stored)) - given_by(custom, was), act)
            holders.judge(_added(change.edition, before["permissions"], stored.permissions), act)
        stored.save(update_fields=["name", "description", "permissions"])
        change.record("role.edited", stored, before=before, after=described(stored))
    return stored


@service
def delete_role(*, actor: Any, role: Role, replacement: RoleLike | None = None) -> None:
    """Delete a role; whoever has it, or is offered it, gets ``replacement`` instead.

    Without one, a role that anybody has, suspended or ended, or is offered stays (Invalid, IN_USE).
    Judged as giving the replacement to each of them. Who has that at the same place already, in the
    same state, just keeps it. Raises Refused, AlreadyUsed or Invalid.
    """
    stored = expect(role, Role, "The role")
    act = f"delete the role {stored.name}"
    with changing(actor, stored.account, act=act) as change:
        stored = expect(role, Role, "The role")
        custom_roles_in(change)
        holders = Holders(change, stored)
        gate_naming(holders, act)
        chosen = None if replacement is None else replacing_role(holders, replacement)
        moved, offers = 0, list[Any]()
        if holders:
            if chosen is None:
                raise in_use(holders)
            gate_reassigning(holders, chosen, act)
            moved = reassign_members(holders, chosen)
            offers = reassign_offers(holders, chosen)
        # what came of an invitation outlives the role: it keeps the name
        Invitation.objects.filter(custom_role=stored).update(
            role=Left(Value(stored.name), KEPT_LIMIT), custom_role=None
        )
        change.record(
            "role.deleted",
            stored,
            **described(stored),
            reassigned=moved,
            invitations=offers,
            replacement=None if chosen is None else _named(chosen),
        )
        stored.delete()


def _added(edition: Edition, before: Any, after: Any) -> Bundle:
    """Return what a role with the ticks ``after`` gives that it did not give before."""
    was, now = (custom_bundle(edition.codename, json.dumps(ticks)) for ticks in (before, after))
    return {
        kind: {p: condition for p, condition in held.items() if p not in was[kind]}
        for kind, held in now.items()
    }


# what is written down


def described(role: Role) -> dict[str, Any]:
    """Return what the audit keeps of a role: all of it."""
    return {
        "name": role.name,
        "description": role.description,
        "permissions": role.permissions,
    }


def ticked(role: Role) -> frozenset[str]:
    """Return what is ticked in ``role``, as far as it is a list of names."""
    stored: Any = role.permissions
    return (
        frozenset(p for p in stored if isinstance(p, str))
        if isinstance(stored, list)
        else (frozenset())
    )


def _named(chosen: ChosenRole) -> dict[str, Any]:
    return {
        "role": chosen.codename,
        "custom_role": chosen.custom.pk if chosen.custom else None,
        "label": chosen.label,
    }
