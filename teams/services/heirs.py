"""Who may own an account next, and what becomes of an offer that nobody can take any more.

``ownership`` makes and takes offers; whoever sends people away needs no more than this.
"""

from __future__ import annotations

from typing import Any

from django.contrib.auth import get_user_model
from django.db.models import QuerySet
from django.utils import timezone

from permissions import grants
from permissions.audit import label_of
from permissions.errors import Invalid
from teams import logins
from teams.factors import demand
from teams.models import Account, Membership, OwnershipTransfer
from teams.services.change import Entry


def seats_of_heirs(account: Account) -> QuerySet[Membership]:
    """Return the roles in ``account`` whose holders may own it next: active ones, of logins that
    are switched on and not the platform's."""
    return Membership.objects.filter(
        grants.active(timezone.now()),
        account=account,
        status=Membership.Status.ACTIVE,
        user__is_active=True,
        user__is_staff=False,
        user__is_superuser=False,
    )


def works_in(account: Account, user: Any) -> bool:
    """Say whether ``user`` has an active role in ``account`` now."""
    rows = Membership.objects.filter(account=account, user=user, status=Membership.Status.ACTIVE)
    return rows.filter(grants.active(timezone.now())).exists()


def check_heir(account: Account, heir: Any) -> None:
    """Refuse somebody who could not own ``account``. Raises Invalid (OWNER, NOT_A_MEMBER,
    NEEDS_FACTOR).

    An owner without the second factor that is asked of owners would own an account that nobody
    can administer.
    """
    if heir.pk == account.owner_id:
        raise Invalid(f"{label_of(heir)} owns {account.name} already.", code="OWNER")
    if not works_in(account, heir):
        raise Invalid(
            f"{label_of(heir)} has no active role in {account.name}. Only somebody who works there "
            "can become its owner.",
            code="NOT_A_MEMBER",
        )
    if _lacks_factor(account, heir):
        raise Invalid(
            f"{label_of(heir)} needs a second factor first: {account.name} asks one of its owner.",
            code="NEEDS_FACTOR",
        )


def _lacks_factor(account: Account, person: Any) -> bool:
    asked, having = demand(account.second_factor), logins.current().having_factor()
    if having is None or asked is None or not (asked.owner or asked.everybody):
        return False
    return not get_user_model()._default_manager.filter(having, pk=person.pk).exists()


def described(transfer: OwnershipTransfer) -> dict[str, Any]:
    """Return what the audit keeps of an offer."""
    return {
        "transfer": transfer.pk,
        "owner": str(transfer.owner_id),
        "heir": str(transfer.heir_id),
        "person": label_of(transfer.heir),
        "owner_leaves": transfer.owner_leaves,
        "expires_at": transfer.expires_at,
    }


def settle(transfer: OwnershipTransfer, status: str) -> None:
    """Write down what became of an offer."""
    transfer.status, transfer.settled_at = status, timezone.now()
    transfer.save(update_fields=["status", "settled_at"])


def withdraw(entry: Entry, transfer: OwnershipTransfer, **why: str) -> None:
    """Settle an offer as withdrawn, and record it."""
    before = transfer.status
    settle(transfer, OwnershipTransfer.Status.WITHDRAWN)
    entry.record(
        "ownership.withdrawn",
        entry.account,
        **described(transfer),
        before=before,
        after=transfer.status,
        **why,
    )


def pending_in(account: Account) -> QuerySet[OwnershipTransfer]:
    """Return the offer of ``account`` that is not settled, expired or not: one at most."""
    rows = OwnershipTransfer.objects.select_related("account", "owner", "heir")
    return rows.filter(account=account, status=OwnershipTransfer.Status.PENDING)


def withdraw_from_heir(entry: Entry, person: Any) -> None:
    """Withdraw what is offered to ``person``, unless they still work here: it must not come back
    with them."""
    if works_in(entry.account, person):
        return
    for transfer in pending_in(entry.account).filter(heir=person):
        withdraw(entry, transfer, because=f"{label_of(person)} has no active role any more")
