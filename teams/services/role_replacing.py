"""Another role in place of one that is deleted, for whoever has it or is offered it."""

from __future__ import annotations

import json
from typing import Any

from permissions.audit import label_of
from permissions.errors import AlreadyUsed, Invalid
from teams.editions.spec import SOME
from teams.models import Invitation, Membership
from teams.rights import custom_bundle, role_bundle
from teams.services.gates import ChosenRole, RoleLike, choose_role
from teams.services.holders import Holders
from teams.services.invitations import described as described_offer
from teams.services.invitations import settle
from teams.services.people import give_role
from teams.services.seating import described as described_seat


def replacing_role(holders: Holders, replacement: RoleLike) -> ChosenRole:
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


def in_use(holders: Holders) -> Invalid:
    """Return the error that says by whom the role is held, and what to do."""
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


def gate_reassigning(holders: Holders, chosen: ChosenRole, act: str) -> None:
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


def reassign_members(holders: Holders, chosen: ChosenRole) -> int:
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


def reassign_offers(holders: Holders, chosen: ChosenRole) -> list[Any]:
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
