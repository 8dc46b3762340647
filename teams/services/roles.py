"""The roles an account makes for itself: written, changed, and taken out of use."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Collection, Iterable
from typing import Any

from django.db.models import Value
from django.db.models.functions import Left

from permissions.audit import label_of
from permissions.errors import AlreadyUsed, Invalid
from permissions.policy import FUTURE, TOP, Atoms, Bundle, PlaceId, sources_at
from permissions.policy.delegate import Code, Refusal
from teams.catalogue import CATALOGUE
from teams.editions.spec import SOME, CustomRoles, Edition
from teams.models import Account, Invitation, Membership, Role
from teams.rights import custom_bundle, role_bundle
from teams.roles import given_by, in_order, lacking
from teams.services.base import Change, changing, service
from teams.services.gates import ChosenRole, RoleLike, choose_role, clean_list
from teams.services.holders import Holders
from teams.services.inputs import clean_text, expect, same_name
from teams.services.invitations import described as described_offer
from teams.services.invitations import settle
from teams.services.people import give_role
from teams.services.seating import described as described_seat

NAME_LIMIT = 80
DESCRIPTION_LIMIT = 400
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
        name = _clean_name(change, name)
        description = _clean_description(description)
        ticks = _clean_ticks(custom, permissions)
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
            stored.name = _clean_name(change, name, of=stored)
        if description is not None:
            stored.description = _clean_description(description)
        if permissions is not None:
            stored.permissions = _clean_ticks(custom, permissions)
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
        chosen = None if replacement is None else _chosen(holders, replacement)
        moved, offers = 0, list[Any]()
        if holders:
            if chosen is None:
                raise _in_use(holders)
            _gate_reassigning(holders, chosen, act)
            moved = _reassign_members(holders, chosen)
            offers = _reassign_offers(holders, chosen)
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


# what is asked


def custom_roles_in(change: Change) -> CustomRoles:
    """Return what custom roles are made of here. Raises Invalid where there are none."""
    custom = change.edition.custom_roles
    if custom is None:
        raise Invalid(f"{change.edition.label} has no custom roles.", code="NOT_IN_EDITION")
    return custom


def composing_places(change: Change) -> frozenset[PlaceId]:
    """Return where the actor may give roles, ceilings aside."""
    return frozenset(
        place
        for place in change.universe | {TOP, FUTURE}
        if all(
            sources_at(change.standing, change.root, permission, place)
            for permission in change.edition.gives_roles
        )
    )


def gate_composing(change: Change, act: str) -> None:
    """Refuse unless the actor may give roles somewhere."""
    if not composing_places(change):
        places = change.universe or frozenset({FUTURE})
        missing = {(str(p), ""): places for p in change.edition.gives_roles}
        change.refuse(Refusal(Code.OUT_OF_SCOPE, missing), act)


def gate_naming(holders: Holders, act: str) -> None:
    """Refuse unless the actor may give roles wherever this one counts."""
    gate_composing(holders.change, act)
    holders.require(holders.change.edition.gives_roles, holders.asked_at(), act)


def beyond(change: Change, permissions: Collection[str]) -> Atoms:
    """Return what of ``permissions`` the actor does not hold where they may give roles: nobody
    composes what they could never give."""
    places = composing_places(change) - {TOP}
    missing: dict[tuple[str, str], frozenset[PlaceId]] = {}
    for permission in permissions:
        where = frozenset({TOP}) if CATALOGUE[permission].level == TOP else places
        if not any(sources_at(change.standing, change.root, permission, p) for p in where):
            missing[permission, ""] = where
    return missing


def judge_composing(change: Change, permissions: Collection[str], act: str) -> None:
    """Refuse if a role would give something that the actor could never give."""
    missing = beyond(change, permissions)
    if missing:
        change.refuse(Refusal(Code.OUT_OF_SCOPE, missing), act)


def _added(edition: Edition, before: Any, after: Any) -> Bundle:
    """Return what a role with the ticks ``after`` gives that it did not give before."""
    was, now = (custom_bundle(edition.codename, json.dumps(ticks)) for ticks in (before, after))
    return {
        kind: {p: condition for p, condition in held.items() if p not in was[kind]}
        for kind, held in now.items()
    }


def _chosen(holders: Holders, replacement: RoleLike) -> ChosenRole:
    """Return the role that takes the place of another, if it may at every level that one is held.

    Raises Invalid or NotFound.
    """
    levels = holders.levels or {False}
    found = [choose_role(holders.change, replacement, account_level=level) for level in levels]
    chosen = found[0]
    if chosen.custom == holders.role:
        raise Invalid("Choose another role than the one that is deleted.", code="SAME_ROLE")
    if holders.are_chosen and SOME not in chosen.reaches:
        raise Invalid(
            f"{chosen.label} reaches all subaccounts, and some holders of {holders.role.name} "
            "only chosen ones. Change their roles first.",
            code="REACH",
        )
    return chosen


def _in_use(holders: Holders) -> Invalid:
    people = holders.members.values("user").distinct().count()
    offers = holders.offers.count()
    found = [
        f"{n} {one if n == 1 else many}"
        for n, one, many in (
            (people, "person has it", "people have it"),
            (offers, "invitation offers it", "invitations offer it"),
        )
        if n
    ]
    return Invalid(
        f"{holders.role.name} is in use: {' and '.join(found)}. Name the role that takes its "
        "place.",
        code="IN_USE",
    )


def _gate_reassigning(holders: Holders, chosen: ChosenRole, act: str) -> None:
    """Refuse unless the actor could give ``chosen`` to each of them where they have this role."""
    edition = holders.change.edition
    for level in sorted(holders.levels):
        needed = edition.changes_account if level else edition.changes_subaccount
        holders.require(needed | edition.gives_roles, holders.asked_at(level=level), act)
    holders.require_managing(act)
    rights = (
        role_bundle(edition.codename, chosen.codename)
        if chosen.custom is None
        else custom_bundle(edition.codename, json.dumps(chosen.custom.permissions))
    )
    holders.judge(rights, act)


def _reassign_members(holders: Holders, chosen: ChosenRole) -> int:
    """Give each holder ``chosen`` instead, and return how many memberships there were."""
    change = holders.change
    others = Membership.objects.filter(
        account=change.account, role=chosen.codename, custom_role=chosen.custom
    )
    taken = {(row.user_id, row.subaccount_id): row for row in others}
    rows = holders.members.select_related("user", "account", "subaccount", "custom_role")
    found = list(rows.order_by("pk"))
    for row in found:
        other = taken.get((row.user_id, row.subaccount_id))
        if other is None:
            give_role(change, row, chosen)
            continue
        if not _is_like(row, other):
            raise AlreadyUsed(
                f"{label_of(row.user)} has both {holders.role.name} and {chosen.label} at the "
                "same place, in different states. Take one of the two away first."
            )
        because = f"has {chosen.label} there already"
        change.record("member.removed", row, before=described_seat(row), because=because)
        row.delete()
    return len(found)


def _is_like(one: Membership, other: Membership) -> bool:
    """Say whether two roles at one place come and go together, as far as they reach."""
    states = [(row.status, row.ends_at, row.all_subaccounts) for row in (one, other)]
    reaches = one.subaccount_id is not None or one.all_subaccounts
    return states[0] == states[1] and reaches


def _reassign_offers(holders: Holders, chosen: ChosenRole) -> list[Any]:
    """Offer ``chosen`` instead, and return the keys of the invitations that do."""
    pending = Invitation.Status.PENDING
    others = Invitation.objects.filter(
        account=holders.change.account,
        status=pending,
        role=chosen.codename,
        custom_role=chosen.custom,
    )
    taken = set(others.values_list("address", "subaccount_id"))
    moved = []
    for row in list(holders.offers.order_by("pk")):
        if (row.address, row.subaccount_id) in taken:
            because = f"{chosen.label} is offered there already"
            offered = described_offer(row)
            settle(row, Invitation.Status.WITHDRAWN)
            holders.change.record("invitation.withdrawn", row, **offered, because=because)
            continue
        row.role, row.custom_role, row.toggles = chosen.codename, chosen.custom, []
        row.save(update_fields=["role", "custom_role", "toggles"])
        moved.append(row.pk)
    return moved


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


def _clean_ticks(custom: CustomRoles, permissions: Any) -> list[str]:
    """Return the ticks as they are stored. Raises Invalid naming what may not be ticked, or what
    is needed besides."""
    asked = clean_list(permissions, "permissions")
    if not all(isinstance(tick, str) for tick in asked):
        raise Invalid("Name each permission by its codename.", code="WRONG_TYPE")
    wrong = sorted({tick for tick in asked if tick not in custom.tickable})
    if wrong:
        named = ", ".join(ascii(tick) for tick in wrong[:3])
        more = f" and {len(wrong) - 3} more" if len(wrong) > 3 else ""
        raise Invalid(
            f"A role cannot be given {named}{more}: there is no such tick here.",
            code="UNKNOWN_PERMISSION",
        )
    for permission, needed in lacking(set(asked)):
        raise Invalid(
            f"{permission.label} is found under the menu {needed.label}: tick that too.",
            code="NEEDS_MENU",
        )
    return in_order(asked)


def _clean_name(change: Change, name: Any, *, of: Role | None = None) -> str:
    """Return the name, if no other role has it or is mistaken for it."""
    text = clean_text(name, "The name", limit=NAME_LIMIT)
    if of is not None and text == of.name:
        return text
    edition = change.edition
    reserved = {edition.owner, str(edition.owner_label)}
    reserved |= {name for spec in edition.roles for name in (spec.codename, str(spec.label))}
    for other in reserved:
        if _bare(text) == _bare(other):
            raise Invalid(
                f"That is the name of a role that {edition.label} has by itself. Choose another.",
                code="RESERVED_NAME",
            )
    rows = Role.objects.filter(account=change.account)
    if of is not None:
        rows = rows.exclude(pk=of.pk)
    for other in rows.values_list("name", flat=True):
        if same_name(_plain(text), _plain(other)):
            raise AlreadyUsed(f"There is a role {other} already. Choose another name.")
    return text


def _plain(name: str) -> str:
    """Return ``name`` in the plainest letters that mean the same: wide and styled ones are taken
    for ordinary ones."""
    return unicodedata.normalize("NFKC", name)


def _bare(name: str) -> str:
    """Return the letters and digits of ``name`` alone: what sets words apart sets no names apart,
    and what is not seen does not either."""
    folded = unicodedata.normalize("NFKC", _plain(name).casefold())
    return "".join(c for c in folded if c.isalnum())


def _clean_description(description: Any) -> str:
    if isinstance(description, str) and not description.strip():
        return ""
    return clean_text(description, "The description", limit=DESCRIPTION_LIMIT)
