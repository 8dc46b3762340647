"""What was issued, paid, bought or metered stays as it is: triggers of the database see to it.

They hold against every way in: the ORM, ``update``, ``bulk_update`` and raw SQL. What is wrong on
an issued invoice is put right by a credit note. See ``permissions.locks`` for when they are set.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.db import connections, transaction

from billing.models import (
    ContentPurchase,
    CreditNote,
    Invoice,
    InvoiceLine,
    MeteredDay,
    Payment,
    Refund,
    UsageDay,
)

_I, _P = Invoice.Status, Payment.Status


@dataclass(frozen=True, slots=True)
class Frozen:
    """That rows of ``table`` stay as they are, except for the columns in ``free``.

    Rows whose status is among ``before`` are not frozen yet, and none comes back there. A column in
    ``forgets`` may become null, because a login may be deleted. Rows that ``may_go`` can be
    deleted, not changed.
    """

    table: str
    said: str
    before: tuple[str, ...] = ()
    free: tuple[str, ...] = ()
    forgets: tuple[str, ...] = ()
    may_go: bool = False


FROZEN = (
    Frozen(
        Invoice._meta.db_table,
        "an issued invoice stays as it is: credit it instead",
        before=(_I.DRAFT,),
        free=("status", "paid", "credited", "settled_at"),
    ),
    Frozen(CreditNote._meta.db_table, "a credit note stays as it is", forgets=("issued_by_id",)),
    Frozen(
        Payment._meta.db_table,
        "a payment that came stays as it is",
        before=(_P.PENDING, _P.FAILED, _P.CANCELLED),
        free=("status", "settled_at", "problem", "redirect_url"),
        forgets=("started_by_id",),
    ),
    Frozen(Refund._meta.db_table, "a refund stays as it is"),
    Frozen(
        ContentPurchase._meta.db_table, "what was bought stays as it is", forgets=("bought_by_id",)
    ),
    # they go with their subaccount, or their account
    Frozen(UsageDay._meta.db_table, "the usage of a day stays as it is", may_go=True),
    Frozen(MeteredDay._meta.db_table, "a metered day stays as it is"),
)
LINES = InvoiceLine._meta.db_table
INVOICES = Invoice._meta.db_table
_SQLITE_ISSUED = "(SELECT status FROM billing_invoice WHERE id = ROW.invoice_id) <> 'draft'"
SAID_OF_LINES = "the lines of an issued invoice stay as they are: credit it instead"

_POSTGRESQL_FUNCTIONS = (
    # one comparison for every table and every column there will be: a column that is added later
    # is frozen as well, and none is named in a way that would stop a migration from altering it
    """
CREATE OR REPLACE FUNCTION billing_frozen() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    before jsonb;
    after jsonb;
    free text[];
    forgotten text;
BEGIN
    IF TG_OP <> 'TRUNCATE' THEN
        before := to_jsonb(OLD);
        IF before->>'status' = ANY(string_to_array(TG_ARGV[1], ',')) THEN
            IF TG_OP = 'DELETE' THEN RETURN OLD; END IF;
            RETURN NEW;
        END IF;
    END IF;
    IF TG_OP = 'UPDATE' THEN
        after := to_jsonb(NEW);
        free := string_to_array(TG_ARGV[2], ',');
        FOREACH forgotten IN ARRAY string_to_array(TG_ARGV[3], ',') LOOP
            IF after->forgotten = 'null' THEN free := free || forgotten; END IF;
        END LOOP;
        -- what could go back to where it was not frozen yet could change after that
        IF before - free = after - free
            AND (after->>'status' = ANY(string_to_array(TG_ARGV[1], ','))) IS NOT TRUE
        THEN RETURN NEW; END IF;
    END IF;
    RAISE EXCEPTION USING MESSAGE = TG_ARGV[0], ERRCODE = 'integrity_constraint_violation';
END $$
""",
    # the share lock waits for whoever is issuing the invoice at this moment
    """
