"""The facts about people, as rows: one statement, whoever and however many they are.

Each kind of fact is one branch of a UNION with the same columns. ``teams.provider`` puts the rows
together into standings.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import UTC, datetime
from functools import cache
from typing import Any, NamedTuple

from django.contrib.auth import get_user_model
from django.db import connections, models, router
from django.db.models import (
    BigIntegerField,
    Case,
    Count,
    F,
    OuterRef,
    Q,
    QuerySet,
    TextField,
    Value,
    When,
)
from django.db.models.functions import Cast, JSONObject

from permissions import grants
from permissions.lookups import InArray, InCommon, any_of, array_of
from permissions.resources import registry
from teams.editions import EDITIONS
from teams.editions.spec import ALL_SUBACCOUNTS
from teams.logins import Logins, current
from teams.models import (
    Account,
    AccountUserGrant,
    ManagedGroup,
    ManagedSubaccount,
    Membership,
    Subaccount,
    SubaccountUserGrant,
    TeamMembership,
)
from teams.models.account import SPECIAL

#: what the rules and every page need to know of an account, so that nobody asks for it again
DETAILS = (
    "slug", "name", "edition", "owner_id", "accent", "masks_addresses",
    "team_mode", "single_bill", "reseller", "read_only_because",
    "seat_limit",
)  # fmt: skip

#: the columns after ``kind`` and ``person``, each with what it holds
_COLUMNS: dict[str, type[models.Field[Any, Any]]] = {
    "root": BigIntegerField,
    "place": BigIntegerField,
    "ref": BigIntegerField,
    "label": TextField,
    "more": TextField,
}


class Row(NamedTuple):
    """One fact. What it says beyond its keys depends on ``kind`` and stands in ``more`` as JSON.

    ``root``, ``place`` and ``ref`` are keys, None where the kind has none; ``ref`` of a login is 1
    with a second factor. ``person`` is the key
    of whom it is about; None for what is true of an account, whoever asks. ``label`` is the name
    of the place, or of a guest's object the key as text.
    """

    kind: str
    person: Any
    root: Any
    place: Any
    ref: Any
    label: str | None
    more: str | None


#: the condition that a column ("user_id", "pk") names somebody who is asked about
Whose = Callable[[str], Q]


def _branch(queryset: QuerySet[Any], kind: str, person: str = "", **given: Any) -> QuerySet[Any]:
    """Bring ``queryset`` into the columns of ``Row``; a string names a field.

    The first branch of the union, about logins, gives every column its type. The others need no
    casts: a statement this long is read and planned each time, and what it does not say is free.
    """
    nothing = Value(None, TextField())
    columns = [
        F(given[name]) if isinstance(given.get(name), str) else given.get(name, nothing)
        for name in _COLUMNS
    ]
    whom = F(person) if person else nothing
    return queryset.order_by().values_list(Value(kind, TextField()), whom, *columns)


def _more(**facts: str | Cast) -> Cast:
    """Return the JSON object of these fields as text: databases differ in what else they return."""
    found = {name: F(path) if isinstance(path, str) else path for name, path in facts.items()}
    return Cast(JSONObject(**found), TextField())


def _details(path: str = "", *, factors: bool) -> dict[str, str | Cast]:
    """Return what is read of an account; with ``factors``, of whom a second factor is asked."""
    found: dict[str, str | Cast] = {name: f"{path}{name}" for name in DETAILS}
    if factors:
        found["second_factor"] = Cast(F(f"{path}second_factor"), TextField())
    return found


def factor_flag() -> Case | None:
    """Return 1 for logins with a second factor and 0 for others; None where there is none."""
    expression = current().having_factor()
    if expression is None:
        return None
    return Case(When(expression, then=Value(1)), default=Value(0), output_field=BigIntegerField())


def _facts(whose: Whose, now: Any, *, recorded: bool = False, named: bool = False) -> QuerySet[Any]:
    """Return the rows about people: what counts at ``now``, or all that is ``recorded``.

    With ``named`` the row of a login has the columns it is shown by (``login_fields``).

    Of toggles and reach all is returned: they count as much as the membership they belong to.
    """
    running = Q() if recorded else grants.active(now)
    logins = get_user_model()._default_manager.filter(whose("pk"))
    if not recorded and any(f.name == "is_active" for f in logins.model._meta.concrete_fields):
        # asked of the database: a worker may hold a login that was switched off since
        logins = logins.filter(is_active=True)
    owned = Account.objects.filter(whose("owner_id"))
    mine = Membership.objects.filter(running, whose("user_id"))
    if not recorded:
        mine = mine.filter(status=Membership.Status.ACTIVE)
    accounts = owned.values("pk").union(mine.values("account_id"), all=True)
    types = {name: Cast(Value(None), output()) for name, output in _COLUMNS.items()}
    # what is recorded sleeps for nobody, so nobody is asked for a second factor
    flag = None if recorded else factor_flag()
    if flag is not None:
        types["ref"] = Cast(flag, BigIntegerField())
    factors = flag is not None
    if named:
        types["more"] = _more(**{field.attname: field.attname for field in login_fields()})
    branches = [
        _branch(owned, "owned", "owner_id", root="pk", more=_more(**_details(factors=factors))),
        _branch(
            mine.annotate(ticks=Cast(_TICKS, TextField())),
            "membership",
            "user_id",
            root="account_id",
            place="subaccount_id",
            ref="pk",
            label="subaccount__name",
            more=_more(
                role="role",
                custom="custom_role__name",
                ticks="ticks",
                all="all_subaccounts",
                contact="is_primary_contact",
                **_details("account__", factors=factors),
            ),
        ),
        _branch(
            ManagedSubaccount.objects.filter(whose("membership__user_id")),
            "reach",
            "membership__user_id",
            place="subaccount_id",
            ref="membership_id",
            label="subaccount__name",
        ),
        _branch(
            ManagedGroup.objects.filter(
                whose("membership__user_id"), group__contents__isnull=False
            ),
            "reach",
            "membership__user_id",
            place="group__contents__subaccount_id",
            ref="membership_id",
            label="group__contents__subaccount__name",
        ),
        _branch(
            AccountUserGrant.objects.filter(running, whose("user_id")),
            "toggle",
            "user_id",
            ref="pk",
            more=_more(permission="permission__codename", membership="membership_id"),
        ),
        _branch(
            SubaccountUserGrant.objects.filter(running, whose("user_id")),
            "given",
            "user_id",
            root="content_object__account_id",
            place="content_object_id",
            ref="pk",
            label="content_object__name",
            more=_more(permission="permission__codename", membership="membership_id"),
        ),
        _branch(
            TeamMembership.objects.filter(running, whose("user_id")),
            "team",
            "user_id",
            ref="team__group_id",
        ),
        _branch(
            Subaccount.objects.filter(SPECIAL, account__in=accounts).annotate(
                archived=Q(archived_at__isnull=False)
            ),
            "place",
            root="account_id",
            place="pk",
            more=_more(
                archived="archived", home="is_home", direct="billed_directly", off="features_off"
            ),
        ),
        _branch(
            _sized(mine),
            "size",
            root="pk",
            more=_more(places="places"),
        ),
    ]
    for resource in registry:
        table = grants.user_table(resource.model)
        if resource.guest and resource.place_path != "pk" and grants.is_direct(table):
            given = table._default_manager.filter(running, whose("user_id"))
            branches.append(
                _branch(
                    given.annotate(target=Value(resource.label, TextField())),
                    "guest",
                    "user_id",
                    ref="pk",
                    label=Cast("content_object_id", TextField()),
                    more=_more(permission="permission__codename", target="target"),
                )
            )
    branches.append(
        _branch(
            grants.generic_rows(whose("user_id")),
            "guest",
            "user_id",
            ref="pk",
            label="object_pk",
            more=_more(permission="permission__codename", target="target"),
        )
    )
    return _branch(logins, "login", "pk", **types).union(*branches, all=True)


#: what a custom role allows, as the text that is stored
_TICKS = F("custom_role__permissions")


def _sized(mine: QuerySet[Membership]) -> QuerySet[Any]:
    """Return the accounts in which one of these memberships may have chosen every subaccount.

    With how many ``places`` there are, once an account: counted rather than looked for one that
    is not managed, which takes as long as there are managed ones before it.
    """
    asking = [
        edition.codename
        for edition in EDITIONS.values()
        if any(ALL_SUBACCOUNTS in role.when for role in edition.roles)
    ]
    chosen = mine.filter(subaccount=None, all_subaccounts=False, account__edition__in=asking)
    places = Subaccount.objects.filter(account=OuterRef("pk")).order_by()
    count = places.values("account").annotate(n=Count("pk")).values("n")
    return Account.objects.filter(pk__in=chosen.values("account_id")).annotate(places=count)


# stand-ins for the two values that differ from call to call
_ANY_TIME = datetime(2001, 1, 1, tzinfo=UTC)


def any_person(key: models.Field[Any, Any]) -> Any:
    """Return a primary key nobody has: the largest that fits, or a UUID of ones."""
    return key.to_python("f" * 32) if isinstance(key, models.UUIDField) else 2**31 - 1


def _one(person: Any) -> Whose:
    """Return the condition that a fact is about one person."""
    return lambda column: Q(**{column: person})


def _each(people: Collection[Any]) -> Whose:
    """Return the condition that a fact is about one of ``people``, as one parameter."""
    return lambda column: Q(InArray(column, people))


@cache
def _statement(
    using: str, recorded: bool, many: bool, _logins: Logins
) -> tuple[str, tuple[Any, ...]]:
    """Return the statement that loads profiles, and its parameters with the stand-ins in.

    Composing it from a dozen querysets takes thirty times as long as running it; it is the same
    for everybody, so it is composed once per database, and for what answers for the project's
    sign-in, which says how a second factor is found.
    """
    person = any_person(get_user_model()._meta.pk)
    whose = _each([person]) if many else _one(person)
    sql, params = _facts(whose, _ANY_TIME, recorded=recorded).query.get_compiler(using).as_sql()
    return sql, tuple(params)


#: the common table of those who are asked about, where they are found in the same statement
_CANDIDATES = "candidates"


@cache
def _statement_near(using: str, _logins: Logins) -> tuple[str, tuple[Any, ...]]:
    """Return the statement about whoever stands in the common table, with a stand-in for now."""

    def whose(column: str) -> Q:
        return Q(InCommon(column, _CANDIDATES))

    facts = _facts(whose, _ANY_TIME, named=True)
    sql, params = facts.query.get_compiler(using).as_sql()
    return sql, tuple(params)


def rows_near(sources: Sequence[QuerySet[Any]], now: datetime) -> list[Row]:
    """Return the rows that ``rows_about`` finds for all whose keys are in ``sources``, querysets of
    one column; one query. Rows of kind login have ``login_fields`` in ``more``."""
    using = router.db_for_read(Account)
    connection, key = connections[using], get_user_model()._meta.pk
    first, *others = (source.order_by() for source in sources)
    people, whom = first.union(*others).query.get_compiler(using).as_sql()
    sql, params = _statement_near(using, current())
    moment = models.DateTimeField()
    any_time, time = (moment.get_db_prep_value(at, connection) for at in (_ANY_TIME, now))
    real = [time if p == any_time else p for p in params]
    table = connection.ops.quote_name(_CANDIDATES)
    rows = _rows(using, f"WITH {table} (pk) AS ({people}) {sql}", [*whom, *real])
    return [row._replace(person=key.to_python(row.person)) for row in rows]


@cache
def login_fields() -> tuple[models.Field[Any, Any], ...]:
    """Return the columns of a login that say who it is: text, numbers and flags, no password.

    What JSON has no value for (dates) is read when somebody asks for it.
    """
    plain = (
        models.CharField,
        models.TextField,
        models.BooleanField,
        models.IntegerField,
        models.UUIDField,
    )
    fields = get_user_model()._meta.concrete_fields
    return tuple(f for f in fields if isinstance(f, plain) and f.name != "password")


def login_of(row: Row) -> Any:
    """Return the login that a row of ``rows_near`` is about."""
    found = json.loads(row.more or "{}")
    names = [field.attname for field in login_fields()]
    values = [field.to_python(found[field.attname]) for field in login_fields()]
    return get_user_model().from_db(router.db_for_read(Account), names, values)


def _rows(using: str, sql: str, params: Iterable[Any]) -> list[Row]:
    with connections[using].cursor() as cursor:
        cursor.execute(sql, list(params))
        return [Row._make(row) for row in cursor.fetchall()]


def _filled(
    using: str, now: datetime, *, recorded: bool, many: bool, stand_in: Any, whom: Any
) -> list[Row]:
    """Run the composed statement with ``now`` and ``whom`` in the places of the stand-ins."""
    sql, params = _statement(using, recorded, many, current())
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
        key.get_db_prep_value(pk, connections[using]) for pk in (any_person(key), user.pk)
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
        stand_in, whom = (array_of(pks, connections[using]) for pks in ([any_person(key)], people))
        rows = _filled(using, now, recorded=recorded, many=True, stand_in=stand_in, whom=whom)
    else:
        facts = _facts(lambda column: any_of(column, people), now, recorded=recorded)
        sql, params = facts.query.get_compiler(using).as_sql()
        rows = _rows(using, sql, params)
    return [row._replace(person=key.to_python(row.person)) for row in rows]
