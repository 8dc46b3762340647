"""What many people have in one account, in a few queries however many they are.

``provider.load_profile`` answers about one person in every account, with one query each. A page
that asks who is above whom needs one account and everybody on it.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection
from typing import Any

from django.db.models import Q
from django.utils import timezone

from permissions import grants
from permissions.policy import Holding, Reach, Source, Standing
from teams import provider
from teams.editions import get
from teams.editions.spec import ALL_SUBACCOUNTS, Edition
from teams.facts import Row
from teams.models import (
    Account,
    AccountUserGrant,
    ManagedSubaccount,
    Membership,
    Subaccount,
    SubaccountUserGrant,
)
from teams.rights import owner_bundle


def standings(
    account: Account, people: Collection[Any] | None = None, *, recorded: bool
) -> dict[Any, Standing]:
    """Return the standing of each of ``people`` (keys; None for everybody) in ``account``.

    What counts now, or with ``recorded`` also what is suspended or has ended, as
    ``provider.load_profile`` says it of one person. People without any holding are left out,
    except that the owner has a standing always.
    """
    edition = get(account.edition)
    running = Q() if recorded else grants.active(timezone.now())
    mine = Membership.objects.filter(running, account=account)
    if not recorded:
        mine = mine.filter(status=Membership.Status.ACTIVE, user__is_active=True)
    if people is not None:
        mine = mine.filter(user__in=people)
    rows = list(mine.select_related("custom_role").order_by("pk"))
    keys = [row.pk for row in rows]
    reach: dict[Any, set[int]] = defaultdict(set)
    for membership, place in ManagedSubaccount.objects.filter(membership__in=keys).values_list(
        "membership_id", "subaccount_id"
    ):
        reach[membership].add(place)
    toggles: dict[Any, list[Row]] = defaultdict(list)
    for table in (AccountUserGrant, SubaccountUserGrant):
        given = table._default_manager.filter(running, membership__in=keys)
        for pk, membership, codename in given.values_list(
            "pk", "membership_id", "permission__codename"
        ):
            toggles[membership].append(_fact("toggle", place=pk, ref=membership, name=codename))
    everything = _all_places(account, edition, rows)
    held: dict[Any, list[Holding]] = defaultdict(list)
    for row in rows:
        fact = _membership(row, everything <= reach[row.pk] if everything else False)
        held[row.user_id] += provider.membership_holdings(
            edition, fact, reach[row.pk], toggles[row.pk]
        )
    guests = SubaccountUserGrant._default_manager.filter(
        running, user__in=list(held), membership=None, content_object__account=account
    )
    for pk, user, place, codename in guests.values_list(
        "pk", "user_id", "content_object_id", "permission__codename"
    ):
        if held[user]:
            fact = _fact("guest", place=place, ref=pk, name=codename)
            held[user].append(provider.guest_holding(fact))
    found = {user: Standing(user, tuple(holdings)) for user, holdings in held.items() if holdings}
    owner = account.owner_id
    if people is None or owner in people:
        holdings = [_ownership(account, edition), *held.get(owner, ())]
        asleep = not recorded and not account.owner.is_active
        found[owner] = Standing(owner, () if asleep else tuple(holdings), is_owner=True)
    return found


def _ownership(account: Account, edition: Edition) -> Holding:
    return Holding(
        source=Source("owner", edition.owner, str(edition.owner_label), ("account", account.pk)),
        rights=owner_bundle(edition.codename),
        reach=Reach(top=True, places=None),
        key=("owner", account.pk),
    )


def _all_places(account: Account, edition: Edition, rows: list[Membership]) -> set[int]:
    """Return every active subaccount, where a role has a condition that asks for all of them."""
    if not any(ALL_SUBACCOUNTS in role.when for role in edition.roles):
        return set()
    if all(row.subaccount_id is not None or row.all_subaccounts for row in rows):
        return set()
    active = Subaccount.objects.filter(account=account, archived_at=None)
    return set(active.values_list("pk", flat=True))


def _membership(row: Membership, reaches_all: bool) -> Row:
    custom = row.custom_role
    return _fact(
        "membership",
        place=row.subaccount_id,
        ref=row.pk,
        name=row.role or (f"custom:{custom.name}" if custom else ""),
        text=None if custom is None else json.dumps(custom.permissions),
        one=row.all_subaccounts,
        two=row.is_primary_contact,
        three=row.all_subaccounts or (row.subaccount_id is None and reaches_all),
    )


def _fact(
    kind: str,
    *,
    place: int | None = None,
    ref: int | None = None,
    name: str | None = None,
    text: str | None = None,
    one: bool | None = None,
    two: bool | None = None,
    three: bool | None = None,
) -> Row:
    return Row(kind, None, place, ref, name, text, one, two, three, None)
