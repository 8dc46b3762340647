"""The facts about people, as rows: one statement, whoever and however many they are.

Each kind of fact is one branch of a UNION with the same columns. ``teams.provider`` puts the rows
together into standings.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from datetime import UTC, datetime
from functools import cache
from typing import Any, NamedTuple

from django.contrib.auth import get_user_model
from django.db import connections, models, router
from django.db.models import (
    BigIntegerField,
    BooleanField,
    Case,
    Exists,
    F,
    OuterRef,
    Q,
    QuerySet,
    TextField,
    Value,
    When,
)
from django.db.models.functions import Cast, Coalesce, Concat, JSONObject, NullIf

from permissions import grants
from permissions.lookups import InArray, any_of, array_of
from permissions.resources import registry
from teams.editions import EDITIONS
from teams.editions.spec import ALL_SUBACCOUNTS
from teams.models import (
    Account,
    AccountUserGrant,
    ManagedSubaccount,
    Membership,
    Subaccount,
    SubaccountUserGrant,
    TeamMembership,
)

#: what every page shows of an account, so that no page asks for it again
DETAILS = ("slug", "name", "edition", "owner_id", "accent", "masks_addresses")


class Row(NamedTuple):
    """One fact. What ``name``, ``text`` and the flags mean depends on ``kind``.

    ``root``, ``place`` and ``ref`` are keys, None where the kind has none. ``person`` is the key
    of whom it is about; None for what is true of an account, whoever asks.
    ``label`` is what a page shows: the name of the place, or for an account its details as JSON.
    """

    kind: str
    person: Any
    root: Any
    place: Any
    ref: Any
    name: str | None
    text: str | None
    one: bool | None
    two: bool | None
    three: bool | None
    label: str | None


#: the condition that a field ("user", "owner") names somebody who is asked about
Whose = Callable[[str], Q]


def _branch(
    queryset: QuerySet[Any],
    kind: str,
    *,
    person: str = "",
    root: Any = None,
    place: Any = None,
    ref: Any = None,
    name: Any = None,
    text: Any = None,
    one: Any = None,
    two: Any = None,
    three: Any = None,
    label: Any = None,
) -> QuerySet[Any]:
    """Bring ``queryset`` into the columns of ``Row``; a string names a field."""

    def column(value: Any, output: Any) -> Any:
        if value is None:
            return Cast(Value(None), output)
        return Cast(F(value) if isinstance(value, str) else value, output)

    number, flag = BigIntegerField(), BooleanField()
    nobody = Cast(Value(None), get_user_model()._meta.pk)
    return queryset.order_by().values_list(
        Value(kind, TextField()),
        F(person) if person else nobody,
        column(root, number),
        column(place, number),
        column(ref, number),
        column(name, TextField()),
        column(text, TextField()),
        column(one, flag),
        column(two, flag),
        column(three, flag),
        column(label, TextField()),
    )


def _facts(whose: Whose, now: Any, *, recorded: bool = False) -> QuerySet[Any]:
    """Return the rows about people: what counts at ``now``, or all that is ``recorded``."""
    running = Q() if recorded else grants.active(now)
    active = running if recorded else Q(status=Membership.Status.ACTIVE) & running
    mine = Membership.objects.filter(active, whose("user"))
    owned = whose("owner")
    logins = get_user_model()._meta.concrete_fields
    if not recorded and any(f.name == "is_active" for f in logins):
        # asked of the database: a worker may hold a login that was switched off since
        mine = mine.filter(user__is_active=True)
        owned &= Q(owner__is_active=True)
    accounts = Account.objects.filter(owned | Exists(mine.filter(account=OuterRef("pk"))))
    with_condition = [
        edition.codename
        for edition in EDITIONS.values()
        if any(ALL_SUBACCOUNTS in role.when for role in edition.roles)
    ]
    others = Subaccount.objects.filter(account=OuterRef("account"), archived_at=None)
    reached = ManagedSubaccount.objects.filter(
        membership=OuterRef(OuterRef("pk")), subaccount=OuterRef("pk")
    )
    covers_all = Case(
        When(all_subaccounts=True, then=Value(True)),
        When(
            Q(subaccount=None, account__edition__in=with_condition)
            & Exists(others)
            & ~Exists(others.exclude(Exists(reached))),
            then=Value(True),
        ),
        default=Value(False),
    )
    toggles = Q(membership__in=mine) & running
    branches = [
        _branch(
            Account.objects.filter(owned),
            "owned",
            person="owner_id",
            root="pk",
            name="edition",
            text="team_mode",
            one="single_bill",
            two="reseller",
            label=JSONObject(**{name: F(name) for name in DETAILS}),
        ),
        _branch(
            mine,
            "account",
            person="user_id",
            root="account_id",
            name="account__edition",
            text="account__team_mode",
            one="account__single_bill",
            two="account__reseller",
            label=JSONObject(**{name: F(f"account__{name}") for name in DETAILS}),
        ),
        _branch(
            mine,
            "membership",
            person="user_id",
            root="account_id",
            place="subaccount_id",
            ref="pk",
            name=Coalesce(NullIf("role", Value("")), Concat(Value("custom:"), "custom_role__name")),
            text=Cast("custom_role__permissions", TextField()),
            one="all_subaccounts",
            two="is_primary_contact",
            three=covers_all,
            label="subaccount__name",
        ),
        _branch(
            ManagedSubaccount.objects.filter(membership__in=mine),
            "reach",
            person="membership__user_id",
            root="account_id",
            place="subaccount_id",
            ref="membership_id",
            label="subaccount__name",
        ),
        _branch(
            AccountUserGrant.objects.filter(toggles),
            "toggle",
            person="user_id",
            root="content_object_id",
            place="pk",
            ref="membership_id",
            name="permission__codename",
        ),
        _branch(
            SubaccountUserGrant.objects.filter(toggles),
            "toggle",
            person="user_id",
            root="content_object__account_id",
            place="pk",
            ref="membership_id",
            name="permission__codename",
        ),
        _branch(
            SubaccountUserGrant.objects.filter(running, whose("user"), membership=None),
            "guest",
            person="user_id",
            root="content_object__account_id",
            place="content_object_id",
            ref="pk",
            name="permission__codename",
            label="content_object__name",
        ),
        _branch(
            TeamMembership.objects.filter(running, whose("user")),
            "team",
            person="user_id",
            root="team__account_id",
            ref="team__group_id",
        ),
        _branch(
            Subaccount.objects.filter(account__in=accounts).filter(
                Q(is_home=True)
                | Q(archived_at__isnull=False)
                | Q(billed_directly=True, account__single_bill=True)
            ),
            "place",
            root="account_id",
            place="pk",
            one=Q(archived_at__isnull=False),
            two="is_home",
            three="billed_directly",
        ),
    ]
    for resource in registry:
        table = grants.user_table(resource.model)
        if resource.guest and resource.place_path != "pk" and grants.is_direct(table):
            branches.append(
                _branch(
                    table._default_manager.filter(running, whose("user")),
                    "guest_object",
                    person="user_id",
                    ref="pk",
                    name="permission__codename",
                    text=Concat(
                        Value(f"{resource.label}:"), Cast("content_object_id", TextField())
                    ),
                )
            )
    branches.append(
        _branch(
            grants.generic_rows(whose("user")),
            "guest_object",
            person="user_id",
            ref="pk",
            name="codename",
            text="target",
        )
    )
    return branches[0].union(*branches[1:], all=True)


# stand-ins for the two values that differ from call to call
_ANY_TIME = datetime(2001, 1, 1, tzinfo=UTC)


def _any_person(key: models.Field[Any, Any]) -> Any:
    """Return a primary key nobody has: the largest that fits, or a UUID of ones."""
    return key.to_python("f" * 32) if isinstance(key, models.UUIDField) else 2**31 - 1


def _one(person: Any) -> Whose:
    """Return the condition that a fact is about one person."""
    return lambda path: Q(**{path: person})


def _each(people: Collection[Any]) -> Whose:
    """Return the condition that a fact is about one of ``people``, as one parameter."""
    return lambda path: Q(InArray(f"{path}_id", people))


@cache
def _statement(using: str, recorded: bool, many: bool) -> tuple[str, tuple[Any, ...]]:
    """Return the statement that loads profiles, and its parameters with the stand-ins in.

    Composing it from a dozen querysets takes thirty times as long as running it; it is the same
    for everybody, so it is composed once per database.
    """
    person = _any_person(get_user_model()._meta.pk)
    whose = _each([person]) if many else _one(person)
    sql, params = _facts(whose, _ANY_TIME, recorded=recorded).query.get_compiler(using).as_sql()
    return sql, tuple(params)


def _rows(using: str, sql: str, params: Iterable[Any]) -> list[Row]:
    with connections[using].cursor() as cursor:
        cursor.execute(sql, list(params))
        return [Row(*row) for row in cursor.fetchall()]


def _filled(
    using: str, now: datetime, *, recorded: bool, many: bool, stand_in: Any, whom: Any
) -> list[Row]:
    """Run the composed statement with ``now`` and ``whom`` in the places of the stand-ins."""
    sql, params = _statement(using, recorded, many)
    connection, moment = connections[using], models.DateTimeField()
    any_time = moment.get_db_prep_value(_ANY_TIME, connection)
    time = moment.get_db_prep_value(now, connection)
    real = [whom if p == stand_in else time if p == any_time else p for p in params]
    return _rows(using, sql, real)


def rows_of(user: Any, now: datetime, *, recorded: bool) -> list[Row]:
    """Return what counts for ``user`` at ``now``, or all that is ``recorded``; one query."""
    using = router.db_for_read(Account)
    key: Any = user._meta.pk
    stand_in, whom = (
        key.get_db_prep_value(pk, connections[using]) for pk in (_any_person(key), user.pk)
    )
    return _filled(using, now, recorded=recorded, many=False, stand_in=stand_in, whom=whom)


def rows_about(people: Collection[Any], now: datetime, *, recorded: bool) -> list[Row]:
    """Return the rows that ``rows_of`` finds for each of these keys of people, with one query.

    Rows about an account come once, whoever of them belongs to it. Keys that cannot be passed as
    one array (UUIDs) have the statement composed anew.
    """
    using = router.db_for_read(Account)
    key: Any = get_user_model()._meta.pk
    if all(type(person) is int for person in people):
        stand_in, whom = (array_of(pks, connections[using]) for pks in ([_any_person(key)], people))
        rows = _filled(using, now, recorded=recorded, many=True, stand_in=stand_in, whom=whom)
    else:
        facts = _facts(lambda path: any_of(f"{path}_id", people), now, recorded=recorded)
        sql, params = facts.query.get_compiler(using).as_sql()
        rows = _rows(using, sql, params)
    return [row._replace(person=key.to_python(row.person)) for row in rows]