CREATE OR REPLACE FUNCTION billing_frozen_lines() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    invoices bigint[] := '{}';
BEGIN
    IF TG_OP IN ('UPDATE', 'DELETE') THEN invoices := invoices || OLD.invoice_id; END IF;
    IF TG_OP IN ('UPDATE', 'INSERT') THEN invoices := invoices || NEW.invoice_id; END IF;
    PERFORM 1 FROM billing_invoice WHERE id = ANY(invoices) ORDER BY id FOR SHARE;
    IF TG_OP = 'TRUNCATE' OR EXISTS (
        SELECT 1 FROM billing_invoice WHERE id = ANY(invoices) AND status <> 'draft'
    ) THEN
        RAISE EXCEPTION USING MESSAGE = TG_ARGV[0], ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF TG_OP = 'DELETE' THEN RETURN OLD; END IF;
    RETURN NEW;
END $$
""",
)


def lock_down(using: str) -> None:
    """Set the triggers; safe to repeat, and after a migration they know the new columns."""
    connection = connections[using]
    tables = set(connection.introspection.table_names())
    if not {INVOICES, LINES} <= tables:
        return
    set_up = {"sqlite": _sqlite_up, "postgresql": _postgresql_up}.get(connection.vendor)
    with transaction.atomic(using), connection.cursor() as cursor:
        unlock(using)
        for statement in set_up(connection, cursor, tables) if set_up else ():
            cursor.execute(statement)


def unlock(using: str) -> None:
    """Drop the triggers: for the flush of a test database, and while SQLite rebuilds tables."""
    connection = connections[using]
    tables = set(connection.introspection.table_names())
    with connection.cursor() as cursor:
        for table in [frozen.table for frozen in FROZEN] + [LINES]:
            for verb in ("insert", "update", "delete", "truncate") if table in tables else ():
                on = f" ON {table}" if connection.vendor == "postgresql" else ""
                cursor.execute(f"DROP TRIGGER IF EXISTS {table}_no_{verb}{on}")


def _sqlite_up(connection: Any, cursor: Any, tables: set[str]) -> Iterator[str]:
    for frozen in FROZEN:
        if frozen.table not in tables:
            continue
        named = connection.introspection.get_table_description(cursor, frozen.table)
        columns = [column.name for column in named if column.name not in frozen.free]
        changes = " OR ".join(
            f'(OLD."{name}" IS NOT NEW."{name}"'
            + (f' AND NEW."{name}" IS NOT NULL)' if name in frozen.forgets else ")")
            for name in columns
        )
        since = ", ".join(f"'{status}'" for status in frozen.before)
        is_frozen = f"OLD.status NOT IN ({since})" if since else "1"
        # what could go back to where it was not frozen yet could change after that
        goes_back = f" OR NEW.status IN ({since})" if since else ""
        when = f"{is_frozen} AND ({changes}{goes_back})"
        yield _sqlite(frozen.table, "update", when, frozen.said)
        if not frozen.may_go:
            yield _sqlite(frozen.table, "delete", is_frozen, frozen.said)
    for verb, rows in (("insert", "NEW"), ("update", "OLD NEW"), ("delete", "OLD")):
        issued = " OR ".join(_SQLITE_ISSUED.replace("ROW", row) for row in rows.split())
        yield _sqlite(LINES, verb, issued, SAID_OF_LINES)


def _sqlite(table: str, verb: str, when: str, said: str) -> str:
    return (
        f"CREATE TRIGGER {table}_no_{verb} BEFORE {verb.upper()} ON {table} "
        f"FOR EACH ROW WHEN {when} BEGIN SELECT RAISE(ABORT, '{said}'); END"
    )


def _postgresql_up(_connection: Any, _cursor: Any, tables: set[str]) -> Iterator[str]:
    yield from _POSTGRESQL_FUNCTIONS
    for frozen in FROZEN:
        lists = (frozen.before, frozen.free, frozen.forgets)
        told = ", ".join(f"'{text}'" for text in (frozen.said, *map(",".join, lists)))
        for verb in ("update", "truncate") if frozen.may_go else ("update", "delete", "truncate"):
            if frozen.table in tables:
                yield _postgresql(frozen.table, verb, f"billing_frozen({told})")
    for verb in ("insert", "update", "delete", "truncate"):
        yield _postgresql(LINES, verb, f"billing_frozen_lines('{SAID_OF_LINES}')")


def _postgresql(table: str, verb: str, function: str) -> str:
    each = "STATEMENT" if verb == "truncate" else "ROW"
    return (
        f"CREATE TRIGGER {table}_no_{verb} BEFORE {verb.upper()} ON {table} "
        f"FOR EACH {each} EXECUTE FUNCTION {function}"
    )
