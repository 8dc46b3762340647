"""What of an account's billing a person may look at. Asked by console, files, commands and API.

``view_invoices``, ``view_rate_plan`` and their like are asked of the account. An invoice of a
subaccount that pays for itself needs ``view_subaccount_billing`` there besides (Constant Contact:
managers see billing only "while the workspace is billed on the account's single bill"). Reports
show only the subaccounts one manages (Emma Corporate, "account-level pages"); what concerns the
account itself is for who reaches all of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.db.models import Q, QuerySet

from billing.models import Invoice
from permissions import access
from permissions.lookups import NEVER, any_of
from permissions.policy import TOP, PlaceId, Scope, sources_at
from permissions.profile import Tenant
from teams.catalogue import VIEW_INVOICES, VIEW_SUBACCOUNT_BILLING
from teams.models import Account, Subaccount


def holds(user: Any, account: Account, permission: str) -> bool:
    """Say whether ``user`` holds ``permission``, one of the account's, on ``account``."""
    return TOP in access.profile_of(user).scope(account.pk, permission)


def _places(scope: Scope, tenant: Tenant, permission: str) -> Scope:
    """Return ``scope`` with the archived places where it is held but for that: what was charged
    there is still to be paid."""
    archived = frozenset(
        place
        for place in tenant.root.archived
        if sources_at(tenant.standing, tenant.root, permission, place)
    )
    places = scope.places - archived if scope.everywhere else scope.places | archived
    return Scope(everywhere=scope.everywhere, places=places)


def _within(column: str, scope: Scope) -> Q:
    """Return the condition that ``column`` names a place of ``scope``."""
    named = Q(any_of(column, scope.places))
    return ~named if scope.everywhere else named


def _seen(user: Any) -> Iterator[Q]:
    profile = access.profile_of(user)
    for key, tenant in profile.tenants.items():
        if TOP not in profile.scope(key, VIEW_INVOICES):
            continue
        scope = profile.scope(key, VIEW_SUBACCOUNT_BILLING)
        places = _places(scope, tenant, VIEW_SUBACCOUNT_BILLING)
        direct = Q(subaccount__isnull=False) & _within("subaccount_id", places)
        yield Q(account=key) & (Q(subaccount=None) | direct)


def invoices_of(user: Any) -> QuerySet[Invoice]:
    """Return the issued invoices that ``user`` may see, of all their accounts. Drafts are nobody's
    but the platform's."""
    found: Q = NEVER
    for condition in _seen(user):
        found = condition if found is NEVER else found | condition
    return Invoice.objects.filter(found).exclude(status=Invoice.Status.DRAFT)


def reach_of(user: Any, account: Account, permission: str) -> frozenset[PlaceId] | None:
    """Return the subaccounts (keys) about which ``user`` may be told by way of ``permission``, one
    of the account's; None for all of them and the account itself."""
    profile = access.profile_of(user)
    tenant = profile.tenants.get(account.pk)
    if tenant is None or TOP not in profile.scope(account.pk, permission):
        return frozenset()
    reached: frozenset[PlaceId] = frozenset()
    for holding in tenant.standing.holdings:
        gives = permission in holding.rights.get(TOP, {}) and holding.reach.top
        if gives and holding.reach.places is None:
            return None
        if gives:
            reached |= holding.reach.places or frozenset()
    return reached


def reported(user: Any, account: Account, permission: str) -> QuerySet[Subaccount]:
    """Return the subaccounts of ``account``, archived ones too, that ``reach_of`` names."""
    rows = Subaccount.objects.filter(account=account)
    reach = reach_of(user, account, permission)
    return rows if reach is None else rows.filter(any_of("pk", reach))


def billed_places(user: Any, account: Account) -> QuerySet[Subaccount]:
    """Return the subaccounts of ``account`` whose billing page ``user`` may see."""
    profile = access.profile_of(user)
    tenant = profile.tenants.get(account.pk)
    if tenant is None:
        return Subaccount.objects.none()
    scope = profile.scope(account.pk, VIEW_SUBACCOUNT_BILLING)
    places = _places(scope, tenant, VIEW_SUBACCOUNT_BILLING)
    return Subaccount.objects.filter(_within("pk", places), account=account)
