"""What the database itself refuses: to change or remove what happened.

Events never change, and only those go that a checkpoint of the same chain covers. Checkpoints stay,
but for their signature, which is made anew with a new secret key. The end of a chain only moves
forward. Whoever owns the database can drop all of this, and so forge a checkpoint: that is for
``verify`` to find.
"""

from __future__ import annotations

from typing import NamedTuple

from django.db import connections

from permissions.models import AuditCheckpoint, AuditEvent, AuditHead

_EVENTS = AuditEvent._meta.db_table
_CHECKPOINTS = AuditCheckpoint._meta.db_table
_HEADS = AuditHead._meta.db_table
_COVERED = (
    "(SELECT MAX(covering.sequence) FROM permissions_auditcheckpoint AS covering"
    " WHERE covering.root = OLD.root)"
)
_SAID = "the audit is append-only"


class _Lock(NamedTuple):
    """That ``verb`` is refused to rows of ``table``, where ``unless`` does not hold."""

    table: str
    verb: str
    unless: str = ""

    @property
    def name(self) -> str:
        return f"{self.table}_{'refuse' if self.unless else 'no'}_{self.verb.lower()}"


def _unchanged(*columns: str) -> str:
    # as text, for PostgreSQL compares no JSON: jsonb keeps one text for each value
    return " AND ".join(f"CAST(NEW.{c} AS TEXT) = CAST(OLD.{c} AS TEXT)" for c in columns)


#: all of a checkpoint but its signature
_SIGNED = ("id", "root", "sequence", "digest", "at", "last_event_at", "archive_digest", "state")
_LOCKS = (
    _Lock(_EVENTS, "UPDATE"),
    _Lock(
        _EVENTS,
        "DELETE",
        f"OLD.sequence <= COALESCE({_COVERED}, 0)",
    ),
    _Lock(_CHECKPOINTS, "UPDATE", _unchanged(*_SIGNED)),
    _Lock(_CHECKPOINTS, "DELETE"),
    _Lock(_HEADS, "UPDATE", "NEW.root = OLD.root AND NEW.sequence >= OLD.sequence"),
    _Lock(_HEADS, "DELETE"),
)
#: what an earlier version set under these names
_FORMER = {
    "sqlite": ((_EVENTS, f"{_EVENTS}_no_delete"),),
    "postgresql": ((_EVENTS, f"{_EVENTS}_rows"),),
}


def _sqlite(lock: _Lock) -> list[str]:
    when = f"WHEN NOT ({lock.unless}) " if lock.unless else ""
    return [
        f"CREATE TRIGGER IF NOT EXISTS {lock.name} BEFORE {lock.verb} ON {lock.table} {when}"
        f"BEGIN SELECT RAISE(ABORT, '{_SAID}'); END"
    ]


def _postgresql(lock: _Lock) -> list[str]:
    row = "OLD" if lock.verb == "DELETE" else "NEW"
    body = f"RAISE EXCEPTION '{_SAID}';"
    if lock.unless:
        body = f"IF {lock.unless} THEN RETURN {row}; END IF; {body}"
    return [
        f"CREATE OR REPLACE FUNCTION {lock.name}() RETURNS trigger LANGUAGE plpgsql "
        f"AS $$ BEGIN {body} END $$",
        f"CREATE OR REPLACE TRIGGER {lock.name} BEFORE {lock.verb} ON {lock.table} "
        f"FOR EACH ROW EXECUTE FUNCTION {lock.name}()",
    ]


def _truncations() -> list[str]:
    """Return what refuses to empty a table, which asks no trigger of rows."""
    function = "permissions_audit_append_only"
    return [
        f"CREATE OR REPLACE FUNCTION {function}() RETURNS trigger LANGUAGE plpgsql "
        f"AS $$ BEGIN RAISE EXCEPTION '{_SAID}'; END $$",
        *(
            f"CREATE OR REPLACE TRIGGER {table}_truncate BEFORE TRUNCATE ON {table} "
            f"FOR EACH STATEMENT EXECUTE FUNCTION {function}()"
            for table in (_EVENTS, _CHECKPOINTS, _HEADS)
        ),
    ]


def _drop(vendor: str, table: str, name: str) -> str:
    return f"DROP TRIGGER IF EXISTS {name}" + (f" ON {table}" if vendor == "postgresql" else "")


def _former(vendor: str) -> list[str]:
    return [_drop(vendor, table, name) for table, name in _FORMER[vendor]]


_UP = {
    "sqlite": [*(line for lock in _LOCKS for line in _sqlite(lock)), *_former("sqlite")],
    "postgresql": [
        *(line for lock in _LOCKS for line in _postgresql(lock)),
        *_truncations(),
        *_former("postgresql"),
    ],
}
_DOWN = {
    vendor: [*(_drop(vendor, lock.table, lock.name) for lock in _LOCKS), *_former(vendor)]
    for vendor in ("sqlite", "postgresql")
}
_DOWN["postgresql"] += [
    _drop("postgresql", table, f"{table}_truncate") for table in (_EVENTS, _CHECKPOINTS, _HEADS)
]


def lock_down(using: str) -> None:
    """Create the triggers that make the audit append-only; safe to repeat.

    Called after every ``migrate``: SQLite drops triggers silently when it rebuilds a table.
    """
    _run(using, _UP)


def unlock(using: str) -> None:
    """Drop the triggers; for flushing a test database only (see ``permissions.testing``)."""
    _run(using, _DOWN)


def _run(using: str, statements: dict[str, list[str]]) -> None:
    connection = connections[using]
    there = connection.introspection.table_names()
    if not {_EVENTS, _CHECKPOINTS, _HEADS} <= set(there):
        return
    with connection.cursor() as cursor:
        for statement in statements.get(connection.vendor, []):
            cursor.execute(statement)
