"""A finished access review stays as it is, and so do its lines: triggers of the database see to it.

They hold against every way in: the ORM, ``update``, ``bulk_update`` and raw SQL. Logins may be
forgotten, as they are deleted. See ``permissions.locks`` for when the triggers are set.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.db import connections, transaction

from teams.models import AccessReview, ReviewLine

REVIEWS, LINES = AccessReview._meta.db_table, ReviewLine._meta.db_table
SAID = "a finished access review stays as it is: start another one"
#: what may become null, because a login may be deleted
FORGETS = {
    REVIEWS: ("started_by_id", "finished_by_id"),
    LINES: ("person_id", "decided_by_id"),
}
_SQLITE_FINISHED = (
    "EXISTS (SELECT 1 FROM teams_accessreview WHERE id = ROW.review_id AND finished_at NOT NULL)"
)
_VERBS = ("insert", "update", "delete", "truncate")

# one comparison for every column there will be: one that is added later is frozen as well
_POSTGRESQL_FUNCTION = """
CREATE OR REPLACE FUNCTION teams_review_frozen() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    before jsonb;
    after jsonb;
    free text[] := '{}';
    forgotten text;
    reviews bigint[] := '{}';
    finished boolean := TG_OP = 'TRUNCATE';
BEGIN
    IF TG_OP IN ('UPDATE', 'DELETE') THEN before := to_jsonb(OLD); END IF;
    IF TG_OP IN ('UPDATE', 'INSERT') THEN after := to_jsonb(NEW); END IF;
    IF TG_OP <> 'TRUNCATE' AND TG_TABLE_NAME = 'teams_accessreview' THEN
        finished := before->>'finished_at' IS NOT NULL;
    ELSIF TG_OP <> 'TRUNCATE' THEN
        reviews := ARRAY[(before->>'review_id')::bigint, (after->>'review_id')::bigint];
        -- the share lock waits for whoever is finishing the review at this moment
        PERFORM 1 FROM teams_accessreview WHERE id = ANY(reviews) ORDER BY id FOR SHARE;
        finished := EXISTS (
            SELECT 1 FROM teams_accessreview WHERE id = ANY(reviews) AND finished_at IS NOT NULL
        );
    END IF;
    IF finished AND TG_OP = 'UPDATE' THEN
        FOREACH forgotten IN ARRAY string_to_array(TG_ARGV[0], ',') LOOP
            IF after->forgotten = 'null' THEN free := free || forgotten; END IF;
        END LOOP;
        finished := before - free <> after - free;
    END IF;
    IF finished THEN
        RAISE EXCEPTION USING MESSAGE = TG_ARGV[1], ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF TG_OP = 'DELETE' THEN RETURN OLD; END IF;
    RETURN NEW;
END $$
"""


def lock_down(using: str) -> None:
    """Set the triggers; safe to repeat, and after a migration they know the new columns."""
    connection = connections[using]
    if not {REVIEWS, LINES} <= set(connection.introspection.table_names()):
        return
    set_up = {"sqlite": _sqlite_up, "postgresql": _postgresql_up}.get(connection.vendor)
    with transaction.atomic(using), connection.cursor() as cursor:
        unlock(using)
        for statement in set_up(connection, cursor) if set_up else ():
            cursor.execute(statement)


def unlock(using: str) -> None:
    """Drop the triggers: for the flush of a test database, and while SQLite rebuilds tables."""
    connection = connections[using]
    tables = set(connection.introspection.table_names())
    with connection.cursor() as cursor:
        for table in {REVIEWS, LINES} & tables:
            on = f" ON {table}" if connection.vendor == "postgresql" else ""
            for verb in _VERBS:
                cursor.execute(f"DROP TRIGGER IF EXISTS {table}_no_{verb}{on}")


def _sqlite_up(connection: Any, cursor: Any) -> Iterator[str]:
    old, new = (_SQLITE_FINISHED.replace("ROW", row) for row in ("OLD", "NEW"))
    changes = {}
    for table, forgets in FORGETS.items():
        columns = connection.introspection.get_table_description(cursor, table)
        changes[table] = " OR ".join(
            f'(OLD."{column.name}" IS NOT NEW."{column.name}"'
            + (f' AND NEW."{column.name}" IS NOT NULL)' if column.name in forgets else ")")
            for column in columns
        )
    yield _sqlite(REVIEWS, "update", f"OLD.finished_at IS NOT NULL AND ({changes[REVIEWS]})")
    yield _sqlite(REVIEWS, "delete", "OLD.finished_at IS NOT NULL")
    yield _sqlite(LINES, "insert", new)
    yield _sqlite(LINES, "update", f"({old} OR {new}) AND ({changes[LINES]})")
    yield _sqlite(LINES, "delete", old)


def _sqlite(table: str, verb: str, when: str) -> str:
    return (
        f"CREATE TRIGGER {table}_no_{verb} BEFORE {verb.upper()} ON {table} "
        f"FOR EACH ROW WHEN {when} BEGIN SELECT RAISE(ABORT, '{SAID}'); END"
    )


def _postgresql_up(_connection: Any, _cursor: Any) -> Iterator[str]:
    yield _POSTGRESQL_FUNCTION
    for table, forgets in FORGETS.items():
        told = ",".join(forgets)
        for verb in _VERBS:
            each = "STATEMENT" if verb == "truncate" else "ROW"
            yield (
                f"CREATE TRIGGER {table}_no_{verb} BEFORE {verb.upper()} ON {table} "
                f"FOR EACH {each} EXECUTE FUNCTION teams_review_frozen('{told}', '{SAID}')"
            )
