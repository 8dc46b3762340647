"""Rows in bulk: COPY on PostgreSQL, ``executemany`` on SQLite."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain, islice
from typing import Any

from django.core.management.color import no_style
from django.db import connection, models, transaction

BATCH = 20_000


def load(model: type[models.Model], columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> int:
    """Write ``rows`` of the attributes ``columns`` (``"account_id"``) and return how many.

    Every other field has its default, the same in each row; the primary key is one of the columns
    or counted by the database. Values are written as they are: numbers, text, booleans and None.
    """
    meta = model._meta
    given = [next(f for f in meta.concrete_fields if f.attname == name) for name in columns]
    others = [f for f in meta.concrete_fields if f not in given and not f.primary_key]
    defaults = tuple(f.get_db_prep_save(f.get_default(), connection) for f in others)
    names = ", ".join(connection.ops.quote_name(f.column) for f in (*given, *others))
    table = connection.ops.quote_name(meta.db_table)
    full = ((*row, *defaults) for row in rows)
    if connection.vendor == "postgresql":
        return _copy(f"COPY {table} ({names}) FROM STDIN", full)
    marks = ", ".join(["?"] * (len(given) + len(others)))
    return _insert(f"INSERT INTO {table} ({names}) VALUES ({marks})", full)


def _copy(statement: str, rows: Iterable[Sequence[Any]]) -> int:
    count = 0
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        for row in rows:
            copy.write_row(row)
            count += 1
    return count


def _insert(statement: str, rows: Iterable[Sequence[Any]]) -> int:
    count = 0
    rows = iter(rows)
    connection.ensure_connection()
    with transaction.atomic():
        while batch := list(islice(rows, BATCH)):
            connection.connection.executemany(statement, batch)  # past Django's % placeholders
            count += len(batch)
    return count


def finish(models_written: Iterable[type[models.Model]]) -> None:
    """Set the sequences behind what was written and let the database count it."""
    statements = connection.ops.sequence_reset_sql(no_style(), list(models_written))
    # where autovacuum runs, a table that is read has its visibility map
    vacuums = connection.vendor == "postgresql" and not connection.in_atomic_block
    analyze = "VACUUM ANALYZE" if vacuums else "ANALYZE"
    with connection.cursor() as cursor:
        for statement in chain(statements, [analyze]):
            cursor.execute(statement)
