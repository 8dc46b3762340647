"""Which invitations somebody may see and withdraw: those to roles whose holders they may change.

A filter that answers as ``services.invitations.gate_invitation`` does, for every row at once.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

from django.db.models import Exists, OuterRef, Q

from permissions.lookups import NEVER, any_of
from permissions.policy import FUTURE, TOP, Scope, Standing, may_manage, sources_at
from permissions.profile import Profile, Tenant
from teams.catalogue import CATALOGUE
from teams.editions import get
from teams.editions.spec import Edition
from teams.models import InvitedSubaccount


def invitation_condition(profile: Profile) -> Q:
    """Return the condition on invitations that whoever has ``profile`` may change."""
    condition = NEVER
    for key, tenant in profile.tenants.items():
        if tenant.standing.holdings:
            edition = get(str(tenant.details["edition"]))
            for rank, roles in _by_rank(edition).items():
                condition |= Q(account=key) & roles & _of_rank(tenant, edition, rank)
    return condition


def _by_rank(edition: Edition) -> dict[int, Q]:
    """Return the condition on roles of each rank; what the edition does not know has none."""
    ranked: dict[int, list[str]] = {}
    for role in edition.roles:
        if role.rank:
            ranked.setdefault(role.rank, []).append(role.codename)
    known = [name for names in ranked.values() for name in names]
    rest = ~Q(role__in=known) if known else Q()
    return {0: rest, **{rank: Q(role__in=names) for rank, names in ranked.items()}}


def _of_rank(tenant: Tenant, edition: Edition, rank: int) -> Q:
    inside = _scope(tenant, _asked(tenant, edition, edition.changes_subaccount, rank))
    found = Q(subaccount__isnull=False) & _within(inside)
    above = _asked(tenant, edition, edition.changes_account, rank, at_account=True)
    if all(CATALOGUE[p].level == TOP for p in edition.changes_account):
        return found | Q(subaccount__isnull=True) if above(TOP) else found
    # asked in every place that it reaches, and on the account itself for the rank
    if not _manages(tenant, edition, rank, frozenset({TOP})):
        return found
    reached = _scope(tenant, above)
    beyond = InvitedSubaccount.objects.filter(invitation=OuterRef("pk")).exclude(_within(reached))
    some: Any = Q(subaccount__isnull=True, all_subaccounts=False) & ~Exists(beyond)
    everywhere = Q(subaccount__isnull=True, all_subaccounts=True)
    if reached.everywhere and not reached.places:
        some |= everywhere
    either: Q = found | some
    return either


def _within(scope: Scope) -> Q:
    """Return the condition that the subaccount of a row of one account lies in ``scope``."""
    named = any_of("subaccount_id", scope.places)
    return ~named if scope.everywhere else named


def _asked(
    tenant: Tenant,
    edition: Edition,
    needed: Collection[str],
    rank: int,
    *,
    at_account: bool = False,
) -> Callable[[Any], bool]:
    """Return the question whether a role of ``rank`` at a place is in the person's hands."""

    def ask(place: Any) -> bool:
        touched = frozenset({place, TOP} if at_account else {place})
        return all(
            sources_at(tenant.standing, tenant.root, permission, place) for permission in needed
        ) and _manages(tenant, edition, rank, touched)

    return ask


def _manages(tenant: Tenant, edition: Edition, rank: int, places: frozenset[Any]) -> bool:
    """Say whether the person may touch a role of ``rank`` at ``places`` that nobody has yet."""
    standing, root = tenant.standing, tenant.root
    peers = {role.peer for role in edition.roles if role.rank == rank and role.peer}
    is_peer = bool(peers) and all(
        sources_at(standing, root, permission, place) for permission in peers for place in places
    )
    refusal = may_manage(
        standing,
        Standing(None),
        places=places,
        root=root,
        universe=frozenset(),  # of whoever has nothing nothing has to be covered
        ranked=any(role.rank is not None for role in edition.roles),
        rank=rank,
        peer=is_peer,
    )
    return refusal is None


def _scope(tenant: Tenant, ask: Callable[[Any], bool]) -> Scope:
    """Return every place for which the answer is yes: asked of those named anywhere, and of one
    that stands for all others."""
    named: set[Any] = set(tenant.root.special())
    for holding in tenant.standing.holdings:
        named |= holding.reach.places or frozenset()
    others = ask(FUTURE)
    return Scope(
        everywhere=others, places=frozenset(place for place in named if ask(place) is not others)
    )
