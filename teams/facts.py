"""The facts about people, as rows: one statement, whoever and however many they are.

It is the UNION of ``teams.fact_branches``, composed once; ``teams.standings`` puts the rows
together.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Sequence
from datetime import UTC, datetime
from functools import cache
from typing import Any

from django.contrib.auth import get_user_model
from django.db import connections, models, router
from django.db.models import Q, QuerySet

from permissions.lookups import InArray, InCommon, any_of, array_of
from teams.fact_branches import Whose, facts_about
from teams.fact_columns import Row, login_fields
from teams.logins import Logins, current
from teams.models import Account

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
    key: Any = get_user_model()._meta.pk
    person = any_person(key)
    whose = _each([person]) if many else _one(person)
    facts = facts_about(whose, _ANY_TIME, recorded=recorded)
    return _composed(using, facts, key.get_db_prep_value(person, connections[using]))


#: what needs no quoting, whatever the database: kinds of facts, names of fields, codenames
_WORD = re.compile(r"[a-z_.]*")


def _composed(
    using: str, facts: QuerySet[Any], stand_in: Any = None
) -> tuple[str, tuple[Any, ...]]:
    """Return the statement and its parameters, with the words in it that are always the same
    written out: all but ``stand_in``.

    A parameter among many lets SQLite plan the statement anew each time it runs: it tells only the
    first 31 apart when it asks whether one that the plan depends on has changed.
    """
    sql, params = facts.query.get_compiler(using).as_sql()
    first, *others = sql.split("%s")
    pieces, left = [first], []
    for value, piece in zip(params, others, strict=True):
        fits = value != stand_in and isinstance(value, str) and _WORD.fullmatch(value)
        if fits:
            pieces.append(f"'{fits.group()}'")
        else:
            pieces.append("%s")
            left.append(value)
        pieces.append(piece)
    return "".join(pieces), tuple(left)


#: the common table of those who are asked about, where they are found in the same statement
_CANDIDATES = "candidates"


@cache
def _statement_near(using: str, _logins: Logins) -> tuple[str, tuple[Any, ...]]:
    """Return the statement about whoever stands in the common table, with a stand-in for now."""

    def whose(column: str) -> Q:
        return Q(InCommon(column, _CANDIDATES))

    return _composed(using, facts_about(whose, _ANY_TIME, named=True))


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
        facts = facts_about(lambda column: any_of(column, people), now, recorded=recorded)
        sql, params = facts.query.get_compiler(using).as_sql()
        rows = _rows(using, sql, params)
    return [row._replace(person=key.to_python(row.person)) for row in rows]
