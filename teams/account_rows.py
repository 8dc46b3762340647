"""What is recorded in one account about everybody in it, as the rows profiles are made of.

The same few statements however many people there are. Nothing here decides. What guests were given
on a host's models without a grant table of their own is not among it: guardian's generic table does
not say of which account it is.
"""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.contrib.auth import get_user_model
from django.db.models import Q, QuerySet
from django.utils import timezone

from permissions import grants
from permissions.lookups import any_of
from permissions.resources import registry
from teams.fact_branches import factor_flag
from teams.fact_columns import DETAILS, Row, login_fields
from teams.models import (
    Account,
    AccountUserGrant,
    ManagedGroup,
    ManagedSubaccount,
    Membership,
    Role,
    Subaccount,
    SubaccountUserGrant,
)


@dataclass(frozen=True, slots=True)
class Gift:
    """Who gave something, the key of their login, when, and until when."""

    by: Any
    at: datetime | None
    ends_at: datetime | None


@dataclass(slots=True)
class AccountRows:
    """What was read of one account.

    ``rows`` are those about each login (key), ``shared`` those about the account; ``gifts`` says of
    each recorded row ("app.model", key) who gave it. ``names`` are those of the subaccounts,
    ``objects`` what guests were let into, by label and key as text.
    """

    account: Account
    people: dict[Any, Any] = field(default_factory=dict)
    rows: dict[Any, list[Row]] = field(default_factory=lambda: defaultdict(list))
    shared: list[Row] = field(default_factory=list)
    gifts: dict[Any, Gift] = field(default_factory=dict)
    names: dict[Any, str] = field(default_factory=dict)
    objects: dict[tuple[str, str], str] = field(default_factory=dict)


#: no more than is used of the rows there are most of: reading a column is what a report waits for
_OF_A_SEAT = (
    "user", "subaccount", "role", "custom_role", "all_subaccounts", "is_primary_contact",
    "added_by", "added_at", "ends_at",
)  # fmt: skip
_OF_A_PLACE = ("name", "is_home", "billed_directly", "archived_at", "features_off")


def read(account: Account, person: Any = None) -> AccountRows:
    """Return what counts now in ``account``, about one ``person`` or everybody."""
    found = AccountRows(account)
    details = {name: getattr(account, name) for name in DETAILS}
    details["second_factor"] = json.dumps(account.second_factor)
    running, whose = grants.active(timezone.now()), Q() if person is None else Q(user=person)
    seats = Membership.objects.filter(running, whose, account=account, status="active")
    roles = {role.pk: role for role in Role.objects.filter(account=account)}
    for seat in seats.order_by().only(*_OF_A_SEAT):
        custom = roles.get(seat.custom_role_id or 0)
        more = {
            "role": seat.role,
            "custom": custom.name if custom else None,
            "ticks": json.dumps(custom.permissions) if custom else None,
            "all": seat.all_subaccounts,
            "contact": seat.is_primary_contact,
            **details,
        }
        found.rows[seat.user_id].append(
            Row(
                "membership",
                seat.user_id,
                account.pk,
                seat.subaccount_id,
                seat.pk,
                None,
                json.dumps(more),
            )
        )
        found.gifts[_key(Membership, seat.pk)] = Gift(seat.added_by_id, seat.added_at, seat.ends_at)
    if person is None or person.pk == account.owner_id:
        owned = Row(
            "owned", account.owner_id, account.pk, None, account.pk, None, json.dumps(details)
        )
        found.rows[account.owner_id].append(owned)
        found.gifts[_key(Account, account.pk)] = Gift(None, account.created_at, None)
    _read_reach(found)
    _read_given(found, AccountUserGrant, "toggle", running & whose)
    _read_given(found, SubaccountUserGrant, "given", running & whose)
    for resource in registry:
        table = grants.user_table(resource.model)
        if resource.guest and resource.place_path != "pk" and grants.is_direct(table):
            _read_given(found, table, "guest", running & whose, resource)
    _read_places(found)
    _read_people(found)
    return found


def _key(table: Any, pk: Any) -> tuple[str, Any]:
    return table._meta.label_lower, pk


def _read_reach(found: AccountRows) -> None:
    reached: list[QuerySet[Any]] = [
        ManagedSubaccount.objects.filter(account=found.account).values_list(
            "membership__user_id", "membership_id", "subaccount_id"
        ),
        ManagedGroup.objects.filter(
            account=found.account, group__contents__isnull=False
        ).values_list("membership__user_id", "membership_id", "group__contents__subaccount_id"),
    ]
    for rows in reached:
        for user, seat, place in rows:
            if user in found.rows:
                found.rows[user].append(Row("reach", user, None, place, seat, None, None))


def _read_given(
    found: AccountRows, table: Any, kind: str, condition: Q, resource: Any = None
) -> None:
    """Read the grants of one table: the toggles and guests of an account."""
    name = "content_object"
    at = name if kind == "toggle" else f"{name}__account"
    place = name
    if resource is not None:
        at, place = (f"{name}__{path}" for path in (resource.root_path, resource.place_path))
    has_seat = any(f.name == "membership" for f in table._meta.concrete_fields)
    columns = [
        "pk",
        "user",
        "permission__codename",
        name,
        place,
        "granted_by",
        "granted_at",
        "ends_at",
    ]
    rows = table._default_manager.filter(condition, **{at: found.account.pk}).order_by()
    for values in rows.values(*columns, *(["membership"] if has_seat else [])):
        more = {
            "permission": values["permission__codename"],
            "membership": values.get("membership"),
        }
        user, obj, root = values["user"], values[name], None
        if kind == "given":
            root = found.account.pk
        elif kind == "guest":
            more["target"] = resource.label
            found.objects[resource.label, str(obj)] = ""
        label = str(obj) if kind == "guest" else None
        spot = None if kind == "toggle" else values[place]
        found.rows[user].append(Row(kind, user, root, spot, values["pk"], label, json.dumps(more)))
        found.gifts[_key(table, values["pk"])] = Gift(
            values["granted_by"], values["granted_at"], values["ends_at"]
        )
    if kind == "guest":
        keys = [pk for label, pk in found.objects if label == resource.label]
        for thing in resource.model._default_manager.filter(pk__in=keys):
            found.objects[resource.label, str(thing.pk)] = str(thing)


def _read_places(found: AccountRows) -> None:
    account = found.account
    places = Subaccount.objects.filter(account=account).order_by().only(*_OF_A_PLACE)
    for place in places:
        found.names[place.pk] = place.name
        more = {
            "archived": place.is_archived,
            "home": place.is_home,
            "direct": place.billed_directly,
            "off": place.features_off,
        }
        if any(more.values()):
            found.shared.append(
                Row("place", None, account.pk, place.pk, None, None, json.dumps(more))
            )
    size = {"places": len(found.names)}
    found.shared.append(Row("size", None, account.pk, None, None, None, json.dumps(size)))


def _read_people(found: AccountRows) -> None:
    """Read the logins of everybody who is named by what was read; no more than says who they are.

    By their keys: to find them by the rows again takes the database longer than all else.
    """
    givers = {gift.by for gift in found.gifts.values() if gift.by is not None}
    logins: Any = get_user_model()._default_manager.filter(any_of("pk", found.rows.keys() | givers))
    logins, flag = logins.order_by(), factor_flag()
    logins = logins.only(*(field.name for field in login_fields()))
    for login in logins if flag is None else logins.annotate(has_factor=flag):
        found.people[login.pk] = login
        if getattr(login, "is_active", True):
            factor = getattr(login, "has_factor", 0)
            found.rows[login.pk].append(Row("login", login.pk, None, None, factor, None, None))
