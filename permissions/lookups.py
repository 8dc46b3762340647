"""A membership test that passes many identifiers as one array.

``IN`` with hundreds of parameters is planned and parsed one by one; one array is not, and the
database still plans it like a hand-written filter.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from django.db.models import F, Q
from django.db.models.lookups import Lookup

if TYPE_CHECKING:
    _Lookup = Lookup[Any]
else:
    _Lookup = Lookup  # it takes no parameter at run time

#: above this many identifiers one array is faster than IN on both databases
MANY = 20


class InArray(_Lookup):
    """``lhs`` is one of ``ids``: ``= ANY(%s)`` on PostgreSQL, ``json_each`` on SQLite.

    A lookup, for of other conditions Django 6.1 asks SQLite whether they are true, and no index
    answers that.
    """

    lookup_name = "in_array"
    prepare_rhs = False

    def __init__(self, lhs: str, ids: Collection[Any]) -> None:
        self.ids = sorted(ids)
        super().__init__(F(lhs), self.ids)

    def as_sql(self, compiler: Any, connection: Any, *args: Any, **extra: Any) -> Any:
        """Compile for SQLite and any other database with ``json_each``."""
        lhs, params = self.process_lhs(compiler, connection)
        statement = f"{lhs} IN (SELECT value FROM json_each(%s))"  # noqa: S608  (the column as Django compiled it; the values are a parameter)
        return statement, [*params, array_of(self.ids, connection)]

    def as_postgresql(self, compiler: Any, connection: Any, **extra: Any) -> tuple[str, list[Any]]:
        """Compile for PostgreSQL, which looks values of the column's own type up by their hash.

        Of another type, as a list of small numbers is sent, it goes through them for each row.
        """
        lhs, params = self.process_lhs(compiler, connection)
        kind = self.lhs.output_field.rel_db_type(connection)
        return f"{lhs} = ANY(%s::{kind}[])", [*params, array_of(self.ids, connection)]


class InCommon(_Lookup):
    """``lhs`` is in the common table ``table``, of one column ``pk``, that stands before the
    statement: ``WITH <table> (pk) AS (…)``. Whoever composes the statement puts it there."""

    lookup_name = "in_common"
    prepare_rhs = False

    def __init__(self, lhs: str, table: str) -> None:
        self.table = table
        super().__init__(F(lhs), table)

    def as_sql(self, compiler: Any, connection: Any, *args: Any, **extra: Any) -> Any:
        """Compile for any database with common table expressions."""
        lhs, params = self.process_lhs(compiler, connection)
        table = connection.ops.quote_name(self.table)
        return f"{lhs} IN (SELECT pk FROM {table})", list(params)  # noqa: S608  (the column as Django compiled it, and the quoted name of a table that our own code gave)


def array_of(ids: Collection[Any], connection: Any) -> Any:
    """Return ``ids`` as the one parameter that ``InArray`` passes to this database."""
    found = sorted(ids)
    return found if connection.vendor == "postgresql" else json.dumps(found)


def any_of(path: str, ids: Collection[Any]) -> Q:
    """Return the condition that the field at ``path`` is one of ``ids``, in its fastest form.

    Identifiers that JSON does not know (UUIDs) are passed as ``IN``.
    """
    if len(ids) > MANY and all(type(value) is int for value in ids):
        return Q(InArray(path, ids))
    return Q(**{f"{path}__in": sorted(ids, key=str)})


#: no row at all, for which Django does not even ask the database
NEVER = Q(pk__in=())
