"""What a service would do to everybody's rights, asked without doing it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, cast

from django.contrib.auth import get_user_model
from django.db.models import Q

from permissions.errors import Invalid
from permissions.resources import registry
from teams import effects, selectors
from teams.differences import Preview
from teams.models import (
    Account,
    Invitation,
    Membership,
    OwnershipTransfer,
    Role,
    Subaccount,
    SubaccountGroup,
    Team,
    TeamMembership,
)


def preview(service: Callable[..., Any], **named: Any) -> Preview:
    """Return who would gain and who would lose which permission where by ``service(**named)``.

    The service is carried out and taken back: what it refuses it refuses here too (see there for
    what it raises), but no refusal is recorded, no mail sent, nothing written. A thousand people
    take about a third of a second, during which the account is locked.
    """
    account = account_of(named)
    return effects.trial(account, lambda: service(**named), people=people_of(account, named))


_IN_ACCOUNTS = (
    Membership,
    Invitation,
    Role,
    Team,
    SubaccountGroup,
    Subaccount,
    OwnershipTransfer,
)


def account_of(named: Mapping[str, Any]) -> Account:
    """Return the account that a call of a service is about. Raises Invalid if it names none."""
    for value in named.values():
        if isinstance(value, Account):
            return value
        if isinstance(value, _IN_ACCOUNTS):
            return value.account
    for value in named.values():
        if type(value) in registry:
            return cast("Account", value.account)
    raise Invalid("Name an account, or something in one.", code="WRONG_TYPE")


def people_of(account: Account, named: Mapping[str, Any]) -> set[Any] | None:
    """Return the keys of everybody whose rights the call could touch; None for all there are.

    A call about one person touches that person alone; about a membership whose that is; about a
    role whoever holds it; about a subaccount whoever reaches it; about a team whoever is in it, or
    made what it was given.
    """
    found: set[Any] = set()
    narrow = False
    for name, value in named.items():
        if name == "actor":
            continue
        if isinstance(value, get_user_model()):
            return {value.pk}
    for value in named.values():
        for kind, people in _TOUCHED:
            if isinstance(value, kind):
                narrow = True
                found |= set(people(account, value))
    return found if narrow else None


def _of_role(_account: Account, role: Any) -> Iterator[Any]:
    yield from Membership.objects.filter(custom_role=role.pk).values_list("user_id", flat=True)


def _of_subaccount(account: Account, subaccount: Any) -> Iterator[Any]:
    reaching = Membership.objects.filter(
        Q(subaccount=subaccount.pk) | Q(subaccount=None), account=account
    )
    yield account.owner_id
    yield from reaching.values_list("user_id", flat=True)
    for resource, rows in selectors.guest_grants():
        path = "" if resource.model is Subaccount else f"__{resource.place_path}"
        given = rows.filter(**{f"content_object{path}": subaccount.pk})
        yield from given.values_list("user_id", flat=True)


def _of_team(_account: Account, team: Any) -> Iterator[Any]:
    yield from TeamMembership.objects.filter(team=team.pk).values_list("user_id", flat=True)
    for resource in registry:
        if resource.limited and resource.created_by:
            yield from (
                resource.model._default_manager.filter(**{f"{resource.root_path}": _account.pk})
                .exclude(**{resource.created_by: None})
                .values_list(f"{resource.created_by}_id", flat=True)
                .distinct()
            )


def _of_group(account: Account, group: Any) -> Iterator[Any]:
    # who reaches every active subaccount holds more than who does not
    yield account.owner_id
    rows = Membership.objects.filter(account=account, subaccount=None)
    yield from rows.values_list("user_id", flat=True)


def _of_transfer(_account: Account, transfer: Any) -> Iterator[Any]:
    yield from (transfer.owner_id, transfer.heir_id)


def _of_membership(_account: Account, membership: Any) -> Iterator[Any]:
    yield membership.user_id


_TOUCHED: tuple[tuple[type, Callable[[Account, Any], Iterator[Any]]], ...] = (
    (Membership, _of_membership),
    (Role, _of_role),
    (Subaccount, _of_subaccount),
    (Team, _of_team),
    (SubaccountGroup, _of_group),
    (OwnershipTransfer, _of_transfer),
)

__all__ = ["Preview", "preview"]
