"""Clearing away what ended long ago. There is no actor: nobody's rights change by it.

Each thing goes in a transaction of its own with its account locked, and only if it is still over:
whoever extends it meanwhile holds the same lock.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import models, transaction
from django.utils import timezone

from permissions.audit import label_of
from teams import selectors
from teams.editions import get
from teams.models import (
    Account,
    AccountUserGrant,
    ApiCall,
    ApiKey,
    Invitation,
    Membership,
    Reminder,
    SubaccountUserGrant,
    TeamMembership,
    WebhookDelivery,
)
from teams.services.api_keys import described as described_key
from teams.services.change import Entry
from teams.services.departures import take_away
from teams.services.gates import about
from teams.services.guests import given_to
from teams.services.invitations import described as described_invitation
from teams.services.seating import described
from teams.services.toggles import rows_of

#: so many are read at once
BATCH = 500
#: how long the answer to a call of the API is kept for its repetition
API_CALLS_KEPT = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of thing that ends: which rows, by what path their account, and how one goes."""

    name: str
    rows: models.QuerySet[Any]
    account: str
    remove: Callable[[Entry, Any], None]
    ends: str = "ends_at"

    def over(self, before: datetime, account: Account | None = None) -> models.QuerySet[Any]:
        """Return what was over at ``before``, of one account or of all."""
        rows = self.rows.filter(**{f"{self.ends}__lte": before})
        return rows if account is None else rows.filter(**{self.account: account.pk})


def kinds() -> list[Kind]:
    """Return every kind, in the order in which they go: a role takes its switches along."""
    found = [
        Kind("role", Membership.objects.all(), "account", _remove_role),
        *(
            Kind("switch", table._default_manager.filter(membership__isnull=False), path, _off)
            for table, path in (
                (AccountUserGrant, "content_object"),
                (SubaccountUserGrant, "content_object__account"),
            )
        ),
    ]
    found += [
        Kind("guest access", rows, f"content_object__{resource.root_path}", _remove_guest)
        for resource, rows in selectors.guest_grants()
    ]
    found += [
        Kind("API key", ApiKey.objects.all(), "account", _remove_key, ends=ends)
        for ends in ("revoked_at", "expires_at")
    ]
    pending = Invitation.objects.filter(status=Invitation.Status.PENDING)
    return [
        *found,
        Kind("place in a team", TeamMembership.objects.all(), "team__account", _remove_from_team),
        Kind("invitation", pending, "account", _remove_invitation, ends="expires_at"),
        Kind("reminder", Reminder.objects.all(), "account", _remove_log),
        Kind(
            "delivery of a webhook",
            WebhookDelivery.objects.exclude(state=WebhookDelivery.State.WAITING),
            "account",
            _remove_log,
            ends="created_at",
        ),
    ]


def keys_over(kind: Kind, before: datetime, account: Account | None) -> Iterator[Any]:
    """Yield the keys of what was over at ``before``, read a batch at a time."""
    last: Any = None
    while True:
        rows = kind.over(before, account).order_by("pk")
        keys = list((rows if last is None else rows.filter(pk__gt=last)).values_list("pk")[:BATCH])
        yield from (key for (key,) in keys)
        if len(keys) < BATCH:
            return
        (last,) = keys[-1]


@transaction.atomic
def prune(kind: Kind, key: Any, before: datetime) -> str:
    """Remove one thing, if it was over at ``before`` and still is; return what it was called.

    Empty if there is nothing to remove (any more).
    """
    named = kind.rows.filter(pk=key).values_list(kind.account, flat=True).first()
    if named is None:
        return ""
    account = Account.objects.select_for_update(no_key=True).filter(pk=named).first()
    row = kind.over(before, account).filter(pk=key).first()
    if account is None or row is None:  # extended, or gone, while the lock was waited for
        return ""
    name = describe(kind, row)
    kind.remove(Entry(None, account), row)
    return name


def forget_api_calls() -> int:
    """Remove the kept answers to calls of the API that stand for nothing any more, and return how
    many: an idempotency key counts for a day. They are no part of any account's record."""
    over = ApiCall.objects.filter(created_at__lte=timezone.now() - API_CALLS_KEPT)
    return over.delete()[0]


def describe(kind: Kind, row: Any) -> str:
    """Return what one thing is called in a list of what goes: no more than the audit keeps."""
    ended = f"{getattr(row, kind.ends):%d %b %Y %H:%M %Z}"
    match row:
        case WebhookDelivery():
            return f"{kind.name}, number {row.sequence} of {row.account.slug}, of {ended}"
        case Invitation():
            whose = f"of {row.address}"
        case ApiKey():
            whose = str(row)
        case _:
            whose = f"of {label_of(row.user)}"
    return f"{kind.name} {whose}, over since {ended}"


def _person(row: Any) -> dict[str, Any]:
    return {"user": str(row.user_id), "person": label_of(row.user), "ends_at": row.ends_at}


def _remove_role(entry: Entry, row: Membership) -> None:
    entry.record("membership.pruned", row, before=described(row))
    take_away(entry, row)


def _off(entry: Entry, row: Any) -> None:
    """Remove a switch, all that shares it: half of one could be extended again."""
    membership, permission = row.membership, row.permission.codename
    spec = get(entry.account.edition).find_role(membership.role)
    toggle = spec.toggle_of(permission) if spec is not None else None
    made_of = sorted(spec.optional[toggle]) if spec is not None and toggle else [permission]
    entry.record(
        "toggle.pruned",
        membership,
        toggle=toggle or permission,
        permissions=made_of,
        ends_at=row.ends_at,
        **about(membership),
    )
    if spec is not None and toggle is not None:
        rows_of(membership, spec, toggle).filter(ends_at=row.ends_at).delete()
    else:
        row.delete()


def _remove_guest(entry: Entry, row: Any) -> None:
    """Remove what somebody was given on one thing until the same moment."""
    obj = row.content_object
    rows = given_to(row.user, obj).filter(ends_at=row.ends_at)
    names = sorted(rows.values_list("permission__codename", flat=True))
    entry.record("guest.pruned", obj, permissions=names, **_person(row))
    rows.delete()


def _remove_from_team(entry: Entry, row: TeamMembership) -> None:
    entry.record("team.pruned", row.team, **_person(row))
    row.delete()


def _remove_key(entry: Entry, row: ApiKey) -> None:
    entry.record("key.pruned", row, **described_key(row))
    row.delete()


def _remove_invitation(entry: Entry, row: Invitation) -> None:
    entry.record("invitation.pruned", row, **described_invitation(row))
    row.delete()


def _remove_log(_entry: Entry, row: Any) -> None:
    row.delete()
