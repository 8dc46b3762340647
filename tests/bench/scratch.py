"""A database of the benchmark's own: made for one run, and gone afterwards."""

from __future__ import annotations

import secrets
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
from psycopg import sql

from tests.postgres import PostgresUnavailableError, running_server


class Unavailable(Exception):
    """There is no database to be had; the message says what would help."""


@contextmanager
def server(database: str, environment: Mapping[str, str]) -> Iterator[str]:
    """Yield the address under which databases are made: a folder, or a PostgreSQL server.

    The server is the one ``DATABASE_URL`` names, or else a throw-away one. Raises Unavailable.
    """
    given = environment.get("DATABASE_URL", "")
    if database == "sqlite":
        with tempfile.TemporaryDirectory(prefix="bench-") as folder:
            yield f"sqlite:///{folder}"
    elif urlsplit(given).scheme in ("postgres", "postgresql"):
        yield given
    else:
        try:
            with running_server() as found:
                yield found.url
        except PostgresUnavailableError as error:
            raise Unavailable(str(error)) from None


@contextmanager
def fresh(address: str) -> Iterator[str]:
    """Yield the URL of a new, empty database below ``address``; it is dropped afterwards.

    Raises Unavailable if the server does not let us make one.
    """
    name = f"bench_{secrets.token_hex(6)}"
    parts = urlsplit(address)
    if parts.scheme == "sqlite":
        path = Path(parts.path) / f"{name}.sqlite3"
        try:
            yield f"sqlite:///{path}"
        finally:
            for found in path.parent.glob(f"{name}*"):
                found.unlink()
        return
    try:
        with psycopg.connect(address, autocommit=True) as connection:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    except psycopg.Error as error:
        raise Unavailable(
            f"The PostgreSQL server that DATABASE_URL names let no database be made ({error}). "
            "Name a user who may create databases, or leave DATABASE_URL out for a throw-away one."
        ) from None
    try:
        yield parts._replace(path=f"/{name}").geturl()
    finally:
        with psycopg.connect(address, autocommit=True) as connection:
            connection.execute(
                sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
            )
